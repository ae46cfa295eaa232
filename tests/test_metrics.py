"""How values and flags follow from a stream: the six traps of Ollama's counters, each with its arithmetic."""

from dataclasses import replace

import pytest

from orac_bench.counting import counts_one_too_many, version_key
from orac_bench.flags import Flag
from orac_bench.metrics import (
    METRICS,
    Asked,
    cached_below_s,
    prefill_cached,
    round_flags,
    round_metrics,
)
from orac_bench.records import Chunk, Failure, Generation, ServerTimings
from orac_bench.units import Unit

MS = 1_000_000


def generation(*, first_ms=200, every_ms=20, texts=16, thinking=0, done_ms=None, **timings):
    """`thinking` + `texts` chunks from `first_ms` on, `every_ms` apart; the final record with the last."""
    stamps = [(first_ms + index * every_ms) * MS for index in range(thinking + texts)]
    chunks = [Chunk(at, "", "t") if index < thinking else Chunk(at, "t") for index, at in enumerate(stamps)]
    end_ms = stamps[-1] / MS if done_ms is None and stamps else done_ms or 0
    facts = {
        "done_reason": "length",
        "load_s": 0.005,
        "prompt_count": 64,
        "prompt_s": 0.16,
        "eval_count": thinking + texts,
        "eval_s": (thinking + texts - 1) * every_ms / 1000,
        **timings,
    }
    return Generation(sent_ns=0, chunks=tuple(chunks), done_ns=int(end_ms * MS), timings=ServerTimings(**facts), raw={})


def asked(**changes):
    return Asked(**{"prompt_tokens": 64, "output_tokens": 16, "server_version": "0.11.4", **changes})


def test_a_plain_round_gives_every_value():
    found = round_metrics(generation(), asked())

    assert found == pytest.approx(
        {
            "ttft_s": 0.2,
            "ttfa_s": 0.2,
            "tpot_s": 0.02,  # 15 gaps of 20 ms over 15 tokens
            "e2e_s": 0.5,  # 200 + 15 * 20 ms
            "decode_tokens_per_s": 50.0,  # 15 / 0.3 s
            "client_decode_tokens_per_s": 50.0,
            "prefill_tokens_per_s": 400.0,  # 64 / 0.16 s
            "input_tokens": 64.0,
            "output_tokens": 16.0,
            "itl_p50_s": 0.02,
            "itl_max_s": 0.02,
        }
    )
    assert round_flags(generation(), asked()) == frozenset()


def test_the_first_token_is_free_so_n_tokens_are_n_minus_1_decodes():
    # eval_count / eval_duration would say 16 / 0.3 s = 53.3 tokens/s on a server of 50
    assert round_metrics(generation(), asked())["decode_tokens_per_s"] == pytest.approx(50.0)


def test_one_token_has_no_rate_and_no_gap():
    found = round_metrics(generation(texts=1, eval_s=None), asked(output_tokens=1))

    assert set(found) == {"ttft_s", "ttfa_s", "e2e_s", "prefill_tokens_per_s", "input_tokens", "output_tokens"}


def test_missing_fields_leave_their_metrics_out_and_keep_the_clients():
    found = round_metrics(generation(prompt_s=None, eval_s=None, eval_count=None, prompt_count=None), asked())

    assert set(found) == {"ttft_s", "ttfa_s", "e2e_s"}


def test_whole_milliseconds_of_old_servers_are_taken_as_they_are():
    found = round_metrics(generation(eval_s=0.3, prompt_s=0.001), asked(server_version="0.6.0"))

    assert found["decode_tokens_per_s"] == pytest.approx(50.0)
    assert found["prefill_tokens_per_s"] == pytest.approx(64_000.0)


def test_a_cut_stream_gives_no_value_and_the_flag_aborted():
    cut = Generation(
        sent_ns=0, chunks=(Chunk(5, "a"),), done_ns=None, timings=None, failure=Failure(code="aborted", message="cut")
    )

    assert round_metrics(cut, asked()) == {}
    assert round_flags(cut, asked()) == {Flag.ABORTED}


def test_a_refused_request_has_no_flag_because_its_failure_says_all():
    refused = Generation(
        sent_ns=0, chunks=(), done_ns=None, timings=None, failure=Failure(code="ollama_refused", message="404")
    )

    assert round_flags(refused, asked()) == frozenset()


def test_thinking_counts_for_ttft_and_not_for_ttfa():
    found = round_metrics(generation(thinking=6, texts=10), asked())

    assert found["ttft_s"] == pytest.approx(0.2)
    assert found["ttfa_s"] == pytest.approx(0.32)  # 200 + 6 * 20 ms
    assert found["tpot_s"] == pytest.approx(0.02)  # thinking tokens are tokens


def test_empty_chunks_stop_no_clock():
    plain = generation()
    padded = Generation(
        sent_ns=0, chunks=(Chunk(1), *plain.chunks, Chunk(600 * MS)), done_ns=plain.done_ns, timings=plain.timings
    )

    assert round_metrics(padded, asked()) == round_metrics(plain, asked())


def test_a_generated_end_token_is_an_output_token_that_is_never_printed():
    # 15 chunks, 16 tokens: the last is the end token
    found = round_metrics(generation(texts=15, eval_count=16, eval_s=0.3, done_reason="stop"), asked())

    assert found["output_tokens"] == 16.0
    assert found["decode_tokens_per_s"] == pytest.approx(50.0)  # 15 / 0.3 s
    assert found["tpot_s"] == pytest.approx(0.02)  # 14 gaps over 14
    assert found["itl_p50_s"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("version", "architecture", "expected"),
    [
        ("0.12.11", "qwen3", 15),  # the Go engine writes one less than it counts
        ("0.15.4", "qwen3", 15),
        ("0.15.5", "qwen3", 16),
        ("0.11.9", "gemma3", 15),
        ("0.11.8", "gemma3", 16),
        ("0.11.9", "qwen3", 16),  # still on llama.cpp there
        ("0.12.11", "llama", 16),
        ("0.12.11", None, 16),
    ],
)
def test_the_versions_that_count_one_too_many_are_corrected(version, architecture, expected):
    found = round_metrics(
        generation(texts=15, eval_count=16, eval_s=0.28), asked(server_version=version, architecture=architecture)
    )

    assert found["output_tokens"] == expected


def test_an_output_ended_by_the_model_is_not_off_by_one():
    found = round_metrics(
        generation(texts=15, eval_count=16, done_reason="stop"), asked(server_version="0.12.11", architecture="qwen3")
    )

    assert found["output_tokens"] == 16


def test_an_output_shorter_than_asked_is_flagged_unless_the_length_ended_it():
    assert Flag.SHORT_OUTPUT in round_flags(generation(texts=7, eval_count=8, done_reason="stop"), asked())
    assert Flag.SHORT_OUTPUT not in round_flags(generation(texts=15, eval_count=16, done_reason="stop"), asked())
    assert Flag.SHORT_OUTPUT not in round_flags(generation(texts=15, eval_count=15), asked())


def test_chunks_that_are_not_tokens_have_no_gaps_between_tokens():
    coalesced = generation(texts=4, every_ms=80, eval_count=16, eval_s=0.3)

    assert "itl_p50_s" not in round_metrics(coalesced, asked())
    assert round_metrics(coalesced, asked())["tpot_s"] == pytest.approx(0.016)  # 240 ms over 15 tokens
    assert Flag.CHUNKS_NOT_TOKENS in round_flags(coalesced, asked())


def test_a_warm_request_that_loaded_is_a_silent_reload():
    assert Flag.RELOADED in round_flags(generation(load_s=0.269), asked())
    assert Flag.RELOADED not in round_flags(generation(load_s=0.050), asked())
    assert Flag.RELOADED not in round_flags(generation(load_s=0.269), asked(cold=True))


def test_load_is_a_value_of_cold_rounds_only():
    assert round_metrics(generation(load_s=0.269), asked(cold=True))["load_s"] == 0.269
    assert "load_s" not in round_metrics(generation(), asked())


def test_a_prefill_too_quick_to_be_one_is_cached_and_has_no_rate():
    # recorded on 0.6.8: 1,200 tokens took 383 ms new and 6.4 ms out of the cache
    limit = cached_below_s(0.383, 0.0064)
    quick, honest = generation(prompt_count=1200, prompt_s=0.0106), generation(prompt_count=1200, prompt_s=0.370)

    assert limit == pytest.approx((0.383 * 0.0064) ** 0.5)
    assert "prefill_tokens_per_s" not in round_metrics(quick, asked(cached_below_s=limit))
    assert Flag.PREFILL_CACHED in round_flags(quick, asked(cached_below_s=limit))
    assert round_metrics(honest, asked(cached_below_s=limit))["prefill_tokens_per_s"] == pytest.approx(1200 / 0.370)


def test_durations_that_are_too_near_cannot_tell_a_cached_prompt():
    assert cached_below_s(0.0014, 0.001) is None
    assert cached_below_s(None, 0.001) is None
    assert cached_below_s(0.01, None) is None


def test_a_server_that_counts_cached_tokens_is_believed():
    assert Flag.PREFILL_CACHED in round_flags(generation(prompt_cached_count=60), asked())
    assert Flag.PREFILL_CACHED not in round_flags(generation(prompt_cached_count=2), asked(cached_below_s=9.9))


def test_a_prompt_more_than_5_percent_off_is_flagged():
    assert Flag.PROMPT_LENGTH_OFF in round_flags(generation(prompt_count=68), asked())  # 64 * 1.05 = 67.2
    assert Flag.PROMPT_LENGTH_OFF not in round_flags(generation(prompt_count=67), asked())
    assert Flag.PROMPT_LENGTH_OFF not in round_flags(generation(prompt_count=500), asked(prompt_tokens=None))


def test_clocks_that_disagree_by_more_than_10_percent_are_told():
    assert Flag.CLIENT_SERVER_DISAGREE in round_flags(generation(eval_s=0.26), asked())
    assert Flag.CLIENT_SERVER_DISAGREE not in round_flags(generation(eval_s=0.28), asked())


def test_versions_are_compared_as_numbers():
    assert version_key("0.9.2") < version_key("0.12.11-rc2") == (0, 12, 11)
    assert version_key("") == (0, 0, 0)
    assert version_key("1") == (1, 0, 0)


def test_every_metric_is_described_and_its_key_has_its_unit():
    written = {
        Unit.SECOND: "_s",
        Unit.BYTE: "_b",
        Unit.TOKENS_PER_SECOND: "_tokens_per_s",
        Unit.TOKEN: "_tokens",
        Unit.JOULE: "_j",
        Unit.JOULES_PER_TOKEN: "joules_per_",
        Unit.CELSIUS: "_celsius",
        Unit.HERTZ: "_hz_",
        Unit.WATT: "_w_",
        Unit.RATIO: "_ratio",
    }
    for key, metric in METRICS.items():
        assert (metric.key, written[metric.unit] in key) == (key, True)
        assert metric.label
        assert metric.formula


def test_the_better_direction_follows_from_the_unit():
    more, neither = {Unit.TOKENS_PER_SECOND, Unit.HERTZ, Unit.RATIO}, {Unit.TOKEN}
    for metric in METRICS.values():
        direction = None if metric.unit in neither else "higher" if metric.unit in more else "lower"
        assert (metric.key, metric.better) == (metric.key, direction)


@pytest.mark.parametrize(
    "architecture", ["gemma3", "mllama", "mistral3", "llama4", "qwen25vl", "gemma3n", "gptoss", "gpt-oss"]
)
def test_every_architecture_of_the_go_engine_counts_one_too_many_from_the_first_of_these_versions_on(architecture):
    counted = [counts_one_too_many(version, architecture) for version in ("0.11.8", "0.11.9", "0.15.4", "0.15.5")]

    assert counted == [False, True, True, False]


@pytest.mark.parametrize("architecture", ["qwen3", "qwen3moe"])
def test_qwen3_counts_one_too_many_from_the_version_that_brought_it_to_the_go_engine(architecture):
    versions = ("0.12.1", "0.12.2", "0.12.4", "0.12.6", "0.15.4", "0.15.5")
    assert [counts_one_too_many(version, architecture) for version in versions] == [False, *[True] * 4, False]
    assert counts_one_too_many("0.12.2", None) is False


def test_one_version_had_qwen3_on_the_other_engine_again():
    assert [counts_one_too_many("0.12.5", name) for name in ("qwen3", "qwen3moe")] == [False, True]


@pytest.mark.parametrize("architecture", ["qwen3vl", "qwen3vlmoe"])
def test_models_that_see_count_one_too_many_from_the_version_that_brought_them(architecture):
    versions = ("0.12.6", "0.12.7", "0.15.4", "0.15.5")
    assert [counts_one_too_many(version, architecture) for version in versions] == [False, True, True, False]


def test_a_final_record_without_its_stamp_gives_no_value():
    stopped = replace(generation(), done_ns=None)

    assert round_metrics(stopped, asked()) == {}


def test_a_server_that_counts_three_cached_tokens_had_the_prompt_cached():
    # BOS is shared by all, and one more may be by chance: 2 are none
    assert Flag.PREFILL_CACHED in round_flags(generation(prompt_cached_count=3), asked())


def answered(*texts, sent_ms=0, every_ms=10):
    """A finished stream of these texts, the first one at 10 ms after 0, and a final record that says nothing."""
    chunks = tuple(Chunk((index + 1) * every_ms * MS, text) for index, text in enumerate(texts))
    return Generation(
        sent_ns=sent_ms * MS, chunks=chunks, done_ns=chunks[-1].at_ns + 5 * MS, timings=ServerTimings(), raw={}
    )


@pytest.mark.parametrize(
    ("texts", "ttfa_s"),
    [
        (("a", "b"), 0.01),
        (("<think>", "hm", "</think>", "\n\n", "So"), 0.05),
        (("<th", "ink>", "hm</think>", "So"), 0.04),  # the tag comes in pieces
        (("<think>hm</think>So", "."), 0.01),
        (("<b>", "So"), 0.01),  # another tag is an answer
        (("<think>", "hm"), None),  # it never answers
    ],
)
def test_thinking_within_the_text_is_no_answer_until_its_tag_is_closed(texts, ttfa_s):
    found = round_metrics(answered(*texts), asked())

    assert found["ttft_s"] == pytest.approx(0.01)
    assert found.get("ttfa_s") == (None if ttfa_s is None else pytest.approx(ttfa_s))


def test_every_time_counts_from_the_request():
    found = round_metrics(answered("a", "b", sent_ms=4), asked())

    assert found == pytest.approx({"ttft_s": 0.006, "ttfa_s": 0.006, "e2e_s": 0.021})  # 10 - 4, 20 + 5 - 4 ms


def test_two_tokens_have_one_gap_between_them():
    found = round_metrics(generation(texts=2, every_ms=30), asked(output_tokens=2))

    assert found["tpot_s"] == found["itl_p50_s"] == found["itl_max_s"] == pytest.approx(0.03)
    assert found["client_decode_tokens_per_s"] == pytest.approx(1 / 0.03)


def test_one_output_token_has_no_decode_rate_though_the_server_gives_it_a_time():
    assert "decode_tokens_per_s" not in round_metrics(generation(texts=1, eval_s=0.02), asked(output_tokens=1))
    assert "decode_tokens_per_s" not in round_metrics(generation(eval_s=0.0), asked())


def test_a_model_that_stops_without_a_count_wrote_too_little():
    stopped = generation(texts=0, done_reason="stop", eval_count=None, load_s=None)

    assert Flag.SHORT_OUTPUT in round_flags(stopped, asked(output_tokens=1))
    assert Flag.RELOADED not in round_flags(stopped, asked())  # nor is a load that was not told one


def test_limits_themselves_are_within():
    at_the_limit = generation(load_s=0.2, prompt_count=105, prompt_s=0.01)
    found = round_flags(at_the_limit, asked(prompt_tokens=100, cached_below_s=0.01))

    assert found == frozenset()
    assert cached_below_s(1.5, 1.0) == pytest.approx(1.5**0.5)  # half apart
    assert cached_below_s(2.0, 1.0) == pytest.approx(2.0**0.5)
    assert version_key("1.2.3") == (1, 2, 3)


def test_a_prompt_of_a_cold_round_or_of_unknown_time_is_not_cached():
    assert prefill_cached(ServerTimings(prompt_s=0.001), asked(cold=True, cached_below_s=0.01)) is False
    assert prefill_cached(ServerTimings(), asked(cached_below_s=0.01)) is False
    assert prefill_cached(ServerTimings(prompt_s=0.001), asked()) is False

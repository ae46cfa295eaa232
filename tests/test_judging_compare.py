"""What may be said about two runs: known answers, and every reason to say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.errors import UnknownCase, UnknownRun, UsageError
from orac_bench.flags import Flag
from orac_bench.judging.compare import Compared, Wishes, compare
from orac_bench.judging.document import comparison_body
from orac_bench.judging.judge import Judged
from orac_bench.judging.text import comparison_text
from orac_bench.store.store import Store, open_store
from orac_bench.units import percent
from orac_bench.verdicts import Note, Verdict
from tests.builders import a_case, a_conditions, a_workload, later
from tests.histories import DECODE, FIRST, STEADY, Took, measured, scaled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


def two(store: Store, base: Took, candidate: Took, wishes: Wishes | None = None) -> Judged:
    """The one row of DECODE measured in two runs."""
    measured(store, "base", [(DECODE, base)])
    measured(store, "cand", [(DECODE, candidate)], started=later(86_400))
    (row,) = compare(store, "base", ["cand"], wishes or Wishes()).rows
    return row


def notes(row: Judged) -> set[Note]:
    return {*row.comparison.notes}


def test_ten_percent_fewer_tokens_a_second_are_slower(store: Store) -> None:
    row = two(store, Took(), Took(values=scaled(0.9)))
    assert row.verdict is Verdict.SLOWER
    assert row.comparison.ratio == pytest.approx(0.9)
    assert (row.comparison.n, row.comparison.needed, row.paired) == (10, None, False)
    assert row.comparison.ci_low is not None
    assert row.comparison.ci_high is not None
    assert row.comparison.ci_low < 0.9 < row.comparison.ci_high < 0.98
    assert notes(row) == {Note.NOT_INTERLEAVED}


def test_candidate_and_base_exchanged_turn_the_verdict_around(store: Store) -> None:
    assert two(store, Took(values=scaled(0.9)), Took()).verdict is Verdict.FASTER


def test_equal_rounds_are_the_same(store: Store) -> None:
    assert two(store, Took(), Took(values=scaled(1.001))).verdict is Verdict.SAME


def test_joules_are_worse_not_slower(store: Store) -> None:
    row = two(
        store, Took(metric="energy_j"), Took(metric="energy_j", values=scaled(1.1)), Wishes(metrics=("energy_j",))
    )
    assert (row.verdict, row.metric.unit.value) == (Verdict.WORSE, "J")


def test_the_body_is_that_of_the_interface(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(DECODE, Took(values=scaled(0.9)))], started=later(86_400))
    body = comparison_body(compare(store, "base", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",))))
    (row,) = body["cases"]  # type: ignore[misc, union-attr]
    assert list(body) == ["base", "candidate", "conditions_differ", "cases"]
    assert (body["base"], body["candidate"], body["conditions_differ"]) == ("base", "cand", {})
    wanted = "case metric unit better base candidate ratio ci_low ci_high verdict paired n needed notes failed_on"
    assert {*wanted.split()} <= {*row}  # type: ignore[misc]
    assert row["base"]["median"] == 50.0  # type: ignore[call-overload, index]
    assert row["candidate"]["median"] == 45.0  # type: ignore[call-overload, index]
    assert (row["case"], row["verdict"], row["failed_on"]) == (DECODE.key, "slower", True)  # type: ignore[call-overload, index]


def test_other_conditions_are_not_compared_unless_asked_for(store: Store) -> None:
    fast = a_conditions(hash="fa57", facts={"board": "orin", "power_mode": "MAXN_SUPER"})
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(DECODE, Took(values=scaled(1.3)))], conditions=fast, started=later(1))
    told = compare(store, "base", ["cand"], Wishes())
    (row,) = told.rows
    assert (row.verdict, row.comparison.ratio, notes(row)) == (
        Verdict.INCONCLUSIVE,
        None,
        {Note.CONDITIONS_DIFFER},
    )
    assert row.notes == (
        "measured under different conditions: `--across-conditions` compares all the same "
        "(power_mode MAXN and MAXN_SUPER)",
    )
    assert told.conditions_differ == {"power_mode": ("MAXN", "MAXN_SUPER")}
    (asked,) = compare(store, "base", ["cand"], Wishes(across_conditions=True)).rows
    assert (asked.verdict, notes(asked)) == (Verdict.FASTER, {Note.NOT_INTERLEAVED, Note.CONDITIONS_DIFFER})


def test_conditions_that_are_not_known_are_not_equal(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())], known=False)
    measured(store, "cand", [(DECODE, Took())], known=False, started=later(1))
    told = compare(store, "base", ["cand"], Wishes())
    (row,) = told.rows
    assert (row.verdict, notes(row)) == (Verdict.INCONCLUSIVE, {Note.CONDITIONS_DIFFER})
    assert told.conditions_differ == {"conditions": (None, None)}


def test_other_definitions_of_metrics_are_not_compared_even_when_asked_for(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())], metrics_version=1)
    measured(store, "cand", [(DECODE, Took())], metrics_version=2, started=later(1))
    (row,) = compare(store, "base", ["cand"], Wishes(across_conditions=True)).rows
    assert (row.verdict, notes(row)) == (Verdict.INCONCLUSIVE, {Note.VERSION_DIFFERS})


def test_another_file_under_the_same_name_is_not_compared_unless_named(store: Store) -> None:
    other = a_case(key="0ther00000000001", suite="decode", model_digest="sha256:other")
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(other, Took(values=scaled(0.9)))], started=later(1))
    (row,) = compare(store, "base", ["cand"], Wishes()).rows
    assert (row.verdict, row.comparison.ratio, notes(row)) == (Verdict.INCONCLUSIVE, None, {Note.MODEL_DIFFERS})
    assert "`orac compare base:dec0de0000000001 cand:0ther00000000001`" in row.notes[0]
    (named,) = compare(store, "base:tiny", ["cand:tiny"], Wishes()).rows
    assert (named.verdict, Note.MODEL_DIFFERS in notes(named)) == (Verdict.SLOWER, True)


def test_other_options_of_the_same_model_are_not_compared_unless_named(store: Store) -> None:
    other = a_case(key="0ther00000000001", suite="decode", options={"temperature": 0.7, "num_ctx": 4096})
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(other, Took())], started=later(1))
    (row,) = compare(store, "base", ["cand"], Wishes()).rows
    assert (notes(row), row.details) == ({Note.OPTIONS_DIFFER}, {Note.OPTIONS_DIFFER: "num_ctx 2048 and 4096"})


def test_another_share_on_the_gpu_is_not_compared(store: Store) -> None:
    row = two(store, Took(offload_ratio=1.0), Took(offload_ratio=0.6))
    assert (row.verdict, row.details) == (Verdict.INCONCLUSIVE, {Note.OFFLOAD_DIFFERS: "100% and 60%"})


def test_a_metric_that_a_run_lacks_is_named(store: Store) -> None:
    row = two(store, Took(more={"energy_j": 3.0}), Took(), Wishes(metrics=("energy_j",)))
    assert (row.verdict, row.candidate) == (Verdict.INCONCLUSIVE, None)
    assert row.details == {Note.METRIC_MISSING: "run cand has no energy_j for it"}


def test_rounds_that_were_all_left_out_are_named(store: Store) -> None:
    row = two(store, Took(), Took(flags=[Flag.THROTTLED]))
    assert (row.verdict, row.comparison.ratio, notes(row)) == (Verdict.INCONCLUSIVE, None, {Note.NOTHING})


def test_one_round_is_never_enough(store: Store) -> None:
    row = two(store, Took(values=[50.0]), Took(values=[25.0]))
    assert (row.verdict, row.comparison.ci_low) == (Verdict.INCONCLUSIVE, None)
    assert Note.TOO_FEW in notes(row)
    assert row.comparison.needed is not None
    assert row.comparison.needed > 0


def test_zero_and_negative_values_have_no_ratio(store: Store) -> None:
    values = (-0.1, *STEADY[1:])
    row = two(
        store,
        Took(metric="energy_above_idle_j", values=values),
        Took(metric="energy_above_idle_j"),
        Wishes(metrics=("energy_above_idle_j",)),
    )
    assert (row.verdict, row.comparison.ratio, Note.NOT_POSITIVE in notes(row)) == (Verdict.INCONCLUSIVE, None, True)


def test_one_value_a_result_has_no_interval(store: Store) -> None:
    case = a_case(key="5057a1ed00000001", suite="sustained")
    for run, value in (("base", 0.9), ("cand", 0.8)):
        measured(store, run, [(case, Took(metric="sustained_ratio", values=[value]))])
    (row,) = compare(store, "base", ["cand"], Wishes()).rows
    assert (row.verdict, row.metric.key) == (Verdict.INCONCLUSIVE, "sustained_ratio")
    assert (row.comparison.needed, notes(row)) == (None, {Note.NOT_INTERLEAVED, Note.ONE_VALUE})  # not "measure more"


@pytest.mark.parametrize("sides", [("base:4a00000000000001", "cand"), ("base", "cand:4a00000000000001")])
def test_a_variant_that_is_chosen_on_one_side_is_compared_with_itself_and_no_other(
    store: Store, sides: tuple[str, str]
) -> None:
    four, six = (
        a_case(key=key, suite="decode", options={"num_thread": threads})
        for key, threads in (("4a00000000000001", 4), ("6a00000000000001", 6))
    )
    for run in ("base", "cand"):
        measured(store, run, [(four, Took()), (six, Took())])
    (row,) = compare(store, sides[0], [sides[1]], Wishes()).rows
    assert (row.case.key, row.other.key, row.verdict) == (four.key, four.key, Verdict.SAME)


def test_cases_are_paired_up_by_their_key_whatever_their_order(store: Store) -> None:
    ttft = Took(metric="ttft_s", values=scaled(1 / 250))
    measured(store, "base", [(DECODE, Took()), (FIRST, ttft)])
    measured(store, "cand", [(FIRST, replace(ttft, values=scaled(1.1 / 250))), (DECODE, Took())], started=later(1))
    told = compare(store, "base", ["cand"], Wishes())
    assert [(row.case.key, row.metric.key, row.verdict) for row in told.rows] == [
        (DECODE.key, "decode_tokens_per_s", Verdict.SAME),
        (FIRST.key, "ttft_s", Verdict.SLOWER),
    ]


def test_a_case_that_one_side_lacks_is_said_and_shown_in_one_line(store: Store) -> None:
    measured(store, "base", [(DECODE, Took()), (FIRST, Took(metric="ttft_s"))])
    measured(store, "cand", [(DECODE, Took())], started=later(1))
    told = compare(store, "base", ["cand"], Wishes())
    assert [(row.case.key, row.verdict, row.base is None, row.candidate is None) for row in told.rows] == [
        (DECODE.key, Verdict.SAME, False, False),
        (FIRST.key, Verdict.INCONCLUSIVE, False, True),
    ]
    assert "Only one side has tiny first_token 64 → 16: run cand lacks it; measure it there too." in comparison_text(
        told
    )


def test_runs_without_a_common_case_are_refused_with_what_to_do(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(FIRST, Took(metric="ttft_s"))], started=later(1))
    with pytest.raises(UsageError) as error:
        compare(store, "base", ["cand"], Wishes())
    assert str(error.value) == (
        "base and cand have no case in common: tiny/decode/64 there, tiny/first_token/64 here. "
        "Measure the same again, or name two cases: orac compare base:CASE cand:CASE"
    )


def test_a_run_is_not_compared_with_itself(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())])
    with pytest.raises(UsageError, match="compared with itself"):
        compare(store, "base", ["latest"], Wishes())


@pytest.mark.parametrize("name", ["dec0", "dec0de0000000001", "tiny/decode", "tiny/decode/64", "tiny"])
def test_a_case_is_named_by_its_key_or_by_model_suite_and_length(store: Store, name: str) -> None:
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(DECODE, Took()), (FIRST, Took(metric="ttft_s"))], started=later(1))
    told = compare(store, f"base:{name}", ["cand"], Wishes())
    assert [row.case.key for row in told.rows] == [DECODE.key]


@pytest.mark.parametrize("name", ["tinyllama", "tinyllama/decode", "tinyllama:latest/decode/64", "tinyllama-1.1b"])
def test_a_case_of_a_catalogued_model_is_named_by_its_short_name_as_well(store: Store, name: str) -> None:
    chat = a_case(key="c4a7000000000001", suite="decode", model="tinyllama-1.1b-chat-v1.0.q4_k_m")
    measured(store, "both", [(DECODE, Took()), (chat, Took())])
    (row,) = compare(store, "both:tiny", [f"both:{name}"], Wishes()).rows
    assert row.other.key == chat.key


def test_an_unknown_case_is_refused_with_those_there_are(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())])
    with pytest.raises(UnknownCase, match=r"Run base has no case phi-2/decode\. It has dec0de"):
        compare(store, "base:phi-2/decode", ["base"], Wishes())
    with pytest.raises(UnknownRun):
        compare(store, "base", ["nothing"], Wishes())


def test_two_models_of_one_run_are_compared_as_run_and_case(store: Store) -> None:
    other = a_case(key="0ther00000000001", suite="decode", model="huge", model_digest="sha256:huge")
    measured(store, "both", [(DECODE, Took()), (other, Took(values=scaled(0.5), offload_ratio=0.4))])
    (row,) = compare(store, "both:tiny", ["both:huge"], Wishes()).rows
    assert (row.verdict, notes(row)) == (Verdict.SLOWER, {Note.NOT_INTERLEAVED, Note.OFFLOAD_DIFFERS})


def test_several_lengths_belong_together_by_their_length(store: Store) -> None:
    cases = [
        a_case(key=f"{model}{tokens:08d}", suite="decode", model=model, workload=a_workload(prompt_tokens=tokens))
        for model in ("tiny", "huge")
        for tokens in (64, 256)
    ]
    measured(store, "both", [(case, Took()) for case in cases])
    told = compare(store, "both:tiny", ["both:huge"], Wishes())
    assert [(row.case.key, row.other.key) for row in told.rows] == [
        ("tiny00000064", "huge00000064"),
        ("tiny00000256", "huge00000256"),
    ]


def a_paired_run(store: Store) -> None:
    """Eight blocks of two rounds; the board gets 5 % slower from block to block, and the candidate is 10 % slower."""
    other = a_case(key="0ther00000000001", suite="decode", model="huge", model_digest="sha256:huge")
    blocks = [number for number in range(8) for _ in range(2)]
    rates = [50.0 * 0.95**block * (1 + 0.002 * (at % 2) + 0.001 * block) for at, block in enumerate(blocks)]
    measured(
        store,
        "pair",
        [
            (DECODE, Took(values=rates, blocks=blocks, facts={"pair": {"with": other.key, "side": "base"}})),
            (
                other,
                Took(
                    values=scaled(0.9, rates), blocks=blocks, facts={"pair": {"with": DECODE.key, "side": "candidate"}}
                ),
            ),
        ],
    )


def test_a_paired_run_is_compared_block_by_block_by_itself(store: Store) -> None:
    a_paired_run(store)
    told = compare(store, "pair", [], Wishes())
    (row,) = told.rows
    assert (row.verdict, row.paired, row.comparison.n) == (Verdict.SLOWER, True, 8)
    assert row.comparison.ratio == pytest.approx(0.9)
    assert row.comparison.ci_low == pytest.approx(0.9)
    assert (row.case.model, row.other.model) == ("tiny", "huge")
    assert "pair, interleaved" in comparison_text(told)


def test_the_two_sides_of_a_pair_are_compared_by_block_when_named_as_well(store: Store) -> None:
    a_paired_run(store)
    (row,) = compare(store, "pair:tiny", ["pair:huge"], Wishes()).rows
    assert (row.paired, row.verdict) == (True, Verdict.SLOWER)


def test_either_side_of_a_pair_may_be_the_base(store: Store) -> None:
    a_paired_run(store)
    (row,) = compare(store, "pair:huge", ["pair:tiny"], Wishes()).rows
    assert (row.paired, row.verdict, row.comparison.n, notes(row)) == (True, Verdict.FASTER, 8, set())
    assert row.comparison.ratio == pytest.approx(1 / 0.9)


def test_a_run_that_is_not_paired_is_refused_alone(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())])
    with pytest.raises(UsageError, match="Run base is not a paired one"):
        compare(store, "base", [], Wishes())


def test_rounds_of_one_block_count_once_where_runs_are_compared(store: Store) -> None:
    blocks = [number for number in range(5) for _ in range(2)]
    row = two(store, Took(blocks=blocks), Took(blocks=blocks))
    assert row.comparison.n == 5


def test_the_canary_stands_beside_and_says_that_the_machine_changed(store: Store) -> None:
    canary = a_case(key="ca4a4100000000aa", suite="decode", model="canary", model_digest="sha256:canary")
    facts = {"canary": True}
    measured(store, "base", [(canary, Took(facts=facts)), (DECODE, Took())])
    measured(
        store,
        "cand",
        [(canary, Took(values=scaled(0.9), facts=facts)), (DECODE, Took(values=scaled(0.9)))],
        started=later(1),
    )
    told = compare(store, "base", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",)))
    assert [(row.case.model, row.canary, row.failed_on) for row in told.rows] == [
        ("canary", True, False),
        ("tiny", False, True),
    ]
    assert told.rows[1].details[Note.CANARY_MOVED] == "canary Decode -10.0 %, slower"


def test_other_start_temperatures_are_said(store: Store) -> None:
    row = two(store, Took(more={"temperature_start_celsius": 41.0}), Took(more={"temperature_start_celsius": 52.0}))
    assert (row.verdict, row.details) == (Verdict.SAME, {Note.TEMPERATURES_DIFFER: "41.0 °C and 52.0 °C"})


def test_among_many_cases_a_weak_change_does_not_hold(store: Store) -> None:
    cases = [
        a_case(key=f"{number:016d}", suite="decode", workload=a_workload(prompt_tokens=number)) for number in range(40)
    ]
    few = STEADY[:5]
    measured(store, "base", [(case, Took(values=few)) for case in cases])
    measured(
        store,
        "cand",
        [(case, Took(values=scaled(0.8 if number == 7 else 1.0, few))) for number, case in enumerate(cases)],
        started=later(1),
    )
    alone = compare(store, f"base:{cases[7].key}", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",)))
    assert (alone.rows[0].verdict, alone.failed) == (Verdict.SLOWER, True)
    among = compare(store, "base", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",)))
    assert (among.rows[7].verdict, Note.HOLM in notes(among.rows[7])) == (Verdict.INCONCLUSIVE, True)
    assert not among.failed


def test_several_candidates_are_compared_with_one_base(store: Store) -> None:
    measured(store, "base", [(DECODE, Took())])
    for number, factor in enumerate((0.9, 1.1), start=1):
        measured(store, f"cand-{number}", [(DECODE, Took(values=scaled(factor)))], started=later(number))
    told = compare(store, "base", ["cand-1", "cand-2"], Wishes())
    assert [(row.run, row.verdict) for row in told.rows] == [("cand-1", Verdict.SLOWER), ("cand-2", Verdict.FASTER)]
    assert comparison_body(told)["candidate"] == ["cand-1", "cand-2"]


def fails(store: Store, candidate: Took, *limits: str, strict: bool = False) -> Compared:
    measured(store, "base", [(DECODE, Took())])
    measured(store, "cand", [(DECODE, candidate)], started=later(1))
    return compare(store, "base", ["cand"], Wishes(fail_on=limits, strict=strict))


def test_what_is_worse_for_certain_by_more_than_allowed_fails(store: Store) -> None:
    assert fails(store, Took(values=scaled(0.9)), "decode_tokens_per_s:5%").failed


def test_a_point_beyond_the_threshold_is_not_enough_where_the_interval_reaches_back(store: Store) -> None:
    wide = (46.0, 50.0, 43.0, 48.0, 42.0, 51.0, 44.0, 49.0, 40.0, 47.5)  # around 46.8: 6 % down, give or take 5 %
    told = fails(store, Took(values=wide), "decode_tokens_per_s:5%")
    (row,) = told.rows
    assert row.comparison.ratio is not None
    assert row.comparison.ratio < 0.95
    assert row.comparison.ci_high is not None
    assert row.comparison.ci_high > 0.95
    assert not told.failed
    (warning,) = told.warnings
    assert "decode_tokens_per_s:5% cannot be told: the change lies between" in warning


def test_what_cannot_be_told_warns_and_with_strict_fails(store: Store) -> None:
    told = fails(store, Took(values=[40.0]), "decode_tokens_per_s:5%")
    assert not told.failed
    (warning,) = told.warnings
    assert warning.startswith("tiny decode 64 → 16: decode_tokens_per_s:5% cannot be told: ")
    assert "too few rounds" in warning
    assert compare(store, "base", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",), strict=True)).failed


def test_a_wide_interval_is_told_as_what_keeps_a_threshold_from_being_told(store: Store) -> None:
    told = fails(store, Took(values=[30.0, 55.0, 32.0, 52.0, 34.0, 50.0]), "decode_tokens_per_s:5%")
    (row,), (warning,) = told.rows, told.warnings
    low, high = (percent(bound) for bound in (row.comparison.ci_low, row.comparison.ci_high))
    assert warning == (
        f"tiny decode 64 → 16: decode_tokens_per_s:5% cannot be told: the change lies between {low} and {high}; "
        f"{row.comparison.needed} more rounds would probably decide"
    )


@pytest.mark.parametrize(
    ("candidate", "limit", "verdict", "told"),
    [
        (scaled(0.95), 5, Verdict.SLOWER, "decode_tokens_per_s:5% cannot be told"),  # -5 % give or take 1.5 %
        (scaled(0.995), 1, Verdict.SAME, "decode_tokens_per_s:1% cannot be told"),  # -0.5 %, likewise
        (scaled(0.95), 10, Verdict.SLOWER, None),
        (scaled(1.1), 1, Verdict.FASTER, None),
        ([52.0, 50.0, 53.0, 49.5, 51.0, 54.0], 5, Verdict.INCONCLUSIVE, "within decode_tokens_per_s:5%, but inconc"),
    ],
)
def test_a_threshold_is_told_by_the_interval_and_not_by_the_verdict(
    store: Store, candidate: list[float], limit: int, verdict: Verdict, told: str | None
) -> None:
    found = fails(store, Took(values=candidate), f"decode_tokens_per_s:{limit}%", strict=True)
    assert [row.verdict for row in found.rows] == [verdict]
    assert [warning.split(": ", 1)[1].startswith(told or "-") for warning in found.warnings] == [True] * (
        told is not None
    )
    assert found.failed is (told is not None)


def test_strict_without_a_threshold_is_refused_as_nothing_could_fail(store: Store) -> None:
    with pytest.raises(UsageError, match="none is given: nothing could fail"):
        compare(store, "latest", ["latest"], Wishes(strict=True))


def test_a_threshold_that_is_no_headline_is_compared_in_every_case(store: Store) -> None:
    told = fails(store, Took(more={"e2e_s": 2.0}), "e2e_s:5%", strict=True)
    assert [(row.metric.key, row.failed_on) for row in told.rows] == [("decode_tokens_per_s", False), ("e2e_s", True)]


@pytest.mark.parametrize(
    ("limit", "wrong"),
    [
        ("decode_tokens_per_s", "has no number in percent behind its metric"),
        ("decode_tokens_per_s:", "has no number in percent behind its metric"),
        ("decode_tokens_per_s:5", "has no number in percent behind its metric"),
        ("decode_tokens_per_s:five%", "has no number in percent behind its metric"),
        ("decode_tokens_per_s:-5%", "has no number in percent behind its metric"),
        ("decode_tokens_per_s:100%", "would never fail"),
        ("decode:5%", "There is no metric 'decode'; near it: "),
        ("output_tokens:5%", "output_tokens has no better direction"),
    ],
)
def test_a_threshold_that_is_none_is_refused(store: Store, limit: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        compare(store, "latest", ["latest"], Wishes(fail_on=(limit,)))

"""A given text that exceeds the context: cut by an old Ollama, refused by a newer one, and in no case a result."""

import pytest

from orac_bench.errors import UsageError
from orac_bench.intent import Intent
from orac_bench.records import RoundStatus, Status
from orac_bench.store.store import open_store
from orac_bench.suites.grid import SUITES, Wishes, points
from tests.fakes.fake_ollama import LOAD, FakeOllama, answer, error_reply, final, json_reply, stream
from tests.sessions import a_point, a_session, measure, settings_for

GENERATE = "POST /api/generate"
TOO_LONG = "The prompt does not fit into m's context of 1024 tokens; Ollama cuts or refuses it. Shorten it, "
REFUSALS = (
    "the input length exceeds the context length",  # 0.20.7
    "the prompt is longer than the context length currently available to the model",  # from 0.30 on, in its code
    "request (3000 tokens) exceeds the available context size (1024 tokens), try increasing it",  # llama-server's
)


def playing(*replies, loaded=1024, made_for=1024):
    """A fake with one loaded model `m`; what its /api/ps and /api/show say of its context."""
    listed = {"name": "m:latest", "digest": "d1", "size": 100, "details": {"family": "gpt2"}}
    entry = {"name": "m:latest", "size": 100, "size_vram": 0, "context_length": loaded}
    return FakeOllama(
        {
            "GET /api/version": [json_reply({"version": "0.11.4"})],
            "GET /api/tags": [json_reply({"models": [listed]})],
            "GET /api/ps": [json_reply({"models": [entry]})],
            LOAD: [json_reply({"done": True})],
            "POST /api/show": [json_reply({"model_info": {"gpt2.context_length": made_for}})],
            GENERATE: list(replies),
        }
    )


def reading(tokens):
    """An answer of two tokens to a prompt that is counted as so many."""
    return stream(answer(["a", "b"], end=final(eval_count=2, prompt_eval_count=tokens)))


def given(suite):
    return points(SUITES[suite], Wishes(rounds=2, warmup=0, output_tokens=2, prompt_sha256="5e"))[0]


def measured(fake, folder, suite="prompt"):
    """The result of that suite over a given text."""
    settings = settings_for(fake.url, folder)
    with a_session(settings, intent=Intent(trigger="test", prompt="word " * 3000)) as (session, candidate):
        with session.measuring(candidate, given(suite)) as measurement:
            measure(measurement)
    with open_store(settings.database_url, write=False) as store:
        (result,) = store.results(session.run.id, rounds=True)
    return result


@pytest.mark.parametrize("counts", [{"loaded": 1024, "made_for": 2048}, {"loaded": 4096, "made_for": 1024}])
def test_a_given_text_that_was_cut_to_the_context_fails_its_round_and_says_so(tmp_path, counts):
    # given an Ollama up to 0.12.5; in the second case it tells the context that was asked of it, and not the true one
    with playing(reading(4), reading(1024), **counts) as fake:
        result = measured(fake, tmp_path)
    # then no round is one, and none has a number that could be compared
    assert (result.status, result.done, dict(result.summary)) == (Status.FAILED, 0, {})
    for round in result.rounds:
        assert (round.status, round.failure.code, set(round.metrics)) == (RoundStatus.FAILED, "usage", {"client_cpu_s"})
        assert round.failure.message.startswith(TOO_LONG)
    assert TOO_LONG in result.failure.message


@pytest.mark.parametrize("words", REFUSALS)
def test_a_newer_ollama_is_asked_to_refuse_it_and_its_refusal_is_told_in_oracs_words(tmp_path, words):
    with playing(reading(4), error_reply(400, words)) as fake:
        result = measured(fake, tmp_path)
        assert [request["truncate"] for request in fake.asked(GENERATE)] == [False] * 3
    assert [round.failure.message.startswith(TOO_LONG) for round in result.rounds] == [True, True]


@pytest.mark.parametrize("reply", [reading(1024), error_reply(400, REFUSALS[0])])
def test_in_the_suites_of_lengths_it_is_found_out_before_any_round(tmp_path, reply):
    with playing(reply) as fake, pytest.raises(UsageError, match="does not fit into m's context of 1024 tokens"):
        measured(fake, tmp_path, "first_token")


def test_a_given_text_that_fits_is_measured_and_any_other_refusal_keeps_its_words(tmp_path):
    with playing(reading(4), reading(1023), error_reply(500, "failed to create context")) as fake:
        good, bad = measured(fake, tmp_path).rounds
    assert (good.status, good.metrics["input_tokens"]) == (RoundStatus.OK, 1023)
    assert bad.failure.message == "Ollama answered 500: failed to create context"


def test_a_prompt_of_a_wanted_length_is_asked_for_as_ever(tmp_path):
    with playing(reading(32)) as fake:
        with a_session(settings_for(fake.url, tmp_path)) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=1, warmup=0, output_tokens=2)) as measurement:
                measure(measurement)
        assert not any("truncate" in request for request in fake.asked(GENERATE))
    assert [round.status for round in measurement.rounds] == [RoundStatus.OK]

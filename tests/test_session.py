"""The recipe, against servers of known timing and scripted ones: what happens in which order, and what is kept."""

import gc
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from orac_bench.errors import BadModel, DoesNotFit, OllamaChanged, StoreError, StoreLocked, UnknownRun, UsageError
from orac_bench.flags import Flag
from orac_bench.forecast import Work
from orac_bench.intent import Intent
from orac_bench.lock import LOCK, measuring_now
from orac_bench.models.digests import identity
from orac_bench.newrun import new_run
from orac_bench.records import Phase, RoundStatus, Status
from orac_bench.selfcheck.known_server import Biases, known_server
from orac_bench.store.store import open_store
from orac_bench.store.transactions import utc_now
from orac_bench.suites.grid import OPTIONS, SUITES, Wishes, points, round_seed
from tests.fakes.fake_ollama import LOAD, FakeOllama, answer, error_reply, final, html_reply, json_reply, stream
from tests.sessions import Events, a_point, a_session, measure, one_round, settings_for

QUICK = {"ttft_s": 0.004, "token_s": 0.001}
GENERATE = "POST /api/generate"


def playing(*replies, version="0.11.4"):
    """A fake that has one loaded model `m` and answers generates with `replies`."""
    listed = {"name": "m:latest", "digest": "d1", "size": 100, "details": {"family": "llama"}}
    return FakeOllama(
        {
            "GET /api/version": [json_reply({"version": version})],
            "GET /api/tags": [json_reply({"models": [listed]})],
            "GET /api/ps": [json_reply({"models": [{"name": "m:latest", "size": 100, "size_vram": 50}]})],
            LOAD: [json_reply({"done": True})],
            "POST /api/show": [json_reply({"model_info": {"llama.context_length": 2048}})],
            GENERATE: list(replies),
        }
    )


def good(tokens=4):
    return stream(answer(["a"] * tokens, end=final(eval_count=tokens, prompt_eval_count=32)))


def rounds_of(settings, run="latest"):
    with open_store(settings.database_url, write=False) as store:
        (result,) = store.results(store.resolve(run), rounds=True)
    return result


def refusing(path, what):
    """The database says from now on that it is locked where `what` is done to a row."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"CREATE TRIGGER refused BEFORE {what} BEGIN SELECT RAISE(ABORT, 'is locked'); END")


def test_a_case_is_started_its_rounds_kept_one_by_one_and_ended(tmp_path):
    events = Events()
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings, events=events) as (session, candidate):
            with session.measuring(candidate, a_point()) as measurement:
                measure(measurement)
            session.end(interrupted=False)

    assert events.told == [
        "first_token started, 1 + 2",
        "warmup 0 ok",
        "measure 0 ok",
        "measure 1 ok",
        "first_token done",
    ]
    result = rounds_of(settings)
    assert (result.status, result.planned, result.done) == (Status.DONE, 2, 2)
    assert [(round.phase, round.index, round.counted) for round in result.rounds] == [
        (Phase.WARMUP, 0, False),
        (Phase.MEASURE, 0, True),
        (Phase.MEASURE, 1, True),
    ]
    assert result.facts["prompt_tokens"] == 32


def test_a_round_is_in_the_store_before_the_next_begins(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            one_round(measurement)
            assert len(rounds_of(settings).rounds) == 1
            one_round(measurement)
            assert len(rounds_of(settings).rounds) == 2


def test_every_request_is_raw_new_from_its_first_token_and_never_asks_for_another_runner(tmp_path):
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=3)) as measurement:
                measure(measurement)
            seed = session.run.seed
            key = measurement.case.key
        sent = fake.asked(GENERATE)

    assert all(request["raw"] is True and request["keep_alive"] == -1 for request in sent)
    assert all(set(request["options"]) == {*OPTIONS, "num_predict", "seed"} for request in sent)
    assert [request["options"]["stop"] for request in sent] == [[]] * len(sent)
    firsts = [request["prompt"][0] for request in sent]
    probe = [place for place in range(1, len(sent)) if sent[place]["prompt"] == sent[place - 1]["prompt"]]
    assert probe == [probe[0], probe[0] + 1]  # the cache probe alone sends a prompt again
    assert all(firsts[i] != firsts[i - 1] for i in range(1, len(sent)) if i not in probe)
    assert all(re.match(r"(\d ){8}", request["prompt"]) for request in sent)
    assert [request["options"]["seed"] for request in sent[-3:]] == [
        round_seed(seed, key, "measure", index) for index in range(3)
    ]


def test_the_collector_rests_while_a_round_runs_and_works_afterwards(tmp_path):
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            attempt = measurement.prepare(Phase.MEASURE)
            assert not gc.isenabled()
            attempt.send()
            measurement.keep(attempt)
            assert gc.isenabled()


def test_a_round_starts_when_it_is_sent_and_not_when_its_model_is_loaded_for_it(tmp_path):
    # given a model that somebody unloaded between two rounds, and that takes 0.3 s to load
    with known_server(**QUICK, load_s=0.3) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            session.engine.client.unload_all()
            before = utc_now()
            attempt = measurement.prepare(Phase.MEASURE)
            attempt.send()
            round = measurement.keep(attempt)
    assert round.started - before >= timedelta(seconds=0.3)
    assert round.started + timedelta(seconds=round.metrics["e2e_s"]) <= utc_now()


def test_a_round_that_could_not_be_sent_starts_when_that_was_known(tmp_path):
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            fake.play({"GET /api/ps": [replace(json_reply({}, status=500), pieces=((0.2, b"{}"),))]})
            before = utc_now()
            failed = one_round(measurement)
    assert failed.status is RoundStatus.FAILED
    assert before + timedelta(seconds=0.2) <= failed.started <= utc_now()


def test_short_outputs_are_left_out_and_tried_again_as_often_as_rounds_were_planned(tmp_path):
    events = Events()
    with known_server(**QUICK, biases=Biases(short=True)) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings, events=events) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=3, warmup=0)) as measurement:
                measure(measurement)

    result = rounds_of(settings)
    assert len(result.rounds) == 6  # 3 planned, 3 again
    assert all(round.flags >= {Flag.SHORT_OUTPUT} for round in result.rounds)
    assert (result.status, result.done, dict(result.summary)) == (Status.FAILED, 0, {})


def test_one_short_output_costs_one_more_round(tmp_path):
    short = stream(answer(["a", "a"], end=final(eval_count=2, prompt_eval_count=32, done_reason="stop")))
    calibration, probe = [good()], [good(), good(), good()]
    with playing(*calibration, *probe, short, good(), good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=2, warmup=0)) as measurement:
                measure(measurement)

    result = rounds_of(settings)
    assert [round.counted for round in result.rounds] == [False, True, True]
    assert (result.status, result.done) == (Status.DONE, 2)


def test_a_failed_round_is_kept_with_its_reason_and_the_others_go_on(tmp_path):
    died = error_reply(500, "model runner has unexpectedly stopped")
    with playing(*[good()] * 4, died, good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=3, warmup=0)) as measurement:
                measure(measurement)

    result = rounds_of(settings)
    assert [round.status for round in result.rounds] == [RoundStatus.FAILED, RoundStatus.OK, RoundStatus.OK]
    failure = result.rounds[0].failure
    assert failure is not None
    assert (failure.code, failure.message) == (
        "ollama_refused",
        "Ollama answered 500: model runner has unexpectedly stopped",
    )
    assert (result.status, result.done) == (Status.FAILED, 2)
    assert "1 round failed" in str(result.failure)


def test_after_three_failures_in_a_row_the_rest_of_a_case_is_not_tried(tmp_path):
    with playing(*[good()] * 4, html_reply(status=502)) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=10, warmup=0)) as measurement:
                measure(measurement)

    assert len(rounds_of(settings).rounds) == 3


def test_a_stream_without_its_end_is_failed_flagged_and_tried_again(tmp_path):
    with known_server(**QUICK, biases=Biases(no_final=True)) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate), pytest.raises(Exception, match="without its final record"):
            with session.measuring(candidate, a_point()) as measurement:
                measure(measurement)  # already the calibration has no end

    cut = stream(answer(["a"])[:-1])
    with playing(*[good()] * 4, cut, good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=1, warmup=0)) as measurement:
                measure(measurement)
    result = rounds_of(settings)
    assert [(round.status, Flag.ABORTED in round.flags) for round in result.rounds] == [
        (RoundStatus.FAILED, True),
        (RoundStatus.OK, False),
    ]


def test_a_cached_prompt_is_known_from_the_probe_and_has_no_prefill_rate(tmp_path):
    with known_server(ttft_s=0.05, token_s=0.001, biases=Biases(cached=True)) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            honest = one_round(measurement)
            attempt = measurement.prepare(Phase.MEASURE)
            client = measurement.engine.client
            client.generate(
                measurement.asking.payload(attempt.nonce, attempt.seed)
            )  # somebody sent the same just before
            attempt.send()
            cached = measurement.keep(attempt)

    assert honest.metrics["prefill_tokens_per_s"] == pytest.approx(32 / 0.05, rel=0.1)
    assert Flag.PREFILL_CACHED not in honest.flags
    assert "prefill_tokens_per_s" not in cached.metrics
    assert Flag.PREFILL_CACHED in cached.flags


def test_thinking_and_coalesced_chunks_are_read_as_they_are(tmp_path):
    with known_server(ttft_s=0.02, token_s=0.02, biases=Biases(thinking=True)) as server:
        settings = settings_for(server.url, tmp_path / "a")
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            thought = one_round(measurement)
    with known_server(**QUICK, biases=Biases(coalesce=2)) as server:
        settings = settings_for(server.url, tmp_path / "b")
        with a_session(settings) as (session, candidate), session.measuring(candidate, a_point()) as measurement:
            coalesced = one_round(measurement)

    assert thought.metrics["ttft_s"] < thought.metrics["ttfa_s"]
    assert Flag.CHUNKS_NOT_TOKENS in coalesced.flags
    assert "itl_p50_s" not in coalesced.metrics
    assert coalesced.metrics["output_tokens"] == 4


def test_a_cold_round_begins_with_the_model_verified_unloaded_and_has_a_load_time(tmp_path):
    with known_server(**QUICK, load_s=0.03) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point("cold_load", warmup=0)) as measurement:
                attempt = measurement.prepare(Phase.MEASURE)
                assert session.engine.client.loaded() == ()
                attempt.send()
                round = measurement.keep(attempt)
    assert round.metrics["load_s"] >= 0.03
    assert "model_memory_b" in round.metrics


def test_a_context_too_small_for_the_prompt_is_refused_before_any_round(tmp_path):
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            small = replace(candidate, context_length=30)
            with pytest.raises(UsageError, match="has a context of 30 tokens; 32 → 4 needs 36"):
                with session.measuring(small, a_point()):
                    pass
    result = rounds_of(settings)
    assert (result.status, result.rounds) == (Status.FAILED, ())


def test_a_model_too_big_for_the_memory_is_not_even_loaded(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            huge = replace(candidate, needed_b=10**15)
            with pytest.raises(DoesNotFit, match=r"known needs about 909 TiB of memory, and .* are available"):
                with session.measuring(huge, a_point()):
                    pass
            assert session.engine.client.loaded() == ()
    assert rounds_of(settings).status is Status.FAILED


def test_a_store_that_fails_costs_no_round_that_was_kept(tmp_path):
    events = Events()
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with pytest.raises(StoreError), a_session(settings, events=events) as (session, candidate):
            with session.measuring(candidate, a_point()) as measurement:
                one_round(measurement)
                session.store.delete_run(session.run.id, is_alive=lambda _pid: False)  # behind its back
                one_round(measurement)
    assert events.told[:2] == ["first_token started, 1 + 2", "measure 0 ok"]
    assert events.told[2].startswith("note: The run's end could not be stored.")


def test_a_run_is_not_done_where_the_store_did_not_take_all_rounds_of_a_case(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with pytest.raises(StoreLocked), session.measuring(candidate, a_point()) as measurement:
                one_round(measurement)
                refusing(session.store.path, "INSERT ON round")
                one_round(measurement)
            assert len(measurement.rounds) == 1  # of a case in blocks its other blocks go on with it
            assert session.end(interrupted=False) is Status.INTERRUPTED
    result = rounds_of(settings)
    assert (result.status, result.done) == (Status.INTERRUPTED, 1)


def test_an_interrupted_run_stays_so_where_the_end_of_its_case_cannot_be_stored(tmp_path):
    events = Events()
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with pytest.raises(KeyboardInterrupt), a_session(settings, events=events) as (session, candidate):
            with session.measuring(candidate, a_point()) as measurement:
                one_round(measurement)
                refusing(session.store.path, "UPDATE ON result")
                raise KeyboardInterrupt
    assert "note: The end of a case could not be stored." in "\n".join(events.told)


def test_an_interrupted_run_goes_on_at_its_first_unfinished_case(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with pytest.raises(KeyboardInterrupt), a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point("first_token")) as measurement:
                measure(measurement)
            with session.measuring(candidate, a_point("decode")) as measurement:
                one_round(measurement)
                raise KeyboardInterrupt
        run = session.run.id
        with open_store(settings.database_url, write=False) as store:
            assert store.run(run).status is Status.INTERRUPTED
            assert [result.status for result in store.results(run, rounds=False)] == [Status.DONE, Status.INTERRUPTED]

        with a_session(settings, intent=Intent(trigger="test", resume=run)) as (session, candidate):
            assert session.run.id == run
            assert session.over(candidate, a_point("first_token"))
            assert not session.over(candidate, a_point("decode"))
            with session.measuring(candidate, a_point("decode")) as measurement:
                measure(measurement)
            assert session.end(interrupted=False) is Status.DONE
    with open_store(settings.database_url, write=False) as store:
        assert [(r.case.suite, r.status, r.done) for r in store.results(run, rounds=False)] == [
            ("first_token", Status.DONE, 2),
            ("decode", Status.DONE, 2),
        ]
        assert [event.data["position"] for event in store.events(run) if event.kind == "case"] == [1, 2, 2]


def test_a_run_goes_on_to_its_end_only_when_each_of_its_cases_is_over(tmp_path):
    # given a case that was interrupted, and whose text is another one when the run goes on
    events = Events()
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with pytest.raises(KeyboardInterrupt), a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point("decode")) as measurement:
                one_round(measurement)
                raise KeyboardInterrupt
        run = session.run.id
        with a_session(settings, intent=Intent(trigger="test", resume=run), events=events) as (session, candidate):
            with session.measuring(candidate, a_point("first_token")) as measurement:
                measure(measurement)
            assert session.end(interrupted=False) is Status.INTERRUPTED
    with open_store(settings.database_url, write=False) as store:
        assert store.run(run).status is Status.INTERRUPTED
        assert [result.status for result in store.results(run, rounds=False)] == [Status.INTERRUPTED, Status.DONE]
    assert f"of run {run} is not over, and nothing more of it was asked for" in events.told[-1]


def test_a_run_that_goes_on_keeps_its_events_however_soon_those_of_ended_runs_are_forgotten(tmp_path):
    # given a run that was interrupted, and readings and events that are kept for no time at all
    with playing(good()) as fake:
        settings = replace(settings_for(fake.url, tmp_path), telemetry_keep_days=0.0)
        with a_session(settings) as (session, _):
            run = session.run.id
        with open_store(settings.database_url, write=False) as store:
            before = store.events(run)
        # when it goes on
        with a_session(settings, intent=Intent(trigger="test", resume=run)) as (session, _):
            assert session.end(interrupted=False) is Status.DONE
    # then who follows it by numbers misses none
    with open_store(settings.database_url, write=False) as store:
        after = store.events(run)
    assert after[: len(before)] == before
    assert [event.number for event in after] == [*range(1, len(after) + 1)]


def test_a_run_whose_conditions_changed_is_lost_and_says_what_changed(tmp_path):
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, _):
            run = session.run.id
    with playing(good(), version="0.20.7") as fake:
        other = replace(settings, ollama_url=fake.url)
        with pytest.raises(UsageError, match=r"ollama_version was 0\.11\.4, is 0\.20\.7") as caught:
            with a_session(other, intent=Intent(trigger="test", resume=run)):
                pass
    assert "it is lost" in str(caught.value)
    with open_store(settings.database_url, write=False) as store:
        assert store.run(run).status is Status.LOST


def test_only_an_interrupted_run_can_be_resumed(tmp_path):
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, _):
            session.end(interrupted=False)
        with pytest.raises(UsageError, match="only an interrupted run can be resumed"):
            with a_session(settings, intent=Intent(trigger="test", resume="latest")):
                pass
        with pytest.raises(UnknownRun):
            with a_session(settings, intent=Intent(trigger="test", resume="20200101-000000-0000")):
                pass


def test_what_somebody_else_had_loaded_is_asked_for_anew_before_anything_of_it_is_noted(tmp_path):
    # given a server in which an app has the model with a long context, half of it on the GPU; Ollama loads it again for
    # a request without that option
    theirs, ours = (
        json_reply({"models": [{"name": "m:latest", "size": 100, "size_vram": vram, "context_length": context}]})
        for vram, context in ((50, 16384), (100, 4096))
    )
    with playing(good()) as fake:
        fake.play({"GET /api/ps": [theirs, theirs, ours]})  # what is restored, what is there, what came of the load
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=1, warmup=0)) as measurement:
                measure(measurement)
            session.end(interrupted=False)
        assert [sorted(load) for load in fake.asked(LOAD)] == [["keep_alive", "model", "stream"]]
    result = rounds_of(settings)
    assert (result.offload_ratio, result.facts["context_length"]) == (1.0, 4096)


def test_an_external_ollama_is_left_as_it_was_found(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            assert session.engine.client.loaded() == ()
            with session.measuring(candidate, a_point()) as measurement:
                one_round(measurement)
            client = session.engine.client
            assert len(client.loaded()) == 1
        with a_session(settings) as (session, _):
            assert session.engine.client.loaded() == ()


def test_a_queued_run_is_begun_by_the_process_that_takes_it_over(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with open_store(settings.database_url, write=True) as store:
            waits = new_run(Intent(trigger="rest", note="from the page"), conditions=None)
            store.enqueue(waits, request={"rounds": 2}, key=None)
        intent = Intent(trigger="orac", arguments=("--orac-rounds", "2"), claim=waits.id, plan=(Work(units=1),))
        with a_session(settings, intent=intent) as (session, candidate):
            with session.measuring(candidate, a_point()) as measurement:
                measure(measurement)
            session.end(interrupted=False)
        with open_store(settings.database_url, write=False) as store:
            run = store.run(waits.id)
            kinds = [event.kind for event in store.events(waits.id)]
    assert (run.status, run.trigger, run.note, run.seed) == (Status.DONE, "rest", "from the page", waits.seed)
    assert (run.arguments, run.conditions) == (("--orac-rounds", "2"), session.run.conditions)
    assert kinds == ["queued", "started", "case", *["round"] * 3, "done"]


def test_a_run_that_a_person_wants_to_end_is_cancelled_and_does_not_go_on(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with pytest.raises(KeyboardInterrupt), a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point()) as measurement:
                one_round(measurement)
                session.store.ask_cancel(session.run.id)
                raise KeyboardInterrupt
        with open_store(settings.database_url, write=False) as store:
            assert store.run(session.run.id).status is Status.CANCELLED
            assert [event.kind for event in store.events(session.run.id)][-1] == "cancelled"
            (result,) = store.results(session.run.id, rounds=False)
            assert result.status is Status.INTERRUPTED
        resumed = Intent(trigger="test", resume=session.run.id)
        with (
            pytest.raises(UsageError, match="is cancelled; only an interrupted run"),
            a_session(settings, intent=resumed),
        ):
            pass


def test_those_who_wait_can_see_which_run_it_is_and_when_it_is_likely_over(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        intent = Intent(trigger="test", plan=(Work(units=1), Work(units=1)))
        with a_session(settings, intent=intent) as (session, candidate):
            with session.measuring(candidate, a_point()) as measurement:
                seen = measuring_now(settings.home / LOCK)
                assert (seen.run, seen.cases_done, seen.cases) == (session.run.id, 0, 2)
                assert seen.likely_over is None  # nothing is measured yet
                measure(measurement)
            with session.measuring(candidate, a_point("decode")):
                seen = measuring_now(settings.home / LOCK)
                assert (seen.cases_done, seen.cases) == (1, 2)
                assert seen.likely_over is not None
    assert measuring_now(settings.home / LOCK) is None


def test_a_prompt_as_it_is_goes_through_the_models_own_template_and_its_first_answer_is_kept(tmp_path):
    short = stream(answer(["It", " is", " blue"], end=final(eval_count=4, prompt_eval_count=9, done_reason="stop")))
    with playing(good(1), short, good(3)) as fake:
        settings = settings_for(fake.url, tmp_path)
        point = points(SUITES["prompt"], Wishes(prompt_sha256="ab", output_tokens=8))[0]
        with a_session(settings, intent=Intent(trigger="test", prompt="Why is the sky blue?")) as (session, candidate):
            with session.measuring(candidate, point) as measurement:
                measure(measurement)
            assert session.end(interrupted=False) is Status.DONE
    new, *sent = [body for body in fake.asked(GENERATE) if "prompt" in body]
    assert (new["raw"], new["options"]["num_predict"]) == (True, 1)  # another prompt takes the place in the cache
    result = rounds_of(settings)
    assert sent == [
        {
            "model": "m:latest",
            "prompt": "Why is the sky blue?",
            "keep_alive": -1,
            "truncate": False,  # a text that is too long is refused, from 0.12.6 on
            "options": {"num_predict": 8, "seed": round.seed},
            "stream": True,
        }
        for round in result.rounds
    ]
    assert result.case.options == {}
    assert (result.facts["answer"], result.facts["thinking"]) == ("It is blue", None)
    assert [(round.counted, Flag.SHORT_OUTPUT in round.flags) for round in result.rounds] == [(True, False)] * 3
    assert ["prefill_tokens_per_s" in round.metrics for round in result.rounds] == [True, False, False]
    assert [Flag.PREFILL_CACHED in round.flags for round in result.rounds] == [False, True, True]
    assert "nonce" not in result.rounds[0].raw


def test_a_round_after_the_models_file_was_replaced_is_no_round_of_that_model(tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(b"first")
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=3, warmup=0)) as measurement:
                measurement.target.file, measurement.target.identity = file, identity(file)
                one_round(measurement)
                file.unlink()  # what is loaded is still it
                one_round(measurement)
                file.write_bytes(b"another")
                one_round(measurement)
            with (
                pytest.raises(BadModel, match="is not the file any more"),
                session.measuring(candidate, a_point("decode")),
            ):
                pytest.fail("nothing may be measured of it")
            session.end(interrupted=False)

    with open_store(settings.database_url, write=False) as store:
        result, other = store.results(store.resolve("latest"), rounds=True)
    message = (
        "m.gguf is not the file any more that it was when the run began. Put it there, leave it alone, and measure "
        f"{result.case.model} again."
    )
    assert [round.failure and round.failure.message for round in result.rounds] == [None, None, message]
    assert (result.status, result.rounds[2].metrics.keys()) == (Status.FAILED, {"client_cpu_s"})
    assert (other.status, other.rounds) == (Status.FAILED, ())


def test_an_ollama_that_was_upgraded_under_a_run_measures_nothing_more_of_it(tmp_path):
    # given an Ollama whose owner puts another version in its place after the first round
    older, newer = (json_reply({"version": version}) for version in ("0.11.4", "0.20.7"))
    events = Events()
    with playing(good()) as fake:
        settings = settings_for(fake.url, tmp_path)
        with a_session(settings, events=events) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=5, warmup=0)) as measurement:
                one_round(measurement, Phase.MEASURE)
                fake.play({"GET /api/version": [newer]})
                measure(measurement)
            with pytest.raises(OllamaChanged), session.measuring(candidate, a_point("decode")):
                pass
            fake.play({"GET /api/version": [older]})
            assert session.end(interrupted=False) is Status.FAILED
    with open_store(settings.database_url, write=False) as store:
        first, second = store.results(store.resolve("latest"), rounds=True)
    assert [(one.status, one.counted) for one in first.rounds] == [(RoundStatus.OK, True)] + 3 * [
        (RoundStatus.FAILED, False)
    ]
    assert second.rounds == ()
    assert {result.failure.message.rpartition("first: ")[2] for result in (first, second)} == {
        "Ollama is 0.20.7 now, and was 0.11.4 when this run began; what was measured before is kept. "
        "Start a new run: orac bench"
    }


def test_a_round_that_fails_because_the_models_file_is_gone_says_so(tmp_path):
    with playing(good(), good(), good(), good(), error_reply(400, "m does not support generate")) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, a_point(rounds=1, warmup=0)) as measurement:
                measurement.target.file, measurement.target.identity = tmp_path / "m.gguf", "1:2:3:4"
                while one_round(measurement).failure is None:
                    pass
            session.end(interrupted=False)

    failure = rounds_of(settings).rounds[-1].failure
    assert failure is not None
    assert failure.message == "m.gguf is gone. Put it there, leave it alone, and measure m again."

"""A sustained run: minutes, their ratio, and how it goes through the recipe and the store."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from orac_bench.bench import Bench
from orac_bench.flags import Flag
from orac_bench.forecast import Work
from orac_bench.progress import Progress
from orac_bench.records import Chunk, Generation, Json, Result, ServerTimings, Status
from orac_bench.selfcheck.known_server import known_server
from orac_bench.store.exchange import packed, unpacked
from orac_bench.store.store import open_store
from orac_bench.suites.grid import SUITES, Wishes, case, points
from orac_bench.sustained import Minutes
from orac_bench.telemetry.source import Sample
from tests.builders import a_round
from tests.fakes.fake_ollama import LOAD, FakeOllama, Reply, answer, final, json_reply, stream
from tests.sessions import a_session, measure, settings_for

S = 10**9


def request(start_s: int, seconds: int, tokens_per_s: int) -> Generation:
    """One that writes evenly, a chunk a token."""
    stamps = [start_s * S + place * S // tokens_per_s for place in range(seconds * tokens_per_s)]
    return Generation(
        sent_ns=start_s * S,
        chunks=tuple(Chunk(at, "a") for at in stamps),
        done_ns=(start_s + seconds) * S,
        timings=ServerTimings(),
    )


def test_the_ratio_is_the_last_minute_over_the_first() -> None:
    minutes = Minutes(start_ns=0)
    for start_s in range(0, 180, 20):
        minutes.add_request(request(start_s, 20, 50 if start_s < 60 else 40), tokens=None)
    assert minutes.reached_s == 180
    assert minutes.ratio() == pytest.approx(40 / 50)
    assert [row["tokens_per_s"] for row in minutes.rows()] == [50, 40, 40]  # type: ignore[index, call-overload]


def test_the_time_between_requests_is_not_the_models() -> None:
    minutes = Minutes(start_ns=0)
    minutes.add_request(request(0, 30, 50), tokens=None)
    minutes.add_request(request(90, 30, 50), tokens=None)
    assert minutes.ratio() == 1.0


def test_chunks_are_as_many_tokens_as_the_server_counts() -> None:
    minutes = Minutes(start_ns=0)
    minutes.add_request(request(0, 20, 50), tokens=2000)
    (row,) = minutes.rows()
    assert row == {"minute": 1, "tokens_per_s": 100}


def test_below_two_minutes_the_halves_are_compared() -> None:
    minutes = Minutes(start_ns=0)
    minutes.add_request(request(0, 5, 50), tokens=None)
    minutes.add_request(request(5, 5, 25), tokens=None)
    assert minutes.ratio() == 0.5


def test_a_request_longer_than_a_minute_is_counted_where_its_tokens_came() -> None:
    minutes = Minutes(start_ns=0)
    minutes.add_request(request(0, 150, 2), tokens=None)
    assert [row["tokens_per_s"] for row in minutes.rows()] == [2, 2, 2]  # type: ignore[index, call-overload]


def test_the_board_is_told_minute_by_minute() -> None:
    minutes = Minutes(start_ns=0)
    minutes.add_request(request(0, 70, 1), tokens=None)
    minutes.add_samples(
        Sample(source="s", at_ns=at * S, values={"temperature_celsius.tj": float(at), "power_w.VDD_IN": 10.0})
        for at in (10, 20, 65)
    )
    expected: list[Json] = [
        {"minute": 1, "tokens_per_s": 1.0, "temperature_celsius": 15.0, "power_w": 10.0},
        {"minute": 2, "tokens_per_s": 1.0, "temperature_celsius": 65.0, "power_w": 10.0},
    ]
    assert minutes.rows() == expected


def test_nothing_written_has_no_ratio() -> None:
    assert Minutes(start_ns=0).ratio() is None


def test_its_time_is_an_option_of_the_case_and_planned_in_seconds() -> None:
    (point,) = points(SUITES["sustained"], Wishes(time_limit_s=90.0, rounds=7))
    (default,) = points(SUITES["sustained"], Wishes())
    assert (point.rounds, point.planned, default.planned) == (1, 90, 600)
    keys = {case(p, model="m", model_digest="d", parameters={}).key for p in (point, default)}
    assert len(keys) == 2
    assert case(point, model="m", model_digest="d", parameters={}).options["time_limit_s"] == 90.0


def test_requests_follow_each_other_for_the_time_and_the_last_has_the_ratio(tmp_path: Path) -> None:
    # given a time of 2 s, and requests of 0.2 s
    (point,) = points(SUITES["sustained"], Wishes(time_limit_s=2.0, output_tokens=16, prompt_tokens=(32,)))
    with known_server(ttft_s=0.02, token_s=0.01) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, point) as measurement:
                measure(measurement)
            session.end(interrupted=False)
            run = session.run
    with open_store(settings.database_url, write=False) as store:
        (result,) = store.results(run.id, rounds=True, arrivals=True)
        whole = store.run(run.id)
        assert store.check() == ()
    # then it planned and reached seconds, and only its last round has the headline
    assert (result.status, result.planned, result.facts["reached_s"]) == (Status.DONE, 2, result.done)
    assert result.done in (2, 3)
    assert 2 <= len(result.rounds) <= 12  # a busy machine fits fewer in
    assert ["sustained_ratio" in round.metrics for round in result.rounds] == [False] * (len(result.rounds) - 1) + [
        True
    ]
    assert result.summary["sustained_ratio"].n == 1
    assert result.summary["sustained_ratio"].ci_low is None
    assert result.summary["sustained_ratio"].median == pytest.approx(1.0, abs=0.3)
    # and it comes through an export as it is
    ((_, (taken,)),) = unpacked(packed([(whole, [result])]))
    assert replace(taken, summary={}) == replace(result, summary={})


def test_heat_and_short_answers_only_tell_in_it(tmp_path: Path) -> None:
    (point,) = points(SUITES["sustained"], Wishes(time_limit_s=0.5, output_tokens=500, prompt_tokens=(32,)))
    with known_server(ttft_s=0.02, token_s=0.001) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate), session.measuring(candidate, point) as measurement:
            measure(measurement)
    flags = {flag for round in measurement.rounds for flag in round.flags - round.telling}
    assert not flags & {Flag.SHORT_OUTPUT, Flag.THROTTLED}
    assert all(round.counted for round in measurement.rounds)


def test_it_is_only_run_when_it_is_named(tmp_path: Path) -> None:
    with known_server() as server:
        settings = settings_for(server.url, tmp_path)
        unnamed = Bench.asked(settings, {})
        named = Bench.asked(settings, {"orac_suite": ["sustained"], "orac_time_limit": 90.0})
        ((_, point),) = named.grid(SUITES["sustained"])
    (candidate, timed) = point
    assert timed.time_s == 90.0
    assert (unnamed.wants(point), unnamed.wants(point, "sustained"), named.wants(point)) == (False, True, True)
    assert named.arguments([(candidate, timed)], keyword="")[-2:] == ("--orac-time-limit", "90s")


def test_its_progress_is_a_line_that_updates_with_the_time() -> None:
    out = Terminal()
    (point,) = points(SUITES["sustained"], Wishes(time_limit_s=600.0))
    shown = Progress(out, [Work(units=1.0)])
    its_case = case(point, model="m", model_digest="d", parameters={})
    shown.case_started(its_case, warmup=0, rounds=1)
    metrics = {"e2e_s": 5.0, "decode_tokens_per_s": 51.2, "temperature_max_celsius": 61.0}
    shown.round_kept(its_case, a_round(index=0, metrics=metrics))
    shown.round_kept(its_case, a_round(index=55, metrics=metrics))
    lines = out.getvalue().split("\r\x1b[K")
    assert "m sustained 64 → 256: 5 s of 10 min 00 s, Decode 51.2 tok/s, Hottest 61.0 °C" in lines[-2]
    assert "m sustained 64 → 256: 1 min 00 s of 10 min 00 s" in lines[-1]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def slow(*, reloaded: bool) -> Reply:
    """An answer of four tokens that takes 0.6 s; where it was `reloaded`, its round does not count."""
    end = final(eval_count=4, prompt_eval_count=32, load_duration=300_000_000 if reloaded else 1_000_000)
    return stream(answer(["a", "b", "c", "d"], end=end), first_s=0.3, every_s=0.075)


def half_a_second_of(folder: Path, *replies: Reply) -> Result:
    """A sustained run over 0.5 s of an Ollama that answers the calibration at once, and then so."""
    (point,) = points(SUITES["sustained"], Wishes(time_limit_s=0.5, output_tokens=4, prompt_tokens=(32,)))
    quick = stream(answer(["a"], end=final(eval_count=1, prompt_eval_count=32)))
    listed = {"name": "m:latest", "digest": "d1", "size": 100, "details": {"family": "llama"}}
    routes = {
        "GET /api/version": [json_reply({"version": "0.11.4"})],
        "GET /api/tags": [json_reply({"models": [listed]})],
        "GET /api/ps": [json_reply({"models": [{"name": "m:latest", "size": 100, "size_vram": 50}]})],
        LOAD: [json_reply({"done": True})],
        "POST /api/show": [json_reply({"model_info": {"llama.context_length": 2048}})],
        "POST /api/generate": [quick] * 4 + [*replies],
    }
    with FakeOllama(routes) as fake:
        settings = settings_for(fake.url, folder)
        with a_session(settings) as (session, candidate), session.measuring(candidate, point) as measurement:
            measure(measurement)
    with open_store(settings.database_url, write=False) as store:
        (result,) = store.results(session.run.id, rounds=True)
    return result


def test_where_the_last_request_does_not_count_the_next_one_has_the_ratio(tmp_path: Path) -> None:
    result = half_a_second_of(tmp_path, slow(reloaded=True), slow(reloaded=False))
    assert [(round.counted, "sustained_ratio" in round.metrics) for round in result.rounds] == [
        (False, True),
        (True, True),
    ]
    assert (result.status, result.summary["sustained_ratio"].n) == (Status.DONE, 1)


def test_a_run_whose_ratio_stays_without_a_request_that_counts_fails_and_says_why(tmp_path: Path) -> None:
    result = half_a_second_of(tmp_path, quick_and_good(), slow(reloaded=True))
    assert [round.counted for round in result.rounds] == [True, False, False, False]  # three after the time was over
    assert "sustained_ratio" not in result.summary
    assert result.status is Status.FAILED
    assert result.failure is not None
    assert result.failure.code == "too_few_rounds"
    assert result.failure.message == (
        "There is no ratio: none of the requests at its end counts (reloaded). Measure it again."
    )


def quick_and_good() -> Reply:
    return stream(answer(["a", "b", "c", "d"], end=final(eval_count=4, prompt_eval_count=32, load_duration=1_000_000)))

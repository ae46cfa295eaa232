"""Cases in blocks, pairs, precision and the canary in a session: what is sent, what is kept, and how it goes on."""

from collections import Counter
from dataclasses import replace

import pytest

from orac_bench import canary
from orac_bench.candidates import find_candidates, varied
from orac_bench.errors import OracError, StoreError
from orac_bench.intent import Intent
from orac_bench.interleaving import split
from orac_bench.opened import before
from orac_bench.records import Phase, Status
from orac_bench.selfcheck.known_server import Biases, known_server
from orac_bench.session import open_session
from orac_bench.stats.stopping import Rule
from orac_bench.store.store import open_store
from orac_bench.suites.grid import OPTIONS
from orac_bench.variants import variant
from tests.builders import a_case, a_result, a_round
from tests.sessions import Events, a_point, a_session, one_round, settings_for

QUICK = {"ttft_s": 0.004, "token_s": 0.001}


def blocked(suite="decode", *, rounds=4, blocks=2, warmup=1):
    return split(replace(a_point(suite, rounds=rounds, warmup=warmup), blocks=blocks))


def measure(session, candidate, part):
    with session.measuring(candidate, part) as measurement:
        for phase in [Phase.WARMUP] * part.warmup + [Phase.MEASURE] * part.share:
            one_round(measurement, phase)
        while measurement.tries_left():
            one_round(measurement)
    return measurement


def results_of(settings, run="latest"):
    with open_store(settings.database_url, write=False) as store:
        return store.results(store.resolve(run), rounds=True)


def pair_of(candidate):
    return tuple(varied(candidate, variant(text)) for text in ("num_thread=1", "num_thread=2"))


def test_blocks_are_one_result_and_its_rounds_know_their_block(tmp_path):
    events = Events()
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings, events=events) as (session, candidate):
            for block in range(2):
                measure(session, candidate, blocked("first_token", rounds=3)[block])
                measure(session, candidate, blocked("decode", rounds=3)[block])
            assert session.end(interrupted=False) is Status.DONE

    for result in results_of(settings):
        assert (result.status, result.planned, result.done, result.facts["blocks"]) == (Status.DONE, 3, 3, 2)
        assert [(one.phase.value, one.index, one.block) for one in result.rounds] == [
            ("warmup", 0, 0),
            ("measure", 0, 0),
            ("measure", 1, 0),
            ("warmup", 1, 1),
            ("measure", 2, 1),
        ]
        assert result.summary["e2e_s"].n == 3
    assert [line for line in events.told if "block" in line or "done" in line] == [
        "known first_token block 0, 1 + 2",
        "known decode block 0, 1 + 2",
        "known first_token block 1, 1 + 1",
        "first_token done",
        "known decode block 1, 1 + 1",
        "decode done",
    ]


def test_a_variants_settings_are_sent_with_every_request_and_with_the_load(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            base = varied(candidate, variant("num_thread=1,top_k=5"))
            with session.measuring(base, a_point()) as measurement:
                sent = measurement.asking.payload(measurement.asking.new_nonce(), 1)["options"]
                assert session.engine.runner == {"num_thread": 1}
                assert session.engine.only(measurement.target.served_as, {"num_thread": 1})
                assert session.engine.only(measurement.target.served_as, {"num_thread": 2}) is None
                assert session.engine.only(measurement.target.served_as) is None
                one_round(measurement)
    assert sent == {**OPTIONS, "num_thread": 1, "top_k": 5, "num_predict": 4, "seed": 1}
    (result,) = results_of(settings)
    assert result.case.options == {**OPTIONS, "num_thread": 1, "top_k": 5}
    assert result.case.name == "known num_thread=1,top_k=5"


def test_the_sides_of_a_pair_know_each_other(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        (candidate,) = find_candidates(settings).candidates
        pair = pair_of(candidate)
        with open_session(settings, {}, Intent(trigger="test", pair=pair, seed=77), Events()) as session:
            assert session.run.seed == 77
            for part in blocked():
                for one in pair[:: 1 if part.block else -1]:
                    measure(session, one, part)
            session.end(interrupted=False)

    candidate_side, base_side = results_of(settings)
    assert base_side.facts["pair"] == {"with": candidate_side.case.key, "side": "base"}
    assert candidate_side.facts["pair"] == {"with": base_side.case.key, "side": "candidate"}
    assert Counter(one.block for one in base_side.rounds if one.counted) == {0: 2, 1: 2}


def test_an_interrupted_pair_goes_on_at_the_first_block_that_both_have_not_finished(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        (candidate,) = find_candidates(settings).candidates
        pair = base, other = pair_of(candidate)
        parts = blocked(rounds=6, blocks=3)
        intent = Intent(trigger="test", pair=pair)
        with pytest.raises(KeyboardInterrupt), open_session(settings, {}, intent, Events()) as session:
            for one in pair:
                measure(session, one, parts[0])
            measure(session, base, parts[1])
            with session.measuring(other, parts[1]) as measurement:
                one_round(measurement, Phase.WARMUP)
                one_round(measurement)
                raise KeyboardInterrupt
        run = session.run.id
        first = {result.case.key: result.rounds for result in results_of(settings)}
        assert [result.status for result in results_of(settings)] == [Status.INTERRUPTED] * 2

        events = Events()
        again = replace(intent, resume=run)
        with open_session(settings, {}, again, events) as session:
            for one in pair:
                assert session.over(one, parts[0])
            for part in parts[1:]:
                for one in pair:
                    assert not session.over(one, part)
                    measure(session, one, part)
            assert session.end(interrupted=False) is Status.DONE

    for result in results_of(settings):
        assert (result.status, result.done) == (Status.DONE, 6)
        assert result.rounds[:3] == first[result.case.key][:3]  # block 0, not measured a second time
        assert [(one.phase.value, one.index, one.block) for one in result.rounds] == [
            *(("warmup", 0, 0), ("measure", 0, 0), ("measure", 1, 0)),
            *(("warmup", 1, 1), ("measure", 2, 1), ("measure", 3, 1)),
            *(("warmup", 2, 2), ("measure", 4, 2), ("measure", 5, 2)),
        ]
    with open_store(settings.database_url, write=False) as store:
        assert store.check() == ()


def a_blocked_result(key, status, *, blocks, pair=None):
    """Two rounds are planned in each of three blocks; `blocks` has how many each of them has."""
    numbers = [block for block, count in enumerate(blocks) for _ in range(count)]
    return a_result(
        case=a_case(key=key),
        status=status,
        planned=6,
        facts={"blocks": 3, **({"pair": {"with": pair, "side": "base"}} if pair else {})},
        rounds=[replace(a_round(index=index), block=block) for index, block in enumerate(numbers)],
    )


@pytest.mark.parametrize(
    ("results", "finished", "kept"),
    [
        ([a_blocked_result("a", Status.INTERRUPTED, blocks=(2, 2, 1))], set(), {"a": {0, 1}}),
        ([a_blocked_result("a", Status.INTERRUPTED, blocks=(1, 0, 0))], set(), {"a": set()}),
        ([a_blocked_result("a", Status.INTERRUPTED, blocks=(2, 2, 2))], set(), {"a": {0, 1}}),
        ([a_blocked_result("a", Status.DONE, blocks=(2, 2, 2))], {"a"}, {}),
        ([a_blocked_result("a", Status.FAILED, blocks=(2, 2, 2))], set(), {}),
        (
            [
                a_blocked_result("a", Status.DONE, blocks=(2, 2, 2), pair="b"),
                a_blocked_result("b", Status.INTERRUPTED, blocks=(2, 2, 1), pair="a"),
            ],
            set(),
            {"a": {0, 1}, "b": {0, 1}},
        ),
        ([a_blocked_result("a", Status.INTERRUPTED, blocks=(2, 2, 0), pair="b")], set(), {"a": set()}),
    ],
)
def test_blocks_that_are_complete_on_both_sides_are_kept(results, finished, kept):
    found = before(results)

    assert found.finished == finished
    assert {key: {one.block for one in rounds} for key, rounds in found.kept.items()} == kept


def test_only_a_result_that_is_there_and_rests_can_be_reopened(tmp_path):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, blocked()[0]) as measurement:
                for key, why in ((measurement.case.key, "being measured"), ("nobody", "not there")):
                    with pytest.raises(StoreError, match=why):
                        session.store.reopen_result(session.run.id, key, blocks=())


def test_luck_is_tried_again_within_its_block(tmp_path):
    with known_server(**QUICK, biases=Biases(short=True)) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            for part in blocked(rounds=4, blocks=2, warmup=0):
                measure(session, candidate, part)
    (result,) = results_of(settings)
    assert Counter(one.block for one in result.rounds) == {0: 4, 1: 4}  # 2 planned, 2 again
    assert result.status is Status.FAILED


def test_a_case_that_failed_is_not_tried_in_its_other_blocks(tmp_path):
    with known_server(**QUICK, biases=Biases(no_final=True)) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            first, second = blocked()
            with pytest.raises(OracError):
                measure(session, candidate, first)
            assert session.over(candidate, second)


def precise(ratio, **rule):
    return replace(a_point("first_token", rounds=10), rule=Rule(precision_ratio=ratio, **rule))


@pytest.mark.parametrize(
    ("point", "stopped", "rounds"),
    [
        (precise(100.0), "precision", 11),  # looked at 10 rounds, and then at 11
        (precise(1e-9, ceiling=13), "rounds", 13),
        (precise(1e-9, time_limit_s=1e-6), "time", 1),
    ],
)
def test_rounds_go_on_until_it_is_known_well_enough_and_the_result_says_why_they_ended(
    tmp_path, point, stopped, rounds
):
    with known_server(**QUICK) as server:
        settings = settings_for(server.url, tmp_path)
        with a_session(settings) as (session, candidate):
            with session.measuring(candidate, point) as measurement:
                one_round(measurement)
                while measurement.tries_left():
                    one_round(measurement)
            session.end(interrupted=False)
    (result,) = results_of(settings)
    fact = result.facts["precision"]
    assert (result.status, result.done, fact["wanted"], fact["stopped"]) == (
        Status.DONE,
        rounds,
        point.rule.precision_ratio,
        stopped,
    )
    assert (fact["reached"]["ttft_s"] is None) == (rounds < 6)


def test_the_canary_is_measured_once_a_run_marked_and_no_other_case(tmp_path):
    with known_server(**QUICK) as server:
        settings = replace(settings_for(server.url, tmp_path), canary_model="known")
        bird = canary.find(settings)
        events = Events()
        with pytest.raises(KeyboardInterrupt), a_session(settings, events=events) as (session, candidate):
            assert canary.measure(session, bird)
            with session.measuring(candidate, replace(canary.POINT, canary=False)) as measurement:
                assert measurement.case.key != results_of(settings)[0].case.key
                raise KeyboardInterrupt
        with a_session(settings, intent=Intent(trigger="test", resume="latest")) as (session, _):
            assert canary.measure(session, bird)

    result = results_of(settings)[0]
    assert (result.case.name, result.facts["canary"], result.done) == ("known (canary)", True, 6)
    assert (result.case.workload.label, result.case.suite) == ("64 → 64", "decode")
    assert events.told[:9] == [
        "decode started, 1 + 6",
        "warmup 0 ok",
        *(f"measure {index} ok" for index in range(6)),
        "decode done",
    ]


def test_a_canary_that_fails_is_told_and_the_run_goes_on(tmp_path):
    with known_server(**QUICK, biases=Biases(no_final=True)) as server:
        settings = replace(settings_for(server.url, tmp_path), canary_model="known")
        events = Events()
        with a_session(settings, events=events) as (session, _):
            assert not canary.measure(session, canary.find(settings))
    assert events.told[-1] == "decode failed"

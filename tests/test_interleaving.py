"""Blocks and pairs: who is measured against whom, and in which order."""

from dataclasses import replace

import pytest

from orac_bench.bench import Bench
from orac_bench.candidates import find_candidates
from orac_bench.errors import UsageError
from orac_bench.interleaving import interleaved, sides, split
from orac_bench.stats.plan import Side, pair_order
from orac_bench.suites.grid import SUITES, Wishes, points
from tests.fakes.fake_ollama import FakeOllama, json_reply
from tests.sessions import settings_for


@pytest.fixture
def settings(tmp_path):
    """Of a server with the models a and b, and a context of 2048."""
    listed = [{"name": f"{name}:latest", "digest": f"d{name}", "size": 100} for name in "ab"]
    routes = {
        "GET /api/tags": [json_reply({"models": listed})],
        "POST /api/show": [json_reply({"model_info": {}})],
    }
    with FakeOllama(routes) as fake:
        yield settings_for(fake.url, tmp_path)


def asked(settings, **options):
    return Bench.asked(settings, {f"orac_{name}": value for name, value in options.items()})


def test_two_models_are_base_and_candidate_as_they_were_named(settings):
    assert [one.name for one in sides(settings, ["b", "a"], [])] == ["b", "a"]


def test_two_variants_are_two_settings_of_one_model(settings):
    base, candidate = sides(settings, ["a"], ["num_ctx=512", "num_ctx=1024,top_k=5"])

    assert (base.label, base.context_length, base.options) == ("a num_ctx=512", 512, {"num_ctx": 512})
    assert (candidate.label, candidate.context_length) == ("a num_ctx=1024,top_k=5", 1024)


@pytest.mark.parametrize(
    ("models", "variants", "what"),
    [
        (["a"], [], "--paired holds two models against each other, and 1 is named."),
        ([], [], "--paired holds two models against each other, and no are named."),
        (["a", "a"], [], "a and a are one model."),
        (["a"], ["top_k=1"], "--variant is said 1 times; a base and a candidate are two."),
        (["a", "b"], ["top_k=1", "top_k=2"], "Two variants are two settings of one model, and here are a, b."),
        (["a"], ["temperature=0.7", "temperature=0.70"], "ask for the same"),
        (["a"], ["temperature=0.7", "repeat_penalty=1.1"], "ask for the same"),
    ],
)
def test_what_is_no_pair_is_refused(settings, models, variants, what):
    with pytest.raises(UsageError) as caught:
        sides(settings, models, variants)

    assert what in caught.value.what
    assert caught.value.next


def test_a_pair_has_ten_blocks_of_three_rounds_unless_told_otherwise(settings):
    def measured(**options):
        ((_, (_, point)), _) = asked(settings, model=["a", "b"], paired=True, **options).grid(SUITES["decode"])
        return point.blocks, point.rounds, [part.share for part in split(point)], point.warmup

    assert measured() == (10, 30, [3] * 10, 1)
    assert measured(blocks=4) == (4, 12, [3] * 4, 1)
    assert measured(rounds=7, blocks=4, warmup=2) == (4, 7, [2, 2, 2, 1], 2)


def test_blocks_alone_spread_the_suites_rounds(settings):
    bench = asked(settings, model=["a"], blocks=3)
    ((_, (_, point)),) = bench.grid(SUITES["decode"])

    assert (point.rounds, point.requests) == (10, 3 * 1 + 10)
    assert [(part.block, part.share, part.requests, part.is_last) for part in split(point)] == [
        (0, 4, 5, False),
        (1, 3, 4, False),
        (2, 3, 4, True),
    ]
    ((_, (_, many)),) = asked(settings, model=["a"], blocks=12).grid(SUITES["decode"])
    assert many.rounds == 12


def test_pairs_come_in_the_order_that_the_seed_draws_both_sides_adjacent(settings):
    bench = asked(settings, model=["a", "b"], paired=True, blocks=3)
    planned = [
        (candidate, part)
        for suite in ("first_token", "decode")
        for _, (candidate, point) in bench.grid(SUITES[suite])
        for part in split(point)
    ]
    steps = bench.steps(planned, seed=7)

    names, suites = {Side.BASE: "a", Side.CANDIDATE: "b"}, ("first_token", "decode")
    measured = [(planned[s.index][0].name, planned[s.index][1].suite.name, planned[s.index][1].block) for s in steps]
    assert measured == [(names[t.side], suites[t.item], t.block) for t in pair_order(2, 3, seed=7)]
    assert sorted(step.index for step in steps) == list(range(len(planned)))
    assert [step.turn for step in steps] == [*pair_order(2, 3, seed=7)]


def test_what_was_taken_out_of_the_plan_leaves_a_gap_and_the_rest_in_its_order(settings):
    bench = asked(settings, model=["a", "b"], blocks=4)
    planned = [(c, part) for _, (c, point) in bench.grid(SUITES["decode"]) for part in split(point)]
    whole = bench.steps(planned, seed=3)
    fewer = interleaved(planned[:-1], blocks=4, pair=None, seed=3)

    assert [planned[step.index] for step in fewer] == [
        planned[step.index] for step in whole if step.index != len(planned) - 1
    ]
    assert interleaved([], blocks=4, pair=None, seed=3) == ()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"blocks": 3, "precision": "2%"}, "--precision goes on until enough is known"),
        ({"model": ["a", "b"], "paired": True, "precision": 0.02}, "--precision goes on until enough is known"),
        ({"suite": ["sustained"], "precision": "2%"}, "The suite sustained goes on for its time"),
        ({"suite": ["sustained"], "blocks": 3}, "The suite sustained goes on for its time"),
        ({"rounds": 5, "blocks": 6}, "5 rounds cannot be spread over 6 blocks"),
        ({"precision": "0%"}, "0% is no precision."),
    ],
)
def test_wishes_that_exclude_each_other_are_refused(settings, options, what):
    with pytest.raises(UsageError) as caught:
        asked(settings, **options)

    assert what in caught.value.what
    assert caught.value.next


def test_what_is_too_long_is_told_once_a_model_and_only_of_suites_that_are_wanted(settings):
    bench = asked(settings, model=["a"], suite=["decode"], prompt_tokens=[64, 10**6, 10**7])

    for suite in SUITES.values():
        bench.grid(suite)

    (told,) = bench.left_out
    assert told.startswith("a: 1000000 → 128, 10000000 → 128 tokens do not fit into its context of ")


def test_a_length_that_one_of_a_pair_cannot_hold_is_left_out_for_both(settings):
    bench = asked(settings, model=["a"], variant=["num_ctx=128", "num_ctx=512"])

    assert {point.workload.prompt_tokens for _, (_, point) in bench.grid(SUITES["prompt_length"])} == {64}
    assert bench.left_out[0] == "a num_ctx=128: 256 → 16, 1024 → 16 tokens do not fit into its context of 128"


def test_a_resumed_run_is_asked_for_with_the_same_options(settings):
    bench = asked(settings, model=["b", "a"], paired=True, blocks=3, suite=["decode"])
    planned = [(c, part) for _, (c, point) in bench.grid(SUITES["decode"]) for part in split(point)]
    assert bench.arguments(planned[::-1], keyword="") == (
        *("--orac-model", "b", "--orac-model", "a", "--orac-paired", "--orac-suite", "decode", "--orac-blocks", "3"),
    )
    variants = asked(settings, model=["a"], variant=["num_thread=1,top_k=4", "num_thread=2"], suite=["decode"])
    planned = [point for _, point in variants.grid(SUITES["decode"])]
    assert variants.arguments(planned, keyword="") == (
        *("--orac-model", "a", "--orac-variant", "num_thread=1,top_k=4", "--orac-variant", "num_thread=2"),
        *("--orac-paired", "--orac-suite", "decode", "--orac-blocks", "10"),
    )
    precise = asked(settings, model=["a"], precision="2%", time_limit=90.0, suite=["decode"])
    planned = [point for _, point in precise.grid(SUITES["decode"])]
    assert precise.arguments(planned, keyword="") == (
        *("--orac-model", "a", "--orac-suite", "decode", "--orac-time-limit", "90s", "--orac-precision", "0.02"),
    )


def test_a_precise_case_has_the_suites_rounds_but_ten_at_least_and_a_time_limit():
    (six,) = points(SUITES["cold_load"], Wishes(precision_ratio=0.02))
    (more,) = points(SUITES["decode"], Wishes(precision_ratio=0.02, rounds=25, time_limit_s=60.0))

    assert (six.rounds, six.rule.floor, six.rule.ceiling, six.rule.time_limit_s) == (10, 10, 200, 600.0)
    assert (more.rounds, more.rule.floor, more.rule.time_limit_s) == (25, 25, 60.0)
    assert replace(six, rule=None).requests == 10


def test_a_canary_that_is_not_there_is_refused_before_anything(settings):
    with pytest.raises(UsageError, match="The canary cannot be measured"):
        asked(replace(settings, canary_model="nobody"))
    assert find_candidates(settings, ["a"]).candidates[0] == asked(replace(settings, canary_model="a")).canary

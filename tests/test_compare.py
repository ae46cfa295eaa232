"""Slower, faster, same or inconclusive: what a comparison says of known differences, of few rounds, and of bad ones."""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from orac_bench.stats.compare import _needed, compare_pairs, compare_samples
from orac_bench.stats.holm import adjusted, judged_together
from orac_bench.verdicts import Comparison, Note, Verdict

Block = tuple[Sequence[float], Sequence[float]]

MIRRORED = {
    Verdict.SLOWER: Verdict.FASTER,
    Verdict.FASTER: Verdict.SLOWER,
    Verdict.SAME: Verdict.SAME,
    Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
}

rounds = some.lists(some.floats(0.9, 1.2).map(lambda value: round(value, 3)), min_size=1, max_size=3)
blocks_of_rounds = some.lists(some.tuples(rounds, rounds), min_size=1, max_size=14)
sides = some.lists(some.floats(0.9, 1.2).map(lambda value: round(value, 3)), min_size=1, max_size=12)


def block(ratio: float, level: float = 1.0) -> Block:
    """Three rounds of a base at `level`, and three of a candidate `ratio` times as long; one of each is astray."""
    return [level, level, 1.5 * level], [ratio * level, 1.5 * ratio * level, ratio * level]


def figures(found: Comparison) -> tuple[object, ...]:
    low = None if found.ci_low is None else pytest.approx(found.ci_low)
    high = None if found.ci_high is None else pytest.approx(found.ci_high)
    return found.verdict, pytest.approx(found.ratio), low, high, found.n, found.needed, found.notes


def test_six_blocks_that_agree_are_slower_by_their_middle_with_their_range() -> None:
    found = compare_pairs([block(ratio, level=ratio) for ratio in (1.04, 1.05, 1.06, 1.05, 1.05, 1.05)])
    assert figures(found) == (Verdict.SLOWER, 1.05, 1.04, 1.06, 6, None, ())
    assert found.p is not None
    assert found.p < 1 / 32


def test_what_is_longer_is_faster_where_more_is_better() -> None:
    assert compare_pairs([block(1.05)] * 6, better="higher").verdict is Verdict.FASTER


def test_a_change_below_the_minimum_effect_is_no_change_however_sure() -> None:
    one = compare_pairs([block(1.01)] * 10)
    assert figures(one) == (Verdict.SAME, 1.01, 1.01, 1.01, 10, None, ())
    assert compare_pairs([block(0.99)] * 10).verdict is Verdict.SAME
    assert compare_pairs([block(1.01)] * 10, minimum_effect_ratio=0.005).verdict is Verdict.SLOWER


def test_an_interval_that_ends_at_no_change_decides_nothing() -> None:
    for change in (1.1, 1 / 1.1):
        found = compare_pairs([block(1.0), *[block(change)] * 5])
        assert (found.verdict, 1.0 in (found.ci_low, found.ci_high)) == (Verdict.INCONCLUSIVE, True)


def test_without_a_minimum_effect_only_what_is_equal_is_the_same() -> None:
    assert compare_pairs([block(1.0)] * 6, minimum_effect_ratio=0.0).verdict is Verdict.SAME
    assert compare_pairs([block(1.001)] * 6, minimum_effect_ratio=0.0).verdict is Verdict.SLOWER


@pytest.mark.parametrize(
    ("point", "half", "needed"),
    [
        (0.0, 0.0204, 1),  # 10 x 1.02^2 = 10.4 blocks hold it within 2 %
        (0.0, 0.2009, 1000),  # 10 x 10.045^2 = 1009.0
        (0.0, 0.20105, None),  # 1010.5
        (0.05, 0.06, 5),  # off 1: 10 x 1.2^2 = 14.4
        (0.02, 0.001, None),  # as large as the minimum effect
    ],
)
def test_so_many_blocks_more_would_decide(point: float, half: float, needed: int | None) -> None:
    assert _needed(10, point, half, 0.02) == needed


def test_a_night_of_rounds_is_compared_in_little_memory() -> None:
    draw = random.Random(20261129)
    base, candidate = ([level * draw.lognormvariate(0, 0.05) for _ in range(2500)] for level in (1.0, 1.05))
    tracemalloc.start()
    try:
        found = compare_samples(base, candidate)
        _, peak_b = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.verdict, found.n) == (Verdict.SLOWER, 2500)
    assert found.ratio == pytest.approx(1.05, rel=0.005)
    assert peak_b < 100e6  # all 2500 x 2500 pairs take 250 MB


def test_the_board_may_do_what_it_likes_from_block_to_block() -> None:
    found = compare_pairs([block(1.05, level=level) for level in (1, 1.3, 0.7, 2, 5, 0.1, 1, 9)])
    assert figures(found) == (Verdict.SLOWER, 1.05, 1.05, 1.05, 8, None, ())


def test_changes_to_both_sides_are_inconclusive_and_more_blocks_are_asked_for() -> None:
    found = compare_pairs([([1.0], [ratio]) for ratio in (1 / 1.03, 1 / 1.02, 1 / 1.01, 1.01, 1.02, 1.03)])
    # the interval reaches 1.03 and shall lie within 1.02: (log 1.03 / log 1.02)^2 x 6 = 13.4 blocks, 14
    assert figures(found) == (Verdict.INCONCLUSIVE, 1.0, 1 / 1.03, 1.03, 6, 8, ())


def test_a_change_as_large_as_the_minimum_effect_cannot_be_decided_by_more_blocks() -> None:
    found = compare_pairs([([1.0], [1.02 * ratio]) for ratio in (0.97, 1 / 0.97, 0.98, 1 / 0.98, 0.97, 1 / 0.97)])
    assert (found.verdict, found.needed) == (Verdict.INCONCLUSIVE, None)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_below_six_blocks_nothing_is_decided(n: int) -> None:
    found = compare_pairs([block(2.0)] * n)
    assert found == Comparison(
        verdict=Verdict.INCONCLUSIVE,
        ratio=pytest.approx(2.0),
        ci_low=None,
        ci_high=None,
        n=n,
        needed=6 - n,
        notes=(Note.TOO_FEW,),
    )


def test_a_block_that_lacks_a_side_is_left_out_and_told() -> None:
    found = compare_pairs([*[block(1.05)] * 6, ([1.0], []), ([], [9.0])])
    assert (found.verdict, found.n, found.notes) == (Verdict.SLOWER, 6, (Note.INCOMPLETE_BLOCK,))


@pytest.mark.parametrize(
    ("blocks", "n", "notes"),
    [
        ([], 0, (Note.NOTHING,)),
        ([([1.0], [])] * 8, 0, (Note.INCOMPLETE_BLOCK, Note.NOTHING)),
        ([([1.0], [0.0])] * 8, 8, (Note.NOT_POSITIVE,)),
        ([([-1.0], [2.0])] * 8, 8, (Note.NOT_POSITIVE,)),
    ],
)
def test_what_has_no_ratio_is_inconclusive(blocks: list[Block], n: int, notes: tuple[Note, ...]) -> None:
    nothing = Comparison(
        verdict=Verdict.INCONCLUSIVE, ratio=None, ci_low=None, ci_high=None, n=n, needed=None, notes=notes
    )
    assert compare_pairs(blocks) == nothing


def test_rounds_on_both_sides_but_never_in_one_block_are_too_few_and_not_none() -> None:
    found = compare_pairs([([1.0], []), ([], [2.0])])
    assert (found.verdict, found.ratio, found.n, found.needed) == (Verdict.INCONCLUSIVE, None, 0, 6)
    assert found.notes == (Note.INCOMPLETE_BLOCK, Note.TOO_FEW)


@pytest.mark.parametrize(
    ("base", "candidate", "notes"),
    [
        ([], [1.0], (Note.NOT_INTERLEAVED, Note.NOTHING)),
        ([1.0, 0.0], [1.0], (Note.NOT_INTERLEAVED, Note.NOT_POSITIVE)),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], (Note.NOT_INTERLEAVED, Note.TOO_FEW)),
    ],
)
def test_samples_that_cannot_be_compared_say_why(
    base: list[float], candidate: list[float], notes: tuple[Note, ...]
) -> None:
    found = compare_samples(base, candidate)
    assert (found.verdict, found.ci_low, found.notes) == (Verdict.INCONCLUSIVE, None, notes)
    assert found.n == min(len(base), len(candidate))


@pytest.mark.parametrize("few", [1, 2, 3])
def test_few_samples_decide_nothing_however_many_stand_beside_them(few: int) -> None:
    # by ranks alone 1 and 40 would do: 2 of 41 orders are 4.9 %
    many = [1.50 + 0.001 * number for number in range(40)]
    for found in (compare_samples([1.0] * few, many), compare_samples(many, [1.0] * few)):
        assert (found.verdict, found.ci_low, found.ci_high, found.p) == (Verdict.INCONCLUSIVE, None, None, None)
        assert (found.n, found.needed, found.notes) == (few, 4 - few, (Note.NOT_INTERLEAVED, Note.TOO_FEW))


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_value_that_is_none_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="is no measured value"):
        compare_pairs([([1.0], [odd])])
    with pytest.raises(ValueError, match="is no measured value"):
        compare_samples([1.0], [odd])


def test_a_direction_and_an_effect_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="say 'lower' or 'higher'"):
        compare_pairs([block(1.0)], better="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="say 'lower' or 'higher'"):
        compare_samples([1.0] * 4, [1.0] * 4, better="up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"0.02 for 2 %"):
        compare_pairs([block(1.0)], minimum_effect_ratio=-0.02)


def test_samples_are_compared_all_with_all_and_labelled() -> None:
    found = compare_samples([1.0, 1.02, 1.01, 1.0], [1.10, 1.12, 1.11, 1.10])
    # 16 ratios from 1.10 / 1.02 to 1.12 / 1.00, the 8th to 11th 1.10 / 1.00;
    # 4 and 4 have 70 orders, and the outermost two 2 / 70 = 2.9 %
    assert figures(found) == (
        Verdict.SLOWER,
        1.10,
        1.10 / 1.02,
        1.12,
        4,
        None,
        (Note.NOT_INTERLEAVED,),
    )


def test_samples_that_drift_must_differ_by_more_than_they_drift() -> None:
    warming = [1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.09]
    near, far = (compare_samples(warming, [ratio * value for value in warming]) for ratio in (1.1, 1.3))
    assert (near.verdict, near.needed, near.notes) == (
        Verdict.INCONCLUSIVE,
        None,
        (Note.NOT_INTERLEAVED, Note.DRIFT),
    )
    assert (far.verdict, far.notes) == (Verdict.SLOWER, (Note.NOT_INTERLEAVED, Note.DRIFT))
    # beside other cases it counts as no surer than that: drift of 9 % / 1.045, of ten and ten all 100 pairs beyond it
    assert far.p == pytest.approx(2 / math.comb(20, 10))
    assert (near.p or 0) > 0.05
    back = compare_samples([1.1 * value for value in warming], warming)
    assert (back.verdict, back.needed) == (Verdict.INCONCLUSIVE, None)  # as much the other way around


def test_samples_whose_neighbours_are_alike_have_a_wider_interval_and_are_less_sure() -> None:
    mixed = [1.00, 1.03, 1.01, 1.04, 1.00, 1.04, 1.01, 1.03] * 2
    waves = [1.00, 1.00, 1.01, 1.01, 1.03, 1.03, 1.04, 1.04, 1.04, 1.04, 1.03, 1.03, 1.01, 1.01, 1.00, 1.00]
    assert sorted(mixed) == sorted(waves)
    plain, wide = (compare_samples(base, [1.04 * value for value in base]) for base in (mixed, waves))
    assert (plain.notes, wide.notes) == ((Note.NOT_INTERLEAVED,), (Note.NOT_INTERLEAVED, Note.AUTOCORRELATED))
    assert plain.ratio == wide.ratio
    assert (wide.ci_low or 0) < (plain.ci_low or 0) < (plain.ci_high or 9) < (wide.ci_high or 0)
    assert (wide.p or 0) > (plain.p or 9)


def test_rounds_that_resemble_each_other_ask_for_as_many_as_can_be_sure_and_then_are() -> None:
    # twelve rounds in which each resembles the one before by 0.8 tell as much as one or two
    wave = [1.00, 1.00, 1.01, 1.02, 1.03, 1.03, 1.03, 1.02, 1.01, 1.01, 1.00, 1.00]
    found = compare_samples(wave, [1.1 * value for value in wave])
    assert (found.n, found.ci_low, found.notes[-2:]) == (12, None, (Note.AUTOCORRELATED, Note.TOO_FEW))
    assert found.needed == 4  # 2 of C(32, 16) orders is the first below alpha(0.8) = 4.2e-9
    wanted = 12 + found.needed
    longer = (wave * 2)[:wanted]
    enough = compare_samples(longer, [1.1 * value for value in longer])
    assert enough.verdict is Verdict.SLOWER


@settings(deadline=None)  # no test asserts a speed
@given(blocks_of_rounds, some.randoms(use_true_random=False))
def test_the_order_of_blocks_and_rounds_decides_nothing(blocks: list[Block], shuffled: random.Random) -> None:
    other = [
        (shuffled.sample(base, len(base)), shuffled.sample(candidate, len(candidate))) for base, candidate in blocks
    ]
    shuffled.shuffle(other)
    assert figures(compare_pairs(other)) == figures(compare_pairs(blocks))


@settings(deadline=None)  # no test asserts a speed
@given(blocks_of_rounds, some.sampled_from([1e-3, 1e3, 0.3, 7.0]))
def test_the_unit_decides_nothing(blocks: list[Block], unit: float) -> None:
    other = [([unit * value for value in base], [unit * value for value in candidate]) for base, candidate in blocks]
    assert figures(compare_pairs(other)) == figures(compare_pairs(blocks))


@settings(deadline=None)  # no test asserts a speed
@given(blocks_of_rounds)
def test_rates_are_judged_as_their_durations_are(blocks: list[Block]) -> None:
    rates = [([1 / value for value in base], [1 / value for value in candidate]) for base, candidate in blocks]
    durations, found = compare_pairs(blocks), compare_pairs(rates, better="higher")
    assert (found.verdict, found.needed, found.p) == (durations.verdict, durations.needed, durations.p)


@settings(deadline=None)  # no test asserts a speed
@given(blocks_of_rounds)
def test_swapping_the_sides_of_pairs_turns_everything_around(blocks: list[Block]) -> None:
    turned_around(compare_pairs(blocks), compare_pairs([(candidate, base) for base, candidate in blocks]))


@settings(deadline=None)  # no test asserts a speed
@given(sides, sides)
def test_swapping_samples_turns_everything_around(base: list[float], candidate: list[float]) -> None:
    turned_around(compare_samples(base, candidate), compare_samples(candidate, base))


@settings(deadline=None)  # no test asserts a speed
@given(some.lists(some.tuples(rounds, rounds), min_size=6, max_size=9))
def test_fewer_blocks_have_a_wider_interval(blocks: list[Block]) -> None:
    few, many = compare_pairs(blocks), compare_pairs(blocks * 3)
    assert (few.ci_low or 0) <= (many.ci_low or 0) <= (many.ci_high or 9) <= (few.ci_high or 9)
    assert (few.p or 0) >= (many.p or 0)


@settings(deadline=None)  # no test asserts a speed
@given(blocks_of_rounds, some.sampled_from([0.0, 0.01, 0.02, 0.1]))
def test_the_verdict_follows_from_the_figures(blocks: list[Block], effect: float) -> None:
    found = compare_pairs(blocks, minimum_effect_ratio=effect)
    if found.verdict in (Verdict.SLOWER, Verdict.FASTER):
        assert found.ci_low is not None
        assert found.ci_high is not None
        assert found.ratio is not None
        assert (found.ci_low > 1) == (found.ratio > 1 + effect) == (found.verdict is Verdict.SLOWER)
        assert (found.ci_high < 1) == (found.ratio < 1 / (1 + effect)) == (found.verdict is Verdict.FASTER)
        assert (found.p or 0) <= 0.05
    assert (found.needed is None) or found.verdict is Verdict.INCONCLUSIVE


def turned_around(one: Comparison, other: Comparison) -> None:
    assert (other.verdict, other.n, other.needed, other.notes, other.p) == (
        MIRRORED[one.verdict],
        one.n,
        one.needed,
        one.notes,
        one.p,
    )
    mine, theirs = (one.ci_low, one.ratio, one.ci_high), (other.ci_high, other.ratio, other.ci_low)
    assert [None if end is None else pytest.approx(1 / end) for end in mine] == [*theirs]


def a_change(p: float | None, verdict: Verdict = Verdict.SLOWER) -> Comparison:
    return Comparison(verdict=verdict, ratio=1.1, ci_low=1.05, ci_high=1.2, n=10, needed=None, p=p)


def test_holm_multiplies_the_smallest_by_their_number_the_next_by_one_less_and_never_turns_the_order() -> None:
    # 0.01 x 4 = 0.04, 0.02 x 3 = 0.06, 0.022 x 2 = 0.044 but not below 0.06, 0.5 x 1
    assert adjusted([0.02, 0.5, 0.01, 0.022]) == pytest.approx((0.06, 0.5, 0.04, 0.06))
    assert adjusted([0.9, 0.8]) == (1.0, 1.0)
    assert adjusted([]) == ()


def test_of_two_changes_that_hold_alone_the_weaker_falls_beside_twenty_equal_cases() -> None:
    sure, weak = a_change(0.002), a_change(0.01)
    equal = [a_change(0.8, Verdict.SAME) for _ in range(20)]
    # 0.002 x 22 = 0.044 holds; 0.01 x 21 = 0.21 does not: it needs p = 0.05 / 21 = 0.0024. The deviates of 0.01 and
    # 0.0024 are 2.58 and 3.04, and a deviate grows with the root of the blocks: 10 x (3.04 / 2.58)^2 = 13.9
    assert judged_together([*equal, weak, sure]) == (
        *(replace(one, holds=False) for one in equal),
        replace(weak, verdict=Verdict.INCONCLUSIVE, needed=4, notes=(Note.HOLM,), holds=False),
        sure,
    )
    assert judged_together([weak]) == (weak,)


def test_a_change_that_holds_exactly_stays_and_one_that_just_falls_needs_one_block_more() -> None:
    held, fallen = a_change(0.025), a_change(0.026)  # twice 0.025 is 0.05, twice 0.026 is 0.052
    assert judged_together([held, held]) == (held, held)
    # the deviates of 0.026 and of 0.025 are 2.226 and 2.241: 10 x (2.241 / 2.226)^2 = 10.1 blocks
    assert [one.needed for one in judged_together([fallen, fallen])] == [1, 1]


def test_what_has_no_p_does_not_count_among_many() -> None:
    unknown = [replace(a_change(None), verdict=Verdict.INCONCLUSIVE) for _ in range(50)]
    assert judged_together([*unknown, a_change(0.03)]) == (*unknown, a_change(0.03))


def test_the_same_comparison_twice_counts_twice() -> None:
    one = a_change(0.03)
    assert [found.verdict for found in judged_together([one, one])] == [Verdict.INCONCLUSIVE] * 2

"""The order in which blocks are measured: complete, drawn by chance, the same again from its seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from scipy import stats

from orac_bench.stats.plan import Side, Turn, block_order, pair_order, shares, warmups

SEED = 20261122


def test_each_block_has_every_case_once() -> None:
    turns = block_order(4, 10, seed=SEED)
    assert [turn.block for turn in turns] == [block for block in range(10) for _ in range(4)]
    assert Counter((turn.block, turn.item) for turn in turns) == Counter((b, i) for b in range(10) for i in range(4))
    assert len({tuple(turn.item for turn in turns if turn.block == block) for block in range(10)}) > 1


def test_each_block_has_both_sides_of_every_pair_one_after_the_other() -> None:
    turns = pair_order(3, 6, seed=SEED)
    assert Counter((turn.block, turn.item, turn.side) for turn in turns) == Counter(
        (block, pair, side) for block in range(6) for pair in range(3) for side in Side
    )
    assert all((one.block, one.item) == (other.block, other.item) for one, other in list(pairwise(turns))[::2])


def test_the_seed_gives_the_same_order_again_and_more_blocks_keep_it() -> None:
    assert pair_order(2, 8, seed=SEED)[:24] == pair_order(2, 6, seed=SEED)
    assert pair_order(2, 8, seed=SEED) != pair_order(2, 8, seed=SEED + 1)
    assert block_order(5, 8, seed=SEED)[:30] == block_order(5, 6, seed=SEED)


def test_the_order_is_that_of_this_seed_on_every_python() -> None:
    found = pair_order(1, 8, seed=7)
    assert "".join(turn.side.value[0] for turn in found if turn.side) == "cbbccbbccbcbcbbc"


def test_either_side_comes_first_as_often_and_whatever_came_first_before() -> None:
    first = [turn.side for turn in pair_order(1, 2000, seed=SEED)[::2]]
    # a fair coin is outside 0.1 % to 99.9 % in 2 of 1,000 seeds; this one is fixed
    assert stats.binomtest(first.count(Side.BASE), 2000).pvalue > 0.002
    assert stats.binomtest(sum(one is other for one, other in pairwise(first)), 1999).pvalue > 0.002


def test_what_is_still_loaded_needs_no_warm_up() -> None:
    base, candidate = (Turn(block=0, item=0, side=side) for side in Side)
    again = Turn(block=1, item=0, side=Side.CANDIDATE)
    assert warmups((base, candidate, again), 2) == (2, 2, 0)
    assert warmups((), 2) == ()


def test_rounds_are_divided_among_blocks() -> None:
    assert shares(10, 3) == (4, 3, 3)
    assert shares(6, 6) == (1, 1, 1, 1, 1, 1)
    assert shares(5, 1) == (5,)


def test_one_block_of_one_case_is_a_plan() -> None:
    assert block_order(1, 1, seed=SEED) == (Turn(block=0, item=0),)


@pytest.mark.parametrize(("rounds", "blocks"), [(2, 3), (10, 0)])
def test_a_block_without_rounds_is_refused(rounds: int, blocks: int) -> None:
    with pytest.raises(ValueError, match="each block needs one at least"):
        shares(rounds, blocks)


def test_nothing_to_measure_is_no_plan() -> None:
    with pytest.raises(ValueError, match="0 to be measured in 5 blocks is no plan"):
        block_order(0, 5, seed=SEED)
    with pytest.raises(ValueError, match="2 to be measured in 0 blocks is no plan"):
        pair_order(2, 0, seed=SEED)

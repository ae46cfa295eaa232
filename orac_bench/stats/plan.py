"""In which order blocks are measured, and how much each one holds. Pure: chance comes from a seed that is stored.

What is compared must meet the board at the same times and in an order that nobody chose: equal models measured one
after the other on a board that warms up are called different in two of three cases, whatever the test.
Each pair's order is drawn by itself, not balanced over pairs: then equal sides are exactly as likely to come out one
way as the other, and the signed-rank interval holds whatever the board does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random


class Side(str, Enum):
    """Which of two is measured in a turn of a pair."""

    BASE = "base"
    CANDIDATE = "candidate"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is measured next: one item's rounds of one block. `side` is None where items are not compared in pairs."""

    block: int
    item: int
    side: Side | None = None


def block_order(items: int, blocks: int, *, seed: int) -> tuple[Turn, ...]:
    """`blocks` blocks, each with all of `items` items (cases) in an order of its own.

    A block's order depends on `seed` and its number only: a resumed run, or one that takes more blocks, keeps it.
    Raises ValueError for no items or no blocks.
    """
    _check(items, blocks)
    return tuple(Turn(block=block, item=item) for block in range(blocks) for item in _shuffled(items, seed, block))


def pair_order(pairs: int, blocks: int, *, seed: int) -> tuple[Turn, ...]:
    """`blocks` blocks, each with all of `pairs` pairs in an order of its own, both sides of a pair one after the other.

    Which side comes first is drawn for each pair of each block. A block's order depends on `seed` and its number only.
    Raises ValueError for no pairs or no blocks.
    """
    _check(pairs, blocks)
    turns = []
    for block in range(blocks):
        for pair in _shuffled(pairs, seed, block):
            sides = Random(f"{seed} {block} {pair}").sample(tuple(Side), 2)
            turns += [Turn(block=block, item=pair, side=side) for side in sides]
    return tuple(turns)


def warmups(turns: Sequence[Turn], warmup: int) -> tuple[int, ...]:
    """How many warm-up rounds each of `turns` needs: `warmup`, but none where the turn before left the same loaded."""
    loaded = [(turn.item, turn.side) for turn in turns]
    return tuple(0 if at and loaded[at] == loaded[at - 1] else warmup for at in range(len(loaded)))


def shares(rounds: int, blocks: int) -> tuple[int, ...]:
    """`rounds` divided among `blocks`, in whole rounds, the first blocks taking what is left over.

    Raises ValueError where a block would have none.
    """
    if not 0 < blocks <= rounds:
        raise ValueError(f"{rounds} rounds cannot be divided among {blocks} blocks: each block needs one at least.")
    return tuple(rounds // blocks + (block < rounds % blocks) for block in range(blocks))


def _shuffled(items: int, seed: int, block: int) -> list[int]:
    return Random(f"{seed} {block}").sample(range(items), items)


def _check(items: int, blocks: int) -> None:
    if items < 1 or blocks < 1:
        raise ValueError(f"{items} to be measured in {blocks} blocks is no plan: each needs to be 1 at least.")

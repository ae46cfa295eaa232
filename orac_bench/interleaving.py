"""Cases measured in blocks, and the two sides of a pair beside each other in each block: what is measured when.

The order itself is that of `stats/plan.py`. What must never live here: pytest, a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orac_bench.candidates import Candidate, find_candidates, varied
from orac_bench.errors import UsageError
from orac_bench.records import Workload
from orac_bench.settings import Settings
from orac_bench.stats.plan import Side, Turn, block_order, pair_order
from orac_bench.suites.grid import OPTIONS, Point
from orac_bench.variants import EXAMPLE, variant

Sides = tuple[Candidate, Candidate]
"""The base, and the candidate that is held against it."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """The next to be measured: which of the planned, and the turn that it has."""

    index: int
    turn: Turn


def sides(settings: Settings, models: Sequence[str], variants: Sequence[str]) -> Sides:
    """Base and candidate: two models, or two variants of one, in the order in which they were given.

    Raises OracError where these are not two, or are the same.
    """
    if not variants:
        if len(models) != 2:
            raise UsageError(
                f"--paired holds two models against each other, and {len(models) or 'no'} "
                f"{'is' if len(models) == 1 else 'are'} named.",
                next="Name two, such as orac bench phi-2 tinyllama --paired, or two settings of one with --variant.",
            )
        base, candidate = (find_candidates(settings, [name]).candidates[0] for name in models)
        if base.name == candidate.name:
            raise UsageError(f"{models[0]} and {models[1]} are one model.", next="Name two models, or use --variant.")
        return base, candidate
    if len(variants) != 2:
        raise UsageError(f"--variant is said {len(variants)} times; a base and a candidate are two.", next=EXAMPLE)
    found = find_candidates(settings, models).candidates
    if len(found) != 1:
        names = ", ".join(one.name for one in found)
        raise UsageError(f"Two variants are two settings of one model, and here are {names}.", next=EXAMPLE)
    base, candidate = (varied(found[0], variant(text)) for text in variants)
    if _sent(base) == _sent(candidate):
        raise UsageError(
            f"{variants[0]} and {variants[1]} ask for the same: {base.name} is measured so anyway.", next=EXAMPLE
        )
    return base, candidate


def split(point: Point) -> tuple[Point, ...]:
    """The blocks of a case one by one; the case itself where it has none."""
    if point.blocks is None:
        return (point,)
    return tuple(replace(point, block=number) for number in range(point.blocks))


def interleaved(
    planned: Sequence[tuple[Candidate, Point]], *, blocks: int, pair: Sides | None, seed: int
) -> tuple[Step, ...]:
    """Everything `planned` in the order of `stats/plan.py` for that seed; pairs where there is a `pair`.

    What was taken out of the plan before leaves a gap and nothing else.
    """
    if not planned:
        return ()
    place = {_part(candidate.label, point): index for index, (candidate, point) in enumerate(planned)}
    questions = list(dict.fromkeys(_question(point) for _, point in planned))
    if pair is None:
        cases = list(dict.fromkeys((candidate.label, _question(point)) for candidate, point in planned))
        turns = block_order(len(cases), blocks, seed=seed)
        wanted = [(*cases[turn.item], turn.block) for turn in turns]
    else:
        turns = pair_order(len(questions), blocks, seed=seed)
        labels = {Side.BASE: pair[0].label, Side.CANDIDATE: pair[1].label, None: ""}
        wanted = [(labels[turn.side], questions[turn.item], turn.block) for turn in turns]
    found = [(place.get(part), turn) for part, turn in zip(wanted, turns, strict=True)]
    return tuple(Step(index=index, turn=turn) for index, turn in found if index is not None)


_Question = tuple[str, Workload]
_Part = tuple[str, _Question, "int | None"]


def _question(point: Point) -> _Question:
    return point.suite.name, point.workload


def _part(label: str, point: Point) -> _Part:
    return label, _question(point), point.block


def _sent(candidate: Candidate) -> dict[str, object]:
    return {**candidate.parameters, **OPTIONS, **candidate.options}

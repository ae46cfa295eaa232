"""A case that has begun and is not over: of a case in blocks, what is kept from one block to the next.

And which blocks of an interrupted run need not be measured again. What must never live here: a store, a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orac_bench.candidates import Candidate
from orac_bench.interleaving import Sides
from orac_bench.measurement import Measurement
from orac_bench.records import Case, Json, Result, Round, Status
from orac_bench.retries import complete
from orac_bench.stats.plan import Side, shares
from orac_bench.suites.grid import Point
from orac_bench.targets import Target


@dataclass(kw_only=True)
class Opened:
    """`result` is the store's handle. `kept` are the rounds of blocks that were measured before an interruption."""

    result: int
    case: Case
    target: Target
    kept: tuple[Round, ...] = ()
    facts: dict[str, Json] = field(default_factory=dict)
    offload_ratio: float | None = None
    measurement: Measurement | None = None

    @property
    def rounds(self) -> tuple[Round, ...]:
        """All that the case has so far."""
        return self.kept if self.measurement is None else tuple(self.measurement.rounds)


@dataclass(frozen=True, kw_only=True)
class Before:
    """What an interrupted run had measured: keys of finished cases, and of others the rounds of finished blocks.

    A case in blocks that failed is in neither: it begins anew.
    """

    finished: frozenset[str] = frozenset()
    kept: Mapping[str, tuple[Round, ...]] = field(default_factory=dict)

    def has(self, case_key: str, block: int | None) -> bool:
        """Whether the case, or that block of it, is there."""
        blocks = {round.block for round in self.kept.get(case_key, ())}
        return case_key in self.finished or (block is not None and block in blocks)


def facts_before(candidate: Candidate, point: Point, *, pair: Sides | None, partner: Case | None) -> dict[str, Json]:
    """What is known of a result before it is measured: what it is beside others, {} where it is by itself."""
    facts: dict[str, Json] = {"canary": True} if point.canary else {}
    if candidate.variant is not None:
        facts["variant"] = candidate.variant.text
    if point.blocks is not None:
        facts["blocks"] = point.blocks
    if pair is not None and partner is not None:
        side = Side.BASE if candidate.label == pair[0].label else Side.CANDIDATE
        facts["pair"] = {"with": partner.key, "side": side.value}
    return facts


def before(results: Sequence[Result]) -> Before:
    """What need not be measured again of these results, which have their rounds.

    Both sides of a pair keep the same blocks: one that only one side has is measured again on both, as what is
    compared must have met the board at the same time. The last block of a case that was not closed is measured again.
    """
    whole = {result.case.key: _whole(result) for result in results if "blocks" in result.facts}
    partners = {result.case.key: _partner(result) for result in results}
    finished, kept = set(), {}
    for result in results:
        key = result.case.key
        if key not in whole:
            if result.status is Status.DONE:
                finished.add(key)
            continue
        partner = partners[key]
        blocks = whole[key] if partner is None else whole[key] & whole.get(partner, frozenset())
        if result.status is Status.DONE and blocks == whole[key]:
            finished.add(key)
        elif result.status in (Status.DONE, Status.INTERRUPTED):
            kept[key] = tuple(round for round in result.rounds if round.block in blocks)
    return Before(finished=frozenset(finished), kept=kept)


def _whole(result: Result) -> frozenset[int]:
    """The blocks that are complete."""
    blocks = result.facts.get("blocks")
    if not isinstance(blocks, int) or result.status not in (Status.DONE, Status.INTERRUPTED):
        return frozenset()
    wanted = shares(result.planned, blocks)
    of_block = [[round for round in result.rounds if round.block == number] for number in range(blocks)]
    found = frozenset(number for number in range(blocks) if complete(of_block[number], wanted[number]))
    unclosed = result.status is Status.INTERRUPTED and len(found) == blocks
    return found - {blocks - 1} if unclosed else found


def _partner(result: Result) -> str | None:
    pair = result.facts.get("pair")
    return str(pair.get("with")) if isinstance(pair, dict) else None

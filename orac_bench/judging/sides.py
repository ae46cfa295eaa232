"""The two sides of a comparison: what RUN and RUN:CASE name, and which cases of them belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orac_bench.errors import UnknownCase, UsageError
from orac_bench.models.catalog import short_names
from orac_bench.records import Case, Run
from orac_bench.store.measured import Measured
from orac_bench.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Side:
    """A run, and which of its cases were asked for: None for all of them."""

    run: Run
    chosen: str | None

    @property
    def name(self) -> str:
        """For documents: the id, with what was chosen of it."""
        return self.run.id if self.chosen is None else f"{self.run.id}:{self.chosen}"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is compared. One of the two is None where that side has no such case.

    `deliberate`: both were named one by one, so that they are different models or options on purpose.
    """

    base: Measured | None
    candidate: Measured | None
    deliberate: bool = False


def side(store: Store, text: str) -> Side:
    """The side that `text` names: RUN, or RUN:CASE. Raises UnknownRun."""
    ref, colon, chosen = text.partition(":")
    return Side(run=store.run(store.resolve(ref)), chosen=chosen if colon else None)


def choose(side: Side, results: Sequence[Measured]) -> list[Measured]:
    """Those of the side's `results` that it asks for: by key, its beginning, MODEL, MODEL/SUITE or MODEL/SUITE/LENGTH.

    MODEL is a name or a short name. Raises UnknownCase with what the run has.
    """
    if side.chosen is None:
        return [*results]
    wanted = side.chosen.strip()
    by_key = [one for one in results if one.case.key == wanted]
    if by_key:
        return by_key
    plain = wanted.replace(":latest", "")
    by_name = [one for one in results if plain in _names(one)] or [one for one in results if plain in _short(one)]
    by_beginning = [one for one in results if wanted and one.case.key.startswith(wanted)]
    if by_name:
        return by_name
    if len(by_beginning) == 1:
        return by_beginning
    what = f"several cases that begin with {wanted}" if by_beginning else f"no case {wanted}"
    raise UnknownCase(
        f"Run {side.run.id} has {what}. It has {_keys(results) or 'none'}.",
        next=f"Name one by its key or as MODEL/SUITE/LENGTH: {side.run.id}:CASE",
    )


def one_case(store: Store, run_id: str, text: str) -> Case:
    """The case of a run that `text` names, as CASE of RUN:CASE does.

    Raises UnknownRun, and UnknownCase for none and for several.
    """
    asked = Side(run=store.run(run_id), chosen=text)
    found = choose(asked, store.measured(run_id, ()))
    if len(found) > 1:
        raise UnknownCase(
            f"{text} means several cases of run {run_id}: {_keys(found)}.",
            next="Name one by its key, or with a length.",
        )
    return found[0].case


def pairs(base: Side, candidate: Side, of_base: Sequence[Measured], of_candidate: Sequence[Measured]) -> list[Pair]:
    """The cases that belong together, in the base's order, then what only the candidate has.

    Cases with the same key do. Where both sides are chosen: one case each, or cases of the same suite and lengths.
    Where one is chosen, it chooses for the other as well. Else the same model, suite and lengths under another key are
    put side by side, so that it can be said why they are not compared. Raises UsageError where nothing belongs
    together, and where a case is put beside itself.
    """
    ours, theirs = choose(base, of_base), choose(candidate, of_candidate)
    if base.chosen is not None and candidate.chosen is not None:
        found = _deliberate(ours, theirs)
    else:
        if base.chosen is not None:
            theirs = _belonging(theirs, ours)
        if candidate.chosen is not None:
            ours = _belonging(ours, theirs)
        found = _by_key(ours, theirs)
    if not any(pair.base and pair.candidate for pair in found):
        raise UsageError(
            f"{base.name} and {candidate.name} have no case in common: {_listed(ours or of_base)} there, "
            f"{_listed(theirs or of_candidate)} here.",
            next=f"Measure the same again, or name two cases: orac compare {base.run.id}:CASE {candidate.run.id}:CASE",
        )
    if base.run.id == candidate.run.id and any(pair.base is pair.candidate or _same(pair) for pair in found):
        raise UsageError(
            f"{candidate.name} is compared with itself, which says nothing.",
            next="Name two runs, such as latest~1 and latest, or two cases of the run: RUN:CASE RUN:CASE",
        )
    return found


def paired(run: Run, results: Sequence[Measured]) -> list[Pair]:
    """The two sides of each pair that `run` measured interleaved. Raises UsageError where it did not."""
    by_key = {one.case.key: one for one in results}
    found = [
        Pair(base=one, candidate=by_key[other], deliberate=True)
        for one in results
        if (other := partner(one, "base")) is not None and other in by_key
    ]
    if not found:
        raise UsageError(
            f"Run {run.id} is not a paired one, so it has nothing to be compared with in itself.",
            next=f"Name two runs, such as orac compare latest~1 latest, or two cases: {run.id}:CASE {run.id}:CASE",
        )
    return found


def partner(result: Measured, side: str) -> str | None:
    """The key of the case that was interleaved with this one, where this was that `side` of it. None elsewhere."""
    pair = result.facts.get("pair")
    if isinstance(pair, dict) and pair.get("side") == side:
        return str(pair.get("with"))
    return None


def _same(pair: Pair) -> bool:
    return bool(pair.base and pair.candidate and pair.base.case.key == pair.candidate.case.key)


def _names(result: Measured) -> tuple[str, str, str]:
    case = result.case
    length = "file" if case.workload.prompt_tokens is None else str(case.workload.prompt_tokens)
    return case.model, f"{case.model}/{case.suite}", f"{case.model}/{case.suite}/{length}"


def _short(result: Measured) -> list[str]:
    """As `_names`, under each short name."""
    model, suite, length = _names(result)
    return [text.replace(model, name, 1) for name in short_names(model) for text in (model, suite, length)]


def _question(result: Measured) -> tuple[object, ...]:
    """What is asked, whatever the model."""
    return result.case.suite, result.case.workload


def _belonging(there: Sequence[Measured], chosen: Sequence[Measured]) -> list[Measured]:
    """What of a side that was not chosen belongs to the cases that were.

    Those with their keys, as variants of a model have the same name and lengths; of a case whose key is not there those
    of its model and question, so that it can be said why they are not compared.
    """
    keys = {one.case.key for one in there}
    wanted = {one.case.key for one in chosen}
    alike = {(one.case.model, _question(one)) for one in chosen if one.case.key not in keys}
    return [one for one in there if one.case.key in wanted or (one.case.model, _question(one)) in alike]


def _deliberate(ours: Sequence[Measured], theirs: Sequence[Measured]) -> list[Pair]:
    if len(ours) == 1 and len(theirs) == 1:
        return [Pair(base=ours[0], candidate=theirs[0], deliberate=True)]
    for group in (ours, theirs):
        questions = [_question(one) for one in group]
        if len(set(questions)) < len(questions):
            raise UsageError(
                f"{_listed(group)} are several cases of one suite and length, so it is not clear which to compare.",
                next="Name each by its key: RUN:CASE",
            )
    others = {_question(one): one for one in theirs}
    found = [Pair(base=one, candidate=others.get(_question(one)), deliberate=True) for one in ours]
    known = {_question(one) for one in ours}
    return found + [Pair(base=None, candidate=one) for one in theirs if _question(one) not in known]


def _by_key(ours: Sequence[Measured], theirs: Sequence[Measured]) -> list[Pair]:
    others = {one.case.key: one for one in theirs}
    keys = {one.case.key for one in ours}
    spare = [one for one in theirs if one.case.key not in keys]
    found = []
    for one in ours:
        other = others.get(one.case.key)
        if other is None:
            near = [two for two in spare if (two.case.model, _question(two)) == (one.case.model, _question(one))]
            other = near[0] if len(near) == 1 else None
            spare = [two for two in spare if two is not other]
        found.append(Pair(base=one, candidate=other))
    return found + [Pair(base=None, candidate=one) for one in spare]


def _keys(results: Sequence[Measured]) -> str:
    return "; ".join(f"{one.case.key} {_names(one)[-1]}" for one in results[:12])


def _listed(results: Sequence[Measured]) -> str:
    names = [_names(one)[-1] for one in results]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) + more) if names else "nothing"

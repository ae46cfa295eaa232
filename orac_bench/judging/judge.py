"""One case's metric, a candidate beside its base: what forbids to compare them, and what the numbers say. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orac_bench.conditions import differing
from orac_bench.judging.sides import Pair, partner
from orac_bench.metrics import METRICS, Better, Metric
from orac_bench.records import Case, Json, Run, Summary
from orac_bench.stats.compare import compare_pairs, compare_samples
from orac_bench.store.measured import Measured
from orac_bench.units import Unit
from orac_bench.units import format as written
from orac_bench.verdicts import NOTE_TEXT, Comparison, Note, Verdict

WARMER_CELSIUS = 3.0
"""Start temperatures further apart than this are said: it is the band that the gate lets a run begin a round in."""

START = "temperature_start_celsius"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A row of a comparison. A summary is None where that side lacks the case or the metric."""

    run: str
    """The candidate's."""
    side: str
    """The candidate as it was asked for: RUN, or RUN:CASE."""
    case: Case
    """The base's, or the candidate's where the base has none."""
    other: Case
    """The candidate's, or the base's where the candidate has none."""
    metric: Metric
    base: Summary | None
    candidate: Summary | None
    comparison: Comparison
    paired: bool
    in_blocks: bool
    """Whether the comparison's `n` and `needed` count blocks, as those of pairs always do; else rounds."""
    canary: bool
    details: Mapping[Note, str]
    """What is behind a note of the comparison, where there is more to say."""
    failed_on: bool = False
    untold: bool = False
    """Whether a threshold was given for it, and it is not exceeded for certain, nor kept for certain.

    What has an inconclusive verdict is untold as well, also where its interval is within the threshold.
    """

    @property
    def name(self) -> str:
        """The model with its variant, for people; both sides' where they are two."""
        alike = self.case.key == self.other.key or self.case.name == self.other.name
        return self.case.name if alike else f"{self.case.name} and {self.other.name}"

    @property
    def verdict(self) -> Verdict:
        """In words that fit the metric: a time or a rate is slower or faster, anything else worse or better."""
        if self.metric.unit in (Unit.SECOND, Unit.TOKENS_PER_SECOND):
            return self.comparison.verdict
        words = {Verdict.SLOWER: Verdict.WORSE, Verdict.FASTER: Verdict.BETTER}
        return words.get(self.comparison.verdict, self.comparison.verdict)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each note, with what is behind it."""
        return tuple(
            NOTE_TEXT[note] + (f" ({self.details[note]})" if note in self.details else "")
            for note in self.comparison.notes
        )


def judge(base: Run, candidate: Run, pair: Pair, metric: str, *, across_conditions: bool) -> Judged:
    """The verdict on one metric of a pair of cases; inconclusive, with the reason, where they must not be compared."""
    ours, theirs = pair.base, pair.candidate
    interleaved = bool(ours and theirs and base.id == candidate.id and _are_partners(ours, theirs))
    in_blocks = interleaved
    forbidden, told = _reasons(base, candidate, pair, metric, across_conditions=across_conditions)
    if forbidden or ours is None or theirs is None:
        comparison = _undecided(forbidden)
    elif interleaved:
        comparison = compare_pairs(_blocks(ours, theirs, metric), better=_better(metric))
    else:
        samples = _samples(ours, metric), _samples(theirs, metric)
        comparison = compare_samples(*samples, better=_better(metric))
        smaller = ours if len(samples[0]) < len(samples[1]) else theirs
        in_blocks = None not in smaller.blocks[metric]
    if metric == "sustained_ratio" and not forbidden:
        told = {**told, Note.ONE_VALUE: ""}
        notes = tuple(note for note in comparison.notes if note is not Note.TOO_FEW)
        comparison = replace(comparison, needed=None, notes=notes)  # no number of rounds gives it a second value
    comparison = replace(comparison, notes=(*comparison.notes, *(one for one in told if one not in comparison.notes)))
    either = ours or theirs
    assert either is not None
    return Judged(
        run=candidate.id,
        side=candidate.id,
        case=(ours or either).case,
        other=(theirs or either).case,
        metric=METRICS[metric],
        base=ours.summary.get(metric) if ours else None,
        candidate=theirs.summary.get(metric) if theirs else None,
        comparison=comparison,
        paired=interleaved,
        in_blocks=in_blocks,
        canary=all(one.facts.get("canary") is True for one in (ours, theirs) if one),
        details={note: text for note, text in {**forbidden, **told}.items() if text},
    )


def _are_partners(ours: Measured, theirs: Measured) -> bool:
    """Whether the two were interleaved with each other, whichever of them was the base."""
    return theirs.case.key in (partner(ours, "base"), partner(ours, "candidate"))


def conditions_differ(a: Run, b: Run) -> Mapping[str, tuple[Json, Json]]:
    """The facts of the conditions that differ, each with both values; {} where either run has none."""
    if a.conditions is None or b.conditions is None:
        return {}
    return differing(a.conditions, b.conditions)


def _reasons(
    base: Run, candidate: Run, pair: Pair, metric: str, *, across_conditions: bool
) -> tuple[dict[Note, str], dict[Note, str]]:
    """Why the two must not be compared, and what must be said beside a comparison."""
    ours, theirs = pair.base, pair.candidate
    if ours is None or theirs is None:
        lacking = base.id if ours is None else candidate.id
        return {Note.CASE_MISSING: f"run {lacking} lacks it"}, {}
    found = [
        *_of_runs(base, candidate),
        *_of_models(base, candidate, pair),
    ]
    lifted = {Note.CONDITIONS_DIFFER, Note.OFFLOAD_DIFFERS} if across_conditions else set()
    if pair.deliberate:
        lifted |= {Note.MODEL_DIFFERS, Note.OPTIONS_DIFFER}
        if ours.case.key != theirs.case.key:
            lifted.add(Note.OFFLOAD_DIFFERS)
    silent = {Note.MODEL_DIFFERS} if pair.deliberate and ours.case.model != theirs.case.model else set()
    forbidden = {note: text for note, text in found if note not in lifted}
    told = {note: text for note, text in found if note in lifted - silent}
    for run, one in ((base, ours), (candidate, theirs)):
        if metric in one.values or forbidden:
            continue
        if one.values or one.summary:
            forbidden[Note.METRIC_MISSING] = f"run {run.id} has no {metric} for it"
        else:
            failed = f"{one.failed} failed" if one.failed else "those there are were left out"
            forbidden[Note.NOTHING] = f"run {run.id} has none of {one.planned} planned: {failed}"
    return forbidden, told | _temperatures(ours, theirs)


def _of_runs(base: Run, candidate: Run) -> list[tuple[Note, str]]:
    found = []
    if base.metrics_version != candidate.metrics_version:
        found.append((Note.VERSION_DIFFERS, f"version {base.metrics_version} and {candidate.metrics_version}"))
    a, b = base.conditions, candidate.conditions
    if base.id == candidate.id:
        pass
    elif a is None or b is None:
        found.append((Note.CONDITIONS_DIFFER, f"those of run {(base if a is None else candidate).id} are not known"))
    elif a.hash != b.hash:
        found.append((Note.CONDITIONS_DIFFER, conditions_text(differing(a, b))))
    return found


def _of_models(base: Run, candidate: Run, pair: Pair) -> list[tuple[Note, str]]:
    assert pair.base is not None
    assert pair.candidate is not None
    a, b = pair.base.case, pair.candidate.case
    found = []
    if a.model_digest != b.model_digest:
        how = f"; `orac compare {base.id}:{a.key} {candidate.id}:{b.key}` compares them on purpose"
        files = f"{a.model_digest[:19]} and {b.model_digest[:19]}"
        found.append((Note.MODEL_DIFFERS, files + ("" if pair.deliberate else how)))
    if a.key != b.key and (a.options != b.options or a.workload != b.workload):
        found.append((Note.OPTIONS_DIFFER, _options_text(a, b)))
    shares = pair.base.offload_ratio, pair.candidate.offload_ratio
    if shares[0] is not None and shares[1] is not None and abs(shares[0] - shares[1]) > 0.01:
        found.append((Note.OFFLOAD_DIFFERS, f"{shares[0]:.0%} and {shares[1]:.0%}"))
    return found


def conditions_text(differ: Mapping[str, tuple[Json, ...]], *, between: str = "and") -> str:
    """For people: "power_mode 15W and MAXN; ollama_version 0.11.4 and 0.20.7", with that word `between`."""
    shown = [f"{key} {f' {between} '.join(_value(one) for one in values)}" for key, values in differ.items()]
    return "; ".join(shown[:6]) + (f"; {len(shown) - 6} more" if len(shown) > 6 else "")


def _options_text(a: Case, b: Case) -> str:
    keys = sorted({*a.options, *b.options})
    differ = {key: (a.options.get(key), b.options.get(key)) for key in keys if a.options.get(key) != b.options.get(key)}
    lengths = [f"{a.workload.label} and {b.workload.label}"] if a.workload != b.workload else []
    return "; ".join([*lengths, *([conditions_text(differ)] if differ else [])])


def _value(value: Json) -> str:
    return "none" if value is None else str(value)


def _temperatures(ours: Measured, theirs: Measured) -> dict[Note, str]:
    a, b = (one.summary.get(START) for one in (ours, theirs))
    if a is None or b is None or abs(a.median - b.median) <= WARMER_CELSIUS:
        return {}
    return {Note.TEMPERATURES_DIFFER: " and ".join(written(one.median, Unit.CELSIUS) for one in (a, b))}


def _undecided(forbidden: Mapping[Note, str]) -> Comparison:
    return Comparison(
        verdict=Verdict.INCONCLUSIVE, ratio=None, ci_low=None, ci_high=None, n=0, needed=None, notes=tuple(forbidden)
    )


def _better(metric: str) -> Better:
    return METRICS[metric].better or "lower"


def _blocks(ours: Measured, theirs: Measured, metric: str) -> list[tuple[Sequence[float], Sequence[float]]]:
    """The rounds of both sides by block, in the order of blocks."""
    sides = _by_block(ours, metric), _by_block(theirs, metric)
    numbers = sorted({block for side in sides for block in side if block is not None})
    return [(sides[0].get(number, []), sides[1].get(number, [])) for number in numbers]


def _samples(one: Measured, metric: str) -> list[float]:
    """The rounds; of what was measured in blocks the blocks' medians, as rounds of one block are alike."""
    by_block = _by_block(one, metric)
    if None in by_block:
        return [*one.values[metric]]
    return [statistics.median(values) for values in by_block.values()]


def _by_block(one: Measured, metric: str) -> dict[int | None, list[float]]:
    found: dict[int | None, list[float]] = {}
    for value, block in zip(one.values.get(metric, ()), one.blocks.get(metric, ()), strict=True):
        found.setdefault(block, []).append(value)
    return found

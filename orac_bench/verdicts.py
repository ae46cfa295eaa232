"""What a comparison says: its verdict, its figures, and what the reader must know beside them. Pure records.

They are made by `stats` and worded for people by the doors. What must never live here: anything that computes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """What may be said about a candidate beside its base."""

    SLOWER = "slower"  # worse, by more than the minimum effect, and not by chance
    FASTER = "faster"  # better, likewise
    WORSE = "worse"  # SLOWER, where the metric is neither a time nor a rate
    BETTER = "better"  # FASTER, likewise
    SAME = "same"  # no difference larger than the minimum effect
    INCONCLUSIVE = "inconclusive"  # these numbers do not tell


DECIDED = frozenset({Verdict.SLOWER, Verdict.FASTER, Verdict.WORSE, Verdict.BETTER})
"""Verdicts that claim a change."""


class Note(str, Enum):
    """What must be known beside a summary or a comparison. A closed list; NOTE_TEXT has a sentence for each."""

    TOO_FEW = "too_few"
    NOTHING = "nothing"
    INCOMPLETE_BLOCK = "incomplete_block"
    NOT_POSITIVE = "not_positive"
    NOT_INTERLEAVED = "not_interleaved"
    DRIFT = "drift"
    AUTOCORRELATED = "autocorrelated"
    HOLM = "holm"
    WITHIN_EFFECT = "within_effect"
    METRIC_MISSING = "metric_missing"
    CONDITIONS_DIFFER = "conditions_differ"
    MODEL_DIFFERS = "model_differs"
    OFFLOAD_DIFFERS = "offload_differs"
    VERSION_DIFFERS = "version_differs"
    OPTIONS_DIFFER = "options_differ"
    CASE_MISSING = "case_missing"
    ONE_VALUE = "one_value"
    TEMPERATURES_DIFFER = "temperatures_differ"
    CANARY_MOVED = "canary_moved"


NOTE_TEXT: Mapping[Note, str] = {
    Note.TOO_FEW: "too few rounds for a 95 % interval: measure more (`--rounds 20`; in pairs `--blocks 10`)",
    Note.NOTHING: "no round counts on one side: `orac show RUN --rounds` says why each was left out; measure again",
    Note.INCOMPLETE_BLOCK: "a block without a counted round on both sides was left out",
    Note.NOT_POSITIVE: "a value is zero or negative, and a ratio of such values means nothing: compare another metric",
    Note.NOT_INTERLEAVED: "not interleaved: what changed between the two may be the board (`--paired` rules it out)",
    Note.DRIFT: "the rounds drift: the last are more than 3 % off the first; let the board settle (`--warmup`)",
    Note.AUTOCORRELATED: "rounds resemble the ones before them; the interval is widened for it",
    Note.HOLM: "the change would hold by itself, but not beside so many cases (Holm): compare fewer or measure more",
    Note.WITHIN_EFFECT: "certainly worse than `--fail-on` allows, though within the 2 % that no verdict calls a change",
    Note.METRIC_MISSING: "one side lacks this metric: its board, its suite or its ORAC has none; compare another",
    Note.CONDITIONS_DIFFER: "measured under different conditions: `--across-conditions` compares all the same",
    Note.MODEL_DIFFERS: "the model's file differs under the same name",
    Note.OFFLOAD_DIFFERS: "another share of the model was on the GPU: `--across-conditions` compares all the same",
    Note.VERSION_DIFFERS: "the metric's definition changed between the two: measure the base again",
    Note.OPTIONS_DIFFER: "the requests' options or lengths differ",
    Note.CASE_MISSING: "one side has no such case: measure it there too",
    Note.ONE_VALUE: "one value a result has no interval: look at several runs with `orac history`",
    Note.TEMPERATURES_DIFFER: "the rounds started at other temperatures",
    Note.CANARY_MOVED: "the canary, which is the same model in both, is not what it was: so is the machine",
}
"""A sentence for each note, for people: what is so, and what to do where something can be done."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A candidate beside its base in one metric. `ratio` is candidate over base, with its 95 % interval.

    The interval is None where there are too few blocks for one, the ratio where nothing could be compared.
    """

    verdict: Verdict
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    """Pairs of blocks; of what was not interleaved, the rounds of the smaller side, or the blocks that it has."""
    needed: int | None
    """How many more of them would probably decide; None where it is decided, would not help or cannot be told."""
    notes: tuple[Note, ...] = ()
    p: float | None = None
    """How often equal sides would look at least this different, 0 to 1; None without an interval."""
    holds: bool = True
    """False where no difference holds beside the others that it was judged with (Holm), whatever its own interval."""

"""`--fail-on decode_tokens_per_s:5%`: how much worse a metric may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orac_bench.errors import UsageError
from orac_bench.judging.headlines import directed
from orac_bench.metrics import METRICS
from orac_bench.verdicts import Comparison


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A metric, and by which share of the base it may be worse: 0.05 is 5 %."""

    metric: str
    share: float

    def __str__(self) -> str:
        return f"{self.metric}:{self.share * 100:g}%"


def thresholds(texts: Sequence[str]) -> tuple[Threshold, ...]:
    """The thresholds in `texts`, one a metric. Raises UsageError for what is none, and for a metric named twice."""
    found = tuple(_threshold(text) for text in texts)
    twice = {one.metric for one in found if [two.metric for two in found].count(one.metric) > 1}
    if twice:
        raise UsageError(f"{min(twice)} has two thresholds.", next="Give each metric one.")
    return found


def beyond(comparison: Comparison, threshold: Threshold) -> bool:
    """Whether the metric by itself is certainly worse than allowed: the interval's near bound is beyond the threshold.

    The point alone never decides. Whether it is so beside the other cases, too, is what `comparison.holds` tells.
    """
    if comparison.ci_low is None or comparison.ci_high is None:
        return False
    if METRICS[threshold.metric].better == "higher":
        return comparison.ci_high < 1 - threshold.share
    return comparison.ci_low > 1 + threshold.share


def possible(comparison: Comparison, threshold: Threshold) -> bool:
    """Whether the metric may be worse than allowed: the interval reaches beyond the threshold, or there is none."""
    if comparison.ci_low is None or comparison.ci_high is None:
        return True
    if METRICS[threshold.metric].better == "higher":
        return comparison.ci_low < 1 - threshold.share
    return comparison.ci_high > 1 + threshold.share


def _threshold(text: str) -> Threshold:
    name, colon, number = (part.strip() for part in text.rpartition(":"))
    if not colon:
        name, number = number, ""
    (key,) = directed([name])
    found = re.fullmatch(r"\+?(\d+(?:\.\d+)?) ?%", number)
    if found is None:
        raise UsageError(
            f"The threshold {text!r} has no number in percent behind its metric.", next=f"Write it as {key}:5%"
        )
    share = float(found[1]) / 100
    if METRICS[key].better == "higher" and share >= 1:
        raise UsageError(f"{key} cannot fall by {number} or more, so {text!r} would never fail.", next=f"{key}:5%")
    return Threshold(metric=key, share=share)

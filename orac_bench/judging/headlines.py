"""What is looked at unless someone asks for something else: the headlines of each suite. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from orac_bench.errors import UsageError
from orac_bench.metrics import METRICS, Metric
from orac_bench.suites.grid import SUITES

HEADLINES: Mapping[str, tuple[str, ...]] = {name: suite.headlines for name, suite in SUITES.items()}
"""By suite. Changes of level are found for these when a run closes."""

FIRST: Mapping[str, str] = {name: metrics[0] for name, metrics in HEADLINES.items()}
"""The one of each suite that stands for it in the overview."""

ELSE = ("e2e_s",)
"""Of a suite that this version does not know: a run of another ORAC that was taken in."""


def headlines(suite: str) -> tuple[str, ...]:
    """The metrics of a suite that are compared by default."""
    return HEADLINES.get(suite, ELSE)


def metric(key: str) -> Metric:
    """The metric `key`. Raises UsageError with the near names where there is none."""
    if key in METRICS:
        return METRICS[key]
    near = difflib.get_close_matches(key, METRICS, n=3, cutoff=0.4)
    raise UsageError(
        f"There is no metric {key!r}" + (f"; near it: {', '.join(near)}." if near else "."),
        next=f"Metrics: {', '.join(METRICS)}",
    )


def directed(keys: Sequence[str]) -> tuple[str, ...]:
    """`keys`, each once, all of metrics that have a better direction. Raises UsageError for another."""
    for key in keys:
        if metric(key).better is None:
            raise UsageError(
                f"{key} has no better direction: neither more nor less of it is slower or faster.",
                next=f"Compare one of: {', '.join(name for name, one in METRICS.items() if one.better)}",
            )
    return tuple(dict.fromkeys(keys))

"""A case over time drawn with characters: a column a run, its median and its interval. Pure.

More runs than columns are put together: the median of their medians, the widest of their intervals.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orac_bench.store.history import Point
from orac_bench.units import Unit
from orac_bench.units import format as written

HEIGHT = 9


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What a chart is drawn with."""

    median: str
    interval: str
    edge: str
    change: str


UNICODE = Signs(median="●", interval="│", edge="┤", change="▲")
PLAIN = Signs(median="o", interval="|", edge="|", change="^")


@dataclass(frozen=True, kw_only=True)
class _Column:
    low: float
    median: float
    high: float
    changed: bool


def chart(
    points: Sequence[Point], changed: Collection[str], unit: Unit, *, width: int = 80, plain: bool = False
) -> list[str]:
    """Lines of at most `width` columns; [] below two points. Below the chart, runs in `changed` have a mark.

    The highest and the lowest value stand at its left edge. `plain` uses ASCII only.
    """
    if len(points) < 2:
        return []
    signs = PLAIN if plain else UNICODE
    low = min(point.median if point.ci_low is None else point.ci_low for point in points)
    high = max(point.median if point.ci_high is None else point.ci_high for point in points)
    if low == high:
        low, high = low * 0.99 if low else -1.0, high * 1.01 if high else 1.0
    labels = [written(high, unit), *[""] * (HEIGHT - 2), written(low, unit)]
    if plain:
        labels = [label.encode("ascii", "ignore").decode() for label in labels]
    edge = max(map(len, labels))
    columns = _columns(points, changed, max(1, width - edge - 3))
    rows = [[" "] * len(columns) for _ in range(HEIGHT)]
    for x, column in enumerate(columns):
        top, bottom = _row(column.high, low, high), _row(column.low, low, high)
        for y in range(top, bottom + 1) if bottom > top else ():
            rows[y][x] = signs.interval
        rows[_row(column.median, low, high)][x] = signs.median
    drawn = [f"{label:>{edge}} {signs.edge}{''.join(row)}" for label, row in zip(labels, rows, strict=True)]
    if any(column.changed for column in columns):
        marks = "".join(signs.change if column.changed else " " for column in columns)
        drawn.append(f"{'':>{edge}}  {marks}")
    return [line.rstrip() for line in drawn]


def _columns(points: Sequence[Point], changed: Collection[str], width: int) -> list[_Column]:
    count = min(width, len(points))
    edges = [number * len(points) // count for number in range(count + 1)]
    return [_column(points[begin:end], changed) for begin, end in pairwise(edges)]


def _column(points: Sequence[Point], changed: Collection[str]) -> _Column:
    return _Column(
        low=min(point.median if point.ci_low is None else point.ci_low for point in points),
        median=statistics.median(point.median for point in points),
        high=max(point.median if point.ci_high is None else point.ci_high for point in points),
        changed=any(point.run in changed for point in points),
    )


def _row(value: float, low: float, high: float) -> int:
    """From 0 at the top to HEIGHT - 1 at the bottom."""
    return round((high - value) / (high - low) * (HEIGHT - 1))

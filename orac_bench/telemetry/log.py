"""A recorded log to readings on one clock: tegrastats' text, or JSON lines of rails. Pure.

tegrastats prints whole seconds, so that ten lines share one; times are therefore laid evenly through them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median

from orac_bench.errors import UsageError
from orac_bench.telemetry.reading import Reading
from orac_bench.telemetry.tegrastats import parse_line

PAUSE_S = 3.0
"""Printed times that leave the even pace by more than this and three periods begin a new stretch of the log."""

DAY_S = 86_400

_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?")
_OWN_DATE = re.compile(r"(\d\d)-(\d\d)-(\d{4})")
_ISO_DATE = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)")
_SYSLOG_DATE = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2})(?: \S+ (\d{4}))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, kw_only=True)
class Log:
    """Readings of a recorded log. `times_s` counts from the first line; bad lines are only counted."""

    times_s: tuple[float, ...]
    readings: tuple[Reading, ...]
    bad: int

    def rail(self, name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Times in s and power in W of the first rail of that name, where a line has it."""
        found = [
            (time, next((rail.now_w for rail in reading.rails if rail.name == name), None))
            for time, reading in zip(self.times_s, self.readings, strict=True)
        ]
        pairs = [(time, power) for time, power in found if power is not None]
        return tuple(time for time, _ in pairs), tuple(power for _, power in pairs)

    @property
    def rails(self) -> tuple[str, ...]:
        """The names of all rails, in the order in which they come."""
        return tuple(dict.fromkeys(rail.name for reading in self.readings for rail in reading.rails))


def read_log(lines: Iterable[str], *, interval_s: float | None = None) -> Log:
    """The log in `lines`. Empty lines do not count; a bad line still takes its place in time.

    Without printed times the lines are `interval_s` apart. Raises UsageError where neither is there, or no line can
    be read.
    """
    readings = [parse_line(line) for line in lines if line.strip()]
    good = [index for index, reading in enumerate(readings) if reading.bad is None]
    if not good:
        reason = readings[0].bad if readings else "it is empty"
        raise UsageError(f"None of the {len(readings)} lines could be read as tegrastats: {reason}.")
    stamps = [(index, seconds) for index in good if (seconds := printed_seconds(readings[index].at)) is not None]
    if interval_s is not None:
        times = [index * interval_s for index in range(len(readings))]
    elif len(stamps) < 2 or stamps[0][1] == stamps[-1][1]:
        raise UsageError("The lines print no times that tell how far apart they are.", next="Give --interval 0.1")
    else:
        times = even_times(stamps, len(readings))
    return Log(
        times_s=tuple(times[index] for index in good),
        readings=tuple(readings[index] for index in good),
        bad=len(readings) - len(good),
    )


def read_rails(lines: Iterable[str]) -> dict[str, tuple[list[float], list[float]]]:
    """Times in s and power in W by rail, of JSON lines `{"t_s": 12.34, "rails_w": {"VDD_IN": 5.1}}`.

    Raises UsageError with the line's number where one is no such object.
    """
    rails: dict[str, tuple[list[float], list[float]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            time, powers = float(document["t_s"]), {str(k): float(v) for k, v in document["rails_w"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UsageError(
                f"Line {number} is no reading of rails.", next='Write it as {"t_s": 12.34, "rails_w": {"VDD_IN": 5.1}}'
            ) from None
        for name, power in powers.items():
            times, values = rails.setdefault(name, ([], []))
            times.append(time)
            values.append(power)
    return rails


def even_times(stamps: Sequence[tuple[int, float]], count: int) -> list[float]:
    """Seconds from the first line of each of `count` lines, from the printed times of some: (index, seconds).

    Times are even within a stretch; where the printed ones jump, after a pause of the log or of its clock, the next
    stretch begins at what is printed.
    """
    period = _usual_period(stamps)
    stamps = _rising(stamps, period)
    stretches: list[list[tuple[int, float]]] = [[stamps[0]]]
    for stamp in stamps[1:]:
        index, seconds = stretches[-1][-1]
        off = (stamp[1] - seconds) - (stamp[0] - index) * period
        if abs(off) > PAUSE_S + 3 * period:
            stretches.append([])
        stretches[-1].append(stamp)
    lines = [_line(stretch, period) for stretch in stretches]
    begins = [stretch[0][0] for stretch in stretches]
    begins[0] = 0
    times, current = [], 0
    for index in range(count):
        while current + 1 < len(begins) and index >= begins[current + 1]:
            current += 1
        slope, intercept = lines[current]
        times.append(slope * index + intercept)
    return [time - times[0] for time in times]


def printed_seconds(at: str | None) -> float | None:
    """A printed local time as seconds of some calendar, only good for differences. None where there is none.

    Of a time without a date it is the second of the day; a syslog date is taken in a leap year.
    """
    clock = _TIME.search(at or "")
    if at is None or clock is None:
        return None
    seconds = int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3]) + float(f"0.{clock[4] or 0}")
    try:
        if own := _OWN_DATE.search(at):
            day = datetime(int(own[3]), int(own[1]), int(own[2]))
        elif iso := _ISO_DATE.search(at):
            day = datetime(int(iso[1]), int(iso[2]), int(iso[3]))
        elif (named := _SYSLOG_DATE.search(at)) and named[1] in _MONTHS:
            day = datetime(int(named[3] or 2000), _MONTHS.index(named[1]) + 1, int(named[2]))
        else:
            day = datetime(1, 1, 1)
    except ValueError:
        return None
    return day.toordinal() * DAY_S + seconds


def _rising(stamps: Sequence[tuple[int, float]], period: float) -> list[tuple[int, float]]:
    """`stamps` as they would be had the printed time never fallen.

    Where no date is printed midnight is the next day's; any other fall is a clock that was set back, or a year that is
    not printed, and the log goes on at its `period`.
    """
    rising, shift = [stamps[0]], 0.0
    for (place, before), (index, seconds) in pairwise(stamps):
        fall = before - seconds
        if fall > 0:
            midnight = before < 2 * DAY_S and DAY_S / 2 < fall < DAY_S  # without a date it is the first day of all
            shift += DAY_S if midnight else fall + period * (index - place)
        rising.append((index, seconds + shift))
    return rising


def _usual_period(stamps: Sequence[tuple[int, float]]) -> float:
    """Seconds from line to line, by the printed times that are ten lines or more apart, and do not fall. 0 without."""
    for reach in (max(1, min(10, len(stamps) - 1)), 1):
        paces = [
            (later[1] - earlier[1]) / (later[0] - earlier[0])
            for earlier, later in zip(stamps, stamps[reach:], strict=False)
            if later[0] > earlier[0] and later[1] >= earlier[1]
        ]
        if paces:
            return median(paces)
    return 0.0


def _line(stretch: Sequence[tuple[int, float]], period: float) -> tuple[float, float]:
    """Slope and intercept of the even times through the printed ones of a stretch.

    They are laid through the instants at which the printed second changes, which lie between two lines: through the
    lines themselves, those of a first and last second that are not whole would bend it.
    """
    changes = [
        ((before[0] + after[0]) / 2, (before[1] + after[1] + 1) / 2)
        for before, after in pairwise(stretch)
        if after[1] > before[1]
    ] or [(float(stretch[0][0]), stretch[0][1])]
    middle = sum(index for index, _ in changes) / len(changes)
    level = sum(second for _, second in changes) / len(changes)
    spread = sum((index - middle) ** 2 for index, _ in changes)
    across = sum((index - middle) * (second - level) for index, second in changes)
    slope = across / spread if spread and across > 0 else period
    return slope, level - slope * middle

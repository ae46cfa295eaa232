"""Base units, and how a value is written for the eye. Pure.

Inside ORAC every value is in a base unit: s, B, W, J, Hz, celsius, tokens, tokens/s, J/token, ratio. Only here are
prefixes put on, once, on the way out.
"""

from __future__ import annotations

import math
import re
from enum import Enum


class Unit(Enum):
    """A base unit; the value is how it is written in JSON and CSV."""

    SECOND = "s"
    BYTE = "B"
    TOKEN = "tokens"
    TOKENS_PER_SECOND = "tokens/s"
    JOULE = "J"
    JOULES_PER_TOKEN = "J/token"
    WATT = "W"
    HERTZ = "Hz"
    CELSIUS = "celsius"
    RATIO = "ratio"


ABSENT = "–"
"""Written where a value is None."""

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
_HERTZ = ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz"))
_JOULES = ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"))
_WATTS = ((1.0, "W"), (1e-3, "mW"))
_PREFIXES = {
    Unit.SECOND: _SECONDS,
    Unit.BYTE: _BYTES,
    Unit.HERTZ: _HERTZ,
    Unit.JOULE: _JOULES,
    Unit.JOULES_PER_TOKEN: _JOULES,
    Unit.WATT: _WATTS,
}
_SUFFIXES = {
    Unit.TOKEN: " tokens",
    Unit.TOKENS_PER_SECOND: " tok/s",
    Unit.CELSIUS: " °C",
    Unit.RATIO: "",
}


def format(value: float | None, unit: Unit) -> str:
    """`value` (in `unit`, None for absent) with three significant digits and a prefix: "209 ms", "98.4 MiB".

    Counts of tokens are whole numbers. Zero has the base unit.
    """
    if value is None:
        return ABSENT
    if unit is Unit.TOKEN:
        return f"{value:.0f}{_SUFFIXES[unit]}"
    if unit not in _PREFIXES:
        return three_digits(value) + _SUFFIXES[unit]
    factor, symbol = scale(value, unit)
    if unit is Unit.JOULES_PER_TOKEN:
        symbol += "/tok"
    return f"{three_digits(value / factor)} {symbol}"


def scale(value: float, unit: Unit) -> tuple[float, str]:
    """The prefix that suits `value`: what to divide by, and the symbol. (1.0, symbol of the unit) where none does."""
    prefixes = _PREFIXES.get(unit)
    if prefixes is None:
        return 1.0, unit.value
    if value == 0:
        return 1.0, "B" if unit is Unit.BYTE else dict(prefixes)[1.0]
    for factor, symbol in prefixes:
        if abs(value) >= factor * 0.9995:
            return factor, symbol
    return (1.0, "B") if unit is Unit.BYTE else prefixes[-1]


def interval(low: float, high: float, unit: Unit, *, beside: float, between: str = "–") -> str:
    """Both ends, in `unit`, with the prefix that suits the value that they stand beside: "205–214" for 0.209 s."""
    factor, _ = scale(beside, unit)
    return f"{three_digits(low / factor)}{between}{three_digits(high / factor)}"


def three_digits(value: float) -> str:
    """`value` with three significant digits and no exponent: 0.0123, 1.23, 12.3, 123, 1234."""
    if value == 0:
        return "0"
    size = abs(value)
    decimals = 0
    while size < 99.95 and decimals < 12:
        size *= 10
        decimals += 1
    return f"{value:.{decimals}f}"


def percent(ratio: float | None) -> str:
    """How far `ratio` lies from 1, for the eye: "+3.2 %", "-0.5 %", "+120 %". ABSENT for None."""
    if ratio is None:
        return ABSENT
    change = (ratio - 1) * 100
    return f"{change:+.{0 if abs(change) >= 99.95 else 1}f} %"


_SPAN_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A length of time as people type it, in s: "90", "90s", "10m", "1.5h". Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min|h)?", text.strip())
    value = float(found[1]) * _SPAN_S[found[2] or "s"] if found else 0.0
    if not 0 < value < math.inf:
        raise ValueError(f"{text!r} is no length of time.")
    return value


def share(text: str) -> float:
    """A part of a whole as people type it, as a ratio: "2%", "0.5 %", "0.02". Up to a half; ValueError for the rest."""
    number = text.strip().removesuffix("%")
    value = float(number) / (1 if number == text.strip() else 100)
    if not 0 < value <= 0.5:
        raise ValueError(f"{text!r} is no part of a whole.")
    return value


def span(seconds: float) -> str:
    """A length of time for progress lines, to the second: "8 s", "2 min 05 s", "1 h 04 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: int, noun: str) -> str:
    """So many of a thing, for sentences: "1 round", "2 rounds"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

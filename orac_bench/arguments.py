"""Parsers of what is typed behind an option, for argparse and pytest."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from orac_bench.units import seconds, share


def at_least(low: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` on, for argparse and pytest."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a whole number from {low} on is")
        return value

    return number


def length_of_time(text: str) -> float:
    """A parser of "90s" and "10m" to seconds, for argparse and pytest."""
    try:
        return seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a time such as 90s, 10m or 1h is") from None


def precision(text: str) -> float:
    """A parser of "2%" and "0.02" to a ratio, for argparse and pytest."""
    try:
        return share(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a precision such as 2% or 0.5% is") from None

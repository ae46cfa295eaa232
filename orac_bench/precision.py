"""How well the headlines of a case are known, and whether that is enough. Pure; the rule is that of stats/stopping.py.

What must never live here: a clock. How long it took is told by the rounds themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orac_bench.records import Json, Phase, Result, Round
from orac_bench.stats.stopping import Rule, Stop, half_width_ratio, stop
from orac_bench.stats.summary import summarise
from orac_bench.units import span, three_digits

FACT = "precision"
"""The fact of a result that says what was wanted, what was reached, and why it stopped."""

WHY: Mapping[Stop, str] = {Stop.PRECISE: "precision", Stop.CEILING: "rounds", Stop.TIME: "time"}
"""Why no further round was measured, as it is stored."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """`widths` has half the interval over the median of each headline, None where there is no interval yet.

    `stopped` is None while it goes on.
    """

    wanted: float
    widths: Mapping[str, float | None]
    stopped: Stop | None
    limit_s: float | None

    @property
    def fact(self) -> dict[str, Json]:
        """What is stored with the result."""
        why = None if self.stopped is None else WHY[self.stopped]
        return {"wanted": self.wanted, "reached": dict(self.widths), "stopped": why, "time_limit_s": self.limit_s}


def reached(rounds: Sequence[Round], headlines: Sequence[str], rule: Rule) -> Reached:
    """What is known after these rounds, warm-ups among them, and whether `rule` has enough of them."""
    values = [[one.metrics[key] for one in rounds if one.counted and key in one.metrics] for key in headlines]
    measured = [one for one in rounds if one.phase is Phase.MEASURE]
    stopped = stop(values, rule, rounds=len(measured), elapsed_s=elapsed_s(rounds)) if measured else None
    widths = {key: width(found) for key, found in zip(headlines, values, strict=True)}
    return Reached(wanted=rule.precision_ratio or 0.0, widths=widths, stopped=stopped, limit_s=rule.time_limit_s)


def width(values: Sequence[float]) -> float | None:
    """How well the median of these is known, as a ratio. None without an interval."""
    return half_width_ratio(summarise(values)) if values else None


def percent(ratio: float | None) -> str:
    """For people: "±1.83 %", "± unknown"."""
    return "± unknown" if ratio is None else f"±{three_digits(ratio * 100)} %"


def sentence(result: Result) -> str | None:
    """What a result says of its precision, for people; None where none was wanted."""
    fact = result.facts.get(FACT)
    if not isinstance(fact, dict):
        return None
    widths, wanted, limit_s = fact.get("reached"), fact.get("wanted"), fact.get("time_limit_s")
    known = [one for one in widths.values() if isinstance(one, float)] if isinstance(widths, dict) else []
    worst = max(known) if isinstance(widths, dict) and len(known) == len(widths) else None
    asked = percent(wanted if isinstance(wanted, float) else None).removeprefix("±")
    limit = span(limit_s) if isinstance(limit_s, (int, float)) else "its length"
    near = worst is not None and isinstance(wanted, float) and worst <= wanted
    short = f"within the {asked} asked for, but not at two looks in a row" if near else f"not the {asked} asked for"
    why = {
        "precision": f"which is within the {asked} asked for",
        "rounds": f"{short}: no more rounds are allowed",
        "time": f"{short}: the time limit of {limit} was reached",
    }.get(str(fact.get("stopped")), f"and {asked} was asked for: it ended before")
    return f"known to {percent(worst)} after {result.done} rounds, {why}"


def elapsed_s(rounds: Sequence[Round]) -> float:
    """From the first round's start, warm-up or not, to the last one's end. 0 without any."""
    if not rounds:
        return 0.0
    return (rounds[-1].started - rounds[0].started).total_seconds() + rounds[-1].metrics.get("e2e_s", 0.0)

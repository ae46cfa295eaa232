"""A sustained run, minute by minute: tokens a second, and what the board did meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from orac_bench.records import Generation, Json
from orac_bench.telemetry.gate import hottest
from orac_bench.telemetry.phases import meter
from orac_bench.telemetry.source import Sample

SLICE_NS = 10**9
"""Tokens and time are counted by the second, so that any last minute can be cut out."""
MINUTE_S = 60


@dataclass
class Mean:
    """A mean that grows."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        """Takes a value in; None is none."""
        if value is not None:
            self.total += value
            self.count += 1

    @property
    def value(self) -> float | None:
        """The mean. None of nothing."""
        return self.total / self.count if self.count else None


@dataclass
class Minutes:
    """What was counted since the first request was sent, at `start_ns`. Its size is that of the time, not of rounds.

    Tokens are placed where their chunks arrived; a chunk is as many tokens as the server's count makes it. A rate is
    tokens over the time in which a request was under way: what ORAC does between two requests is not the model's.
    """

    start_ns: int
    end_ns: int = 0
    """When the last request was done."""
    _tokens: dict[int, float] = field(default_factory=dict)
    _busy_s: dict[int, float] = field(default_factory=dict)
    _means: dict[int, dict[str, Mean]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.end_ns = self.start_ns

    @property
    def reached_s(self) -> float:
        """From the first request's start to the last one's end."""
        return (self.end_ns - self.start_ns) / 1e9

    def add_request(self, generation: Generation, *, tokens: float | None) -> None:
        """Counts a finished request. `tokens` is what it wrote, None where that is not known: then a chunk is one."""
        if generation.done_ns is None:
            return
        stamps = [chunk.at_ns for chunk in generation.chunks if chunk.text or chunk.thinking]
        for at_ns in stamps:
            second = self._second(at_ns)
            self._tokens[second] = self._tokens.get(second, 0.0) + (tokens or len(stamps)) / len(stamps)
        at_ns = generation.sent_ns
        while at_ns < generation.done_ns:
            second = self._second(at_ns)
            until_ns = min(generation.done_ns, self.start_ns + (second + 1) * SLICE_NS)
            self._busy_s[second] = self._busy_s.get(second, 0.0) + (until_ns - at_ns) / 1e9
            at_ns = until_ns
        self.end_ns = generation.done_ns

    def add_samples(self, samples: Iterable[Sample]) -> None:
        """Counts what the board told."""
        for sample in samples:
            minute = self._second(sample.at_ns) // MINUTE_S
            means = self._means.setdefault(minute, {})
            rail = meter([sample])
            power_w = sample.values[rail] if rail is not None and rail.startswith("power_w") else None
            told = {
                "temperature_celsius": hottest(sample.values),
                "gpu_hz": sample.values.get("gpu_hz"),
                "cpu_hz": sample.values.get("cpu_hz"),
                "power_w": power_w,
            }
            for key, value in told.items():
                means.setdefault(key, Mean()).add(value)

    def rows(self) -> list[Json]:
        """One object a minute that has begun: minute from 1, tokens_per_s, and the means of what the board told."""
        found: list[Json] = []
        for minute in range(max(self._busy_s, default=-1) // MINUTE_S + 1):
            means = {key: mean.value for key, mean in self._means.get(minute, {}).items() if mean.count}
            rate = self._rate(minute * MINUTE_S, (minute + 1) * MINUTE_S)
            found.append({"minute": minute + 1, "tokens_per_s": rate, **means})
        return found

    def ratio(self) -> float | None:
        """Tokens/s of the last minute over those of the first; of halves where there are less than two minutes.

        None where one of them wrote nothing.
        """
        seconds = max(1, round(self.reached_s))
        span = max(1, min(MINUTE_S, seconds // 2))
        first, last = self._rate(0, span), self._rate(seconds - span, seconds + 1)
        return None if not first or not last else last / first

    def _second(self, at_ns: int) -> int:
        return (at_ns - self.start_ns) // SLICE_NS

    def _rate(self, start: int, end: int) -> float | None:
        busy_s = sum(self._busy_s.get(second, 0.0) for second in range(start, end))
        return sum(self._tokens.get(second, 0.0) for second in range(start, end)) / busy_s if busy_s else None

"""What ORAC itself costs: its rounds interleaved with a bare client's, on a real model, by the client's clock."""

from __future__ import annotations

import http.client
import os
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from orac_bench.candidates import Candidate, find_candidates
from orac_bench.errors import OllamaError
from orac_bench.intent import Intent
from orac_bench.measurement import Measurement
from orac_bench.records import Phase
from orac_bench.selfcheck.bare_client import bare_generate
from orac_bench.selfcheck.quiet import Quiet
from orac_bench.session import open_session
from orac_bench.settings import Settings
from orac_bench.stats.summary import summarise
from orac_bench.suites.grid import SUITES, Wishes, points
from orac_bench.units import counted

KEY = "client_decode_tokens_per_s"


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """Decode rate seen by ORAC over the bare client's: median of the pairs' ratios with its 95 % interval.

    `pairs` are those that both had a rate of; the interval is None below 6. `client_cpu_s` is the median processor time
    of ORAC in a round.
    """

    model: str
    ratio: float
    ci_low: float | None
    ci_high: float | None
    client_cpu_s: float
    pairs: int


def check_overhead(
    settings: Settings, folder: Path, *, model: str | None, pairs: int, tell: Callable[[str], None]
) -> Overhead:
    """Measures `pairs` pairs of rounds (ORAC, bare client) in random order on `model` (None: the smallest there is).

    Into a store in `folder`, so that the user's history does not see it. Raises OracError for what is missing, and
    where no pair has a ratio.
    """
    chosen = find_candidates(settings, [] if model is None else [model]).candidates
    candidate = min(chosen, key=lambda known: known.size_b)
    there = replace(settings, database_url=f"sqlite:///{folder}/overhead.db")
    with open_session(there, os.environ, Intent(trigger="selfcheck"), Quiet(tell)) as session:
        (point,) = points(SUITES["decode"], Wishes(rounds=pairs, warmup=2))
        with session.measuring(candidate, point) as measurement:
            for _ in range(point.warmup):
                _orac(measurement, Phase.WARMUP)
            order = random.Random(session.run.seed)
            found = [found for _ in range(pairs) if (found := _pair(measurement, order)) is not None]
        session.end(interrupted=False)
    if not found:
        raise OllamaError(
            f"None of {counted(pairs, 'pair')} of rounds on {candidate.name} had a rate of both ORAC and the bare "
            "client, so the overhead is not known.",
            next=f"See what comes of its rounds with: orac bench {candidate.name} --suite decode",
        )
    return _judged(candidate, found)


def _pair(measurement: Measurement, order: random.Random) -> tuple[float, float] | None:
    """ORAC's rate over the bare client's and ORAC's processor time; None where a rate could not be had."""
    if order.random() < 0.5:
        ours = _orac(measurement, Phase.MEASURE)
        bare = _bare(measurement)
    else:
        bare = _bare(measurement)
        ours = _orac(measurement, Phase.MEASURE)
    if ours is None or bare is None:
        return None
    return ours[0] / bare, ours[1]


def _orac(measurement: Measurement, phase: Phase) -> tuple[float, float] | None:
    attempt = measurement.prepare(phase)
    attempt.send()
    round = measurement.keep(attempt)
    rate = round.metrics.get(KEY)
    return None if rate is None else (rate, round.metrics["client_cpu_s"])


def _bare(measurement: Measurement) -> float | None:
    """The bare client's rate. None where its answer has none, or is none."""
    nonce = measurement.asking.new_nonce()
    url = measurement.engine.client.url
    payload = measurement.asking.payload(nonce, measurement.asking.run_seed)
    try:
        return bare_generate(url, payload).decode_tokens_per_s
    except (RuntimeError, OSError, http.client.HTTPException):
        return None


def _judged(candidate: Candidate, found: list[tuple[float, float]]) -> Overhead:
    ratio = summarise([ratio for ratio, _ in found])
    return Overhead(
        model=candidate.name,
        ratio=ratio.median,
        ci_low=ratio.ci_low,
        ci_high=ratio.ci_high,
        client_cpu_s=statistics.median(cpu_s for _, cpu_s in found),
        pairs=len(found),
    )

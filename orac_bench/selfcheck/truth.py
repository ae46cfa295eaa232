"""ORAC against a server whose truth is known: the whole recipe, and the error of each metric.

The truth of TTFT, TPOT and E2E are the server's own send stamps; of the counts and server rates, what it was told.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orac_bench.candidates import find_candidates
from orac_bench.intent import Intent
from orac_bench.metrics import METRICS
from orac_bench.records import Phase, Round
from orac_bench.selfcheck.known_server import Biases, KnownServer, Truth, known_server
from orac_bench.selfcheck.quiet import Quiet
from orac_bench.session import open_session
from orac_bench.settings import Settings
from orac_bench.suites.grid import SUITES, Wishes, points

TTFT_S = 0.2
TOKEN_S = 0.02
TOKENS = 64

ALLOWED: Mapping[str, float] = {
    "ttft_s": 0.001,
    "e2e_s": 0.001,
    "tpot_s": 0.0001,
    "client_decode_tokens_per_s": 0.1,
    "decode_tokens_per_s": 0.1,
    "prefill_tokens_per_s": 3.2,
    "output_tokens": 0.0,
    "input_tokens": 0.0,
}
"""The largest error that passes, in the metric's unit. 3.2 tokens/s are 1 % of 64 tokens in 0.2 s."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One metric: medians of the truth and of what ORAC measured over the rounds, and whether they agree.

    `truth` and `measured` are None where a round lacks it, or no round counts.
    """

    metric: str
    truth: float | None
    measured: float | None

    @property
    def error(self) -> float | None:
        """Measured minus truth. None where one of them is missing."""
        return None if self.measured is None or self.truth is None else self.measured - self.truth

    @property
    def ok(self) -> bool:
        """Whether there is an error and it is within what is allowed."""
        return self.error is not None and abs(self.error) <= ALLOWED[self.metric]


def check_truth(
    settings: Settings, folder: Path, *, rounds: int = 10, biases: Biases | None = None, tell: Callable[[str], None]
) -> list[Finding]:
    """Measures the known server as any Ollama, into a store in `folder`, and compares. A finding each of `ALLOWED`."""
    (point,) = points(SUITES["decode"], Wishes(rounds=rounds, warmup=2, output_tokens=TOKENS))
    with known_server(ttft_s=TTFT_S, token_s=TOKEN_S, biases=biases) as server:
        there = replace(settings, ollama_url=server.url, ollama_store=None, database_url=f"sqlite:///{folder}/truth.db")
        (candidate,) = find_candidates(there).candidates
        seen: list[tuple[Round, Mapping[str, float]]] = []
        with open_session(there, {}, Intent(trigger="selfcheck"), Quiet(tell)) as session:
            with session.measuring(candidate, point) as measurement:
                for phase in [Phase.WARMUP] * point.warmup + [Phase.MEASURE] * point.rounds:
                    attempt = measurement.prepare(phase)
                    attempt.send()
                    round = measurement.keep(attempt)
                    if round.counted:
                        seen.append((round, _truth(server, round)))
            session.end(interrupted=False)
    return findings(seen)


def findings(seen: Sequence[tuple[Round, Mapping[str, float]]]) -> list[Finding]:
    """One finding for each of `ALLOWED`, in the order of tables, of rounds that count and what was true of them."""
    return [
        Finding(
            metric=key,
            truth=_median([true.get(key) for _, true in seen]),
            measured=_median([round.metrics.get(key) for round, _ in seen]),
        )
        for key in METRICS
        if key in ALLOWED
    ]


def _median(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return statistics.median(present) if present and len(present) == len(values) else None


def _truth(server: KnownServer, round: Round) -> dict[str, float]:
    """What was true of the round that has just ended."""
    truth: Truth = server.truth()
    assert truth.final_ns is not None
    sends = truth.sends_ns
    between_s = (sends[-1] - sends[0]) / 1e9 / (TOKENS - 1)
    return {
        "ttft_s": (truth.first_send_ns - truth.received_ns) / 1e9,
        "e2e_s": (truth.final_ns - truth.received_ns) / 1e9,
        "tpot_s": between_s,
        "client_decode_tokens_per_s": 1 / between_s,
        "decode_tokens_per_s": 1 / TOKEN_S,
        "prefill_tokens_per_s": float(str(round.raw["prompt_eval_count"])) / TTFT_S,
        "output_tokens": float(TOKENS),
        "input_tokens": float(str(round.raw["prompt_eval_count"])),
    }

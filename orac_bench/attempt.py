"""One round on its way. What must never live here: how it is prepared and kept (measurement.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orac_bench.metrics import Asked
from orac_bench.ollama.call import Call
from orac_bench.records import Failure, Phase
from orac_bench.watch import Watch


@dataclass(kw_only=True)
class Attempt:
    """One round on its way: what was asked, and the call. `call` is None where it could not be prepared."""

    phase: Phase
    index: int
    seed: int
    nonce: str | None
    """What made the prompt new; None where it is sent as it is."""
    asked: Asked
    started: datetime = field(init=False)
    """UTC, just before it is sent, or when it was known that it cannot be."""
    call: Call | None = None
    failure: Failure | None = None
    available_b: int | None = None
    offload_ratio: float | None = None
    watch: Watch | None = None
    cpu_s: float = 0.0

    def send(self) -> None:
        """The timed region."""
        if self.call is not None:
            self.call.send()

"""The power sensor's lag, measured here: a load is put on and taken off, and the falls are fitted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.lag import LagFit, fit_tau
from orac_bench.telemetry.phases import meter, series_of
from orac_bench.telemetry.sampler import Sampler

STEPS = 3
ON_S = 4.0
OFF_S = 4.0


@contextlib.contextmanager
def busy_cores(count: int | None = None) -> Iterator[None]:
    """Keeps `count` cores busy, None for all of them; at its end they are free at once."""
    program = [sys.executable, "-S", "-c", "while True: pass"]
    children = [subprocess.Popen(program, stdin=subprocess.DEVNULL) for _ in range(count or os.cpu_count() or 1)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()


def calibrate(
    sampler: Sampler,
    *,
    sleep: Callable[[float], None],
    clock: Callable[[], int],
    load: Callable[[], AbstractContextManager[None]] = busy_cores,
    steps: int = STEPS,
    on_s: float = ON_S,
    off_s: float = OFF_S,
) -> LagFit:
    """The lag of the module's rail, from `steps` times `load` on and off. `sampler` is running; `clock` is its own.

    Raises MissingPrerequisite where no rail with a lag is read: counters have none.
    """
    begun_ns = clock()
    with sampler.fast():
        sleep(off_s)
        name = meter(sampler.between(begun_ns, clock(), around_ns=0))
        if name is None or not name.startswith("power_w"):
            raise MissingPrerequisite(
                "No source reads the rail of the module here, so that there is no lag to fit.",
                next="orac telemetry calibrate --source replay:FILE fits a recorded log.",
            )
        for _ in range(steps):
            with load():
                sleep(on_s)
            sleep(off_s)
    return fit_tau(*series_of(sampler.between(begun_ns, clock(), around_ns=0), name))

"""A visitor who comes when a run is just over: what its process still tidies up is waited for, not refused.

A run is told to be done as soon as its last round is kept. Its process then loads again what was in memory before,
and lets the machine go. What must never live here: who measures (lock.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from orac_bench.api.followers import ENDS
from orac_bench.api.house import House
from orac_bench.errors import Busy, UnknownRun

TIDYING_S = 30.0
"""How long it is waited for: a large model takes a while to be loaded again."""
LOOKED_S = 0.1

Begun = TypeVar("Begun")


def once_tidy(here: House, begin: Callable[[], Begun]) -> Begun:
    """What `begin` gives, tried again for TIDYING_S where all that keeps it from that is a run that is over.

    Blocks its thread meanwhile. Raises Busy where something is measured, or where the service is told to end.
    """
    deadline = time.monotonic() + TIDYING_S
    while True:
        try:
            return begin()
        except Busy as busy:
            if time.monotonic() > deadline or not _is_over(here, busy) or here.closing.wait(LOOKED_S):
                raise


def _is_over(here: House, busy: Busy) -> bool:
    """Whether who holds the machine has told its last event already."""
    run_id = None if busy.holder is None else busy.holder.run
    try:
        return run_id is not None and here.store.run(run_id).status.value in ENDS
    except UnknownRun:
        return False

"""A new run as it is written down first: its id, its seed, its record. It begins at once, or waits for its turn.

What must never live here: what measures (beginning.py begins it), so that who only queues a run imports none of that.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from orac_bench import __version__
from orac_bench.records import METRICS_VERSION, Conditions, Run, Status
from orac_bench.store.transactions import utc_now

if TYPE_CHECKING:
    from orac_bench.intent import Intent


def new_run(intent: Intent, *, conditions: Conditions | None) -> Run:
    """The run that `intent` asks for, running under `conditions`; None where it waits, and nobody knows them yet.

    It has the id that is claimed and the seed that something was drawn from already, where there are such.
    """
    now = utc_now()
    return Run(
        id=intent.claim or new_id(now),
        status=Status.QUEUED if conditions is None else Status.RUNNING,
        started=now,
        ended=None,
        trigger=intent.trigger,
        note=intent.note,
        orac_version=__version__,
        metrics_version=METRICS_VERSION,
        conditions=conditions,
        seed=new_seed() if intent.seed is None else intent.seed,
        arguments=intent.arguments,
    )


def new_id(now: datetime) -> str:
    """An id that sorts by time: "20261122-120000-3fa9"."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def new_seed() -> int:
    """A seed for a run, 0 to 2^31 - 1."""
    return secrets.randbits(31)

"""How a run begins: a new one, a queued one that is taken over, or an interrupted one that goes on.

What must never live here: what is measured in it (session.py).
"""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from orac_bench import __version__
from orac_bench.conditions import differing
from orac_bench.errors import UsageError
from orac_bench.intent import Intent
from orac_bench.opened import Before, before
from orac_bench.records import METRICS_VERSION, Conditions, Run, Status
from orac_bench.store.store import Store


def begin(store: Store, intent: Intent, now: Conditions) -> tuple[Run, Before]:
    """The run that `intent` asks for, running in this process under the conditions `now`, and what it has done before.

    Raises UnknownRun, and UsageError where that run cannot begin or go on.
    """
    cases = sum(work.ends for work in intent.plan) or None
    if intent.resume is not None:
        return _resumed(store, intent.resume, now, cases)
    started = utc_now()
    run = Run(
        id=intent.claim or new_id(started),
        status=Status.RUNNING,
        started=started,
        ended=None,
        trigger=intent.trigger,
        note=intent.note,
        orac_version=__version__,
        metrics_version=METRICS_VERSION,
        conditions=now,
        seed=new_seed() if intent.seed is None else intent.seed,
        arguments=intent.arguments,
    )
    if intent.claim is not None:
        return store.claim(run, pid=os.getpid(), cases=cases), Before()
    store.add_run(run, pid=os.getpid(), cases=cases)
    return run, Before()


def queued(intent: Intent) -> Run:
    """A new run that waits for its turn, for `Store.enqueue`: its conditions are not known yet."""
    created = utc_now()
    return Run(
        id=new_id(created),
        status=Status.QUEUED,
        started=created,
        ended=None,
        trigger=intent.trigger,
        note=intent.note,
        orac_version=__version__,
        metrics_version=METRICS_VERSION,
        conditions=None,
        seed=new_seed(),
        arguments=intent.arguments,
    )


def new_id(now: datetime) -> str:
    """An id that sorts by time: "20261122-120000-3fa9"."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def new_seed() -> int:
    """A seed for a run, 0 to 2^31 - 1."""
    return secrets.randbits(31)


def is_alive(pid: int) -> bool:
    """Whether that process may still be measuring: it is another than this one, and runs orac or pytest.

    Numbers are given again, after a reboot or in a new container above all.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return pid != os.getpid() and any(word in command for word in (b"orac", b"pytest"))


def utc_now() -> datetime:
    """This moment, aware and in UTC."""
    return datetime.now(timezone.utc)


def _resumed(store: Store, reference: str, now: Conditions, cases: int | None) -> tuple[Run, Before]:
    run = store.run(store.resolve(reference))
    if run.status is not Status.INTERRUPTED:
        raise UsageError(
            f"Run {run.id} is {run.status.value}; only an interrupted run can be resumed.",
            next="Start a new one: orac bench",
        )
    if run.conditions is not None and run.conditions.hash != now.hash:
        changed = ", ".join(f"{key} was {a}, is {b}" for key, (a, b) in differing(run.conditions, now).items())
        store.update_run(run.id, status=Status.LOST, ended=utc_now(), error=f"the conditions changed: {changed}")
        raise UsageError(
            f"Run {run.id} cannot go on: the conditions changed ({changed}). What it measured is kept; it is lost.",
            next="Start a new one: orac bench",
        )
    store.update_run(run.id, status=Status.RUNNING, pid=os.getpid(), cases=cases)
    return replace(run, status=Status.RUNNING, ended=None), before(store.results(run.id, rounds=True))

"""How a run begins: a new one, a queued one that is taken over, or an interrupted one that goes on.

What must never live here: what is measured in it (session.py).
"""

from __future__ import annotations

import os
from dataclasses import replace

from orac_bench.conditions import differing
from orac_bench.errors import UsageError
from orac_bench.intent import Intent
from orac_bench.newrun import new_run
from orac_bench.opened import Before, before
from orac_bench.records import Conditions, Run, Status
from orac_bench.store.store import Store
from orac_bench.store.transactions import utc_now


def begin(store: Store, intent: Intent, now: Conditions) -> tuple[Run, Before]:
    """The run that `intent` asks for, running in this process under the conditions `now`, and what it has done before.

    Raises UnknownRun, and UsageError where that run cannot begin or go on.
    """
    cases = sum(work.ends for work in intent.plan) or None
    if intent.resume is not None:
        return _resumed(store, intent.resume, now, cases)
    run = new_run(intent, conditions=now)
    if intent.claim is not None:
        return store.claim(run, pid=os.getpid(), cases=cases), Before()
    store.add_run(run, pid=os.getpid(), cases=cases)
    return run, Before()


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

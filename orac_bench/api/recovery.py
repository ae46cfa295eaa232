"""What a service finds when it starts: runs that were being measured when it, or the machine, ended.

A process that outlived its service is ended, as nobody hears it any more. What must never live here: starting anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from orac_bench.api.child import Patience, end_group
from orac_bench.lock import is_alive, measuring_now
from orac_bench.ollama.guarded import members
from orac_bench.records import Json, Status
from orac_bench.report import EVENTS_FD
from orac_bench.store.store import Store

TRIGGER = "rest"
"""Of the runs that the service is answerable for; a shell's are left to their person."""

LOOKED_S = 0.1


def recover(
    store: Store, *, lock: Path, patience: Patience, told: Callable[[str, Mapping[str, Json] | None], None]
) -> tuple[str, ...]:
    """The runs of the service that were interrupted and are to go on, the oldest first.

    What is left of their processes is ended before; a run that somebody wanted to end is cancelled now. `lock` tells
    which of them a shell goes on with at this moment. Raises StoreError.
    """
    for run_id, _, _ in store.unfinished(TRIGGER):
        for orphan in orphans(run_id):
            end_group(orphan, over=partial(_over, orphan), patience=patience)
    holder = measuring_now(lock)
    for run_id, status, pid in store.unfinished(TRIGGER):
        if status is Status.RUNNING and (holder is None or holder.pid != pid):
            store.update_run(run_id, status=Status.INTERRUPTED, ended=datetime.now(timezone.utc))
            told(run_id, None)
    store.mark_interrupted(is_alive)
    return tuple(run_id for run_id, status, _ in store.unfinished(TRIGGER) if status is Status.INTERRUPTED)


def orphans(run_id: str, proc: Path = Path("/proc")) -> tuple[int, ...]:
    """Processes of a service that measure the run, or wait to: each the leader of its group.

    Known by their command and by the pipe that only a service gives; a shell that goes on with the run has none.
    """
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            wanted = {f"--{option}={run_id}".encode() for option in ("claim", "resume")}
            if wanted & set(words) and f"\0{EVENTS_FD}=".encode() in b"\0" + (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return tuple(found)


def _over(group: int, wait_s: float) -> bool:
    """Whether no process of the group lives any more, waited for as long as that."""
    deadline = time.monotonic() + wait_s
    while members(group):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOKED_S)
    return True

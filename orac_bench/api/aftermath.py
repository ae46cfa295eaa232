"""What becomes of a run whose process has ended without writing it down: interrupted, failed, or lost.

What must never live here: a process (child.py), and when another one is started (jobs.py).
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from orac_bench.api.said import last_words
from orac_bench.errors import OllamaSilent, OllamaStartFailed, OllamaUnreachable, OracError, StoreLocked
from orac_bench.records import Status
from orac_bench.store.store import Store

ATTEMPTS = 3
"""How often a run's process is started without that a case is finished, before the run is given up."""

WRONG_USAGE = 2
"""The exit status for which another try changes nothing, unless it came of what is PASSING."""

PASSING: tuple[type[OracError], ...] = (OllamaUnreachable, OllamaSilent, OllamaStartFailed, StoreLocked)
"""What may be over in a moment: an Ollama that is being started again, a store that somebody holds."""

_CODES = frozenset(kind.code for kind in PASSING)


def interrupted(store: Store, run_id: str) -> Status:
    """Where the run stands, now that no process measures it: one that was killed could not write that down."""
    if store.run(run_id).status is Status.RUNNING:
        store.update_run(run_id, status=Status.INTERRUPTED, ended=datetime.now(timezone.utc))
    return store.run(run_id).status


def refused(stands: Status, ended: int, failed: str | None) -> bool:
    """Whether a run cannot begin however often it is tried.

    By where it stands, the exit status of its process, and the code of the error that this told, None where it did not.
    """
    return stands is Status.QUEUED and ended == WRONG_USAGE and failed not in _CODES


def fail(store: Store, run_id: str, log: Path) -> None:
    """Writes down that the run could not begin, with what its process said."""
    why = last_words(log) or "its process could not begin"
    store.update_run(run_id, status=Status.FAILED, ended=datetime.now(timezone.utc), error=why)


def lose(store: Store, run_id: str, log: Path) -> None:
    """Writes down that the run was tried often enough, with what its processes said at last."""
    said = last_words(log)
    store.update_run(
        run_id,
        status=Status.LOST,
        ended=datetime.now(timezone.utc),
        error=f"its process was started {ATTEMPTS} times without finishing a case"
        + ("" if said is None else f"; it said at last: {said}"),
    )

"""The queue's worker: one thread that measures the next run, each in its own process, whenever nobody else measures.

What is queued, cancelled or to be gone on with stands in the store and survives the service; only the process of the
present run is known here. What must never live here: HTTP, and a measurement in this process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from orac_bench.api.aftermath import ATTEMPTS, fail, interrupted, lose, refused
from orac_bench.api.child import HASTE, Child, Patience
from orac_bench.api.recovery import recover
from orac_bench.api.wish import first_command, next_command, run_folder
from orac_bench.errors import Busy, Holder, OracError, UnknownRun
from orac_bench.lock import LOCK, is_alive, measuring_now
from orac_bench.records import Json, Run, Status
from orac_bench.store.store import Store

SAID = "log.txt"
PAUSES_S = (0.0, 2.0, 10.0)
"""Before each of these starts: what failed at once may need a moment."""

LOOKED_S = 2.0
"""How often the machine is looked at while a shell's measurement holds it, and the store while it fails."""

OLLAMA_S = 20.0
"""How long an Ollama that is being started is waited for, as by a call."""

OLLAMA_LOOKED_S = 0.25
"""How often it is looked then whether it is there."""

_LOGGER = logging.getLogger(__name__)


class Jobs:
    """The runs of the service. Use it with `with`: what runs is interrupted at the block's end, and goes on next time.

    `told` is called on another thread with a run's id and what its process says; with None where its standing may
    have changed. `command` gives the words for a queued run and its wish, `again` those to go on with one. A run
    that is cancelled is ended with `patience`, one that the block's end interrupts with `haste`. At most `most_queued`
    wait, None for any number. `awaited` says whether there is no Ollama and may be one in a moment: no process is
    started meanwhile, but for `ollama_s` at most. `found` is called then, and what it gives where a process was killed.
    """

    def __init__(
        self,
        store: Store,
        *,
        home: Path,
        environ: Mapping[str, str],
        told: Callable[[str, Mapping[str, Json] | None], None],
        command: Callable[[str, Mapping[str, Json]], Sequence[str]] = first_command,
        again: Callable[[str], Sequence[str]] = next_command,
        found: Callable[[], Callable[[], None]] = lambda: lambda: None,
        awaited: Callable[[], bool] = lambda: False,
        ollama_s: float = OLLAMA_S,
        patience: Patience | None = None,
        haste: Patience = HASTE,
        pauses_s: Sequence[float] = PAUSES_S,
        looked_s: float = LOOKED_S,
        most_queued: int | None = None,
    ) -> None:
        self._store = store
        self._home = home
        self._lock = home / LOCK
        self._environ = environ
        self._told = told
        self._command = command
        self._again = again
        self._found = found
        self._awaited = awaited
        self._ollama_s = ollama_s
        self.trouble: Exception | None = None
        """Why the queue waits though nobody measures. None where it does not."""
        self._killed = False
        self._patience = patience or Patience()
        self._haste = haste
        self._pauses_s = pauses_s
        self._looked_s = looked_s
        self._most_queued = most_queued
        self._present: str | None = None
        self._child: Child | None = None
        self._waiting: deque[str] = deque()
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._asking = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="jobs")

    def __enter__(self) -> Jobs:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._starting:
            self._stopped.set()
            if self._child is not None:
                self._child.end(self._haste)
        self._wake.set()
        self._thread.join()

    @property
    def present(self) -> str | None:
        """The run whose process runs now, or is about to. None where none does."""
        return self._present

    def goes_on(self, run_id: str) -> bool:
        """Whether an interrupted run is in hand here, and so will go on or be lost."""
        return not self._stopped.is_set() and (run_id == self._present or run_id in tuple(self._waiting))

    def enqueue(self, run: Run, wish: Mapping[str, Json], *, key: str | None = None, alone: bool = False) -> Run:
        """The queued run; the first one of the same `key` again. Raises KeyReused, QueueFull.

        With `alone`, only where nothing else is measured or waits: raises Busy with what it is.
        """
        with self._asking:
            if alone and (busy := self.busy()) is not None:
                raise busy
            kept = self._store.enqueue(run, request=wish, key=key, most=self._most_queued)
        self._wake.set()
        return kept

    def busy(self) -> Busy | None:
        """What is measured now or waits for it, as the error that tells so. None where nothing does."""
        holder = measuring_now(self._lock)
        run_id = self._present or next(iter(self._waiting), None) or self._store.next_queued()
        if holder is None and run_id is not None:
            holder = Holder(pid=None, what=f"run {run_id} waits for its turn", since=None, run=run_id)
        return None if holder is None else _busy(holder)

    def soon(self) -> Busy | None:
        """Likewise of the present run, from before its process holds the machine until it has ended."""
        run_id = self._present
        if run_id is None:
            return None
        holder = measuring_now(self._lock)
        return _busy(holder or Holder(pid=None, what=f"run {run_id} is about to be", since=None, run=run_id))

    def cancel(self, run_id: str) -> Status:
        """The status of a run that shall end: cancelled, or running until its process has ended.

        A shell's measurement is told so by one SIGINT, as if its person had typed Ctrl-C; one whose process is gone
        has ended. Raises RunOver, UnknownRun.
        """
        holder = measuring_now(self._lock)  # a process of another container has no number here, and yet holds the lock
        lives = run_id == self._present or (holder is not None and holder.run == run_id)
        status = self._store.ask_cancel(run_id, is_alive=lambda pid: lives or is_alive(pid))
        with self._starting:
            if run_id == self._present:
                if self._child is not None:
                    self._child.end()
            elif status is Status.RUNNING:
                self._interrupt(run_id)
        self._wake.set()
        self._told(run_id, None)
        return status

    def log(self, run_id: str) -> Path:
        """Where what the run's processes print is kept."""
        return run_folder(self._home, run_id) / SAID

    def _interrupt(self, run_id: str) -> None:
        holder = measuring_now(self._lock)
        pid = None if holder is None or holder.run != run_id else holder.pid
        if pid is not None and is_alive(pid):
            with suppress(ProcessLookupError, PermissionError):  # then it is cancelled when it ends by itself
                os.kill(pid, signal.SIGINT)

    def _work(self) -> None:
        recovered = False
        while True:
            self._wake.clear()
            if self._stopped.is_set():
                return
            try:
                if not recovered:
                    self._waiting.extend(self._recovered())
                    recovered = True
                going = self._step()
                self.trouble = None
                if not going:
                    self._wake.wait()
            except Exception as error:  # also a fault of ORAC's: the runs behind must not wait for ever
                if str(error) != str(self.trouble):
                    fault = None if isinstance(error, OracError | OSError) else error
                    _LOGGER.error(
                        "the queue waits, and tries again every %g s: %r", self._looked_s, str(error), exc_info=fault
                    )
                self.trouble = error
                self._stopped.wait(self._looked_s)
            finally:
                self._present = None

    def _recovered(self) -> tuple[str, ...]:
        return recover(self._store, lock=self._lock, patience=self._patience, told=self._told)

    def _step(self) -> bool:
        """Measures the next run, or waits a while where a shell measures. False where nothing is to be done."""
        run_id = self._waiting[0] if self._waiting else self._store.next_queued()
        if run_id is None:
            return False
        if measuring_now(self._lock) is not None:
            self._wake.wait(self._looked_s)
            return True
        self._present = run_id
        if run_id not in self._waiting:
            self._waiting.appendleft(run_id)  # it stays in hand where the store fails meanwhile
        put_back: Callable[[], None] | None = None
        self._killed = False
        with suppress(UnknownRun):
            self._rest(run_id, self._ollama_s, over=lambda: not self._awaited())
            put_back = self._found()
            while self._attempt(run_id):
                pass
        if self._killed and put_back is not None:
            put_back()
        self._waiting.popleft()
        self._told(run_id, None)
        return True

    def _attempt(self, run_id: str) -> bool:
        """Starts the run's process and waits for its end. Whether it shall be tried again."""
        if interrupted(self._store, run_id) not in (Status.QUEUED, Status.INTERRUPTED):
            return False
        attempt = self._store.count_attempt(run_id)
        if attempt > ATTEMPTS:
            lose(self._store, run_id, self.log(run_id))
            return False
        self._rest(run_id, self._pauses_s[min(attempt, len(self._pauses_s)) - 1])
        log = self.log(run_id)
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._starting:
            status = self._store.run(run_id).status
            if self._stopped.is_set() or status not in (Status.QUEUED, Status.INTERRUPTED):
                self._store.forgive_attempt(run_id)
                return False
            wish = self._store.request(run_id) or {}
            child = self._child = Child(
                self._command(run_id, wish) if status is Status.QUEUED else self._again(run_id),
                environ=self._environ,
                log=log,
                told=lambda said: self._told(run_id, said),
                patience=self._patience,
            )
        ended = child.wait()
        self._killed = self._killed or ended < 0
        with self._starting:
            self._child = None
        if self._stopped.is_set():
            interrupted(self._store, run_id)
            self._store.forgive_attempt(run_id)
            return False
        stands = interrupted(self._store, run_id)
        if refused(stands, ended, child.failed):
            fail(self._store, run_id, self.log(run_id))
            return False
        self._told(run_id, None)
        return stands in (Status.QUEUED, Status.INTERRUPTED)

    def _rest(self, run_id: str, pause_s: float, *, over: Callable[[], bool] = lambda: False) -> None:
        """Waits before a start, until it is `over` and as long as the run is wanted.

        One that was cancelled holds up nobody behind it.
        """
        until = time.monotonic() + pause_s
        while True:
            self._wake.clear()
            wanted = self._store.run(run_id).status in (Status.QUEUED, Status.INTERRUPTED)
            left_s = until - time.monotonic()
            if left_s <= 0 or self._stopped.is_set() or not wanted or over():
                return
            self._wake.wait(min(left_s, OLLAMA_LOOKED_S))


def _busy(holder: Holder) -> Busy:
    return Busy(f"This machine is measuring already: {holder}.", next="Wait for it, or cancel it.", holder=holder)

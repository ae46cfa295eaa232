"""What all parts of the store stand on: transactions on one database, whose faults are told in ORAC's own errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from orac_bench.interruption import undisturbed
from orac_bench.store.commits import Commits
from orac_bench.store.engine import READS
from orac_bench.store.faults import faults

PATIENCE_S = 5.0
"""How long a lock of another process is waited for."""


def utc_now() -> datetime:
    """This moment, aware and in UTC."""
    return datetime.now(timezone.utc)


class Transactions:
    """An open database. Each method of a store is one transaction, durable when it returns.

    A measurement that is interrupted meanwhile ends it first.
    """

    def __init__(
        self, engine: Engine, path: Path, *, clock: Callable[[], datetime] = utc_now, patience_s: float = PATIENCE_S
    ) -> None:
        self.path = path
        self._engine = engine
        self._commits = Commits(engine)
        self._clock = clock
        self._patience_s = patience_s

    def version(self) -> int:
        """A number that is another one as soon as anything was written by whichever process. Takes microseconds."""
        with faults(self.path):
            return self._commits.seen()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with undisturbed(), faults(self.path), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        reads = self._engine.execution_options(**{READS: True})
        with undisturbed(), faults(self.path), Session(reads) as session, session.begin():
            yield session

"""Whether anything was written to a database since: asked so cheaply that every call of the service can.

What must never live here: what was written.
"""

from __future__ import annotations

import threading

from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection


class Commits:
    """The commits of a SQLite database, seen through a connection that writes nothing. From any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: PoolProxiedConnection | None = None

    def seen(self) -> int:
        """A number that is another one as soon as any connection of any process has committed. Takes microseconds.

        Source: SQLite's "PRAGMA data_version", which counts the commits of all connections but the one that asks.
        """
        with self._lock:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
                self._connection.detach()  # the pool's others write, and this one must not be among them
            cursor = self._connection.cursor()
            try:
                cursor.execute("PRAGMA data_version")
                (number,) = cursor.fetchone() or (0,)
            finally:
                cursor.close()
            return int(number)

    def close(self) -> None:
        """Gives the connection back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

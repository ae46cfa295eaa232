"""What the service asks of its Ollama for visitors: a few at a time, and broken off where the service ends.

What must never live here: the Ollama itself (keeper.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orac_bench.errors import OllamaCrowded, ServiceEnding
from orac_bench.ollama.call import Call
from orac_bench.ollama.client import Client, told
from orac_bench.records import Generation, Json

MOST_CALLS = 8
"""Calls that may be asked of Ollama at once: it answers one after the other, and each holds a thread."""


class Calls:
    """The calls that are on their way. From any thread. `closing` is set when the service is told to end."""

    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing
        self._places = threading.BoundedSemaphore(MOST_CALLS)
        self._lock = threading.Lock()
        self._present: set[Call] = set()

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the few places for calls that use Ollama. Raises OllamaCrowded where all are taken."""
        if not self._places.acquire(blocking=False):
            raise OllamaCrowded(f"{MOST_CALLS} calls wait for Ollama already.", next="Try again in a moment.")
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def asking(self, url: str, payload: Mapping[str, Json], *, idle_timeout_s: float) -> Iterator[Call]:
        """A generate for the Ollama at `url`, ready to be sent while the `with` block runs.

        Raises OllamaError, and ServiceEnding where the service ends.
        """
        with Client(url, idle_timeout_s=idle_timeout_s) as client:
            call = client.prepare(payload)
        with self._lock:
            self._present.add(call)
        try:
            if self._closing.is_set():
                raise _ending()
            yield call
        finally:
            call.abort()
            with self._lock:
                self._present.discard(call)

    def answered(self, generation: Generation) -> Generation:
        """What came back for a call of `asking`. Raises OllamaError, ServiceEnding where the service broke it off."""
        if generation.failure is not None and self._closing.is_set():
            raise _ending()
        return told(generation)

    def break_off(self) -> None:
        """Ends what is still asked."""
        with self._lock:
            for call in self._present:
                call.abort()


def _ending() -> ServiceEnding:
    """Why nothing is asked any more."""
    return ServiceEnding("The service is ending.", next="Try again when it is back.")

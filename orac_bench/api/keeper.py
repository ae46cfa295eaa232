"""The service's Ollama, kept alive by a thread: started, announced, and started again on its port where it ends.

The one at ORAC_OLLAMA_URL is only looked at. What must never live here: what visitors ask of it (calls.py).
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from enum import Enum
from functools import partial
from types import TracebackType
from urllib.parse import urlsplit

from orac_bench.announcement import announced
from orac_bench.api.aftermath import PASSING
from orac_bench.api.calls import Calls
from orac_bench.engine import Engine, own_engine, restore
from orac_bench.errors import OllamaSilent, OllamaStartFailed, OllamaUnreachable, OracError
from orac_bench.ollama.call import Call
from orac_bench.ollama.client import Client, Loaded
from orac_bench.records import Json
from orac_bench.settings import Settings

PATIENCE_S = 20.0
"""How long a call waits for an Ollama that is being started."""
LOOKED_S = 0.25
"""How often a supervised one is looked at: whether its guardian has said that it ended."""
MEASURED_LOOKED_S = 1.0
"""How often while somebody measures: each look wakes a thread on a core that the model may want."""
EXTERNAL_LOOKED_S = 5.0
"""How often the one at ORAC_OLLAMA_URL is."""
QUIET_LOOKED_S = 10.0
"""How often Ollama is asked what it has in memory while somebody measures, and after it was silent."""
IDLE_LOOKED_S = 60.0
"""How often it is asked so where nobody else asks, so that one that hangs is noticed; it logs each call."""
LOOK_S = 5.0
"""The longest silence when Ollama is asked what it has in memory: one that hangs must not hold up a page."""
GRACE_S = 3.0
"""How long what is asked of Ollama may go on when the service is told to end."""
PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 15.0)
"""Before each start after one that failed, or gave an Ollama that did not last; a call waits for longer than these."""
LASTING_S = 30.0
"""An Ollama that answered for so long has lasted."""
TOLD_S = 5.0
"""From so long a pause on it is told that Ollama is down and why, as nobody starts it just then."""

_LOGGER = logging.getLogger(__name__)


class State(str, Enum):
    """How Ollama stands."""

    STARTING = "starting"  # on its way; a call waits for it
    UP = "up"  # it answers
    DOWN = "down"  # it does not, and `Keeper.trouble` says why


class Keeper:
    """The Ollama of a service. Use it with `with`: its thread begins there, and its Ollama ends there.

    `closing` is set when the service is told to end: what is asked of Ollama gets a few seconds from then on. `quiet`
    says whether nothing may be asked now, as somebody measures.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str],
        closing: threading.Event,
        quiet: Callable[[], bool],
        idle_looked_s: float = IDLE_LOOKED_S,
        quiet_looked_s: float = QUIET_LOOKED_S,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self.state = State.STARTING
        self.version: str | None = None
        """Of the Ollama that answers, or did last. None before."""
        self.trouble: OracError | None = None
        """Why it is down. None while it is not."""
        self.calls = Calls(closing)
        self._settings = settings
        self._environ = environ
        self._closing = closing
        self._quiet = quiet
        self._idle_looked_s = idle_looked_s
        self._quiet_looked_s = quiet_looked_s
        self._pauses_s = pauses_s
        self._engine: Engine | None = None
        self._port: int | None = None
        self._up_s = float("inf")
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._looked_s = float("-inf")
        self._in_memory: tuple[Loaded, ...] = ()
        self._silent = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper")

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._over.set()
        self._thread.join()

    @property
    def silent(self) -> bool:
        """Whether Ollama took the last call and answered nothing, when it was asked what it has in memory."""
        return self.state is State.UP and self._silent

    def awaited(self) -> bool:
        """Whether there is no Ollama and may be one in a moment: it is on its way, or what keeps it down may pass."""
        return self.state is State.STARTING or isinstance(self.trouble, PASSING)

    def engine(self, *, within_s: float = PATIENCE_S) -> Engine:
        """The engine that answers; one that is being started is waited for. Its client is for one thread at a time.

        Raises what keeps it down, or OllamaUnreachable where it is not ready in time.
        """
        deadline = time.monotonic() + within_s
        while True:
            left_s = deadline - time.monotonic()
            with self._changed:
                self._changed.wait_for(lambda: self.state is not State.STARTING, max(0.0, left_s))
                engine, trouble = self._engine, self.trouble
            if trouble is not None:
                raise trouble
            if engine is not None and (engine.server is None or _listens(engine.client.url)):
                return engine
            if left_s <= 0:
                raise OllamaUnreachable(f"Ollama was not ready within {within_s:g} s.", next="Try again in a moment.")
            with self._changed:  # it has ended just now, and the thread is about to see it
                self._changed.wait_for(partial(self._replaced, engine), LOOKED_S)

    def _replaced(self, engine: Engine | None) -> bool:
        return self._engine is not engine

    def client(self, *, within_s: float = PATIENCE_S, idle_timeout_s: float = float("inf")) -> Client:
        """A connection of one's own to it; close it. Raises as `engine`.

        Its silence is waited for no longer than `idle_timeout_s`, nor than the settings say.
        """
        idle_s = min(idle_timeout_s, self._settings.idle_timeout_s)
        return Client(self.engine(within_s=within_s).client.url, idle_timeout_s=idle_s)

    def loaded(self) -> tuple[Loaded, ...]:
        """The models in memory, as Ollama says now; while somebody measures, as it said within the last seconds.

        Empty where it does not answer, and for some seconds after it was silent. Never waits for one that is being
        started.
        """
        with self._looking:
            seldom = self._quiet() or self._silent
            if not seldom or time.monotonic() - self._looked_s > self._quiet_looked_s:
                self._in_memory = self._look()
                self._looked_s = time.monotonic()
            return self._in_memory

    def _look(self) -> tuple[Loaded, ...]:
        """What Ollama has in memory as it says; empty where it does not. `silent` holds until it was asked again."""
        found: tuple[Loaded, ...] = ()
        silent = False
        try:
            if self.state is State.UP:
                with self.client(within_s=0.0, idle_timeout_s=LOOK_S) as client:
                    found = client.loaded()
        except OllamaSilent as error:
            silent = True
            _LOGGER.warning("Ollama: %s", error)
        except OracError:
            found = ()
        self._silent = silent
        return found

    def found(self) -> Callable[[], None]:
        """What is in memory now, as a call that has it so again: for a run whose process was killed.

        A process that ends in order does so itself. The call does nothing where Ollama did not answer now, or where
        somebody measures, or the service ends, by then.
        """
        before: tuple[Loaded, ...] | None = None
        with suppress(OracError), self.client(within_s=0.0, idle_timeout_s=LOOK_S) as client:
            before = client.loaded()

        def put_back() -> None:
            if before is None or self._quiet() or self._closing.is_set():
                return
            with suppress(OracError), self.client() as client:
                restore(client, before, _LOGGER.warning)

        return put_back

    @contextmanager
    def asking(self, payload: Mapping[str, Json], *, idle_timeout_s: float | None = None) -> Iterator[Call]:
        """A generate that is ready to be sent, as `Calls.asking`. Raises as `engine`, and ServiceEnding."""
        idle_s = self._settings.idle_timeout_s if idle_timeout_s is None else idle_timeout_s
        with self.calls.asking(self.engine().client.url, payload, idle_timeout_s=idle_s) as call:
            yield call

    def _work(self) -> None:
        failures = 0
        while not self._over.is_set():
            self._up_s = float("inf")
            try:
                self._keep()
            except Exception as error:  # noqa: BLE001 - whatever it is, there must be an Ollama again
                self._failed(error)
                self._port = None
            lasted = time.monotonic() - self._up_s > LASTING_S
            failures = 0 if lasted else failures + 1
            pause_s = self._pauses_s[min(failures, len(self._pauses_s)) - 1] if failures else 0.0
            if pause_s >= TOLD_S and self.state is State.STARTING:
                self._failed(
                    OllamaStartFailed(
                        f"Ollama ends again and again soon after its start; the next is in {pause_s:g} s.",
                        next="Its log, ollama/serve.log in ORAC_HOME, may tell why; so may `orac doctor`.",
                    )
                )
            self._over.wait(pause_s)

    def _failed(self, error: Exception) -> None:
        """Tells why there is no Ollama, and logs it where it is another reason than before.

        No process, thread or file to be had is no error of ORAC's, and like a fault of it must not end the thread.
        """
        known = error if isinstance(error, OracError) else OllamaStartFailed(f"Ollama could not be started: {error!r}.")
        if str(known) != str(self.trouble):
            _LOGGER.error("Ollama: %s", known, exc_info=None if known is error else error)
        self._tell(State.DOWN, None, known)

    def _keep(self) -> None:
        """Runs one Ollama until it ends or the service does. Raises OracError where it cannot be had."""
        with ExitStack() as stack:
            given = self._settings
            placed = replace(given, ollama_port=given.ollama_port or self._port)
            engine = stack.enter_context(own_engine(placed, self._environ))
            if engine.server is not None:
                self._port = urlsplit(engine.server.url).port
                stack.enter_context(announced(given, engine.server))
            self._up_s = time.monotonic()
            self._tell(State.UP, engine, None)
            try:
                self._watch(engine)
            finally:
                self._tell(State.STARTING, None, None)

    def _watch(self, engine: Engine) -> None:
        """Returns when a supervised one has ended, or the service ends. Raises OllamaError where another's went."""
        server = engine.server
        asked_s = looked_s = time.monotonic()
        while not self._over.wait(MEASURED_LOOKED_S if self._quiet() else LOOKED_S):
            if self._closing.is_set():
                if not self._over.wait(GRACE_S):
                    self.calls.break_off()
            elif server is not None and not server.alive():
                _LOGGER.warning("Ollama ended, and is started again: %s", " / ".join(server.log_tail(1)))
                return
            elif server is None and time.monotonic() - asked_s > EXTERNAL_LOOKED_S and not self._quiet():
                asked_s = time.monotonic()
                with Client(engine.client.url, idle_timeout_s=EXTERNAL_LOOKED_S) as client:
                    client.version()
            elif time.monotonic() - looked_s > self._pause_s() and not self._quiet():
                looked_s = time.monotonic()
                self.loaded()

    def _pause_s(self) -> float:
        return self._quiet_looked_s if self._silent else self._idle_looked_s

    def _tell(self, state: State, engine: Engine | None, trouble: OracError | None) -> None:
        with self._changed:
            self.state, self._engine, self.trouble = state, engine, trouble
            self.version = engine.version if engine is not None else self.version
            self._changed.notify_all()


def _listens(url: str) -> bool:
    """Whether somebody takes connections there; costs a tenth of a millisecond on one machine."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1.0):
            return True
    except OSError:
        return False

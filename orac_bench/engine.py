"""The Ollama of a session behind one face: the one at ORAC_OLLAMA_URL, a running service's, or a supervised one.

What must never live here: how a server is started (ollama/server.py), what is measured (session.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from orac_bench.announcement import Announcement, read_announcement
from orac_bench.errors import OllamaChanged, OllamaError
from orac_bench.ollama.client import Client, Loaded, same_model
from orac_bench.ollama.locate import find_ollama
from orac_bench.ollama.server import Server, supervise
from orac_bench.records import Json
from orac_bench.report import EVENTS_FD
from orac_bench.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

COMES_BACK_S = 20.0
"""How long a service is given to start its Ollama again."""
LOOKED_S = 0.2


class Engine:
    """A server that answers, and the client that talks to it. Made by `running_engine`."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        owned: ExitStack,
        *,
        announcement: Announcement | None = None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._owned = owned
        self._announcement = announcement
        self._server: Server | None = None
        self._began_with: str | None = None
        self.runner: Mapping[str, Json] | None = None
        """The options with which the present model's runner was loaded. None where it may be somebody else's."""
        self._start()

    @property
    def supervised(self) -> bool:
        """Whether ORAC started this server with its own settings: here, or in a running service."""
        return self._settings.ollama_url is None

    @property
    def borrowed(self) -> bool:
        """Whether somebody else runs this server, so that what it had in memory is loaded again in the end."""
        return self._server is None

    @property
    def local(self) -> bool:
        """Whether the server runs on this machine, so that this machine's memory is the server's."""
        return self.supervised or urlsplit(self.client.url).hostname in LOOPBACK

    @property
    def server(self) -> Server | None:
        """The server that was started here. None for a borrowed one."""
        return self._server

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings pinned for a supervised server; empty for an external one, whose settings are its owner's."""
        if self._announcement is not None:
            return self._announcement.environment
        return {} if self._server is None else self._server.environment

    @property
    def store(self) -> Path | None:
        """The models folder that files are registered in; None where there is none to write to."""
        return engine_store(self._settings) if self.supervised else self._settings.ollama_store

    def revive(self) -> bool:
        """Brings a supervised server back where it has ended. False where it is alive, or is not ORAC's to bring back.

        A service's is waited for, as the service starts it again. Where the service itself is gone, an own one takes
        its place, but not in a run of that service: that run is about to be ended.
        """
        if self._settings.ollama_url is not None:
            return False
        if self._announcement is not None:
            return not self._answers() and self._wait_for_service()
        if self._server is not None and self._server.alive():
            return False
        self._owned.close()
        self._start()
        return True

    def check_version(self) -> None:
        """Raises OllamaChanged where another version answers than when this began: what it measures is another thing.

        A borrowed server is asked, as its owner may have put another in its place; costs less than a millisecond.
        """
        if self.borrowed:
            self.version = self.client.version()
        if self.version != self._began_with:
            raise OllamaChanged(
                f"Ollama is {self.version} now, and was {self._began_with} when this run began; what was measured "
                "before is kept.",
                next="Start a new run: orac bench",
            )

    def only(self, name: str, runner: Mapping[str, Json] | None = None) -> Loaded | None:
        """The model's entry where it is loaded with those options of its runner and nothing else is, else None.

        Where somebody else may have loaded it, with options that nothing tells of, it is asked for with these:
        Ollama loads it again where they differ.
        """
        loaded = self.client.loaded()
        if len(loaded) != 1 or not same_model(loaded[0].name, name):
            return None
        if self.runner is None:
            there = self.client.load(name, runner)
            self.runner = dict(runner or {})
            return there
        return loaded[0] if self.runner == (runner or {}) else None

    def load(self, name: str, runner: Mapping[str, Json] | None = None) -> Loaded:
        """Loads the model with those options of its runner, and nothing else. Its entry."""
        self.client.unload_all()
        self.runner = dict(runner or {})
        return self.client.load(name, self.runner)

    def _wait_for_service(self) -> bool:
        """Whether there is a server again: the service's, or an own one where the service is gone."""
        deadline = time.monotonic() + COMES_BACK_S
        while time.monotonic() < deadline:
            now = read_announcement(self._settings)
            if now is None and EVENTS_FD in self._environ:
                return False
            if now is not None and now.url == self.client.url:
                if self._answers():
                    return True
            elif self._changed_to(now, patient=time.monotonic() < deadline - LOOKED_S):
                return True
            time.sleep(LOOKED_S)
        return False

    def _changed_to(self, announcement: Announcement | None, *, patient: bool) -> bool:
        """Whether another server was taken up: what is announced now, or an own one. A port may still be in use."""
        self._announcement = announcement
        self._owned.close()
        try:
            self._start()
        except OllamaError:
            if not patient:
                raise
            return False
        return True

    def _answers(self) -> bool:
        try:
            self.client.version()
        except OllamaError:
            return False
        return True

    def _start(self) -> None:
        settings = self._settings
        url = settings.ollama_url
        if url is None and self._announcement is not None:
            url = self._announcement.url
        if url is None:
            self._server = self._owned.enter_context(
                supervise(
                    find_ollama(settings, self._environ),
                    store=engine_store(settings),
                    home=settings.home / "ollama",
                    log=settings.home / "ollama" / "serve.log",
                    port=settings.ollama_port,
                    environ=self._environ,
                )
            )
            url = self._server.url
        self.client = self._owned.enter_context(Client(url, idle_timeout_s=settings.idle_timeout_s))
        if self._announcement is not None and not self._answers():
            self._wait_for_service()
        self.version = self.client.version()
        self._began_with = self._began_with or self.version
        self.runner = None if url == settings.ollama_url else {}


def engine_store(settings: Settings) -> Path:
    """The supervised server's own models folder."""
    return settings.home / "ollama" / "models"


@contextmanager
def running_engine(settings: Settings, environ: Mapping[str, str], *, note: Callable[[str], None]) -> Iterator[Engine]:
    """An Ollama that answers while the `with` block runs: ORAC_OLLAMA_URL's, else a running service's, else an own one.

    An own one ends with the block. Of a borrowed one the models that it had in memory are loaded again, and others are
    unloaded; what else is not as before says `restore`. `note` is told where that fails.
    """
    announcement = read_announcement(settings) if settings.ollama_url is None else None
    with ExitStack() as owned:
        engine = Engine(settings, environ, owned, announcement=announcement)
        before = engine.client.loaded() if engine.borrowed else ()
        try:
            yield engine
        finally:
            if engine.borrowed:
                restore(engine.client, before, note)


@contextmanager
def own_engine(settings: Settings, environ: Mapping[str, str]) -> Iterator[Engine]:
    """The Ollama of a service, whatever others announce: that of ORAC_OLLAMA_URL, else one started here."""
    with ExitStack() as owned:
        yield Engine(settings, environ, owned)


def restore(client: Client, before: tuple[Loaded, ...], note: Callable[[str], None]) -> None:
    """Has exactly the models of `before` in memory again, by their names. `note` is told where that fails.

    How long each was to stay and the options with which it had been loaded are not brought back: what was loaded here
    stays for ever, and one that never left memory keeps what was last asked of it.
    """
    try:
        wanted = {model.name for model in before}
        for model in client.loaded():
            if model.name not in wanted:
                client.unload(model.name)
        there = {model.name for model in client.loaded()}
        for model in before:
            if model.name not in there:
                client.load(model.name)
    except OllamaError as error:
        note(f"Ollama was not left as it was found: {error}")

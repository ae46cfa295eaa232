"""The Ollama of a session: a supervised one, or the one at ORAC_OLLAMA_URL, behind one face.

What must never live here: how a server is started (ollama/server.py), what is measured (session.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from orac_bench.errors import OllamaError
from orac_bench.ollama.client import Client, Loaded, same_model
from orac_bench.ollama.locate import find_ollama
from orac_bench.ollama.server import Server, supervise
from orac_bench.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Engine:
    """A server that answers, and the client that talks to it. Made by `running_engine`."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], owned: ExitStack) -> None:
        self._settings = settings
        self._environ = environ
        self._owned = owned
        self._server: Server | None = None
        self._start()

    @property
    def supervised(self) -> bool:
        """Whether ORAC started this server and ends it."""
        return self._settings.ollama_url is None

    @property
    def local(self) -> bool:
        """Whether the server runs on this machine, so that this machine's memory is the server's."""
        return self.supervised or urlsplit(self.client.url).hostname in LOOPBACK

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings pinned for a supervised server; empty for an external one, whose settings are its owner's."""
        return {} if self._server is None else self._server.environment

    @property
    def store(self) -> Path | None:
        """The models folder that files are registered in; None where there is none to write to."""
        return engine_store(self._settings) if self.supervised else self._settings.ollama_store

    def revive(self) -> bool:
        """Starts a supervised server again where it has ended. False where it is alive or not ours."""
        if self._server is None or self._server.alive():
            return False
        self._owned.close()
        self._start()
        return True

    def only(self, name: str) -> Loaded | None:
        """The model's entry where it is loaded and nothing else is, else None."""
        loaded = self.client.loaded()
        return loaded[0] if len(loaded) == 1 and same_model(loaded[0].name, name) else None

    def _start(self) -> None:
        settings = self._settings
        if settings.ollama_url is None:
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
        url = settings.ollama_url if self._server is None else self._server.url
        self.client = self._owned.enter_context(Client(url or "", idle_timeout_s=settings.idle_timeout_s))
        self.version = self.client.version()


def engine_store(settings: Settings) -> Path:
    """The supervised server's own models folder."""
    return settings.home / "ollama" / "models"


@contextmanager
def running_engine(settings: Settings, environ: Mapping[str, str], *, note: Callable[[str], None]) -> Iterator[Engine]:
    """An Ollama that answers while the `with` block runs.

    A supervised one ends with the block. An external one is left as it was found: the models that it had in memory
    are loaded again; `note` is told where that fails.
    """
    with ExitStack() as owned:
        engine = Engine(settings, environ, owned)
        before = () if engine.supervised else engine.client.loaded()
        try:
            yield engine
        finally:
            if not engine.supervised:
                _restore(engine.client, before, note)


def _restore(client: Client, before: tuple[Loaded, ...], note: Callable[[str], None]) -> None:
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

"""The models that the service knows, looked up again only when their folder has changed.

What must never live here: whether they are loaded (models.py asks Ollama), and changing anything.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from orac_bench.api.keeper import LOOK_S
from orac_bench.candidates import Candidate, find_candidates, models_folder, of_file, plain_name
from orac_bench.errors import NoModels, OllamaError, UnknownModel
from orac_bench.models.folder import Model, discover, find
from orac_bench.settings import Settings

KEPT_S = 5.0
"""How long the list of an Ollama at ORAC_OLLAMA_URL is believed, each model of which costs a question, and how long
that it gave none: callers wait for one answer, not each for its own."""

_Signature = tuple[tuple[str, int, int, int], ...]


class Shelf:
    """Files of ORAC_MODELS_DIR, or what the Ollama at ORAC_OLLAMA_URL has. From any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._signature: _Signature | None = None
        self._files: tuple[Model, ...] = ()
        self._listed: tuple[Candidate, ...] = ()
        self._listed_s = float("-inf")
        self._silent: OllamaError | None = None

    @property
    def external(self) -> bool:
        """Whether the models are those of an Ollama that somebody else runs."""
        return self._settings.ollama_url is not None

    def files(self) -> tuple[Model, ...]:
        """Every GGUF file of the folder, usable or refused. Raises NoModels where there is none."""
        folder = models_folder(self._settings)
        now = _signature(folder)
        with self._lock:
            if now is None or now != self._signature:
                self._signature = None
                self._files = discover(folder)
                self._signature = now
            return self._files

    def listed(self) -> tuple[Candidate, ...]:
        """The models of the Ollama at ORAC_OLLAMA_URL; the last ones that it told where it is silent.

        Raises OllamaError where it never told any, NoModels.
        """
        with self._lock:
            if time.monotonic() - self._listed_s > KEPT_S:
                self._silent = None
                try:
                    self._listed = find_candidates(at_a_glance(self._settings)).candidates
                except OllamaError as error:
                    self._silent = error
                finally:
                    self._listed_s = time.monotonic()
            if self._silent is not None and not self._listed:
                raise type(self._silent)(self._silent.what, next=self._silent.next)
            return self._listed

    def candidate(self, name: str) -> Candidate:
        """The model that `name` means: its name or a short one, in any case, with `:latest` behind it or not.

        Raises UnknownModel with the near names, BadModel where its file was refused, NoModels, OllamaError.
        """
        if not self.external:
            return of_file(find(self.files(), name))
        wanted = plain_name(name.strip()).casefold()
        for known in self.listed():
            if wanted in (known.name.casefold(), *known.aliases):
                return known
        try:
            return find_candidates(at_a_glance(self._settings), [name]).candidates[0]
        except UnknownModel as error:
            raise UnknownModel(str(error)) from None  # the near names are what to do

    def usable(self) -> int | None:
        """How many files can be used. None where the models are somebody else's."""
        if self.external:
            return None
        try:
            return sum(model.refused is None for model in self.files())
        except NoModels:
            return 0


def at_a_glance(settings: Settings) -> Settings:
    """The settings of a look at what there is: an Ollama that hangs must not hold the caller's thread for minutes."""
    return replace(settings, idle_timeout_s=min(LOOK_S, settings.idle_timeout_s))


def _signature(folder: Path) -> _Signature | None:
    """What changes with any file of the folder. None where it cannot be read."""
    try:
        found = [(path.name, path.stat()) for path in folder.iterdir() if path.name.lower().endswith(".gguf")]
    except OSError:
        return None
    return tuple(sorted((name, status.st_ino, status.st_size, status.st_mtime_ns) for name, status in found))

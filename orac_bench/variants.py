"""Variants: settings of one model that are measured against each other. What can be set, and within which bounds. Pure.

What must never live here: how a setting reaches Ollama (asking.py, engine.py).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from orac_bench.errors import UsageError
from orac_bench.records import Json


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An option of Ollama and its bounds. `kind` is int, float or bool; of a bool the bounds say nothing.

    `loads` is True for an option of the runner: another value makes Ollama load the model again.
    """

    kind: type
    low: float = 0
    high: float = math.inf
    loads: bool = False

    def read(self, text: str) -> bool | int | float | None:
        """The value that `text` says. None for what is no such value, or out of bounds."""
        if self.kind is bool:
            return {"true": True, "false": False}.get(text.lower())
        try:
            value: int | float = int(text) if self.kind is int else float(text)
        except ValueError:
            return None
        return value if self.low <= value <= self.high and math.isfinite(value) else None

    @property
    def allowed(self) -> str:
        """For people: "a whole number from 1 to 1024"."""
        if self.kind is bool:
            return "true or false"
        return f"a {'whole number' if self.kind is int else 'number'} from {self.low:g} to {self.high:g}"


SETTINGS: Mapping[str, Setting] = {
    "num_thread": Setting(kind=int, low=1, high=1024, loads=True),
    "num_ctx": Setting(kind=int, low=16, high=2**24, loads=True),
    "num_batch": Setting(kind=int, low=1, high=2**16, loads=True),
    "num_gpu": Setting(kind=int, low=-1, high=1024, loads=True),
    "main_gpu": Setting(kind=int, low=0, high=64, loads=True),
    "use_mmap": Setting(kind=bool, loads=True),
    "temperature": Setting(kind=float, high=10),
    "top_k": Setting(kind=int, high=2**20),
    "top_p": Setting(kind=float, high=1),
    "min_p": Setting(kind=float, high=1),
    "typical_p": Setting(kind=float, high=1),
    "repeat_last_n": Setting(kind=int, low=-1, high=2**20),
    "repeat_penalty": Setting(kind=float, high=10),
    "presence_penalty": Setting(kind=float, low=-2, high=2),
    "frequency_penalty": Setting(kind=float, low=-2, high=2),
}
"""What a variant may set. Lengths, the seed and stop words are not among them: they are the question, not a setting.
Source: Ollama's api/types.go, Runner and Options."""

EXAMPLE = "orac bench tinyllama --variant num_thread=4 --variant num_thread=6"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Options that are sent with each request of a side, in the order in which they were given."""

    options: Mapping[str, Json]

    @property
    def runner(self) -> dict[str, Json]:
        """Those with which the model is loaded."""
        return {key: value for key, value in self.options.items() if SETTINGS[key].loads}

    @property
    def text(self) -> str:
        """As it can be typed: "num_thread=4,use_mmap=false"."""
        return ",".join(f"{key}={_typed(value)}" for key, value in self.options.items())


def variant(text: str) -> Variant:
    """The variant that "KEY=VALUE" says, or several with commas.

    Raises UsageError for an unknown key, with the near ones, for a value out of bounds, and for a key said twice.
    """
    options: dict[str, Json] = {}
    for part in text.split(","):
        key, equals, said = (word.strip() for word in part.partition("="))
        if not equals or not key:
            raise UsageError(f"The variant {text!r} is not KEY=VALUE.", next=EXAMPLE)
        if key not in SETTINGS:
            near = difflib.get_close_matches(key, SETTINGS, n=3, cutoff=0.4)
            hint = f"Near names: {', '.join(near)}." if near else f"There are: {', '.join(SETTINGS)}."
            raise UsageError(f"A variant cannot set {key!r}.", next=hint)
        value = SETTINGS[key].read(said)
        if value is None:
            raise UsageError(f"The variant {key}={said} is not allowed.", next=f"Give {SETTINGS[key].allowed}.")
        if key in options:
            raise UsageError(f"The variant {text!r} says {key} twice.", next=EXAMPLE)
        options[key] = value
    return Variant(options=options)


def _typed(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

"""A place in a JSON document from elsewhere: read with its type, or refused with its path. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TypeVar

from orac_bench.errors import UsageError
from orac_bench.records import Json

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

LONGEST_NS = (2**32 - 1) * 1_000_000
"""The latest arrival that a store can hold: 49 days after the request."""


@dataclass(frozen=True, slots=True)
class Node:
    """`value` at `path`, such as `runs[0].results[2].case.key`. Each method raises UsageError that names the path."""

    value: Json
    path: str

    def refused(self, why: str) -> UsageError:
        """The error for this place."""
        return UsageError(
            f"The document cannot be taken in: {self.path or 'it'} {why}. Nothing was taken in.",
            next="Export it again with `orac export RUN --format json -o FILE`.",
        )

    def __getitem__(self, key: str) -> Node:
        """The value of `key`, which must be there."""
        path = f"{self.path}.{key}".lstrip(".")
        whole = self.object()
        if key not in whole:
            raise Node(None, path).refused("is missing")
        return Node(whole[key], path)

    def object(self) -> dict[str, Json]:
        """A JSON object."""
        if not isinstance(self.value, dict):
            raise self.refused("is no object")
        return self.value

    def items(self) -> list[Node]:
        """The members of a list."""
        if not isinstance(self.value, list):
            raise self.refused("is no list")
        return [Node(member, f"{self.path}[{at}]") for at, member in enumerate(self.value)]

    def maybe(self, read: Callable[[Node], T]) -> T | None:
        """What `read` makes of it; None for null."""
        return None if self.value is None else read(self)

    def words(self) -> str:
        """Any text."""
        if not isinstance(self.value, str):
            raise self.refused("is no text")
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in self.value):
            raise self.refused("has characters that cannot be stored")
        return self.value

    def text(self) -> str:
        """A text that is not empty."""
        if not self.words():
            raise self.refused("is empty")
        return self.words()

    def name(self) -> str:
        """A text that may name a file, a part of an address and an argument of a command: letters, digits and ._-"""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", self.text()):
            raise self.refused("is no plain name of letters, digits and ._-")
        return self.text()

    def number(self) -> float:
        """A finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)) or not math.isfinite(self.value):
            raise self.refused("is no number")
        return float(self.value)

    def whole(self) -> int:
        """A whole number of 64 bits."""
        return self._within(-(2**63), 2**63 - 1)

    def count(self) -> int:
        """A whole number from 0 on, of 31 bits."""
        return self._within(0, 2**31 - 1)

    def arrival_ns(self) -> int:
        """Nanoseconds after a request."""
        return self._within(0, LONGEST_NS)

    def moment(self) -> datetime:
        """A moment in RFC 3339, with its zone; in UTC."""
        try:
            at = datetime.fromisoformat(self.words().replace("Z", "+00:00"))
        except ValueError:
            raise self.refused("is no moment in RFC 3339") from None
        if at.tzinfo is None:
            raise self.refused("has no time zone")
        return at.astimezone(timezone.utc)

    def one_of(self, kind: type[E]) -> E:
        """A member of `kind` by its value."""
        for member in kind:
            if member.value == self.value:
                return member
        raise self.refused(f"is none of {', '.join(str(member.value) for member in kind)}")

    def refuse_twins(self, names: Sequence[str], what: str) -> None:
        """Refuses the list where two of its members have one name."""
        for name in names:
            if names.count(name) > 1:
                raise self.refused(f"has {what} {name} twice")

    def refuse_odd_numbers(self) -> None:
        """Refuses NaN and infinity anywhere inside, which Python's JSON reader lets through."""
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise self.refused("is no number")
        if isinstance(self.value, dict):
            for key in self.value:
                self[key].refuse_odd_numbers()
        elif isinstance(self.value, list):
            for member in self.items():
                member.refuse_odd_numbers()

    def _within(self, low: int, high: int) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            raise self.refused(f"is no whole number from {low} to {high}")
        return self.value

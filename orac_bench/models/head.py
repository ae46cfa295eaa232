"""`Head`: the beginning of a GGUF file, read in growing blocks, and its grammar of numbers, strings and arrays.

Every count and every length comes from a stranger: nothing is allocated or walked before it was held against the
file's size and `HEAD_LIMIT_B`. Strings that nobody asks for (the vocabulary, the merges) are stepped over without
being decoded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from orac_bench.errors import BadModel

HEAD_LIMIT_B = 64 * 2**20
"""A head longer than this is refused. The longest known, of vocabularies of 260,000, take about 20 MB."""

_BLOCK_B = 2**20
COUNT_LIMIT = 2**16  # of metadata entries, of tensors, of a key's bytes, of layers; real files stay below 2**12
_KEPT_ARRAY = 4096  # longer arrays are vocabularies, not one number a layer

_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
U32, U64 = _SCALARS[4], _SCALARS[10]
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Strings:
    """An array of strings that was stepped over: where it begins, and how many there are."""

    at: int
    count: int


Value = bool | int | float | str | tuple[bool | int | float, ...] | Strings | None


class Head:
    """The beginning of a file and a place in it. Reads on when asked for bytes that are not there yet."""

    def __init__(self, file: BinaryIO, size_b: int) -> None:
        self.file = file
        self.size_b = size_b
        self.data = b""
        self.at = 0

    def reach(self, end: int) -> None:
        """Makes sure that the bytes before `end` are there. Raises BadModel where they cannot be."""
        if end <= len(self.data):
            return
        if end > self.size_b:
            raise BadModel(f"truncated: the file ends within its own header, after {self.size_b:,} bytes")
        if end > HEAD_LIMIT_B:
            raise BadModel(f"has a header of more than {HEAD_LIMIT_B:,} bytes")
        more = max(end, 2 * len(self.data), _BLOCK_B) - len(self.data)
        self.data += self.file.read(more)
        if end > len(self.data):
            raise BadModel("changed while it was read")

    def number(self, form: struct.Struct) -> bool | int | float:
        """The number here."""
        self.reach(self.at + form.size)
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        assert isinstance(value, (bool, int, float))
        return value

    def count(self, form: struct.Struct, what: str, limit: int) -> int:
        """The count here. Raises BadModel beyond `limit`."""
        value = int(self.number(form))
        if value > limit:
            raise BadModel(f"has an implausible number of {what}: {value:,}")
        return value

    def text(self, limit: int = HEAD_LIMIT_B) -> str:
        """The string here, as UTF-8; wrong bytes are replaced."""
        length = self.count(U64, "bytes in a string", limit)
        self.reach(self.at + length)
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", errors="replace")

    def step_over_strings(self, count: int) -> None:
        """Goes to the end of `count` strings."""
        length_at, at, left = U64.unpack_from, self.at, count
        while left:
            self.reach(at + 8)
            data, last = self.data, len(self.data) - 8
            while left and at <= last:
                at += 8 + length_at(data, at)[0]
                left -= 1
        self.reach(at)
        self.at = at

    def value(self, kind: int) -> Value:
        """The metadata value here. None for a long array of numbers, which is stepped over."""
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise BadModel(f"has metadata of an unknown type ({kind})")
        kind = int(self.number(U32))
        if kind == _STRING:
            strings = Strings(self.at + 8, self.count(U64, "strings", self.size_b // 8))
            self.step_over_strings(strings.count)
            return strings
        if kind not in _SCALARS:
            raise BadModel(f"has an array of an unknown type ({kind})")
        form = _SCALARS[kind]
        count = self.count(U64, "array elements", self.size_b // form.size)
        if count <= _KEPT_ARRAY:
            return tuple(self.number(form) for _ in range(count))
        self.reach(self.at + count * form.size)
        self.at += count * form.size
        return None

    def text_of(self, strings: Strings, index: int) -> str:
        """One string of an array that was stepped over."""
        self.at = strings.at
        self.step_over_strings(index)
        return self.text()

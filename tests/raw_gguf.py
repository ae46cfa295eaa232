"""Writes GGUF files byte by byte, so that they can be odd, hostile or broken. The good ones are in make_gguf.py."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Value = bool | int | float | str | list[str] | list[int]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A row of the tensor table."""

    shape: tuple[int, ...]
    kind: int = 0
    """0 is F32, 2 is Q4_0."""
    offset: int = 0
    name: str = "weight"


def string(text: str) -> bytes:
    """`text` with its length before it."""
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(given: Value) -> bytes:
    """A metadata value with its type before it."""
    if isinstance(given, bool):
        return struct.pack("<I?", 7, given)
    if isinstance(given, int):
        return struct.pack("<II", 4, given)
    if isinstance(given, float):
        return struct.pack("<If", 6, given)
    if isinstance(given, str):
        return struct.pack("<I", 8) + string(given)
    if given and isinstance(given[0], str):
        return struct.pack("<IIQ", 9, 8, len(given)) + b"".join(string(str(text)) for text in given)
    return struct.pack("<IIQ", 9, 4, len(given)) + b"".join(struct.pack("<I", int(number)) for number in given)


def head(values: Mapping[str, Value], tensors: Sequence[Tensor] = (), *, version: int = 3) -> bytes:
    """A whole head: magic, counts, metadata, tensor table."""
    rows = b"".join(
        string(tensor.name)
        + struct.pack("<I", len(tensor.shape))
        + b"".join(struct.pack("<Q", length) for length in tensor.shape)
        + struct.pack("<IQ", tensor.kind, tensor.offset)
        for tensor in tensors
    )
    pairs = b"".join(string(key) + value(given) for key, given in values.items())
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)) + pairs + rows


def write_raw(path: Path, values: Mapping[str, Value] | None = None, *, version: int = 3) -> Path:
    """A whole file with one tensor of 8 x 4 F32 (128 bytes) and `values` beside the architecture llama."""
    start = head({"general.architecture": "llama", **(values or {})}, (Tensor(shape=(8, 4)),), version=version)
    path.write_bytes(start + bytes(-len(start) % 32) + bytes(128))
    return path

"""`read_header`: what a GGUF file says about itself, and whether it is whole.

Only the head of the file is read, never a byte of a tensor. What must never live here: judgement about what ORAC can
use (`folder.py`) and templates (`catalog.py`).

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from orac_bench.errors import BadModel
from orac_bench.models.head import COUNT_LIMIT, U32, U64, Head, Strings, Value
from orac_bench.models.quantization import FILE_TYPES, TENSOR_TYPES

_ELEMENTS_LIMIT = 2**48
_GUESSED = 1024  # added by llama.cpp to a file type that it guessed


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a GGUF file says about itself. None where it does not say, or says something that cannot be."""

    version: int
    size_b: int
    """Of the whole file."""
    architecture: str
    general_type: str | None
    """`model`, `adapter`, `mmproj`...; older files have none."""
    name: str | None
    parameters: int
    """Elements of all tensors, counted."""
    tensor_count: int
    quantization: str | None
    """The file's own word ("Q4_K_M"), else the type that most elements have."""
    context_length: int | None
    block_count: int | None
    embedding_length: int | None
    head_count: int | tuple[int, ...] | None
    """One number for all layers, or one a layer."""
    head_count_kv: int | tuple[int, ...] | None
    key_length: int | None
    value_length: int | None
    vocabulary_size: int | None
    pooled: bool
    """Whether it pools its output: a model of embeddings, which cannot generate."""
    chat_template: str | None
    """Jinja, untouched."""
    split_count: int | None
    """Of how many files this is one."""
    bos_token: str | None
    """The text of the token that begins a sequence."""
    add_bos: bool | None
    """Whether the tokenizer puts it before each prompt."""


def read_header(path: Path) -> Header:
    """What the GGUF at `path` says about itself. Reads the head only.

    Raises BadModel with a short reason: unreadable, empty, not GGUF, byte-swapped, an unknown version, counts that
    cannot be, or fewer bytes than the tensors need.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadModel("is no regular file")
        with path.open("rb") as file:
            return _header(Head(file, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise BadModel(f"cannot be read: {error.strerror}") from error


def _header(head: Head) -> Header:
    version = _version(head)
    tensor_count = head.count(U64, "tensors", COUNT_LIMIT)
    values: dict[str, Value] = {}
    for _ in range(head.count(U64, "metadata entries", COUNT_LIMIT)):
        key = head.text(limit=COUNT_LIMIT)
        values[key] = head.value(int(head.number(U32)))
    elements = _tensor_table(head, tensor_count, values.get("general.alignment"))
    architecture = _line(values.get("general.architecture"))
    if architecture is None:
        raise BadModel("names no architecture")
    prefix = f"{architecture}."
    own = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
    tokens, template = values.get("tokenizer.ggml.tokens"), values.get("tokenizer.chat_template")
    add_bos = values.get("tokenizer.ggml.add_bos_token")
    return Header(
        version=version,
        size_b=head.size_b,
        architecture=architecture,
        general_type=_line(values.get("general.type")),
        name=_line(values.get("general.name")),
        parameters=sum(elements.values()),
        tensor_count=tensor_count,
        quantization=_quantization(_whole(values.get("general.file_type")), elements),
        context_length=_whole(own.get("context_length")),
        block_count=_whole(own.get("block_count"), limit=COUNT_LIMIT),
        embedding_length=_whole(own.get("embedding_length")),
        head_count=_heads(own.get("attention.head_count")),
        head_count_kv=_heads(own.get("attention.head_count_kv")),
        key_length=_whole(own.get("attention.key_length")),
        value_length=_whole(own.get("attention.value_length")),
        vocabulary_size=tokens.count if isinstance(tokens, Strings) else _whole(own.get("vocab_size")),
        pooled=own.get("pooling_type") not in (None, 0),
        chat_template=template if isinstance(template, str) else None,
        split_count=_whole(values.get("split.count")),
        bos_token=_token(head, tokens, _whole(values.get("tokenizer.ggml.bos_token_id"))),
        add_bos=add_bos if isinstance(add_bos, bool) else None,
    )


def _version(head: Head) -> int:
    if head.size_b == 0:
        raise BadModel("is empty (0 bytes)")
    head.reach(min(head.size_b, 8))
    magic = head.data[:4]
    if magic != b"GGUF":
        raise BadModel(f"is no GGUF file: it begins with {magic!r}")
    head.at = 4
    version = int(head.number(U32))
    if version & 0xFFFF == 0 and version != 0:
        raise BadModel("is byte-swapped: written for big-endian machines")
    if version not in (2, 3):
        raise BadModel(f"is GGUF version {version}; versions 2 and 3 can be read")
    return version


def _tensor_table(head: Head, count: int, alignment: Value) -> Counter[str | None]:
    """Elements by tensor type (None: a type that this table does not know).

    Raises BadModel where the file ends before its last tensor does.
    """
    if alignment is None:
        alignment = 32
    if not isinstance(alignment, int) or alignment not in (1 << bit for bit in range(17)):
        raise BadModel(f"has an implausible alignment: {alignment}")
    elements: Counter[str | None] = Counter()
    end = 0
    for _ in range(count):
        head.text(limit=COUNT_LIMIT)
        dimensions = head.count(U32, "dimensions of a tensor", 4)
        size = math.prod(int(head.number(U64)) for _ in range(dimensions))
        name, block, block_b = TENSOR_TYPES.get(int(head.number(U32)), (None, 1, 0))
        if size > _ELEMENTS_LIMIT:
            raise BadModel(f"has a tensor of an implausible size: {size:,} elements")
        elements[name] += size
        end = max(end, int(head.number(U64)) + -(-size // block) * block_b)
    needed = -(-head.at // alignment) * alignment + end
    if count and head.size_b < needed:
        raise BadModel(f"truncated: {head.size_b:,} of {needed:,} bytes are there")
    return elements


def _quantization(file_type: int | None, elements: Counter[str | None]) -> str | None:
    known = None if file_type is None else FILE_TYPES.get(file_type & ~_GUESSED)
    if known is not None or not elements:
        return known
    return elements.most_common(1)[0][0]


def _token(head: Head, tokens: Value, index: int | None) -> str | None:
    if not isinstance(tokens, Strings) or index is None or index >= tokens.count:
        return None
    return head.text_of(tokens, index)


def _line(value: Value) -> str | None:
    """`value` as one printable line, so that a file cannot write escapes to a terminal. None where it is no text."""
    if not isinstance(value, str):
        return None
    return "".join(character for character in value[:200] if character.isprintable()).strip() or None


def _whole(value: Value, *, limit: int = 2**31) -> int | None:
    """`value` as a whole number from 0 to `limit`. None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        return None
    return value


def _heads(value: Value) -> int | tuple[int, ...] | None:
    if not isinstance(value, tuple):
        return _whole(value)
    counts = tuple(count for count in map(_whole, value) if count is not None)
    return counts if len(counts) == len(value) else None

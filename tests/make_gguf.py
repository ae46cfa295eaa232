"""Writes GGUF files of the six architectures: tiny ones, or ones with a model's true shape and so its true speed.

    python tests/make_gguf.py tiny FOLDER [NAMES...]      0.2 to 0.5 MB each, every token printable
    python tests/make_gguf.py shape FOLDER [NAMES...]     random Q4_0 weights, 40 MB to 1.6 GB

Weights are random, always the same ones. The tiny ones write words and letters at random and never end by themselves:
the first value of each embedding is a constant, by which the last layer forbids every token that must not be
printed. The tiny Qwen3 thinks: after the newline that ends its prompt it writes `THOUGHT`, then answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from numpy.typing import NDArray

THOUGHT = ("<think>", "Ġlet", "Ġme", "Ġthink", "Ġabout", "Ġthat", "</think>")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides the size and the speed of a model."""

    architecture: str
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_width: int
    rope: int
    vocabulary: int
    context: int


SHAPES = {
    "qwen3-0.6b": Shape(
        architecture="qwen3", layers=28, width=1024, inner=3072, heads=16, kv_heads=8,
        head_width=128, rope=128, vocabulary=151_936, context=40_960,
    ),
    "qwen3-1.7b": Shape(
        architecture="qwen3", layers=28, width=2048, inner=6144, heads=16, kv_heads=8,
        head_width=128, rope=128, vocabulary=151_936, context=40_960,
    ),
    "tinyllama-1.1b": Shape(
        architecture="llama", layers=22, width=2048, inner=5632, heads=32, kv_heads=4,
        head_width=64, rope=64, vocabulary=32_000, context=2048,
    ),
    "pythia-70m": Shape(
        architecture="gptneox", layers=6, width=512, inner=2048, heads=8, kv_heads=8,
        head_width=64, rope=16, vocabulary=50_304, context=2048,
    ),
    "distilgpt2": Shape(
        architecture="gpt2", layers=6, width=768, inner=3072, heads=12, kv_heads=12,
        head_width=64, rope=0, vocabulary=50_257, context=1024,
    ),
    "phi-2": Shape(
        architecture="phi2", layers=32, width=2560, inner=10_240, heads=32, kv_heads=32,
        head_width=80, rope=32, vocabulary=51_200, context=2048,
    ),
}  # fmt: skip
"""The true shapes, from the models' config.json."""


def tiny(shape: Shape) -> Shape:
    """The same architecture and context with two narrow layers and 512 tokens."""
    grouped = shape.kv_heads < shape.heads
    return Shape(
        architecture=shape.architecture,
        layers=2,
        width=64,
        inner=128,
        heads=4,
        kv_heads=2 if grouped else 4,
        head_width=32 if shape.architecture == "qwen3" else 16,
        rope={"qwen3": 32, "llama": 16, "gptneox": 8, "gpt2": 0, "phi2": 8}[shape.architecture],
        vocabulary=512,
        context=shape.context,
    )


def write_tiny(folder: Path, names: Sequence[str] = tuple(SHAPES)) -> tuple[Path, ...]:
    """Tiny models called `NAME.gguf` in `folder`, in the order of `names`."""
    return tuple(write(folder / f"{name}.gguf", name, tiny(SHAPES[name]), printable=True) for name in names)


def write_shape(folder: Path, names: Sequence[str] = tuple(SHAPES)) -> tuple[Path, ...]:
    """Models of true shape called `NAME.gguf` in `folder`."""
    return tuple(write(folder / f"{name}.gguf", name, SHAPES[name], printable=False) for name in names)


def write(path: Path, name: str, shape: Shape, *, printable: bool) -> Path:
    """A model of `shape` at `path`, which it returns. `printable`: only tokens that people can read are written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = GGUFWriter(path, shape.architecture)
    _add_settings(file, name, shape)
    vocabulary = _sentencepiece(shape) if shape.architecture == "llama" else _byte_pairs(shape)
    _add_vocabulary(file, shape, vocabulary)
    _add_tensors(file, shape, vocabulary if printable else None)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Tokens in order; `written` are those that a printable model may write at any time."""

    tokens: tuple[str, ...]
    types: tuple[TokenType, ...]
    written: frozenset[str]


def _sentencepiece(shape: Shape) -> Vocabulary:
    special = {"<unk>": TokenType.UNKNOWN, "<s>": TokenType.CONTROL, "</s>": TokenType.CONTROL}
    raw = {f"<0x{byte:02X}>": TokenType.BYTE for byte in range(256)}
    letters = {chr(code): TokenType.NORMAL for code in range(33, 127)}
    known = {**special, **raw, "▁": TokenType.NORMAL, **letters}
    words = {f"▁w{number}": TokenType.NORMAL for number in range(shape.vocabulary - len(known))}
    return Vocabulary(
        tokens=(*known, *words), types=(*known.values(), *words.values()), written=frozenset((*letters, *words))
    )


def _byte_pairs(shape: Shape) -> Vocabulary:
    special = {"<|endoftext|>": TokenType.CONTROL}
    thought = {}
    if shape.architecture == "qwen3":
        special |= {"<|im_start|>": TokenType.CONTROL, "<|im_end|>": TokenType.CONTROL}
        thought = {token: TokenType.USER_DEFINED if "<" in token else TokenType.NORMAL for token in THOUGHT}
    raw = dict.fromkeys(_byte_letters(), TokenType.NORMAL)
    known = {**special, **raw, "ĊĊ": TokenType.NORMAL, **thought}
    words = {f"Ġw{number}": TokenType.NORMAL for number in range(shape.vocabulary - len(known))}
    letters = (chr(code) for code in range(33, 127))
    return Vocabulary(
        tokens=(*known, *words), types=(*known.values(), *words.values()), written=frozenset((*letters, *words))
    )


def _byte_letters() -> list[str]:
    """The 256 bytes as GPT-2's vocabulary writes them: printable ones as they are, the others from U+0100 on."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte if byte in plain else 256 + others.index(byte)) for byte in range(256)]


def _add_settings(file: GGUFWriter, name: str, shape: Shape) -> None:
    file.add_type("model")
    file.add_name(name)
    file.add_file_type(LlamaFileType.MOSTLY_Q4_0)
    file.add_context_length(shape.context)
    file.add_embedding_length(shape.width)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(shape.inner)
    file.add_head_count(shape.heads)
    if shape.architecture in ("qwen3", "llama", "phi2"):
        file.add_head_count_kv(shape.kv_heads)
    if shape.rope:
        file.add_rope_dimension_count(shape.rope)
    if shape.architecture in ("qwen3", "llama"):
        file.add_layer_norm_rms_eps(1e-6)
        file.add_rope_freq_base(1e6 if shape.architecture == "qwen3" else 1e4)
    else:
        file.add_layer_norm_eps(1e-5)
    if shape.architecture == "qwen3":
        file.add_key_length(shape.head_width)
        file.add_value_length(shape.head_width)
    if shape.architecture == "gptneox":
        file.add_parallel_residual(True)


def _add_vocabulary(file: GGUFWriter, shape: Shape, vocabulary: Vocabulary) -> None:
    tokens = vocabulary.tokens
    file.add_tokenizer_model("llama" if shape.architecture == "llama" else "gpt2")
    file.add_token_list(tokens)
    file.add_token_types(vocabulary.types)
    if shape.architecture == "llama":
        file.add_token_scores([-float(index) for index in range(len(tokens))])
        file.add_bos_token_id(tokens.index("<s>"))
        file.add_eos_token_id(tokens.index("</s>"))
        file.add_unk_token_id(tokens.index("<unk>"))
        return
    file.add_tokenizer_pre({"qwen3": "qwen2", "gptneox": "olmo", "gpt2": "gpt-2", "phi2": "gpt-2"}[shape.architecture])
    file.add_token_merges(["Ċ Ċ"])
    file.add_bos_token_id(0)
    file.add_eos_token_id(tokens.index("<|im_end|>") if "<|im_end|>" in tokens else 0)
    if shape.architecture == "qwen3":
        file.add_add_bos_token(False)


def _add_tensors(file: GGUFWriter, shape: Shape, vocabulary: Vocabulary | None) -> None:
    """Every tensor that the architecture needs. With a vocabulary the two that choose tokens are made to measure."""
    rng = np.random.default_rng(0)
    width, inner, joined = shape.width, shape.inner, shape.architecture not in ("qwen3", "llama")

    def vector(name: str, length: int, value: float) -> None:
        file.add_tensor(name, np.full(length, value, np.float32))

    def norm(name: str, length: int = width) -> None:
        vector(f"{name}.weight", length, 1.0)
        if joined:
            vector(f"{name}.bias", length, 0.0)

    def matrix(name: str, rows: int, columns: int) -> None:
        file.add_tensor(f"{name}.weight", _random_q4_0(rng, rows, columns), raw_dtype=GGMLQuantizationType.Q4_0)
        if joined:
            vector(f"{name}.bias", rows, 0.0)

    embedding, output = _random_choice(rng, shape) if vocabulary is None else _printable_choice(rng, shape, vocabulary)
    raw = GGMLQuantizationType.Q4_0 if vocabulary is None else None
    file.add_tensor("token_embd.weight", embedding, raw_dtype=raw)
    file.add_tensor("output.weight", output, raw_dtype=raw)
    if shape.architecture == "gpt2":
        file.add_tensor("position_embd.weight", np.zeros((shape.context, width), np.float32))
    if shape.architecture == "phi2":
        vector("output.bias", shape.vocabulary, 0.0)
    norm("output_norm")
    for block in (f"blk.{layer}" for layer in range(shape.layers)):
        queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        norm(f"{block}.attn_norm")
        matrix(f"{block}.attn_output", width, queries)
        matrix(f"{block}.ffn_up", inner, width)
        matrix(f"{block}.ffn_down", width, inner)
        if joined:
            matrix(f"{block}.attn_qkv", 3 * width, width)
        else:
            matrix(f"{block}.attn_q", queries, width)
            matrix(f"{block}.attn_k", keys, width)
            matrix(f"{block}.attn_v", keys, width)
            matrix(f"{block}.ffn_gate", inner, width)
        if shape.architecture == "qwen3":
            norm(f"{block}.attn_q_norm", shape.head_width)
            norm(f"{block}.attn_k_norm", shape.head_width)
        if shape.architecture != "phi2":
            norm(f"{block}.ffn_norm")


def _random_q4_0(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.uint8]:
    """Random weights of about 0.02, as blocks of Q4_0: an f16 scale and 32 numbers of 4 bits."""
    blocks = rng.integers(0, 256, size=(rows, columns // 32, 18), dtype=np.uint8)
    blocks[:, :, :2] = np.frombuffer(np.float16(0.02 / 4.6).tobytes(), np.uint8)
    return blocks.reshape(rows, -1)


def _random_choice(rng: np.random.Generator, shape: Shape) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return _random_q4_0(rng, shape.vocabulary, shape.width), _random_q4_0(rng, shape.vocabulary, shape.width)


def _printable_choice(
    rng: np.random.Generator, shape: Shape, vocabulary: Vocabulary
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Embeddings that outweigh the layers, and a last layer that lets through what may be written.

    After normalisation the constant and the rest have a length of 5.7 each (8 of sqrt(8² + 8²), times sqrt(64)).
    Tokens that are not `written` get 5 x 5.7 = 28 off their logit; in the thought each gets 8 x 5.7 = 45 back where
    its predecessor came last.
    """
    embedding = rng.standard_normal((shape.vocabulary, shape.width)).astype(np.float32)
    embedding[:, 0] = 0.0
    embedding *= 8.0 / np.linalg.norm(embedding, axis=1, keepdims=True)
    embedding[:, 0] = 8.0
    output = 0.1 * rng.standard_normal((shape.vocabulary, shape.width)).astype(np.float32)
    output[:, 0] = [0.0 if token in vocabulary.written else -5.0 for token in vocabulary.tokens]
    chain = ("Ċ", *THOUGHT) if THOUGHT[0] in vocabulary.tokens else ()
    for before, after in pairwise(chain):
        direction = embedding[vocabulary.tokens.index(before), 1:]
        output[vocabulary.tokens.index(after), 1:] = 8.0 * direction / np.linalg.norm(direction)
    return embedding.astype(np.float16), output.astype(np.float16)


if __name__ == "__main__":
    kind, folder, *names = sys.argv[1:]
    make = {"tiny": write_tiny, "shape": write_shape}[kind]
    for made in make(Path(folder), names or tuple(SHAPES)):
        print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")

"""How much memory a model needs, and whether that fits. Pure."""

from __future__ import annotations

from enum import Enum

from orac_bench.models.gguf import Header

BATCH_TOKENS = 512
"""Tokens that the engine computes at once, Ollama's default `num_batch`."""
RUNTIME_B = 64 * 2**20
"""The engine itself and its small buffers."""
MARGIN_B = 256 * 2**20
MARGIN_RATIO = 0.1
"""What should be left for everything else: the larger of `MARGIN_B` and this share of what is needed."""

_F16_B, _F32_B = 2, 4


class Fit(str, Enum):
    """Whether a model fits in the available memory."""

    YES = "yes"  # with a margin for everything else
    TIGHT = "tight"  # without that margin: other programs may be swapped out
    NO = "no"  # more is needed than is available


def memory_needed_b(header: Header, context_tokens: int) -> int:
    """Bytes that a model needs, loaded with `context_tokens` of context: weights, KV cache, compute buffers.

    An estimate that is meant to be slightly too high: the whole file counts as weights, sliding windows are ignored.
    The compute buffer is the larger of a batch's logits and its attention scores and mask without flash attention, f32.
    Source: llama.cpp reserves its graphs for a full batch (`graph_reserve` in llama-context.cpp).
    """
    logits = BATCH_TOKENS * (header.vocabulary_size or 0) * _F32_B
    scores = BATCH_TOKENS * context_tokens * (1 + max(_by_layer(header.head_count, 1), default=0)) * _F32_B
    return header.size_b + kv_cache_b(header, context_tokens) + max(logits, scores) + RUNTIME_B


def kv_cache_b(header: Header, context_tokens: int) -> int:
    """Bytes of keys and values of `context_tokens` in f16: heads x (key + value length) x 2, summed over the layers.

    0 where the header names no heads or no width, as in models without attention.
    """
    heads = _by_layer(header.head_count, 1)
    if not heads or header.block_count is None or max(heads) == 0:
        return 0
    width = (header.embedding_length or 0) // max(heads)
    key = width if header.key_length is None else header.key_length
    value = width if header.value_length is None else header.value_length
    kv_heads = header.head_count if header.head_count_kv is None else header.head_count_kv
    return sum(_by_layer(kv_heads, header.block_count)) * (key + value) * _F16_B * context_tokens


def fits(needed_b: int, available_b: int) -> Fit:
    """Whether `needed_b` fits in `available_b`, with `MARGIN_B` or `MARGIN_RATIO` to spare for a plain yes."""
    if needed_b > available_b:
        return Fit.NO
    margin = max(MARGIN_B, needed_b * MARGIN_RATIO)
    return Fit.YES if needed_b + margin <= available_b else Fit.TIGHT


def _by_layer(heads: int | tuple[int, ...] | None, layers: int) -> tuple[int, ...]:
    if heads is None:
        return ()
    return heads if isinstance(heads, tuple) else (heads,) * layers

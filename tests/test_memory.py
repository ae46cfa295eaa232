"""What a model needs of memory, in visible arithmetic, and when that fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.models.gguf import Header, read_header
from orac_bench.models.meminfo import available_b
from orac_bench.models.memory import RUNTIME_B, Fit, fits, kv_cache_b, memory_needed_b
from tests.raw_gguf import write_raw

MIB = 2**20


@pytest.fixture
def smollm2(tmp_path: Path) -> Header:
    """The header of SmolLM2-135M, whose buffers Ollama 0.11.4 logged: KV 90.00 MiB, compute 98.25 MiB."""
    path = write_raw(
        tmp_path / "x.gguf",
        {
            "llama.block_count": 30,
            "llama.embedding_length": 576,
            "llama.attention.head_count": 9,
            "llama.attention.head_count_kv": 3,
            "llama.vocab_size": 49_152,
        },
    )
    return replace(read_header(path), size_b=98_362_432)


def test_the_cache_is_that_which_ollama_logs(smollm2: Header) -> None:
    width = 576 // 9
    assert kv_cache_b(smollm2, 4096) == 30 * 3 * (width + width) * 2 * 4096 == 90 * MIB


def test_heads_of_their_own_width_and_number_in_each_layer_are_added_up(smollm2: Header) -> None:
    odd = replace(smollm2, block_count=3, head_count_kv=(4, 0, 2), key_length=128, value_length=96)
    assert kv_cache_b(odd, 1000) == (4 + 0 + 2) * (128 + 96) * 2 * 1000


def test_without_heads_for_keys_all_heads_have_them(smollm2: Header) -> None:
    assert kv_cache_b(replace(smollm2, head_count_kv=None), 4096) == 3 * 90 * MIB


def test_a_model_without_attention_has_no_cache(smollm2: Header) -> None:
    assert kv_cache_b(replace(smollm2, head_count=None), 4096) == 0


def test_a_large_vocabulary_makes_the_compute_buffer(smollm2: Header) -> None:
    logits = 512 * 49_152 * 4
    assert logits == 96 * MIB
    assert memory_needed_b(smollm2, 4096) == 98_362_432 + 90 * MIB + logits + RUNTIME_B


def test_a_long_context_makes_the_compute_buffer(smollm2: Header) -> None:
    scores_and_mask = 512 * 8192 * (9 + 1) * 4
    assert scores_and_mask == 160 * MIB
    assert memory_needed_b(smollm2, 8192) == 98_362_432 + 180 * MIB + scores_and_mask + RUNTIME_B


@pytest.mark.parametrize(
    ("needed", "available", "wanted"),
    [
        (1000 * MIB, 1256 * MIB, Fit.YES),
        (1000 * MIB, 1256 * MIB - 1, Fit.TIGHT),
        (1000 * MIB, 1000 * MIB, Fit.TIGHT),
        (1000 * MIB, 1000 * MIB - 1, Fit.NO),
        (5000 * MIB, 5500 * MIB, Fit.YES),
        (5000 * MIB, 5500 * MIB - 1, Fit.TIGHT),
    ],
)
def test_a_margin_of_256_mib_or_a_tenth_divides_yes_from_tight(needed: int, available: int, wanted: Fit) -> None:
    assert fits(needed, available) is wanted


def test_available_memory_is_the_kernels_estimate_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:  7990000 kB\nMemFree: 1 kB\nMemAvailable:    6291456 kB\n")
    assert available_b(tmp_path) == 6 * 2**30


def test_available_memory_is_none_where_the_kernel_does_not_say(tmp_path: Path) -> None:
    assert available_b(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:  7990000 kB\n")
    assert available_b(tmp_path) is None

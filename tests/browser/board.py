"""The board whose past fills the store of these tests: its models, its cases, and how fast each is at 15 W."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A model: how fast it is, and what it weighs."""

    name: str
    tokens_per_s: float
    memory_b: float
    appetite: float
    """Its power over the board's usual one: without it the quickest model would be the thriftiest as well."""


KINDS = tuple(
    Kind(name=name, tokens_per_s=rate, memory_b=memory * 2**20, appetite=1.3 if name == "pythia-70m.f16" else 1.0)
    for name, rate, memory in (
        ("qwen3-0.6b-q8_0", 41.0, 760),
        ("qwen3-0.6b-q4_k_m", 52.0, 520),
        ("qwen3-1.7b-q4_k_m", 24.0, 1290),
        ("tinyllama-1.1b-chat-v1.0.q4_k_m", 33.0, 780),
        ("tinyllama-1.1b-chat-v1.0.q8_0", 22.0, 1310),
        ("pythia-70m.f16", 148.0, 190),
        ("distilgpt2.f16", 121.0, 230),
        ("phi-2.q4_k_m", 12.6, 1990),
        ("phi-2.q5_k_m", 10.8, 2260),
        ("smollm2-135m-instruct-q4_k_m", 97.0, 150),
    )
)
CASES = (
    ("first_token", 64, 16),
    ("decode", 64, 128),
    ("prompt_length", 64, 16),
    ("prompt_length", 256, 16),
    ("prompt_length", 1024, 16),
    ("cold_load", 64, 16),
)


POWER_W = (8.4, 13.1)
"""Of the module while it writes, at 15 W and in MAXN_SUPER."""


def case_key(number: int) -> str:
    """The key of case `number`, 0 to 59: six of each model, in the order of `CASES`."""
    return f"ca5e{number:012x}"


def typical(kind: Kind, prompt_tokens: int, output_tokens: int) -> Mapping[str, float]:
    """The middle of each metric of a case, at 15 W."""
    prefill = kind.tokens_per_s * 11
    ttft_s = 0.03 + prompt_tokens / prefill
    whole_s = ttft_s + (output_tokens - 1) / kind.tokens_per_s
    return {
        "ttft_s": ttft_s,
        "e2e_s": whole_s,
        "decode_tokens_per_s": kind.tokens_per_s,
        "prefill_tokens_per_s": prefill,
        "load_s": 0.4 + kind.memory_b / 1.1e9,
        "energy_j": POWER_W[0] * kind.appetite * whole_s,
        "joules_per_output_token": POWER_W[0] * kind.appetite / kind.tokens_per_s,
        "model_memory_b": kind.memory_b,
        "ram_peak_b": kind.memory_b + 1.9e9,
        "temperature_start_celsius": 44.0,
        "temperature_max_celsius": 52.0,
        "power_w_mean": POWER_W[0] * kind.appetite,
    }


def conditions_facts(number: int) -> dict[str, object]:
    """The facts of conditions 0, 1 and 2."""
    version, mode = (("0.11.4", "15W"), ("0.20.7", "15W"), ("0.20.7", "MAXN_SUPER"))[number]
    return {
        "board": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        "l4t": "36.4.3",
        "power_mode": mode,
        "jetson_clocks": True,
        "ollama_version": version,
        "OLLAMA_FLASH_ATTENTION": "1",
    }

"""Which files are taken for which catalogued model, and how each wants to be asked."""

from __future__ import annotations

import pytest

from orac_bench.models.catalog import (
    CATALOG,
    CHATML,
    CHATML_THINKING,
    GEMMA,
    LLAMA3,
    MISTRAL,
    PHI3,
    PLAIN,
    ZEPHYR,
    guessed_template,
    recognise,
)
from orac_bench.models.folder import slug


@pytest.mark.parametrize(
    ("stem", "architecture", "wanted"),
    [
        ("Qwen3-0.6B-Q8_0", "qwen3", "qwen3-0.6b"),
        ("Qwen_Qwen3-0.6B-Q4_K_M", "qwen3", "qwen3-0.6b"),
        ("Qwen3-1.7B-UD-Q4_K_XL", "qwen3", "qwen3-1.7b"),
        ("qwen3-1.7b", "qwen3", "qwen3-1.7b"),
        ("tinyllama-1.1b-chat-v1.0.Q4_K_M", "llama", "tinyllama-1.1b"),
        ("TinyLlama-1.1B-Chat-v1.0", "llama", "tinyllama-1.1b"),
        ("tinyllama", "llama", "tinyllama-1.1b"),
        ("pythia-70m-f16", "gptneox", "pythia-70m"),
        ("Pythia-70M-deduped.Q8_0", "gptneox", "pythia-70m"),
        ("distilgpt2.Q8_0", "gpt2", "distilgpt2"),
        ("DistilGPT-2", "gpt2", "distilgpt2"),
        ("phi-2.Q4_K_M", "phi2", "phi-2"),
        ("phi-2_Q4_K_M", "phi2", "phi-2"),
        ("microsoft_phi-2-bf16", "phi2", "phi-2"),
    ],
)
def test_files_are_recognised_by_the_names_that_people_publish_them_under(
    stem: str, architecture: str, wanted: str
) -> None:
    entry = recognise(slug(stem), architecture)
    assert entry is not None
    assert entry.name == wanted


@pytest.mark.parametrize(
    ("stem", "architecture"),
    [
        ("Qwen3-0.6B-Base-Q8_0", "qwen3"),
        ("Qwen3-Embedding-0.6B-Q8_0", "qwen3"),
        ("Qwen3-0.6B-abliterated", "qwen3"),
        ("Qwen3-0.6B-Q8_0", "llama"),
        ("Qwen2.5-0.5B-Instruct", "qwen2"),
        ("tinyllama-1.1b-chat-v0.3.Q4_K_M", "llama"),
        ("TinyLlama-1.1B-intermediate-step-1431k-3T", "llama"),
        ("dolphin-2_6-phi-2", "phi2"),
        ("phi-2-orange", "phi2"),
        ("pythia-70m-v0-tuned", "gptneox"),
        ("gpt2", "gpt2"),
    ],
)
def test_a_base_a_fine_tuned_or_another_model_is_generic(stem: str, architecture: str) -> None:
    assert recognise(slug(stem), architecture) is None


def test_the_six_models_have_these_names_contexts_and_formats() -> None:
    assert [
        (entry.names, entry.context_tokens, entry.template.prefix + "Hi" + entry.template.suffix) for entry in CATALOG
    ] == [
        (("qwen3-0.6b",), 4096, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
        (("qwen3-1.7b",), 4096, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
        (("tinyllama-1.1b", "tinyllama"), 2048, "<|user|>\nHi</s>\n<|assistant|>\n"),
        (("pythia-70m",), 2048, "Hi"),
        (("distilgpt2",), 1024, "Hi"),
        (("phi-2", "phi2"), 2048, "Instruct: Hi\nOutput:"),
    ]


def test_a_templates_go_text_is_its_raw_form_around_the_prompt() -> None:
    assert PLAIN.text == "{{ .Prompt }}"
    for template in (CHATML, LLAMA3, GEMMA, PHI3, ZEPHYR, MISTRAL):
        assert template.text.endswith(f"{template.prefix}{{{{ .Prompt }}}}{template.suffix}")


@pytest.mark.parametrize(
    ("jinja", "wanted"),
    [
        ("{{'<|im_start|>' + message['role']}}", CHATML),
        ("{{'<|im_start|>' + message['role']}}{{ '<think>\\n' }}", CHATML_THINKING),
        ("{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>' }}", LLAMA3),
        ("{{ '<start_of_turn>' + role }}", GEMMA),
        ("{{ '<|user|>\\n' + message['content'] + eos_token }}{{ '<|assistant|>' }}", ZEPHYR),
        ("{{ '<|user|>\\n' + message['content'] + '<|end|>\\n<|assistant|>\\n' }}", PHI3),
        ("{{ '[INST] ' + message['content'] + ' [/INST]' }}", MISTRAL),
        ("{{ 'Human: ' + message['content'] }}", PLAIN),
        (None, PLAIN),
    ],
)
def test_a_generic_files_format_is_guessed_by_marks_in_its_own_template(jinja: str | None, wanted: object) -> None:
    assert guessed_template(jinja) is wanted

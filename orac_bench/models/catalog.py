"""The six catalogued models, as data: how a file is recognised as one of them, and how it wants to be asked.

Every other file is generic: its chat format is guessed by marks in its own template, else the prompt goes as it is.
Pure. What must never live here: files, folders, Ollama.

Sources: the model cards (Qwen/Qwen3-0.6B, TinyLlama/TinyLlama-1.1B-Chat-v1.0, microsoft/phi-2, EleutherAI/pythia-70m,
distilbert/distilgpt2) for templates, stop words and sampling; the lengths are those that they were trained with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from orac_bench.records import Json

GENERIC_CONTEXT = 4096
"""Tokens of context of a model that is not catalogued, where its own is not shorter."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A chat format, twice: for a raw prompt that ORAC writes itself, and for Ollama's template layer.

    The raw prompt is `prefix` + text + `suffix`. `text` is Ollama's Go template of the same format.
    """

    name: str
    prefix: str
    suffix: str
    text: str
    stop: tuple[str, ...] = ()
    """Words that end an answer; for requests of people, never for measured ones."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A catalogued model: its short name, how a file is recognised as it, and how it wants to be asked."""

    name: str
    aliases: tuple[str, ...] = ()
    """Further short names."""
    architecture: str
    pattern: re.Pattern[str]
    """Of the whole slug of a file's name."""
    template: Template
    context_tokens: int
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """Sampling, as its authors advise; base models get what keeps them from repeating themselves."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every short name that it answers to."""
        return (self.name, *self.aliases)


def _format(name: str, user: str, answer: str, *, system: str = "", stop: tuple[str, ...] = ()) -> Template:
    """A format of one turn: `user` before the prompt, `answer` behind it, `system` as a Go text before both."""
    return Template(name=name, prefix=user, suffix=answer, text=f"{system}{user}{{{{ .Prompt }}}}{answer}", stop=stop)


PLAIN = _format("plain", "", "")
CHATML = _format(
    "chatml",
    "<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
    system="{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}",
    stop=("<|im_start|>", "<|im_end|>"),
)
CHATML_THINKING = Template(
    name="chatml with thinking",
    prefix=CHATML.prefix,
    suffix=CHATML.suffix,
    # Ollama 0.9 and later offers thinking where a range over .Messages has .Thinking between two literal tags, and
    # moves what the model writes between them out of the answer. Older ones know neither .Thinking nor .Think; they
    # render a single turn, where both are left out, all the same.
    text="""\
{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}
{{- range $index, $message := .Messages }}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Thinking }}<think>
{{ .Thinking }}
</think>

{{ end }}{{ .Content }}<|im_end|>
{{ end }}
{{- end }}<|im_start|>assistant
{{ if and $.IsThinkSet (not $.Think) }}<think>

</think>

{{ end }}""",
    stop=CHATML.stop,
)
ZEPHYR = _format(
    "zephyr",
    "<|user|>\n",
    "</s>\n<|assistant|>\n",
    system="{{ if .System }}<|system|>\n{{ .System }}</s>\n{{ end }}",
    stop=("<|system|>", "<|user|>", "<|assistant|>", "</s>"),
)
PHI2 = _format("instruct and output", "Instruct: ", "\nOutput:", stop=("Instruct:",))
PHI3 = _format(
    "phi3",
    "<|user|>\n",
    "<|end|>\n<|assistant|>\n",
    system="{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}",
    stop=("<|end|>", "<|system|>", "<|user|>", "<|assistant|>"),
)
LLAMA3 = _format(
    "llama3",
    "<|start_header_id|>user<|end_header_id|>\n\n",
    "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    system="{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}",
    stop=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
GEMMA = _format(
    "gemma",
    "<start_of_turn>user\n",
    "<end_of_turn>\n<start_of_turn>model\n",
    stop=("<start_of_turn>", "<end_of_turn>"),
)
MISTRAL = _format("mistral", "[INST] ", " [/INST]", stop=("[INST]", "[/INST]"))

MARKS: tuple[tuple[tuple[str, ...], Template], ...] = (
    (("<|im_start|>", "<think>"), CHATML_THINKING),
    (("<|im_start|>",), CHATML),
    (("<|start_header_id|>",), LLAMA3),
    (("<start_of_turn>",), GEMMA),
    (("<|user|>", "<|assistant|>", "<|end|>"), PHI3),
    (("<|user|>", "<|assistant|>"), ZEPHYR),
    (("[INST]",), MISTRAL),
)
"""What a file's own chat template must contain, all of it, to be taken for a format; the first row that fits."""

_TAIL = r"(?:[-._](?:gguf|ud|i1|imat|imatrix|[bf]?[fp]\d\d|i?q\d[a-z0-9_]*|tq\d_\d|mxfp4))*"
_BASE_MODEL: Mapping[str, Json] = {"temperature": 0.7, "repeat_penalty": 1.1}


def _named(pattern: str) -> re.Pattern[str]:
    """`pattern`, with nothing behind it but words of a quantisation: a fine-tuned model is another model."""
    return re.compile(pattern + _TAIL)


_QWEN3: Mapping[str, Json] = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "repeat_penalty": 1.0}

CATALOG: tuple[Entry, ...] = (
    Entry(
        name="qwen3-0.6b",
        architecture="qwen3",
        pattern=_named(r"(?:qwen[-_])?qwen3[-_]0\.6b"),
        template=CHATML_THINKING,
        context_tokens=4096,
        parameters=_QWEN3,
    ),
    Entry(
        name="qwen3-1.7b",
        architecture="qwen3",
        pattern=_named(r"(?:qwen[-_])?qwen3[-_]1\.7b"),
        template=CHATML_THINKING,
        context_tokens=4096,
        parameters=_QWEN3,
    ),
    Entry(
        name="tinyllama-1.1b",
        aliases=("tinyllama",),
        architecture="llama",
        pattern=_named(r"(?:tinyllama[-_])?tinyllama(?:[-_]1\.1b)?(?:[-_]chat(?:[-_]v1\.0)?)?"),
        template=ZEPHYR,
        context_tokens=2048,
        parameters={"temperature": 0.7, "top_p": 0.95, "top_k": 50, "repeat_penalty": 1.0},
    ),
    Entry(
        name="pythia-70m",
        architecture="gptneox",
        pattern=_named(r"(?:eleutherai[-_])?pythia-70m(?:-deduped)?"),
        template=PLAIN,
        context_tokens=2048,
        parameters=_BASE_MODEL,
    ),
    Entry(
        name="distilgpt2",
        architecture="gpt2",
        pattern=_named(r"(?:distilbert[-_])?distil-?gpt-?2"),
        template=PLAIN,
        context_tokens=1024,
        parameters=_BASE_MODEL,
    ),
    Entry(
        name="phi-2",
        aliases=("phi2",),
        architecture="phi2",
        pattern=_named(r"(?:microsoft[-_])?phi-?2"),
        template=PHI2,
        context_tokens=2048,
        parameters={"temperature": 0.7, "repeat_penalty": 1.1},
    ),
)


def recognise(slug: str, architecture: str | None) -> Entry | None:
    """The catalogued model that a file is, by its slug and its architecture. None: a generic one.

    Without an architecture (a file that was refused) the slug decides alone.
    """
    for entry in CATALOG:
        if entry.pattern.fullmatch(slug) and architecture in (entry.architecture, None):
            return entry
    return None


def short_names(slug: str) -> tuple[str, ...]:
    """The short names that a model of that slug answers to; none of one that is not catalogued."""
    entry = recognise(slug, None)
    return () if entry is None else entry.names


def guessed_template(chat_template: str | None) -> Template:
    """The format whose marks are in a file's own Jinja `chat_template`; plain where none are."""
    for marks, template in MARKS:
        if chat_template is not None and all(mark in chat_template for mark in marks):
            return template
    return PLAIN

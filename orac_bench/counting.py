"""How many tokens a round had: the server's counts, read with what is known of its version and engine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orac_bench.records import ServerTimings


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Tokens of a round. `printed` is `output` less a generated end token, which never becomes text."""

    input: int | None
    output: int | None
    printed: int | None


GO_ENGINE_SINCE: Mapping[str, tuple[int, int, int]] = {
    "gemma3": (0, 6, 0),
    "mllama": (0, 6, 0),
    "mistral3": (0, 6, 6),
    "llama4": (0, 6, 7),
    "qwen25vl": (0, 7, 0),
    "gemma3n": (0, 9, 3),
    "gptoss": (0, 11, 0),
    "gpt-oss": (0, 11, 0),
    "qwen3": (0, 12, 2),
    "qwen3moe": (0, 12, 2),
    "qwen3vl": (0, 12, 7),
    "qwen3vlmoe": (0, 12, 7),
}
"""Architectures that Ollama runs on its own Go engine, and from which version. Source: seen of 0.11.4 and 0.12.11 for
qwen3, and the notes on 0.12.2 (its pull requests 12310 and 12374); the others from the versions that brought these
models. Some that came or moved late in these versions (olmo3, deepseek2, lfm2) are not here, as nobody says when."""

NOT_ON_GO_ENGINE: Mapping[str, tuple[int, int, int]] = {"qwen3": (0, 12, 5)}
"""One version that had an architecture on llama.cpp again. Source: Ollama's pull request 12556."""

OFF_BY_ONE = ((0, 11, 9), (0, 15, 4))
"""First and last version whose Go engine counts a token that it does not write. Source: Ollama commit
c61023f55, in 0.15.5, mends it."""


def counts(timings: ServerTimings, *, version: str, architecture: str | None) -> Counts:
    """The tokens of a round of that server's `version`, corrected where it is known to be off by one.

    `architecture` is the model's, None where it is not known: then nothing is corrected.
    Source: the commit at OFF_BY_ONE (num_predict N writes N-1 tokens while eval_count says N).
    """
    output = timings.eval_count
    if output is not None and timings.done_reason == "length" and counts_one_too_many(version, architecture):
        output -= 1
    printed = output
    if printed is not None and timings.done_reason == "stop":
        printed -= 1
    return Counts(input=timings.prompt_count, output=output, printed=printed)


def counts_one_too_many(version: str, architecture: str | None) -> bool:
    """Whether this server counts a last token that it never writes."""
    if architecture is None or architecture not in GO_ENGINE_SINCE:
        return False
    number = version_key(version)
    first, last = OFF_BY_ONE
    on_go_engine = number >= GO_ENGINE_SINCE[architecture] and number != NOT_ON_GO_ENGINE.get(architecture)
    return on_go_engine and first <= number <= last


def version_key(version: str) -> tuple[int, int, int]:
    """The three numbers of a version: (0, 12, 11) of "0.12.11-rc2". What is no number counts as 0."""
    numbers = [int(part) if part.isdigit() else 0 for part in version.partition("-")[0].split(".")]
    major, minor, patch, *_ = (*numbers, 0, 0)
    return major, minor, patch

"""A prompt that exceeds its model's context: cut in silence by an Ollama up to 0.12.5, refused by later ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orac_bench.errors import OllamaRefused, UsageError
from orac_bench.records import Generation, Json

UNCUT: Mapping[str, Json] = {"truncate": False}
"""Of a request: has Ollama from 0.12.6 on refuse a prompt that is too long; older ones do not know the word."""

_REFUSALS = ("context length", "context size")
"""What such a refusal speaks of. Source: seen of 0.20.7 ("the input length exceeds the context length"); Ollama's
llm/llama_server.go and llama-server's exceed_context_size_error for 0.30 and later."""


def overflow(generation: Generation, name: str, *contexts: int | None) -> UsageError | None:
    """Why this is no answer to what was asked of the model `name`: not all of the prompt was read. None where it was.

    `contexts`, in tokens, are those that it may have, the likeliest first; None is one that nobody told. A prompt that
    was cut is counted as many tokens as the context holds. Source: seen of 0.11.4, whose /api/ps tells the wanted
    context and not the lesser one that the model was made for, and of 0.20.7.
    """
    known = [context for context in contexts if context is not None]
    count = None if generation.timings is None else generation.timings.prompt_count
    failure = generation.failure
    if count is not None and count in known:
        context = f" of {count} tokens"
    elif failure is not None and failure.code == OllamaRefused.code and any(s in failure.message for s in _REFUSALS):
        context = f" of {known[0]} tokens" if known else ""
    else:
        return None
    return UsageError(
        f"The prompt does not fit into {name}'s context{context}; Ollama cuts or refuses it.",
        next="Shorten it, or name a model with a longer context; `orac models` lists them.",
    )

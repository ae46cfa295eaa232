"""The bounds of a call, in one set of words for every call that has them. Pure."""

from __future__ import annotations

from orac_bench.errors import UsageError
from orac_bench.settings import Settings


def check_prompt(prompt: str, settings: Settings) -> None:
    """Raises UsageError for a prompt that is longer than ORAC_PROMPT_LIMIT_B allows."""
    size_b, limit_b = len(prompt.encode()), settings.prompt_limit_b
    if size_b > limit_b:
        raise UsageError(
            f"The prompt has {size_b} bytes; at most {limit_b} are allowed.",
            next="Shorten it, or raise ORAC_PROMPT_LIMIT_B.",
        )


def check_output(tokens: int | None, settings: Settings, *, named: str = "output_tokens") -> None:
    """Raises UsageError for more tokens than ORAC_OUTPUT_LIMIT_TOKENS allows; None asks for no number of them.

    `named` is the field that asks for them.
    """
    most = settings.output_limit_tokens
    if tokens is not None and tokens > most:
        raise UsageError(
            f"{named} is {tokens}; at most {most} are allowed.",
            next="Ask for less, or raise ORAC_OUTPUT_LIMIT_TOKENS.",
        )

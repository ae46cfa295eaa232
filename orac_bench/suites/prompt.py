"""Prompts of a wanted length, each new from its first token on. Pure: the server's count comes in as a function.

Ollama keeps the last prompt and skips what a new one shares with its beginning, without saying so. So a prompt begins
with a nonce, before the model's template: eight digits with blanks between, which every tokenizer turns into the same
number of tokens, the first digit never that of the prompt before.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

_TEXT = """
Write a long story about an old man who lives near the sea and mends clocks . Every day people from the town come to
his house with clocks that have stopped . He looks at each one for a long time before he opens it . Some are small and
made of gold , some are large and made of wood , and some have not told the time for many years . He likes the large
ones best , because there is more room in them for his hands and for the light . In the evening he walks along the
water and listens to the waves . They never stop and they are never late , he says , and nobody has to mend them .
One morning a young woman comes to his door with a clock that he has never seen before . It has no hands and no face ,
but when he holds it to his ear he can hear that it is still going .
"""
WORDS = tuple(_TEXT.split())
"""The words that prompts are made of, again from the start when they run out."""

PAD = "so"
"""The short word that makes up what is missing after the last full step."""

DIGITS = 8
TRIES = 8


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How many words and pads make a prompt of a wanted length, and what the server counted."""

    words: int
    pads: int
    counted: int


def nonce(seed: int, turn: int) -> str:
    """Eight digits with blanks. The first is `turn` mod 10, so that requests in a row differ in it."""
    rest = random.Random(seed).choices("0123456789", k=DIGITS - 1)
    return " ".join([str(turn % 10), *rest])


def body(words: int, pads: int) -> str:
    """The prompt's text: `words` of the story and `pads` short words."""
    cycles, rest = divmod(words, len(WORDS))
    return " ".join([*(WORDS * cycles), *WORDS[:rest], *([PAD] * pads)])


def assemble(nonce: str, prefix: str, text: str, suffix: str) -> str:
    """The raw prompt: the nonce first, then `text` within the model's template."""
    return f"{nonce} {prefix}{text}{suffix}"


def calibrate(target: int, count: Callable[[int, int], int], *, limit: int) -> Recipe:
    """The recipe whose count comes nearest to `target` tokens, in at most eight questions.

    `count(words, pads)` asks the server for the length of such a prompt, in tokens; `limit` is the longest prompt
    that may be asked for (the context). The count grows nearly in step with the words, so a secant finds the place
    and pads fill the rest. Where even no words are too long for `target`, that is the answer.
    """
    asked: dict[tuple[int, int], int] = {}

    def ask(words: int, pads: int) -> int:
        if (words, pads) not in asked:
            asked[words, pads] = count(words, pads)
        return asked[words, pads]

    words, pads = 8, 0
    tokens_per_word = 1.2
    for _ in range(TRIES):
        counted = ask(words, pads)
        missing = target - counted
        if missing == 0:
            break
        plain = [(known, value) for (known, padded), value in asked.items() if padded == 0]
        if len(plain) > 1:
            (low, low_count), *_, (high, high_count) = sorted(plain)
            tokens_per_word = max(0.2, (high_count - low_count) / (high - low))
        if 0 < missing < max(3.0, tokens_per_word) and pads == 0:
            pads = missing
            continue
        step = round((missing + pads) / tokens_per_word) or (1 if missing > 0 else -1)
        longest = words + max(0, int((limit - counted) / tokens_per_word))
        wanted = min(max(0, words + step), longest)
        if (wanted, 0) in asked:
            break
        words, pads = wanted, 0
    best = min(asked, key=lambda recipe: (abs(asked[recipe] - target), recipe))
    return Recipe(words=best[0], pads=best[1], counted=asked[best])

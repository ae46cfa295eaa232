"""What is asked of a model in one case: the prompt of the wanted length, the requests, and what is known of the cache.

What must never live here: when a round is sent, and what came of it (measurement.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field

from orac_bench.engine import Engine
from orac_bench.errors import UsageError
from orac_bench.metrics import Asked, cached_below_s
from orac_bench.ollama.client import FOR_EVER, told
from orac_bench.ollama.overflow import UNCUT, overflow
from orac_bench.records import Case, Generation, Json
from orac_bench.suites import grid, prompt
from orac_bench.targets import Target


@dataclass(kw_only=True)
class Asking:
    """The requests of a case whose model is loaded. `settle` comes first."""

    engine: Engine
    target: Target
    case: Case
    suite: grid.Suite
    run_seed: int
    turns: Iterator[int]
    """Grows with every prompt of the run, so that no two in a row begin alike."""
    given: str | None
    """The text of --prompt-file, None where the prompt has a wanted length."""
    recipes: MutableMapping[tuple[str, int], prompt.Recipe]
    """What earlier cases of the run found out, by model digest and length."""
    _recipe: prompt.Recipe | None = None
    _cached_below_s: float | None = None
    _calibrated_s: float | None = None
    """How long the last prompt of the calibration, which was new and about as long, took to read."""
    _facts: dict[str, Json] = field(default_factory=dict)

    def settle(self) -> dict[str, Json]:
        """Finds the prompt of the wanted length, and what a cached prefill of it looks like. Facts of the result.

        A prompt that is sent as it is, within the model's own template, is made new for its first round: another one
        takes its place in the cache. Raises UsageError where a given text is sent here that exceeds the context.
        """
        if self.suite.own_template:
            self.engine.client.generate(self._request(self.new_nonce(), 1, 1))
            return {}
        wanted = self.case.workload.prompt_tokens
        if wanted is not None:
            known = (self.target.digest, wanted)
            if known not in self.recipes:
                self.recipes[known] = prompt.calibrate(wanted, self._count, limit=self._longest())
            self._recipe = self.recipes[known]
            self._facts["prompt_words"] = self._recipe.words + self._recipe.pads
            self._facts["prompt_tokens"] = self._recipe.counted
        if not self.suite.cold:
            self._probe()
        return self._facts

    def asked(self, *, again: bool) -> Asked:
        """What a round is held against; `again` where one was sent before, so that a prompt as it is was cached."""
        workload, own = self.case.workload, self.suite.own_template
        return Asked(
            prompt_tokens=workload.prompt_tokens,
            output_tokens=0 if own else workload.output_tokens,
            cold=self.suite.cold,
            cached_below_s=(math.inf if again else None) if own else self._cached_below_s,
            server_version=self.engine.version,
            architecture=self.target.architecture,
        )

    def nonce(self, seed: int) -> str | None:
        """What makes the prompt of a round new. None where it is sent as it is."""
        return None if self.suite.own_template else prompt.nonce(seed, next(self.turns))

    def new_nonce(self) -> str:
        """A nonce for a request that is no round."""
        turn = next(self.turns)
        return prompt.nonce(self.run_seed + turn, turn)

    def payload(self, nonce: str | None, seed: int) -> dict[str, Json]:
        """The request of a round: what is sent to `/api/generate`."""
        output_tokens = self.case.workload.output_tokens
        if nonce is None:
            return {
                "model": self.target.served_as,
                "prompt": self.given or "",
                "keep_alive": FOR_EVER,
                **self._whole,
                "options": {**self.target.options, "num_predict": output_tokens, "seed": seed},
            }
        return self._request(self._text(nonce), seed, output_tokens)

    def too_long(self, generation: Generation) -> UsageError | None:
        """Why this is no answer to the given text: it exceeds the context. None where it does not, or none is given."""
        if not self._whole:
            return None
        return overflow(generation, self.target.name, self.target.loaded_context, self.target.context_length)

    @property
    def _whole(self) -> Mapping[str, Json]:
        """Asks Ollama to refuse a given text that is too long, where it would cut it. Nothing for a wanted length."""
        return UNCUT if self.case.workload.prompt_tokens is None else {}

    def _request(self, text: str, seed: int, output_tokens: int) -> dict[str, Json]:
        """`think` False leaves thinking in the text: an Ollama that sorts it out holds back the first tokens."""
        return {
            "model": self.target.served_as,
            "prompt": text,
            "raw": True,
            "think": False,
            "keep_alive": FOR_EVER,
            **self._whole,
            "options": {**grid.OPTIONS, **self.target.options, "num_predict": output_tokens, "seed": seed},
        }

    def _text(self, nonce: str) -> str:
        text = self.given or ""
        if self._recipe is not None:
            text = prompt.body(self._recipe.words, self._recipe.pads)
        return prompt.assemble(nonce, self.target.prefix, text, self.target.suffix)

    def _count(self, words: int, pads: int) -> int:
        """The server's count of a prompt of so many words and pads, in tokens."""
        text = prompt.assemble(self.new_nonce(), self.target.prefix, prompt.body(words, pads), self.target.suffix)
        timings = self.engine.client.generate(self._request(text, 1, 1)).timings
        self._calibrated_s = None if timings is None else timings.prompt_s
        return 0 if timings is None else timings.prompt_count or 0

    def _longest(self) -> int:
        return max(1, self.target.context_length - 1)

    def _probe(self) -> None:
        """One prompt three times: how long its prefill takes when it is new, and how long out of the cache.

        Of what is measured twice the quicker counts: other programs only ever slow it down. Raises UsageError where a
        given text exceeds the context.
        """
        text = self._text(self.new_nonce())
        uncached = [self._prefill_s(text), self._calibrated_s]
        cached = [self._prefill_s(text), self._prefill_s(text)]
        uncached_s, cached_s = (min((s for s in found if s is not None), default=None) for found in (uncached, cached))
        self._cached_below_s = cached_below_s(uncached_s, cached_s)
        self._facts["prefill_uncached_s"] = uncached_s
        self._facts["prefill_cached_s"] = cached_s

    def _prefill_s(self, text: str) -> float | None:
        generation = self.engine.client.prepare(self._request(text, 1, 1)).send().generation()
        if (error := self.too_long(generation)) is not None:
            raise error
        timings = told(generation).timings
        return None if timings is None else timings.prompt_s

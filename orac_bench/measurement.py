"""One case being measured, round by round: prepare, send, keep. `send` is the timed region.

What must never live here: what a metric means (metrics.py), when a case begins and ends (session.py).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from orac_bench.attempt import Attempt
from orac_bench.engine import Engine
from orac_bench.errors import OllamaError
from orac_bench.metrics import Asked, cached_below_s, round_flags, round_metrics
from orac_bench.models.meminfo import available_b
from orac_bench.observer import Observer, Seen
from orac_bench.ollama.call import Call
from orac_bench.ollama.client import FOR_EVER
from orac_bench.records import Case, Failure, Flag, Generation, Json, Phase, Round, RoundStatus
from orac_bench.suites import grid, prompt
from orac_bench.sustained import Minutes
from orac_bench.targets import Target
from orac_bench.telemetry.round import joules_per_token

GIVE_UP_AFTER = 3
"""Failed rounds in a row after which the rest of a case is not tried: an Ollama that hangs would cost a night."""

LUCK = frozenset({Flag.SHORT_OUTPUT, Flag.ABORTED, Flag.RELOADED})
"""Flags that another seed or a quieter moment may avoid; such rounds are tried again, at most as often as planned."""

NORMAL_WHEN_SUSTAINED = frozenset({Flag.THROTTLED, Flag.SHORT_OUTPUT})
"""What a sustained run is there to show, or what does not matter to it; in it they only tell."""


@dataclass(kw_only=True)
class Measurement:
    """A case whose model is loaded. `settle` first; then for each round `prepare`, `Attempt.send`, `keep`."""

    engine: Engine
    target: Target
    case: Case
    point: grid.Point
    run_seed: int
    turns: Iterator[int]
    """Grows with every prompt of the run, so that no two in a row begin alike."""
    given: str | None
    """The text of --prompt-file, None where the prompt has a wanted length."""
    recipes: MutableMapping[tuple[str, int], prompt.Recipe]
    """What earlier cases of the run found out, by model digest and length."""
    keep_round: Callable[[Round], None]
    note: Callable[[str], None]
    observer: Observer
    offload_ratio: float | None = None
    """The share of the model that was on the GPU when it was loaded for the case."""
    rounds: list[Round] = field(default_factory=list)
    facts: dict[str, Json] = field(default_factory=dict)
    _recipe: prompt.Recipe | None = None
    _cached_below_s: float | None = None
    _calibrated_s: float | None = None
    """How long the last prompt of the calibration, which was new and about as long, took to read."""
    _failed_in_a_row: int = 0
    _minutes: Minutes | None = None

    def settle(self) -> None:
        """Finds the prompt of the wanted length, and what a cached prefill of it looks like.

        The probe sends one prompt twice: the first time nothing of it is cached, the second time all of it.
        """
        wanted = self.case.workload.prompt_tokens
        if wanted is not None:
            known = (self.target.digest, wanted)
            if known not in self.recipes:
                self.recipes[known] = prompt.calibrate(wanted, self._count, limit=self._longest())
            self._recipe = self.recipes[known]
            self.facts["prompt_words"] = self._recipe.words + self._recipe.pads
            self.facts["prompt_tokens"] = self._recipe.counted
        if not self.point.suite.cold:
            self._probe()

    @property
    def given_up(self) -> bool:
        """Whether so many rounds in a row failed that the rest is not tried."""
        return self._failed_in_a_row >= GIVE_UP_AFTER

    @property
    def counted(self) -> list[Round]:
        """The rounds that are in the statistics."""
        return [round for round in self.rounds if round.counted]

    def tries_left(self) -> int:
        """How many rounds to add now: one for each that luck spoilt, within the bound; one while time is left."""
        if self.point.time_s is not None:
            return 0 if self.given_up or self._is_last(self.point.time_s) else 1
        measured = [round for round in self.rounds if round.phase is Phase.MEASURE]
        unlucky = [round for round in measured if round.flags & LUCK]
        missing = min(self.point.rounds - len(self.counted), len(unlucky))
        within_bound = 2 * self.point.rounds - len(measured)
        return 0 if self.given_up else max(0, min(missing, within_bound))

    def prepare(self, phase: Phase) -> Attempt:
        """A round ready to be sent: model loaded or verified unloaded, prompt new, request built, no collector.

        A server that does not answer makes an attempt with a failure, which `keep` stores; a supervised one that has
        ended is started again first.
        """
        started_hot = self.observer.cool() if self._minutes is None else False
        index = sum(round.phase is phase for round in self.rounds)
        seed = grid.round_seed(self.run_seed, self.case.key, phase.value, index)
        attempt = Attempt(
            phase=phase,
            index=index,
            seed=seed,
            nonce=prompt.nonce(seed, next(self.turns)),
            started=datetime.now(timezone.utc),
            asked=self._asked(),
        )
        try:
            attempt.call = self._call(attempt)
            attempt.watch = self.observer.begin(started_hot=started_hot)
        except OllamaError as error:
            attempt.failure = Failure(code=error.code, message=str(error))
        gc.collect()
        gc.disable()
        attempt.cpu_s = time.process_time()
        return attempt

    def keep(self, attempt: Attempt) -> Round:
        """The round of a sent attempt, stored. The last one of a sustained run has its ratio."""
        cpu_s = time.process_time() - attempt.cpu_s
        gc.enable()
        generation = None if attempt.call is None else attempt.call.generation()
        round = self._unsent(attempt) if generation is None else self._sent(attempt, generation, cpu_s)
        self._failed_in_a_row = self._failed_in_a_row + 1 if round.status is RoundStatus.FAILED else 0
        self.rounds.append(round)
        self.keep_round(round)
        return round

    def verdict(self) -> Failure | None:
        """Why the case is not done, None where it is."""
        failed = [round for round in self.rounds if round.status is RoundStatus.FAILED]
        if failed:
            first = failed[0].failure
            message = "" if first is None else f" The first: {first.message}"
            given_up = " The rest was not tried." if self.given_up else ""
            return Failure(code="failed_rounds", message=f"{len(failed)} rounds failed.{given_up}{message}")
        if len(self.counted) < self.point.rounds:
            reasons = sorted({flag.value for round in self.rounds for flag in round.flags})
            message = f"{len(self.counted)} of {self.point.rounds} rounds count; the others: {', '.join(reasons)}."
            return Failure(code="too_few_rounds", message=message)
        return None

    def _call(self, attempt: Attempt) -> Call:
        engine = self.engine
        if engine.revive():
            self.note(f"Ollama had ended and was started again: {engine.client.url}")
        if self.point.suite.cold:
            engine.client.unload_all()
            attempt.available_b = available_b() if engine.local else None
        else:
            loaded = engine.only(self.target.served_as)
            if loaded is None:
                engine.client.unload_all()
                loaded = engine.client.load(self.target.served_as)
            attempt.offload_ratio = loaded.offload_ratio
        return engine.client.prepare(self.payload(attempt.nonce, attempt.seed))

    def _sent(self, attempt: Attempt, generation: Generation, cpu_s: float) -> Round:
        metrics = round_metrics(generation, attempt.asked)
        seen = self._seen(attempt, generation)
        metrics |= seen.metrics | joules_per_token(seen.energy, metrics, warm=not attempt.asked.cold)
        metrics["client_cpu_s"] = cpu_s
        if attempt.available_b is not None and generation.failure is None:
            after = available_b()
            if after is not None:
                metrics["model_memory_b"] = float(attempt.available_b - after)
        flags, telling = round_flags(generation, attempt.asked) | seen.flags, seen.telling
        if self.point.time_s is not None:
            telling |= NORMAL_WHEN_SUSTAINED & flags
            metrics |= self._sustained(generation, metrics, self.point.time_s)
        ok = generation.failure is None
        raw: dict[str, Json] = {**generation.raw, "nonce": attempt.nonce}
        return Round(
            index=attempt.index,
            phase=attempt.phase,
            status=RoundStatus.OK if ok else RoundStatus.FAILED,
            started=attempt.started,
            seed=attempt.seed,
            metrics=metrics if ok else {"client_cpu_s": cpu_s},
            flags=flags,
            telling=telling if ok and attempt.phase is Phase.MEASURE else frozenset(),
            failure=generation.failure,
            raw={**raw, "telemetry": seen.facts} if seen.facts else raw,
            arrivals_ns=tuple(
                chunk.at_ns - generation.sent_ns for chunk in generation.chunks if chunk.text or chunk.thinking
            ),
        )

    def _seen(self, attempt: Attempt, generation: Generation) -> Seen:
        if attempt.watch is None:
            return Seen()
        ratio = self.offload_ratio if attempt.offload_ratio is None else attempt.offload_ratio
        return self.observer.end(attempt.watch, generation, offload_ratio=ratio)

    def _sustained(self, generation: Generation, metrics: Mapping[str, float], time_s: float) -> dict[str, float]:
        """Adds a request to the minutes. The ratio where it was the last."""
        if generation.done_ns is None:
            return {}
        if self._minutes is None:
            self._minutes = Minutes(start_ns=generation.sent_ns)
        since_ns = self._minutes.end_ns
        self._minutes.add_request(generation, tokens=metrics.get("output_tokens"))
        self._minutes.add_samples(self.observer.since(since_ns))
        self.facts["reached_s"] = int(self.reached_s or 0)
        self.facts["minutes"] = self._minutes.rows()
        ratio = self._minutes.ratio() if self._is_last(time_s) else None
        return {} if ratio is None else {"sustained_ratio": ratio}

    def _is_last(self, time_s: float) -> bool:
        return self.reached_s is not None and self.reached_s >= time_s

    @property
    def reached_s(self) -> float | None:
        """How long requests have followed each other. None where no time is set, or none has ended yet."""
        return None if self._minutes is None else self._minutes.reached_s

    def _unsent(self, attempt: Attempt) -> Round:
        return Round(
            index=attempt.index,
            phase=attempt.phase,
            status=RoundStatus.FAILED,
            started=attempt.started,
            seed=attempt.seed,
            metrics={},
            failure=attempt.failure,
            raw={"nonce": attempt.nonce},
        )

    def _asked(self) -> Asked:
        workload = self.case.workload
        return Asked(
            prompt_tokens=workload.prompt_tokens,
            output_tokens=workload.output_tokens,
            cold=self.point.suite.cold,
            cached_below_s=self._cached_below_s,
            server_version=self.engine.version,
            architecture=self.target.architecture,
        )

    def payload(self, nonce: str, seed: int) -> dict[str, Json]:
        """The request of a round: what is sent to `/api/generate`."""
        return self._request(self._text(nonce), seed, self.case.workload.output_tokens)

    def _request(self, text: str, seed: int, output_tokens: int) -> dict[str, Json]:
        """`think` False leaves thinking in the text: an Ollama that sorts it out holds back the first tokens."""
        return {
            "model": self.target.served_as,
            "prompt": text,
            "raw": True,
            "think": False,
            "keep_alive": FOR_EVER,
            "options": {**grid.OPTIONS, "num_predict": output_tokens, "seed": seed},
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

        Of what is measured twice the quicker counts: other programs only ever slow it down.
        """
        text = self._text(self.new_nonce())
        uncached = [self._prefill_s(text), self._calibrated_s]
        cached = [self._prefill_s(text), self._prefill_s(text)]
        uncached_s, cached_s = (min((s for s in found if s is not None), default=None) for found in (uncached, cached))
        self._cached_below_s = cached_below_s(uncached_s, cached_s)
        self.facts["prefill_uncached_s"] = uncached_s
        self.facts["prefill_cached_s"] = cached_s

    def _prefill_s(self, text: str) -> float | None:
        timings = self.engine.client.generate(self._request(text, 1, 1)).timings
        return None if timings is None else timings.prompt_s

    def new_nonce(self) -> str:
        """A nonce for a request that is no round."""
        turn = next(self.turns)
        return prompt.nonce(self.run_seed + turn, turn)

"""One case being measured, round by round: prepare, send, keep. `send` is the timed region.

What must never live here: what a metric means (metrics.py), when a case begins and ends (session.py).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from orac_bench.asking import Asking
from orac_bench.attempt import Attempt
from orac_bench.engine import Engine
from orac_bench.errors import OllamaError, StoreError
from orac_bench.flags import EXCLUDING, Flag
from orac_bench.metrics import round_flags, round_metrics
from orac_bench.models.meminfo import available_b
from orac_bench.observer import Observer
from orac_bench.ollama.call import Call
from orac_bench.ollama.public import public_url
from orac_bench.precision import Reached, reached
from orac_bench.records import Case, Failure, Generation, Json, Phase, Round, RoundStatus
from orac_bench.retries import retries
from orac_bench.suites import grid
from orac_bench.sustained import Minutes
from orac_bench.targets import Target
from orac_bench.telemetry.round import joules_per_token
from orac_bench.units import counted
from orac_bench.watch import Seen

GIVE_UP_AFTER = 3
"""Failed rounds in a row after which the rest of a case is not tried: an Ollama that hangs would cost a night."""

LAST_TRIES = 3
"""Requests after the time of a sustained run is over, until one of them counts and has the run's ratio."""

NORMAL_WHEN_SUSTAINED = frozenset({Flag.THROTTLED, Flag.SHORT_OUTPUT})
"""What a sustained run is there to show, or what does not matter to it; in it they only tell."""


@dataclass(kw_only=True)
class Measurement:
    """A case whose model is loaded and `asking` settled. For each round: `prepare`, `Attempt.send`, `keep`.

    Of a case in blocks `point` is the present block, and `rounds` are those of all blocks so far.
    """

    engine: Engine
    target: Target
    case: Case
    point: grid.Point
    asking: Asking
    keep_round: Callable[[Round], None]
    note: Callable[[str], None]
    observer: Observer
    offload_ratio: float | None = None
    """The share of the model that was on the GPU when it was loaded for the case."""
    rounds: list[Round] = field(default_factory=list)
    facts: dict[str, Json] = field(default_factory=dict)
    _failed_in_a_row: int = 0
    _minutes: Minutes | None = None
    _over_time: int = 0
    """Requests that ended after the time of a sustained run."""

    @property
    def given_up(self) -> bool:
        """Whether so many rounds in a row failed that the rest is not tried."""
        return self._failed_in_a_row >= GIVE_UP_AFTER

    @property
    def counted(self) -> list[Round]:
        """The rounds that are in the statistics."""
        return [round for round in self.rounds if round.counted]

    @property
    def share(self) -> float:
        """How much of the case is done, 0 to 1: of its rounds, or of its time where that is set."""
        if self.point.time_s is not None:
            return min(1.0, (self.reached_s or 0.0) / self.point.time_s)
        return min(1.0, len(self._present) / max(1, self.point.requests))

    @property
    def reached(self) -> Reached | None:
        """How well the headlines are known, and why nothing more is measured. None where that is not asked for."""
        if self.point.rule is None:
            return None
        return reached(self.rounds, self.point.suite.headlines, self.point.rule)

    def tries_left(self) -> int:
        """How many rounds to add now: one for each that luck spoilt, within the bound; one while time is left,
        and at its end until one counts, which then has the ratio.

        Where a precision is wanted: one until it is reached.
        """
        if self.given_up:
            return 0
        if self.point.time_s is not None:
            return 0 if self._has_ratio or self._over_time >= LAST_TRIES else 1
        if (known := self.reached) is not None:
            return 0 if known.stopped else 1
        return retries(self._present, self.point.share)

    def one(self, phase: Phase) -> Round:
        """One whole round, where nobody else times it."""
        attempt = self.prepare(phase)
        attempt.send()
        return self.keep(attempt)

    def prepare(self, phase: Phase) -> Attempt:
        """A round ready to be sent: model loaded or verified unloaded, prompt new, request built, no collector.

        A server that does not answer makes an attempt with a failure, which `keep` stores; a supervised one that has
        ended is started again first.
        """
        started_hot = self.observer.cool() if self._minutes is None else False
        index = sum(round.phase is phase for round in self.rounds)
        seed = grid.round_seed(self.asking.run_seed, self.case.key, phase.value, index)
        attempt = Attempt(
            phase=phase,
            index=index,
            seed=seed,
            nonce=self.asking.nonce(seed),
            asked=self.asking.asked(again=bool(self.rounds)),
        )
        try:
            attempt.call = self._call(attempt)
            attempt.watch = self.observer.begin(started_hot=started_hot)
        except OllamaError as error:
            attempt.failure = Failure(code=error.code, message=str(error))
        gc.collect()
        gc.disable()
        attempt.started = datetime.now(timezone.utc)
        attempt.cpu_s = time.process_time()
        return attempt

    def keep(self, attempt: Attempt) -> Round:
        """The round of a sent attempt, stored. What ends after the time of a sustained run has its ratio."""
        cpu_s = time.process_time() - attempt.cpu_s
        gc.enable()
        generation = None if attempt.call is None else attempt.call.generation()
        failure = attempt.failure if generation is None else generation.failure
        spoilt = self.target.spoilt(failed=failure is not None) or self._too_long(generation)
        if spoilt is not None:
            attempt.failure = spoilt
            generation = None if generation is None else replace(generation, failure=spoilt)
        round = self._unsent(attempt) if generation is None else self._sent(attempt, generation, cpu_s)
        self._failed_in_a_row = self._failed_in_a_row + 1 if round.status is RoundStatus.FAILED else 0
        self.rounds.append(round)
        try:
            self.keep_round(round)
        except StoreError:
            self.rounds.pop()  # what is not stored is not done
            raise
        return round

    def verdict(self) -> Failure | None:
        """Why the case is not done, None where it is."""
        failed = [round for round in self.rounds if round.status is RoundStatus.FAILED]
        if failed:
            first = failed[0].failure
            message = "" if first is None else f" The first: {first.message}"
            given_up = " The rest was not tried." if self.given_up else ""
            return Failure(code="failed_rounds", message=f"{counted(len(failed), 'round')} failed.{given_up}{message}")
        if len(self.counted) < (self.point.rounds if self.point.rule is None else 1):
            reasons = sorted({flag.value for round in self.rounds for flag in round.flags})
            message = f"{len(self.counted)} of {self.point.rounds} rounds count; the others: {', '.join(reasons)}."
            return Failure(code="too_few_rounds", message=message)
        if self.point.time_s is not None and not self._has_ratio:
            return Failure(
                code="too_few_rounds", message=f"There is no ratio: {self._why_no_ratio()}. Measure it again."
            )
        return None

    def _call(self, attempt: Attempt) -> Call:
        engine = self.engine
        if engine.revive():
            self.note(f"Ollama had ended and was started again: {public_url(engine.client.url)}")
        engine.check_version()
        if self.point.suite.cold:
            engine.client.unload_all()
            engine.runner = dict(self.target.runner)  # the round loads it so
            attempt.available_b = available_b() if engine.local else None
        else:
            loaded = engine.only(self.target.served_as, self.target.runner)
            if loaded is None:
                loaded = engine.load(self.target.served_as, self.target.runner)
            attempt.offload_ratio = loaded.offload_ratio
        return engine.client.prepare(self.asking.payload(attempt.nonce, attempt.seed))

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
        raw: dict[str, Json] = {**generation.raw, **_nonce(attempt)}
        if self.point.suite.own_template and ok and "answer" not in self.facts:
            self.facts |= {"answer": generation.text, "thinking": generation.thinking or None}
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
            block=self.point.block,
        )

    def _too_long(self, generation: Generation | None) -> Failure | None:
        error = None if generation is None else self.asking.too_long(generation)
        return None if error is None else Failure(code=error.code, message=str(error))

    def _seen(self, attempt: Attempt, generation: Generation) -> Seen:
        if attempt.watch is None:
            return Seen()
        ratio = self.offload_ratio if attempt.offload_ratio is None else attempt.offload_ratio
        return self.observer.end(attempt.watch, generation, offload_ratio=ratio)

    def _sustained(self, generation: Generation, metrics: Mapping[str, float], time_s: float) -> dict[str, float]:
        """Adds a request to the minutes. The ratio where the time is over."""
        if generation.done_ns is None:
            return {}
        if self._minutes is None:
            self._minutes = Minutes(start_ns=generation.sent_ns)
        since_ns = self._minutes.end_ns
        self._minutes.add_request(generation, tokens=metrics.get("output_tokens"))
        self._minutes.add_samples(self.observer.since(since_ns))
        self.facts["reached_s"] = int(self.reached_s or 0)
        self.facts["minutes"] = self._minutes.rows()
        if self._minutes.reached_s < time_s:
            return {}
        self._over_time += 1
        ratio = self._minutes.ratio()
        return {} if ratio is None else {"sustained_ratio": ratio}

    @property
    def _has_ratio(self) -> bool:
        return any("sustained_ratio" in round.metrics for round in self.counted)

    def _why_no_ratio(self) -> str:
        last = self.rounds[-self._over_time :]
        excluding = sorted({flag.value for round in last for flag in (round.flags - round.telling) & EXCLUDING})
        if not excluding:
            return "nothing was written in the first or in the last minute"
        return f"none of the requests at its end counts ({', '.join(excluding)})"

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
            raw=_nonce(attempt),
            block=self.point.block,
        )

    @property
    def _present(self) -> list[Round]:
        """The rounds of the present block; all of them where there are none."""
        return [round for round in self.rounds if round.block == self.point.block]


def _nonce(attempt: Attempt) -> dict[str, Json]:
    """What the prompt began with, where it was made new."""
    return {} if attempt.nonce is None else {"nonce": attempt.nonce}

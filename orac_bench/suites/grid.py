"""The grid: suites, lengths, and how a case is named. Data and pure functions.

A suite is added here, as one entry of `SUITES`, and gets a file of a few lines in benchmarks/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orac_bench.records import Case, Json, Workload


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One question. `headlines` are what tables, comparisons and `--precision` go by."""

    name: str
    question: str
    headlines: tuple[str, ...]
    warmup: int
    rounds: int
    prompt_tokens: tuple[int, ...]
    output_tokens: int
    cold: bool = False
    """Each round starts with the model verified unloaded."""
    time_s: float | None = None
    """How long requests follow each other, in place of a number of rounds."""

    @property
    def only_when_named(self) -> bool:
        """Whether it is left out unless someone asks for it: its time is set, and long."""
        return self.time_s is not None


@dataclass(frozen=True, kw_only=True)
class Point:
    """A suite at one length: what a benchmark is parametrized by, beside the model."""

    suite: Suite
    workload: Workload
    warmup: int
    rounds: int
    time_s: float | None = None
    """How long requests follow each other; `rounds` is then the least number of them. None elsewhere."""

    @property
    def planned(self) -> int:
        """What the result is to reach: rounds, or whole seconds where a time is set."""
        return self.rounds if self.time_s is None else round(self.time_s)

    @property
    def tokens(self) -> int:
        """Prompt and output together: what the context must hold. 0 for a prompt of unknown length."""
        return (self.workload.prompt_tokens or 0) + self.workload.output_tokens


SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            name="first_token",
            question="How long until the first token?",
            headlines=("ttft_s",),
            warmup=2,
            rounds=10,
            prompt_tokens=(64,),
            output_tokens=16,
        ),
        Suite(
            name="decode",
            question="How fast does it write?",
            headlines=("decode_tokens_per_s",),
            warmup=2,
            rounds=10,
            prompt_tokens=(64,),
            output_tokens=128,
        ),
        Suite(
            name="prompt_length",
            question="What does a longer prompt cost?",
            headlines=("prefill_tokens_per_s", "ttft_s"),
            warmup=1,
            rounds=6,
            prompt_tokens=(64, 256, 1024),
            output_tokens=16,
        ),
        Suite(
            name="cold_load",
            question="How long does an unloaded model take to come?",
            headlines=("load_s",),
            warmup=0,
            rounds=6,
            prompt_tokens=(64,),
            output_tokens=16,
            cold=True,
        ),
        Suite(
            name="sustained",
            question="How much of its speed is left when it is hot?",
            headlines=("sustained_ratio",),
            warmup=0,
            rounds=1,
            prompt_tokens=(64,),
            output_tokens=256,
            time_s=600.0,
        ),
    )
}
"""The suites by name, in the order in which they are measured. Source of the defaults: INTERFACES.md 4."""

OPTIONS: Mapping[str, Json] = {"temperature": 0.7, "repeat_penalty": 1.1, "stop": []}
"""Sent with every measured request beside num_predict and the seed. No stop words, because text that could begin one
is held back; some warmth and a penalty, because a model that repeats itself is stopped by Ollama without a word."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the person asked for; None for what the suite decides."""

    rounds: int | None = None
    warmup: int | None = None
    output_tokens: int | None = None
    prompt_tokens: tuple[int, ...] | None = None
    prompt_sha256: str | None = None
    """Of the text given by --prompt-file, which then takes the place of the lengths."""
    time_limit_s: float | None = None


def points(suite: Suite, wishes: Wishes) -> tuple[Point, ...]:
    """The suite's grid points, one a prompt length, under the person's wishes."""
    lengths: Sequence[int | None] = wishes.prompt_tokens or suite.prompt_tokens
    if wishes.prompt_sha256 is not None:
        lengths = (None,)
    return tuple(
        Point(
            suite=suite,
            workload=Workload(
                prompt_tokens=length,
                output_tokens=suite.output_tokens if wishes.output_tokens is None else wishes.output_tokens,
                prompt_sha256=wishes.prompt_sha256,
            ),
            warmup=suite.warmup if wishes.warmup is None else wishes.warmup,
            rounds=suite.rounds if wishes.rounds is None or suite.time_s is not None else wishes.rounds,
            time_s=suite.time_s if wishes.time_limit_s is None or suite.time_s is None else wishes.time_limit_s,
        )
        for length in lengths
    )


def case(point: Point, *, model: str, model_digest: str, parameters: Mapping[str, Json]) -> Case:
    """The case of `point` on a model. `parameters` are the model's own, set when it was registered (num_ctx, ...).

    The key is the first 16 hex digits of a hash of suite, digest, workload and options: the same question on the
    same bytes has the same key on every board, and a renamed file or test changes nothing. A set time is an option.
    """
    options: dict[str, Json] = {**parameters, **OPTIONS}
    if point.time_s is not None:
        options["time_limit_s"] = point.time_s
    workload = point.workload
    identity = {
        "suite": point.suite.name,
        "model_digest": model_digest,
        "prompt_tokens": workload.prompt_tokens,
        "output_tokens": workload.output_tokens,
        "prompt_sha256": workload.prompt_sha256,
        "version": workload.version,
        "options": options,
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return Case(
        key=key, suite=point.suite.name, model=model, model_digest=model_digest, workload=workload, options=options
    )


def round_seed(run_seed: int, case_key: str, phase: str, index: int) -> int:
    """The seed of one round, 0 to 2^31 - 1: another in every run, case and round, and the same when asked again."""
    text = f"{run_seed}:{case_key}:{phase}:{index}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFF_FFFF

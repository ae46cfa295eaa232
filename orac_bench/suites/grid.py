"""The grid: suites, lengths, and how a case is named. Data and pure functions.

A suite is added here, as one entry of `SUITES`, and gets a file of a few lines in benchmarks/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orac_bench.records import CANARY, Case, Json, Workload
from orac_bench.stats.plan import shares
from orac_bench.stats.stopping import Rule


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

    own_template: bool = False
    """A given prompt is sent as it is, within the model's own template and with its own parameters."""

    @property
    def only_when_named(self) -> bool:
        """Whether it is left out unless someone asks for it: its time is set, and long, or it needs a given prompt."""
        return self.time_s is not None or self.own_template


@dataclass(frozen=True, kw_only=True)
class Point:
    """A suite at one length: what a benchmark is parametrized by, beside the model."""

    suite: Suite
    workload: Workload
    warmup: int
    rounds: int
    time_s: float | None = None
    """How long requests follow each other; `rounds` is then the least number of them. None elsewhere."""
    rule: Rule | None = None
    """When enough is known; `rounds` is then the least number before that is asked. None elsewhere."""
    blocks: int | None = None
    """Over how many blocks `rounds` are spread, with `warmup` in each. None where they follow each other."""
    block: int | None = None
    """Which of its blocks is meant, from 0. None for the case as a whole."""
    canary: bool = False
    """Whether it is measured beside the others, to see whether the machine is what it was."""

    @property
    def planned(self) -> int:
        """What the result is to reach: rounds, or whole seconds where a time is set."""
        return self.rounds if self.time_s is None else round(self.time_s)

    @property
    def share(self) -> int:
        """The rounds of the block that is meant; all of them where none is."""
        if self.blocks is None or self.block is None:
            return self.rounds
        return shares(self.rounds, self.blocks)[self.block]

    @property
    def requests(self) -> int:
        """How many requests are planned, warm-ups among them: of the block that is meant, else of all."""
        blocks = self.blocks if self.blocks is not None and self.block is None else 1
        return self.warmup * blocks + self.share

    @property
    def is_last(self) -> bool:
        """Whether the case is over after this: it is its last block, or it has none."""
        return self.block is None or self.blocks is None or self.block == self.blocks - 1

    @property
    def tokens(self) -> int:
        """What the context must hold at least: prompt and output together.

        A given prompt counts as none, as nobody knows its length before it is sent; whether it fits is found out then.
        """
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
        Suite(
            name="prompt",
            question="How long does an answer to this prompt take?",
            headlines=("e2e_s",),
            warmup=0,
            rounds=3,
            prompt_tokens=(),
            output_tokens=128,
            own_template=True,
        ),
    )
}
"""The suites by name, in the order in which they are measured; the README has them as a table."""

OPTIONS: Mapping[str, Json] = {"temperature": 0.7, "repeat_penalty": 1.1, "stop": []}
"""Sent with every measured request beside num_predict and the seed. No stop words, because text that could begin one
is held back; some warmth and a penalty, because a model that repeats itself is stopped by Ollama without a word."""


PAIR_BLOCKS = 10
"""Blocks of a paired run where nobody says how many: a change of 5 % is then found in nine of ten cases."""
ROUNDS_OF_A_PAIRS_BLOCK = 3
PRECISION_LIMIT_S = 600.0
"""How long a case may take to become precise where nobody says."""


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
    blocks: int | None = None
    paired: bool = False
    precision_ratio: float | None = None


def points(suite: Suite, wishes: Wishes) -> tuple[Point, ...]:
    """The suite's grid points, one a prompt length, under the person's wishes.

    None of a suite that needs a given prompt, where there is none.
    """
    lengths: Sequence[int | None] = (
        suite.prompt_tokens if suite.own_template else wishes.prompt_tokens or suite.prompt_tokens
    )
    if wishes.prompt_sha256 is not None:
        lengths = (None,)
    timed = suite.time_s is not None
    blocks = None if timed else wishes.blocks
    least = 1 if blocks is None else blocks * (ROUNDS_OF_A_PAIRS_BLOCK if wishes.paired else 1)
    default = least if wishes.paired and not timed else max(suite.rounds, least)
    rounds = default if wishes.rounds is None or timed else wishes.rounds
    usual = suite.warmup if blocks is None else min(suite.warmup, 1)
    rule = None if timed or wishes.precision_ratio is None else _rule(wishes, rounds)
    return tuple(
        Point(
            suite=suite,
            workload=Workload(
                prompt_tokens=length,
                output_tokens=suite.output_tokens if wishes.output_tokens is None else wishes.output_tokens,
                prompt_sha256=wishes.prompt_sha256,
            ),
            warmup=usual if wishes.warmup is None else wishes.warmup,
            rounds=rounds if rule is None else rule.floor,
            time_s=suite.time_s if wishes.time_limit_s is None or suite.time_s is None else wishes.time_limit_s,
            rule=rule,
            blocks=blocks,
        )
        for length in lengths
    )


def _rule(wishes: Wishes, rounds: int) -> Rule:
    usual = Rule(precision_ratio=wishes.precision_ratio)
    return replace(
        usual,
        floor=max(usual.floor, rounds),
        ceiling=max(usual.ceiling, rounds),
        time_limit_s=PRECISION_LIMIT_S if wishes.time_limit_s is None else wishes.time_limit_s,
    )


def case(
    point: Point,
    *,
    model: str,
    model_digest: str,
    parameters: Mapping[str, Json],
    chosen: Mapping[str, Json] | None = None,
    variant: str = "",
) -> Case:
    """The case of `point` on a model. `parameters` are the model's own, set when it was registered (num_ctx, ...).

    `chosen` are the options of a variant, which come before any other, and `variant` its words for people.
    The key is the first 16 hex digits of a hash of suite, digest, workload and options: the same question on the
    same bytes has the same key on every board, and a renamed file or test changes nothing. A set time is an option,
    and so is being the canary, which must not be mixed up with the same question asked for itself.
    """
    options: dict[str, Json] = {**parameters, **({} if point.suite.own_template else OPTIONS), **(chosen or {})}
    if point.time_s is not None:
        options["time_limit_s"] = point.time_s
    if point.canary:
        options["canary"] = True
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
        key=key,
        suite=point.suite.name,
        model=model,
        model_digest=model_digest,
        workload=workload,
        options=options,
        variant=CANARY if point.canary else variant,
    )


def round_seed(run_seed: int, case_key: str, phase: str, index: int) -> int:
    """The seed of one round, 0 to 2^31 - 1: another in every run, case and round, and the same when asked again."""
    text = f"{run_seed}:{case_key}:{phase}:{index}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFF_FFFF

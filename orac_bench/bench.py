"""What one measurement was asked for: models, suites, lengths; and the grid that follows from it.

Shared by the doors. What must never live here: pytest, argparse, Ollama.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orac_bench import canary
from orac_bench.candidates import Candidate, Choice, find_candidates
from orac_bench.errors import UsageError
from orac_bench.forecast import Work, work_units
from orac_bench.intent import Intent
from orac_bench.interleaving import Sides, Step, interleaved, sides
from orac_bench.newrun import new_seed
from orac_bench.settings import Settings
from orac_bench.store.store import open_store
from orac_bench.suites.grid import PAIR_BLOCKS, SUITES, Point, Suite, Wishes, points
from orac_bench.units import share

GridPoint = tuple[Candidate, Point]
"""What a benchmark is parametrized by: a model, and a suite at one length."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A checked wish: every model in it was found, every suite exists, the prompt file was read."""

    settings: Settings
    choice: Choice
    pair: Sides | None
    """The base and the candidate of a paired run, which are then the whole choice."""
    canary: Candidate | None
    suites: tuple[str, ...]
    wishes: Wishes
    prompt: str | None
    note: str | None
    resume: str | None
    claim: str | None
    trigger: str
    prompt_file: str | None
    _left_out: dict[tuple[str, int], dict[str, None]] = field(default_factory=dict)
    """Lengths, by the label and the context of the model that cannot hold them."""

    @classmethod
    def asked(cls, settings: Settings, options: Mapping[str, object]) -> Bench:
        """The wish in `options`, named as the options of pytest: `orac_model`, `orac_rounds`, ...

        Raises OracError for an unknown suite or model, an unreadable prompt file, wishes that exclude each other, and
        whatever is missing.
        """
        suites = tuple(str(name) for name in _listed(options, "orac_suite"))
        for name in suites:
            if name not in SUITES:
                raise UsageError(f"There is no suite {name!r}.", next=f"There are: {', '.join(SUITES)}.")
        file = options.get("orac_prompt_file")
        prompt = None if file is None else _read(Path(str(file)))
        for name in suites:
            if SUITES[name].own_template and prompt is None:
                raise UsageError(f"The suite {name} needs a text to be answered.", next="Add --prompt-file FILE.")
        models, variants = (list(map(str, _listed(options, key))) for key in ("orac_model", "orac_variant"))
        pair = sides(settings, models, variants) if variants or options.get("orac_paired") is True else None
        blocks = _number(options, "orac_blocks") or (None if pair is None else PAIR_BLOCKS)
        precision_ratio = _precision(options)
        _check(suites, blocks=blocks, rounds=_number(options, "orac_rounds"), precise=precision_ratio is not None)
        lengths = tuple(dict.fromkeys(int(str(n)) for n in _listed(options, "orac_prompt_tokens")))
        return cls(
            settings=settings,
            choice=find_candidates(settings, models) if pair is None else Choice(candidates=pair, refused=()),
            pair=pair,
            canary=canary.find(settings),
            suites=suites,
            wishes=Wishes(
                rounds=_number(options, "orac_rounds"),
                warmup=_number(options, "orac_warmup"),
                output_tokens=_number(options, "orac_output_tokens"),
                prompt_tokens=lengths or None,
                prompt_sha256=None if prompt is None else hashlib.sha256(prompt.encode()).hexdigest(),
                time_limit_s=_seconds(options, "orac_time_limit"),
                blocks=blocks,
                paired=pair is not None,
                precision_ratio=precision_ratio,
            ),
            prompt=prompt,
            note=_text(options, "orac_note"),
            resume=_text(options, "orac_resume"),
            claim=_text(options, "orac_claim"),
            trigger=_text(options, "orac_trigger") or "pytest",
            prompt_file=None if file is None else str(Path(str(file)).absolute()),
        )

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each file that is refused, and for each model whose context wanted lengths exceed."""
        too_long = (
            f"{label}: {', '.join(lengths)} tokens do not fit into its context of {context}"
            for (label, context), lengths in sorted(self._left_out.items())
        )
        return (*self.choice.refused, *too_long)

    def grid(self, suite: Suite) -> list[tuple[str, GridPoint]]:
        """The suite's points over the chosen models, each with a short name, lengths over the context left out."""
        lengths = points(suite, self.wishes)
        named = []
        for candidate in self.choice.candidates:
            for point in lengths:
                if not self._fits(candidate, point):
                    continue
                length = "" if len(lengths) == 1 else f"-{point.workload.prompt_tokens}"
                named.append((f"{candidate.label.replace(' ', '-')}{length}", (candidate, point)))
        return named

    def _fits(self, candidate: Candidate, point: Point) -> bool:
        """Whether the point fits into the candidate's context; of a pair, into the smaller of the two."""
        small = min(self.pair or (candidate,), key=lambda one: one.context_length)
        if point.tokens > small.context_length and self.wants((candidate, point), point.suite.name):
            self._left_out.setdefault((small.label, small.context_length), {})[point.workload.label] = None
        return point.tokens <= small.context_length

    def wants(self, grid_point: GridPoint, named: str | None = None) -> bool:
        """Whether the point's suite is asked for: by an option, or as the one that is `named` by its file."""
        suite = grid_point[1].suite
        if suite.time_s is not None and (self.wishes.blocks is not None or self.wishes.precision_ratio is not None):
            return False
        if self.suites:
            return suite.name in self.suites
        return not suite.only_when_named or suite.name == named

    def order(self, grid_point: GridPoint) -> tuple[int, int, int]:
        """Where a point comes: by model, then by suite, then by length, so that each model is loaded once."""
        candidate, point = grid_point
        models = [known.label for known in self.choice.candidates]
        return models.index(candidate.label), list(SUITES).index(point.suite.name), point.workload.prompt_tokens or 0

    def steps(self, planned: Sequence[GridPoint], *, seed: int) -> tuple[Step, ...]:
        """The order of what is planned in blocks, drawn from `seed`."""
        return interleaved(planned, blocks=self.wishes.blocks or 1, pair=self.pair, seed=seed)

    def seed(self) -> int:
        """The seed of the run that goes on or waits to begin, else a new one. Raises UnknownRun."""
        known = self.resume or self.claim
        if known is None:
            return new_seed()
        with open_store(self.settings.database_url, write=False) as store:
            return store.run(store.resolve(known)).seed

    @property
    def first(self) -> tuple[GridPoint, ...]:
        """What is measured before everything planned: the canary, where there is one."""
        return () if self.canary is None else ((self.canary, canary.POINT),)

    def work(self, planned: Sequence[GridPoint]) -> list[Work]:
        """How much everything planned is, the canary first, for the time left."""
        return [
            Work(
                units=work_units(
                    size_b=candidate.size_b,
                    prompt_tokens=point.workload.prompt_tokens,
                    output_tokens=point.workload.output_tokens,
                    rounds=point.requests,
                ),
                ends=point.is_last,
                time_s=point.time_s,
            )
            for candidate, point in (*self.first, *planned)
        ]

    def intent(self, planned: Sequence[GridPoint], *, keyword: str, seed: int | None = None) -> Intent:
        """What the run is started with, to measure what is `planned`; `keyword` is pytest's -k.

        `seed` is the one that the order was drawn from, None where there was nothing to draw.
        """
        return Intent(
            seed=seed,
            pair=self.pair,
            trigger=self.trigger,
            arguments=self.arguments(planned, keyword=keyword),
            note=self.note,
            resume=self.resume,
            claim=self.claim,
            prompt=self.prompt,
            plan=tuple(self.work(planned)),
        )

    def arguments(self, planned: Sequence[GridPoint], *, keyword: str) -> tuple[str, ...]:
        """Options of pytest that ask for the same cases again, wherever it is started: for `--resume`."""
        wishes = self.wishes
        measured = self.pair or tuple(candidate for candidate, _ in planned)
        given: list[tuple[str, object]] = [("--orac-model", name) for name in _once(one.name for one in measured)]
        given += [("--orac-variant", one.variant.text) for one in self.pair or () if one.variant is not None]
        given += [("--orac-paired", "")] if self.pair else []
        given += [("--orac-suite", name) for name in _once(point.suite.name for _, point in planned)]
        given += [("--orac-prompt-tokens", n) for n in wishes.prompt_tokens or ()]
        given += [
            ("--orac-rounds", wishes.rounds),
            ("--orac-warmup", wishes.warmup),
            ("--orac-output-tokens", wishes.output_tokens),
            ("--orac-time-limit", None if wishes.time_limit_s is None else f"{wishes.time_limit_s:g}s"),
            ("--orac-blocks", wishes.blocks),
            ("--orac-precision", wishes.precision_ratio),
            ("--orac-prompt-file", self.prompt_file),
            ("-k", keyword or None),
        ]
        parts = (part for option, value in given if value is not None for part in (option, str(value)))
        return tuple(part for part in parts if part)


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _listed(options: Mapping[str, object], key: str) -> list[object]:
    value = options.get(key)
    return list(value) if isinstance(value, list) else []


def _number(options: Mapping[str, object], key: str) -> int | None:
    value = options.get(key)
    return value if isinstance(value, int) else None


def _seconds(options: Mapping[str, object], key: str) -> float | None:
    value = options.get(key)
    return value if isinstance(value, float) else None


def _text(options: Mapping[str, object], key: str) -> str | None:
    value = options.get(key)
    return value if isinstance(value, str) else None


def _precision(options: Mapping[str, object]) -> float | None:
    """As a shell's parser gives it, or as it is typed. Raises UsageError for no part of a whole."""
    value = options.get("orac_precision")
    try:
        return None if value is None else share(str(value))
    except ValueError:
        raise UsageError(f"{value} is no precision.", next="Write it as 2% or 0.5%.") from None


def _check(suites: Sequence[str], *, blocks: int | None, rounds: int | None, precise: bool) -> None:
    """Raises UsageError for wishes that exclude each other."""
    if precise and blocks is not None:
        raise UsageError(
            "--precision goes on until enough is known, and blocks have their number of rounds set.",
            next="Leave out --precision, or --blocks, --paired and --variant.",
        )
    timed = next((name for name in suites if SUITES[name].time_s is not None), None)
    if timed and (precise or blocks is not None):
        raise UsageError(
            f"The suite {timed} goes on for its time: it is not split into blocks or pairs, and has no precision.",
            next=f"Measure it by itself: orac bench --suite {timed}",
        )
    if blocks is not None and rounds is not None and rounds < blocks:
        raise UsageError(
            f"{rounds} rounds cannot be spread over {blocks} blocks: each needs one at least.",
            next=f"Ask for --rounds {3 * blocks}, or for fewer --blocks.",
        )


def _read(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The prompt file {file} cannot be read: {error.strerror}.", next="Check --prompt-file."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The prompt file {file} is not text in UTF-8.", next="Convert it with iconv.") from error
    if not text.strip():
        raise UsageError(f"The prompt file {file} is empty.", next="Write the prompt into it.")
    return text

"""What one measurement was asked for: models, suites, lengths; and the grid that follows from it.

Shared by the doors. What must never live here: pytest, argparse, Ollama.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orac_bench.candidates import Candidate, Choice, find_candidates
from orac_bench.errors import UsageError
from orac_bench.progress import Work, work_units
from orac_bench.session import Intent
from orac_bench.settings import Settings
from orac_bench.suites.grid import SUITES, Point, Suite, Wishes, points

GridPoint = tuple[Candidate, Point]
"""What a benchmark is parametrized by: a model, and a suite at one length."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A checked wish: every model in it was found, every suite exists, the prompt file was read."""

    settings: Settings
    choice: Choice
    suites: tuple[str, ...]
    wishes: Wishes
    prompt: str | None
    note: str | None
    resume: str | None
    trigger: str
    prompt_file: str | None
    _left_out: set[str] = field(default_factory=set)

    @classmethod
    def asked(cls, settings: Settings, options: Mapping[str, object]) -> Bench:
        """The wish in `options`, named as the options of pytest: `orac_model`, `orac_rounds`, ...

        Raises OracError for an unknown suite or model, an unreadable prompt file, and whatever is missing.
        """
        suites = tuple(str(name) for name in _listed(options, "orac_suite"))
        for name in suites:
            if name not in SUITES:
                raise UsageError(f"There is no suite {name!r}.", next=f"There are: {', '.join(SUITES)}.")
        file = options.get("orac_prompt_file")
        prompt = None if file is None else _read(Path(str(file)))
        lengths = tuple(dict.fromkeys(int(str(n)) for n in _listed(options, "orac_prompt_tokens")))
        return cls(
            settings=settings,
            choice=find_candidates(settings, [str(name) for name in _listed(options, "orac_model")]),
            suites=suites,
            wishes=Wishes(
                rounds=_number(options, "orac_rounds"),
                warmup=_number(options, "orac_warmup"),
                output_tokens=_number(options, "orac_output_tokens"),
                prompt_tokens=lengths or None,
                prompt_sha256=None if prompt is None else hashlib.sha256(prompt.encode()).hexdigest(),
                time_limit_s=_seconds(options, "orac_time_limit"),
            ),
            prompt=prompt,
            note=_text(options, "orac_note"),
            resume=_text(options, "orac_resume"),
            trigger=_text(options, "orac_trigger") or "pytest",
            prompt_file=None if file is None else str(Path(str(file)).absolute()),
        )

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each file that is refused and each length that exceeds a context, once."""
        return (*self.choice.refused, *sorted(self._left_out))

    def grid(self, suite: Suite) -> list[tuple[str, GridPoint]]:
        """The suite's points over the chosen models, each with a short name, lengths over the context left out."""
        lengths = points(suite, self.wishes)
        named = []
        for candidate in self.choice.candidates:
            for point in lengths:
                if point.tokens > candidate.context_length:
                    asked = point.workload.label
                    self._left_out.add(
                        f"{candidate.name}: {asked} tokens do not fit into its context of {candidate.context_length}"
                    )
                    continue
                length = "" if len(lengths) == 1 else f"-{point.workload.prompt_tokens}"
                named.append((f"{candidate.name}{length}", (candidate, point)))
        return named

    def wants(self, grid_point: GridPoint, named: str | None = None) -> bool:
        """Whether the point's suite is asked for: by an option, or as the one that is `named` by its file."""
        suite = grid_point[1].suite
        if self.suites:
            return suite.name in self.suites
        return not suite.only_when_named or suite.name == named

    def order(self, grid_point: GridPoint) -> tuple[int, int, int]:
        """Where a point comes: by model, then by suite, then by length, so that each model is loaded once."""
        candidate, point = grid_point
        models = [known.name for known in self.choice.candidates]
        return models.index(candidate.name), list(SUITES).index(point.suite.name), point.workload.prompt_tokens or 0

    def work(self, planned: Sequence[GridPoint]) -> list[Work]:
        """How much each planned case is, for the time left."""
        return [
            Work(
                units=work_units(
                    size_b=candidate.size_b,
                    prompt_tokens=point.workload.prompt_tokens,
                    output_tokens=point.workload.output_tokens,
                    rounds=point.warmup + point.rounds,
                )
            )
            for candidate, point in planned
        ]

    def intent(self, arguments: tuple[str, ...]) -> Intent:
        """What the run is started with."""
        return Intent(trigger=self.trigger, arguments=arguments, note=self.note, resume=self.resume, prompt=self.prompt)

    def arguments(self, planned: Sequence[GridPoint], *, keyword: str) -> tuple[str, ...]:
        """Options of pytest that ask for the same cases again, wherever it is started: for `--resume`."""
        wishes = self.wishes
        given: list[tuple[str, object]] = [("--orac-model", name) for name in _once(c.name for c, _ in planned)]
        given += [("--orac-suite", name) for name in _once(point.suite.name for _, point in planned)]
        given += [("--orac-prompt-tokens", n) for n in wishes.prompt_tokens or ()]
        given += [
            ("--orac-rounds", wishes.rounds),
            ("--orac-warmup", wishes.warmup),
            ("--orac-output-tokens", wishes.output_tokens),
            ("--orac-time-limit", None if wishes.time_limit_s is None else f"{wishes.time_limit_s:g}s"),
            ("--orac-prompt-file", self.prompt_file),
            ("-k", keyword or None),
        ]
        return tuple(part for option, value in given if value is not None for part in (option, str(value)))


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

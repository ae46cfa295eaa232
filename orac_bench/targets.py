"""From a candidate to a model that is loaded alone: registered, its digest known, its memory checked and measured.

What must never live here: which models there are (candidates.py), what is measured of them (measurement.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orac_bench.candidates import Candidate
from orac_bench.engine import Engine
from orac_bench.errors import BadModel, DoesNotFit, ModelError, UsageError
from orac_bench.models.digests import Digests, identity
from orac_bench.models.meminfo import available_b
from orac_bench.models.memory import Fit, fits
from orac_bench.models.register import register
from orac_bench.ollama.client import Loaded
from orac_bench.records import Case, Failure, Json
from orac_bench.settings import Settings
from orac_bench.suites.grid import Point, case
from orac_bench.units import Unit
from orac_bench.units import format as written

HASHING_TOLD_AT_B = 4 * 2**20
"""Reading a larger file than this, to know it again, is worth a line."""


@dataclass(kw_only=True)
class Target:
    """A model that the server knows, ready to be loaded."""

    name: str
    served_as: str
    digest: str
    architecture: str | None
    context_length: int
    prefix: str
    suffix: str
    parameters: Mapping[str, Json]
    needed_b: int | None
    options: Mapping[str, Json] = field(default_factory=dict)
    """Those of a variant, sent with each request."""
    runner: Mapping[str, Json] = field(default_factory=dict)
    """Those among them with which the model is loaded."""
    variant: str = ""
    loaded_context: int | None = None
    """The context with which it was loaded, in tokens; None until then, or where the server does not say."""
    memory_b: int | None = None
    """Available memory before the load less after it; None until loaded, or where the server runs elsewhere."""
    file: Path | None = None
    identity: str | None = None
    """Of the file when its digest was taken. Both are None for a model that the server has itself."""

    def spoilt(self, *, failed: bool) -> Failure | None:
        """Why a round is not one of this model: its file is another now, or gone. None where that is not so.

        A file that is gone counts only where the round has `failed`: what is loaded stays what it is.
        """
        now = None if self.file is None else identity(self.file)
        if self.file is None or now == self.identity or (now is None and not failed):
            return None
        what = "is gone" if now is None else "is not the file any more that it was when the run began"
        return Failure(
            code=BadModel.code,
            message=f"{self.file.name} {what}. Put it there, leave it alone, and measure {self.name} again.",
        )


def registered(candidate: Candidate, engine: Engine, settings: Settings, note: Callable[[str], None]) -> Target:
    """The candidate, known to the server under its name and with its digest.

    `note` is told where a large file is read for the first time. Raises OracError where it cannot be registered.
    """
    file = None if candidate.model is None else candidate.model.path
    before = None if file is None else identity(file)
    digest = candidate.listed_digest if candidate.model is None else _digest(candidate, engine, settings, note)
    if digest is None:
        raise ModelError(f"Ollama told no digest for {candidate.name}.")
    return Target(
        name=candidate.name,
        served_as=candidate.served_as,
        digest=digest,
        architecture=candidate.architecture,
        context_length=candidate.context_length,
        prefix=candidate.prefix,
        suffix=candidate.suffix,
        parameters=candidate.parameters,
        needed_b=candidate.needed_b,
        options=candidate.options,
        runner={} if candidate.variant is None else candidate.variant.runner,
        variant="" if candidate.variant is None else candidate.variant.text,
        file=file,
        identity=before,
    )


def case_on(target: Target, point: Point) -> Case:
    """The case of `point` on that model."""
    return case(
        point,
        model=target.name,
        model_digest=target.digest,
        parameters=target.parameters,
        chosen=target.options,
        variant=target.variant,
    )


def load_alone(target: Target, engine: Engine, point: Point) -> tuple[dict[str, Json], Loaded]:
    """Loads the model with nothing else in memory. Facts of the load for the result, and the server's entry.

    Raises BadModel where the model's file is not what it was, DoesNotFit before the load where memory is short,
    UsageError where `point` exceeds the context.
    """
    client = engine.client
    spoilt = target.spoilt(failed=True)
    if spoilt is not None:
        raise BadModel(spoilt.message)
    loaded = engine.only(target.served_as, target.runner)
    if loaded is None:
        client.unload_all()
        before = available_b() if engine.local else None
        _check_memory(target, before)
        loaded = engine.load(target.served_as, target.runner)
        after = available_b() if engine.local else None
        if before is not None and after is not None:
            target.memory_b = before - after
    target.loaded_context = loaded.context_length
    context = loaded.context_length or target.context_length
    if point.tokens > context:
        raise UsageError(
            f"{target.name} has a context of {context} tokens; {point.workload.label} needs {point.tokens}.",
            next="Ask for less with --prompt-tokens or --output-tokens.",
        )
    facts: dict[str, Json] = {"context_length": context}
    return facts if target.memory_b is None else {**facts, "model_memory_b": target.memory_b}, loaded


def _digest(candidate: Candidate, engine: Engine, settings: Settings, note: Callable[[str], None]) -> str:
    """Registers the candidate's file. Its digest; a server that had an older file loaded gives it up."""
    if candidate.model is None or engine.store is None:
        raise UsageError(f"{candidate.name} is a file, and no store is known to register it in.")

    def progress(done_b: int, total_b: int) -> None:
        if done_b <= HASHING_TOLD_AT_B < total_b:
            note(f"{candidate.name}: all {written(total_b, Unit.BYTE)} are read once, to know the file again.")

    digests = Digests(path=settings.home / "digests.json")
    found = register(candidate.model, engine.store, digests=digests, owned=engine.supervised, progress=progress)
    if found.changed:
        engine.client.unload(candidate.served_as)
    return found.digest


def _check_memory(target: Target, available: int | None) -> None:
    if target.needed_b is None or available is None or fits(target.needed_b, available) is not Fit.NO:
        return
    raise DoesNotFit(
        f"{target.name} needs about {written(target.needed_b, Unit.BYTE)} of memory, and "
        f"{written(available, Unit.BYTE)} are available. It was not loaded.",
        next="Use a smaller quantisation, or free memory: a desktop session alone takes about 800 MiB.",
    )

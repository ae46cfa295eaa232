"""The models: what there is, what is in memory as Ollama says, and loading and unloading.

A name goes to Ollama only as that of a model that was found. What must never live here: prompts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from orac_bench.api.house import Here, House
from orac_bench.api.problems import concealed, responses
from orac_bench.api.tidying import once_tidy
from orac_bench.candidates import Candidate, plain_name
from orac_bench.engine import Engine
from orac_bench.errors import DoesNotFit, NoModels, OllamaError
from orac_bench.lock import visiting
from orac_bench.models.folder import Model
from orac_bench.models.meminfo import available_b
from orac_bench.models.memory import Fit, fits, memory_needed_b
from orac_bench.ollama.client import FOR_EVER, LOAD_TIMEOUT_S, Loaded, same_model
from orac_bench.records import Json
from orac_bench.targets import registered
from orac_bench.units import Unit
from orac_bench.units import format as written

router = APIRouter(prefix="/v1/models", tags=["models"])

_LOGGER = logging.getLogger(__name__)

Name = Annotated[
    str,
    Path(
        description="A model's name or one of its short names; `:` and `/` percent-encoded or not.",
        examples=["tinyllama"],
        min_length=1,
        max_length=400,
    ),
]


class ModelLine(BaseModel):
    """One model. `file` and `fits` are null for one of somebody else's Ollama."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "tinyllama-1.1b-chat-v1.0.q4_k_m",
                    "aliases": ["tinyllama-1.1b", "tinyllama"],
                    "file": "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
                    "size_b": 668788096,
                    "architecture": "llama",
                    "parameters": 1100048384,
                    "quantization": "Q4_K_M",
                    "context_length": 2048,
                    "fits": "yes",
                    "state": "loaded",
                    "reason": None,
                }
            ]
        }
    )

    name: str
    aliases: list[str] = Field(description="Short names that mean this model and no other.")
    file: str | None
    size_b: int | None
    architecture: str | None
    parameters: int | None
    quantization: str | None
    context_length: int | None = Field(description="The longest context that the model was made for, in tokens.")
    fits: Literal["yes", "tight", "no"] | None = Field(
        description="Whether it fits in the memory that is there now; tight: others may be swapped out."
    )
    state: Literal["ready", "loading", "loaded", "refused"]
    reason: str | None = Field(description="Why it is refused.")


class ModelList(BaseModel):
    """Every model, in the order of the files' names."""

    models: list[ModelLine]


class Change(BaseModel):
    """What a load or an unload did. Where it was so already, `evicted` is empty and it took no time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "phi-2.q4_k_m",
                    "state": "loaded",
                    "elapsed_ms": 3120.4,
                    "evicted": ["tinyllama-1.1b-chat-v1.0.q4_k_m"],
                    "memory_before_b": 5368709120,
                    "memory_after_b": 3221225472,
                }
            ]
        }
    )

    name: str
    state: Literal["ready", "loaded"]
    elapsed_ms: float
    evicted: list[str] = Field(description="Models that are not in memory any more.")
    memory_before_b: int | None = Field(description="Available memory before; null where Ollama runs elsewhere.")
    memory_after_b: int | None


@router.get("", summary="List the models", responses=responses(502, 504))
def models(here: Here) -> ModelList:
    """Every GGUF file of the folder, usable or refused with the reason; or what the Ollama at ORAC_OLLAMA_URL has.

    `state` is what Ollama itself says is in memory. While it is down, nothing is; one of somebody else that has not
    told its models yet is a problem then.
    """
    loaded = here.keeper.loaded()
    if here.shelf.external:
        return ModelList(models=[_of_server(found, here, loaded) for found in here.shelf.listed()])
    try:
        files = here.shelf.files()
    except NoModels:
        return ModelList(models=[])
    room = _room_b(here, loaded)
    return ModelList(models=[_of_file(file, here, loaded, room) for file in files])


@router.post("/{name:path}/load", summary="Load a model", responses=responses(404, 409, 502, 504))
def load(
    name: Name,
    here: Here,
    force: Annotated[bool, Query(description="Try it also where it is said not to fit.")] = False,
) -> Change:
    """Loads a model and keeps it in memory; waits until Ollama says so. Loads come one after the other.

    Ollama gives up what it needs the memory of: `evicted` names it. A model that cannot fit is not tried (409). While
    a measurement runs nothing is loaded (409).
    """
    candidate = here.shelf.candidate(name)
    began = time.monotonic()
    with visit(here), turn(here, candidate) as engine, here.keeper.client() as client:
        before, memory = client.loaded(), _available_b(here, engine)
        if in_memory(candidate, before) is None:
            check_fits(here, candidate, before, engine, force=force)
            payload: dict[str, Json] = {"model": candidate.served_as, "keep_alive": FOR_EVER}
            here.loading = candidate.name
            try:
                with here.keeper.asking(payload, idle_timeout_s=LOAD_TIMEOUT_S) as call:
                    here.keeper.calls.answered(call.send().generation())
            finally:
                here.loading = None
        return _change(candidate, "loaded", began, before, client.loaded(), memory, _available_b(here, engine))


@router.post("/{name:path}/unload", summary="Unload a model", responses=responses(404, 409, 502, 504))
def unload(name: Name, here: Here) -> Change:
    """Takes a model out of memory; waits until Ollama no longer lists it. While a measurement runs: 409."""
    candidate = here.shelf.candidate(name)
    began = time.monotonic()
    with visit(here), here.loads, here.keeper.client() as client:
        engine = here.keeper.engine()
        before, memory = client.loaded(), _available_b(here, engine)
        client.unload(candidate.served_as)
        return _change(candidate, "ready", began, before, client.loaded(), memory, _available_b(here, engine))


@contextmanager
def visit(here: House) -> Iterator[None]:
    """A call that uses Ollama, as one of a few; what a run that is over tidies up is waited for.

    Raises Busy while somebody measures or is about to, OllamaCrowded.
    """
    with here.keeper.calls.place(), ExitStack() as stack:

        def enter() -> None:
            if (soon := here.jobs.soon()) is not None:
                raise soon
            stack.enter_context(visiting(here.lock))

        once_tidy(here, enter)
        yield


@contextmanager
def turn(here: House, candidate: Candidate) -> Iterator[Engine]:
    """This caller's turn to change what is in memory; Ollama knows `candidate` by then. Raises OracError."""
    with here.loads:
        engine = here.keeper.engine()
        registered(candidate, engine, here.settings, _LOGGER.info)
        yield engine


def in_memory(candidate: Candidate, loaded: tuple[Loaded, ...]) -> Loaded | None:
    """What Ollama says of it among what is loaded. None where it is not."""
    return next((entry for entry in loaded if same_model(entry.name, candidate.served_as)), None)


def check_fits(
    here: House, candidate: Candidate, loaded: tuple[Loaded, ...], engine: Engine, *, force: bool = False
) -> None:
    """Raises DoesNotFit where the model needs more memory than is there and can be given up for it."""
    room = _room_b(here, loaded) if engine.local else None
    if force or candidate.needed_b is None or room is None or fits(candidate.needed_b, room) is not Fit.NO:
        return
    raise DoesNotFit(
        f"{candidate.name} needs about {written(candidate.needed_b, Unit.BYTE)} of memory, and "
        f"{written(room, Unit.BYTE)} can be had. It was not loaded."
    )


def _room_b(here: House, loaded: tuple[Loaded, ...]) -> int | None:
    """Bytes that a model could have: what is available, and what Ollama holds for a GPU and gives up for another."""
    available = available_b(here.settings.sysfs_root)
    return None if available is None else available + sum(entry.vram_b for entry in loaded)


def _available_b(here: House, engine: Engine) -> int | None:
    return available_b(here.settings.sysfs_root) if engine.local else None


def _change(
    candidate: Candidate,
    state: Literal["ready", "loaded"],
    began: float,
    before: tuple[Loaded, ...],
    after: tuple[Loaded, ...],
    memory_before_b: int | None,
    memory_after_b: int | None,
) -> Change:
    there = {entry.name for entry in after}
    if (in_memory(candidate, after) is not None) is not (state == "loaded"):
        raise OllamaError(f"Ollama said that {candidate.name} is {state}, and does not list it so.")
    return Change(
        name=candidate.name,
        state=state,
        elapsed_ms=round((time.monotonic() - began) * 1e3, 3),
        evicted=[plain_name(entry.name) for entry in before if entry.name not in there],
        memory_before_b=memory_before_b,
        memory_after_b=memory_after_b,
    )


def _of_file(file: Model, here: House, loaded: tuple[Loaded, ...], room: int | None) -> ModelLine:
    header = file.header
    there = any(same_model(entry.name, file.name) for entry in loaded)
    fit: Literal["yes", "tight", "no"] | None = None
    if header is not None and file.refused is None and room is not None:
        fit = "yes" if there else _FITS[fits(memory_needed_b(header, file.context_tokens), room)]
    return ModelLine(
        name=file.name,
        aliases=[*file.aliases],
        file=file.path.name,
        size_b=file.size_b,
        architecture=None if header is None else header.architecture,
        parameters=None if header is None else header.parameters,
        quantization=None if header is None else header.quantization,
        context_length=None if header is None else header.context_length,
        fits=fit,
        state="refused" if file.refused is not None else _state(file.name, there, here),
        reason=None if file.refused is None else concealed(file.refused, here.settings),
    )


def _of_server(found: Candidate, here: House, loaded: tuple[Loaded, ...]) -> ModelLine:
    return ModelLine(
        name=found.name,
        aliases=[*found.aliases],
        file=None if found.model is None else found.model.path.name,
        size_b=found.size_b,
        architecture=found.architecture,
        parameters=None,
        quantization=found.quantization,
        context_length=found.context_length,
        fits=None,
        state=_state(found.name, in_memory(found, loaded) is not None, here),
        reason=None,
    )


def _state(name: str, there: bool, here: House) -> Literal["ready", "loading", "loaded"]:
    if here.loading == name:
        return "loading"
    return "loaded" if there else "ready"


_FITS: dict[Fit, Literal["yes", "tight", "no"]] = {Fit.YES: "yes", Fit.TIGHT: "tight", Fit.NO: "no"}

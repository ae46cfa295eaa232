"""Runs over HTTP: asked for, listed, shown, cancelled, deleted. Each call is one of the store or of the queue."""

from __future__ import annotations

import json
import shutil
from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Query, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from orac_bench.api.bounds import check_output
from orac_bench.api.checked import checked
from orac_bench.api.current import current
from orac_bench.api.estimate import expected, total_s
from orac_bench.api.house import Here
from orac_bench.api.problems import concealed, responses
from orac_bench.api.recovery import TRIGGER
from orac_bench.api.run_bodies import (
    SHOWN,
    Cancelled,
    CaseEstimate,
    Chunks,
    Estimate,
    Queued,
    RunBody,
    RunPage,
)
from orac_bench.api.said import last_lines
from orac_bench.api.shelf import at_a_glance
from orac_bench.api.shown import shown
from orac_bench.api.wish import run_folder
from orac_bench.candidates import find_candidates
from orac_bench.errors import RunMeasuring
from orac_bench.intent import Intent
from orac_bench.lock import is_alive, measuring_now
from orac_bench.newrun import new_run
from orac_bench.records import Phase
from orac_bench.store.page import page_part

router = APIRouter(prefix="/v1/runs", tags=["runs"])

Ref = Annotated[str, Path(alias="run", max_length=200, description="An id, latest, latest~2, or a baseline's name.")]


@router.post(
    "",
    status_code=202,
    response_model=Queued,
    responses={200: {"model": Estimate, "description": "With ?dry=true"}, **responses(404, 409, 502, 504)},
)
def ask(
    here: Here,
    body: Annotated[RunBody | None, Body()] = None,
    dry: Annotated[bool, Query(description="Only tell how long it would take.")] = False,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            description="The same key with the same body brings the first run again.",
        ),
    ] = None,
) -> Response:
    """Queues a run: the session of `pytest benchmarks/`, in a process of its own, when nothing else is measured."""
    sent = (body or RunBody()).model_dump(exclude_none=True)
    if isinstance(sent.get("prompt_tokens"), int):
        sent["prompt_tokens"] = [sent["prompt_tokens"]]
    check_output(sent.get("output_tokens"), here.settings)
    wish = checked(here.settings, sent)
    if dry:
        sizes_b = {known.name: known.size_b for known in find_candidates(at_a_glance(here.settings)).candidates}
        cases = expected((*wish.first, *wish.planned), here.store.spent(), sizes_b)
        told = [
            CaseEstimate(
                model=case.model,
                suite=case.suite,
                workload=case.workload,
                rounds=case.rounds,
                estimate_s=case.seconds,
            )
            for case in cases
        ]
        return JSONResponse(Estimate(estimate_s=total_s(cases), cases=told).model_dump())
    asked = new_run(Intent(trigger=TRIGGER, note=sent.get("note")), conditions=None)
    run = here.jobs.enqueue(asked, wish.wish, key=key)
    made = Queued(id=run.id, status=run.status.value, position=here.store.position(run.id))
    return JSONResponse(made.model_dump(), status_code=202, headers={"Location": f"/v1/runs/{run.id}"})


@router.get("", response_model=RunPage, responses=responses(404))
async def page(
    here: Here,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(max_length=200, description="Only runs older than this one.")] = None,
) -> Response:
    """Lists runs, newest first."""
    holder = measuring_now(here.lock)

    def told() -> str:
        older = None if before is None else here.store.resolve(before)
        lines = here.store.runs(limit=limit, before=older)
        return RunPage.model_validate(page_part(lines, limit=limit, holder=holder)).model_dump_json()

    return await current(here, ("runs", limit, before, holder), told)


@router.get(
    "/{run}",
    responses={
        200: {
            "description": "As `orac show RUN --json`; here in part.",
            "content": {"application/json": {"schema": {"type": "object"}, "example": SHOWN}},
        },
        **responses(404),
    },
)
async def show(
    here: Here, run: Ref, rounds: Annotated[bool, Query(description="Every round as well.")] = False
) -> Response:
    """Shows a run as `orac show RUN --json` does: conditions, results, and with ?rounds=true every round.

    Beside that: why it, a case or a round failed, answers of the suite `prompt`, when rounds began, annotations.
    """

    def told() -> str:
        whole = here.store.whole(run, rounds=rounds)
        return json.dumps(shown(*whole, rounds=rounds, concealed=lambda text: concealed(text, here.settings)))

    return await current(here, ("run", run, rounds), told)


@router.delete("/{run}", status_code=204, responses=responses(404, 409))
def delete(here: Here, run: Ref) -> None:
    """Deletes a run with all its rounds. Not one that is being measured, and not one that is a baseline."""
    run_id = here.store.resolve(run)
    if run_id == here.jobs.present:
        raise RunMeasuring(f"Run {run_id} is being measured.", next="Cancel it first.")
    here.store.delete_run(run_id, is_alive=is_alive)
    shutil.rmtree(run_folder(here.settings.home, run_id), ignore_errors=True)


@router.post("/{run}/cancel", status_code=202, responses=responses(404, 409))
def cancel(here: Here, run: Ref) -> Cancelled:
    """Ends a run in order: a queued one at once, one that is measured after the round it is in, or within 15 s."""
    run_id = here.store.resolve(run)
    return Cancelled(id=run_id, status=here.jobs.cancel(run_id).value)


@router.get(
    "/{run}/log",
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {"example": "  phi-2.q4_k_m decode 64 → 128: 12 rounds\n"}}},
        **responses(404),
    },
)
def log(
    here: Here, run: Ref, tail: Annotated[int, Query(ge=1, le=10_000, description="The last so many lines.")] = 1_000
) -> str:
    """Shows what the processes of a run of the service printed; empty for a run of a shell."""
    lines = last_lines(here.jobs.log(here.store.resolve(run)), tail)
    return "".join(f"{concealed(line, here.settings)}\n" for line in lines)


@router.get("/{run}/results/{case}/rounds/{index}/chunks", responses=responses(404))
def chunks(
    here: Here,
    run: Ref,
    case: Annotated[str, Path(max_length=200, examples=["9f0c"])],
    index: Annotated[int, Path(ge=0, le=1_000_000, examples=[0])],
    phase: Annotated[Phase, Query(description="Which of the rounds with that index.")] = Phase.MEASURE,
) -> Chunks:
    """Tells when the chunks of a round arrived, in seconds after its request."""
    arrivals_ns = here.store.arrivals(here.store.resolve(run), case, index, phase=phase)
    return Chunks(t_s=[at / 1e9 for at in arrivals_ns])

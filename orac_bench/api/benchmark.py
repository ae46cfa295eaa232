"""The waiting benchmark: one prompt, several models, their answers and how long each took.

It is a run like any other, with the suite `prompt`, in a process of its own; only that somebody waits for it. Who goes
away ends it. What must never live here: a measurement.
"""

from __future__ import annotations

import asyncio
import errno
import re
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from orac_bench.api.bounds import check_output, check_prompt
from orac_bench.api.checked import checked
from orac_bench.api.house import Here, House
from orac_bench.api.keeper import LOOK_S
from orac_bench.api.problems import answer, concealed, responses
from orac_bench.api.prompt import GONE
from orac_bench.api.recovery import TRIGGER
from orac_bench.api.run_bodies import Answer, Answers, BenchmarkBody
from orac_bench.api.said import last_lines
from orac_bench.api.shelf import at_a_glance
from orac_bench.api.tidying import once_tidy
from orac_bench.api.wish import run_folder
from orac_bench.candidates import find_candidates
from orac_bench.errors import MissingPrerequisite, OracError, StoreFull, UsageError
from orac_bench.intent import Intent
from orac_bench.newrun import new_run
from orac_bench.ollama.client import same_model
from orac_bench.records import Json, Phase, Result, RoundStatus, Status

router = APIRouter(prefix="/v1", tags=["benchmark"])

SUITE = "prompt"
PROMPT = "Write a short story about an old man who mends clocks by the sea."
"""What models are asked where nothing else is wanted."""

LOOKED_S = 0.1
"""How often it is looked whether a run's process has tidied up."""


@router.post("/benchmark", response_model=Answers, responses=responses(404, 409, 502, 504))
async def benchmark(
    request: Request,
    here: Here,
    body: Annotated[BenchmarkBody | None, Body()] = None,
) -> Response:
    """Measures one prompt on several models, alone one after the other, and answers when all are done.

    Without `models` those that are loaded are asked, and where none is, all that are ready. What was loaded before is
    loaded again afterwards. While something else is measured or waits for it: 409. The run is kept like any other; it
    is cancelled where the caller goes away.
    """
    run_id, models = await run_in_threadpool(once_tidy, here, partial(_begin, here, body or BenchmarkBody()))
    over = asyncio.create_task(_over(here, run_id))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((over, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = over.done()
        gone.cancel()
        over.cancel()
        if not ended:
            await asyncio.shield(run_in_threadpool(_cancel, here, run_id))
    await asyncio.gather(gone, over, return_exceptions=True)
    if not ended:
        return Response(status_code=GONE)
    return await run_in_threadpool(_answered, here, run_id, models)


def _begin(here: House, body: BenchmarkBody) -> tuple[str, tuple[str, ...]]:
    """The queued run, and the models that it asks.

    Raises Busy, UsageError, UnknownModel, StoreFull, MissingPrerequisite, and then queues nothing.
    """
    if (busy := here.jobs.busy()) is not None:
        raise busy
    prompt = PROMPT if body.prompt is None else body.prompt
    _check(here, body, prompt)
    run = new_run(Intent(trigger=TRIGGER, note=None), conditions=None)
    folder = run_folder(here.settings.home, run.id)
    file = folder / "prompt.txt"
    try:
        _write(prompt, file)
        wish: dict[str, Json] = {"suites": [SUITE], "prompt_file": str(file)}
        if body.rounds is not None:
            wish["rounds"] = body.rounds
        if body.output_tokens is not None:
            wish["output_tokens"] = body.output_tokens
        if names := body.models or _loaded(here):
            wish["models"] = [*names]
        found = checked(here.settings, wish)
        here.jobs.enqueue(run, found.wish, alone=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return run.id, tuple(dict.fromkeys(candidate.name for candidate, _ in found.planned))


def _write(prompt: str, file: Path) -> None:
    """Writes down what the run's process is to ask. Raises StoreFull, MissingPrerequisite."""
    try:
        file.parent.mkdir(parents=True)
        file.write_text(prompt, encoding="utf-8")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        kind = StoreFull if full else MissingPrerequisite
        raise kind(
            f"The prompt could not be written to {file}: {error.strerror}.",
            next="Make room (`df -h` shows where)." if full else "Set ORAC_HOME to a folder that you can write.",
        ) from error


def _check(here: House, body: BenchmarkBody, prompt: str) -> None:
    if not prompt.strip():
        raise UsageError("The prompt is empty.", next="Write one, or leave it out.")
    check_prompt(prompt, here.settings)
    check_output(body.output_tokens, here.settings)


def _loaded(here: House) -> list[str]:
    """The models in memory, by the names that ORAC knows them under; none where none of ORAC's is."""
    with here.keeper.client(idle_timeout_s=LOOK_S) as client:
        loaded = [model.name for model in client.loaded()]
    known = find_candidates(at_a_glance(here.settings)).candidates if loaded else ()
    return [one.name for one in known if any(same_model(one.served_as, name) for name in loaded)]


async def _over(here: House, run_id: str) -> None:
    """Returns when the run has ended and what was loaded before it is loaded again, or when the service ends."""
    async for _ in here.followers.follow(run_id, after=0):
        pass
    while here.jobs.present == run_id and not here.closing.is_set():
        await asyncio.sleep(LOOKED_S)


async def _gone(request: Request) -> None:
    """Returns when the caller has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _cancel(here: House, run_id: str) -> None:
    with suppress(OracError):  # it may be over by now
        here.jobs.cancel(run_id)


def _answered(here: House, run_id: str, models: tuple[str, ...]) -> Response:
    run, results = here.store.run(run_id), here.store.results(run_id, rounds=True)
    if run.status not in (Status.DONE, Status.FAILED):
        _cancel(here, run_id)
        return answer(
            503,
            "It was not measured to its end",
            f"Run {run_id} is {run.status.value}.",
            next="Ask again.",
            code="ended",
        )
    rows = [_row(here, result) for result in results if result.facts.get("canary") is not True]
    told = {row.model for row in rows}
    rows += [_missing(here, run_id, model, run.error) for model in models if model not in told]
    rows.sort(key=lambda row: (row.latency_ms is None, row.latency_ms or 0.0))
    return JSONResponse(Answers(run=run_id, results=rows).model_dump())


def _row(here: House, result: Result) -> Answer:
    whole, rate = result.summary.get("e2e_s"), result.summary.get("decode_tokens_per_s")
    measured = [one for one in result.rounds if one.phase is Phase.MEASURE and one.status is RoundStatus.OK]
    ttft_s = measured[0].metrics.get("ttft_s") if measured else None
    said = result.facts.get("answer")
    return Answer(
        model=result.case.model,
        latency_ms=None if whole is None else whole.median * 1e3,
        answer=said if isinstance(said, str) else None,
        tokens_per_s=None if rate is None else rate.median,
        ttft_ms=None if ttft_s is None else ttft_s * 1e3,
        status=result.status.value,
        error=None if result.failure is None else concealed(result.failure.message, here.settings),
    )


def _missing(here: House, run_id: str, model: str, error: str | None) -> Answer:
    """The row of a model that could not even begin, with what its process said of it."""
    begin = re.compile(rf"note: {re.escape(model)} {SUITE} was not measured\. (.+)")
    said = [found[1] for line in last_lines(here.jobs.log(run_id), 1_000) if (found := begin.search(line))]
    why = said[-1] if said else error or "it was not measured"
    return Answer(
        model=model,
        latency_ms=None,
        answer=None,
        tokens_per_s=None,
        ttft_ms=None,
        status=Status.FAILED.value,
        error=concealed(why, here.settings),
    )

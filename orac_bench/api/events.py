"""A run's events as they come, as server-sent events: kept ones first, then live ones, none missed and none twice.

Followers hold no thread: this call lives on the event loop. What must never live here: what is told (followers.py).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from orac_bench.api.followers import ENDS, Live
from orac_bench.api.house import Here, House
from orac_bench.api.problems import concealed, responses
from orac_bench.api.runs import Ref
from orac_bench.api.telemetry import standing_out, values_of
from orac_bench.records import Event, Json, Run, Status
from orac_bench.settings import Settings
from orac_bench.store.document import moment
from orac_bench.store.events import ENDS as OVER

router = APIRouter(prefix="/v1/runs", tags=["runs"])

MOST = 2**31
"""The greatest number that may be asked for; no run has as many events, and a store holds no number beyond 2^63."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_EXAMPLE = 'id: 4\nevent: round\ndata: {"case": "9f0c", "index": 0, "phase": "measure", "counted": true, "done": 1}\n\n'


@router.get(
    "/{run}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events until the run's last one.",
            "content": {"text/event-stream": {"example": _EXAMPLE}},
        },
        204: {"description": "The run is over and all its events were told before."},
        **responses(404),
    },
)
async def events(
    here: Here,
    run: Ref,
    after: Annotated[int, Query(ge=0, le=MOST, description="Only events with a greater number.")] = 0,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=20, description="As `after`; a browser sends it.")
    ] = None,
) -> Response:
    """Follows a run: `queued`, `started`, `case`, `round`, `reading` (1 Hz), and how it ended.

    Of a `case`, `planned` counts what `planned_unit` says: `rounds` that count, or seconds (`s`) where a time is set;
    with `planned_at_least` it goes on until its headlines are known, and there may be more. A `round` tells in `done`
    what its case has reached, in that unit. A `reading` has the hottest zone and the power as GET /v1/telemetry/latest.

    Events are kept and numbered: who comes back with the last number misses none. A `reading` is not kept and repeats
    the number before it.
    """
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = max(after, min(int(last_event_id), MOST))
    found, more, known = await run_in_threadpool(_begun, here, run, after)
    if found.status in OVER and not more and not here.jobs.goes_on(found.id):
        if after > 0:
            return Response(status_code=204)
        return StreamingResponse(_only(_ending(found)), media_type="text/event-stream", headers=HEADERS)
    after = after if known else 0
    return StreamingResponse(_stream(here, found.id, after), media_type="text/event-stream", headers=HEADERS)


def _begun(here: House, ref: str, after: int) -> tuple[Run, bool, bool]:
    """The run, whether there is an event with a number above `after`, and whether one with that number was told.

    Who comes with a number that the run has not reached begins anew: its feed would wait for it, and so would others.
    """
    run = here.store.run(here.store.resolve(ref))
    told = here.store.events(run.id, after=max(0, after - 1), limit=2)
    return run, any(event.number > after for event in told), after == 0 or bool(told)


async def _stream(here: House, run_id: str, after: int) -> AsyncIterator[bytes]:
    number = after
    async with aclosing(here.followers.follow(run_id, after=after)) as told:
        async for one in told:
            if one is None:
                yield b": still here\n\n"
            elif isinstance(one, Live):
                yield written(number, "reading", reading_of(one.data))
            else:
                number = one.number
                yield written(number, one.kind, told_of(one, here.settings))


async def _only(text: bytes) -> AsyncIterator[bytes]:
    yield text


def written(number: int | None, kind: str, data: Mapping[str, Json]) -> bytes:
    """One server-sent event. A number of 0 or None is left out, so that a browser does not come back with it."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def told_of(event: Event, settings: Settings) -> dict[str, Json]:
    """What an event tells, with its moment, and without this machine's paths in what went wrong."""
    data: dict[str, Json] = {**event.data, "at": moment(event.at)}
    error = data.get("error")
    if isinstance(error, str):
        data["error"] = concealed(error, settings)
    elif isinstance(error, dict) and isinstance(message := error.get("message"), str):
        data["error"] = {**error, "message": concealed(message, settings)}
    return data


def reading_of(data: Mapping[str, Json]) -> dict[str, Json]:
    """What a reading tells, and what stands out in it."""
    told = {key: value for key, value in data.items() if key != "kind"}
    return told | cast("dict[str, Json]", standing_out(values_of(told)))


def _ending(run: Run) -> bytes:
    """The last event of a run whose events are forgotten, or that came from elsewhere."""
    kind = run.status.value if run.status.value in ENDS else Status.INTERRUPTED.value
    return written(None, kind, {"error": None, "at": moment(run.ended)})

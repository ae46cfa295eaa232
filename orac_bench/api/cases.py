"""Cases over HTTP: which there are, and one over time."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from orac_bench.api.current import current
from orac_bench.api.house import Here, House
from orac_bench.api.judged_bodies import Cases, HistoryBody
from orac_bench.api.problems import responses
from orac_bench.judging.case_history import case_history
from orac_bench.judging.document import cases_body, history_body
from orac_bench.store.document import Object

router = APIRouter(prefix="/v1", tags=["cases"])


@router.get("/cases", response_model=Cases)
async def cases(here: Here) -> Response:
    """Lists every case that was measured, the one with the newest result first."""
    return await current(here, "cases", lambda: _past(here, "cases", lambda: cases_body(here.store.cases())))


@router.get("/history", response_model=HistoryBody, responses=responses(404))
async def history(
    here: Here,
    case: Annotated[str, Query(min_length=1, max_length=200, description="The case's key.", examples=["9f0c"])],
    metric: Annotated[str | None, Query(max_length=80, description="Else the suite's first headline.")] = None,
) -> Response:
    """Shows a case over time, with the places where its level changed, and what changed there."""

    def told() -> Object:
        return history_body(case_history(here.store, case, metric=metric))

    question = ("history", case, metric)
    return await current(here, question, lambda: _past(here, question, told))


def _past(here: House, question: Hashable, told: Callable[[], Object]) -> str:
    """The body, which only what was measured since makes another, not every round of a run that is on."""
    return here.remembered.answer(here.store.state(), question, lambda: _written(told()))


def _written(body: Object) -> str:
    """As JSON without spaces: a thousand points are a tenth smaller."""
    return json.dumps(body, separators=(",", ":"))

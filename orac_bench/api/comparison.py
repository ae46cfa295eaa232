"""Comparisons over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from orac_bench.api.house import Here
from orac_bench.api.judged_bodies import ComparisonBody
from orac_bench.api.problems import responses
from orac_bench.judging.compare import Wishes, compare
from orac_bench.judging.document import comparison_body

router = APIRouter(prefix="/v1", tags=["comparison"])

Metric = Annotated[str, Query(max_length=80)]


@router.get("/compare", response_model=ComparisonBody, responses=responses(404))
def compared(
    here: Here,
    base: Annotated[
        str, Query(min_length=1, max_length=300, description="RUN or RUN:CASE.", examples=["main-baseline"])
    ],
    candidate: Annotated[
        list[Annotated[str, Query(min_length=1, max_length=300)]],
        Query(max_length=16, description="Likewise; may be repeated. None for a paired run."),
    ] = [],  # noqa: B006 - FastAPI copies it
    metric: Annotated[list[Metric], Query(max_length=32, description="Else the suites' headlines.")] = [],  # noqa: B006
    fail_on: Annotated[
        list[Annotated[str, Query(max_length=120)]],
        Query(max_length=32, description="METRIC:5%: which cases are worse for certain by more."),
    ] = [],  # noqa: B006
    strict: Annotated[bool, Query(description="What cannot be told fails, too.")] = False,
    across_conditions: Annotated[bool, Query(description="Compare under different conditions as well.")] = False,
) -> JSONResponse:
    """Tells what became slower or faster, and how surely; as `orac compare --json`."""
    wishes = Wishes(metrics=metric, fail_on=fail_on, strict=strict, across_conditions=across_conditions)
    return JSONResponse(comparison_body(compare(here.store, base, candidate, wishes)))

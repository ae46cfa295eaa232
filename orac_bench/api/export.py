"""`GET /v1/export`: runs in the forms that others read, as `orac export` writes them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from orac_bench.api.house import Here
from orac_bench.api.problems import responses
from orac_bench.store.export import export as exported

router = APIRouter(prefix="/v1", tags=["runs"])

KINDS = {
    "csv": ("text/csv", "csv"),
    "json": ("application/json", "json"),
    "markdown": ("text/markdown", "md"),
    "pytest-benchmark": ("application/json", "json"),
    "benchstat": ("text/plain", "txt"),
}
"""Media type and ending of a file by format."""


@router.get(
    "/export",
    summary="Export runs",
    response_class=Response,
    responses={
        200: {
            "description": "The file, in the form that was asked for.",
            "content": {media: {"schema": {"type": "string"}} for media, _ in KINDS.values()},
        },
        **responses(404),
    },
)
def export(
    here: Here,
    run: Annotated[list[str], Query(min_length=1, max_length=100, description="A run; may be repeated.")],
    format: Annotated[str, Query(description=f"One of {', '.join(KINDS)}.", examples=["csv"])] = "json",
) -> Response:
    """One or several runs as a file: tables, or a JSON document that `orac import` takes in on another board."""
    ids = [here.store.resolve(reference) for reference in run]
    text = exported(here.store, ids, format=format)
    media, ending = KINDS.get(format, ("text/plain", "txt"))
    name = f"orac-{ids[0]}{'' if len(ids) == 1 else f'-and-{len(ids) - 1}-more'}.{ending}"
    return Response(text, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})

"""The overview over HTTP: the board, and every case with the worst first."""

from __future__ import annotations

import json

from fastapi import APIRouter, Response

from orac_bench.api import health, telemetry
from orac_bench.api.house import Here
from orac_bench.api.judged_bodies import OverviewBody
from orac_bench.judging.document import standing_body
from orac_bench.judging.overview import overview
from orac_bench.telemetry.board import power_mode

router = APIRouter(prefix="/v1", tags=["overview"])


@router.get("/overview", response_model=OverviewBody)
def told(here: Here) -> Response:
    """Shows the board, and every case's last result beside its baseline, the worst first.

    A case is compared with the baseline that was set last and has it, else with its run before the last one.
    """
    cases = here.remembered.answer(
        here.store.state(), "overview", lambda: json.dumps([standing_body(one) for one in overview(here.store)])
    )
    mode = power_mode(here.settings.sysfs_root)
    board = {
        **health.standing(here).model_dump(),
        "reading": telemetry.latest(here).model_dump(),
        "power_mode": None if mode is None else mode.name or str(mode.id),
    }
    return Response(f'{{"board":{json.dumps(board)},"cases":{cases}}}', media_type="application/json")

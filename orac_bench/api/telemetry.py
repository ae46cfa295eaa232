"""What the board's sensors say now, and what they said during a run."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, RootModel

from orac_bench.api.house import Here, Told
from orac_bench.api.problems import responses
from orac_bench.telemetry.sources.replay import NAME as REPLAY

router = APIRouter(prefix="/v1", tags=["telemetry"])


class LatestReading(BaseModel):
    """One reading of the board. `values` is empty where nothing tells anything."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-11-22T12:00:00Z",
                    "run": None,
                    "sources": ["sysfs"],
                    "values": {"power_w.VDD_IN": 5.1, "temperature_celsius.tj": 47.5, "ram_used_b": 2147483648},
                    "replayed": False,
                }
            ]
        }
    )

    at: str | None = Field(description="When it was taken, RFC 3339 in UTC.")
    run: str | None = Field(description="The run whose process took it; null where the service looked itself.")
    sources: list[str] = Field(description="Where the values come from.")
    values: dict[str, float] = Field(description="By name, in the unit at its end; behind a dot what it belongs to.")
    replayed: bool = Field(description="Whether it is a recording, not this board's.")


class Columns(RootModel[dict[str, list[float | None]]]):
    """A column a value, and `t_s`: seconds since the run began. Null where a value was not told."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"t_s": [0.0, 1.0], "power_w.VDD_IN": [5.1, None], "ram_used_b": [2e9, 2.1e9]}]}
    )


@router.get("/telemetry/latest", summary="The last reading of the board")
def latest(here: Here) -> LatestReading:
    """What the sensors said last: of the run that is measured, else read now, at most once a second.

    While somebody measures, the service reads nothing of its own: then it is the run's own last reading, or an empty
    one.
    """
    told = here.last_reading
    if told is not None:
        return _of_run(told, replayed=REPLAY in here.sources)
    found = None if here.measuring else here.glance.take()
    if found is None:
        return _EMPTY
    return LatestReading(
        at=found.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        run=None,
        sources=[*found.sources],
        values=dict(found.values),
        replayed=found.replayed,
    )


@router.get("/runs/{run}/telemetry", summary="The readings of a run", responses=responses(404))
def of_run(run: str, here: Here) -> Columns:
    """Every reading that was kept with a run, as columns. Readings of old runs are folded to minutes."""
    return Columns(here.store.readings(here.store.resolve(run)))


def _of_run(told: Told, *, replayed: bool) -> LatestReading:
    values = {
        name: float(value)
        for name, value in told.data.items()
        if name != "t_s" and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return LatestReading(
        at=told.at.strftime("%Y-%m-%dT%H:%M:%SZ"), run=told.run, sources=["run"], values=values, replayed=replayed
    )


_EMPTY = LatestReading(at=None, run=None, sources=[], values={}, replayed=False)

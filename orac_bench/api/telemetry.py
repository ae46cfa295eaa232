"""What the board's sensors say now, and what they said during a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, RootModel

from orac_bench.api.house import Here, Told
from orac_bench.api.problems import responses
from orac_bench.records import Json
from orac_bench.telemetry.gate import hottest_zone
from orac_bench.telemetry.phases import meter
from orac_bench.telemetry.source import Sample, named
from orac_bench.telemetry.sources.replay import NAME as REPLAY

router = APIRouter(prefix="/v1", tags=["telemetry"])


class StandingOut(TypedDict):
    """What a person looks at first in a reading."""

    hottest_celsius: float | None
    hottest: str | None
    power_w: float | None
    power_rail: str | None


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
                    "hottest_celsius": 47.5,
                    "hottest": "tj",
                    "power_w": 5.1,
                    "power_rail": "VDD_IN",
                    "replayed": False,
                }
            ]
        }
    )

    at: str | None = Field(description="When it was taken, RFC 3339 in UTC.")
    run: str | None = Field(description="The run whose process took it; null where the service looked itself.")
    sources: list[str] = Field(description="Where the values come from.")
    values: dict[str, float] = Field(description="By name, in the unit at its end; behind a dot what it belongs to.")
    hottest_celsius: float | None = Field(
        description="Of the hottest zone; `tj`, the maximum of a Jetson's own, where it is told."
    )
    hottest: str | None = Field(description="The name of that zone.")
    power_w: float | None = Field(description="Of what a round's energy is measured by; null without one for all.")
    power_rail: str | None = Field(description="The name of that rail, or of the card.")
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
    return _reading(found.at, None, found.sources, found.values, replayed=found.replayed)


@router.get("/runs/{run}/telemetry", summary="The readings of a run", responses=responses(404))
def of_run(run: str, here: Here) -> Columns:
    """Every reading that was kept with a run, as columns. Readings of old runs are folded to minutes."""
    return Columns(here.store.readings(here.store.resolve(run)))


def values_of(data: Mapping[str, Json]) -> dict[str, float]:
    """The values by name in what the process of a run told."""
    return {
        name: float(value)
        for name, value in data.items()
        if name != "t_s" and isinstance(value, int | float) and not isinstance(value, bool)
    }


def standing_out(values: Mapping[str, float]) -> StandingOut:
    """The hottest zone in celsius and the power in W, with their names; by the rules for the readings of one source.

    None where no sensor tells the temperature, or the power of the whole.
    """
    zone, celsius = hottest_zone(values) or (None, None)
    whole = meter([Sample(source="", at_ns=0, values=values)])
    rail = None if whole is None else whole.partition(".")[2]
    power_w = None if rail is None else values.get(named("power_w", rail))
    return {
        "hottest_celsius": celsius,
        "hottest": zone,
        "power_w": power_w,
        "power_rail": None if power_w is None else rail,
    }


def _of_run(told: Told, *, replayed: bool) -> LatestReading:
    return _reading(told.at, told.run, ["run"], values_of(told.data), replayed=replayed)


def _reading(
    at: datetime, run: str | None, sources: Sequence[str], values: Mapping[str, float], *, replayed: bool
) -> LatestReading:
    return LatestReading(
        at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        run=run,
        sources=[*sources],
        values=dict(values),
        **standing_out(values),
        replayed=replayed,
    )


_EMPTY = LatestReading(at=None, run=None, sources=[], values={}, **standing_out({}), replayed=False)

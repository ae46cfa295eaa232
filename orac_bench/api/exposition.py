"""`GET /metrics`: what a Prometheus keeps, by prometheus-client. A registry an app, none of the process's own.

What must never live here: a judgement; what was measured is told as its last medians.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from orac_bench import __version__
from orac_bench.api.house import House
from orac_bench.api.keeper import State
from orac_bench.metrics import METRICS
from orac_bench.records import Case, Status

KEPT_S = 5.0
"""An exposition is given again for so long: whoever scrapes, and how many do, costs the store nothing."""
COUNTED_S = 60.0
"""How often stored readings are counted: there may be millions."""

router = APIRouter(tags=["metrics"])

_LABELS = ("case", "suite", "model", "workload")
_UNITS = {"s": "seconds", "b": "bytes", "w": "watts", "j": "joules", "hz": "hertz", "celsius": "celsius"}


@router.get(
    "/metrics",
    summary="For Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus' text form.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    },
)
def metrics(request: Request) -> Response:
    """The last medians of every case, runs by status, the queue, readings, and whether Ollama is up.

    At most five seconds old.
    """
    told: Exposition = request.app.state.exposition
    return Response(told.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class Exposition(Collector):
    """What one service exposes. From any thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._text = b""
        self._text_s = float("-inf")
        self._readings = 0
        self._readings_s = float("-inf")
        self._medians: tuple[tuple[Case, Mapping[str, float]], ...] = ()
        self._state: tuple[object, ...] = ()
        self._registry.register(self)

    def text(self) -> bytes:
        """The text form; at most KEPT_S old. Raises StoreError."""
        with self._lock:
            if time.monotonic() - self._text_s > KEPT_S:
                self._text = generate_latest(self._registry)
                self._text_s = time.monotonic()
            return self._text

    def describe(self) -> Iterable[Metric]:
        """Nothing: which metrics there are depends on what was measured."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Everything, read now."""
        here, store = self._house, self._house.store
        yield _one("orac_info", "The service's version, as a label.", 1, {"version": __version__})
        yield _one("orac_uptime_seconds", "Since the service began.", time.monotonic() - here.began_s)
        yield _one(
            "orac_ollama_up", "Whether Ollama answers.", here.keeper.state is State.UP and not here.keeper.silent
        )
        yield _one("orac_measuring", "Whether a measurement runs now, here or in a shell.", here.measuring)
        counts = store.counts()
        runs = GaugeMetricFamily("orac_runs", "Runs in the store, by status.", labels=("status",))
        for status in Status:
            runs.add_metric((status.value,), counts.get(status, 0))
        yield runs
        yield _one("orac_queue_length", "Runs that wait for their turn.", counts.get(Status.QUEUED, 0))
        yield _one("orac_readings_stored", "Readings of telemetry in the store; counted each minute.", self._counted())
        yield from _families(self._last())

    def _counted(self) -> int:
        if time.monotonic() - self._readings_s > COUNTED_S:
            self._readings = self._house.store.reading_count()
            self._readings_s = time.monotonic()
        return self._readings

    def _last(self) -> tuple[tuple[Case, Mapping[str, float]], ...]:
        """The last medians, read again only where something was measured since."""
        state = self._house.store.state()
        if state != self._state:
            self._medians = self._house.store.medians()
            self._state = state
        return self._medians


def prometheus_name(metric: str) -> str:
    """A metric's name as Prometheus wants it, the whole unit last: "orac_case_ttft_seconds" for `ttft_s`."""
    words = re.sub(r"_per_s$", "_per_second", metric).split("_")
    unit = next((word for word in words if word in _UNITS), None)
    if unit is None:
        return f"orac_case_{'_'.join(words)}"
    words.remove(unit)
    return f"orac_case_{'_'.join([*words, _UNITS[unit]])}"


def _families(medians: Iterable[tuple[Case, Mapping[str, float]]]) -> Iterable[Metric]:
    found: dict[str, GaugeMetricFamily] = {}
    for case, values in medians:
        labels = (case.key, case.suite, case.model, case.workload.label)
        for key, value in values.items():
            if key not in found:
                text = f"{METRICS[key].formula}; median of the case's last result."
                found[key] = GaugeMetricFamily(prometheus_name(key), text, labels=_LABELS)
            found[key].add_metric(labels, value)
    return found.values()


def _one(name: str, text: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
    family = GaugeMetricFamily(name, text, labels=tuple(labels or ()))
    family.add_metric(tuple((labels or {}).values()), value)
    return family

"""jetson-stats, where it is installed and its service runs. Public API only; the one file that knows jtop.

jetson-stats is AGPL-3.0: an optional extra, never a dependency. Its `avg` is an exponential average with weight 1/2
and is not used. The module's rail (VDD_IN, POM_5V_IN) is not among `power["rail"]`: it is `power["tot"]`, which has its
name; where a board has no such rail `tot` is a sum without a name, and is left out.
Source: jtop's documented properties `power`, `temperature`, `memory`, `gpu`, `cpu`; of `tot` its jtop/core/power.py.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Protocol

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.source import Sample, named

NAME = "jtop"
KB = 1024


class Board(Protocol):
    """What of jtop's object is used."""

    power: Mapping[str, Mapping[str, object]]
    temperature: Mapping[str, Mapping[str, float | bool]]
    memory: Mapping[str, Mapping[str, float]]
    gpu: Mapping[str, Mapping[str, Mapping[str, float]]]

    def start(self) -> None:
        """Connects to the service."""

    def close(self) -> None:
        """Leaves it."""


def missing() -> str | None:
    """Why the source cannot be had before it is tried. None where its library is installed."""
    return None if find_spec("jtop") else "jetson-stats is not installed (pip install jetson-stats)"


def connect(period_s: float) -> Board:
    """jtop's own object. Raises MissingPrerequisite where it is not installed."""
    why = missing()
    if why is not None:
        raise MissingPrerequisite(f"The telemetry source jtop cannot be had: {why}.")
    board: Board = importlib.import_module("jtop").jtop(interval=period_s)
    return board


class Jtop:
    """What the jtop service tells. `connecting` gives the object to ask."""

    name = NAME

    def __init__(
        self,
        *,
        period_s: float = 0.5,
        connecting: Callable[[float], Board] = connect,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._period_s = period_s
        self._connecting = connecting
        self._clock = clock
        self._board: Board | None = None

    def __enter__(self) -> Jtop:
        """Connects. Raises MissingPrerequisite where the service does not answer or is of another version."""
        board = self._connecting(self._period_s)
        try:
            board.start()
        except Exception as error:  # noqa: BLE001 - jtop raises classes of its own and of pickle and sockets
            raise MissingPrerequisite(
                f"The jtop service does not answer: {error}.", next="sudo systemctl restart jtop.service"
            ) from None
        self._board = board
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        board, self._board = self._board, None
        if board is not None:
            board.close()

    def fileno(self) -> int | None:
        """None: it is asked."""
        return None

    def read(self) -> Sequence[Sample]:
        """One sample of what the service said last. Empty where it says nothing."""
        if self._board is None:
            return ()
        values = values_of(self._board)
        return (Sample(source=NAME, at_ns=self._clock(), values=values),) if values else ()


def values_of(board: Board) -> dict[str, float]:
    """jtop's nested tables as named values; what is offline or not there is left out."""
    values: dict[str, float] = {}
    whole = board.power.get("tot", {})
    for name, rail in (*board.power.get("rail", {}).items(), (whole.get("name"), whole)):
        power_mw = rail.get("power") if isinstance(rail, Mapping) else None
        if isinstance(name, str) and isinstance(power_mw, int | float):
            values[named("power_w", name)] = power_mw / 1000
    for name, zone in board.temperature.items():
        if zone.get("online") and "temp" in zone:
            values[named("temperature_celsius", name)] = float(zone["temp"])
    ram, swap, emc = (board.memory.get(kind, {}) for kind in ("RAM", "SWAP", "EMC"))
    for name, table, key, factor in (
        ("ram_used_b", ram, "used", KB),
        ("gpu_memory_used_b", ram, "shared", KB),
        ("swap_used_b", swap, "used", KB),
        ("emc_load_ratio", emc, "val", 0.01),
        ("emc_hz", emc, "cur", 1000),
    ):
        if key in table:
            values[name] = table[key] * factor
    for unit in list(board.gpu.values())[:1]:
        if "load" in unit.get("status", {}):
            values["gpu_load_ratio"] = unit["status"]["load"] / 100
        if "cur" in unit.get("freq", {}):
            values["gpu_hz"] = unit["freq"]["cur"] * 1000
    return values

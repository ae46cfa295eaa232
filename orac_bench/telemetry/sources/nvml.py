"""An NVIDIA card through nvidia-ml-py, where it is installed. A Jetson's own GPU says little here: it is said once."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from types import ModuleType, TracebackType

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.source import Sample, named

NAME = "nvml"
MODULE = "pynvml"


def missing() -> str | None:
    """Why the source cannot be had before it is tried. None where its library is installed."""
    return None if find_spec(MODULE) else "nvidia-ml-py is not installed (pip install nvidia-ml-py)"


def load() -> ModuleType:
    """The library. Raises MissingPrerequisite where it is not installed."""
    why = missing()
    if why is not None:
        raise MissingPrerequisite(f"The telemetry source nvml cannot be had: {why}.")
    return importlib.import_module(MODULE)


class Nvml:
    """Load, clock, memory, temperature, power and energy of the card at `index`, as far as it tells them.

    `loading` gives the library; it is called when the source is opened.
    """

    name = NAME

    def __init__(
        self,
        *,
        index: int = 0,
        loading: Callable[[], ModuleType] = load,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self._index = index
        self._loading = loading
        self._clock = clock
        self._library: ModuleType | None = None
        self._probes: list[tuple[str, Callable[[], float]]] = []

    def __enter__(self) -> Nvml:
        """Opens the library. Raises MissingPrerequisite where it, its driver or the card is not there."""
        library = self._loading()
        try:
            library.nvmlInit()
        except library.NVMLError as error:
            raise MissingPrerequisite(f"The telemetry source nvml cannot be had: {error}.") from None
        try:
            card = library.nvmlDeviceGetHandleByIndex(self._index)
        except library.NVMLError as error:
            library.nvmlShutdown()
            raise MissingPrerequisite(f"The telemetry source nvml cannot be had: {error}.") from None
        self._library = library
        wanted: dict[str, Callable[[], float]] = {
            "gpu_load_ratio": lambda: float(library.nvmlDeviceGetUtilizationRates(card).gpu) / 100,
            "gpu_hz": lambda: library.nvmlDeviceGetClockInfo(card, library.NVML_CLOCK_GRAPHICS) * 1e6,
            "emc_hz": lambda: library.nvmlDeviceGetClockInfo(card, library.NVML_CLOCK_MEM) * 1e6,
            "gpu_memory_used_b": lambda: float(library.nvmlDeviceGetMemoryInfo(card).used),
            named("temperature_celsius", "gpu"): lambda: float(
                library.nvmlDeviceGetTemperature(card, library.NVML_TEMPERATURE_GPU)
            ),
            named("power_w", "GPU"): lambda: library.nvmlDeviceGetPowerUsage(card) / 1000,
            named("energy_j", "GPU"): lambda: library.nvmlDeviceGetTotalEnergyConsumption(card) / 1000,
        }
        self._probes = [(name, probe) for name, probe in wanted.items() if self._tells(name, probe)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        library, self._library, self._probes = self._library, None, []
        if library is not None:
            library.nvmlShutdown()

    def fileno(self) -> int | None:
        """None: it is asked."""
        return None

    def read(self) -> Sequence[Sample]:
        """One sample of what the card tells. Empty where it tells nothing."""
        if self._library is None:
            return ()
        values = {}
        for name, probe in self._probes:
            try:
                values[name] = probe()
            except self._library.NVMLError:
                continue
        return (Sample(source=NAME, at_ns=self._clock(), values=values),) if values else ()

    def _tells(self, name: str, probe: Callable[[], float]) -> bool:
        """Whether the card has this value; where not, a note says so once."""
        if self._library is None:
            return False
        try:
            probe()
        except self._library.NVMLError as error:
            self.notes = (*self.notes, f"nvml does not tell {name}: {error}.")
            return False
        return True

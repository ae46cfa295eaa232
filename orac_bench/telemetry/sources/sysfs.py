"""Telemetry of a Jetson out of its own files: what tegrastats shows, without a child and without root.

Source: `inN_input` x `currN_input` of the INA3221 (kernel hwmon ABI: mV and mA), `load` of the GPU in permille,
devfreq in Hz, thermal zones in 1/1000 celsius, soctherm_oc event counts.
"""

from __future__ import annotations

from pathlib import Path

from orac_bench.telemetry.source import named
from orac_bench.telemetry.sources import linux
from orac_bench.telemetry.sources.files import HeldFile, HeldFiles, text
from orac_bench.telemetry.sources.polled import PolledFiles

NAME = "sysfs"
_NO_RAIL = ("", "NC", "sum of shunt voltages")
_GPU_LOADS = ("sys/devices/platform/gpu.0/load", "sys/devices/gpu.0/load", "sys/devices/platform/*/*.gpu/load")
_GPU_CLOCKS = ("*.gpu/cur_freq", "*.g[apv]*/cur_freq", "gpu-gpc-*/cur_freq")


def sysfs(root: Path) -> PolledFiles:
    """The source `sysfs` below `root`, which is `/` but in tests and containers."""
    return PolledFiles(NAME, root, (rails, gpu, throttling, linux.cores, linux.memory, linux.zones))


def rail_folders(root: Path) -> tuple[Path, ...]:
    """The folders of the power monitors. Empty on a machine that is no Jetson, or shows them elsewhere."""
    by_driver = sorted((root / "sys/bus/i2c/drivers/ina3221").glob("*/hwmon/hwmon*"))
    if by_driver:
        return tuple(by_driver)
    folders = sorted((root / "sys/class/hwmon").glob("hwmon*"))
    return tuple(folder for folder in folders if text(folder / "name") == "ina3221")


def rails(files: HeldFiles, root: Path) -> None:
    """Adds `power_w.NAME` for each rail of the power monitors."""
    for folder in rail_folders(root):
        for label in sorted(folder.glob("in*_label")):
            name, channel = text(label), label.name.removeprefix("in").removesuffix("_label")
            if name is None or name in _NO_RAIL:
                continue
            volts, amperes = files.hold(folder / f"in{channel}_input"), files.hold(folder / f"curr{channel}_input")
            if volts is not None and amperes is not None:
                _rail(files, named("power_w", name), volts, amperes)


def gpu(files: HeldFiles, root: Path) -> None:
    """Adds `gpu_load_ratio`, `gpu_hz`, and `emc_hz` where root may read it."""
    loads = (path for pattern in _GPU_LOADS for path in sorted(root.glob(pattern)))
    files.number("gpu_load_ratio", files.hold_first(loads), 1e-3)
    folder = root / "sys/class/devfreq"
    clocks = (path for pattern in _GPU_CLOCKS for path in sorted(folder.glob(pattern)))
    files.number("gpu_hz", files.hold_first(clocks))
    files.number("emc_hz", files.hold_first([root / "sys/kernel/debug/bpmp/debug/clk/emc/rate"]))


def throttling(files: HeldFiles, root: Path) -> None:
    """Adds `throttle_state`, the highest of the throttle alerts, and `overcurrent_count` of all events since boot."""
    states = [files.hold(path) for path in alert_paths(root)]
    counts = [files.hold(path) for path in overcurrent_paths(root)]

    def probe(values: dict[str, float]) -> None:
        alerts = [state for file in states if file is not None and (state := file.number()) is not None]
        if alerts:
            values["throttle_state"] = max(alerts)
        events = [count for file in counts if file is not None and (count := file.number()) is not None]
        if events:
            values["overcurrent_count"] = sum(events)

    if any(states) or any(counts):
        files.probes.append(probe)


def alert_paths(root: Path) -> tuple[Path, ...]:
    """`cur_state` of each cooling device that lowers clocks against heat."""
    folders = sorted((root / "sys/class/thermal").glob("cooling_device*"))
    return tuple(folder / "cur_state" for folder in folders if (text(folder / "type") or "").endswith("throttle-alert"))


def overcurrent_paths(root: Path) -> tuple[Path, ...]:
    """The event counters of the over-current throttle, oc1 to oc3."""
    folders = sorted((root / "sys/class/hwmon").glob("hwmon*"))
    return tuple(
        path
        for folder in folders
        if text(folder / "name") == "soctherm_oc"
        for path in sorted(folder.glob("oc*_event_cnt"))
    )


def _rail(files: HeldFiles, name: str, volts: HeldFile, amperes: HeldFile) -> None:
    def probe(values: dict[str, float]) -> None:
        millivolts, milliamperes = volts.number(), amperes.number()
        if millivolts is not None and milliamperes is not None:
            values[name] = millivolts * milliamperes / 1e6

    files.probes.append(probe)

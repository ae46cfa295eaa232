"""What every Linux shows about itself: cores, memory, thermal zones, package energy. Probes for `host` and `sysfs`."""

from __future__ import annotations

import re
from pathlib import Path

from orac_bench.telemetry.source import named
from orac_bench.telemetry.sources.files import HeldFile, HeldFiles, text

KB = 1024
_IDLE_FIELDS = slice(3, 5)
"""Of the `cpu` line of /proc/stat: idle and iowait."""
_COUNTED_FIELDS = slice(0, 8)
"""Without guest time, which is in user time already."""
_MEMORY = re.compile(rb"^(MemTotal|MemAvailable|SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE)


def cores(files: HeldFiles, root: Path) -> None:
    """Adds `cpu_load_ratio`, between two reads, and `cpu_hz` of the fastest core."""
    stat = files.hold(root / "proc/stat")
    last: list[tuple[int, int]] = []

    def load(values: dict[str, float]) -> None:
        data = stat.read() if stat is not None else None
        if not data or not data.startswith(b"cpu "):
            return
        fields = [int(field) for field in data.split(b"\n", 1)[0].split()[1:]]
        total, idle = sum(fields[_COUNTED_FIELDS]), sum(fields[_IDLE_FIELDS])
        if last and total > last[0][0]:
            values["cpu_load_ratio"] = min(1.0, max(0.0, 1 - (idle - last[0][1]) / (total - last[0][0])))
        if not last or total != last[0][0]:
            last[:] = [(total, idle)]

    files.probes.append(load)
    folder = root / "sys/devices/system/cpu"
    paths = sorted(folder.glob("cpufreq/policy*/scaling_cur_freq")) or sorted(
        folder.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
    )
    clocks = [file for path in paths if (file := files.hold(path)) is not None]

    def clock(values: dict[str, float]) -> None:
        found = [khz for file in clocks if (khz := file.number()) is not None]
        if found:
            values["cpu_hz"] = max(found) * 1000

    if clocks:
        files.probes.append(clock)


def memory(files: HeldFiles, root: Path) -> None:
    """Adds `ram_used_b` (total less available), `ram_available_b` and `swap_used_b`."""
    meminfo = files.hold(root / "proc/meminfo")

    def probe(values: dict[str, float]) -> None:
        data = meminfo.read() if meminfo is not None else None
        found = {name: int(number) * KB for name, number in _MEMORY.findall(data or b"")}
        if b"MemAvailable" in found:
            values["ram_available_b"] = found[b"MemAvailable"]
            if b"MemTotal" in found:
                values["ram_used_b"] = found[b"MemTotal"] - found[b"MemAvailable"]
        if b"SwapTotal" in found and b"SwapFree" in found:
            values["swap_used_b"] = found[b"SwapTotal"] - found[b"SwapFree"]

    files.probes.append(probe)


def zones(files: HeldFiles, root: Path) -> None:
    """Adds `temperature_celsius.NAME` for each thermal zone, by its type. A zone that answers EAGAIN has no value."""
    seen: set[str] = set()
    for folder in sorted((root / "sys/class/thermal").glob("thermal_zone*"), key=_number):
        name = text(folder / "type")
        if not name:
            continue
        name = name.removesuffix("-thermal").removesuffix("-therm")
        name = name if name not in seen else f"{name}-{_number(folder)}"
        seen.add(name)
        files.number(named("temperature_celsius", name), files.hold(folder / "temp"), 1e-3)


def package_energy(files: HeldFiles, root: Path) -> None:
    """Adds `energy_j.NAME` for each RAPL package that may be read, with its wraps undone."""
    for folder in sorted((root / "sys/class/powercap").glob("*-rapl:[0-9]*")):
        name, file = text(folder / "name"), files.hold(folder / "energy_uj")
        if name is None or file is None or folder.name.count(":") != 1:
            continue
        wrap = text(folder / "max_energy_range_uj")
        _counter(files, named("energy_j", name), file, float(wrap) if wrap and wrap.isdigit() else 0.0)


def _counter(files: HeldFiles, name: str, file: HeldFile, wrap_uj: float) -> None:
    state = {"last": 0.0, "wraps": 0.0}

    def probe(values: dict[str, float]) -> None:
        microjoules = file.number()
        if microjoules is None:
            return
        if microjoules < state["last"]:
            state["wraps"] += 1
        state["last"] = microjoules
        values[name] = (microjoules + state["wraps"] * wrap_uj) / 1e6

    files.probes.append(probe)


def _number(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.name)
    return int(digits[0]) if digits else 0

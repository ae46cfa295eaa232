"""The facts of a Jetson that decide whether runs may be compared, and the counters that decide whether a round counts.

Everything is read below a root. In a container the image carries its builder's nv_tegra_release: it is only believed
where it was mounted from the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from orac_bench.mounts import mounts
from orac_bench.records import Json
from orac_bench.telemetry.power_mode import PowerMode, current_mode
from orac_bench.telemetry.sources.files import text
from orac_bench.telemetry.sources.sysfs import alert_paths, overcurrent_paths
from orac_bench.telemetry.validity import Counters

PAGE_B = 4096
_RELEASE = re.compile(r"R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")
_JETPACKS: Mapping[str, str] = {
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "36.3.0": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "39.2": "7.2",
}
"""JetPack by the longest beginning of L4T's version, where one belongs to it. Source: NVIDIA's release notes."""
_CLOCKED = ("sys/class/devfreq", "sys/devices/system/cpu/cpufreq")


def board_facts(root: Path = Path("/")) -> dict[str, Json]:
    """What decides comparability beside the machine itself. None for what is not told, or not by the host.

    Keys: l4t, jetpack, power_mode, power_mode_id, power_mode_caps_hz, clocks_locked, governors, fan, swap_b, zram_b.
    """
    version = l4t(root)
    mode = power_mode(root)
    swap = _swap(root)
    return {
        "l4t": version,
        "jetpack": _installed_jetpack(root) or jetpack(version),
        "power_mode": mode.name if mode else None,
        "power_mode_id": mode.id if mode else None,
        "power_mode_caps_hz": dict(mode.caps_hz) if mode and mode.caps_hz else None,
        "clocks_locked": clocks_locked(clock_limits(root)),
        "governors": ", ".join(governors) if (governors := _governors(root)) else None,
        "fan": _fan(root),
        "swap_b": swap.get("disk"),
        "zram_b": swap.get("zram"),
    }


def l4t(root: Path = Path("/")) -> str | None:
    """L4T's version of the host, such as 36.4.3. None on another machine, and in a container that carries its own."""
    found = _RELEASE.search(text(root / "etc/nv_tegra_release") or "")
    if found is None or (in_container(root) and not _mounted(root, "/etc/nv_tegra_release")):
        return None
    return f"{found[1]}.{found[2]}"


def jetpack(l4t_version: str | None) -> str | None:
    """The JetPack that belongs to a version of L4T. None where it is not known."""
    parts = (l4t_version or "").split(".")
    beginnings = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((_JETPACKS[beginning] for beginning in beginnings if beginning in _JETPACKS), None)


def in_container(root: Path = Path("/")) -> bool:
    """Whether this is the inside of a container of Docker or Podman."""
    return (root / ".dockerenv").exists() or (root / "run/.containerenv").exists()


def is_tegra(root: Path = Path("/")) -> bool:
    """Whether this is a Jetson: by its kernel's name, or by its device tree, which containers do not see."""
    kernel, tree = text(root / "proc/sys/kernel/osrelease"), text(root / "proc/device-tree/compatible")
    return "tegra" in (kernel or "") or "tegra" in (tree or "")


def power_mode(root: Path = Path("/")) -> PowerMode | None:
    """The power mode that is on. None where nvpmodel's status cannot be read."""
    return current_mode(text(root / "var/lib/nvpmodel/status"), text(root / "etc/nvpmodel.conf"))


def clock_limits(root: Path = Path("/")) -> dict[str, tuple[int, int]]:
    """Lowest and highest allowed clock in Hz of each GPU and each cluster of cores. Empty where none is told."""
    limits = {}
    for folder in sorted((root / _CLOCKED[0]).glob("*g[apv]*")):
        limits[folder.name] = (_number(folder / "min_freq"), _number(folder / "max_freq"))
    for folder in sorted((root / _CLOCKED[1]).glob("policy*")):
        low, high = _number(folder / "scaling_min_freq"), _number(folder / "scaling_max_freq")
        limits[folder.name] = (None if low is None else low * 1000, None if high is None else high * 1000)
    return {name: (low, high) for name, (low, high) in limits.items() if low is not None and high is not None}


def clocks_locked(limits: Mapping[str, tuple[int, int]]) -> bool | None:
    """Whether every clock is held at one value, as jetson_clocks does. None where no clock is known."""
    return all(low == high for low, high in limits.values()) if limits else None


def read_counters(root: Path = Path("/")) -> Counters:
    """What is compared before and after a round."""
    vmstat = dict(re.findall(r"^(pswpin|pswpout) (\d+)$", text(root / "proc/vmstat") or "", re.MULTILINE))
    mode = power_mode(root)
    return Counters(
        overcurrent=_numbers({path.name.removesuffix("_event_cnt"): path for path in overcurrent_paths(root)}),
        alerts=_numbers({text(path.parent / "type") or path.parent.name: path for path in alert_paths(root)}),
        swap_in_b=int(vmstat["pswpin"]) * PAGE_B if "pswpin" in vmstat else None,
        swap_out_b=int(vmstat["pswpout"]) * PAGE_B if "pswpout" in vmstat else None,
        power_mode=(mode.name or str(mode.id)) if mode else None,
        clock_limits=clock_limits(root),
    )


def _installed_jetpack(root: Path) -> str | None:
    packages = text(root / "var/lib/dpkg/status") or ""
    found = re.search(r"^Package: nvidia-jetpack\n(?:.+\n)*?Version: ([\d.]+)", packages, re.MULTILINE)
    return found[1] if found and not in_container(root) else None


def _mounted(root: Path, path: str) -> bool:
    return any(mount.point == path for mount in mounts(text(root / "proc/self/mountinfo") or ""))


def _governors(root: Path) -> tuple[str, ...]:
    paths = [
        *sorted((root / _CLOCKED[0]).glob("*g[apv]*/governor")),
        *sorted((root / _CLOCKED[1]).glob("policy*/scaling_governor")),
    ]
    return tuple(dict.fromkeys(governor for path in paths if (governor := text(path))))


def _fan(root: Path) -> str | None:
    found = re.search(r"FAN_PROFILE[:=]\s*(\w+)", text(root / "var/lib/nvfancontrol/status") or "")
    return found[1] if found else None


def _swap(root: Path) -> dict[str, int]:
    """Bytes of swap by kind: `zram`, compressed memory, and `disk`."""
    sizes: dict[str, int] = {}
    for line in (text(root / "proc/swaps") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 3 and fields[2].isdigit():
            kind = "zram" if "zram" in fields[0] else "disk"
            sizes[kind] = sizes.get(kind, 0) + int(fields[2]) * 1024
    return sizes


def _numbers(paths: Mapping[str, Path]) -> dict[str, int]:
    return {name: number for name, path in paths.items() if (number := _number(path)) is not None}


def _number(path: Path) -> int | None:
    content = text(path)
    return int(content) if content and re.fullmatch(r"-?\d+", content) else None

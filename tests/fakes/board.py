"""An Orin Nano made of files: the sysfs tree of facts about L4T R36, for sources and conditions that take a root."""

from __future__ import annotations

from pathlib import Path

RAILS = {"VDD_IN": (4952, 1016), "VDD_CPU_GPU_CV": (4952, 104), "VDD_SOC": (4944, 288)}
"""mV and mA."""
ZONES = {"cpu-thermal": 48968, "gpu-thermal": 49593, "cv0-thermal": None, "soc0-thermal": 48093, "tj-thermal": 49593}
"""Thousandths of a degree; None for a zone whose sensor is off."""
MODES = """< POWER_MODEL ID=0 NAME=15W >
CPU_A78_0 MAX_FREQ 1497600
GPU MAX_FREQ 612000000
EMC MAX_FREQ 2133000000

< POWER_MODEL ID=1 NAME=25W >
CPU_A78_0 MAX_FREQ 1344000
GPU MAX_FREQ 918000000
EMC MAX_FREQ 3199000000

< POWER_MODEL ID=2 NAME=MAXN_SUPER >
CPU_A78_0 MAX_FREQ -1
GPU MAX_FREQ -1
EMC MAX_FREQ -1

< PM_CONFIG DEFAULT=1 >
"""
GPU = "sys/devices/platform/bus@0/17000000.gpu/load"
GPU_CLOCKS = "sys/class/devfreq/17000000.gpu"
MONITOR = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1"
OVERCURRENT = "sys/class/hwmon/hwmon2"


def write(root: Path, path: str, content: object) -> Path:
    """The file at `path` below `root`, holding `content` and a line end."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{content}\n", encoding="utf-8")
    return file


def orin_nano(root: Path) -> Path:
    """`root`, filled with the files of an idle Orin Nano 8 GB in its 25 W mode."""
    for channel, (name, (millivolts, milliamperes)) in enumerate(RAILS.items(), 1):
        write(root, f"{MONITOR}/in{channel}_label", name)
        write(root, f"{MONITOR}/in{channel}_input", millivolts)
        write(root, f"{MONITOR}/curr{channel}_input", milliamperes)
    write(root, f"{MONITOR}/in7_label", "sum of shunt voltages")
    write(root, f"{MONITOR}/in7_input", 4)
    write(root, f"{MONITOR}/samples", 512)
    for number, (name, celsius) in enumerate(ZONES.items()):
        write(root, f"sys/class/thermal/thermal_zone{number}/type", name)
        write(root, f"sys/class/thermal/thermal_zone{number}/temp", "" if celsius is None else celsius)
    for number, kind in enumerate(("pwm-fan", "cpu-throttle-alert", "hot-surface-alert", "gpu-throttle-alert")):
        write(root, f"sys/class/thermal/cooling_device{number}/type", kind)
        write(root, f"sys/class/thermal/cooling_device{number}/cur_state", 3 if kind == "pwm-fan" else 0)
    write(root, f"{OVERCURRENT}/name", "soctherm_oc")
    for number in (1, 2, 3):
        write(root, f"{OVERCURRENT}/oc{number}_event_cnt", 0)
    write(root, GPU, 120)
    for name, value in (("cur", 306000000), ("min", 306000000), ("max", 918000000)):
        write(root, f"{GPU_CLOCKS}/{name}_freq", value)
    write(root, f"{GPU_CLOCKS}/available_frequencies", "306000000 612000000 918000000 1020000000")
    write(root, f"{GPU_CLOCKS}/governor", "nvhost_podgov")
    for core in (0, 4):
        policy = f"sys/devices/system/cpu/cpufreq/policy{core}"
        write(root, f"{policy}/scaling_cur_freq", 729600 if core == 0 else 883200)
        write(root, f"{policy}/scaling_min_freq", 729600)
        write(root, f"{policy}/scaling_max_freq", 1344000)
        write(root, f"{policy}/scaling_governor", "schedutil")
    write(root, "sys/devices/system/cpu/online", "0-5")
    write(root, "proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0 0 0")
    memory = {
        "MemTotal": 7789000,
        "MemFree": 1000000,
        "MemAvailable": 5789000,
        "SwapTotal": 3901000,
        "SwapFree": 3900000,
    }
    write(root, "proc/meminfo", "\n".join(f"{name}:    {value} kB" for name, value in memory.items()))
    write(root, "proc/vmstat", "pswpin 10\npswpout 20\npgmajfault 30\noom_kill 0")
    write(root, "proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0\tpartition\t650000\t500\t5")
    write(root, "proc/uptime", "1234.56 7000.00")
    write(root, "proc/loadavg", "0.10 0.20 0.30 1/200 999")
    write(root, "proc/sys/kernel/osrelease", "5.15.148-tegra")
    write(root, "proc/device-tree/model", "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0")
    write(root, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64")
    write(root, "etc/nvpmodel.conf", MODES)
    write(root, "var/lib/nvpmodel/status", "pmode:0001")
    write(root, "sys/class/hwmon/hwmon3/name", "pwmfan")
    write(root, "sys/class/hwmon/hwmon3/pwm1", 80)
    return root

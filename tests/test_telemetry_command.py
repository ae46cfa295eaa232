"""`orac telemetry`, as it is typed: each action's output, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.board import ZONES, orin_nano, write

ROOT = Path(__file__).parent.parent
LOG = ROOT / "tests" / "data" / "tegrastats" / "orin-nano_jp6_R36.5_sudo_100ms_log.txt"


def orac(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """What the command answers."""
    return subprocess.run(
        [sys.executable, "-m", "orac_bench.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_parse_prints_an_object_a_line_and_a_bad_line_is_one_too(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(LOG.read_bytes().splitlines()[0] + b"\n\xff\x00\xfe\n\n" + b"RAM 1/2MB\n")
    done = orac("telemetry", "parse", str(log))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [row["line"] for row in rows]) == (0, [1, 2, 3, 4])
    assert rows[0]["rails"][0]["name"] == "VDD_IN"
    assert rows[0]["engines"]["GR3D"]["off"] is False
    assert [set(row) for row in rows[1:]] == [{"line", "raw", "bad"}] * 3


def test_parse_fails_where_no_line_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("hello\n")
    done = orac("telemetry", "parse", str(tmp_path / "log.txt"))
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert orac("telemetry", "parse", str(tmp_path / "none")).returncode == 2


def test_energy_of_a_window_of_json_lines_is_printed_with_its_rail(tmp_path: Path) -> None:
    # given 5 W, and 17 W from 10 s to 20 s, read by a sensor without a lag
    file = tmp_path / "rails.jsonl"
    rows = [{"t_s": t / 10, "rails_w": {"VDD_IN": 17.0 if 100 <= t <= 200 else 5.0}} for t in range(301)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    # when its energy is asked for
    window = ("--from", "10", "--to", "20")
    idle = ("--idle-from", "0", "--idle-to", "9")
    done = orac("telemetry", "energy", str(file), *window, *idle, "--tau", "0")
    # then it is 170 J, of which 50 J are idle
    found = json.loads(done.stdout)
    assert set(found) == {
        "energy_j",
        "energy_above_idle_j",
        "idle_w",
        "coverage_ratio",
        "tau_s",
        "method",
        "rail",
    }
    assert found["energy_j"] == pytest.approx(170, rel=0.01)
    assert found["energy_above_idle_j"] == pytest.approx(120, rel=0.01)
    assert (found["idle_w"], found["coverage_ratio"], found["tau_s"], found["rail"]) == (5.0, 1.0, 0.0, "VDD_IN")
    # and without an idle window nothing is above it
    assert json.loads(orac("telemetry", "energy", str(file), *window).stdout)["energy_above_idle_j"] is None


def test_energy_takes_the_lag_from_the_settings_and_refuses_a_rail_that_is_not_there() -> None:
    window = ("--from", "53", "--to", "60")
    found = json.loads(orac("telemetry", "energy", str(LOG), *window, ORAC_SENSOR_LAG_S="0.4").stdout)
    assert found["tau_s"] == 0.4
    refused = orac("telemetry", "energy", str(LOG), *window, "--rail", "VDD_CPU")
    assert refused.returncode == 2
    assert "has no rail VDD_CPU" in refused.stderr
    assert "VDD_IN, VDD_CPU_GPU_CV, VDD_SOC" in refused.stderr


def test_calibrate_fits_a_recorded_log_and_shows_the_fit() -> None:
    shown = orac("telemetry", "calibrate", "--source", f"replay:{LOG}")
    assert shown.returncode == 0
    assert "ORAC_SENSOR_LAG_S=0.5" in shown.stdout
    found = json.loads(orac("telemetry", "calibrate", "--source", f"replay:{LOG}", "--json").stdout)
    assert found["tau_s"] == pytest.approx(0.51, abs=0.02)
    assert {"at_s", "tau_s", "misfit_ratio", "clean"} <= set(found["edges"][0])


def test_watch_prints_readings_as_they_come(tmp_path: Path) -> None:
    board = {"ORAC_SYSFS_ROOT": str(orin_nano(tmp_path))}
    lines = orac("telemetry", "watch", "--count", "2", "--interval", "0.1", "--json", **board).stdout.splitlines()
    first = json.loads(lines[0])
    assert (len(lines), first["source"], first["values"]["gpu_hz"]) == (2, "sysfs", 306_000_000)
    shown = orac("telemetry", "watch", "--count", "1", **board)
    assert "GPU" not in shown.stderr
    assert "tj 49.6 °C" in shown.stdout
    assert "sysfs taken: rails, zones, clocks and counters are files here" in shown.stderr
    assert orac("telemetry", "watch", ORAC_TELEMETRY="off").returncode == 2
    assert orac("telemetry", "watch", ORAC_TELEMETRY="replay:none.log").returncode == 2


def test_the_doctor_names_the_sources_and_what_spoils_a_measurement(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    write(board, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.7, GCID: 1, BOARD: generic, EABI: aarch64")
    write(board, "proc/77/comm", "Xorg")
    write(board, f"sys/class/thermal/thermal_zone{list(ZONES).index('tj-thermal')}/temp", 81_000)
    found = json.loads(orac("doctor", "--json", ORAC_SYSFS_ROOT=str(board)).stdout)["checks"]
    told = {check["name"]: check["state"] for check in found}
    assert {name: told.get(name) for name in ("clocks", "desktop", "l4t", "temperature", "telemetry")} == {
        "clocks": "warning",
        "desktop": "warning",
        "l4t": "warning",
        "temperature": "warning",
        "telemetry": "ok",
    }
    sources = [check["detail"].split()[0] for check in found if check["name"] == "telemetry"]
    assert sources == ["tegrastats", "sysfs", "jtop", "nvml", "host"]

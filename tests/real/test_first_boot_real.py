"""deploy/first-boot-check against the real service with six tiny models: what a machine without a board can pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import running_service

SCRIPT = Path(__file__).resolve().parents[2] / "deploy/first-boot-check"
OF_A_BOARD = {"L4T of the host", "telemetry", "power", "GPU used", "energy", "power mode"}


@pytest.mark.real
def test_here_it_fails_what_takes_a_board_and_passes_the_rest(
    tmp_path: Path, tiny_models: Path, ollama_binary: Path
) -> None:
    machine = str(tmp_path / "machine")  # so that no sensor of this machine is taken for a board's
    settings = {"ORAC_TELEMETRY": "host", "ORAC_SYSFS_ROOT": machine}
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary, **settings) as service:
        service.ready()
        command = [sys.executable, str(SCRIPT), "--url", service.url, "--output-tokens", "8"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        left = [model["state"] for model in service.get("/v1/models").json["models"]]

    verdicts = {line[6:28].strip(): line[:4] for line in done.stdout.splitlines() if line[:4] in ("pass", "FAIL")}
    verdicts.pop("Ollama's port closed")  # the machine of the tests may have an Ollama of its own
    assert {name for name, verdict in verdicts.items() if verdict == "FAIL"} == OF_A_BOARD, done.stdout
    assert len(verdicts) == len(OF_A_BOARD) + 3 + 6 + 1  # the service, its manual, Ollama; six models; the benchmark
    assert (done.returncode, done.stderr) == (1, "")
    assert left == ["ready"] * 6  # nothing stays loaded

"""The container as a person has it: six models from a read-only mount, benchmarked, and gone when it is told to go."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.container.conftest import RunIn, volumes
from tests.container.engine import Image
from tests.container.room import OPEN, Mount, Room
from tests.waiting import eventually

SIX = ["distilgpt2", "phi-2", "pythia-70m", "qwen3-0.6b", "qwen3-1.7b", "tinyllama-1.1b"]
STOP_S = 10.0
LONG_S = 600.0
"""The longest that a measurement is waited for, on a machine that others use as well."""


def test_the_six_models_are_loaded_asked_and_benchmarked(service: Room) -> None:
    listed = service.ask("/v1/models")["models"]
    assert [(one["name"], one["state"]) for one in sorted(listed, key=lambda one: one["name"])] == [
        (name, "ready") for name in SIX
    ]

    for name in SIX:
        loaded = service.ask(f"/v1/models/{name}/load", {})
        answered = service.ask("/v1/prompt", {"model": name, "prompt": "Hello", "options": {"num_predict": 4}})
        assert (loaded["state"], answered["model"], answered["output_tokens"] > 0) == ("loaded", name, True)
        assert service.ask(f"/v1/models/{name}/unload", {})["state"] == "ready"

    wanted = {"models": SIX, "prompt": "Hello", "rounds": 2, "output_tokens": 4}
    compared = service.ask("/v1/benchmark", wanted, within_s=LONG_S)
    assert sorted(one["model"] for one in compared["results"]) == SIX
    assert [(one["model"], one["error"]) for one in compared["results"] if one["status"] != "done"] == []

    queued = service.ask("/v1/runs", {"models": ["pythia-70m"], "suites": ["decode"], "rounds": 3, "output_tokens": 8})
    done = eventually(lambda: _over(service, queued["id"]), within_s=LONG_S)
    assert (done["run"]["status"], [one["done"] for one in done["results"]]) == ("done", [3])


def test_the_dashboard_and_the_manual_are_served(service: Room) -> None:
    with OPEN(f"{service.url}/", timeout=10.0) as page:
        assert (page.status, "<title>ORAC" in page.read().decode()) == (200, True)
    assert [service.status(path) for path in ("/docs", "/openapi.json", "/metrics")] == [200, 200, 200]


def test_only_the_service_is_reached_from_outside(service: Room) -> None:
    for port in (8000, 11434):
        asked = service.inside("python", "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
        assert (port, asked.returncode, asked.stderr) == (port, 0, "")
    socket.create_connection((service.address, 8000), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((service.address, 11434), 5)


def test_the_health_check_of_the_image_passes(service: Room, image: Image) -> None:
    assert service.inside(*image.healthcheck[1:]).returncode == 0


def test_sigterm_ends_everything_within_ten_seconds_with_a_model_in_memory(service: Room) -> None:
    service.ask("/v1/models/qwen3-0.6b/load", {})
    assert len(service.processes()) >= 4  # process 1, orac, the guardian, Ollama, its runner
    status, took_s = service.stop()
    assert (status, took_s < STOP_S, service.processes()) == (0, True, []), service.said()


def test_sigterm_ends_a_run_in_order(service: Room) -> None:
    service.ask("/v1/runs", {"models": ["pythia-70m"], "suites": ["decode"], "rounds": 500, "output_tokens": 64})
    eventually(lambda: service.ask("/v1/health")["measuring"], within_s=LONG_S)
    status, _ = service.stop()
    assert (status, service.processes()) == (0, []), service.said()


def test_sigterm_in_the_first_moment_is_heard(run_in: RunIn, models: Mount) -> None:
    with run_in(mounts=[models]) as started:
        eventually(started.processes)
        status, took_s = started.stop()
        assert (status in (0, 143), took_s < STOP_S, started.processes()) == (True, True, []), started.said()


def test_orphans_are_buried(service: Room) -> None:
    orphan = service.inside("sh", "-c", "sleep 0.2 >/dev/null & echo $!").stdout.strip()
    assert orphan
    eventually(lambda: service.inside("test", "-e", f"/proc/{orphan}").returncode)


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (("orac", "models"), 0, "tinyllama-1.1b"),
        (("orac", "doctor"), 0, "tinyllama-1.1b"),
        (("orac", "bench", "phi-2", "--suite", "first_token", "--rounds", "2", "--warmup", "0"), 0, "first_token"),
        (("pytest", "benchmarks/", "-k", "first_token", "--orac-model", "phi-2", "--orac-rounds", "2"), 0, "1 passed"),
        (("sh", "-c", "exit 3"), 3, ""),
        (("orac", "list", "--limit", "0"), 2, "--limit"),
        (("nonsense",), 127, "there is no command 'nonsense'"),
    ],
)
def test_any_other_command_runs_instead(
    run_in: RunIn, models: Mount, command: tuple[str, ...], status: int, said: str
) -> None:
    with run_in(*command, mounts=[models]) as started:
        assert started.process.wait(LONG_S) == status, started.said()
        assert said in started.said()


@pytest.mark.parametrize("user", ["root", "1234:1234"])
def test_another_user_may_run_it(run_in: RunIn, models: Mount, tmp_path: Path, user: str) -> None:
    made = volumes(tmp_path)
    for mount in made:
        mount.source.chmod(0o755)
        if user != "root":
            os.chown(mount.source, *map(int, user.split(":")))
    with run_in(mounts=[models, *made], user=user) as started:
        measures(started)


def test_its_own_files_may_be_read_only(run_in: RunIn, models: Mount, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    mounts = [models, *volumes(tmp_path), Mount(source=temporary, target="/tmp")]  # as `--tmpfs /tmp`
    with run_in(mounts=mounts, readonly=True) as started:
        measures(started)


def test_results_on_a_volume_outlive_the_container(run_in: RunIn, models: Mount) -> None:
    volume = models.source.parent / "results-volume"
    volume.mkdir(exist_ok=True)
    volume.chmod(0o777)
    mounts = [models, Mount(source=volume, target="/app/results")]
    for command, expected in (("bench phi-2 --suite first_token --rounds 1 --warmup 0", "TTFT"), ("list", " done ")):
        with run_in("orac", *command.split(), mounts=mounts) as started:
            assert started.process.wait(LONG_S) == 0, started.said()
            assert expected in started.said()


def measures(started: Room) -> None:
    """Asserts that it answers, measures and ends in order."""
    started.ready()
    answered = started.ask("/v1/prompt", {"model": "phi-2", "prompt": "Hello", "options": {"num_predict": 4}})
    assert answered["output_tokens"] > 0
    run = started.ask("/v1/runs", {"models": ["phi-2"], "suites": ["decode"], "rounds": 2, "output_tokens": 4})
    assert eventually(lambda: _over(started, run["id"]), within_s=LONG_S)["run"]["status"] == "done"
    assert (started.stop()[0], started.processes()) == (0, []), started.said()


def _over(service: Room, run: str) -> dict[str, Any] | None:
    found: dict[str, Any] = service.ask(f"/v1/runs/{run}")
    return found if found["run"]["status"] not in ("queued", "running") else None

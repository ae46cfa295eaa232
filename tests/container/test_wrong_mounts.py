"""A container that was started in a wrong way says so in plain words, at its start and in /v1/health."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.container.conftest import RunIn, open_to_all, volumes
from tests.container.room import Mount, Room
from tests.waiting import eventually


def test_an_empty_folder_of_models_is_told(run_in: RunIn, tmp_path: Path) -> None:
    open_to_all(tmp_path)
    with run_in(mounts=[Mount(source=tmp_path, target="/models/gguf", readonly=True)]) as started:
        told(started, "There is no GGUF file in /models/gguf.", "Docker makes an empty folder of a wrong path")


def test_models_that_the_user_may_not_read_are_told(run_in: RunIn, models: Mount) -> None:
    closed = sorted(models.source.iterdir())[:2]
    for file in closed:
        file.chmod(0o600)
    with run_in(mounts=[models]) as started:
        told(started, "2 of 6 GGUF files in /models/gguf may not be read by user 1000", "chmod a+r")


def test_no_mount_of_models_is_told(run_in: RunIn) -> None:
    with run_in() as started:
        told(started, "There is no GGUF file in /models/gguf. Nothing is mounted there.", "docker run -v ")


def test_results_that_go_with_the_container_are_told(run_in: RunIn, models: Mount) -> None:
    with run_in(mounts=[models]) as started:
        told(started, "/app/results is on a volume without a name", "docker run -v orac-results:/app/results")


def test_results_on_a_named_volume_are_no_news(run_in: RunIn, models: Mount, tmp_path: Path) -> None:
    with run_in(mounts=[models, *volumes(tmp_path)]) as started:
        started.ready()
        assert "/app/results" not in " ".join(started.ask("/v1/health")["warnings"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/app/results", "/app/results, where rounds are kept, cannot be written by user 1000"),
        ("/var/lib/orac", "/var/lib/orac, which is ORAC_HOME, cannot be written by user 1000"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_at_the_start(
    run_in: RunIn, models: Mount, tmp_path: Path, target: str, said: str
) -> None:
    readonly = Mount(source=tmp_path, target=target, readonly=True)
    with run_in(mounts=[models, readonly]) as started:
        eventually(lambda: said in started.said(), within_s=30.0)
        assert "Leave `:ro` off its mount." in started.said()
        assert started.process.wait(30) == 2  # nothing can be kept, or nothing started: it ends and says so


def test_read_only_files_without_a_place_for_temporary_ones_are_told(
    run_in: RunIn, models: Mount, tmp_path: Path
) -> None:
    with run_in(mounts=[models, *volumes(tmp_path)], readonly=True) as started:
        told(started, "No place for temporary files, such as /tmp, can be written by user 1000", "--tmpfs /tmp")
        started.ready()


def test_a_folder_of_results_of_another_user_is_told(run_in: RunIn, models: Mount, tmp_path: Path) -> None:
    with run_in(mounts=[models, Mount(source=tmp_path, target="/app/results")]) as started:  # root's, 0700
        eventually(lambda: "sudo chown -R 1000" in started.said(), within_s=30.0)


def test_a_jetson_without_its_runtime_is_told(run_in: RunIn, models: Mount, tmp_path: Path) -> None:
    kernel = tmp_path / "osrelease"
    kernel.write_text("5.15.148-tegra\n")
    kernel.chmod(0o644)
    mounts = [models, Mount(source=kernel, target="/proc/sys/kernel/osrelease", readonly=True)]
    with run_in(mounts=mounts) as started:
        told(started, "the container does not see it", "docker run --runtime nvidia")


def test_an_ollama_for_everybody_is_told_and_not_made(run_in: RunIn, models: Mount) -> None:
    with run_in(mounts=[models], environment={"OLLAMA_HOST": "0.0.0.0"}) as started:
        told(started, "OLLAMA_HOST is '0.0.0.0' and is not used", "publish port 8000 only")
        listening = started.inside("sh", "-c", "cat /proc/net/tcp /proc/net/tcp6").stdout
        assert f"0100007F:{11434:04X}" in listening  # 127.0.0.1
        assert f"00000000:{11434:04X}" not in listening


def told(started: Room, *said: str) -> Mapping[str, object]:
    """The service's health, once it stands. Asserts that a warning of it has each of `said`, and its log as well."""
    eventually(lambda: started.status("/v1/health") == 200 or started.process.poll() is not None, within_s=30.0)
    health: Mapping[str, object] = started.ask("/v1/health")
    warnings = str(health["warnings"])
    for words in said:
        assert words in started.said()
        assert words in warnings
    return health

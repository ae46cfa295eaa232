"""Wrong mounts as a running service tells them: in its log when it starts, and in its health as long as they last."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.fakes.board import write
from tests.service import Service, running_service

ROOT = "1 0 0:75 / / rw - overlay overlay rw"


@pytest.mark.parametrize("container", [True, False])
def test_a_folder_without_models_is_told_at_the_start_and_in_the_health(tmp_path: Path, *, container: bool) -> None:
    models = tmp_path / "gguf"
    models.mkdir()
    with serving(tmp_path, models, container=container) as service:
        told = service.get("/v1/health").json
        assert told["status"] == "degraded"
        way = f"docker run -v /home/USER/ORAC/models/gguf:{models}:ro, or set ORAC_GGUF for docker compose."
        if container:
            said = [f"There is no GGUF file in {models}. Nothing is mounted there. {way}"]
        else:  # places of a machine are not everybody's business
            said = ["There is no GGUF file in the folder of models. `orac doctor` on that machine says what to type."]
        assert [line for line in told["warnings"] if "GGUF" in line] == said
        first, *others = service.log.splitlines()
        assert f"WARNING There is no GGUF file in {models}." in first
        assert any("ORAC listens at" in line for line in others)


def test_a_history_that_goes_with_the_container_is_told_and_degrades_nothing_by_itself(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path, container=True) as service:
        told = service.get("/v1/health").json["warnings"]
        assert f"{tmp_path} is inside the container: every run goes with the container." in " ".join(told)


def test_an_ollama_host_for_everybody_is_overridden_and_said(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path, container=False, OLLAMA_HOST="0.0.0.0") as service:
        sentence = "OLLAMA_HOST is '0.0.0.0' and is not used: ORAC's Ollama listens on 127.0.0.1 alone"
        assert sentence in " ".join(service.get("/v1/health").json["warnings"])
        assert service.log.count(sentence) == 1


def serving(folder: Path, models: Path, *, container: bool, **settings: str) -> AbstractContextManager[Service]:
    """A service without an Ollama that can be started, on a machine or in a container made of files."""
    write(folder, "root/proc/self/mountinfo", ROOT)
    if container:
        write(folder, "root/.dockerenv", "")
    program = write(folder, "ollama", "#!/bin/sh\n[ $1 = serve ] || exec echo ollama version is 0.11.4\nexit 3")
    program.chmod(0o755)
    return running_service(folder, models=models, ollama=program, ORAC_SYSFS_ROOT=str(folder / "root"), **settings)

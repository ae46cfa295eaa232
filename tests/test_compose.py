"""docker-compose.yml by the Compose Specification's own schema, and by what the README promises of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "tests/data/compose-spec.compose-go-2.16.2.json"
READ = {
    "/etc/nv_tegra_release",
    "/etc/nvpmodel.conf",
    "/var/lib/nvpmodel/status",
    "/var/lib/nvfancontrol/status",
    "/run/jtop.sock",
    "/usr/bin/tegrastats",
}
"""What the package reads of a Jetson's host that a container does not see by itself."""
COMMENTED = re.compile(r"^( +)# (- type:|  (?:source|target|read_only|bind):|    create_host_path:)", re.MULTILINE)


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    return load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The file with its optional mounts taken in, as a person would by deleting the marks."""
    text = (ROOT / "docker-compose.yml").read_text()
    return load(COMMENTED.sub(r"\1\2", text).replace('# group_add: ["104", "990"]', 'group_add: ["104", "990"]'))


def load(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def wrong(compose: dict[str, Any]) -> list[str]:
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    return [error.message for error in validator.iter_errors(compose)]


def test_it_follows_the_specification_with_and_without_its_optional_mounts(
    given: dict[str, Any], whole: dict[str, Any]
) -> None:
    assert wrong(given) == []
    assert wrong(whole) == []
    assert len(whole["services"]["orac"]["volumes"]) == len(given["services"]["orac"]["volumes"]) + 3


def test_a_word_that_the_specification_does_not_know_is_seen(given: dict[str, Any]) -> None:
    odd = {**given, "services": {"orac": {**given["services"]["orac"], "restarts": "always"}}}
    assert len(wrong(odd)) == 1


def test_only_the_service_s_port_is_published(given: dict[str, Any]) -> None:
    assert {name: service["ports"] for name, service in given["services"].items()} == {
        "orac": ["8000:8000"],
        "orac-cpu": ["8000:8000"],
    }
    assert "network_mode" not in str(given)
    assert "privileged" not in str(given)


def test_the_board_has_the_gpu_s_runtime_and_other_machines_have_nothing_of_a_board(given: dict[str, Any]) -> None:
    board, cpu = given["services"]["orac"], given["services"]["orac-cpu"]
    assert (board["runtime"], board["profiles"]) == ("nvidia", ["board"])
    assert ("runtime" in cpu, cpu["profiles"]) == (False, ["cpu"])
    assert [mount["target"] for mount in cpu["volumes"]] == ["/models/gguf", "/app/results", "/var/lib/orac"]
    assert (ROOT / ".env").read_text().splitlines()[1] == "COMPOSE_PROFILES=board"  # `up` alone is the board's


def test_the_models_are_the_owner_s_unless_a_variable_says_otherwise(given: dict[str, Any]) -> None:
    for service in given["services"].values():
        assert service["volumes"][0] == {
            "type": "bind",
            "source": "${ORAC_GGUF:-/home/toby/ORAC/models/gguf}",
            "target": "/models/gguf",
            "read_only": True,
            "bind": {"create_host_path": False},
        }


def test_what_the_package_reads_of_the_host_is_what_is_mounted(whole: dict[str, Any]) -> None:
    mounted = {mount["target"] for mount in whole["services"]["orac"]["volumes"] if mount["type"] == "bind"}
    assert {path for path in READ if any(path == m or path.startswith(f"{m}/") for m in mounted)} == READ
    source = "".join(path.read_text() for path in (ROOT / "orac_bench").rglob("*.py"))
    by_others = {"/usr/bin/tegrastats", "/run/jtop.sock"}  # a program on PATH, and what jetson-stats opens
    assert {path for path in READ - by_others if path[1:] not in source} == set()


def test_no_mount_makes_an_empty_folder_and_none_but_the_socket_can_be_written(whole: dict[str, Any]) -> None:
    binds = [mount for mount in whole["services"]["orac"]["volumes"] if mount["type"] == "bind"]
    assert [mount["target"] for mount in binds if mount["bind"]["create_host_path"]] == []
    assert [mount["target"] for mount in binds if not mount.get("read_only")] == ["/run/jtop.sock"]
    moved = [mount for mount in binds[1:] if mount["source"] != mount["target"]]
    assert moved == []  # the package looks where the host has it

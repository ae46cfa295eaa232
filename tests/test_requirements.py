"""The pinned lists are complete, carry hashes, and agree with each other and with pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LISTS = ("runtime", "build", "dev", "py310")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_is_pinned_and_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.sub(r"\\\n", " ", text).splitlines()
    wrong = [
        entry for entry in entries if not re.match(r"#|[\w.-]+==[\w.]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+$", entry)
    ]
    assert wrong == []
    assert "://" not in text


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_what_the_project_asks_for_is_pinned_within_its_bounds(python: str, machine: str) -> None:
    pinned = pins("runtime", python=python, machine=machine)
    asked = [Requirement(text) for text in re.findall(r'^    "(.+)",$', dependencies(), re.MULTILINE)]
    assert len(asked) >= 7
    wrong = [str(one) for one in asked if not one.specifier.contains(pinned.get(canonicalize_name(one.name), "0"))]
    assert wrong == []


@pytest.mark.parametrize("python", PYTHONS)
def test_tests_run_with_the_same_versions_as_measurements(python: str) -> None:
    dev = pins("dev", python=python, machine="x86_64")
    smaller = {**pins("runtime", python=python, machine="x86_64"), **pins("build", python=python, machine="x86_64")}
    assert {name: dev.get(name) for name in smaller} == smaller


def test_the_list_for_python_3_10_is_what_python_3_10_takes_of_the_whole_one() -> None:
    assert pins("py310", python="3.13", machine="x86_64") == pins("dev", python="3.10", machine="x86_64")


def dependencies() -> str:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def pins(name: str, *, python: str, machine: str) -> dict[str, str]:
    """Version by name of those pins of a list whose markers hold for that Python and machine."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for line in re.findall(r"^([\w.-]+==.+?) \\$", text, re.MULTILINE):
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate(environment):
            found[canonicalize_name(one.name)] = str(one.specifier).removeprefix("==")
    return found

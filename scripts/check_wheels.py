"""Asks the package index whether each pinned runtime requirement has a wheel for every machine that ORAC promises.

    python scripts/check_wheels.py [requirements/runtime.txt ...]

For Python 3.10 to 3.13 on x86-64 and aarch64 with glibc 2.28: the pins whose markers hold there are resolved by pip
from wheels' metadata alone, and the SHA-256 of the wheel that pip would take must be one of the pinned hashes.
Exit status 1 where one is missing. Nothing is installed. pip judges markers by the Python that runs it, so they are
judged here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
ROOT = Path(__file__).resolve().parent.parent
DEFAULT = (ROOT / "requirements" / "runtime.txt", ROOT / "requirements" / "build.txt")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One pinned requirement with the hashes that it may have."""

    requirement: Requirement
    hashes: frozenset[str]


def read_pins(text: str) -> tuple[Pin, ...]:
    """The pins of a requirements file with hashes, in its order."""
    logical = re.sub(r"\\\n", " ", text).splitlines()
    lines = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    return tuple(
        Pin(
            requirement=Requirement(line.split("--hash=")[0].strip()),
            hashes=frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line)),
        )
        for line in lines
    )


def pins_for(pins: tuple[Pin, ...], *, python: str, machine: str) -> tuple[Pin, ...]:
    """Those pins whose markers hold for CPython `python` ("3.10") on Linux on `machine`."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "platform_machine": machine,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    return tuple(pin for pin in pins if pin.requirement.marker is None or pin.requirement.marker.evaluate(environment))


def missing(pins: tuple[Pin, ...], *, python: str, machine: str) -> list[str]:
    """What is wrong for that Python and machine, a sentence each; empty where every pin has its wheel."""
    platforms = [f"manylinux_2_17_{machine}", f"manylinux2014_{machine}", f"manylinux_2_28_{machine}"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", "--no-deps"]
        command += ["--ignore-installed", "--ignore-requires-python", "--only-binary=:all:", "--target", folder]
        command += ["--python-version", python, *(f"--platform={name}" for name in platforms)]
        command += [f"{pin.requirement.name}{pin.requirement.specifier}" for pin in pins]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr]
    hashes = {pin.requirement.name.lower().replace("_", "-"): pin.hashes for pin in pins}
    wrong = []
    for item in json.loads(done.stdout)["install"]:
        name = item["metadata"]["name"].lower().replace("_", "-")
        if item["download_info"]["archive_info"]["hashes"]["sha256"] not in hashes[name]:
            wrong.append(f"{name}: the wheel that pip takes is not among the pinned hashes")
        if not SpecifierSet(item["metadata"].get("requires_python", "")).contains(f"{python}.0"):
            wrong.append(f"{name}: asks for Python {item['metadata']['requires_python']}")
    return wrong


def main(arguments: list[str]) -> int:
    """0 where all is there, else 1; one line on stdout for each Python and machine."""
    files = [Path(argument) for argument in arguments] or list(DEFAULT)
    pins = tuple(pin for file in files for pin in read_pins(file.read_text(encoding="utf-8")))
    failed = False
    for python in PYTHONS:
        for machine in MACHINES:
            wanted = pins_for(pins, python=python, machine=machine)
            wrong = missing(wanted, python=python, machine=machine)
            failed = failed or bool(wrong)
            print(f"Python {python} {machine}: {len(wanted)} pins, {len(wrong)} problems")
            for sentence in wrong:
                print(f"  {sentence}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

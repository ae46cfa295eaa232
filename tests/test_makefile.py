"""The Makefile: what a person may hand to it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_a_python_that_is_named_makes_the_environment_and_runs_nothing_outside_it() -> None:
    # given what scripts/venv.sh recommends where it finds no Python
    told = subprocess.run(
        ["make", "-n", "bench", "PYTHON=/path/to/python3"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    # then what is run is the environment's
    assert ".venv/bin/python" in told
    assert "/path/to/python3" not in told

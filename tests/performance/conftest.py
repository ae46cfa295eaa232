"""What ORAC promises about itself as numbers: each measured here and now, beside its goal.

Nothing here decides whether the project's tests pass: these machines are noisy. A goal that is missed is said so. With
`--numbers docs/numbers.md`, as `make performance` calls it, the tables go into that file; what is not measured this
time stays there as it was.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from orac_bench import __version__
from tests.performance.numbers import Promise, Section, first_sentence, merged

ROOT = Path(__file__).parent.parent.parent
COMMANDS = {"tests/container/test_numbers.py": "sh scripts/container_test.sh numbers"}
"""What measures a file's numbers where pytest alone does not."""
_ROWS = pytest.StashKey[dict[str, tuple[str, list[Promise]]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--numbers", type=Path, metavar="FILE", help="write the tables into this file, a section a file")


@pytest.fixture
def promise(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Writes down a row of the table: `promise(what, goal=..., measured=..., kept=..., n=..., interval=...)`."""
    files = request.config.stash.setdefault(_ROWS, {})
    file = str(request.path.relative_to(ROOT))
    _, rows = files.setdefault(file, (first_sentence(request.module.__doc__), []))

    def add(
        what: str, *, goal: str, measured: str, kept: bool | None, n: int | None = None, interval: str | None = None
    ) -> None:
        rows.append(Promise(what=what, goal=goal, measured=measured, kept=kept, n=n, interval=interval))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    files = config.stash.get(_ROWS, {})
    rows = [row for _, rows in files.values() for row in rows]
    if not rows:
        return
    terminalreporter.section("what was promised")
    width = max(len(row.what) for row in rows)
    goal = max(len(row.goal) for row in rows)
    for row in rows:
        verdict = {True: "kept  ", False: "MISSED", None: "      "}[row.kept]
        interval = f" ({row.interval})" if row.interval else ""
        count = "" if row.n is None else f", n = {row.n}"
        measured = f"{row.measured}{interval}{count}"
        terminalreporter.write_line(f"{verdict}  {row.what:<{width}}  goal {row.goal:<{goal}}  {measured}")
    if (path := config.getoption("--numbers", None)) is not None:
        sections = [
            Section(title=title, command=COMMANDS.get(file, f"pytest -s {file}"), machine=machine(), rows=rows)
            for file, (title, rows) in files.items()
        ]
        path.write_text(merged(path.read_text() if path.exists() else "", sections))
        terminalreporter.write_line(f"Written into {path}.")


def machine() -> str:
    """The processor, the versions and the day, as a section of docs/numbers.md names them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return ", ".join(
        (
            f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}",
            f"Linux {platform.release().split('-')[0]}",
            f"Python {platform.python_version()}",
            f"ORAC {__version__} at {commit.stdout.strip() or 'no commit'}",
            f"{date.today():%Y-%m-%d}",
        )
    )

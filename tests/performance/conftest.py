"""What ORAC promises about itself as numbers: each measured here and now, beside its goal.

Nothing here decides whether the project's tests pass: these machines are noisy. A goal that is missed is said so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One row: what, its goal, what was measured, and whether that is within the goal."""

    what: str
    goal: str
    measured: str
    kept: bool


_ROWS = pytest.StashKey[list[Promise]]()


@pytest.fixture
def promise(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Writes down a row of the table: `promise(what, goal=..., measured=..., kept=...)`."""
    rows = request.config.stash.setdefault(_ROWS, [])

    def add(what: str, *, goal: str, measured: str, kept: bool) -> None:
        rows.append(Promise(what=what, goal=goal, measured=measured, kept=kept))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(_ROWS, [])
    if not rows:
        return
    terminalreporter.section("what was promised")
    width = max(len(row.what) for row in rows)
    goal = max(len(row.goal) for row in rows)
    for row in rows:
        verdict = "kept  " if row.kept else "MISSED"
        terminalreporter.write_line(f"{verdict}  {row.what:<{width}}  goal {row.goal:<{goal}}  {row.measured}")

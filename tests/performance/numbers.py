"""docs/numbers.md: a section a file of tests, with its command and machine; what is not measured anew stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HEADING = "## "


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One row: what, its goal, what was measured, over how many, its 95 % interval, and whether it is within the goal.

    `n` and `interval` are None where there is nothing to count, or the measured text says them for several figures.
    """

    what: str
    goal: str
    measured: str
    kept: bool | None
    """None where there is no goal."""
    n: int | None = None
    interval: str | None = None


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one file of tests found: its first sentence, its command, and where and when it was measured."""

    title: str
    command: str
    machine: str
    rows: Sequence[Promise]

    def text(self) -> str:
        """The section as Markdown, heading and all."""
        table = ["| what | goal | measured | n | interval | |", "|---|---|---|---|---|---|"]
        for row in self.rows:
            n = "" if row.n is None else str(row.n)
            verdict = {True: "kept", False: "**missed**", None: ""}[row.kept]
            cells = (row.what, row.goal, row.measured, n, row.interval or "", verdict)
            table.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return "\n".join([HEADING + self.title, "", f"`{self.command}` · {self.machine}", "", *table, ""])


def merged(document: str, sections: Sequence[Section]) -> str:
    """`document` with each section in the place of the one of the same heading, or at the end where it is new."""
    parts = re.split(rf"^(?={HEADING})", document, flags=re.MULTILINE)
    for section in sections:
        heading = f"{HEADING}{section.title}\n"
        text = section.text()
        places = [index for index, part in enumerate(parts) if part.startswith(heading)]
        if places:
            parts[places[0]] = text
        else:
            parts.append(text)
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def first_sentence(docstring: str) -> str:
    """What a file of tests says of itself, without the full stop."""
    return re.split(r"\.(?:\s|$)", docstring.strip(), maxsplit=1)[0].replace("\n", " ")

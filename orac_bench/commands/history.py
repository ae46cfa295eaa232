"""`orac history`: a case over time."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from orac_bench.errors import UsageError
from orac_bench.judging.case_history import case_history, cases_named
from orac_bench.judging.document import history_body
from orac_bench.judging.text import history_text
from orac_bench.settings import Settings
from orac_bench.store.history import CaseLine
from orac_bench.store.store import open_store
from orac_bench.visible import visible


def history(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints a chart, a line a run and the changes of level, for each case that is named; with --json of one."""
    with open_store(settings.database_url, write=False) as store:
        lines = cases_named(store, model=arguments.model, suite=arguments.suite, key=arguments.case)
        if arguments.json:
            print(json.dumps(history_body(case_history(store, _only(lines).case.key, metric=arguments.metric))))
            return 0
        plain = not sys.stdout.isatty() or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        width = shutil.get_terminal_size((100, 24)).columns
        for number, line in enumerate(lines):
            told = case_history(store, line.case.key, metric=arguments.metric)
            text = history_text(told, width=width, plain=plain, limit=arguments.limit)
            print(f"{'' if number == 0 else chr(10)}{visible(text)}", end="")
    return 0


def _only(lines: list[CaseLine]) -> CaseLine:
    """The one case, or the newest where the others are older files or options of the same question."""
    questions = {(line.case.model, line.case.suite, line.case.workload) for line in lines}
    if len(questions) > 1:
        shown = "; ".join(
            f"{line.case.key} {line.case.model} {line.case.suite} {line.case.workload.label}" for line in lines[:12]
        )
        raise UsageError(f"Several cases are meant: {shown}.", next=f"Name one: --case {lines[0].case.key}")
    for line in lines[1:]:
        print(f"Case {line.case.key} is the same with another file or other options.", file=sys.stderr)
    return lines[0]

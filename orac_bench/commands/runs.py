"""`orac list`, `orac show`, `orac delete`: what was measured."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from orac_bench.errors import UsageError
from orac_bench.lock import LOCK, is_alive, measuring_now
from orac_bench.outcome import block_lines, precision_lines
from orac_bench.records import Run
from orac_bench.settings import Settings
from orac_bench.store.document import document
from orac_bench.store.marks import Annotation
from orac_bench.store.page import page_part
from orac_bench.store.store import open_store
from orac_bench.tables import (
    failure_lines,
    flag_lines,
    results_table,
    rounds_table,
    rounds_telemetry_table,
    table_text,
    telemetry_lines,
    telemetry_table,
)
from orac_bench.visible import visible


def list(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints a page of runs, newest first."""
    with open_store(settings.database_url, write=False) as store:
        before = None if arguments.before is None else store.resolve(arguments.before)
        lines = store.runs(limit=arguments.limit, before=before)
    if arguments.json:
        holder = measuring_now(settings.home / LOCK)
        print(json.dumps(page_part(lines, limit=arguments.limit, holder=holder)))
        return 0
    columns = ("run", "started (UTC)", "status", "cases", "rounds", "failed", "note")
    rows = [
        (
            line.id,
            f"{line.started:%Y-%m-%d %H:%M}",
            line.status.value,
            str(line.cases),
            str(line.rounds),
            str(line.failed),
            line.note or "",
        )
        for line in lines
    ]
    print(table_text(columns, rows, width=120), end="")
    return 0


def show(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints one run: conditions, results, flags, and with --rounds every round."""
    with open_store(settings.database_url, write=False) as store:
        run_id = store.resolve(arguments.run)
        run, results = store.run(run_id), store.results(run_id, rounds=True)
        written = store.annotations(run_id=run_id)
    if arguments.json:
        print(json.dumps(document(run, results, rounds=arguments.rounds)))
        return 0
    for line in (*_heading(run), *_written(written)):
        print(visible(line))
    print()
    print(results_table(results, width=120))
    if telemetry := telemetry_table(results, width=140):
        print(f"\n{telemetry}", end="")
    plan = (*precision_lines(results), *block_lines(run.id, results))
    for line in (*plan, *telemetry_lines(results), *failure_lines(results), *flag_lines(results)):
        print(visible(line))
    for result in results if arguments.rounds else ():
        named = f"{result.case.name} {result.case.suite} {result.case.workload.label} (case {result.case.key})"
        print(f"\n{visible(named)}")
        print(rounds_table(result, width=120), end="")
        if telemetry := rounds_telemetry_table(result, width=140):
            print(f"\n{telemetry}", end="")
    return 0


def delete(settings: Settings, arguments: argparse.Namespace) -> int:
    """Deletes a run after asking; an end of the input is a no. Exit status 2 where nobody can be asked."""
    with open_store(settings.database_url, write=True, create=False) as store:
        run = store.run(store.resolve(arguments.run))
        if not arguments.yes:
            if not sys.stdin.isatty():
                raise UsageError(f"Nothing was deleted: nobody can be asked about run {run.id}.", next="Add --yes.")
            question = f"Delete run {run.id} of {run.started:%Y-%m-%d %H:%M} and all its rounds? [y/N] "
            print(question, end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                print("Nothing was deleted.", file=sys.stderr)
                return 0
        store.delete_run(run.id, is_alive=is_alive)
    print(json.dumps({"deleted": run.id}) if arguments.json else f"Run {run.id} is deleted.")
    return 0


def _heading(run: Run) -> Sequence[str]:
    ended = "" if run.ended is None else f" to {run.ended:%H:%M}"
    lines = [
        f"Run {run.id}: {run.status.value}, {run.started:%Y-%m-%d %H:%M}{ended} UTC, by {run.trigger}, "
        f"ORAC {run.orac_version}"
    ]
    if run.note:
        lines.append(f"Note: {run.note}")
    if run.conditions is not None:
        facts = ", ".join(f"{key} {value}" for key, value in run.conditions.facts.items())
        lines.append(f"Conditions {run.conditions.hash}: {facts}")
    return lines


def _written(annotations: Sequence[Annotation]) -> Sequence[str]:
    """What people wrote beside the run, or beside a case of it."""
    return [
        f"Written {one.at:%Y-%m-%d %H:%M}{f' of case {one.case}' if one.case else ''}: {' '.join(one.text.split())}"
        for one in annotations
    ]

"""`orac baseline`, `orac annotate`: names and notes for runs."""

from __future__ import annotations

import argparse
import json

from orac_bench.errors import UsageError
from orac_bench.judging.case_history import changed_at
from orac_bench.judging.document import annotation_body, baseline_body
from orac_bench.judging.sides import one_case
from orac_bench.settings import Settings
from orac_bench.store.store import open_store
from orac_bench.tables import table_text


def set_baseline(settings: Settings, arguments: argparse.Namespace) -> int:
    """Gives a run a name; one that another run had is moved."""
    with open_store(settings.database_url, write=True, create=False) as store:
        before = {one.name: one.run for one in store.baselines()}.get(arguments.name)
        made = store.set_baseline(arguments.name, store.resolve(arguments.run))
    moved = f" It was {before}." if before not in (None, made.run) else ""
    print(json.dumps(baseline_body(made)) if arguments.json else f"{made.name} is run {made.run}.{moved}")
    return 0


def baselines(settings: Settings, arguments: argparse.Namespace) -> int:
    """Prints every name, the one that was set last first."""
    with open_store(settings.database_url, write=False) as store:
        found = store.baselines()
    if arguments.json:
        print(json.dumps({"baselines": [baseline_body(one) for one in found]}))
    elif found:
        rows = [(one.name, one.run, f"{one.at:%Y-%m-%d %H:%M}") for one in found]
        print(table_text(("name", "run", "set (UTC)"), rows, width=120), end="")
    else:
        print("There is no baseline yet. Name a run: orac baseline set main-baseline latest")
    return 0


def remove_baseline(settings: Settings, arguments: argparse.Namespace) -> int:
    """Takes a name away; the run stays."""
    with open_store(settings.database_url, write=True, create=False) as store:
        run = store.remove_baseline(arguments.name)
    document = {"removed": arguments.name, "run": run}
    print(json.dumps(document) if arguments.json else f"{arguments.name} is no name any more; run {run} is kept.")
    return 0


def annotate(settings: Settings, arguments: argparse.Namespace) -> int:
    """Writes a note beside a run or a case of it; with --acknowledge its change of level there is known."""
    if arguments.acknowledge and not arguments.case:
        raise UsageError(
            "--acknowledge is about one case's change of level, and none is named.",
            next="Add --case KEY; `orac history` shows it.",
        )
    with open_store(settings.database_url, write=True, create=False) as store:
        run = store.resolve(arguments.run)
        key = None if arguments.case is None else one_case(store, run, arguments.case).key
        metrics = changed_at(store, store.case(key), run) if arguments.acknowledge and key else ()
        made = store.annotate(run, arguments.text, case_key=key)
        if key and metrics:
            store.acknowledge(run, key, metrics, arguments.text)
    about = f"case {made.case} of run {made.run}" if made.case else f"run {made.run}"
    known = f" Its change of {', '.join(metrics)} is known from now on." if metrics else ""
    print(json.dumps(annotation_body(made)) if arguments.json else f"The note is kept beside {about}.{known}")
    return 0

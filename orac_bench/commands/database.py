"""`orac db`: the store looked after."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from orac_bench.judging.headlines import HEADLINES
from orac_bench.settings import Settings
from orac_bench.store.store import open_store


def upgrade(settings: Settings, arguments: argparse.Namespace) -> int:
    """Brings the store up to this version; opening it for writing does that, after a backup beside it."""
    with open_store(settings.database_url, write=True, create=False) as store:
        revision = store.revision()
    _say(arguments, {"revision": revision}, f"{settings.database_path} is at revision {revision}.")
    return 0


def check(settings: Settings, arguments: argparse.Namespace) -> int:
    """Looks for damage. Exit status 1 where there is some."""
    with open_store(settings.database_url, write=False) as store:
        problems = store.check()
    text = "\n".join(problems) if problems else f"{settings.database_path}: nothing is wrong."
    _say(arguments, {"problems": [*problems]}, text)
    return 1 if problems else 0


def backup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Copies the store, also while a measurement writes to it. An existing file is never overwritten."""
    with open_store(settings.database_url, write=False) as store:
        store.backup(Path(arguments.path).absolute())
    _say(arguments, {"backup": arguments.path}, f"The store is copied to {arguments.path}.")
    return 0


def rollup(settings: Settings, arguments: argparse.Namespace) -> int:
    """Computes every summary and every change of level anew, also while a measurement goes on."""

    def told(done: int, of: int) -> None:
        print(f"{done} of {of} results", file=sys.stderr)

    with open_store(settings.database_url, write=True, create=False) as store:
        summaries, changes = store.rebuild(HEADLINES, told=told)
    text = f"{summaries} summaries were computed anew, and {changes} changes of level found."
    _say(arguments, {"summaries": summaries, "changes": changes}, text)
    return 0


def _say(arguments: argparse.Namespace, document: dict[str, object], text: str) -> None:
    print(json.dumps(document) if arguments.json else text)

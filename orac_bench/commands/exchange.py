"""`orac export`, `orac import`: the data in forms that others read, and another board's taken in."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from pathlib import Path

from orac_bench.errors import StoreFull, UsageError
from orac_bench.judging.headlines import HEADLINES
from orac_bench.settings import Settings
from orac_bench.store import export as forms
from orac_bench.store.exchange import import_document
from orac_bench.store.store import open_store
from orac_bench.units import counted
from orac_bench.visible import visible


def export(settings: Settings, arguments: argparse.Namespace) -> int:
    """Writes the runs to stdout, or to a file, which is opened first so that a bad path costs nothing."""
    if arguments.output is None:
        sys.stdout.write(_exported(settings, arguments))
        return 0
    path = Path(arguments.output)
    there = os.access(path, os.F_OK)
    if not there or path.is_file():  # what reads a pipe would take this for its end
        _write(path, "", mode="a")
    try:
        text = _exported(settings, arguments)
    except BaseException:
        if not there:
            path.unlink(missing_ok=True)
        raise
    _write(path, text, mode="w")
    print(f"{counted(len(arguments.runs), 'run')} written to {path}", file=sys.stderr)
    return 0


def _exported(settings: Settings, arguments: argparse.Namespace) -> str:
    with open_store(settings.database_url, write=False) as store:
        return forms.export(store, [store.resolve(run) for run in arguments.runs], format=arguments.format)


def _write(path: Path, text: str, *, mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        kind = StoreFull if error.errno == errno.ENOSPC else UsageError
        raise kind(f"{path} could not be written: {error.strerror}.", next="Choose another with -o.") from error


def take_in(settings: Settings, arguments: argparse.Namespace) -> int:
    """Takes in a JSON export. Runs that are there already change nothing."""
    path = Path(arguments.file)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", next="Check the path.") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is no JSON document.", next="Make one on the other board: orac export RUN --format json -o F"
        ) from error
    with open_store(settings.database_url, write=True) as store:
        taken = import_document(store, document)
        for run_id in taken:
            store.find_levels(run_id, HEADLINES)
    if arguments.json:
        print(json.dumps({"imported": [*taken]}))
    else:
        print(f"Taken in: {visible(', '.join(taken))}" if taken else "Nothing new: every run was there already.")
    return 0

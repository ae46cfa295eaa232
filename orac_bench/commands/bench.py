"""`orac bench`: the same session as `pytest benchmarks/`, and its results as a table or a JSON document."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orac_bench
from orac_bench.bench import Bench
from orac_bench.errors import MissingPrerequisite, OllamaError, OracError
from orac_bench.options import wished
from orac_bench.outcome import outcome
from orac_bench.report import EVENTS_FD, Report
from orac_bench.settings import Settings, checkout
from orac_bench.store.document import document
from orac_bench.store.store import open_store
from orac_bench.visible import visible

EXIT_STATUS = {0: 0, 1: 1, 2: 130, 4: 2, 5: 2}
"""Of pytest's exit codes: all passed, some failed, interrupted, usage error, nothing collected."""


def bench(settings: Settings, arguments: argparse.Namespace) -> int:
    """Measures, prints what came of it, and says where it is."""
    from orac_bench.plugin import measure

    try:
        if arguments.resume is None:
            Bench.asked(settings, wished(arguments))  # a wrong wish is told here, without pytest's words
        with _pytest_unheard() as said:
            code, run_id, faults = measure(_pytest_arguments(settings, arguments))
    except OracError as error:
        _tell_service(error)
        if isinstance(error, OllamaError):  # before any round: an Ollama that answers is a prerequisite
            raise MissingPrerequisite(error.what, next=error.next) from error
        raise
    status = EXIT_STATUS.get(code, 1)
    if status == 130:
        print("orac: interrupted", file=sys.stderr)
    elif run_id is None or code not in EXIT_STATUS:
        sys.stderr.write(said())
    else:
        sys.stderr.writelines(faults)
    if run_id is None:
        return status
    with open_store(settings.database_url, write=False) as store:
        run = store.run(run_id)
        if arguments.json:
            lines = [json.dumps(document(run, store.results(run_id, rounds=True), rounds=False))]
        else:
            lines = outcome(store, run, database=settings.database_url, width=_width())
    for line in lines:
        print(line if arguments.json else visible(line))
    return status


def _tell_service(error: OracError) -> None:
    """Tells the service that started this process, where one did, what kept it from measuring: some of it passes."""
    if (descriptor := os.environ.get(EVENTS_FD)) is not None:
        Report(int(descriptor)).tell("failed", {"code": error.code})


def benchmarks_folder() -> Path:
    """The benchmarks: those that the wheel carries, else the checkout's. Raises MissingPrerequisite for neither."""
    package = Path(orac_bench.__file__).parent
    root = checkout(package)
    for folder in (package / "benchmarks", *([root / "benchmarks"] if root else [])):
        if (folder / "bench_decode.py").is_file():
            return folder
    raise MissingPrerequisite("The benchmarks are not installed.", next="Install ORAC again: pip install .")


def _pytest_arguments(settings: Settings, arguments: argparse.Namespace) -> list[str]:
    folder = benchmarks_folder()
    fixed = [
        str(folder),
        f"--rootdir={folder}",
        f"-c{os.devnull}",
        "-opython_files=bench_*.py",
        "-opython_functions=bench_*",
        "-pno:cacheprovider",
        "--noconftest",
        "--no-header",
        "--tb=short",
        "-q",
        "--benchmark-quiet",
    ]
    known = arguments.claim or arguments.resume
    if known is None:
        fixed.append("--orac-trigger=orac")
    else:  # those who wait for the machine are told whose run it is, and what was noted beside it
        with open_store(settings.database_url, write=False) as store:
            run = store.run(store.resolve(known))
        fixed += [f"--orac-trigger={run.trigger}", *([] if run.note is None else [f"--orac-note={run.note}"])]
        if arguments.resume is not None:
            return [*fixed, *run.arguments, f"--orac-resume={run.id}"]
    given = [
        (option, value)
        for option, values in wished(arguments).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    if arguments.claim is not None:
        fixed.append(f"--orac-claim={arguments.claim}")
    return [*fixed, *(_said(option, value) for option, value in given if value is not None and value is not False)]


def _said(option: str, value: object) -> str:
    name = f"--{option.replace('_', '-')}"
    return name if value is True else f"{name}={value}"


@contextmanager
def _pytest_unheard() -> Iterator[Callable[[], str]]:
    """Keeps what pytest itself prints on stdout off the screen; the function that is given returns it afterwards.

    ORAC's progress goes to stderr and its results to stdout, when pytest is done.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    with os.fdopen(os.memfd_create("heard"), "w+b") as heard:  # a place for temporary files may be missing
        os.dup2(heard.fileno(), 1)
        text: list[str] = []
        try:
            yield lambda: text[0]
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
            heard.seek(0)
            text.append(heard.read().decode("utf-8", "replace"))


def _width() -> int:
    try:
        return max(80, os.get_terminal_size(1).columns)
    except OSError:
        return 120

"""Fills a device of 1 MB, mounted at the folder of the first argument in a name space of its own, with rounds.

Prints the error's class, rounds kept, rounds said to be stored, how opening a second database fails, rounds after a
file was removed, what is wrong, and how reading fails where not one byte is free.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

from orac_bench.errors import StoreError
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run


def _fill(file: Path) -> None:
    """Leaves not one free byte on the device of `file`."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as rest:
        while rest.write(bytes(4096)):
            pass


def _refusal(path: Path, *, write: bool) -> str:
    """The class of the error that opening says, "none" where there is none."""
    try:
        with open_store(f"sqlite:///{path}", write=write) as store:
            store.runs()
    except StoreError as error:
        return f"{type(error).__name__}: {error}"
    return "none"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    (folder / "ballast").write_bytes(bytes(200_000))
    said = 0
    with open_store(f"sqlite:///{folder / 'orac.db'}", write=True) as store:
        store.add_run(a_run(), pid=os.getpid())
        result = store.begin_result(a_run().id, a_case(), planned=10**6, position=0)
        try:
            for index in count():
                store.add_round(result, a_round(index=index, raw={"text": "x" * 2000}))
                said += 1
        except StoreError as error:
            print(type(error).__name__)
            print(str(error), file=sys.stderr)
        print(len(store.results(a_run().id, rounds=True)[0].rounds))
        print(said)
        print(_refusal(folder / "second.db", write=True))
        (folder / "ballast").unlink()
        store.add_round(result, a_round(index=said))
        print(len(store.results(a_run().id, rounds=True)[0].rounds))
        print(store.check())
    _fill(folder / "rest")
    print(_refusal(folder / "orac.db", write=False))

"""Makes a store on a device mounted in a name space of its own at the first argument, and mounts that read-only.

Prints how many runs can be read then, how writing is refused, and how many runs the copy at the second argument has.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orac_bench.errors import StoreReadOnly
from orac_bench.store.store import open_store
from tests.builders import a_run

if __name__ == "__main__":
    folder, copy = Path(sys.argv[1]), Path(sys.argv[2])
    url = f"sqlite:///{folder / 'orac.db'}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    with open_store(url, write=True) as store:
        store.add_run(a_run(), pid=1)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with open_store(url, write=False) as store:
        print(len(store.runs()))
        store.backup(copy)
    try:
        open_store(url, write=True)
    except StoreReadOnly as error:
        print(error)
    with open_store(f"sqlite:///{copy}", write=True) as store:
        print(len(store.runs()))

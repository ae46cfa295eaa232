"""Stores rounds in the database of the first argument until a limit of 1 MB a file stops it; prints the error."""

from __future__ import annotations

import os
import resource
import sys
from itertools import count

from orac_bench.errors import StoreError
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    with open_store(sys.argv[1], write=True) as store:
        store.add_run(a_run(), pid=os.getpid())
        result = store.begin_result(a_run().id, a_case(), planned=10**6, position=0)
        try:
            for index in count():
                store.add_round(result, a_round(index=index, raw={"text": "x" * 20000}))
        except StoreError as error:
            print(f"{type(error).__name__}\n{error}")

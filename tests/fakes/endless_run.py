"""A process that measures without end: stores rounds in the database of its first argument, and prints each index.

Started and killed by tests/test_store.py.
"""

from __future__ import annotations

import os
import sys
from itertools import count

from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run

if __name__ == "__main__":
    with open_store(sys.argv[1], write=True) as store:
        store.add_run(a_run(id="killed"), pid=os.getpid())
        result = store.begin_result("killed", a_case(), planned=10**6, position=0)
        for index in count():
            store.add_round(result, a_round(index=index))
            print(index, flush=True)

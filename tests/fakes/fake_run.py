"""A process that behaves as a run's does, or as none should: `fake_run.py HOW DATABASE RUN` takes the run over.

Started by tests/test_jobs.py as the child of a service; further arguments only tell who it is.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from orac_bench.errors import UsageError
from orac_bench.records import Status
from orac_bench.store.store import Store, open_store, utc_now
from tests.builders import a_case, a_round, a_run

CASES = ("first_token", "decode")


def tell(line: bytes) -> None:
    os.write(int(os.environ["ORAC_EVENTS_FD"]), line + b"\n")


def measure(store: Store, run_id: str, suites: tuple[str, ...]) -> None:
    done = {result.case.suite for result in store.results(run_id, rounds=False) if result.status is Status.DONE}
    for suite in suites:
        if suite not in done:
            result = store.begin_result(run_id, a_case(suite=suite), planned=2, position=CASES.index(suite))
            for index in range(2):
                store.add_round(result, a_round(index=index), headlines=("ttft_s",))
                tell(json.dumps({"kind": "round", "index": index}).encode())
            store.close_result(result, status=Status.DONE)


def main(how: str, database: str, run_id: str) -> int:
    print(f"orac: it is told to be {how}", flush=True)
    if how == "refused":
        print("orac: the model is gone")
        return 2
    if how == "absent":
        return 1
    tried = Path(f"{database.removeprefix('sqlite:///')}.tried")
    if how == "without an ollama" or (how == "without an ollama at first" and not tried.exists()):
        tried.touch()
        tell(b'{"kind": "failed", "code": "ollama_unreachable"}')
        print("orac: nobody answers")
        return 2
    with open_store(database, write=True) as store:
        if store.run(run_id).status is Status.QUEUED:
            try:
                store.claim(a_run(id=run_id, started=utc_now()), pid=os.getpid())
            except UsageError as error:
                print(f"orac: {error.what}")
                return 2
        else:
            store.update_run(run_id, status=Status.RUNNING, pid=os.getpid())
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how in ("killed in its second case", "killed again and again in its second case"):
            again = store.results(run_id, rounds=False)
            measure(store, run_id, CASES[:1])
            if not again or "again" in how:
                os.kill(os.getpid(), signal.SIGKILL)
        if how in ("deaf", "slow"):
            if how == "deaf":
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            tell(b'{"kind": "note", "text": "ready"}')
            try:
                time.sleep(600)
            except KeyboardInterrupt:
                store.update_run(run_id, status=Status.INTERRUPTED, ended=utc_now())
                return 130
        if how == "loud":
            for line in (b"no JSON", b"[1, 2]", b"\xff\xfe\0", b'{"kind": ' * 20_000, b"x" * 300_000):
                tell(line)
            print("noise " * 200_000)
        measure(store, run_id, CASES)
        tell(b'{"kind": "reading", "power_w.VDD_IN": 5.0}')
        store.update_run(run_id, status=Status.DONE, ended=utc_now())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))

"""What a run tells the service that started it, and what it does where the service has gone."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from orac_bench.lock import Holder
from orac_bench.records import Failure, Status
from orac_bench.report import EVENTS_FD, Report, reporting
from tests.builders import a_case, a_round
from tests.waiting import eventually


class Pipe:
    """A pipe whose reading end can be closed."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()
        self.ended: list[str] = []

    def report(self) -> Report:
        return Report(self.writes, end=lambda: self.ended.append("ended"))

    def lines(self) -> list[dict[str, object]]:
        os.set_blocking(self.reads, False)
        return [json.loads(line) for line in os.read(self.reads, 1 << 20).splitlines()]

    def leave(self) -> None:
        os.close(self.reads)
        self.reads = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    with ExitStack() as stack:
        stack.callback(lambda: [os.close(end) for end in (made.reads, made.writes) if end >= 0])
        yield made


def test_each_thing_that_happens_is_a_line(pipe: Pipe) -> None:
    report, case = pipe.report(), a_case()
    report.waiting(Holder(pid=7, what="decode", since=None))
    report.note("the board is hot")
    report.case_started(case, warmup=2, rounds=10)
    report.round_kept(case, a_round(index=3))
    report.case_ended(case, Status.FAILED, Failure(code="ollama", message="it died"))
    assert pipe.lines() == [
        {"kind": "waiting", "text": "decode (process 7)"},
        {"kind": "note", "text": "the board is hot"},
        {"kind": "case", "case": case.key, "warmup": 2, "rounds": 10},
        {"kind": "round", "case": case.key, "phase": "measure", "index": 3},
        {"kind": "case_ended", "case": case.key, "status": "failed", "error": "it died"},
    ]


def test_a_line_that_a_pipe_does_not_take_at_once_keeps_its_kind(pipe: Pipe) -> None:
    pipe.report().note("x" * select.PIPE_BUF)
    assert pipe.lines() == [{"kind": "note"}]


def test_a_reader_that_is_slow_costs_nothing_and_misses_what_had_no_room(pipe: Pipe) -> None:
    report = pipe.report()
    for _ in range(5000):
        report.note("x" * 100)
    assert 100 < len(pipe.lines()) < 5000
    assert pipe.ended == []


def test_readings_come_while_they_are_there(pipe: Pipe) -> None:
    with pipe.report().watched(lambda: {"t_s": 1.5, "power_w.VDD_IN": 5.1}):
        eventually(lambda: select.select([pipe.reads], [], [], 0)[0])
    assert pipe.lines()[0] == {"kind": "reading", "t_s": 1.5, "power_w.VDD_IN": 5.1}


def test_the_run_is_ended_once_where_the_reader_has_gone_whoever_notices_it(pipe: Pipe) -> None:
    report = pipe.report()
    with report.watched(dict):
        pipe.leave()
        eventually(lambda: pipe.ended)
        report.note("nobody hears this")
        report.note("nor this")
    assert pipe.ended == ["ended"]


def test_a_writer_notices_it_as_well(pipe: Pipe) -> None:
    report = pipe.report()
    pipe.leave()
    report.note("one")
    report.note("two")
    assert pipe.ended == ["ended"]


def test_nothing_is_reported_where_nobody_asks() -> None:
    with reporting({}, dict) as report:
        assert report is None


def test_a_process_whose_reader_goes_is_interrupted() -> None:
    reads, writes = os.pipe()
    script = """
import os, time
from orac_bench.report import reporting
try:
    with reporting(os.environ, dict) as report:
        report.note("ready")
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, EVENTS_FD: str(writes)},
        pass_fds=(writes,),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writes)
        assert b"ready" in os.read(reads, 4096)
        os.close(reads)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "interrupted\n")

"""What a person sees while it measures: plain lines in a file, a following line on a terminal, time left in both."""

import io
from dataclasses import replace

import pytest

from orac_bench.flags import Flag
from orac_bench.forecast import Work, work_units
from orac_bench.lock import Holder
from orac_bench.progress import Progress
from orac_bench.records import Failure, Phase, Status
from orac_bench.suites.grid import SUITES, Wishes, points
from tests.builders import a_case, a_round

FIRST, SECOND = a_case(), a_case(suite="decode")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def progress(out, *units):
    clock = Clock()
    return Progress(out, [Work(units=unit) for unit in units], clock=clock), clock


def test_in_a_file_each_case_is_one_line_with_its_result_and_the_time_left():
    out = io.StringIO()
    shown, clock = progress(out, 1.0, 3.0)

    shown.case_started(FIRST, warmup=1, rounds=2)
    for index in range(2):
        clock.now += 5
        shown.round_kept(FIRST, a_round(index=index))
    shown.case_ended(FIRST, Status.DONE, None)
    shown.case_started(SECOND, warmup=0, rounds=1)
    clock.now += 30
    shown.round_kept(SECOND, a_round())
    shown.case_ended(SECOND, Status.DONE, None)

    assert out.getvalue().splitlines() == [
        "[1/2] tiny first_token 64 → 16: TTFT 200 ms  (10 s, about 30 s left)",  # 3 units more at 10 s each
        "[2/2] tiny decode 64 → 16: Decode 50.0 tok/s  (30 s)",
    ]


def test_a_case_that_was_measured_before_is_counted_and_takes_no_time():
    out = io.StringIO()
    shown, clock = progress(out, 1.0, 3.0, 1.0)

    shown.case_passed_over()
    shown.case_started(SECOND, warmup=0, rounds=1)
    clock.now += 30
    shown.round_kept(SECOND, a_round())
    shown.case_ended(SECOND, Status.DONE, None)

    assert out.getvalue().splitlines() == [
        "[2/3] tiny decode 64 → 16: Decode 50.0 tok/s  (30 s, about 10 s left)",  # 1 unit more at 10 s each
    ]


def test_on_a_terminal_the_line_follows_the_rounds_and_is_replaced():
    out = Terminal()
    shown, clock = progress(out, 1.0)

    shown.case_started(FIRST, warmup=1, rounds=3)
    clock.now = 2.0
    shown.round_kept(FIRST, a_round(phase=Phase.WARMUP))
    clock.now = 4.0
    shown.round_kept(FIRST, a_round())

    assert out.getvalue().split("\r\x1b[K")[1:] == [
        "[1/1] tiny first_token 64 → 16: loading",
        "[1/1] tiny first_token 64 → 16: warm-up 1/1, TTFT 200 ms, about 6 s left",  # 1 of 4 rounds in 2 s
        "[1/1] tiny first_token 64 → 16: round 1/3, TTFT 200 ms, about 4 s left",
    ]


def test_a_failure_is_told_with_its_reason_and_what_was_left_out_is_counted():
    out = io.StringIO()
    shown, _ = progress(out, 1.0, 1.0)

    shown.case_started(FIRST, warmup=0, rounds=2)
    shown.round_kept(FIRST, a_round(failure=Failure(code="ollama_refused", message="500")))
    shown.case_ended(FIRST, Status.FAILED, Failure(code="failed_rounds", message="1 round failed."))
    shown.case_started(SECOND, warmup=0, rounds=1)
    shown.round_kept(SECOND, a_round(flags=[Flag.SHORT_OUTPUT]))
    shown.round_kept(SECOND, a_round(index=1))
    shown.case_ended(SECOND, Status.DONE, None)

    assert out.getvalue().splitlines() == [
        "[1/2] tiny first_token 64 → 16: failed. 1 round failed.  (0 s)",
        "[2/2] tiny decode 64 → 16: Decode 50.0 tok/s, 1 left out  (0 s)",
    ]


def test_notes_and_whom_it_waits_for_have_lines_of_their_own():
    out = io.StringIO()
    shown, _ = progress(out)

    shown.note("a thing to know")
    shown.waiting(Holder(pid=7, what="decode of phi-2", since="2026-11-22T12:00:00Z"))

    assert out.getvalue().splitlines() == [
        "  note: a thing to know",
        "  waiting: this machine is measuring already: decode of phi-2 (process 7), since 2026-11-22T12:00:00Z",
    ]


def test_work_grows_with_tokens_rounds_and_the_models_size():
    one = work_units(size_b=100, prompt_tokens=64, output_tokens=16, rounds=1)

    assert one == (64 / 8 + 16 + 8) * 100
    assert work_units(size_b=200, prompt_tokens=64, output_tokens=16, rounds=3) == pytest.approx(6 * one)
    assert work_units(size_b=100, prompt_tokens=None, output_tokens=16, rounds=1) == one


def test_blocks_are_told_one_by_one_and_a_case_when_its_last_is_over():
    out, clock = io.StringIO(), Clock()
    point = replace(points(SUITES["first_token"], Wishes(rounds=2, warmup=0))[0], blocks=2)
    plan = [Work(units=1.0, ends=ends) for ends in (False, False, True, True)]
    shown = Progress(out, plan, clock=clock)

    for block in range(2):
        for case in (FIRST, SECOND):
            shown.block_started(case, replace(point, block=block), ())
            clock.now += 5
            shown.round_kept(case, a_round(index=block))
            if block == 1:
                shown.case_ended(case, Status.DONE, None)

    assert out.getvalue().splitlines() == [
        "  block 1 of 2",
        "  block 2 of 2, about 10 s left",
        "[1/2] tiny first_token 64 → 16: TTFT 200 ms  (10 s, about 5 s left)",  # 5 s in each block
        "[2/2] tiny decode 64 → 16: Decode 50.0 tok/s  (10 s)",
    ]


def test_on_a_terminal_the_line_names_the_block():
    out = Terminal()
    shown, _ = progress(out, 1.0)
    point = replace(points(SUITES["first_token"], Wishes(rounds=4, warmup=1))[0], blocks=2, block=1)

    shown.block_started(FIRST, point, [a_round(index=0), a_round(index=1)])
    shown.round_kept(FIRST, a_round(phase=Phase.WARMUP, index=1))
    shown.round_kept(FIRST, a_round(index=2))

    assert [line.partition(", TTFT")[0] for line in out.getvalue().split("\r\x1b[K")[1:]] == [
        "  block 2 of 2\n",
        "[1/1] tiny first_token 64 → 16: loading",
        "[1/1] tiny first_token 64 → 16: block 2/2, warm-up 1/1",
        "[1/1] tiny first_token 64 → 16: block 2/2, round 1/2",
    ]


def test_where_a_precision_is_wanted_the_line_says_how_well_it_is_known():
    out = Terminal()
    shown = Progress(out, [Work(units=1.0)], clock=Clock(), precision=0.02)

    shown.case_started(FIRST, warmup=0, rounds=10)
    for index, ttft_s in enumerate((0.2, 0.2, 0.2, 0.2, 0.2, 0.204)):
        shown.round_kept(FIRST, a_round(index=index, metrics={"ttft_s": ttft_s}))
    shown.case_ended(FIRST, Status.DONE, None)

    lines = out.getvalue().split("\r\x1b[K")
    assert "round 5, known to ± unknown of 2.00 %, TTFT 200 ms" in lines[6]
    assert "round 6, known to ±1.00 % of 2.00 %, TTFT 204 ms" in lines[7]  # 200 to 204 ms
    assert "TTFT 200 ms ±1.00 %" in lines[8]

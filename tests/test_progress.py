"""What a person sees while it measures: plain lines in a file, a following line on a terminal, time left in both."""

import io

import pytest

from orac_bench.lock import Holder
from orac_bench.progress import Progress, Work, work_units
from orac_bench.records import Failure, Flag, Phase, Status
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
    shown.case_ended(FIRST, Status.FAILED, Failure(code="failed_rounds", message="1 rounds failed."))
    shown.case_started(SECOND, warmup=0, rounds=1)
    shown.round_kept(SECOND, a_round(flags=[Flag.SHORT_OUTPUT]))
    shown.round_kept(SECOND, a_round(index=1))
    shown.case_ended(SECOND, Status.DONE, None)

    assert out.getvalue().splitlines() == [
        "[1/2] tiny first_token 64 → 16: failed. 1 rounds failed.  (0 s)",
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

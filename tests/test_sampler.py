"""The sampler: two paces, one thread, sources that fail, and readings that enclose a round."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import pytest

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.sampler import Sampler
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.sources.sysfs import sysfs
from orac_bench.telemetry.sources.tegrastats import Tegrastats
from tests.fakes.board import orin_nano
from tests.fakes.tegrastats_replay import program
from tests.waiting import eventually

LOG = Path(__file__).parent / "data" / "tegrastats" / "orin-nano_jp6_R36.5_sudo_100ms_log.txt"
MS = 10**6


class Counting:
    """A source that counts what is done to it, and fails when `failing` says so."""

    name = "counting"
    notes: tuple[str, ...] = ()

    def __init__(self, failing: Callable[[str], bool] = lambda _: False) -> None:
        self.events: list[str] = []
        self._failing = failing

    def __enter__(self) -> Counting:
        self._do("open")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.events.append("close")

    def fileno(self) -> int | None:
        return None

    def read(self) -> Sequence[Sample]:
        self._do("read")
        return (Sample(source="counting", at_ns=time.monotonic_ns(), values={"gpu_hz": float(len(self.events))}),)

    def _do(self, what: str) -> None:
        self.events.append(what)
        if self._failing(what):
            raise MissingPrerequisite(f"cannot {what}.")


def test_it_reads_slowly_between_rounds_and_ten_times_as_often_in_one() -> None:
    with Sampler([Counting()], slow_s=0.5, fast_s=0.05) as sampler:
        time.sleep(1.2)
        slow = len(sampler.take())
        with sampler.fast():
            time.sleep(1.0)
        fast = len(sampler.take())
    assert 2 <= slow <= 4
    assert 15 <= fast <= 24


def test_a_round_has_a_reading_at_once_and_one_behind_its_end() -> None:
    with Sampler([Counting()], slow_s=60.0, fast_s=0.1) as sampler:
        eventually(lambda: sampler.latest)
        with sampler.fast():
            start_ns = time.monotonic_ns()
            time.sleep(0.25)
            end_ns = time.monotonic_ns()
        assert sampler.wait_past(end_ns)
        stamps = [sample.at_ns for sample in sampler.between(start_ns, end_ns)]
    assert stamps == sorted(stamps)
    assert stamps[-1] > end_ns
    assert sum(start_ns - 50 * MS <= stamp <= end_ns for stamp in stamps) >= 3


def test_of_a_source_that_tells_all_the_time_only_a_share_is_kept_between_rounds(tmp_path: Path) -> None:
    replay = Tegrastats(str(program(tmp_path, LOG)), period_s=0.05)
    with Sampler([replay], slow_s=1.0, fast_s=0.1) as sampler:
        time.sleep(2.2)
        slow = sampler.take()
        start_ns = time.monotonic_ns()
        with sampler.fast():
            time.sleep(0.5)
        assert sampler.wait_past(time.monotonic_ns())
        fast = sampler.take()
    assert 2 <= len(slow) <= 4
    assert len(fast) >= 8
    assert fast[0].at_ns < start_ns < fast[1].at_ns  # the reading before the round was kept after all
    assert start_ns - fast[0].at_ns < 200 * MS


def test_lines_are_stamped_on_arrival_and_not_at_the_tick(tmp_path: Path) -> None:
    with (
        Sampler([Tegrastats(str(program(tmp_path, LOG)), period_s=0.05)], slow_s=30.0, fast_s=30.0) as sampler,
        sampler.fast(),
    ):
        samples = [*sampler.take()]
        eventually(lambda: samples.extend(sampler.take()) or len(samples) >= 16)  # type: ignore[func-returns-value]
    gaps = [(later.at_ns - earlier.at_ns) / MS for earlier, later in pairwise(samples)]
    assert 45 <= sorted(gaps)[len(gaps) // 2] <= 90


def test_after_a_restart_of_the_child_lines_are_still_stamped_on_arrival(tmp_path: Path) -> None:
    replay = Tegrastats(str(program(tmp_path, LOG, then="exit", lines=8)), period_s=0.05, first_pause_ns=1)
    with Sampler([replay], slow_s=0.3, fast_s=0.3) as sampler, sampler.fast():
        samples = [*sampler.take()]
        eventually(lambda: samples.extend(sampler.take()) or len(samples) >= 20)  # type: ignore[func-returns-value]
        assert replay.starts >= 3
    gaps = [(later.at_ns - earlier.at_ns) / MS for earlier, later in pairwise(samples)]
    assert sum(45 <= gap <= 90 for gap in gaps) >= 0.7 * len(gaps)


def test_a_source_that_fails_costs_its_readings_and_not_those_of_the_others() -> None:
    reads = iter(range(100))
    broken = Counting(lambda what: what == "read" and next(reads) == 1)
    good = Counting()
    with Sampler([broken, good], slow_s=0.05, fast_s=0.05) as sampler:
        eventually(lambda: "close" in broken.events)
        before = good.events.count("read")
        eventually(lambda: good.events.count("read") >= before + 3)
        notes = sampler.notes
    assert broken.events == ["open", "read", "read", "close"]
    assert notes == ("The telemetry source counting failed: cannot read.",)


def test_a_source_that_cannot_be_opened_is_tried_again_later() -> None:
    opens = iter(range(100))
    late = Counting(lambda what: what == "open" and next(opens) == 0)
    with Sampler([late], slow_s=0.05, fast_s=0.05, reopen_s=0.2) as sampler:
        assert sampler.latest is None
        eventually(lambda: sampler.latest)
    assert late.events[:3] == ["open", "open", "read"]
    assert late.events[-1] == "close"
    assert sampler.notes == ("cannot open.",)


def test_memory_is_bounded_and_what_was_dropped_is_counted() -> None:
    source = Counting()
    with (
        Sampler([source], slow_s=0.01, fast_s=0.01, kept=5) as sampler,
        sampler.fast(),
    ):  # the slow pace leaves some out
        eventually(lambda: source.events.count("read") > 10)  # more than 10: the last one may still be on its way
        taken = sampler.take()
        assert len(taken) == 5
        assert sampler.dropped >= 5
        assert len(sampler.between(0, time.monotonic_ns())) == 5


def test_a_look_at_the_last_seconds_goes_through_those_alone_and_beyond_what_was_told_late() -> None:
    # given ten minutes at 10 Hz, the last of which was told six seconds late
    looked: list[int] = []

    class Watched(int):
        def __ge__(self, other: int) -> bool:
            looked.append(int(self))
            return int(self) >= other

    stamps = [number * 100 * MS for number in range(6_000)]
    stamps[-1] -= 6_000 * MS
    told: list[Sample] = []

    class Told(Counting):
        def read(self) -> Sequence[Sample]:
            given, told[:] = [*told], []
            return given

    with Sampler([Told()]) as sampler, sampler.fast():
        told += [Sample(source="counting", at_ns=Watched(stamp), values={"gpu_hz": 1.0}) for stamp in stamps]
        eventually(lambda: sampler.latest)
        # when the last five seconds are asked for
        found = sampler.between(stamps[-2], stamps[-2], around_ns=5_000 * MS)
    assert [sample.at_ns for sample in found] == stamps[-52:-1]
    assert len(looked) < 300


@pytest.mark.parametrize(("later_s", "kept_s"), [(1.5, [0.0, 0.5, 1.5]), (20.0, [0.0, 20.0])])
def test_the_reading_that_was_left_out_before_a_round_is_kept_unless_its_source_was_silent_since(
    later_s: float, kept_s: list[float]
) -> None:
    def at(seconds: float) -> Sample:
        return Sample(source="counting", at_ns=10**12 + round(seconds * 1e9), values={"gpu_hz": 1.0})

    told = [[at(0.0), at(0.5)]]  # the second one comes too soon for the slow pace

    class Told(Counting):
        def read(self) -> Sequence[Sample]:
            return told.pop() if told else []

    with Sampler([Told()], slow_s=60.0) as sampler:
        eventually(lambda: sampler.latest)
        told.append([at(later_s)])
        with sampler.fast():
            eventually(lambda: sampler.latest == at(later_s))
        assert [*sampler.take()] == [at(seconds) for seconds in kept_s]


def test_without_a_source_it_waits_for_nothing_and_has_nothing() -> None:
    with Sampler([]) as sampler, sampler.fast():
        assert not sampler.wait_past(0, limit_s=0.05)
        assert (sampler.latest, sampler.take()) == (None, ())


def test_the_thread_ends_with_the_sampler_and_starts_again_with_it() -> None:
    sampler = Sampler([Counting()])
    for _ in range(2):
        with sampler:
            assert "orac-sampler" in [thread.name for thread in threading.enumerate()]
        assert "orac-sampler" not in [thread.name for thread in threading.enumerate()]


def test_its_own_cost_over_a_tree_of_files_is_small_and_known(tmp_path: Path) -> None:
    with Sampler([sysfs(orin_nano(tmp_path))]) as sampler, sampler.fast():
        time.sleep(2.0)
    assert 0 < sampler.cpu_s < 0.1  # 5 % of a core here, on a machine that others use; 1 % is measured apart

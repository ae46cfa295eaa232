"""The source that runs tegrastats: a program that prints recorded lines stands in, and misbehaves."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orac_bench.errors import MissingPrerequisite, UsageError
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.sources.replay import Replay
from orac_bench.telemetry.sources.tegrastats import Tegrastats
from orac_bench.telemetry.sources.values import values_of
from orac_bench.telemetry.tegrastats import parse_line
from tests.fakes.tegrastats_replay import program
from tests.waiting import eventually, running

RECORDED = Path(__file__).parent / "data" / "tegrastats"
LOG = RECORDED / "orin-nano_jp6_R36.5_sudo_100ms_log.txt"
SECOND_NS = 10**9


def read_until(source: Tegrastats, done: Callable[[list[Sample]], bool], *, limit_s: float = 20.0) -> list[Sample]:
    """What the source tells until `done`; fails after `limit_s`."""
    samples: list[Sample] = []

    def read() -> bool:
        samples.extend(source.read())
        return done(samples)

    eventually(read, within_s=limit_s)
    return samples


def test_lines_become_samples_as_they_are_printed(tmp_path: Path) -> None:
    with Tegrastats(str(program(tmp_path, LOG)), period_s=0.05) as source:
        samples = read_until(source, lambda samples: len(samples) >= 3)
    lines = LOG.read_text().splitlines()
    assert [sample.values for sample in samples[:3]] == [values_of(parse_line(line)) for line in lines[:3]]
    assert samples[0].values["power_w.VDD_IN"] == 5.971
    assert samples[0].at_ns < samples[1].at_ns < samples[2].at_ns
    assert (source.bad_lines, source.starts, source.notes) == (0, 1, ())


def test_the_child_is_gone_when_the_source_is_left(tmp_path: Path) -> None:
    with Tegrastats(str(program(tmp_path, LOG, then="hang", lines=1))) as source:
        child = source.child_id
        assert child is not None
        read_until(source, lambda samples: len(samples) == 1)
    assert not running(child)
    assert source.child_id is None


def test_the_child_is_gone_soon_after_we_were_killed(tmp_path: Path) -> None:
    code = (
        "import time, sys; from orac_bench.telemetry.sources.tegrastats import Tegrastats\n"
        f"with Tegrastats({str(program(tmp_path, LOG))!r}) as source:\n"
        "    print(source.child_id, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not running(child), within_s=10)


def test_a_child_that_ends_is_started_again_and_a_note_says_so(tmp_path: Path) -> None:
    replay = str(program(tmp_path, LOG, then="exit", lines=2))
    with Tegrastats(replay, period_s=0.02, first_pause_ns=SECOND_NS // 20) as source:
        samples = read_until(source, lambda samples: len(samples) >= 5)
        assert source.starts >= 3
    assert [sample.values["power_w.VDD_IN"] for sample in samples[:4]] == [5.971, 6.011, 5.971, 6.011]
    assert source.notes == (f"{replay} ended; it is started again.",)


def test_the_pause_before_the_next_start_doubles_while_nothing_good_is_printed(tmp_path: Path) -> None:
    now = [0]
    nothing = tmp_path / "nothing"
    nothing.write_text("#!/bin/sh\nexit 1\n")
    nothing.chmod(0o755)
    starts = []
    with Tegrastats(str(nothing), clock=lambda: now[0]) as source:
        for now[0] in range(0, 20 * SECOND_NS, SECOND_NS // 4):
            before = source.starts
            eventually(lambda: source.child_id is None or not running(source.child_id))
            source.read()
            if source.starts > before:
                starts.append(now[0] // SECOND_NS)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert starts[0] in (1, 2)
    assert [gap in (wanted, wanted + 1) for gap, wanted in zip(gaps, (2, 4, 8), strict=False)] == [True] * len(gaps)
    assert len(gaps) >= 2


def test_a_child_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    replay = str(program(tmp_path, LOG, then="hang", lines=1))
    with Tegrastats(replay, silence_ns=SECOND_NS // 2, first_pause_ns=1) as source:
        first = source.child_id
        read_until(source, lambda samples: len(samples) >= 2)
        assert first is not None
        assert not running(first)
    assert source.notes == (f"{replay} said nothing for 0.5 s; it is started again.",)


def test_a_flood_costs_little_and_the_last_line_of_it_is_read(tmp_path: Path) -> None:
    with Tegrastats(str(program(tmp_path, LOG, then="flood", lines=1))) as source:
        begun = time.process_time()
        for _ in range(50):
            source.read()
            time.sleep(0.02)
        assert time.process_time() - begun < 0.3
    assert any("lines at once; only the last of them is read." in note for note in source.notes)


def test_garbage_is_counted_and_noted_once(tmp_path: Path) -> None:
    with Tegrastats(str(program(tmp_path, LOG, then="garbage", lines=1)), period_s=0.02) as source:
        read_until(source, lambda _: source.bad_lines >= 5)
    assert 1 <= len(source.notes) <= 3
    assert all("a line that cannot be read" in note for note in source.notes)


def test_a_program_that_vanishes_is_noted_and_started_when_it_is_back(tmp_path: Path) -> None:
    replay = program(tmp_path, LOG, then="exit", lines=1)
    with Tegrastats(str(replay), period_s=0.01, first_pause_ns=SECOND_NS // 20) as source:
        read_until(source, lambda samples: len(samples) == 1)
        away = replay.rename(tmp_path / "away")
        read_until(source, lambda _: len(source.notes) == 2)
        away.rename(replay)
        read_until(source, lambda samples: len(samples) == 1)
    assert source.notes == (
        f"{replay} ended; it is started again.",
        f"{replay} cannot be started again: No such file or directory.",
    )


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    endless.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S -c 'while True: print(4096 * chr(120), end=str())'\n")
    endless.chmod(0o755)
    with Tegrastats(str(endless)) as source:
        read_until(source, lambda _: source.bad_lines >= 3)
        assert len(source._rest) <= 16_384


@pytest.mark.parametrize("mode", [None, 0o644])
def test_a_program_that_is_not_there_or_not_executable_is_refused_with_a_way_out(
    tmp_path: Path, mode: int | None
) -> None:
    path = tmp_path / "tegrastats"
    if mode is not None:
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
    with pytest.raises(MissingPrerequisite) as refused, Tegrastats(str(path)):
        pass
    assert refused.value.next == "Set ORAC_TEGRASTATS to the program, or ORAC_TELEMETRY=sysfs."


def test_unknown_words_keep_the_raw_line_and_known_ones_do_not(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("RAM 1/2MB (lfb 1x4MB) CPU [0%@1] FUTURE\nRAM 1/2MB (lfb 1x4MB) CPU [0%@1]\n")
    with Tegrastats(str(program(tmp_path, log, then="hang", lines=2)), period_s=0.01) as source:
        samples = read_until(source, lambda samples: len(samples) == 2)
    assert [sample.raw for sample in samples] == ["RAM 1/2MB (lfb 1x4MB) CPU [0%@1] FUTURE", None]


def test_values_leave_out_what_is_not_known() -> None:
    thor = values_of(parse_line((RECORDED / "thor_jp7_R38.txt").read_text().splitlines()[4]))
    assert "gpu_load_ratio" not in thor
    assert thor["gpu_hz"] == 314e6
    nano = values_of(parse_line((RECORDED / "nano_jp4_R32.txt").read_text().splitlines()[1]))
    assert "emc_load_ratio" not in nano  # 0 % without a clock: what is printed without root
    assert values_of(parse_line("")) == {}


def test_a_replayed_log_keeps_its_pace_and_begins_again_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"RAM {n}/9MB (lfb 1x4MB) CPU [0%@1]\n" for n in (1, 2, 3)))
    now = [5 * SECOND_NS]
    with Replay(log, clock=lambda: now[0]) as source:
        told = []
        for now[0] in (5 * SECOND_NS, 6 * SECOND_NS, 9 * SECOND_NS):
            told.append([(s.at_ns // SECOND_NS, s.values["ram_used_b"] / 2**20) for s in source.read()])
    assert told == [[(5, 1)], [(6, 2)], [(7, 3), (8, 1), (9, 2)]]
    assert list(source.read()) == []


def test_after_a_long_silence_a_replay_tells_one_turn_and_not_all_of_the_past() -> None:
    now = [0]
    with Replay(LOG, clock=lambda: now[0]) as source:
        source.read()
        now[0] = 10**15
        assert len(source.read()) in (660, 661, 662)


def test_a_replay_of_no_file_or_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingPrerequisite) as refused, Replay(tmp_path / "none"):
        pass
    assert refused.value.next == "Write the setting as ORAC_TELEMETRY=replay:FILE"
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(UsageError), Replay(tmp_path / "text"):
        pass

"""Telemetry through the whole recipe: a board made of files, a server of known timing, and what a round then says."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.errors import StoreFull
from orac_bench.flags import Flag
from orac_bench.measurement import Measurement
from orac_bench.observer import Observer, has_gpu
from orac_bench.records import Chunk, Generation, Phase, Result, Round, ServerTimings, Status
from orac_bench.selfcheck.known_server import known_server
from orac_bench.settings import Settings
from orac_bench.store.store import Store, open_store
from orac_bench.telemetry.round import edges
from orac_bench.telemetry.sampler import Sampler
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.sources.sysfs import sysfs
from orac_bench.watch import Rules
from tests.builders import a_run, later
from tests.fakes.board import MONITOR, ZONES, orin_nano, write
from tests.sessions import Events, a_point, a_session, measure, one_round, settings_for
from tests.waiting import eventually

LOG = Path(__file__).parent / "data" / "tegrastats" / "orin-nano_jp6_R36.5_sudo_100ms_log.txt"
IDLE_W, LOAD_W, TAU_S = 5.0, 12.0, 0.52
TOKENS = 40
SLOW = {"ttft_s": 0.3, "token_s": 0.02}
"""0.3 s of prefill and 0.8 s of decode: short enough for the lag to hide most of it."""


class Meter:
    """The board's VDD_IN, as its sensor would read it: 5 W, 12 W more while a load is on, with a lag of 0.52 s.

    `late_s` is the longest that its file stood still since the load last changed: on a busy machine the thread that
    writes it is not always let.
    """

    def __init__(self, root: Path) -> None:
        write(root, f"{MONITOR}/in1_input", 5000)
        self._file = os.open(write(root, f"{MONITOR}/curr1_input", f"{1000:08d}"), os.O_WRONLY)
        self._power_w = self._read_w = IDLE_W
        self._then = time.monotonic()
        self.late_s = 0.0
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._file)

    def load(self, watts: float) -> float:
        """Draws so many watts from now on. Returns `late_s` of the time before."""
        self._follow()
        late_s, self.late_s = self.late_s, 0.0
        self._power_w = IDLE_W + watts
        return late_s

    def _follow(self) -> None:
        """What the sensor reads now, of the power that was drawn since it was last asked."""
        with self._turn:
            now = time.monotonic()
            self._read_w = self._power_w + (self._read_w - self._power_w) * math.exp(-(now - self._then) / TAU_S)
            self.late_s, self._then = max(self.late_s, now - self._then), now
            os.pwrite(self._file, f"{round(self._read_w / 5 * 1000):08d}".encode(), 0)  # mA at 5 V

    def _run(self) -> None:
        while not self._over.wait(0.01):
            self._follow()


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The files of an Orin Nano."""
    return orin_nano(tmp_path / "board")


def on(board: Path, url: str, folder: Path, **changed: object) -> Settings:
    """Settings for the server at `url`, with the telemetry of `board`."""
    return replace(settings_for(url, folder), telemetry="sysfs", sysfs_root=board, **changed)  # type: ignore[arg-type]


NOISE = frozenset({Flag.CLIENT_SERVER_DISAGREE, Flag.PREFILL_CACHED})
"""Flags of timing that a busy machine gives a round of a few tokens."""


@contextmanager
def measuring(
    settings: Settings, *, rounds: int = 1, tokens: int = 4, events: Events | None = None
) -> Iterator[Measurement]:
    """A case whose power at rest was measured for half a second."""
    with a_session(settings, events=events) as (session, candidate):
        session.observer.settle_s, session.observer.rest_s = 0.1, 0.4
        with session.measuring(candidate, a_point(rounds=rounds, warmup=0, output_tokens=tokens)) as measurement:
            yield measurement


def told(round: Round) -> frozenset[Flag]:
    """What a round says of the board, whatever the machine that plays it did meanwhile."""
    return round.flags - NOISE - {Flag.TELEMETRY_GAP}


def stored(settings: Settings) -> Result:
    with open_store(settings.database_url, write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=True)
    return result


def metered(board: Path, folder: Path) -> tuple[Settings, str]:
    """A run of one round of 1.1 s on a board that draws 17 W meanwhile; measured again where its meter stood still."""
    for attempt in range(5):
        with known_server(**SLOW) as server, Meter(board) as meter:
            settings = on(board, server.url, folder / str(attempt))
            with a_session(settings) as (session, candidate):
                point = a_point(rounds=1, warmup=0, output_tokens=TOKENS)
                with session.measuring(candidate, point) as measurement:
                    prepared = measurement.prepare(Phase.MEASURE)
                    meter.load(LOAD_W)
                    prepared.send()
                    late_s = meter.load(0.0)
                    measurement.keep(prepared)
                session.end(interrupted=False)
        if late_s < 0.08:
            break
    return settings, session.run.id


def test_a_round_knows_its_energy_through_the_lagging_sensor_and_above_idle(board: Path, tmp_path: Path) -> None:
    # given a board that rests at 5 W and draws 17 W while the model runs, which takes 1.1 s
    settings, run = metered(board, tmp_path)
    # then the round has the energy of 17 W, of which 12 W are above idle, although the sensor never showed 17 W
    result = stored(settings)
    (round,) = result.rounds
    took_s = round.metrics["e2e_s"]
    assert round.metrics["energy_j"] == pytest.approx(17 * took_s, rel=0.08)
    assert round.metrics["energy_above_idle_j"] == pytest.approx(12 * took_s, rel=0.08)
    assert round.metrics["power_w_mean"] == pytest.approx(17, rel=0.08)
    # and each phase its share: a token costs 17 W for 20 ms
    assert round.metrics["joules_per_output_token"] == pytest.approx(17 * 0.02, rel=0.12)
    how = round.raw["telemetry"]
    assert isinstance(how, dict)
    covered = pytest.approx(1.0, abs=0.02)  # on a busy machine the last reading can come a moment before the end
    assert (how["measured"], how["tau_s"], how["coverage_ratio"]) == ("VDD_IN", 0.52, covered)
    assert float(str(how["prefill_j"])) + float(str(how["decode_j"])) == pytest.approx(round.metrics["energy_j"])
    # and idle was measured before the first round and after the last
    assert result.facts["idle_before_w"] == pytest.approx(5.0, abs=0.1)
    assert result.facts["idle_after_w"] == pytest.approx(5.0, abs=0.1)
    # and the rest is there: heat, clocks, memory, and what it cost
    assert round.metrics["temperature_max_celsius"] == 49.593
    assert round.metrics["temperature_start_celsius"] == 49.593
    assert round.metrics["gpu_hz_mean"] == 306_000_000
    assert round.metrics["ram_peak_b"] == (7_789_000 - 5_789_000) * 1024
    assert 0 <= round.metrics["sampler_cpu_s"] < 0.3
    assert round.flags - NOISE == frozenset()
    # and the readings are stored, faster within the round than before it
    with open_store(settings.database_url, write=False) as store:
        readings = store.readings(run)
        assert store.check() == ()
    assert {"t_s", "power_w.VDD_IN", "temperature_celsius.tj", "gpu_hz"} <= set(readings)
    assert len(readings["t_s"]) > 40


def test_heat_over_current_and_a_changed_mode_leave_a_round_out_with_the_reason(board: Path, tmp_path: Path) -> None:
    def hot() -> None:
        write(board, "sys/class/thermal/cooling_device1/cur_state", 1)

    def current() -> None:
        write(board, "sys/class/hwmon/hwmon2/oc3_event_cnt", 7)

    def mode() -> None:
        write(board, "var/lib/nvpmodel/status", "pmode:0000")

    with known_server(ttft_s=0.1, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path)
        with measuring(settings, rounds=3) as measurement:
            for happens in (hot, current, mode):
                attempt = measurement.prepare(Phase.MEASURE)
                attempt.send()
                happens()
                measurement.keep(attempt)
                write(board, "sys/class/thermal/cooling_device1/cur_state", 0)
    result = stored(settings)
    assert [(sorted(flag.value for flag in told(round)), round.counted) for round in result.rounds] == [
        (["throttled"], False),
        (["overcurrent"], False),
        (["power_mode_changed"], False),
    ]
    reasons = [round.raw["telemetry"]["flags"] for round in result.rounds]  # type: ignore[index, call-overload]
    assert reasons == [
        {"throttled": "cpu-throttle-alert is active"},
        {"overcurrent": "over-current events: 7 x oc3"},
        {"power_mode_changed": "the power mode went from 25W to 15W"},
    ]
    assert (result.done, result.summary) == (0, {})


def test_in_maxn_super_over_current_events_only_tell(board: Path, tmp_path: Path) -> None:
    write(board, "var/lib/nvpmodel/status", "pmode:0002")
    with known_server(ttft_s=0.1, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path)
        with measuring(settings) as measurement:
            attempt = measurement.prepare(Phase.MEASURE)
            attempt.send()
            write(board, "sys/class/hwmon/hwmon2/oc3_event_cnt", 7)
            kept = measurement.keep(attempt)
    (round,) = stored(settings).rounds
    assert (told(round), round.telling, round.counted) == ({Flag.OVERCURRENT}, {Flag.OVERCURRENT}, True)
    assert (kept.flags, kept.telling, kept.counted) == (round.flags, round.telling, round.counted)


def test_a_rail_that_vanishes_leaves_the_energy_empty_and_the_round_in(board: Path, tmp_path: Path) -> None:
    with known_server(ttft_s=0.1, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path)
        with measuring(settings, rounds=2) as measurement:
            with_energy = eventually(lambda: "energy_j" in (round := one_round(measurement)).metrics and round)
            attempt = measurement.prepare(Phase.MEASURE)
            write(board, f"{MONITOR}/curr1_input", "")  # it answers, and says nothing
            time.sleep(4)
            attempt.send()
            measurement.keep(attempt)
    assert with_energy.flags - NOISE == frozenset()
    *_, last = stored(settings).rounds
    assert ("energy_j" in last.metrics, last.flags - NOISE, last.counted) == (False, {Flag.TELEMETRY_GAP}, True)


NO_FOLDING = """
CREATE TRIGGER full BEFORE DELETE ON reading BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END
"""


class FullForReadings(Store):
    """A store whose disk has room for rounds only."""

    def add_readings(self, run_id: str, samples: Sequence[Sample], *, origin_ns: int) -> int:
        raise StoreFull(f"no space for {bool(samples)} readings of {bool(run_id)} since {bool(origin_ns)}.")


def test_readings_that_cannot_be_stored_cost_no_round(board: Path, tmp_path: Path) -> None:
    events = Events()
    with known_server(ttft_s=0.02, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path)
        with a_session(settings, events=events) as (session, candidate):
            session.observer.settle_s, session.observer.rest_s = 0.1, 0.4
            session.store = FullForReadings(session.store._engine, session.store.path)
            with session.measuring(candidate, a_point(rounds=1, warmup=0)) as measurement:
                one_round(measurement)
    assert stored(settings).done == 1
    assert any("readings could not be stored: no space" in text for text in events.told)


def test_old_readings_that_cannot_be_folded_cost_no_run(board: Path, tmp_path: Path) -> None:
    # given an old run whose readings cannot be folded
    events = Events()
    with known_server(ttft_s=0.02, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path)
        with open_store(settings.database_url, write=True) as store:
            old = later(-10 * 365 * 86_400)
            store.add_run(a_run(started=old), pid=1)
            store.add_readings(a_run().id, [Sample(source="sysfs", at_ns=1, values={"gpu_hz": 1.0})], origin_ns=0)
            store.update_run(a_run().id, status=Status.DONE, ended=old)
            with closing(sqlite3.connect(store.path)) as raw:
                raw.execute(NO_FOLDING)
        # when a new one begins
        with measuring(settings, events=events) as measurement:
            one_round(measurement)
    # then it says so, and is measured
    assert stored(settings).done == 1
    notes = [text for text in events.told if "folded" in text]
    assert notes == [
        f"note: Readings of old runs could not be folded to minutes: The database {store.path} cannot grow: "
        "no space is left on its device (database or disk is full). Free some space, or set ORAC_DATABASE_URL to a "
        "file elsewhere, then try again. The next run tries again."
    ]


def test_a_recording_gives_joules_and_flags_every_round(tmp_path: Path) -> None:
    with known_server(ttft_s=0.2, token_s=0.02) as server:
        settings = replace(settings_for(server.url, tmp_path), telemetry=f"replay:{LOG}")
        with measuring(settings, rounds=3, tokens=20) as measurement:
            measure(measurement)
    result = stored(settings)
    assert [told(round) for round in result.rounds] == [{Flag.REPLAYED}] * 3
    assert result.done == 3
    assert all(5.5 < round.metrics["power_w_mean"] < 7.5 for round in result.rounds)  # the log begins at rest, 6.2 W
    assert all(round.metrics["joules_per_output_token"] > 0 for round in result.rounds)
    assert all(49 < round.metrics["temperature_max_celsius"] < 50 for round in result.rounds)


def test_a_recorded_board_is_not_waited_for_because_waiting_does_not_cool_it(board: Path, tmp_path: Path) -> None:
    events = Events()
    zone = f"sys/class/thermal/thermal_zone{list(ZONES).index('tj-thermal')}/temp"
    with known_server(ttft_s=0.02, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path, gate_limit_s=30.0)
        with measuring(settings, events=events) as measurement:
            rules = measurement.observer._rules
            measurement.observer._rules = replace(rules, replayed=True)
            write(board, zone, 58_000)
            eventually(lambda: 58.0 in measurement.observer.latest()[1].values())
            started = time.monotonic()
            one_round(measurement)
    assert time.monotonic() - started < 15
    assert not any("cool" in text for text in events.told)


def test_a_hot_board_is_waited_for_with_progress_and_given_up_loudly(board: Path, tmp_path: Path) -> None:
    events = Events()
    zone = f"sys/class/thermal/thermal_zone{list(ZONES).index('tj-thermal')}/temp"
    with known_server(ttft_s=0.02, token_s=0.001) as server:
        settings = on(board, server.url, tmp_path, gate_limit_s=2.0)
        with measuring(settings, events=events) as measurement:
            write(board, zone, 58_000)
            eventually(lambda: 58.0 in measurement.observer.latest()[1].values())
            one_round(measurement)
    (round,) = stored(settings).rounds
    assert (told(round), round.counted) == ({Flag.STARTED_HOT}, True)
    waits = [text for text in events.told if "°C" in text]
    assert len(waits) == 2
    assert waits[0] == (
        "note: waiting for the board to cool: 58.0 °C, it began at 49.6 °C; a round starts at 52.6 °C, or after 2 s"
    )
    assert waits[1].startswith("note: The board is still at 58.0 °C after 2 s, above 52.6 °C")


def test_without_telemetry_a_round_is_what_it_was_before(tmp_path: Path) -> None:
    with known_server(ttft_s=0.02, token_s=0.001) as server:
        settings = replace(settings_for(server.url, tmp_path), telemetry="off")
        with measuring(settings) as measurement:
            one_round(measurement)
    (round,) = stored(settings).rounds
    assert "telemetry" not in round.raw
    assert not {"energy_j", "sampler_cpu_s", "ram_peak_b"} & set(round.metrics)


class Zone:
    """A source that tells one temperature whenever it is asked."""

    notes: tuple[str, ...] = ()

    def __init__(self, name: str, celsius: float) -> None:
        self.name, self.celsius = name, celsius

    def __enter__(self) -> Zone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fileno(self) -> int | None:
        return None

    def read(self) -> Sequence[Sample]:
        values = {"temperature_celsius.die": self.celsius}
        return (Sample(source=self.name, at_ns=time.monotonic_ns(), values=values),)


def test_a_hot_card_is_waited_for_although_the_processor_beside_it_is_cool(board: Path) -> None:
    # given a card that warms up after the run has begun, and a processor that is asked behind it
    card = Zone("nvml", 60.0)
    with Sampler([card, Zone("host", 50.0)], slow_s=0.05) as sampler:
        observer = Observer(sampler, Rules(root=board, tau_s=0.52, band_celsius=3, limit_s=0.1), note=print)
        observer.start()
        card.celsius = 85.0
        eventually(lambda: any(85.0 in sample.values.values() for sample in observer.recent()))
        # then the round would start hot
        assert (observer.start_celsius, observer.cool()) == (60.0, True)


def test_the_timed_region_has_no_telemetry_in_it(board: Path) -> None:
    # given an observer that has begun: the reading before the round is there already
    with Sampler([sysfs(board)]) as sampler:
        observer = Observer(sampler, Rules(root=board, tau_s=0.52, band_celsius=3, limit_s=1), note=print)
        observer.start()
        watch = observer.begin()
        latest = sampler.latest
        assert latest is not None
        assert time.monotonic_ns() - latest.at_ns < 50_000_000
        watch.pace.close()


def test_the_clock_of_samples_is_the_clock_of_calls() -> None:
    assert abs(time.monotonic_ns() - time.perf_counter_ns()) < 1_000_000


@pytest.fixture
def generation() -> Generation:
    return Generation(sent_ns=0, chunks=(Chunk(5, ""), Chunk(7, "a")), done_ns=9, timings=ServerTimings())


def test_phases_meet_at_the_first_chunk_with_text(generation: Generation) -> None:
    assert edges(generation) == (0, 7, 9)
    assert edges(replace(generation, chunks=())) == (0, 9)
    assert edges(replace(generation, chunks=(Chunk(9, "late"),))) == (0, 9)


def test_only_this_machine_itself_tells_whether_there_is_a_gpu(tmp_path: Path) -> None:
    assert has_gpu(orin_nano(tmp_path / "board"))
    assert not has_gpu(tmp_path / "nothing")

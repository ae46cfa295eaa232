"""Readings in the store: a row a tick, names by run, minutes when they are old, and gone with their run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orac_bench.errors import StoreFull, UnknownRun
from orac_bench.records import Status
from orac_bench.store.store import Store, open_store
from orac_bench.telemetry.source import Sample
from tests.builders import a_run, later

S = 10**9


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one run, opened ten days later."""
    store = open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(10 * 86_400))
    store.add_run(a_run(), pid=1)
    return store


def sample(at_s: float, source: str = "sysfs", raw: str | None = None, **values: float) -> Sample:
    return Sample(
        source=source, at_ns=round(at_s * S), values={k.replace("__", "."): v for k, v in values.items()}, raw=raw
    )


def test_a_tick_is_a_row_whatever_number_of_sources_tell_it(store: Store) -> None:
    with store:
        kept = store.add_readings(
            a_run().id,
            [
                sample(101.00, gpu_hz=306e6, power_w__VDD_IN=5.123),
                sample(101.01, "host", cpu_load_ratio=0.25, gpu_hz=1.0),  # the first to tell a value is believed
                sample(101.10, gpu_hz=918e6, power_w__VDD_IN=-0.398, temperature_celsius__tj=49.593),
            ],
            origin_ns=100 * S,
        )
        assert kept == 2
        assert store.readings(a_run().id) == {
            "t_s": [1.0, 1.1],
            "cpu_load_ratio": [0.25, None],
            "gpu_hz": [306_000_000, 918_000_000],
            "power_w.VDD_IN": [5.123, -0.398],
            "temperature_celsius.tj": [None, 49.593],
        }


def test_readings_before_the_run_are_not_stored_and_none_twice(store: Store) -> None:
    with store:
        given = [sample(99.0, gpu_hz=1.0), sample(101.0, gpu_hz=2000.0)]
        assert store.add_readings(a_run().id, given, origin_ns=100 * S) == 1
        assert store.add_readings(a_run().id, given, origin_ns=100 * S) == 0
        assert store.add_readings(a_run().id, [], origin_ns=0) == 0
        assert store.readings(a_run().id) == {"t_s": [1.0], "gpu_hz": [2000]}


def test_names_keep_their_columns_from_batch_to_batch_and_what_finds_none_is_left_out(store: Store) -> None:
    zones = {f"temperature_celsius__z{number}": 20.0 + number for number in range(14)}
    with store:
        store.add_readings(a_run().id, [sample(1, power_w__A=1.0)], origin_ns=0)
        store.add_readings(a_run().id, [sample(2, power_w__B=2.0, power_w__A=3.0, **zones)], origin_ns=0)
        found = store.readings(a_run().id)
    assert (found["power_w.A"], found["power_w.B"]) == ([1.0, 3.0], [None, 2.0])
    assert sorted(name for name in found if name.startswith("temp")) == sorted(
        f"temperature_celsius.z{number}" for number in range(12)
    )


def test_old_readings_become_the_means_of_minutes_and_alerts_their_highest(store: Store) -> None:
    ticks = [
        sample(
            tick / 2,
            raw="odd" if tick == 7 else None,
            power_w__VDD_IN=5.0 if tick % 2 else 7.0,
            throttle_state=float(tick == 3),
        )
        for tick in range(180)
    ]
    with store:
        store.add_readings(a_run().id, ticks, origin_ns=0)
        # a run that has not ended, or is young, is left as it is
        assert store.fold_readings(older_than_days=0) == 0
        store.update_run(a_run().id, status=Status.DONE, ended=later(90))
        assert store.fold_readings(older_than_days=30) == 0
        # an old one is folded, once
        assert store.fold_readings(older_than_days=9) == 1
        assert store.fold_readings(older_than_days=9) == 0
        assert store.readings(a_run().id) == {
            "t_s": [0.0, 60.0],
            "throttle_state": [1, 0],
            "power_w.VDD_IN": [6.0, 6.0],
        }
        assert store.check() == ()


FULL = """
CREATE TRIGGER full BEFORE DELETE ON reading WHEN old.run_id = 2
BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END
"""
"""Makes the second run one that cannot be folded."""


def test_each_old_run_is_folded_by_itself_so_that_a_fault_takes_none_back(store: Store) -> None:
    # given three old runs, of which the second cannot be folded
    with store, closing(sqlite3.connect(store.path)) as raw:
        ids = [a_run().id, "second-run", "third-run"]
        for run in ids:
            if run != a_run().id:
                store.add_run(a_run(id=run), pid=1)
            store.add_readings(run, [sample(1, gpu_hz=1000.0), sample(2, gpu_hz=3000.0)], origin_ns=0)
            store.update_run(run, status=Status.DONE, ended=later(90))
        raw.execute(FULL)
        with pytest.raises(StoreFull):
            store.fold_readings(older_than_days=9)
        # then the first is folded, and the others are the next time
        assert [len(store.readings(run)["t_s"]) for run in ids] == [1, 2, 2]
        assert [len(store.events(run)) for run in ids] == [0, 2, 2]
        raw.execute("DROP TRIGGER full")
        assert store.fold_readings(older_than_days=9) == 2
        assert [len(store.readings(run)["t_s"]) for run in ids] == [1, 1, 1]
        assert [len(store.events(run)) for run in ids] == [0, 0, 0]


def test_raw_text_is_kept_only_where_words_were_not_understood(store: Store, tmp_path: Path) -> None:
    import sqlite3

    with store:
        store.add_readings(a_run().id, [sample(1, gpu_hz=1.0), sample(2, raw="RAM 1/2MB ODD", gpu_hz=1.0)], origin_ns=0)
        raw = sqlite3.connect(tmp_path / "orac.db")
        assert raw.execute("SELECT raw FROM reading").fetchall() == [(None,), ("RAM 1/2MB ODD",)]
        raw.close()


def test_readings_go_with_their_run(store: Store, tmp_path: Path) -> None:
    import sqlite3

    with store:
        store.add_readings(a_run().id, [sample(1, power_w__VDD_IN=1.0)], origin_ns=0)
        store.delete_run(a_run().id, is_alive=lambda _pid: False)
        with pytest.raises(UnknownRun):
            store.add_readings(a_run().id, [sample(1, gpu_hz=1.0)], origin_ns=0)
        raw = sqlite3.connect(tmp_path / "orac.db")
        assert raw.execute("SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM reading_name)").fetchall() == [
            (0, 0)
        ]
        raw.close()

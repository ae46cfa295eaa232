"""How a database gets its tables, and how an old one becomes a new one without losing a row."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from orac_bench.errors import StoreError, StoreForeign, StoreMissing, StoreNewer, UnknownRun
from orac_bench.flags import Flag
from orac_bench.records import Failure, Phase, Status
from orac_bench.store.engine import sqlite_engine, to_json
from orac_bench.store.schema import APPLICATION_ID, MIGRATIONS, Migrations, upgrade
from orac_bench.store.store import Store, open_store
from orac_bench.store.tables import METRIC_COLUMNS, RunRow
from orac_bench.telemetry.source import Sample
from tests.builders import a_case, a_result, a_round, a_run, later
from tests.waiting import eventually

DATA = Path(__file__).parent / "data"
NEWER_TABLES = (
    *("reading", "reading_name"),
    *("event", "baseline", "annotation", "acknowledgement", "level_change"),
)
"""Those that a database of schema 0001 did not have."""


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def differences(engine: Engine) -> list[object]:
    """What the tables in the database and those in tables.py do not have in common."""
    with engine.connect() as connection:
        return list(
            compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), RunRow.metadata)
        )


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The committed database of schema 0001, with a run of one case and eight rounds."""
    path = tmp_path / "orac.db"
    raw = sqlite3.connect(path)
    raw.executescript((DATA / "store-0001.sql").read_text(encoding="utf-8"))
    raw.close()
    return path


def with_step(name: str, tmp_path: Path) -> Migrations:
    """ORAC's own steps with an imagined one behind them."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(DATA / name, folder / "versions")
    return Migrations(folder=folder, head="0005")


def rows(path: Path) -> dict[str, int]:
    """How many rows each table has."""
    raw = sqlite3.connect(path)
    names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    raw.close()
    return counts


def test_the_head_is_the_last_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS.folder))
    assert ScriptDirectory.from_config(config).get_heads() == [MIGRATIONS.head]


def test_the_steps_make_the_tables_that_the_code_knows_and_a_new_database_has(tmp_path: Path) -> None:
    # given a database that is made at once, and one that every step was taken for
    new, stepped = tmp_path / "new.db", tmp_path / "stepped.db"
    open_store(url(new), write=True).close()
    open_store(url(stepped), write=True, migrations=replace(MIGRATIONS, tables=None)).close()
    # then nobody can tell which is which
    for path in (new, stepped):
        engine = sqlite_engine(path, "read", patience_s=1)
        assert differences(engine) == []
        engine.dispose()
    assert shape(new) == shape(stepped)
    assert new.read_bytes()[60:72] == stepped.read_bytes()[60:72]  # the versions and the application's id


def shape(path: Path) -> dict[str, object]:
    """All that SQLite knows of each table and index, but for the order in which constraints were written down."""
    with closing(sqlite3.connect(path)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, object] = {}
        for name in names:
            for pragma, first in (("table_xinfo", 1), ("foreign_key_list", 2), ("index_list", 1)):
                rows = raw.execute(f'PRAGMA {pragma}("{name}")')
                found[f"{name} {pragma}"] = sorted((row[first:] for row in rows), key=str)
        indices = raw.execute("SELECT name, sql FROM sqlite_master WHERE type != 'table'").fetchall()
        for name, text in raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            found[f"{name} constraints"] = sorted(
                line.strip(" \t,") for line in text.splitlines() if "CONSTRAINT" in line
            )
        found["revision"] = raw.execute("SELECT * FROM alembic_version").fetchall()
    return {**found, **{f"index {name}": text for name, text in indices}}


def test_a_metric_has_a_column_if_orac_measures_it() -> None:
    from orac_bench.metrics import METRICS

    assert [key for key in METRICS if key not in METRIC_COLUMNS] == []


def test_a_new_database_says_in_its_header_whose_it_is(tmp_path: Path) -> None:
    with open_store(url(tmp_path / "orac.db"), write=True):
        pass
    assert (tmp_path / "orac.db").read_bytes()[68:72] == b"ORAC"  # where SQLite keeps the application's id
    assert APPLICATION_ID == 0x4F524143


def test_a_database_of_schema_0001_gets_readings_and_keeps_all_that_it_held(old: Path) -> None:
    before = rows(old)
    with open_store(url(old), write=True) as store:
        assert store.readings(a_run().id) == {"t_s": []}
    assert rows(old) == {**before, **dict.fromkeys(NEWER_TABLES, 0)}
    with open_store(url(old), write=False) as store:
        run = a_run(note="made by schema 0001", status=Status.FAILED, ended=later(70))
        assert store.run(run.id) == run
        (result,) = store.results(run.id, rounds=True, arrivals=True)
        assert (store.check(), store.revision()) == ((), "0004")
        assert [one.run for one in store.points(result.case.key, "ttft_s")] == [run.id]
    assert (result.status, result.done, result.planned, result.facts) == (Status.FAILED, 6, 6, {"cache": "probed"})
    assert result.rounds[0] == a_round(phase=Phase.WARMUP)
    assert result.rounds[-1] == a_round(
        index=6, failure=Failure(code="ollama_silent", message="no byte for 120 s"), arrivals_ns=()
    )
    assert result.summary["ttft_s"].median == pytest.approx(0.225)  # the middle of 0.22 and 0.23


def test_an_older_database_is_upgraded_after_a_backup_beside_it(old: Path, tmp_path: Path) -> None:
    before = rows(old)
    with open_store(url(old), write=True, clock=lambda: later(0), migrations=with_step("0005_imagined.py", tmp_path)):
        pass
    # then no row is lost, though the parent of all was made anew
    assert rows(old) == {**before, **dict.fromkeys(NEWER_TABLES, 0)}
    raw = sqlite3.connect(old)
    assert raw.execute("SELECT owner, uid FROM run").fetchall() == [(None, a_run().id)]
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0005",)]
    raw.close()
    # and the backup is the old one
    backup = tmp_path / "orac.db.backup-0001-20261122T120000Z"
    assert rows(backup) == before
    raw = sqlite3.connect(backup)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    raw.close()


def test_an_older_database_is_not_upgraded_by_reading(old: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refusal:
        open_store(url(old), write=False, migrations=with_step("0005_imagined.py", tmp_path))
    assert str(refusal.value) == (
        f"The database {old} has schema 0001; this ORAC 0.1.0 reads 0005. "
        "Upgrade it with `orac db upgrade`, which makes a backup beside it first."
    )


ENDLESS = """
import time
from pathlib import Path
from alembic import op
revision, down_revision, branch_labels, depends_on = "0006", "0005", None, None

def upgrade():
    op.execute("DELETE FROM reading_name")
    op.execute('DELETE FROM "round"')
    Path(BEGUN).touch()
    time.sleep(600)
"""
"""A step in which the power can be lost."""


def test_an_upgrade_that_is_killed_halfway_changes_nothing_and_is_made_by_the_next_start(
    old: Path, tmp_path: Path
) -> None:
    # given the power lost in a step, after those before it and half of its own changes
    before, begun = rows(old), tmp_path / "begun"
    steps = with_step("0005_imagined.py", tmp_path)
    (steps.folder / "versions" / "0006_endless.py").write_text(ENDLESS.replace("BEGUN", repr(str(begun))))
    code = (
        "import sys; from pathlib import Path; from orac_bench.store.schema import Migrations\n"
        "from orac_bench.store.store import open_store\n"
        'open_store(sys.argv[1], write=True, migrations=Migrations(folder=Path(sys.argv[2]), head="0006"))'
    )
    with subprocess.Popen([sys.executable, "-c", code, url(old), str(steps.folder)]) as upgrading:
        eventually(lambda: begun.exists() or upgrading.poll() is not None)
        with pytest.raises(StoreError, match="has schema 0001"):  # as far as anybody can see
            open_store(url(old), write=False)
        upgrading.kill()
    # then it is the old one, with every row, and its backup is whole
    (kept,) = tmp_path.glob("orac.db.backup-0001-*")
    for path in (old, kept):
        assert rows(path) == before
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    # and the next start finishes it
    with open_store(url(old), write=True, clock=lambda: later(0)) as store:
        assert (store.check(), store.revision()) == ((), "0004")
    assert rows(old) == {**before, **dict.fromkeys(NEWER_TABLES, 0)}


def test_what_a_power_cut_left_of_a_backup_is_removed_by_the_next_upgrade(old: Path, tmp_path: Path) -> None:
    half = tmp_path / "orac.db.backup-0001-20200101T000000Z.part"
    half.write_bytes(old.read_bytes()[:5000])
    half.with_name(half.name + "-journal").write_bytes(b"\0" * 512)
    open_store(url(old), write=True, clock=lambda: later(0)).close()
    assert sorted(file.name for file in tmp_path.glob("orac.db*")) == [
        "orac.db",
        "orac.db.backup-0001-20261122T120000Z",
    ]


def test_processes_that_upgrade_a_database_together_make_one_backup(old: Path, tmp_path: Path) -> None:
    before = rows(old)
    together(lambda: open_store(url(old), write=True, clock=lambda: later(0)).close())
    (kept,) = tmp_path.glob("orac.db.backup-*")
    assert rows(kept) == before
    assert rows(old) == {**before, **dict.fromkeys(NEWER_TABLES, 0)}


def test_a_step_that_would_leave_rows_without_their_parents_changes_nothing(old: Path, tmp_path: Path) -> None:
    before = rows(old)
    with pytest.raises(StoreError, match="rows would point nowhere"):
        open_store(url(old), write=True, migrations=with_step("0005_broken.py", tmp_path))
    assert rows(old) == before
    raw = sqlite3.connect(old)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    raw.close()


def test_a_newer_database_is_refused_and_left_alone(old: Path, tmp_path: Path) -> None:
    open_store(url(old), write=True, migrations=with_step("0005_imagined.py", tmp_path)).close()
    before = old.read_bytes()
    for write in (True, False):
        with pytest.raises(StoreNewer) as refusal:
            open_store(url(old), write=write)
        assert str(refusal.value) == (
            f"The database {old} has schema 0005, made by a newer ORAC; this ORAC 0.1.0 knows schemas up to 0004. "
            "Nothing was changed. Update ORAC, or name another database with --database URL."
        )
    assert old.read_bytes() == before


def test_a_database_whose_schema_has_no_number_is_refused(old: Path) -> None:
    raw = sqlite3.connect(old, isolation_level=None)
    raw.execute("DELETE FROM alembic_version")
    raw.close()
    with pytest.raises(StoreForeign, match="does not say which schema it has"):
        open_store(url(old), write=True)


def test_an_empty_file_becomes_a_database_and_is_none_for_who_reads(tmp_path: Path) -> None:
    path = tmp_path / "orac.db"
    path.touch()
    with pytest.raises(StoreMissing, match="is empty"):
        open_store(url(path), write=False)
    with open_store(url(path), write=True) as store:
        assert store.runs() == ()
    assert [file.name for file in tmp_path.iterdir()] == ["orac.db"]


def test_who_makes_a_database_is_waited_for_longer_than_a_lock_of_sqlite(tmp_path: Path) -> None:
    # given another process that makes a database in this folder, and has not come to write anything yet
    maker = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(maker, fcntl.LOCK_EX)
    opened = threading.Thread(target=lambda: open_store(url(tmp_path / "orac.db"), write=True, patience_s=0.05).close())
    opened.start()
    # when it takes ten times as long as a lock is waited for
    opened.join(timeout=0.5)
    assert opened.is_alive()
    assert list(tmp_path.iterdir()) == []
    # then the second makes it when the first is gone
    os.close(maker)
    opened.join()
    with open_store(url(tmp_path / "orac.db"), write=False) as store:
        assert store.runs() == ()


def test_processes_that_create_a_database_together_wait_for_each_other(tmp_path: Path) -> None:
    together(lambda: open_store(url(tmp_path / "orac.db"), write=True).close())
    with open_store(url(tmp_path / "orac.db"), write=False) as store:
        assert store.check() == ()


def together(act: Callable[[], None]) -> None:
    """Acts four times at once. Fails where one of them does."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  # given back to the test
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real PostgreSQL, with ORAC's schema."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver, a PostgreSQL in a package, is not for this Python")
    pytest.importorskip("psycopg", reason="psycopg is not for this Python")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(address, json_serializer=to_json)
    upgrade(engine, MIGRATIONS)
    yield engine
    engine.dispose()
    server.cleanup()


def test_postgresql_gets_the_same_tables(postgres: Engine) -> None:
    assert differences(postgres) == []


def test_postgresql_gives_back_what_it_was_given(postgres: Engine) -> None:
    # given a run with everything that SQLite takes lightly: 64 bits, instants, odd text, words of SQL
    store = Store(postgres, Path("postgresql"), clock=lambda: later(60))
    run = a_run(id="100%_sure", note="a\0b — ü", seed=2**63 - 1)
    rounds = (
        a_round(phase=Phase.WARMUP, seed=2**63 - 1),
        a_round(flags=[Flag.REPLAYED], raw={"text": "\udcff\0", "big": 2**60}, metrics={"model_memory_b": 8.0e9}),
        a_round(index=1, failure=Failure(code="ollama", message="500"), arrivals_ns=()),
    )
    # when it is measured, ends and is looked for
    store.add_run(run, pid=1)
    handle = store.begin_result(run.id, a_case(), planned=2, position=0, offload_ratio=1.0, facts={})
    for measured in rounds:
        store.add_round(handle, measured)
    samples = [
        Sample(source="sysfs", at_ns=10**9, values={"power_w.VDD_IN": 5.123, "gpu_hz": 3.06e8}),
        Sample(source="sysfs", at_ns=2 * 10**9, values={"power_w.VDD_IN": -0.398}, raw="odd\0"),
    ]
    assert store.add_readings(run.id, samples, origin_ns=0) == 2
    assert store.readings(run.id) == {
        "t_s": [1.0, 2.0],
        "gpu_hz": [306_000_000, None],
        "power_w.VDD_IN": [5.123, -0.398],
    }
    assert store.mark_interrupted(lambda pid: pid == 1) == ()
    summary = store.close_result(handle, status=Status.FAILED)
    store.update_run(run.id, status=Status.FAILED, ended=later(61))
    assert store.fold_readings(older_than_days=0) == 1
    assert store.readings(run.id)["power_w.VDD_IN"] == [pytest.approx((5.123 - 0.398) / 2, abs=0.001)]
    # then all is there, and gone when it is deleted
    assert store.resolve("100%") == store.resolve("latest") == run.id
    assert store.run(run.id).note == "a\ufffdb — ü"
    assert store.run(run.id).started == run.started
    assert store.results(run.id, rounds=True, arrivals=True) == (
        a_result(status=Status.FAILED, rounds=rounds, planned=2, summary=summary, started=later(60), ended=later(60)),
    )
    assert [(line.id, line.rounds, line.failed) for line in store.runs(limit=5)] == [(run.id, 1, 1)]
    assert store.arrivals(run.id, a_case().key, 0) == rounds[1].arrivals_ns
    assert len(store.flat([run.id])) == 3
    assert store.check() == ()
    store.delete_run(run.id)
    with pytest.raises(UnknownRun):
        store.run(run.id)
    with postgres.connect() as connection:
        assert connection.scalar(sa.text('SELECT count(*) FROM "round"')) == 0
        assert connection.scalar(sa.text("SELECT count(*) FROM reading")) == 0

"""What a store says when its file is missing, foreign, locked, read-only or full: each with a real fault."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orac_bench.errors import (
    SettingError,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreMissing,
    StoreReadOnly,
)
from orac_bench.store.faults import faults_of_copy
from orac_bench.store.store import Store, open_store
from tests.builders import a_run, later

ROOT = Path(__file__).parent.parent


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "orac.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(url(path), write=True, clock=lambda: later(60)) as opened:
        yield opened


def test_reading_never_creates_a_database(path: Path) -> None:
    with pytest.raises(StoreMissing) as refusal:
        open_store(url(path), write=False)
    assert str(refusal.value) == (
        f"There is no database at {path}. Measure something first with `orac bench`, or name another one with "
        "--database URL."
    )
    assert not path.parent.exists()


@pytest.mark.usefixtures("store")
def test_who_only_reads_cannot_change_anything(path: Path) -> None:
    with open_store(url(path), write=False) as reader, pytest.raises(StoreReadOnly):
        reader.add_run(a_run())


def test_another_database_than_sqlite_is_refused_without_showing_its_password() -> None:
    with pytest.raises(SettingError) as refusal:
        open_store("postgresql://user:secret@host/db", write=True)
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("these are notes, " * 100)
    for write in (True, False):
        with pytest.raises(StoreForeign, match="is no SQLite database"):
            open_store(url(path), write=write)
    assert path.read_text() == "these are notes, " * 100
    assert [file.name for file in path.parent.iterdir()] == ["orac.db"]


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE run (id)")
    other.close()
    before = path.read_bytes()
    for write in (True, False):
        with pytest.raises(StoreForeign) as refusal:
            open_store(url(path), write=write)
        assert refusal.value.what == f"The database {path} was made by another program."
    assert path.read_bytes() == before


def test_a_folder_in_the_place_of_the_database_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreForeign, match="is a folder, not a database"):
        open_store(url(path), write=True)


def test_a_file_in_the_place_of_the_folder_is_refused(path: Path) -> None:
    path.parent.write_text("")
    with pytest.raises(StoreError, match="File exists"):
        open_store(url(path), write=True)


@pytest.mark.usefixtures("store")
def test_a_store_that_another_process_holds_is_refused_after_the_time_to_wait(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreLocked) as refusal:
            open_store(url(path), write=True, patience_s=0.1)
        with open_store(url(path), write=False, patience_s=0.1) as reader:
            assert reader.runs() == ()  # reading goes on
    finally:
        holder.close()
    assert str(refusal.value) == (
        f"The database {path} is held by another process for too long (database is locked). "
        f"See which with `fuser -v {path}`, then try again."
    )


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user whom permissions bind; root becomes that user within the test."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    with open_store(url(folder / "warm.db"), write=True):
        pass  # all that is imported on use is imported as root
    (folder / "warm.db").unlink()
    if root:
        os.chown(folder, 65534, 65534)
        os.setegid(65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(unprivileged: Path) -> None:
    unprivileged.chmod(0o555)
    for place in (unprivileged / "orac.db", unprivileged / "results" / "orac.db"):
        with pytest.raises(StoreReadOnly):
            open_store(url(place), write=True)


def test_a_database_that_cannot_be_written_can_be_read(unprivileged: Path) -> None:
    path = unprivileged / "orac.db"
    with open_store(url(path), write=True) as store:
        store.add_run(a_run(), pid=1)
    path.chmod(0o444)
    unprivileged.chmod(0o555)
    with pytest.raises(StoreReadOnly) as refusal:
        open_store(url(path), write=True)
    with open_store(url(path), write=False) as store:
        assert store.run(a_run().id) == a_run()
    assert "Make the file and its folder writable" in str(refusal.value)


def test_a_full_device_loses_no_earlier_round_and_says_so(tmp_path: Path) -> None:
    # given a device of 1 MB
    fault, kept, said, opening, after, problems, reading = mounted("full_device", str(tmp_path))
    # then the fault has its name, what was finished is there, and with space it goes on
    assert (fault, kept, problems) == ("StoreFull", said, "()")
    assert int(after) == int(kept) + 1
    # and so has it where SQLite only speaks of an I/O error, as when a reader finds no room for its index
    assert opening.startswith("StoreFull: "), opening
    assert reading.startswith("StoreFull: "), reading
    assert "(disk I/O error)" in reading


def test_a_store_on_a_read_only_mount_is_read_and_copied_and_says_what_to_do(tmp_path: Path) -> None:
    device, copy = tmp_path / "device", tmp_path / "copy.db"
    device.mkdir()
    read, refusal, copied = mounted("read_only_device", str(device), str(copy))
    assert (read, copied) == ("1", "1")
    assert refusal == (
        f"The database {device}/orac.db cannot be written: its file system takes no writes (unable to open "
        "database file). Mount it writable. Where it was so before, its device fails: see `dmesg | tail`, and save the "
        "store with `orac db backup FILE` to another one."
    )


def mounted(fake: str, *words: str) -> list[str]:
    """The lines of a program that mounts a device for itself alone. Skips where this machine lets nobody do that."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    told = subprocess.run(
        ["unshare", *as_root, "--mount", sys.executable, "-m", f"tests.fakes.{fake}", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if "unshare" in told.stderr or "mount:" in told.stderr:
        pytest.skip(f"this machine lets nobody mount a small device: {told.stderr.strip()}")
    assert told.returncode == 0, told.stderr
    return told.stdout.splitlines()


def test_a_damaged_store_that_is_copied_is_told_by_its_own_name(store: Store, tmp_path: Path) -> None:
    # given a store whose rounds are overwritten, as a failing card does
    store.close()
    with closing(sqlite3.connect(store.path)) as raw:
        (page,), (size,) = (
            raw.execute(asked).fetchone()
            for asked in ("SELECT rootpage FROM sqlite_master WHERE name = 'round'", "PRAGMA page_size")
        )
    with store.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    # then it is the one that is damaged, and nothing of the copy is left
    with open_store(url(store.path), write=False) as reader, pytest.raises(StoreError) as refusal:
        reader.backup(tmp_path / "copy.db")
    assert refusal.value.what == f"The database {store.path} is damaged (database disk image is malformed)."
    assert list(tmp_path.glob("copy.db*")) == []


@pytest.mark.parametrize(
    ("name", "file"), [("SQLITE_IOERR_READ", "orac.db"), ("SQLITE_IOERR_WRITE", "copy.db"), ("", "copy.db")]
)
def test_a_device_that_fails_while_a_store_is_copied_is_that_of_the_file_it_holds(
    tmp_path: Path, name: str, file: str
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name  # as SQLite of Python 3.11 and later says it
    with pytest.raises(StoreError) as refusal, faults_of_copy(tmp_path / "orac.db", target=tmp_path / "copy.db"):
        raise error
    assert refusal.value.what.startswith(f"The device refused to read or write the database {tmp_path / file} (")


def test_a_file_size_limit_is_told_as_a_refusal_of_the_device(path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.fakes.limited_file", url(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert told.stdout.split("\n")[0] == "StoreError", told.stderr
    assert "a quota, a limit, or it fails" in told.stdout

"""Digests are honest, computed once, and forgotten when the file changes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from orac_bench.errors import BadModel, MissingPrerequisite
from orac_bench.models.digests import Digests

MIB = 2**20


@pytest.fixture
def digests(tmp_path: Path) -> Digests:
    return Digests(path=tmp_path / "home" / "digests.json")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_digest_is_the_files_sha256_and_reading_it_is_told_block_by_block(tmp_path: Path, digests: Digests) -> None:
    data = bytes(9 * MIB)
    (tmp_path / "x.gguf").write_bytes(data)
    told: list[tuple[int, int]] = []
    digest = digests.of(tmp_path / "x.gguf", progress=lambda done, size: told.append((done, size)))
    assert digest == sha256(data)
    assert told == [(4 * MIB, 9 * MIB), (8 * MIB, 9 * MIB), (9 * MIB, 9 * MIB)]


def test_a_known_file_is_not_read_again_also_by_another_process(tmp_path: Path, digests: Digests) -> None:
    (tmp_path / "x.gguf").write_bytes(b"model")
    digests.of(tmp_path / "x.gguf")
    told: list[tuple[int, int]] = []
    again = Digests(path=digests.path).of(tmp_path / "x.gguf", progress=lambda done, size: told.append((done, size)))
    assert (again, told) == (sha256(b"model"), [])


def test_a_replaced_file_is_noticed_even_if_its_size_stays(tmp_path: Path, digests: Digests) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(b"model 1")
    digests.of(file)
    file.write_bytes(b"model 2")
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert digests.known(file) is None
    assert digests.of(file) == sha256(b"model 2")
    assert [row["sha256"] for row in json.loads(digests.path.read_bytes()).values()] == [sha256(b"model 2")]


def test_a_renamed_file_is_still_known(tmp_path: Path, digests: Digests) -> None:
    (tmp_path / "x.gguf").write_bytes(b"model")
    digests.of(tmp_path / "x.gguf")
    (tmp_path / "x.gguf").rename(tmp_path / "y.gguf")
    assert digests.known(tmp_path / "y.gguf") == sha256(b"model")


@pytest.mark.parametrize(
    "corrupt", [b"", b"{", b"[1]", b"null", b"\xff", b'{"a": {}}', b'{"a": {"file": "x", "sha256": "abc"}}']
)
def test_a_corrupt_cache_is_thrown_away(tmp_path: Path, digests: Digests, corrupt: bytes) -> None:
    (tmp_path / "x.gguf").write_bytes(b"model")
    digests.path.parent.mkdir()
    digests.path.write_bytes(corrupt)
    assert digests.of(tmp_path / "x.gguf") == sha256(b"model")
    assert digests.known(tmp_path / "x.gguf") == sha256(b"model")


def test_nothing_is_left_beside_the_cache(tmp_path: Path, digests: Digests) -> None:
    (tmp_path / "x.gguf").write_bytes(b"model")
    digests.of(tmp_path / "x.gguf")
    assert [path.name for path in digests.path.parent.iterdir()] == ["digests.json"]


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, digests: Digests) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(bytes(5 * MIB))

    def copy_on(_done: int, _size: int) -> None:
        with file.open("ab") as still_copied:
            still_copied.write(b"more")

    with pytest.raises(BadModel) as caught:
        digests.of(file, progress=copy_on)
    assert str(caught.value) == "x.gguf changed while it was read. Wait until it is copied."
    assert digests.known(file) is None


def test_a_missing_file_is_refused_and_not_known(tmp_path: Path, digests: Digests) -> None:
    assert digests.known(tmp_path / "x.gguf") is None
    with pytest.raises(BadModel) as caught:
        digests.of(tmp_path / "x.gguf")
    assert str(caught.value) == "x.gguf cannot be read: No such file or directory."


def test_a_cache_that_cannot_be_kept_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"model")
    with pytest.raises(MissingPrerequisite) as caught:
        Digests(path=tmp_path / "x.gguf" / "digests.json").of(tmp_path / "x.gguf")
    assert str(caught.value) == (
        f"The digests of the models cannot be kept in {tmp_path}/x.gguf/digests.json: File exists. "
        "Make room or make that folder writable, or set ORAC_HOME to one that is."
    )

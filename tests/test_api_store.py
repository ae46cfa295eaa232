"""A store that is in use, full or read-only, as callers of the service are told."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orac_bench.store.store import open_store
from tests.builders import a_run
from tests.fakes.fake_ollama import FakeOllama, json_reply
from tests.service import Service, running_service
from tests.waiting import eventually

MODEL = {"name": "tinyllama:latest", "digest": "a" * 64, "size": 1000, "details": {"family": "llama"}}
ROUTES = {
    "GET /api/version": [json_reply({"version": "0.11.4"})],
    "GET /api/tags": [json_reply({"models": [MODEL]})],
    "POST /api/show": [json_reply({"model_info": {}})],
}
NOTE = f"/v1/runs/{a_run().id}/annotations"
AS_ROOT = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def test_a_store_that_is_in_use_is_told_with_when_to_come_back(tmp_path: Path, fake: FakeOllama) -> None:
    with running_service(tmp_path, ORAC_OLLAMA_URL=fake.url) as service:
        with open_store(service.database, write=True) as store:
            store.add_run(a_run())
        with closing(sqlite3.connect(tmp_path / "orac.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            got = service.post(NOTE, {"text": "a"})
            assert (got.status, got.headers["retry-after"]) == (503, "5")
            assert got.problem["type"] == "/docs#store_locked"
            assert service.get("/v1/runs").status == 200  # who reads waits for nobody
        assert service.post(NOTE, {"text": "a"}).status == 201


def test_a_full_disk_is_507_and_the_service_goes_on(tmp_path: Path, fake: FakeOllama) -> None:
    small = tmp_path / "small"
    small.mkdir()
    with open_store(f"sqlite:///{tmp_path}/seed.db", write=True) as store:
        store.add_run(a_run())
    mount = 'mount -t tmpfs -o size=2m tmpfs "$0" && cp "$0/../seed.db" "$0/orac.db" && exec "$@"'
    within = ["unshare", *AS_ROOT, "--mount", "sh", "-c", mount, str(small)]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small device")
    there = {"ORAC_DATABASE_URL": f"sqlite:///{small}/orac.db", "ORAC_OLLAMA_URL": fake.url}
    with running_service(tmp_path, within=within, **there) as service:
        inside = Path(f"/proc/{service.process.pid}/root{small}")
        with contextlib.suppress(OSError), (inside / "rest").open("wb", buffering=0) as rest:
            while rest.write(bytes(4096)):
                pass
        full = [got for got in noted(service) if got != 201]
        assert full == [507]
        assert service.post("/v1/runs", {}).status == 507
        assert service.delete(f"/v1/runs/{a_run().id}").status == 507
        described = service.get("/openapi.json").json["paths"]
        for path, method in (("/v1/runs", "post"), ("/v1/benchmark", "post"), ("/v1/runs/{run}", "delete")):
            assert "507" in described[path][method]["responses"]
        assert str(small) not in service.post(NOTE, {"text": "a" * 1000}).body.decode()
        assert "Only 0 MiB are left where the store is." in service.get("/v1/health").body.decode()
        (inside / "rest").unlink()
        assert service.post(NOTE, {"text": "a"}).status == 201


def test_a_benchmark_whose_prompt_finds_no_room_is_507_and_leaves_nothing(tmp_path: Path, fake: FakeOllama) -> None:
    # given a service whose ORAC_HOME has no room, and a store elsewhere that has
    home = tmp_path / "home"
    home.mkdir()
    within = [
        "unshare",
        *AS_ROOT,
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"',
        str(home),
    ]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small device")
    with running_service(tmp_path, within=within, ORAC_OLLAMA_URL=fake.url) as service:
        inside = Path(f"/proc/{service.process.pid}/root{home}")
        got = service.post("/v1/benchmark", {"models": ["tinyllama"], "prompt": "a" * 100_000})
        assert (got.status, got.problem["type"]) == (507, "/docs#store_full")
        assert [*(inside / "runs").iterdir()] == []
        assert service.get("/v1/runs").json["runs"] == []


def test_a_store_that_takes_no_changes_keeps_runs_waiting_and_health_says_so(tmp_path: Path, fake: FakeOllama) -> None:
    with (
        running_service(tmp_path, ORAC_OLLAMA_URL=fake.url) as service,
        contextlib.closing(sqlite3.connect(tmp_path / "orac.db", isolation_level=None)) as raw,
    ):
        raw.execute(
            "CREATE TRIGGER dead BEFORE UPDATE OF attempts ON run BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
        assert service.post("/v1/runs", {}).status == 202
        said = "Runs wait. The store failed: The store could not do what was asked. The service's log has the whole"
        eventually(lambda: any(said in one for one in service.get("/v1/health").json["warnings"]))
        assert service.get("/v1/health").json["status"] == "degraded"
        raw.execute("DROP TRIGGER dead")
        eventually(lambda: not any(said in one for one in service.get("/v1/health").json["warnings"]))


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with FakeOllama(ROUTES) as running:
        yield running


def noted(service: Service) -> Iterator[int]:
    """What is answered to one note after the other, until one is refused."""
    status = 201
    while status == 201:
        status = service.post(NOTE, {"text": "a" * 1000}).status
        yield status

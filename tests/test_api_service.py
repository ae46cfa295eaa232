"""The service as a process: how it begins, who may run beside it, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orac_bench.announcement import read_announcement
from orac_bench.api.keeper import LOOK_S, Keeper, State
from orac_bench.settings import read_settings
from tests.fakes.fake_ollama import End, FakeOllama, Reply, answer, json_reply, pieces, stream
from tests.service import CHECKOUT, PATIENCE_S, Service, answers, free_port, running_service
from tests.waiting import eventually

ROUTES = {
    "GET /api/version": [json_reply({"version": "0.11.4"})],
    "GET /api/tags": [json_reply({"models": [{"name": "tiny:latest", "digest": "a" * 64, "size": 1}]})],
    "GET /api/ps": [json_reply({"models": [{"name": "tiny:latest", "size": 1000, "size_vram": 0}]})],
    "POST /api/show": [json_reply({"model_info": {}})],
    "POST /api/generate": [stream(answer(["a", "b"]))],
}


@pytest.mark.parametrize("same", ["port", "home", "store"])
def test_a_second_service_is_refused_with_the_process_of_the_first(tmp_path: Path, same: str) -> None:
    with serving(tmp_path / "first") as (first, _):
        second = {
            "ORAC_HOME": str(first.home if same == "home" else tmp_path / "home"),
            "ORAC_DATABASE_URL": first.database if same == "store" else f"sqlite:///{tmp_path}/second.db",
            "ORAC_PORT": str(first.port if same == "port" else free_port()),
            "ORAC_OLLAMA_URL": first.settings["ORAC_OLLAMA_URL"],
        }
        done = orac("serve", **second)
        assert done.returncode == 2
        assert f"(process {first.process.pid})" in done.stderr
        assert "Traceback" not in done.stderr
        assert first.get("/v1/health").status == 200


def test_a_wrong_host_and_a_forbidden_port_are_told_with_what_to_do(tmp_path: Path) -> None:
    done = orac("serve", ORAC_HOST="no.such.host.invalid", ORAC_HOME=str(tmp_path))
    assert (done.returncode, "Set ORAC_HOST=127.0.0.1" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


@pytest.mark.parametrize("streamed", [False, True])
def test_told_to_end_it_ends_with_status_0_though_somebody_waits_for_an_answer(
    tmp_path: Path, *, streamed: bool
) -> None:
    with serving(tmp_path) as (service, fake):
        fake.play({"POST /api/generate": [pieces([(120.0, b"late")])]})
        with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
            body = json.dumps({"model": "tiny", "prompt": "Why?", "stream": streamed})
            connection.request("POST", "/v1/prompt", body=body, headers={"Content-Type": "application/json"})
            eventually(lambda: fake.asked("POST /api/generate"))
            service.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            response = connection.getresponse()
            told = response.read()
            assert service.process.wait(timeout=30) == 0
        assert time.monotonic() - began < 10
        assert b"/docs#ending" in told
        assert b"The service is ending." in told
        assert response.status == (200 if streamed else 503)
        assert "Traceback" not in service.log
        assert (service.home / "service.lock").read_text() == ""


def test_ctrl_c_ends_it_with_status_130(tmp_path: Path) -> None:
    with serving(tmp_path) as (service, _):
        assert service.end(signal.SIGINT) == 130
        assert "Traceback" not in service.log


def test_after_a_kill_the_next_one_begins_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as (service, _):
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
        with serving(tmp_path) as (again, _):
            assert again.get("/v1/health").status == 200


def test_any_server_can_run_it_by_its_factory(tmp_path: Path) -> None:
    port = free_port()
    with FakeOllama(ROUTES) as fake:
        environ = {
            **os.environ,
            "ORAC_HOME": str(tmp_path / "home"),
            "ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/orac.db",
            "ORAC_OLLAMA_URL": fake.url,
        }
        command = ["-m", "uvicorn", "--factory", "orac_bench.api.app:create_app", "--port", str(port)]
        with subprocess.Popen([sys.executable, *command], cwd=CHECKOUT, env=environ, stderr=subprocess.PIPE) as process:
            try:
                eventually(lambda: answers(port), within_s=PATIENCE_S)
            finally:
                process.terminate()
                said = b"" if process.stderr is None else process.stderr.read()
        assert b"Traceback" not in said


def test_without_an_ollama_it_is_degraded_and_says_what_to_do(tmp_path: Path) -> None:
    binary = tmp_path / "ollama"
    binary.write_text("#!/bin/sh\n[ $1 = serve ] || exec echo ollama version is 0.11.4\necho broken\nexit 3\n")
    binary.chmod(0o755)
    (tmp_path / "models").mkdir()
    machine = str(tmp_path / "machine")  # where the tests run may be a container
    with running_service(tmp_path, models=tmp_path / "models", ollama=binary, ORAC_SYSFS_ROOT=machine) as service:
        told = eventually(lambda: _down(service))
        assert told["status"] == "degraded"
        assert told["warnings"] == [
            "There is no GGUF file in the folder of models. `orac doctor` on that machine says what to type.",
            "Ollama could not be started: Ollama ended, or was not ready in time. "
            "Look at the service's log, or type `orac doctor` on that machine.",
        ]
        assert told["missing"]["versions.ollama"] == "it does not answer"
        assert service.get("/v1/models").json == {"models": []}
        assert service.post("/v1/prompt", {"model": "tiny", "prompt": "a"}).status == 503  # no models
        assert "broken" in service.log  # the whole message, for who may read it
        assert service.get("/metrics").body.count(b"orac_ollama_up 0.0") == 1


def test_an_external_ollama_that_is_not_there_is_told_and_nothing_is_started_in_its_place(tmp_path: Path) -> None:
    with running_service(tmp_path, ORAC_OLLAMA_URL="http://127.0.0.1:1") as service:
        eventually(lambda: service.get("/v1/health").json["missing"].get("versions.ollama") == "it does not answer")
        got = service.post("/v1/models/tiny/load")
        assert (got.status, got.problem["type"]) == (502, "/docs#ollama_unreachable")
        assert "127.0.0.1" not in got.body.decode()
        assert not (service.home / "ollama").exists()


def test_an_ollama_that_hangs_holds_up_the_list_of_models_once_and_for_seconds(tmp_path: Path) -> None:
    hanging = {**ROUTES, "GET /api/ps": [Reply(chunked=True, end=End.HANG)]}
    with FakeOllama(hanging) as fake, running_service(tmp_path, ORAC_OLLAMA_URL=fake.url) as service:
        eventually(lambda: service.get("/v1/health").json["versions"]["ollama"])
        began = time.monotonic()
        told = [service.get("/v1/models").json["models"] for _ in range(5)]
        assert time.monotonic() - began < 4 * LOOK_S  # asked again each time it would be five, and 120 s each
        assert [[model["state"] for model in models] for models in told] == [["ready"]] * 5
        assert len([request for request in fake.requests if request.path == "/api/ps"]) == 1
        assert "Ollama sent nothing for 5 s" in service.log
        health = service.get("/v1/health").json
        assert (health["status"], [line for line in health["warnings"] if "answers none" in line]) == (
            "degraded",
            [
                "Ollama takes calls and answers none. Where it stays so, restart it; the service's own ends and starts "
                "with the service."
            ],
        )
        assert b"orac_ollama_up 0.0" in service.get("/metrics").body


def test_an_ollama_that_hangs_costs_no_call_a_thread_for_long_however_many_ask_for_its_models(tmp_path: Path) -> None:
    silent = {**ROUTES, "GET /api/tags": [Reply(chunked=True, end=End.HANG)]}
    with FakeOllama(silent) as fake, running_service(tmp_path, ORAC_OLLAMA_URL=fake.url) as service:
        service.ready()
        began = time.monotonic()
        with ThreadPoolExecutor(80) as callers:
            asked = [callers.submit(service.get, "/v1/models") for _ in range(70)]
            asked += [callers.submit(service.post, "/v1/runs", {"models": ["tiny"]}) for _ in range(10)]
            assert service.get("/v1/health").status == 200
            assert {one.result().status for one in asked} == {504}
        described = service.get("/openapi.json").json["paths"]["/v1/models"]["get"]["responses"]
        assert {"502", "504"} <= described.keys()
        assert time.monotonic() - began < 6 * LOOK_S  # with all threads taken it would be 120 s
        fake.play(ROUTES)
        told = eventually(lambda: service.get("/v1/models").json.get("models"))
        assert [model["name"] for model in told] == ["tiny"]
        fake.play(silent)
        before = len(fake.requests)
        assert eventually(lambda: models_though_silent(service, fake, before)) == told  # the last that it told


def test_an_ollama_that_hangs_is_noticed_though_nobody_asks_and_so_is_its_coming_back() -> None:
    hanging = {**ROUTES, "GET /api/ps": [Reply(chunked=True, end=End.HANG)]}
    with FakeOllama(hanging) as fake:
        settings = read_settings({"ORAC_OLLAMA_URL": fake.url, "ORAC_IDLE_TIMEOUT_S": "1"})
        quiet, closing = threading.Event(), threading.Event()
        quiet.set()
        keeper = Keeper(settings, environ={}, closing=closing, quiet=quiet.is_set, idle_looked_s=0.1)
        with keeper:
            assert keeper.engine().version == "0.11.4"
            assert fake.asked("GET /api/ps") == []  # not while somebody measures
            quiet.clear()
            eventually(lambda: keeper.silent)
            fake.play(ROUTES)
            eventually(lambda: not keeper.silent)


def test_an_ollama_that_hangs_is_not_taken_for_one_that_answers_while_it_is_asked_again() -> None:
    hanging = {**ROUTES, "GET /api/ps": [Reply(chunked=True, end=End.HANG)]}
    with FakeOllama(hanging) as fake:
        settings = read_settings({"ORAC_OLLAMA_URL": fake.url, "ORAC_IDLE_TIMEOUT_S": "1"})
        often = {"idle_looked_s": 0.1, "quiet_looked_s": 0.1}
        with Keeper(settings, environ={}, closing=threading.Event(), quiet=lambda: False, **often) as keeper:
            eventually(lambda: keeper.silent)
            before, seen = len(fake.asked("GET /api/ps")), set()
            while len(fake.asked("GET /api/ps")) < before + 2:
                seen.add(keeper.silent)
                time.sleep(0.02)
    assert seen == {True}


@pytest.mark.parametrize(
    ("settings", "awaited"),
    [
        ({"ORAC_OLLAMA_URL": "http://127.0.0.1:1"}, True),  # it may be started again
        ({"ORAC_OLLAMA_BIN": "/nowhere/ollama"}, False),
    ],
)
def test_an_ollama_that_may_come_back_is_waited_for_and_one_that_is_not_there_is_not(
    tmp_path: Path, settings: dict[str, str], *, awaited: bool
) -> None:
    read = read_settings({"ORAC_HOME": str(tmp_path), **settings})
    keeper = Keeper(read, environ={}, closing=threading.Event(), quiet=lambda: False)
    assert keeper.awaited()  # it is being started
    with keeper:
        eventually(lambda: keeper.state is State.DOWN)
        assert keeper.awaited() is awaited


def test_an_ollama_that_dies_as_soon_as_it_is_ready_is_started_again_at_once_and_then_after_a_pause(
    tmp_path: Path,
) -> None:
    binary, starts = tmp_path / "ollama", tmp_path / "starts"
    binary.write_text(f"#!{sys.executable}\n{SHORT_LIVED}")
    binary.chmod(0o755)
    settings = read_settings({"ORAC_OLLAMA_BIN": str(binary), "ORAC_HOME": str(tmp_path / "home")})
    environ, pauses_s = {"STARTS": str(starts)}, (0.0, 600.0)
    with Keeper(settings, environ=environ, closing=threading.Event(), quiet=lambda: False, pauses_s=pauses_s) as keeper:
        eventually(lambda: starts.exists() and len(starts.read_text()) == 2)
        eventually(lambda: keeper.state is State.UP)
        eventually(lambda: keeper.state is State.DOWN)  # the second one has died as well
        assert "Ollama ends again and again" in str(keeper.trouble)
        assert keeper.awaited()
        time.sleep(1.0)
        assert (keeper.state, starts.read_text()) == (State.DOWN, "..")


def test_an_ollama_that_could_not_be_started_is_tried_again_whatever_the_reason_and_each_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    binary, starts = tmp_path / "ollama", tmp_path / "starts"
    binary.write_text(f"#!/bin/sh\n[ $1 = serve ] || exec echo ollama version is 0.11.4\necho >> {starts}\nexit 3\n")
    binary.chmod(0o755)
    settings = read_settings({"ORAC_OLLAMA_BIN": str(binary), "ORAC_HOME": str(tmp_path / "home")})
    environ = {"LONG": "x" * 2**20}  # longer than a process may be given
    with Keeper(settings, environ=environ, closing=threading.Event(), quiet=lambda: False) as keeper:
        eventually(lambda: "Argument list too long" in str(keeper.trouble))
        assert keeper.state is State.DOWN
        environ.clear()
        eventually(lambda: starts.exists() and len(starts.read_text()) == 2)
    reasons = [record.getMessage() for record in caplog.records if record.name.endswith("keeper")]
    assert ["Argument list" in reasons[0], "exit status 3" in reasons[1], len(reasons)] == [True, True, 2]


def test_with_a_token_what_changes_something_needs_it_and_reading_does_not(tmp_path: Path) -> None:
    with serving(tmp_path, ORAC_TOKEN="secret") as (service, _):
        refused = service.post("/v1/models/tiny/load")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.problem["type"] == "/docs#unauthorized"
        assert service.post("/v1/models/tiny/load", headers={"Authorization": "Bearer secret"}).status == 200
        assert service.get("/v1/models").status == 200


def test_nothing_is_announced_where_the_ollama_is_somebody_else_s(tmp_path: Path) -> None:
    with serving(tmp_path) as (service, _):
        assert read_announcement(read_settings({**service.settings, "HOME": str(tmp_path)})) is None


SHORT_LIVED = """
import http.server, os, sys, time
class Version(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"version": "0.11.4"}')
if sys.argv[1] != "serve":
    sys.exit(print("ollama version is 0.11.4"))
with open(os.environ["STARTS"], "a") as starts:
    starts.write(".")
host, port = os.environ["OLLAMA_HOST"].split(":")
server = http.server.HTTPServer((host, int(port)), Version)
server.timeout = 0.1
until = time.monotonic() + 1.0
while time.monotonic() < until:
    server.handle_request()
sys.exit(3)
"""
"""An Ollama that answers for a second, and writes down that it was started."""


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[Service, FakeOllama]]:
    with FakeOllama(ROUTES) as fake:
        with running_service(folder, ORAC_OLLAMA_URL=fake.url, **settings) as service:
            service.ready()
            yield service, fake


def orac(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orac_bench.cli", *words],
        cwd=CHECKOUT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def models_though_silent(service: Service, fake: FakeOllama, before: int) -> object:
    """The models that the service lists, once its Ollama was asked for them again; None before."""
    listed = service.get("/v1/models").json["models"]
    return listed if any(request.path == "/api/tags" for request in fake.requests[before:]) else None


def _down(service: Service) -> dict[str, object] | None:
    told: dict[str, object] = service.get("/v1/health").json
    return told if "could not be started" in str(told["warnings"]) else None

"""deploy/first-boot-check: what it prints and how it ends, on a board that is well and on others.

The service of a board is played: its answers are those of the real one with a board's values in them. Against the real
service it runs in tests/real.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fakes.fake_ollama import FakeOllama, Reply, json_reply, text_reply
from tests.service import free_port

SCRIPT = Path(__file__).resolve().parent.parent / "deploy/first-boot-check"
MODELS = ("qwen3-0.6b", "qwen3-1.7b", "tinyllama-1.1b", "pythia-70m", "distilgpt2", "phi-2")
HEALTH = {
    "status": "ok",
    "versions": {"ollama": "0.20.7", "l4t": "36.4.3", "jetpack": "6.2"},
    "telemetry": {"sources": ["sysfs"]},
    "measuring": None,
    "warnings": ["Everybody who reaches this port may change things."],
    "missing": {},
}
SAID = {"response": "Paris.", "thinking": None, "output_tokens": 3, "tokens_per_s": 21.5}
LISTED = [{"name": name, "aliases": [], "state": "ready", "reason": None} for name in MODELS]


def board(**changes: list[Reply]) -> dict[str, list[Reply]]:
    """The answers of a board that is well, but for those in `changes`."""
    answered = [{"model": name, "status": "done", "error": None} for name in MODELS]
    routes = {
        "GET /v1/health": [json_reply(HEALTH)],
        "GET /docs": [text_reply("<html>")],
        "GET /v1/telemetry/latest": [json_reply({"values": {"power_w.VDD_IN": 5.03}})],
        "GET /v1/models": [json_reply({"models": LISTED})],
        "POST /v1/prompt": [json_reply(SAID)],
        "POST /v1/benchmark": [json_reply({"run": "r1", "results": answered})],
        "GET /v1/runs/r1?rounds=true": [json_reply(a_run())],
        **{f"POST /v1/models/{name}/load": [json_reply({"elapsed_ms": 1200.0})] for name in MODELS},
    }
    return {**routes, **changes}


def a_run(*, offload_ratio: float = 1.0, energy_j: float | None = 31.4, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    summary = {} if energy_j is None else {"energy_j": {"n": 2, "median": energy_j}}
    results = [
        {"case": {"model": name}, "offload_ratio": offload_ratio, "summary": summary, "rounds": [{"flags": [*flags]}]}
        for name in MODELS
    ]
    return {"results": results, "conditions": {"facts": {"power_mode": "25W", "clocks_locked": True}}}


def checked(routes: dict[str, list[Reply]], **environ: str) -> tuple[int, dict[str, str], str]:
    """How it ends against a service with these answers: status, what it prints by check, and all of it."""
    with FakeOllama(routes) as service:
        done = run("--url", service.url, **environ)
    lines = [line for line in done.stdout.splitlines() if line[:4] in ("pass", "FAIL")]
    return done.returncode, {line[6:28].strip(): line[:4] for line in lines}, done.stdout + done.stderr


def run(*words: str, ollama_port: int | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """The script with another port than Ollama's (None: a free one), and without a release of L4T.

    The machine of the tests may have an Ollama, and may be a Jetson.
    """
    program = SCRIPT.read_text().replace("OLLAMA_PORT = 11434", f"OLLAMA_PORT = {ollama_port or free_port()}")
    program = program.replace('Path("/etc/nv_tegra_release")', 'Path("/no-such/nv_tegra_release")')
    return subprocess.run(
        [sys.executable, "-", *words],
        input=program,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def failed(checks: dict[str, str]) -> list[str]:
    return [name for name, verdict in checks.items() if verdict == "FAIL"]


def test_a_board_that_is_well_passes_every_check() -> None:
    status, checks, said = checked(board())
    assert (status, failed(checks)) == (0, []), said
    assert list(checks) == [
        *("service", "manual", "Ollama", "L4T of the host", "telemetry", "power", "Ollama's port closed"),
        *(*MODELS, "benchmark", "GPU used", "energy", "power mode"),
    ]
    assert "pass  phi-2                  loaded in 1.2 s, 3 tokens, 21.5 tok/s: 'Paris.'" in said
    assert "note                         Everybody who reaches this port may change things." in said


def test_models_on_the_processor_without_energy_fail_these_two_checks() -> None:
    status, checks, said = checked(
        board(**{"GET /v1/runs/r1?rounds=true": [json_reply(a_run(offload_ratio=0.4, energy_j=None))]})
    )
    assert (status, failed(checks)) == (1, ["GPU used", "energy"])
    assert "not wholly: qwen3-0.6b 40%" in said
    assert "unknown for qwen3-0.6b" in said


def test_a_round_flagged_cpu_fallback_fails_though_the_share_is_whole() -> None:
    run_on_cpu = {"GET /v1/runs/r1?rounds=true": [json_reply(a_run(flags=("cpu_fallback",)))]}
    assert failed(checked(board(**run_on_cpu))[1]) == ["GPU used"]


def test_a_release_sensors_and_an_ollama_that_do_not_fit_are_each_told() -> None:
    versions = {"ollama": "0.6.0", "l4t": None, "jetpack": None}
    missing = {"versions.l4t": "its /etc/nv_tegra_release is not mounted"}
    health = {**HEALTH, "versions": versions, "telemetry": {"sources": ["host"]}, "missing": missing}
    dark = {"GET /v1/health": [json_reply(health)], "GET /v1/telemetry/latest": [json_reply({"values": {}})]}
    status, checks, said = checked(board(**dark))
    assert (status, failed(checks)) == (1, ["Ollama", "L4T of the host", "telemetry", "power"])
    assert "its /etc/nv_tegra_release is not mounted" in said


def test_a_model_that_is_missing_refused_or_broken_fails_alone_and_the_others_are_measured() -> None:
    listed = [{**LISTED[0], "state": "refused", "reason": "is truncated"}, *LISTED[1:5]]  # and no phi-2
    broken = {"title": "Ollama failed", "status": 502, "detail": "It ended.", "next": "Try again."}
    status, checks, said = checked(
        board(
            **{
                "GET /v1/models": [json_reply({"models": listed})],
                "POST /v1/models/distilgpt2/load": [json_reply(broken, status=502)],
            }
        )
    )
    assert status == 1
    assert {"qwen3-0.6b", "phi-2", "distilgpt2"} <= set(failed(checks))
    assert "is truncated" in said
    assert "there is no such file in the folder of models" in said
    assert "Ollama failed (502): It ended. Try again." in said


def test_a_model_that_answers_nothing_fails() -> None:
    silent = {**SAID, "response": " \n", "output_tokens": 1}
    status, checks, _ = checked(board(**{"POST /v1/prompt": [json_reply(silent), json_reply(SAID)]}))
    assert (status, checks["qwen3-0.6b"], checks["qwen3-1.7b"]) == (1, "FAIL", "pass")


def test_only_what_it_loaded_is_unloaded_and_the_token_is_sent() -> None:
    before = [{**LISTED[0], "state": "loaded"}, *LISTED[1:]]
    after = [{**LISTED[0], "state": "loaded"}, *LISTED[1:5], {**LISTED[5], "state": "loaded"}]
    routes = board(**{"GET /v1/models": [json_reply({"models": before}), json_reply({"models": after})]})
    with FakeOllama({**routes, "POST /v1/models/phi-2/unload": [json_reply({})]}) as service:
        assert run("--url", service.url, ORAC_TOKEN="secret").returncode == 0
        asked = [request for request in service.requests if request.method == "POST"]
    assert [request.path for request in asked if "unload" in request.path] == ["/v1/models/phi-2/unload"]
    assert {request.headers.get("authorization") for request in asked} == {"Bearer secret"}


def test_without_a_service_or_with_one_that_measures_nothing_is_checked() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        done = run("--url", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Start it with `docker compose up -d` or `orac serve`" in done.stderr
    busy = {"GET /v1/health": [json_reply({**HEALTH, "measuring": "20261122-120000-abcd"})]}
    status, checks, said = checked(board(**busy))
    assert (status, checks) == (2, {})
    assert "measures run 20261122-120000-abcd" in said


def test_something_else_on_that_port_is_no_service() -> None:
    status, checks, said = checked({"GET /v1/health": [text_reply("hello")]})
    assert (status, checks, "something else listens" in said) == (2, {}, True)


def test_an_ollama_that_others_can_reach_fails() -> None:
    with socket.socket(socket.AF_INET6) as open_to_all, FakeOllama(board()) as service:
        open_to_all.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        open_to_all.bind(("::", 0))
        open_to_all.listen()
        port = open_to_all.getsockname()[1]
        done = run("--url", service.url, ollama_port=port)
        reachable = any(address != "127.0.0.1" for address in outer_addresses())
    assert (done.returncode, f"FAIL  Ollama's port closed   {port} is open at" in done.stdout) == (
        (1, True) if reachable else (0, False)
    )


def outer_addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return []
        return [probe.getsockname()[0]]

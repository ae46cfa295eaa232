"""The supervision without an Ollama: programs that are scripts, each with one fault."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import textwrap
from pathlib import Path

import pytest
from waiting import eventually, running

from orac_bench.errors import OllamaStartFailed
from orac_bench.ollama.guarded import guarded
from orac_bench.ollama.listener import Listener, listener
from orac_bench.ollama.server import LOG_LIMIT_B, PINNED, Log, environment, supervise

VERSION = "[ \"$1\" = --version ] && echo 'ollama version is 0.0.1' && exit"
SERVES = f"""\
#!{sys.executable} -IS
import http.server, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{{"version":"0.0.1"}}')
def serve():
    host, port = os.environ["OLLAMA_HOST"].split(":")
    http.server.HTTPServer((host, int(port)), Handler).serve_forever()
if sys.argv[1] == "--version":
    print("ollama version is 0.0.1")
"""


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def shell(path: Path, text: str) -> Path:
    return program(path, f"#!/bin/sh\n{VERSION}\n{text}\n")


def failure(
    binary: Path, folder: Path, *, port: int | None = None, store: Path | None = None, ready_within_s: float = 20.0
) -> str:
    """The message of a start that fails."""
    with pytest.raises(OllamaStartFailed) as caught:
        with supervise(
            binary,
            store=store or folder / "store",
            home=folder / "home",
            log=folder / "log" / "ollama.log",
            port=port,
            ready_within_s=ready_within_s,
        ):
            raise AssertionError("it started")
    return str(caught.value)


def test_the_pinned_settings_are_these() -> None:
    assert environment(port=4242, store=Path("/s"), home=Path("/h")) == {
        "OLLAMA_HOST": "127.0.0.1:4242",
        "OLLAMA_MODELS": "/s",
        "HOME": "/h",
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_FLASH_ATTENTION": "0",
        "OLLAMA_KV_CACHE_TYPE": "f16",
        "OLLAMA_LOAD_TIMEOUT": "5m",
        "OLLAMA_NOPRUNE": "1",
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_NOHISTORY": "1",
        "LLAMA_ARG_CACHE_RAM": "0",
    }


def test_the_server_gets_the_callers_environment_without_settings_that_would_change_the_measurement(
    tmp_path: Path,
) -> None:
    # LC_ALL: where no locale is set the guardian's Python adds LC_CTYPE (PEP 538)
    kept = {"LD_LIBRARY_PATH": "/cuda", "JETSON_JETPACK": "6.2", "HTTP_PROXY": "http://p:1", "LC_ALL": "C.UTF-8"}
    ours = {"PATH": os.environ["PATH"], **kept}
    theirs = {"OLLAMA_DEBUG": "1", "OLLAMA_HOST": "0.0.0.0", "LLAMA_ARG_THREADS": "1", "ORAC_TOKEN": "secret"}
    prints = shell(tmp_path / "ollama", f"env > {tmp_path}/env\nexit 1")
    with pytest.raises(OllamaStartFailed):
        with supervise(
            prints, store=tmp_path / "s", home=tmp_path, log=tmp_path / "log", port=4242, environ={**ours, **theirs}
        ):
            pass

    got = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    expected = {**ours, **environment(port=4242, store=tmp_path / "s", home=tmp_path)}
    assert {name: value for name, value in got.items() if name not in ("PWD", "OLDPWD", "SHLVL", "_")} == expected
    assert got.keys() >= PINNED.keys()


def test_a_program_that_exits_at_once_is_told_with_its_status_and_its_last_lines(tmp_path: Path) -> None:
    exits = shell(tmp_path / "ollama", "echo one; echo 'two: no such device' >&2; exit 3")
    log = tmp_path / "log" / "ollama.log"

    assert failure(exits, tmp_path) == (
        f"`{exits} serve` ended with exit status 3 before it was ready. The last lines of {log}:\n"
        f"  one\n  two: no such device\n Look at {log}."
    )


def test_a_program_that_hangs_is_ended_and_told(tmp_path: Path) -> None:
    hangs = shell(tmp_path / "ollama", f"echo $$ > {tmp_path}/pid; exec sleep 600")

    message = failure(hangs, tmp_path, ready_within_s=2.0)

    assert re.sub(r":\d+ within", ":PORT within", message) == (
        f"{hangs} was started and did not answer at http://127.0.0.1:PORT within 2 s. "
        f"It wrote nothing to {tmp_path}/log/ollama.log. "
        "Is the machine busy? Try again, or start Ollama yourself and set ORAC_OLLAMA_URL."
    )
    assert not running(int((tmp_path / "pid").read_text()))


def test_a_program_that_is_no_ollama_is_told(tmp_path: Path) -> None:
    other = program(tmp_path / "other", "#!/bin/sh\nexit 1\n")

    assert failure(other, tmp_path) == (
        f"{other} is no Ollama: `{other} serve` ended with exit status 1, and `--version` is not answered as Ollama "
        f"does. It wrote nothing to {tmp_path}/log/ollama.log. Name an Ollama with ORAC_OLLAMA_BIN, or unset it."
    )


def test_a_program_for_another_processor_is_told(tmp_path: Path) -> None:
    assert failure(program(tmp_path / "ollama", "\x7fELF no real one"), tmp_path) == (
        f"{tmp_path}/ollama cannot be run: Exec format error. It may be made for another processor. "
        "Install Ollama again, or name another with ORAC_OLLAMA_BIN."
    )


def test_a_store_that_cannot_be_written_is_told_before_anything_is_started(tmp_path: Path) -> None:
    starts = shell(tmp_path / "ollama", f"touch {tmp_path}/started; exec sleep 600")
    (tmp_path / "file").write_text("")
    advice = "Set ORAC_HOME to a folder that can, with space left."

    assert failure(starts, tmp_path, store=tmp_path / "file") == (
        f"{tmp_path}/file, Ollama's store, cannot be written: File exists. {advice}"
    )
    assert failure(starts, tmp_path, store=Path("/proc/self/store")) == (
        f"/proc/self/store, Ollama's store, cannot be written: No such file or directory. {advice}"
    )
    assert not (tmp_path / "started").exists()


def test_a_taken_port_is_told_with_who_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        name = Path("/proc/self/comm").read_text().strip()

        assert listener(port) == Listener(pid=os.getpid(), name=name)
        assert failure(shell(tmp_path / "ollama", "exec sleep 600"), tmp_path, port=port) == (
            f"Port {port} is taken by {name} (process {os.getpid()}), so Ollama cannot be started on it. "
            "End that, or unset ORAC_OLLAMA_PORT for a free port, "
            f"or set ORAC_OLLAMA_URL=http://127.0.0.1:{port} if it is an Ollama to be used."
        )
    assert listener(port) is None


def test_a_free_port_that_is_taken_in_between_is_replaced_by_another(tmp_path: Path) -> None:
    lost = f"""
elif not os.path.exists("{tmp_path}/second"):
    open("{tmp_path}/second", "w").close()
    sys.exit("Error: listen tcp " + os.environ["OLLAMA_HOST"] + ": bind: address already in use")
else:
    serve()
"""
    log = tmp_path / "ollama.log"
    with supervise(program(tmp_path / "ollama", SERVES + lost), store=tmp_path / "s", home=tmp_path, log=log) as server:
        assert server.version == "0.0.1"
        assert server.alive()
        assert server.url == "http://" + server.environment["OLLAMA_HOST"]
        assert log.read_text().count("=== ") == 2


def test_what_answers_on_the_port_must_be_the_server_that_was_started(tmp_path: Path) -> None:
    other = """
elif sys.argv[1] == "other":
    serve()
else:
    subprocess.Popen([sys.executable, sys.argv[0], "other"], start_new_session=True).wait()
"""
    message = failure(program(tmp_path / "ollama", SERVES + other), tmp_path, ready_within_s=3.0)

    assert "was started and did not answer" in message


def test_everything_that_a_program_started_is_gone_also_what_left_its_group_and_ignores_sigterm(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.touch()
    stubborn = shell(tmp_path / "stubborn", f"trap '' TERM; echo $$ >> {pids}; while :; do sleep 600; done")
    tree = shell(tmp_path / "tree", f"(setsid {stubborn} &); {stubborn} & exec {stubborn}")
    with (tmp_path / "log").open("wb") as output, guarded([tree], environ=os.environ, output=output.fileno()) as ran:
        eventually(lambda: len(pids.read_text().splitlines()) == 3)
        assert ran.ended is None

    assert [pid for pid in pids.read_text().split() if running(int(pid))] == []
    assert ran.ended == f"signal {signal.SIGKILL.value}"


def test_a_log_of_more_than_ten_mebibytes_is_rotated_and_a_smaller_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ollama.log"
    path.write_bytes(b"x" * LOG_LIMIT_B + b"\n")

    Log.begin(path, "first")
    assert (tmp_path / "ollama.log.1").stat().st_size == LOG_LIMIT_B + 1
    Log.begin(path, "second")
    assert [line[-18:] for line in path.read_text().splitlines()] == [" ORAC starts first", "ORAC starts second"]


def test_the_tail_has_only_what_the_last_start_wrote_without_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "ollama.log"
    path.write_text("of another start\n")
    log = Log.begin(path, "this")
    with path.open("a") as file:
        file.write(
            textwrap.dedent("""\
            one
            \x1b[31mtwo\x1b[0m\x07

            three
        """)
        )

    assert log.tail(9) == ("one", "two", "three")
    assert log.tail(2) == ("two", "three")
    assert log.tail(0) == ()

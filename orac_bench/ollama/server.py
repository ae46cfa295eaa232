"""A supervised `ollama serve`: started on loopback with pinned settings, ready or a clear error, gone when we are.

What must never live here: calls to an Ollama that somebody else runs.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from orac_bench.errors import OllamaError, OllamaStartFailed
from orac_bench.ollama.client import Client
from orac_bench.ollama.guarded import Guarded, guarded, members
from orac_bench.ollama.listener import listener
from orac_bench.ollama.locate import program_version

PINNED: Mapping[str, str] = {
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
"""Settings that are the same for every supervised server, whatever the version and the caller's environment."""

LOG_LIMIT_B = 10 * 2**20
_OWN = ("OLLAMA_", "LLAMA_ARG_", "ORAC_")
_LOOPBACK = "127.0.0.1"
_ATTEMPTS = 5
_POLL_S = 0.05
_ANSWER_LIMIT_S = 2.0
_TAIL_B = 65_536


class Server:
    """An Ollama that answers. `pid` is `ollama serve`; `environment` what ORAC set for it, as recorded with a run."""

    def __init__(self, *, url: str, version: str, environment: Mapping[str, str], log: Log, program: Guarded) -> None:
        self.url = url
        self.version = version
        self.pid = program.pid
        self.guardian_pid = program.guardian_pid
        self.environment = environment
        self.log = log.path
        self._log = log
        self._program = program

    def alive(self) -> bool:
        """Whether the server still runs. From any thread."""
        return self._program.ended is None

    def log_tail(self, lines: int) -> tuple[str, ...]:
        """The last lines that this server has written to its log, and how it ended where it has."""
        ended = self._program.ended
        tail = self._log.tail(lines)
        return tail if ended is None else (*tail, f"ollama serve (process {self.pid}) {_ending(ended)}")[-lines:]


@contextmanager
def supervise(
    binary: Path,
    *,
    store: Path,
    home: Path,
    log: Path,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
    ready_within_s: float = 20.0,
) -> Iterator[Server]:
    """A server of `binary` on loopback `port` (None: a free one), ready for calls; ended when the block ends.

    `store` becomes OLLAMA_MODELS and `home` its HOME; `log` is appended to. `environ` (None: this process's) is passed
    on without its OLLAMA_*, LLAMA_ARG_* and ORAC_* variables. It ends within 10 s, with every process that it started,
    whether the block returns or raises or this process is killed; the thread that starts it may end before.
    Raises OllamaStartFailed where it is not ready in time, with the reason and the log's last lines.
    """
    inherited = os.environ if environ is None else environ
    deadline = time.monotonic() + ready_within_s
    for folder, what in (
        (store, "Ollama's store"),
        (home, "Ollama's home"),
        (log.parent, "the folder of Ollama's log"),
    ):
        _writable(folder, what)
    if port is not None:
        _check_free(port)
    for attempt in range(_ATTEMPTS):
        chosen = _free_port() if port is None else port
        settings = environment(port=chosen, store=store, home=home)
        written = Log.begin(log, f"{binary} serve with " + " ".join(f"{k}={v}" for k, v in settings.items()))
        with ExitStack() as stack:
            with log.open("ab") as output:
                scrubbed = {name: value for name, value in inherited.items() if not name.startswith(_OWN)}
                program = stack.enter_context(
                    guarded([binary, "serve"], environ={**scrubbed, **settings}, output=output.fileno())
                )
            url = f"http://{_LOOPBACK}:{chosen}"
            version = _wait_ready(program, url, chosen, deadline)
            if version is not None:
                yield Server(url=url, version=version, environment=settings, log=written, program=program)
                return
            again = port is None and attempt + 1 < _ATTEMPTS and _lost_port(written) and time.monotonic() < deadline
            failure = None if again else _failure(binary, program, written, chosen, ready_within_s)
        if failure is not None:
            raise failure


def environment(*, port: int, store: Path, home: Path) -> dict[str, str]:
    """What ORAC sets for a supervised server: PINNED, its address, its store and its HOME."""
    return {"OLLAMA_HOST": f"{_LOOPBACK}:{port}", "OLLAMA_MODELS": str(store), "HOME": str(home), **PINNED}


class Log:
    """What one server writes: the part of the file `path` from byte `start` on."""

    def __init__(self, path: Path, *, start: int) -> None:
        self.path = path
        self.start = start

    @classmethod
    def begin(cls, path: Path, headline: str) -> Log:
        """Appends a headline with the time; a file of more than 10 MiB becomes `.1` first. Raises OllamaStartFailed."""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            if path.exists() and path.stat().st_size > LOG_LIMIT_B:
                path.replace(path.with_name(f"{path.name}.1"))
            with path.open("ab") as file:
                file.write(f"=== {now} ORAC starts {headline}\n".encode(errors="replace"))
                return cls(path, start=file.tell())
        except OSError as error:
            raise OllamaStartFailed(
                f"Ollama's log {path} cannot be written: {error.strerror}.", next="Correct it, or set ORAC_HOME."
            ) from error

    def tail(self, lines: int) -> tuple[str, ...]:
        """The last lines, without control characters; empty where nothing was written."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self.start, file.seek(0, os.SEEK_END) - _TAIL_B))
                text = file.read(_TAIL_B).decode("utf-8", errors="replace")
        except OSError:
            return ()
        kept = [re.sub(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f]", "", line).rstrip() for line in text.splitlines()]
        return tuple(line for line in kept if line)[-lines:] if lines > 0 else ()


def _wait_ready(program: Guarded, url: str, port: int, deadline: float) -> str | None:
    """The version, once our own server answers at `url`. None where it ended, or did not answer before `deadline`."""
    with Client(url, idle_timeout_s=_ANSWER_LIMIT_S) as client:
        while program.ended is None and time.monotonic() < deadline:
            try:
                version = client.version()
            except OllamaError:
                time.sleep(_POLL_S)
                continue
            who = listener(port)
            if who is None or who.pid in members(program.pid):
                return version
            time.sleep(_POLL_S)  # somebody else took the port: ours is about to end
    return None


def _failure(binary: Path, program: Guarded, log: Log, port: int, within_s: float) -> OllamaStartFailed:
    """Why the server is not ready, in words."""
    ended = program.ended
    tail = "".join(f"\n  {line}" for line in log.tail(12))
    said = f" The last lines of {log.path}:{tail}\n" if tail else f" It wrote nothing to {log.path}."
    if program.failed is not None:
        return OllamaStartFailed(
            f"{binary} cannot be run: {program.failed}.",
            next="It may be made for another processor. Install Ollama again, or name another with ORAC_OLLAMA_BIN.",
        )
    if ended is not None and _lost_port(log):
        return _taken(port)
    if program_version(binary, within_s=5.0) is None:
        how = f"did not answer within {within_s:g} s" if ended is None else _ending(ended)
        return OllamaStartFailed(
            f"{binary} is no Ollama: `{binary} serve` {how}, and `--version` is not answered as Ollama does.{said}",
            next="Name an Ollama with ORAC_OLLAMA_BIN, or unset it.",
        )
    if ended is None:
        return OllamaStartFailed(
            f"{binary} was started and did not answer at http://{_LOOPBACK}:{port} within {within_s:g} s.{said}",
            next="Is the machine busy? Try again, or start Ollama yourself and set ORAC_OLLAMA_URL.",
        )
    return OllamaStartFailed(
        f"`{binary} serve` {_ending(ended)} before it was ready.{said}", next=f"Look at {log.path}."
    )


def _ending(ended: str) -> str:
    """ "exit 1" as "ended with exit status 1"."""
    kind, _, value = ended.partition(" ")
    return {"exit": f"ended with exit status {value}", "signal": f"was ended by signal {value}"}.get(
        kind, "ended, as its guardian was killed"
    )


def _lost_port(log: Log) -> bool:
    return any("address already in use" in line for line in log.tail(12))


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except PermissionError as error:
            raise OllamaStartFailed(
                f"Port {port} may not be used by this user: {error.strerror}.",
                next="Set ORAC_OLLAMA_PORT to a port above 1023, or unset it for a free one.",
            ) from error
        except OSError as error:
            raise _taken(port) from error


def _taken(port: int) -> OllamaStartFailed:
    who = listener(port)
    by = "another user's process" if who is None else f"{who.name} (process {who.pid})"
    return OllamaStartFailed(
        f"Port {port} is taken by {by}, so Ollama cannot be started on it.",
        next=f"End that, or unset ORAC_OLLAMA_PORT for a free port, "
        f"or set ORAC_OLLAMA_URL=http://{_LOOPBACK}:{port} if it is an Ollama to be used.",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _writable(folder: Path, what: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OllamaStartFailed(
            f"{folder}, {what}, cannot be written: {error.strerror}.",
            next="Set ORAC_HOME to a folder that can, with space left.",
        ) from error

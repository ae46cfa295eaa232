"""A tiny program that starts `ollama serve` and ends it, with all its runners, when ORAC ends in any way.

    python -I -S guardian.py LIFE REPORT PARENT PROGRAM ARGUMENT...

LIFE is a pipe that ORAC holds open: its end, or the end of process PARENT, ends the server. On the pipe REPORT it says
`started PID`, `failed REASON`, `ended exit 1` or `ended signal 9`, and closes it once no process is left.

What is covered: ORAC returns, raises or is killed, any thread of it ends or lives on, the server ends or is killed
(runners that lost their parent come to us, as we are their reaper). If this guardian is killed -9 the kernel sends the
server SIGTERM, and it ends its runners itself. Not covered: guardian and server killed -9 at once; then ORAC, if it
lives, ends the server's process group. Runs alone, without site-packages: standard library only, no import of ORAC.
"""

# pathlib and contextlib would double the time that this program needs to start
# ruff: noqa: PTH123, PTH208, SIM105
from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

TERM_S = 5.0
"""How long the processes get after SIGTERM before SIGKILL; ORAC promises 10 s for all."""
KILL_S = 3.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""Source: linux/prctl.h."""


def main(arguments: list[str]) -> int:
    """Exit status: 0 when every process is gone, 1 when one could not be ended."""
    life, report, parent = (int(word) for word in arguments[:3])
    for pipe in (life, report):
        os.set_inheritable(pipe, False)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    wakes = _wakes_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = _start(arguments[3:], report, kernel)
    _tell(report, f"started {server}")
    ended = _watch(server, life, parent, wakes)
    ended, left = _end_all(server, ended, wakes)
    _tell(report, f"ended {ended or 'signal 9'}")
    return 1 if left else 0


def _wakes_on(*numbers: signal.Signals) -> int:
    """A pipe that can be read as soon as one of the signals has come; its bytes are the signals' numbers."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reading


def _start(command: list[str], report: int, kernel: ctypes.CDLL) -> int:
    """The process id of the server, in a session and a process group of its own."""
    guardian = os.getpid()
    server = os.fork()
    if server:
        return server
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        kernel.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != guardian:
            os._exit(127)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.execv(command[0], command)
    except OSError as error:
        _tell(report, f"failed {error.strerror}")
    finally:
        os._exit(127)


def _watch(server: int, life: int, parent: int, wakes: int) -> str | None:
    """Waits. How the server ended; None while it runs and is to be ended."""
    watched = select.poll()
    watched.register(life, select.POLLIN)
    watched.register(wakes, select.POLLIN)
    try:
        # a fork of ORAC may hold the pipe open for longer than ORAC lives
        watched.register(os.pidfd_open(parent), select.POLLIN)
    except (OSError, AttributeError):
        pass
    while os.getppid() == parent:
        ready = {source for source, _ in watched.poll(60_000)}
        if wakes in ready and os.read(wakes, 512).strip(bytes([signal.SIGCHLD])):
            return None
        ended = _reap(server)[0]
        if ended:
            return ended
        if ready - {wakes}:
            return None
    return None


def _reap(server: int) -> tuple[str | None, bool]:
    """How the server ended if it is among the ended ones, else None; and whether any process of ours is left."""
    ended = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        if pid == server:
            code = os.waitstatus_to_exitcode(status)
            ended = f"exit {code}" if code >= 0 else f"signal {-code}"


def _end_all(server: int, ended: str | None, wakes: int) -> tuple[str | None, bool]:
    """Ends whatever descends from us, politely and then not. How the server ended, and whether any process is left."""
    left = True
    waking = select.poll()
    waking.register(wakes, select.POLLIN)
    for number, patience_s in ((signal.SIGTERM, TERM_S), (signal.SIGKILL, KILL_S)):
        until = time.monotonic() + patience_s
        told: set[int] = set()
        while left and time.monotonic() < until:
            for pid in _descendants() - told:
                told.add(pid)
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            if waking.poll(50):
                os.read(wakes, 512)
            now, left = _reap(server)
            ended = ended or now
    return ended, left


def _descendants() -> set[int]:
    """Every process below this one. Source: proc(5), /proc/PID/stat, fields 1 and 4."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parents[int(name)] = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                pass
    found = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} | found
        if more == found:
            return found - {os.getpid()}
        found = more


def _tell(report: int, line: str) -> None:
    try:
        os.write(report, line.encode(errors="replace") + b"\n")
    except OSError:
        pass  # ORAC is gone: nobody is left to tell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

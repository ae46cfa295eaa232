"""Process 1 of the container: runs a command, hands it the signals, buries the dead, and ends with its exit status.

    python -I -S entrypoint.py COMMAND [ARGUMENT...]

The kernel does not end process 1 by a signal that it has not asked for, gives it every orphan to bury, and ends the
container with it. So it is this small program, which has asked for the signals before anything else is imported, and
not ORAC itself, which takes half a second to start and buries only its own children. It does the same where it is no
process 1. Runs alone: standard library only, no import of ORAC.

Exit status: the command's, 128 + N where signal N ended it, 127 where there is no such command, 126 where it cannot be
run, 2 without one.
"""

# pathlib and contextlib would double the time that this program needs to start
# ruff: noqa: SIM105
from __future__ import annotations

import ctypes
import os
import signal
import sys

HANDED_ON = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGWINCH),
)
PR_SET_CHILD_SUBREAPER = 36
"""Source: linux/prctl.h."""


def main(command: list[str]) -> int:
    """The exit status of `command`, when it has ended."""
    if not command:
        print(
            "entrypoint.py: no command was given. Type for example: docker run --rm orac orac doctor", file=sys.stderr
        )
        return 2
    waited = {signal.SIGCHLD, *HANDED_ON}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = _start(command)
    while True:
        number = signal.sigwait(waited)
        if number != signal.SIGCHLD:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                pass
        elif (status := _bury(child)) is not None:
            return status


def _start(command: list[str]) -> int:
    """The process id of `command`, in a process group of its own, which has the terminal where there is one.

    Ctrl-C on that terminal then reaches it once, from the terminal, and not a second time through us.
    """
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            os.tcsetpgrp(0, os.getpgrp())
        except OSError:
            pass  # no terminal
        for number in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvp(command[0], command)
    except FileNotFoundError:
        os.write(2, f"entrypoint.py: there is no command {command[0]!r}.\n".encode(errors="replace"))
        os._exit(127)
    except OSError as error:
        os.write(2, f"entrypoint.py: {command[0]!r} cannot be run: {error.strerror}.\n".encode(errors="replace"))
    finally:
        os._exit(126)


def _bury(child: int) -> int | None:
    """The exit status of `child` where it is among the ended ones, all of which are buried; else None."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A program that prints recorded lines of tegrastats at their pace, or misbehaves as told. Run it as a script.

    tegrastats_replay.py [--interval MS] [--then WHAT]

FILE and behaviour come from the environment, as the program is called like tegrastats: REPLAY_FILE, REPLAY_THEN (loop,
exit, hang, flood, garbage) says what follows after REPLAY_LINES lines (none: all).
"""

from __future__ import annotations

import itertools
import os
import stat
import sys
import time
from pathlib import Path


def program(folder: Path, file: Path, *, then: str = "loop", lines: int = 0) -> Path:
    """An executable in `folder` that may be called like tegrastats and prints `file`."""
    path = folder / f"tegrastats-{then}-{lines}"
    path.write_text(
        f"#!/bin/sh\nREPLAY_FILE='{file}' REPLAY_THEN={then} REPLAY_LINES={lines} "
        f"exec '{sys.executable}' -S '{Path(__file__).resolve()}' \"$@\"\n",
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def main(arguments: list[str]) -> int:
    """Prints until told otherwise. The exit status."""
    period_s = int(arguments[arguments.index("--interval") + 1]) / 1000
    recorded = Path(os.environ["REPLAY_FILE"]).read_text(encoding="utf-8").splitlines(keepends=True)
    then, count = os.environ["REPLAY_THEN"], int(os.environ["REPLAY_LINES"])
    for line in itertools.islice(itertools.cycle(recorded), count or None):
        sys.stdout.write(line)
        sys.stdout.flush()
        time.sleep(period_s)
    if then == "hang":
        time.sleep(600)
    while then == "flood":
        sys.stdout.write(recorded[0] * 100)
    while then == "garbage":
        sys.stdout.buffer.write(bytes(range(256)) * 4 + b"\n")
        sys.stdout.flush()
        time.sleep(period_s)
    return 3


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

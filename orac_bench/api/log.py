"""The service's log on stderr: a line an event, with the time, and no line that a caller has forged."""

from __future__ import annotations

import logging
import sys
import time

LOGGERS = ("orac_bench", "uvicorn", "asyncio")


class OneLine(logging.Formatter):
    """Control characters are written as escapes; the lines of a traceback are marked as what they are."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        told = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(f"  | {escaped(line)}" for line in told.split("\n"))


def escaped(text: str) -> str:
    """`text` in one line: what is not printable as Python's escapes."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def to_stderr() -> None:
    """Has the service and its server tell what they do on stderr. Libraries only tell warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO if name == "orac_bench" else logging.WARNING)

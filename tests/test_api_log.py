"""Lines of the service's log: one an event, and none that somebody else has written."""

from __future__ import annotations

import logging
import sys

from orac_bench.api.log import OneLine

FORGED = "a\n2026-11-22T12:00:00Z ERROR forged\x1b[31m\r\x85\u2028b"


def test_a_message_is_one_line_whatever_is_in_it() -> None:
    line = OneLine().format(record("POST /v1/%s", FORGED))
    assert line == ("1970-01-01T00:00:00Z INFO POST /v1/a\\n2026-11-22T12:00:00Z ERROR forged\\x1b[31m\\r\\x85\\u2028b")


def test_the_lines_of_a_traceback_are_marked() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        first, *others = OneLine().format(record("it failed", error=True)).splitlines()
    assert first == "1970-01-01T00:00:00Z INFO it failed"
    assert [line for line in others if not line.startswith("  | ")] == []
    assert others[-1].startswith("  | 2026-11-22T12:00:00Z ERROR forged\\x1b[31m\\r\\x85\\u2028b")


def record(text: str, *values: object, error: bool = False) -> logging.LogRecord:
    made = logging.LogRecord("orac", logging.INFO, "", 0, text, values, sys.exc_info() if error else None)
    made.created = 0.0
    return made

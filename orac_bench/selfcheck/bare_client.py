"""The least client that can read Ollama's stream: one thread, one socket, the standard library, nothing else.

What ORAC sees is compared with what this sees; the difference is ORAC's own overhead.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orac_bench.ollama.call import addressed
from orac_bench.records import Json


@dataclass(frozen=True, kw_only=True)
class BareResult:
    """One answer as the bare client saw it. Counters are the server's own, None where it left them out."""

    ttft_s: float
    """From just before the request was sent to the first chunk with text or thinking."""
    e2e_s: float
    """From just before the request was sent to the final record."""
    decode_tokens_per_s: float | None
    """(printed tokens - 1) / (last - first chunk with text). None below two printed tokens."""
    eval_count: int | None
    eval_s: float | None
    prompt_count: int | None
    prompt_s: float | None


def bare_generate(url: str, payload: Mapping[str, Json], *, timeout_s: float = 120.0) -> BareResult:
    """One streamed answer of the Ollama at `url` to `payload`, on a new connection opened before the clock starts.

    Raises RuntimeError where the answer has no text or no final record, OSError where the connection fails, and
    http.client.HTTPException where what comes is cut off, or no HTTP.
    """
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
    try:
        connection.connect()
        body = json.dumps({**payload, "stream": True})
        headers = {"Content-Type": "application/json", **addressed(url)}
        sent_ns = time.perf_counter_ns()
        connection.request("POST", "/api/generate", body, headers)
        response = connection.getresponse()
        stamped: list[tuple[int, bytes]] = []
        while line := response.readline():
            stamped.append((time.perf_counter_ns(), line))
    finally:
        connection.close()
    return read(sent_ns, stamped)


def read(sent_ns: int, stamped: list[tuple[int, bytes]]) -> BareResult:
    """What the stamped lines of an answer say. Stamps in ns of one clock. Raises RuntimeError as `bare_generate`."""
    records = [(at_ns, _record(line)) for at_ns, line in stamped]
    written = [at_ns for at_ns, record in records if record.get("response") or record.get("thinking")]
    if not written or records[-1][1].get("done") is not True:
        end = stamped[-1][1].decode("utf-8", "replace").strip() if stamped else "nothing"
        raise RuntimeError(f"The answer has no text or no final record; it ends with: {end}")
    done_ns, final = records[-1]
    count = final.get("eval_count")
    printed = None if count is None else count - (final.get("done_reason") == "stop")
    rate = None
    if printed is not None and printed >= 2 and written[-1] > written[0]:
        rate = (printed - 1) * 1e9 / (written[-1] - written[0])
    return BareResult(
        ttft_s=(written[0] - sent_ns) / 1e9,
        e2e_s=(done_ns - sent_ns) / 1e9,
        decode_tokens_per_s=rate,
        eval_count=count,
        eval_s=_seconds(final.get("eval_duration")),
        prompt_count=final.get("prompt_eval_count"),
        prompt_s=_seconds(final.get("prompt_eval_duration")),
    )


def _record(line: bytes) -> dict[str, Any]:
    """The object in a line; an empty one where there is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9

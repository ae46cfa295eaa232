"""From stamped bytes to a `Generation`: a decoder of Ollama's streamed JSON lines that never saw a socket. Pure.

A stream is good only when its final record (`"done": true`) arrived. Ollama ends a stream without one when the model
repeats itself, when its runner dies, and when an error came after the status 200.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from orac_bench.errors import OllamaGarbled, OllamaRefused
from orac_bench.records import Arrival, Chunk, Failure, Generation, Json, ServerTimings

REPEAT_LIMIT = 30
"""More equal chunks in a row than this and Ollama ends the stream in silence. Source: Ollama
#7547 and #8967 on its tracker; seen of 0.6.0 to 0.12.11."""

ABORTED = "aborted"
"""Failure code of a stream that ended without its final record and without an error."""

_DROPPED = ("response", "thinking", "context")


def decode(arrivals: Sequence[Arrival], *, sent_ns: int, status: int = 200) -> Generation:
    """The answer that `arrivals` (in order of time) carry, after a request sent at `sent_ns`.

    A line's stamp is that of the read that completed it. The result has a `failure` and no `timings` where the
    status is 400 or more, a line is no JSON object, an error record came, or the final record is missing.
    """
    chunks: list[Chunk] = []
    for at_ns, line in lines(arrivals):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            return _failed(sent_ns, chunks, Failure(code=OllamaGarbled.code, message=_not_json(line, status)))
        if "error" in record or status >= 400:
            message = f"Ollama answered {status}: {_said(record)}"
            return _failed(sent_ns, chunks, Failure(code=OllamaRefused.code, message=message))
        chunk = Chunk(at_ns, _text(record, "response"), _text(record, "thinking"))
        if record.get("done") is not True:
            chunks.append(chunk)
            continue
        if chunk.text or chunk.thinking:
            chunks.append(chunk)
        raw = {key: value for key, value in record.items() if key not in _DROPPED}
        return Generation(sent_ns=sent_ns, chunks=tuple(chunks), done_ns=at_ns, timings=timings(record), raw=raw)
    if status >= 400:
        return _failed(sent_ns, chunks, Failure(code=OllamaRefused.code, message=f"Ollama answered {status}."))
    return _failed(sent_ns, chunks, Failure(code=ABORTED, message=_why_aborted(chunks)))


def lines(arrivals: Sequence[Arrival]) -> list[tuple[int, bytes]]:
    """The non-empty lines in `arrivals`, each with the stamp of the read that completed it.

    A last line without its end of line counts: the connection's end completes it.
    """
    found: list[tuple[int, bytes]] = []
    rest = b""
    for arrival in arrivals:
        *complete, rest = (rest + arrival.data).split(b"\n")
        found.extend((arrival.at_ns, line) for line in complete if line.strip())
    if rest.strip():
        found.append((arrivals[-1].at_ns, rest))
    return found


class Records:
    """The same decoding while the answer comes: chunks as soon as their lines are complete."""

    def __init__(self) -> None:
        self._rest = b""

    def chunks(self, arrival: Arrival) -> list[Chunk]:
        """The chunks with text that `arrival` completes. What is no such record is left to `decode`."""
        *complete, self._rest = (self._rest + arrival.data).split(b"\n")
        found = []
        for line in complete:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                found.append(Chunk(arrival.at_ns, _text(record, "response"), _text(record, "thinking")))
        return [chunk for chunk in found if chunk.text or chunk.thinking]


def timings(record: dict[str, Json]) -> ServerTimings:
    """The counters of a final record: durations from ns to s, None for what is absent.

    Ollama leaves out a field that is 0, so a missing duration is unknown, not instant.
    """
    reason = record.get("done_reason")
    return ServerTimings(
        done_reason=reason if isinstance(reason, str) else None,
        total_s=_seconds(record, "total_duration"),
        load_s=_seconds(record, "load_duration"),
        prompt_count=_count(record, "prompt_eval_count"),
        prompt_cached_count=_count(record, "prompt_eval_cached_count"),
        prompt_s=_seconds(record, "prompt_eval_duration"),
        eval_count=_count(record, "eval_count"),
        eval_s=_seconds(record, "eval_duration"),
    )


def _failed(sent_ns: int, chunks: list[Chunk], failure: Failure) -> Generation:
    return Generation(sent_ns=sent_ns, chunks=tuple(chunks), done_ns=None, timings=None, failure=failure)


def _why_aborted(chunks: Sequence[Chunk]) -> str:
    runs = [len(list(equal)) for _, equal in groupby(chunks, key=lambda chunk: chunk.text.strip())]
    if runs and runs[-1] > REPEAT_LIMIT:
        return (
            f"Ollama ended the stream without its final record after {runs[-1]} equal chunks: "
            "the model repeats itself, and Ollama stops it without saying so."
        )
    return f"The stream ended after {len(chunks)} chunks without its final record."


def _not_json(line: bytes, status: int) -> str:
    start = line[:60].decode("utf-8", "replace").strip()
    return f"The answer (status {status}) is not Ollama's: it begins with {start!r}."


def _said(record: dict[str, Json]) -> str:
    said = record.get("error")
    return said if isinstance(said, str) else json.dumps(record)[:200]


def _text(record: dict[str, Json], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _count(record: dict[str, Json], key: str) -> int | None:
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(record: dict[str, Json], key: str) -> float | None:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return value / 1e9

"""The process of the server of known timing: it stands in for Ollama, sends on time, and notes when it sent.

Each chunk leaves at its absolute due time after the request arrived, so that no delay adds up. The counters of the
final record are exact and mean what Ollama's mean: `eval_count` is N tokens, `eval_duration` the N - 1 gaps between
them. Other ways in which Ollama misleads a client come on request (`Biases`).

Standard library only: `known_server.py` starts this file by its path, in isolated mode, without ORAC. What must
never live here: a judgement of what a client makes of it.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from typing import Union

Document = dict[str, Union[bool, int, float, str, "Document", "list[Document]", "list[str]", None]]
"""A JSON object, as it is sent and received here."""

MODEL = "known:latest"
"""The one model that it has; every other name is not found."""

VERSION = "0.11.4"
"""The version that it claims to be."""

SPIN_NS = 1_000_000
"""The last stretch before a due time, spent looking at the clock: a sleep alone wakes up late."""

CACHED_NS = 1_000_000
"""What reading a prompt costs at least."""


@dataclass(frozen=True, kw_only=True)
class Biases:
    """Ways in which real Ollamas mislead a client, all off."""

    coalesce: int = 1
    """Tokens in a chunk, which leaves when its last token is due."""
    cached: bool = False
    """Words that a prompt shares with the beginning of the one before cost no time, and are counted all the same."""
    whole_ms: bool = False
    """Durations are cut to whole milliseconds, and left out where that is 0 (Ollama up to 0.6.1)."""
    thinking: bool = False
    """The first half of the tokens is thinking."""
    no_final: bool = False
    """The stream ends without its final record."""
    short: bool = False
    """The model stops after half of the tokens that were asked for."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The server's own stamps of its last answer, in ns of CLOCK_MONOTONIC."""

    received_ns: int
    """The request had been read whole."""
    first_send_ns: int
    """Just before the first chunk was handed to the kernel."""
    sends_ns: tuple[int, ...]
    """The same for each chunk; the final record is not among them."""
    final_ns: int | None
    """The same for the final record, None where it was kept back."""


def main(arguments: Sequence[str]) -> int:
    """Serves until standard input ends. Its address is the one line on standard output."""
    parser = argparse.ArgumentParser(description="Stands in for an Ollama, with known timing.")
    parser.add_argument("--ttft-s", type=float, default=0.2)
    parser.add_argument("--token-s", type=float, default=0.02)
    parser.add_argument("--load-s", type=float, default=0.0)
    parser.add_argument("--coalesce", type=int, default=1)
    for flag in ("--cached", "--whole-ms", "--thinking", "--no-final", "--short"):
        parser.add_argument(flag, action="store_true")
    chosen = vars(parser.parse_args(arguments))
    server = _Server(
        ttft_ns=round(chosen.pop("ttft_s") * 1e9),
        token_ns=round(chosen.pop("token_s") * 1e9),
        load_s=chosen.pop("load_s"),
        biases=Biases(**chosen),
    )
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    gc.disable()  # no pause of our own between two tokens
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever(0.05)
    return 0


def _end_with_parent(server: _Server) -> None:
    sys.stdin.read()
    server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, ttft_ns: int, token_ns: int, load_s: float, biases: Biases) -> None:
        self.ttft_ns = ttft_ns
        self.token_ns = token_ns
        self.load_s = load_s
        self.biases = biases
        self.loaded = False
        self.last_words: list[str] = []
        self.truth: Truth | None = None
        super().__init__(("127.0.0.1", 0), _Handler)

    def load(self) -> int:
        """Loads the model where it is not loaded. What it took, in ns."""
        before_ns = time.perf_counter_ns()
        if not self.loaded:
            time.sleep(self.load_s)
            self.loaded = True
        return time.perf_counter_ns() - before_ns

    def prompt_ns(self, words: list[str]) -> int:
        """How long this prompt takes to read, the one before being known."""
        known = self.last_words if self.biases.cached else []
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(words, known, strict=False)))
        self.last_words = words
        return max(CACHED_NS, self.ttft_ns * (len(words) - shared) // len(words))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client went away: its right

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line written between two tokens would be felt."""

    def do_GET(self) -> None:
        server = self.server
        listed: Document = {"name": MODEL, "model": MODEL, "size": 1_000_000, "digest": "0" * 64, "details": DETAILS}
        if self.path == "/truth" and server.truth is not None:
            self._json(asdict(server.truth))
        elif self.path == "/api/version":
            self._json({"version": VERSION})
        elif self.path == "/api/tags":
            self._json({"models": [listed]})
        elif self.path == "/api/ps":
            loaded: Document = {**listed, "size_vram": 0, "context_length": 4096}
            self._json({"models": [loaded] if server.loaded else []})
        else:
            self._json({"error": "not found"}, status=404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received_ns = time.perf_counter_ns()
        request = json.loads(body)
        name = str(request.get("model", ""))
        if name not in (MODEL, MODEL.partition(":")[0]):
            self._json({"error": f"model '{name}' not found"}, status=404)
        elif self.path == "/api/show":
            self._json(SHOWN)
        elif self.path != "/api/generate":
            self._json({"error": "not found"}, status=404)
        elif request.get("prompt"):
            self._generate(request, received_ns)
        else:
            self._load_or_unload(keep_alive=request.get("keep_alive"))

    def _load_or_unload(self, *, keep_alive: object) -> None:
        if keep_alive == 0:
            self.server.loaded = False
        else:
            self.server.load()
        self._json({**_record(), "done": True, "done_reason": "unload" if keep_alive == 0 else "load"})

    def _generate(self, request: Document, received_ns: int) -> None:
        server, options = self.server, request.get("options")
        asked = options.get("num_predict") if isinstance(options, dict) else None
        tokens = asked if isinstance(asked, int) and asked > 0 else 16
        if server.biases.short:
            tokens = max(1, tokens // 2)
        load_ns = server.load()
        words = str(request["prompt"]).split() or [""]
        prompt_ns = server.prompt_ns(words)
        decode_ns = (tokens - 1) * server.token_ns
        final: Document = {**_record(), "done": True, "done_reason": "stop" if server.biases.short else "length"}
        final.update(prompt_eval_count=len(words) + 1, eval_count=tokens)
        durations = {
            "total_duration": load_ns + prompt_ns + decode_ns,
            "load_duration": load_ns,
            "prompt_eval_duration": prompt_ns,
            "eval_duration": decode_ns,
        }
        unit = 1_000_000 if server.biases.whole_ms else 1
        final.update({key: ns // unit * unit for key, ns in durations.items() if ns // unit})
        first_due_ns = received_ns + load_ns + prompt_ns
        pieces = _pieces(tokens, server.biases)
        if request.get("stream") is False:
            _sleep_until(first_due_ns + decode_ns)
            self._json({**final, "response": "".join(piece.get("response", "") for _, piece in pieces)})
            return
        self._stream(
            [(first_due_ns + last * server.token_ns, _line({**_record(), **piece})) for last, piece in pieces],
            None if server.biases.no_final else _line(final),
            received_ns,
        )

    def _stream(self, lines: list[tuple[int, bytes]], final: bytes | None, received_ns: int) -> None:
        """Sends each line when it is due, the headers with the first one as Ollama does, then the final record."""
        sends_ns: list[int] = []
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        for due_ns, line in lines:
            data = line if sends_ns else head + line
            _sleep_until(due_ns)
            sends_ns.append(time.perf_counter_ns())
            self.wfile.write(data)
        final_ns = None if final is None else time.perf_counter_ns()
        self.server.truth = Truth(
            received_ns=received_ns, first_send_ns=sends_ns[0], sends_ns=tuple(sends_ns), final_ns=final_ns
        )
        self.wfile.write((final or b"") + b"0\r\n\r\n")

    def _json(self, document: Document, *, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


DETAILS: Document = {"format": "gguf", "family": "llama", "parameter_size": "1M", "quantization_level": "F16"}
SHOWN: Document = {
    "details": DETAILS,
    "model_info": {
        "general.architecture": "llama",
        "general.parameter_count": 1_000_000,
        "llama.context_length": 4096,
    },
    "template": "{{ .Prompt }}",
    "parameters": "",
    "capabilities": ["completion"],
}


def _record() -> Document:
    """What every record of an answer begins with."""
    return {"model": MODEL, "created_at": "2026-11-22T00:00:00Z", "response": "", "done": False}


def _pieces(tokens: int, biases: Biases) -> list[tuple[int, dict[str, str]]]:
    """The chunks of an answer: index of the last token in it, and its text under `response` or `thinking`."""
    thought = tokens // 2 if biases.thinking else 0
    pieces = []
    for start, stop, key in ((0, thought, "thinking"), (thought, tokens, "response")):
        for first in range(start, stop, biases.coalesce):
            last = min(first + biases.coalesce, stop) - 1
            pieces.append((last, {key: "".join(f" t{number}" for number in range(first, last + 1))}))
    return pieces


def _line(record: Document) -> bytes:
    """A record as one HTTP chunk with one line of JSON."""
    line = json.dumps(record).encode() + b"\n"
    return b"%x\r\n%b\r\n" % (len(line), line)


def _sleep_until(due_ns: int) -> None:
    """Returns at `due_ns` (CLOCK_MONOTONIC), at once where that is past."""
    rest_ns = due_ns - time.perf_counter_ns()
    if rest_ns > SPIN_NS:
        time.sleep((rest_ns - SPIN_NS) / 1e9)
    while time.perf_counter_ns() < due_ns:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A server whose truth is known, in its own process: what it sent and when, to hold against what a client measured.

with known_server(ttft_s=0.2, token_s=0.02) as server:
    ...                          # measure the Ollama at server.url, its one model is MODEL
    truth = server.truth()       # on the same clock: CLOCK_MONOTONIC is one clock for all processes
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from orac_bench.selfcheck import known_process
from orac_bench.selfcheck.known_process import MODEL, Biases, Truth

__all__ = ["MODEL", "Biases", "KnownServer", "Truth", "known_server"]


@dataclass(frozen=True, kw_only=True)
class KnownServer:
    """A running server; `pid` is its process."""

    url: str
    pid: int

    def truth(self) -> Truth:
        """The stamps of the last streamed answer. Raises urllib.error.HTTPError (404) where there was none yet."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/truth", timeout=5) as response:
            document = json.load(response)
        return Truth(**{**document, "sends_ns": tuple(document["sends_ns"])})


@contextmanager
def known_server(
    *, ttft_s: float = 0.2, token_s: float = 0.02, load_s: float = 0.0, biases: Biases | None = None
) -> Iterator[KnownServer]:
    """A server in its own process, which has ended when the block has, and ends when this process dies.

    `ttft_s` is from the arrival of a request to its first chunk, `token_s` from token to token, `load_s` what a
    load takes. Raises RuntimeError where the process does not start.
    """
    command = [sys.executable, "-I", "-S", known_process.__file__]
    command += [f"--ttft-s={ttft_s}", f"--token-s={token_s}", f"--load-s={load_s}"]
    for name, value in asdict(biases or Biases()).items():
        option = "--" + name.replace("_", "-")
        command += [option] if value is True else [f"{option}={value}"] if value is not False else []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"The server of known timing ended at once, with status {process.wait()}.")
            yield KnownServer(url=url, pid=process.pid)
        finally:
            process.stdin.close()  # it ends when its standard input does

"""Every call to Ollama, on one synchronous httpx client. The one home of httpx.

The measured one is a `Call` (call.py), which `prepare` makes. No proxy of the environment is used: the way to Ollama
is the thing measured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import httpx

from orac_bench.errors import OllamaError, OllamaGarbled, OllamaRefused, OllamaSilent, OllamaUnreachable
from orac_bench.ollama.call import CONNECT_TIMEOUT_S, Call, silent, unreachable
from orac_bench.ollama.public import public, public_url
from orac_bench.records import Generation, Json

FOR_EVER = -1
"""keep_alive that never runs out. Sent as a number: the text "-1" is refused by Ollama."""

LOAD_TIMEOUT_S = 330.0
"""Ollama itself gives up a load after five minutes without progress."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A model that an Ollama has. `digest` is its manifest's sha256; `remote` where it runs elsewhere."""

    name: str
    digest: str
    size_b: int
    architecture: str | None
    quantization: str | None
    remote: bool


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model in memory, as `/api/ps` says. `vram_b` is what lies on a GPU; `context_length` from 0.10 on."""

    name: str
    size_b: int
    vram_b: int
    context_length: int | None

    @property
    def offload_ratio(self) -> float | None:
        """Share on the GPU, 0 to 1. None where the server said no size."""
        return min(1.0, self.vram_b / self.size_b) if self.size_b > 0 else None


class Client:
    """A connection to the Ollama at `url`. Use it with `with`; one thread at a time."""

    def __init__(
        self,
        url: str,
        *,
        idle_timeout_s: float = 120.0,
        clock: Callable[[], int] = time.perf_counter_ns,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._idle_timeout_s = idle_timeout_s
        self._clock = clock
        self._http = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(idle_timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_keepalive_connections=1, keepalive_expiry=None),
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
            verify=url.startswith("https:"),  # certificates take longer to read than most answers to come
            follow_redirects=False,
            transport=transport,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection. A second time does nothing."""
        self._http.close()

    def version(self) -> str:
        """The server's version, such as "0.11.4". Raises OllamaUnreachable, OllamaGarbled."""
        return _string(self._ask("GET", "/api/version"), "version")

    def models(self) -> tuple[Listed, ...]:
        """The models that the server has, in its order."""
        return tuple(
            Listed(
                name=_string(entry, "name"),
                digest=_string(entry, "digest"),
                size_b=_whole(entry.get("size")) or 0,
                architecture=_optional(_object(entry.get("details")), "family"),
                quantization=_optional(_object(entry.get("details")), "quantization_level"),
                remote=bool(entry.get("remote_host") or entry.get("remote_model")),
            )
            for entry in _objects(self._ask("GET", "/api/tags"), "models")
        )

    def loaded(self) -> tuple[Loaded, ...]:
        """The models in memory now."""
        return tuple(
            Loaded(
                name=_string(entry, "name"),
                size_b=_whole(entry.get("size")) or 0,
                vram_b=_whole(entry.get("size_vram")) or 0,
                context_length=_whole(entry.get("context_length")),
            )
            for entry in _objects(self._ask("GET", "/api/ps"), "models")
        )

    def show(self, name: str) -> Mapping[str, Json]:
        """What the server knows of a model: `model_info`, `template`, `parameters`, `details`."""
        return self._ask("POST", "/api/show", {"model": name})

    def load(self, name: str, options: Mapping[str, Json] | None = None) -> Loaded:
        """Loads a model and keeps it: an empty generate. Its entry in `/api/ps`, once it is there.

        `options` are those of its runner; where other ones are in use, Ollama loads it again.
        """
        wanted: dict[str, Json] = {"model": name, "keep_alive": FOR_EVER, "stream": False}
        self._ask("POST", "/api/generate", {**wanted, "options": dict(options)} if options else wanted, LOAD_TIMEOUT_S)
        for entry in self.loaded():
            if same_model(entry.name, name):
                return entry
        raise OllamaGarbled(
            f"Ollama said that {name} is loaded, and does not list it at {public_url(self.url)}/api/ps."
        )

    def unload(self, name: str, *, within_s: float = 30.0) -> None:
        """Unloads a model and waits until `/api/ps` no longer lists it. Does nothing where it is not loaded.

        Raises OllamaSilent where it is still there after `within_s`.
        """
        if not self._lists(name):
            return
        self._ask("POST", "/api/generate", {"model": name, "keep_alive": 0, "stream": False}, LOAD_TIMEOUT_S)
        deadline = time.monotonic() + within_s
        while self._lists(name):
            if time.monotonic() > deadline:
                raise OllamaSilent(
                    f"Ollama still lists {name} as loaded {within_s:g} s after it was asked to unload it."
                )
            time.sleep(0.02)

    def unload_all(self) -> tuple[str, ...]:
        """Unloads every model. Their names."""
        names = tuple(entry.name for entry in self.loaded())
        for name in names:
            self.unload(name)
        return names

    def generate(self, payload: Mapping[str, Json]) -> Generation:
        """One answer, streamed and read to its end. For what is not measured; raises what the answer's failure says."""
        return told(self.prepare(payload).send().generation())

    def prepare(self, payload: Mapping[str, Json]) -> Call:
        """A streamed generate, ready to be sent: the request is built and the connection open.

        Raises OllamaUnreachable where the server has gone.
        """
        body = json.dumps({**payload, "stream": True}).encode()
        return Call(self.url, "/api/generate", body, idle_timeout_s=self._idle_timeout_s, clock=self._clock)

    def _lists(self, name: str) -> bool:
        return any(same_model(entry.name, name) for entry in self.loaded())

    def _ask(
        self, method: str, path: str, body: Mapping[str, Json] | None = None, timeout_s: float | None = None
    ) -> dict[str, Json]:
        """The JSON object of an answer. Raises OllamaRefused for a status of 400 or more, with what Ollama said."""
        timeout = self._idle_timeout_s if timeout_s is None else max(timeout_s, self._idle_timeout_s)
        with _explained(self.url, timeout):
            response = self._http.request(
                method, path, json=body, timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT_S)
            )
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code >= 400:
            said = answer.get("error") if isinstance(answer, dict) else None
            detail = public(said) if isinstance(said, str) else _beginning(response.text)
            raise OllamaRefused(
                f"Ollama answered {response.status_code} to {path}: {detail}", status=response.status_code
            )
        if not isinstance(answer, dict):
            raise OllamaGarbled(
                f"What answers at {public_url(self.url)}{path} is not Ollama: {_beginning(response.text)}",
                next="Check ORAC_OLLAMA_URL, or unset it to let ORAC start an Ollama.",
                status=response.status_code,
            )
        return answer


def told(generation: Generation) -> Generation:
    """The answer where it is a whole one. Raises OllamaError, as its failure says."""
    if generation.failure is not None:
        raise _ERRORS.get(generation.failure.code, OllamaError)(generation.failure.message)
    return generation


def same_model(listed: str, name: str) -> bool:
    """Whether Ollama's `listed` name is `name`: the tag `latest` is implied, and case does not count."""
    return _tagged(listed) == _tagged(name)


def explain(error: httpx.HTTPError, url: str, idle_timeout_s: float) -> OllamaError:
    """What a failure of the connection means, and what to do."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return unreachable(url)
    if isinstance(error, httpx.TimeoutException):
        return silent(idle_timeout_s)
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return OllamaGarbled("Ollama closed the connection before its answer was complete.")
    return OllamaError(f"The request to Ollama failed: {type(error).__name__}: {error}")


_ERRORS: Mapping[str, type[OllamaError]] = {
    kind.code: kind for kind in (OllamaGarbled, OllamaRefused, OllamaSilent, OllamaUnreachable)
}


@contextmanager
def _explained(url: str, idle_timeout_s: float) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise explain(error, url, idle_timeout_s) from error


def _tagged(name: str) -> str:
    folded = name.casefold()
    return folded if ":" in folded.rpartition("/")[2] else f"{folded}:latest"


def _beginning(text: str) -> str:
    return repr(text[:80].strip()) if text.strip() else "an empty answer"


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _objects(answer: dict[str, Json], key: str) -> list[dict[str, Json]]:
    entries = answer.get(key)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _string(answer: dict[str, Json], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str):
        raise OllamaGarbled(f"The answer has no {key}; this is not Ollama, or a version that ORAC does not know.")
    return value


def _optional(answer: dict[str, Json], key: str) -> str | None:
    value = answer.get(key)
    return value if isinstance(value, str) and value else None


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

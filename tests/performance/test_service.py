"""The numbers of the service: what it adds to a measurement and to a prompt, and what it costs when it is idle."""

import asyncio
import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from orac_bench.selfcheck.bare_client import bare_generate
from orac_bench.selfcheck.known_server import MODEL, known_server
from orac_bench.stats.compare import compare_pairs
from orac_bench.store.store import open_store
from tests.performance.undisturbed import rates
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
OPEN = build_opener(ProxyHandler({})).open
PAIRS = 8
"""Runs over REST and in a shell, interleaved."""


class Service:
    """`orac serve` as a process, with a home and a store of its own."""

    def __init__(self, folder, settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            **os.environ,
            "ORAC_HOME": str(folder / "home"),
            "ORAC_DATABASE_URL": f"sqlite:///{folder}/orac.db",
            "ORAC_PORT": str(self.port),
            **settings,
        }
        self.started = time.perf_counter()
        with (folder / "serve.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orac_bench.cli", "serve"],
                cwd=ROOT,
                env=self.environ,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        eventually(self.answers, within_s=30)
        self.ready_s = time.perf_counter() - self.started

    def answers(self):
        with contextlib.suppress(OSError):
            return self.get("/v1/health")
        return None

    def get(self, path):
        with OPEN(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def post(self, path, body):
        request = Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with OPEN(request, timeout=600) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def orac(self, *words):
        command = [sys.executable, "-m", "orac_bench.cli", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def run(self, body, told=None):
        """A run over REST, followed by its event stream to its end; its document. `told` gets when it was told what."""
        run = self.post("/v1/runs", body)["id"]
        with OPEN(f"{self.url}/v1/runs/{run}/events", timeout=600) as stream:
            for line in stream:
                if told is not None and line.startswith(b"event"):
                    told.append(time.time())
        return self.get(f"/v1/runs/{run}?rounds=true")

    def stamps_s(self, document):
        """The arrivals of each counted round's tokens, in s since the epoch."""
        with open_store(self.environ["ORAC_DATABASE_URL"], write=False) as store:
            results = store.results(document["run"]["id"], rounds=True, arrivals=True)
        for round in (round for result in results for round in result.rounds if round.counted):
            sent_s = round.started.timestamp()
            yield [sent_s + arrived_ns / 1e9 for arrived_ns in round.arrivals_ns]

    def memory_b(self):
        """Resident memory of the service alone, without its children."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def processor_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(folder, settings):
    folder.mkdir(exist_ok=True)
    service = Service(folder, settings)
    try:
        yield service
    finally:
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(timeout=30)


@pytest.fixture
def sample(caller_settings, caller_environ):
    """The sample model and the built Ollama, as `make bench` leaves them, or those that the caller names."""
    folder = caller_environ.get("ORAC_MODELS_DIR") or str(caller_settings.sample_dir)
    assert Path(folder).is_dir(), "Type `make bench` first: it fetches the sample model."
    program = caller_environ.get("ORAC_OLLAMA_BIN") or str(caller_settings.built_ollama)
    return {"ORAC_MODELS_DIR": folder, "ORAC_OLLAMA_BIN": program}


@contextmanager
def looked_at(service):
    """An open page beside the event stream: /v1/health about each two seconds on one connection; when it was asked.

    That is what web/pulse.js asks, half as often while it knows of a measurement.
    """
    over, asked, wait = threading.Event(), [], random.Random(7)

    def poll():
        with contextlib.closing(HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
            while not over.wait(wait.uniform(1.5, 2.5)):
                asked.append(time.time())
                connection.request("GET", "/v1/health", headers={"Accept-Encoding": "gzip"})
                connection.getresponse().read()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def rounds(document, metric):
    (result,) = document["results"]
    return [round["metrics"][metric] for round in result["rounds"] if round["counted"]]


def test_a_run_over_rest_against_the_same_run_in_a_shell(promise, sample, tmp_path):
    order, blocks, shares = random.Random(7), [], []
    with served(tmp_path / "service", sample) as service:
        (model,) = [entry["name"] for entry in service.get("/v1/models")["models"]]

        def over_rest():
            since, spent = time.perf_counter(), service.processor_s()
            with looked_at(service):
                found = service.run({"models": [model], "suites": ["decode"], "rounds": 5, "warmup": 1})
            shares.append((service.processor_s() - spent) / (time.perf_counter() - since) / os.cpu_count())
            return rounds(found, "decode_tokens_per_s")

        def in_a_shell():
            service.orac("bench", model, "--suite", "decode", "--rounds", "5", "--warmup", "1", "--json")
            return rounds(service.orac("show", "latest", "--rounds", "--json"), "decode_tokens_per_s")

        for _ in range(PAIRS):
            if order.random() < 0.5:
                blocks.append((in_a_shell(), over_rest()))
            else:
                rest = over_rest()
                blocks.append((in_a_shell(), rest))
    share = statistics.median(shares)
    promise(
        "processor time of the service in such a run, of all cores: what it can take from the model at most",
        goal="1 %",
        measured=f"{share:.2%}",
        n=len(shares),
        interval=f"{min(shares):.2%} to {max(shares):.2%}",
        kept=share <= 0.01,
    )
    found = compare_pairs(blocks, better="higher")
    promise(
        "decode rate of a run over REST, watched, over a shell's, pairs of 5 rounds: all that they can tell here",
        goal="none",
        measured=f"{found.ratio:.3f}",
        n=PAIRS,
        interval=f"{found.ci_low:.3f} to {found.ci_high:.3f}",
        kept=None,
    )


CORES = {
    "all cores": {"rounds": 200},
    "one core": {"rounds": 50, "variants": ["num_thread=1", "num_thread=1,use_mmap=false"]},
}
"""What is measured while somebody watches. A model on one thread leaves a core, as boards have them whose model is on
the GPU; two variants, as one cannot be chosen alone."""


@pytest.mark.parametrize("where", CORES)
def test_what_watching_takes_from_a_run(promise, sample, tmp_path, where):
    with served(tmp_path / "service", sample) as service:
        (model,) = [entry["name"] for entry in service.get("/v1/models")["models"]]
        told, since, spent = [], time.perf_counter(), service.processor_s()
        with looked_at(service) as asked:
            document = service.run({"models": [model], "suites": ["decode"], **CORES[where]}, told)
        share = (service.processor_s() - spent) / (time.perf_counter() - since) / os.cpu_count()
        compared = over_calm_moments(service, document, asked + told)
    promise(
        f"model on {where}: decode rate of a run over REST while a page asks and follows, over its calm moments",
        goal="0.99 (lower end)",
        measured=f"{compared.ratio:.4f}",
        n=compared.n,
        interval=f"{compared.ci_low:.4f} to {compared.ci_high:.4f}",
        kept=compared.ci_low >= 0.99,
    )
    promise(
        f"model on {where}: processor time of the service in that run, of all cores",
        goal="1 %",
        measured=f"{share:.2%}",
        kept=share <= 0.01,
    )


def over_calm_moments(service, document, disturbed):
    """All of each counted round over its moments in which nobody asked or was told anything; `undisturbed.py` says why.

    `disturbed` are the moments of the others, in s since the epoch.
    """
    rounds = sorted(service.stamps_s(document))
    assert all(before[-1] < after[0] for before, after in pairwise(rounds)), (
        "rounds overlap: they are not where they were"
    )
    found = [rates(stamps, disturbed) for stamps in rounds]
    return compare_pairs([([calm], [whole]) for calm, whole in filter(None, found)], better="higher")


def test_the_first_token_over_rest_and_the_time_of_a_prompt(promise, tmp_path):
    with known_server(ttft_s=0.2, token_s=0.02) as server:
        settings = {"ORAC_OLLAMA_URL": server.url, "ORAC_TELEMETRY": "off"}
        with served(tmp_path / "service", settings) as service:
            with looked_at(service):
                document = service.run({"suites": ["first_token"], "rounds": 10, "warmup": 1})
            ttft_s = statistics.median(rounds(document, "ttft_s"))
            ours, bare = [], []
            for number in range(20):
                body = {"model": MODEL, "prompt": f"{number} what is it?", "options": {"num_predict": 16}}
                ours.append(service.post("/v1/prompt", body)["elapsed_ms"])
                payload = {"model": MODEL, "prompt": f"{number} what was it?", "options": {"num_predict": 16}}
                bare.append(bare_generate(server.url, payload).e2e_s * 1000)
    promise(
        "TTFT of a run over REST on a server of known timing, median of 10",
        goal="within 1 ms",
        measured=f"{(ttft_s - 0.2) * 1000:+.2f} ms",
        kept=abs(ttft_s - 0.2) <= 0.001,
    )
    apart_ms = statistics.median(ours) - statistics.median(bare)
    promise(
        "elapsed_ms of a prompt against a bare client's, medians of 20",
        goal="within 3 ms",
        measured=f"{apart_ms:+.2f} ms",
        kept=abs(apart_ms) <= 3,
    )


def test_what_an_idle_service_costs(promise, sample, tmp_path):
    ready, mib = [], 2**20
    for number in range(3):
        with served(tmp_path / str(number), sample) as service:
            ready.append(service.ready_s)
    with served(tmp_path / "0", sample) as service:
        (model,) = [entry["name"] for entry in service.get("/v1/models")["models"]]
        time.sleep(10)  # what is done once after a start, such as reading the models' heads
        before_b = service.memory_b()
        since, spent = time.perf_counter(), service.processor_s()
        time.sleep(30)
        share = (service.processor_s() - spent) / (time.perf_counter() - since)
        for _ in range(2):
            service.run({"models": [model], "suites": ["first_token"], "rounds": 6, "warmup": 0})
        service.get("/v1/compare?base=latest~1&candidate=latest")
        after_b = service.memory_b()
    promise(
        "service ready, median of 3",
        goal="1.5 s",
        measured=f"{statistics.median(ready):.2f} s",
        kept=statistics.median(ready) <= 1.5,
    )
    promise("idle memory", goal="100 MB", measured=f"{before_b / mib:.0f} MiB", kept=before_b <= 100 * mib)
    promise(
        "idle memory after two runs and a comparison",
        goal="200 MB",
        measured=f"{after_b / mib:.0f} MiB",
        kept=after_b <= 200 * mib,
    )
    promise("idle processor, 30 s", goal="0.5 % of a core", measured=f"{share * 100:.2f} %", kept=share <= 0.005)


def test_many_followers_and_many_requests(promise, sample, tmp_path):
    """A minute of 200 requests a second beside 50 followers of a run that waits for its turn."""
    mib = 2**20
    with served(tmp_path / "service", sample) as service:
        (model,) = [entry["name"] for entry in service.get("/v1/models")["models"]]
        service.run({"models": [model], "suites": ["first_token"], "rounds": 6, "warmup": 0})
        case = service.get("/v1/cases")["cases"][0]["case"]
        with (tmp_path / "service" / "home" / "measure.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run = service.post("/v1/runs", {"models": [model], "suites": ["first_token"]})["id"]
            paths = [
                *("/v1/health", "/v1/overview", "/v1/runs?limit=20", "/v1/cases", f"/v1/runs/{run}"),
                f"/v1/history?case={case}&metric=ttft_s",
            ]
            warm = asyncio.run(load(service.port, run, paths, seconds=10))
            before_b = service.memory_b()
            took, errors = asyncio.run(load(service.port, run, paths, seconds=60))
            after_b = service.memory_b()
            service.post(f"/v1/runs/{run}/cancel", {})
    p99_ms = statistics.quantiles(took, n=100)[98] * 1000
    promise(
        f"50 followers, {len(took)} requests in a minute: p99; errors",
        goal="50 ms; 0",
        measured=f"{p99_ms:.1f} ms; {errors + warm[1]}",
        kept=p99_ms <= 50 and not errors,
    )
    promise(
        "memory after that minute over before",
        goal="flat",
        measured=f"{(after_b - before_b) / mib:+.1f} MiB",
        kept=after_b - before_b <= 2 * mib,
    )


async def load(port, run, paths, *, seconds, rate=200, followers=50):
    """Times of the requests in s, from when each was due, and how many went wrong. It begins when all follow."""
    hear = [asyncio.Event() for _ in range(followers)]
    streams = [asyncio.create_task(follow(port, run, heard)) for heard in hear]
    await asyncio.wait_for(asyncio.gather(*(heard.wait() for heard in hear)), 30)
    clock = asyncio.get_running_loop().time
    start, took, errors = clock(), [], 0
    workers = 20

    async def worker(number):
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(number, seconds * rate, workers):
            due = start + turn / rate
            await asyncio.sleep(max(0.0, due - clock()))
            writer.write(f"GET {paths[turn % len(paths)]} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:])
            await reader.readexactly(size)
            errors += b" 200 " not in head.split(b"\r\n")[0]
            took.append(clock() - due)
        writer.close()

    await asyncio.gather(*(worker(number) for number in range(workers)))
    for stream in streams:
        stream.cancel()
    ended = await asyncio.gather(*streams, return_exceptions=True)
    return took, errors + sum(not isinstance(end, asyncio.CancelledError) for end in ended)


async def follow(port, run, heard):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        while await reader.read(65536):
            heard.set()
    finally:
        writer.close()

"""The numbers of the main job: ORAC's own error, its overhead, and how quick its commands are."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orac_bench.models.digests import Digests
from orac_bench.models.folder import discover
from orac_bench.models.gguf import read_header
from orac_bench.models.register import register
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run, later
from tests.make_gguf import write_shape

ROOT = Path(__file__).parent.parent.parent


def seconds(command, *, environ=None, times=7):
    """Median wall time of a command as a whole process."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **(environ or {})})
        took.append(time.perf_counter() - started)
    return statistics.median(took)


@pytest.fixture
def sample(caller_settings, caller_environ):
    """The sample model's folder and the built Ollama, as `make bench` leaves them, or the one that the caller names."""
    environ = {
        "ORAC_HOME": str(caller_settings.home),
        "PATH": os.environ["PATH"],
        **{name: caller_environ[name] for name in ("ORAC_OLLAMA_BIN",) if name in caller_environ},
    }
    assert caller_settings.sample_dir.is_dir(), "Type `make bench` first: it fetches the sample model."
    return environ


def test_error_and_overhead(promise, sample):
    pairs = 40
    command = [sys.executable, "-m", "orac_bench.cli", "selfcheck", "--json", "--rounds", str(pairs)]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **sample})
    document = json.loads(found.stdout)
    names = {"decode_tokens_per_s": "50.0 ± 0.1 tok/s", "client_decode_tokens_per_s": "50.0 ± 0.1 tok/s"}
    names |= {"ttft_s": "within 1 ms", "e2e_s": "within 1 ms"}
    for row in document["checks"]:
        if row["metric"] in names:
            unit = "tok/s" if "tokens" in row["metric"] else "s"
            promise(
                f"known server: {row['metric']}, median of 10",
                goal=names[row["metric"]],
                measured=f"{row['measured']:.5g} {unit}, error {row['error']:+.2g}",
                kept=row["ok"],
            )
    overhead = document["overhead"]
    promise(
        f"decode rate seen over the bare client's, {overhead['pairs']} pairs interleaved",
        goal="0.98 (lower end)",
        measured=f"{overhead['ratio']:.3f} ({overhead['ci_low']:.3f} to {overhead['ci_high']:.3f}), "
        f"client {overhead['client_cpu_s'] * 1000:.1f} ms of processor in a round",
        kept=overhead["ci_low"] >= 0.98,
    )


def test_registering(promise, tmp_path):
    folder = tmp_path / "gguf"
    folder.mkdir()
    write_shape(folder, names=("phi-2",))
    (model,) = discover(folder)
    digests, store = Digests(path=tmp_path / "digests.json"), tmp_path / "store"
    first = register(model, store, digests=digests, owned=True)
    started = time.perf_counter()
    register(model, store, digests=digests, owned=True)
    again_s = time.perf_counter() - started
    size = model.size_b / 1e9
    promise(
        f"bytes written to register a {size:.1f} GB file",
        goal="under 64 KB",
        measured=f"{first.bytes_written} B",
        kept=first.bytes_written < 64_000,
    )
    promise("time to know it again", goal="10 ms", measured=f"{again_s * 1000:.2f} ms", kept=again_s <= 0.01)


def test_reading_a_header(promise, tmp_path):
    write_shape(tmp_path, names=("qwen3-0.6b",))
    (file,) = tmp_path.glob("*.gguf")
    took = []
    for _ in range(5):
        started = time.perf_counter()
        header = read_header(file)
        took.append(time.perf_counter() - started)
    median = statistics.median(took)
    promise(
        f"header of a model with {header.vocabulary_size:,} tokens read",
        goal="0.3 s",
        measured=f"{median * 1000:.0f} ms",
        kept=median <= 0.3,
    )


def test_commands(promise, tmp_path):
    url = f"sqlite:///{tmp_path}/orac.db"
    with open_store(url, write=True) as store:
        for number in range(1000):
            run = a_run(id=f"run-{number:04d}", started=later(number))
            store.add_run(run)
            result = store.begin_result(run.id, a_case(), planned=1, position=1)
            store.add_round(result, a_round())
            store.close_result(result, status=run.status)
    help_s = seconds([sys.executable, "-m", "orac_bench.cli", "--help"])
    listed = [sys.executable, "-m", "orac_bench.cli", "list", "--database", url]
    list_s, all_s = seconds(listed), seconds([*listed, "--limit", "1000"])
    promise("orac --help", goal="0.3 s", measured=f"{help_s:.2f} s", kept=help_s <= 0.3)
    promise("orac list on 1,000 runs: the 20 newest", goal="0.8 s", measured=f"{list_s:.2f} s", kept=list_s <= 0.8)
    promise("orac list on 1,000 runs: all of them", goal="0.8 s", measured=f"{all_s:.2f} s", kept=all_s <= 0.8)


def test_the_measuring_part_of_make_bench(promise, sample, tmp_path):
    environ = {**os.environ, **sample, "ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/orac.db"}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pytest", "benchmarks/"], cwd=ROOT, env=environ, check=True)
    took = time.perf_counter() - started
    promise(
        "make bench, the measuring part, SmolLM2, four suites", goal="180 s", measured=f"{took:.0f} s", kept=took <= 180
    )

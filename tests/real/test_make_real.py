"""`make bench` as the first person types it: the sample model, fetched and measured. Slow where nothing is cached."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from orac_bench.records import Status
from orac_bench.store.store import open_store

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.real


def test_make_bench_fetches_the_sample_model_and_measures_it(
    tmp_path: Path, ollama_binary: Path, caller_environ: Mapping[str, str]
) -> None:
    environ = {
        name: value for name, value in caller_environ.items() if not name.startswith(("ORAC_", "MAKE", "MFLAGS"))
    }
    environ |= {
        "ORAC_HOME": str(tmp_path / "home"),
        "ORAC_OLLAMA_BIN": str(ollama_binary),
        "ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/orac.db",
        "PATH": os.environ["PATH"],
    }
    said = subprocess.run(
        ["make", "bench", "ARGS=-k first_token --orac-rounds 2 --orac-warmup 0 --orac-output-tokens 4"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert said.returncode == 0, said.stdout + said.stderr
    assert "SmolLM2" in said.stdout + said.stderr
    with open_store(environ["ORAC_DATABASE_URL"], write=False) as store:
        run = store.resolve("latest")
        (result,) = store.results(run, rounds=True)
    assert (result.case.model, result.status, result.done) == ("smollm2-135m-instruct.q4_1", Status.DONE, 2)
    assert f"orac show {run} --rounds" in said.stdout

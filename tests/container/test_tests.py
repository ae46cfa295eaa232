"""`make test` in the `test` image, with the image's own Ollama. Half an hour: only with --with-tests."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.container.engine import Engine
from tests.container.room import room

LONGEST_S = 5400.0
NEEDS_NETWORK = "tests/real/test_make_real.py::test_make_bench_fetches_the_sample_model_and_measures_it"


def test_make_test_passes_inside(
    request: pytest.FixtureRequest, engine: Engine, build: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    if not request.config.getoption("--with-tests", default=False):
        pytest.skip("`make test` inside takes half an hour. Type: make container-test ARGS=--with-tests")
    build("localhost/orac-test", target="test")
    without = {"PYTEST_ADDOPTS": f"--deselect={NEEDS_NETWORK}"}
    print(f"Left out, as a container has no network here: {NEEDS_NETWORK}", flush=True)
    with engine.image("localhost/orac-test") as image, room(image, engine.folder, environment=without) as started:
        status = started.process.wait(LONGEST_S)
        said = started.said()
        with capfd.disabled():
            print(
                "\n".join(line for line in said.splitlines() if re.match(r"==|=+ .*(passed|failed)|.* skipped", line))
            )
    assert status == 0, said[-6000:]

"""The numbers of the container: what it adds, how long it takes to build again, to start, to answer and to stop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.conftest import TAG, RunIn
from tests.container.engine import Engine, Image, size
from tests.container.room import Mount
from tests.container.standin import TAG as STAND_IN
from tests.waiting import eventually

Promise = Callable[..., None]
STARTS = 5
MIB = 2**20


def test_the_image_adds_little_to_its_base(engine: Engine, image: Image, promise: Promise) -> None:
    with engine.image(STAND_IN) as base:
        ollama_b = sum(file.stat().st_size for file in (image.root / "opt/ollama").rglob("*") if file.is_file())
        added = (size(image.root) - size(base.root) - ollama_b) / 1e6
    promise(
        "what the image adds to its base, without Ollama",
        goal="≤ 300 MB",
        measured=f"{added:.0f} MB",
        kept=added <= 300,
    )


@pytest.mark.usefixtures("image")
def test_a_change_in_the_package_is_built_quickly(build: Callable[..., str], context: Path, promise: Promise) -> None:
    changed = context / "orac_bench" / "units.py"
    before = changed.read_text()
    changed.write_text(before + "\n# a change\n")
    began = time.monotonic()
    try:
        said = build(f"{TAG}-again")
    finally:
        changed.write_text(before)
    took_s = time.monotonic() - began
    assert "Using cache" in said
    promise("rebuild after a change in the package", goal="≤ 20 s", measured=f"{took_s:.1f} s", kept=took_s <= 20)


def test_it_is_ready_answers_and_stops_soon(run_in: RunIn, models: Mount, promise: Promise) -> None:
    ready, answered, stopped, left = [], [], [], 0
    for _ in range(STARTS):
        with run_in(mounts=[models]) as started:
            ready.append(started.ready())
            started.ask("/v1/prompt", {"model": "pythia-70m", "prompt": "Hello", "options": {"num_predict": 4}})
            answered.append(time.monotonic() - started.began_s)
            stopped.append(started.stop()[1])
            left += len(started.processes())
    for what, goal_s, seconds in (
        ("from start to a ready service", 5, ready),
        ("from start to the first answer of a tiny model", 10, answered),
        ("stop", 10, stopped),
    ):
        promise(
            what,
            goal=f"≤ {goal_s} s",
            measured=f"{statistics.median(seconds):.1f} s",
            kept=max(seconds) <= goal_s,
            n=STARTS,
            interval=f"{min(seconds):.1f}–{max(seconds):.1f}",
        )
    promise("processes left after a stop", goal="0", measured=str(left), kept=left == 0, n=STARTS)


def test_it_stops_soon_in_the_middle_of_a_run(run_in: RunIn, models: Mount, promise: Promise) -> None:
    with run_in(mounts=[models]) as started:
        started.ready()
        started.ask("/v1/runs", {"models": ["pythia-70m"], "suites": ["decode"], "rounds": 500, "output_tokens": 64})
        eventually(lambda: started.ask("/v1/health")["measuring"], within_s=120.0)
        took_s = started.stop()[1]
    promise("stop in the middle of a run", goal="≤ 10 s", measured=f"{took_s:.1f} s", kept=took_s <= 10, n=1)

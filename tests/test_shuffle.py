"""Running the suite in another order."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

from tests.shuffle import shuffled

PLAIN = [SimpleNamespace(path=Path(file), name=f"{file}{n}") for file in "abcdef" for n in range(6)]


def names(seed: int) -> list[str]:
    return [item.name for item in shuffled(PLAIN, seed)]  # type: ignore[arg-type]


def test_a_seed_gives_another_order_the_same_each_time_with_each_files_tests_together() -> None:
    plain = [item.name for item in PLAIN]
    assert names(1) == names(1) != names(2) != plain
    assert sorted(names(1)) == plain
    assert sum(before[0] != after[0] for before, after in pairwise(names(1))) == 5
    assert [name for name in names(1) if name[0] == "a"] != [f"a{n}" for n in range(6)]

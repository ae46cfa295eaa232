"""Tests in another order than that of their files: what one leaves behind shows in the next."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby

import pytest


def shuffled(items: Sequence[pytest.Item], seed: int) -> list[pytest.Item]:
    """The same tests: the files in an order of that seed, and each file's tests in one.

    A file's tests stay together, so that what they share is made once.
    """
    draw = random.Random(seed)
    files = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    draw.shuffle(files)
    for file in files:
        draw.shuffle(file)
    return [item for file in files for item in file]

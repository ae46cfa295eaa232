"""What a result says of how well it is known. When a measurement ends: test_stopping.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orac_bench.precision import FACT, sentence
from tests.builders import a_result


@pytest.mark.parametrize(
    ("reached", "stopped", "said"),
    [
        (0.012, "precision", "known to ±1.20 % after 10 rounds, which is within the 2.00 % asked for"),
        (0.03, "rounds", "known to ±3.00 % after 10 rounds, not the 2.00 % asked for: no more rounds are allowed"),
        (
            0.012,  # a slow model: the time was over before the second look
            "time",
            "known to ±1.20 % after 10 rounds, within the 2.00 % asked for, but not at two looks in a row: "
            "the time limit of 10 min 00 s was reached",
        ),
        (
            None,
            "time",
            "known to ± unknown after 10 rounds, not the 2.00 % asked for: the time limit of 10 min 00 s was",
        ),
        (0.03, None, "known to ±3.00 % after 10 rounds, and 2.00 % was asked for: it ended before"),
    ],
)
def test_how_well_it_is_known_and_why_it_ended_do_not_contradict_each_other(
    reached: float | None, stopped: str | None, said: str
) -> None:
    fact = {"wanted": 0.02, "reached": {"decode_tokens_per_s": reached}, "stopped": stopped, "time_limit_s": 600.0}
    told = sentence(replace(a_result(), done=10, facts={FACT: fact}))
    assert told is not None
    assert told.startswith(said)

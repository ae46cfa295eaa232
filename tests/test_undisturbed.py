"""The rate of a round beside that of its undisturbed moments, on stamps whose delays are known."""

from __future__ import annotations

import random
from statistics import mean

import pytest

from tests.performance.undisturbed import rates

GAP_S = 0.01


def stamps(number: int, delayed: dict[int, float]) -> list[float]:
    """Arrivals every 10 ms from 100 s on; those behind a token in `delayed` come so much later."""
    at_s, found = 100.0, []
    for token in range(number):
        at_s += GAP_S + delayed.get(token, 0.0)
        found.append(at_s)
    return found


def test_what_a_request_delays_is_missing_in_all_of_the_round_and_not_in_its_calm_moments() -> None:
    # given 201 tokens of which one came 20 ms late, as somebody asked just before it
    arrivals = stamps(201, {100: 0.02})
    calm, whole = rates(arrivals, [arrivals[99]]) or (0.0, 0.0)
    assert calm == pytest.approx(100.0)
    assert whole == pytest.approx(200 / 2.02)


def test_what_is_late_though_nobody_asked_is_missing_in_both() -> None:
    arrivals = stamps(201, {20: 0.02})
    calm, whole = rates(arrivals, [arrivals[120]]) or (0.0, 0.0)
    assert calm < 100.0
    assert whole == pytest.approx(200 / 2.02)


def test_what_no_watcher_could_delay_so_long_counts_as_four_tokens() -> None:
    arrivals = stamps(201, {100: 1.0})
    calm, whole = rates(arrivals, [arrivals[50]]) or (0.0, 0.0)
    assert whole == pytest.approx(200 / 2.03)
    assert calm == pytest.approx(188 / 1.91)  # without 12 tokens in 120 ms


@pytest.mark.parametrize("asked", [[], [90.0, 200.0]])
def test_where_nobody_asked_all_of_the_round_is_calm(asked: list[float]) -> None:
    calm, whole = rates(stamps(201, {}), asked) or (0.0, 0.0)
    assert calm == whole == pytest.approx(100.0)


def test_a_round_with_hardly_any_calm_tells_nothing() -> None:
    assert rates(stamps(201, {}), [100.0 + 0.1 * step for step in range(24)]) is None


@pytest.mark.parametrize("delay_s", [0.0, 0.004])
def test_what_is_asked_at_random_costs_what_it_delays_however_unsteady_the_tokens_are(delay_s: float) -> None:
    # given tokens of 4 to 16 ms, three requests within each round at any moment, each of which delays one by as much
    dice, lost = random.Random(7), []
    for _ in range(2000):
        asked = sorted(dice.uniform(100.1, 101.4) for _ in range(3))
        at_s, left, arrivals = 100.0, list(asked), []
        for _ in range(151):
            at_s += dice.uniform(0.004, 0.016)
            while left and left[0] < at_s:
                at_s += delay_s
                left.pop(0)
            arrivals.append(at_s)
        calm, whole = rates(arrivals, asked) or (0.0, 0.0)
        lost.append(1 - whole / calm)
    # then that is what all of it lacks: 12 ms of 1.5 s, and nothing where nothing was delayed
    assert mean(lost) == pytest.approx(3 * delay_s / (151 * GAP_S + 3 * delay_s), abs=0.0006)

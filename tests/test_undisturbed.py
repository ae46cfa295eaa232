"""The rate of a round beside that of its undisturbed moments, on stamps whose delays are known."""

from __future__ import annotations

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
    calm, whole = rates(arrivals, [arrivals[50], arrivals[99]]) or (0.0, 0.0)
    assert calm == pytest.approx(100.0)
    assert whole == pytest.approx(200 / 2.03)


@pytest.mark.parametrize("asked", [[], [90.0, 200.0], [100.0 + 0.2 * step for step in range(12)]])
def test_a_round_without_calm_or_without_disturbed_moments_tells_nothing(asked: list[float]) -> None:
    assert rates(stamps(201, {}), asked) is None

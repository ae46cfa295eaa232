"""What the order of measuring tells: the trend of long series, and neighbours that only the arithmetic tells apart."""

from __future__ import annotations

import random
from statistics import median

import pytest
from scipy import stats

from orac_bench.stats.series import alpha, drift_ratio, eased, lag1, likeness, slope


def theil_sen(values: list[float], places: list[float]) -> float:
    return float(stats.theilslopes(values, places).slope)


def test_up_to_sixty_values_every_pair_counts_and_from_there_on_medians_of_neighbours() -> None:
    draw = random.Random(20261122)
    values = [draw.gauss(100, 5) for _ in range(61)]
    assert slope(values[:60]) == pytest.approx(theil_sen(values[:60], [*range(60)]))
    # 61 are folded to 31: the middle of (0, 1), of (2, 3) ... and the last one alone
    pairs = [median(values[at : at + 2]) for at in range(0, 61, 2)]
    assert slope(values) == pytest.approx(theil_sen(pairs, [*(at + 0.5 for at in range(0, 60, 2)), 60]))
    assert slope(values) != pytest.approx(theil_sen(values, [*range(61)]))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize(("away_ratio", "told"), [(0.0, False), (0.7e-12, False), (1.2e-12, True), (1e-6, True)])
def test_what_lies_on_its_trend_but_for_the_arithmetic_has_no_neighbours(
    size: float, away_ratio: float, *, told: bool
) -> None:
    values = [size * (1 + away_ratio * sign) for sign in (1, -1) * 5]
    # ten values, each away from its neighbours by as much: nine products of -1 over ten squares
    assert lag1(values, 0.0) == (pytest.approx(-0.9, abs=0.01) if told else None)


def test_a_drift_is_a_share_of_the_median_whatever_its_sign() -> None:
    assert drift_ratio([-1.0, -2.0, -3.0], -1.0) == -1.0  # from -1 to -3 is 2 down, of 2
    assert drift_ratio([0.0, 0.0, 1.0], 0.5) is None


def test_neighbours_are_alike_from_a_share_of_the_standard_error_on() -> None:
    # of 100 values the error is 0.1 around -2 / 100: 0.7 errors lie at 0.05
    assert likeness(100, 0.049) == 0.0
    assert likeness(100, 0.051) == pytest.approx(0.071)
    assert likeness(100, 0.9) == 0.8  # more is not believed
    assert likeness(100, None) == 0.0
    assert likeness(4, 0.0, limit=1.0) == 0.0  # 0 + 2 / 4 is one error of 1 / 2, and not above it
    assert likeness(100, 0.2, limit=3.0) == 0.0


def test_a_correlation_of_a_half_makes_an_interval_wider_by_the_root_of_three() -> None:
    wider = (1.5 / 0.5) ** 0.5
    assert alpha(0.0) == pytest.approx(0.05)
    assert alpha(0.5) == pytest.approx(2 * stats.norm.cdf(-1.959964 * wider))
    assert eased(alpha(0.5), 0.5) == pytest.approx(0.05)
    assert eased(0.02, 0.0) == pytest.approx(0.02)

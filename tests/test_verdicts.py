"""From values to an interval, and from an interval to a verdict."""

import math

import numpy as np
import pytest
from scipy import stats

from trainlab.record import verdicts


def test_interval_is_students_by_hand():
    # Mean 2, standard deviation 1, t(2) = 4.30265.
    half = 4.3026527 / math.sqrt(3)
    assert verdicts.interval([1, 2, 3]) == pytest.approx((2 - half, 2 + half))


@pytest.mark.parametrize("n", [2, 3, 10, 16])
def test_interval_is_scipys(n):
    values = np.random.default_rng(n).normal(size=n)
    expected = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert verdicts.interval(values) == pytest.approx(expected)


def test_interval_holds_the_mean_in_nineteen_of_twenty_cases():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        low, high = verdicts.interval(rng.normal(3, 2, size=5))
        held += low <= 3 <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_single_value_has_no_interval():
    assert verdicts.interval([3.0]) == (None, None)


@pytest.mark.parametrize(("n", "rare"), [(2, 0.8419), (3, 0.7076), (10, 0.3085), (16, 0.2059)])
def test_equal_whole_numbers_leave_open_what_differs_by_one(n, rare):
    # With n of n equal, the share p of others has (1 − p)^n = 0.025 at most.
    assert (1 - rare) ** n == pytest.approx(0.025, rel=2e-3)
    assert verdicts.interval([7] * n) == pytest.approx((7 - rare, 7 + rare), abs=1e-4)
    assert verdicts.interval([0.35] * n, grain=0.05) == pytest.approx(
        (0.35 - 0.05 * rare, 0.35 + 0.05 * rare), abs=1e-5
    )


def test_grain_matters_only_where_all_values_are_equal():
    assert verdicts.interval([1, 2, 3], grain=9) == verdicts.interval([1, 2, 3])


@pytest.mark.parametrize(
    ("values", "grain", "expected"),
    [
        ([1, 2], None, 1),
        ([-3.0, 0.0], None, 1),
        ([1, 2.5], None, 0),
        ([0, 0], None, 0),
        ([0.1], None, 0),
        ([64.9999999, 66.0000001], None, 1),  # float32
        ([0, 1e-9], None, 0),
        ([1.0001, 2.0], None, 0),
        ([1, 2], 0.05, 0.05),
        ([0.5, 0.7], 0.1, 0.1),
        ([0, 0], 1, 1),
    ],
)
def test_grain_is_what_is_given_or_that_of_whole_numbers(values, grain, expected):
    found = verdicts.grain_of(values, grain)
    assert found == expected and isinstance(found, float)


@pytest.mark.parametrize(("inside", "n"), [(0, 10), (10, 10), (9, 10), (1, 3), (8, 16)])
def test_share_interval_is_clopper_and_pearsons(inside, n):
    low = stats.beta.ppf(0.025, inside, n - inside + 1) if inside else 0
    high = stats.beta.ppf(0.975, inside + 1, n - inside) if inside < n else 1
    assert verdicts.share_interval(inside, n) == pytest.approx((low, high), abs=1e-6)


def test_share_interval_of_all_is_known_in_closed_form():
    assert verdicts.share_interval(10, 10) == pytest.approx((0.025**0.1, 1))
    assert verdicts.share_interval(10, 10)[0] == pytest.approx(0.6915, abs=1e-4)


@pytest.mark.parametrize(
    ("ends", "criterion", "effect", "verdict"),
    [
        ((1, 2), (1, math.inf), True, "supported"),
        ((1, 2), (-math.inf, 2), False, "supported"),
        ((1, 2), (1, 2), False, "supported"),
        ((1, 2), (2, math.inf), True, "inconclusive"),
        ((1, 2), (-math.inf, 1), False, "inconclusive"),
        ((1, 2), (1.2, 1.5), False, "inconclusive"),
        ((1, 2), (2.1, math.inf), True, "weaker"),
        ((1, 2), (2.1, math.inf), False, "refuted"),
        ((0, 2), (2.1, math.inf), True, "refuted"),
        ((-1, 2), (2.1, math.inf), True, "refuted"),
        ((-2, -1), (2.1, math.inf), True, "refuted"),
        ((1, 2), (-math.inf, 0.9), True, "refuted"),
        ((1, 1), (1, 1), False, "supported"),
    ],
)
def test_verdicts_and_their_borders(ends, criterion, effect, verdict):
    assert verdicts.judge(*ends, *criterion, effect=effect) == verdict
    assert verdict in verdicts.VERDICTS


def test_a_side_that_is_not_given_accepts_everything():
    assert verdicts.judge(1, 2) == verdicts.judge(1, 2, high=2) == "supported"
    assert verdicts.judge(1, 2, low=3) == verdicts.judge(1, 2, high=0) == "refuted"


def test_every_interval_has_one_verdict():
    rng = np.random.default_rng(0)
    for _ in range(500):
        ends, criterion = np.sort(rng.normal(size=2)), np.sort(rng.normal(size=2))
        plain = verdicts.judge(*ends, *criterion)
        inside = criterion[0] <= ends[0] and ends[1] <= criterion[1]
        apart = ends[1] < criterion[0] or criterion[1] < ends[0]
        expected = "supported" if inside else "refuted" if apart else "inconclusive"
        assert plain == expected


def test_equal_values_are_equal_whatever_rounding_left_of_a_difference():
    differences = [0.9 - 0.7, 0.8 - 0.6, 0.7 - 0.5, 0.6 - 0.4]
    low, high = verdicts.interval(differences, grain=0.05)
    rare = 1 - 0.025 ** (1 / 4)
    assert (low, high) == pytest.approx((0.2 - 0.05 * rare, 0.2 + 0.05 * rare), rel=1e-12)


def test_equal_values_on_a_criterion_meet_it():
    assert verdicts.judge(*verdicts.interval([0.001] * 10), high=0.001) == "supported"
    assert verdicts.judge(*verdicts.interval([0.001] * 10), low=0.001) == "supported"

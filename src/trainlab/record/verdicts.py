"""From measured values to an interval, and from an interval to a verdict."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["CONFIDENCE", "VERDICTS", "grain_of", "interval", "judge", "share_interval"]

CONFIDENCE = 0.95
# Values that differ by less, relative to the largest, differ by the rounding of a difference only.
_ROUNDING = 1e-12
VERDICTS = ("supported", "weaker", "refuted", "inconclusive")


def interval(values: ArrayLike, grain: float | None = None) -> tuple[Any, Any]:
    """Return the 95 % confidence interval of a mean, (None, None) for a single value.

    Student's interval (Student, 1908). Values that are all equal say little about how often another
    one occurs: with n of n equal, the share of runs that differ is at most 1 − 0.025^(1/n) (Clopper
    & Pearson, 1934), and what differs does so by at least one grain.

    Args:
        values: One value a seed.
        grain: The smallest step between two values, as 1 for a count; see `grain_of`.
    """
    measured = np.asarray(values, float)
    if len(measured) < 2:
        return None, None
    if np.ptp(measured) <= _ROUNDING * np.abs(measured).max():
        rare = 1 - ((1 - CONFIDENCE) / 2) ** (1 / len(measured))
        half = rare * grain_of(measured, grain)
        one = float(np.median(measured))
        return one - half, one + half
    from scipy import stats

    found = stats.ttest_1samp(measured, 0).confidence_interval(CONFIDENCE)
    return float(found.low), float(found.high)


def grain_of(values: ArrayLike, grain: float | None = None) -> float:
    """Return the smallest step between values: what is given, 1 for whole numbers, otherwise 0.

    Zeros alone are whole numbers of anything, and count as continuous.
    """
    if grain is not None:
        return float(grain)
    measured = np.asarray(values, float)
    rounded = np.round(measured)
    whole = np.allclose(measured, rounded, rtol=0, atol=1e-6)  # float32, times a hundred
    return 1.0 if whole and np.any(rounded) else 0.0


def share_interval(inside: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper & Pearson, 1934).

    Args:
        inside: How many of the runs count.
        n: How many runs there are.
    """
    from scipy import stats

    found = stats.binomtest(inside, n).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def judge(
    ci_low: float,
    ci_high: float,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    effect: bool = False,
) -> str:
    """Return the verdict of an interval on the criterion [low, high].

    Args:
        ci_low, ci_high: The 95 % interval.
        low, high: What the claim accepts.
        effect: Whether the claim is that an effect of `low` or more exists. The interval of one
            that exists but is smaller reaches the verdict "weaker".

    Returns:
        "supported" if the whole interval meets the criterion; "weaker" if an effect has the
        claimed direction, and the whole interval is short of the claimed size; "refuted" if none
        of the interval meets the criterion; else "inconclusive".
    """
    if low <= ci_low and ci_high <= high:
        return "supported"
    if low <= ci_high and ci_low <= high:
        return "inconclusive"
    if effect and ci_low > 0 and ci_high < low:
        return "weaker"
    return "refuted"

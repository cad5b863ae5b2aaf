"""The tangent of a function: where it touches, how steep and how long it is."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab import widgets

Z = np.linspace(-4, 4, 81)
AT = len(Z) * 5 // 8
# How many units of the drawing one unit of each axis takes.
UNIT = np.array([(480 - 62 - 12) / 8, (320 - 34 - 46) / 5])
HALF = 1.2


@given(
    slope=st.integers(-300, 300).map(lambda n: n / 100),
    height=st.integers(-100, 200).map(lambda n: n / 100),
)
def test_tangent_touches_its_point_and_is_equally_long_at_any_slope(slope, height):
    line = height + slope * (Z - Z[AT])
    html = widgets.function_and_slope(Z, {"line": (line, np.full(len(Z), slope))}).html
    ends = re.search(r'class="t" d="M([-\d.]+) ([-\d.]+)L([-\d.]+) ([-\d.]+)"', html).groups()
    start, end = np.array(ends, float).reshape(2, 2)
    across, down = (end - start) / UNIT
    assert across > 0
    # Places are rounded to tenths.
    assert np.hypot(across, down) == pytest.approx(2 * HALF, abs=0.2 / min(UNIT))
    assert -down == pytest.approx(slope * across, abs=0.2 * (1 + abs(slope)) / min(UNIT))
    point = np.array(re.search(r'class="o"[^>]*cx="([\d.]+)" cy="([\d.]+)"', html).groups(), float)
    np.testing.assert_allclose((start + end) / 2, point, atol=0.16)


def test_script_draws_the_tangent_as_long_as_the_still_picture_does():
    html = widgets.function_and_slope(Z, {"line": (Z, np.ones(len(Z)))}).html
    assert f"const h={HALF}/Math.hypot(1,m);" in html

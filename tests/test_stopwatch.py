"""Ratios of times, on a clock that the test turns."""

import numpy as np
import pytest

from trainlab import stopwatch


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "process_time", lambda: now[0])

    def work(*durations):
        left = list(durations)

        def function():
            now[0] += left.pop(0) if len(left) > 1 else left[0]

        return function

    return work


def test_ratio_is_relative_to_the_named_function(clock):
    ratios = stopwatch.time_ratios({"a": clock(0.02), "b": clock(0.05)}, to="a", rounds=4)
    np.testing.assert_allclose(ratios["a"], np.ones(4))
    np.testing.assert_allclose(ratios["b"], 2.5 * np.ones(4))


def test_first_call_is_not_timed(clock):
    functions = {"a": clock(0.02), "b": clock(9.0, 0.02)}
    np.testing.assert_allclose(stopwatch.time_ratios(functions, to="a")["b"], np.ones(15))


def test_what_slows_a_round_slows_both(clock):
    slow = [0.02, 0.02, 0.02, 0.2]
    ratios = stopwatch.time_ratios({"a": clock(*slow), "b": clock(*slow)}, to="a", rounds=2)
    np.testing.assert_allclose(ratios["b"], [1, 1])


def test_short_functions_are_called_more_often(clock):
    ratios = stopwatch.time_ratios({"a": clock(1e-4), "b": clock(3e-4)}, to="a", rounds=3)
    np.testing.assert_allclose(ratios["b"], 3 * np.ones(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"to": "b"}, "to='b' is not among the functions a"), ({"to": "a", "rounds": 0}, "rounds=0")],
)
def test_bad_argument_raises(options, message):
    with pytest.raises(ValueError, match=message):
        stopwatch.time_ratios({"a": int}, **options)

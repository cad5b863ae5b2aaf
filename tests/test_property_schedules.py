"""Schedules against their formula at every step, and optimizers against the sums by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainlab.schedules import LinearSchedule, ScheduledSGD, one_cycle

VALUES = st.integers(0, 1000).map(lambda n: n / 1000)
KNOTS = st.lists(
    st.tuples(st.integers(0, 40), VALUES), min_size=2, max_size=5, unique_by=lambda knot: knot[0]
).map(sorted)
STEPS = np.arange(50)


def apart(knots):
    steps, values = zip(*knots, strict=True)
    return list(steps), list(values)


def at(schedule, steps):
    """Return a schedule's values at many steps in one call."""
    return np.asarray(schedule(np.asarray(steps, "float32")))


@given(knots=KNOTS)
def test_linear_schedule_is_its_formula_at_every_step(knots):
    steps, values = apart(knots)
    line = LinearSchedule(steps, values)
    expected = np.interp(STEPS, steps, values)
    np.testing.assert_allclose(at(line, STEPS), expected, rtol=1e-5, atol=1e-6)
    # As an optimizer calls it: one whole number at a time.
    middle = (steps[0] + steps[1]) // 2
    one = line(keras.ops.convert_to_tensor(middle, "int64"))
    assert float(one) == pytest.approx(expected[middle], rel=1e-5, abs=1e-6)


@given(knots=KNOTS)
def test_linear_schedule_is_continuous_where_lines_join_and_stays_at_both_ends(knots):
    steps, values = apart(knots)
    line = LinearSchedule(steps, values)
    np.testing.assert_allclose(at(line, steps), values, rtol=1e-5, atol=1e-6)
    steepest = max(abs(np.diff(values) / np.diff(steps)))
    for side in (-0.01, 0.01):
        beside = at(line, np.add(steps, side))
        assert np.max(np.abs(beside - values)) <= 0.01 * steepest + 1e-5
    before, after = at(line, [steps[0] - 7, steps[-1] + 7])
    assert before == pytest.approx(values[0]) and after == pytest.approx(values[-1], abs=1e-6)


@given(knots=KNOTS)
def test_linear_schedule_stays_between_its_smallest_and_its_largest_value(knots):
    steps, values = apart(knots)
    found = at(LinearSchedule(steps, values), np.linspace(-5, 50, 221))
    rounding = 1e-6
    assert found.min() >= min(values) - rounding and found.max() <= max(values) + rounding


@given(knots=KNOTS)
@settings(max_examples=20)
def test_linear_schedule_comes_back_from_its_configuration(knots):
    line = LinearSchedule(*apart(knots))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(line))
    np.testing.assert_array_equal(at(again, STEPS), at(line, STEPS))


CYCLES = st.tuples(st.integers(1, 200).map(lambda n: n / 100), st.integers(1, 400))


@given(cycle=CYCLES)
def test_one_cycle_is_smiths_at_every_step(cycle):
    peak, steps = cycle
    optimizer = one_cycle(peak, steps)
    t = np.arange(steps + 1)
    knots = np.array([0, 0.45, 0.9, 1]) * steps
    rates = at(optimizer.schedule, t) * float(optimizer.learning_rate)
    np.testing.assert_allclose(
        rates, peak * np.interp(t, knots, [0.1, 1, 0.1, 0.001]), rtol=1e-3, atol=1e-6 * peak
    )
    momenta = at(optimizer.momentum_schedule, t)
    np.testing.assert_allclose(momenta, np.interp(t, knots[:3], [0.95, 0.85, 0.95]), rtol=1e-5)
    assert rates.min() > 0 and rates.max() <= peak * (1 + 1e-6)
    assert rates[0] == pytest.approx(0.1 * peak) and rates[-1] == pytest.approx(
        0.001 * peak, rel=1e-3
    )


@given(cycle=CYCLES)
def test_momentum_goes_the_other_way_than_the_rate(cycle):
    optimizer = one_cycle(*cycle)
    t = np.linspace(0, 0.9 * cycle[1], 40)
    rates, momenta = (at(each, t) for each in (optimizer.schedule, optimizer.momentum_schedule))
    # Both are straight lines of each other: 0.1 belongs to 0.95 and 1 to 0.85.
    np.testing.assert_allclose((rates - 0.1) / 0.9, (0.95 - momenta) / 0.1, atol=1e-4)


@given(
    peak=st.integers(1, 100).map(lambda n: n / 100),
    rates=KNOTS,
    momenta=KNOTS,
    gradients=st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=1, max_size=8),
)
@settings(max_examples=15)
def test_scheduled_sgd_is_the_sum_by_hand(peak, rates, momenta, gradients):
    optimizer = ScheduledSGD(
        peak, momentum=LinearSchedule(*apart(momenta)), schedule=LinearSchedule(*apart(rates))
    )
    weight = keras.Variable(np.zeros(2))
    expected, velocity = 0.0, 0.0
    for t, gradient in enumerate(gradients):
        rate = peak * np.interp(t, *apart(rates))
        velocity = np.interp(t, *apart(momenta)) * velocity - rate * gradient
        expected += velocity
        optimizer.apply([np.array([gradient, 2 * gradient], "float32")], [weight])
    found = weight.numpy()
    np.testing.assert_allclose(found, [expected, 2 * expected], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [-1, 0])
def test_one_cycle_of_no_step_is_refused(steps):
    with pytest.raises(ValueError, match=f"steps={steps} is not above 0"):
        one_cycle(0.1, steps)


def test_one_cycle_of_one_step_and_with_a_fixed_momentum():
    optimizer = one_cycle(0.5, 1, momenta=(0.8, 0.8))
    np.testing.assert_allclose(at(optimizer.schedule, [0, 1]), [0.1, 0.001], rtol=1e-3)
    np.testing.assert_allclose(at(optimizer.momentum_schedule, STEPS), 0.8, rtol=1e-6)

"""Ratios of times, on a clock that the test turns."""

import numpy as np
import pytest
import tensorflow as tf

from trainlab import models, stopwatch


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


def test_every_function_is_divided_by_the_named_one_wherever_it_stands(clock):
    functions = {"a": clock(0.02), "b": clock(0.05), "c": clock(0.1)}
    ratios = stopwatch.time_ratios(functions, to="b", rounds=2)
    assert list(ratios) == ["a", "b", "c"]
    for name, ratio in (("a", 0.4), ("b", 1), ("c", 2)):
        np.testing.assert_allclose(ratios[name], [ratio, ratio])


def test_each_round_has_its_own_ratio(clock):
    # The two calls beforehand, then one a round.
    ratios = stopwatch.time_ratios(
        {"a": clock(1, 1, 1, 2, 4), "b": clock(1, 1, 3, 3, 3)}, to="a", rounds=3
    )
    np.testing.assert_allclose(ratios["b"], [3, 1.5, 0.75])


@pytest.mark.parametrize(("duration", "calls"), [(0.0025, 4), (0.004, 2), (0.01, 1), (5.0, 1)])
def test_a_round_takes_about_as_long_as_is_asked(clock, duration, calls):
    called = []
    work = clock(duration)

    def function():
        called.append(duration)
        work()

    stopwatch.time_ratios({"a": function}, to="a", rounds=3, seconds=0.01)
    assert len(called) == 2 + 3 * calls


def test_on_a_gpu_the_clock_on_the_wall_counts(monkeypatch):
    monkeypatch.setattr(stopwatch.tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(stopwatch.time, "process_time", lambda: pytest.fail("not this clock"))

    def wait(seconds):
        now[0] += seconds

    ratios = stopwatch.time_ratios({"a": lambda: wait(1), "b": lambda: wait(3)}, "a", rounds=2)
    np.testing.assert_allclose(ratios["b"], [3, 3])


def test_first_call_is_not_timed(clock):
    functions = {"a": clock(0.02), "b": clock(9.0, 0.02)}
    np.testing.assert_allclose(stopwatch.time_ratios(functions, to="a")["b"], np.ones(15))


def test_one_round_is_enough(clock):
    ratios = stopwatch.time_ratios({"a": clock(0.02), "b": clock(0.05)}, to="a", rounds=1)
    np.testing.assert_allclose(ratios["b"], [2.5])


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


def test_programs_of_an_activation_give_its_value_and_its_slope():
    z = tf.constant([-1.0, 0.5, 2.0])
    np.testing.assert_allclose(stopwatch.forward_pass(tf.square, z)(), z**2)
    value, slope = stopwatch.both_passes(tf.square, z)()
    np.testing.assert_allclose(value, z**2)
    np.testing.assert_allclose(slope, 2 * z)


def test_gradient_step_is_the_gradient_of_the_mean_loss():
    model = models.dense_stack(1, units=3, n_inputs=4, seed=0)
    x, y = np.ones((5, 4), "float32"), np.array([0, 1, 2, 3, 4])
    gradients = stopwatch.gradient_step(model, x, y)()
    error = model(x).numpy() - np.eye(10)[y]
    assert [g.shape for g in gradients] == [w.shape for w in model.trainable_variables]
    np.testing.assert_allclose(gradients[-1], error.mean(axis=0), atol=1e-6)

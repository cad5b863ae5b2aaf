import keras
import numpy as np
import pytest

from trainlab import models, training
from trainlab.schedules import LinearSchedule, ScheduledSGD, one_cycle
from trainlab.training.programs import programs_of
from trainlab.training.templates import Template


def moves(optimizer, steps=20):
    """Return by how much a weight moves in each step whose gradient is 1."""
    weight, lengths = keras.Variable(np.zeros(1), dtype="float32"), []
    for _ in range(steps):
        weight.assign([0.0])
        optimizer.apply([keras.ops.ones(1)], [weight])
        lengths.append(-float(weight.numpy()[0]))
    return np.array(lengths)


def small_images(seed=0, images=60):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(images, 784)).astype("float32"), rng.integers(0, 10, images)


def test_linear_schedule_is_interpolation():
    knots, values = [2, 6, 16], [0.5, 2.0, 0.25]
    line = LinearSchedule(knots, values)
    t = np.arange(20)
    np.testing.assert_allclose([float(line(n)) for n in t], np.interp(t, knots, values), rtol=1e-6)


@pytest.mark.parametrize(
    ("knots", "values", "message"),
    [
        ([0], [1.0], "two or more"),
        ([0, 5, 5], [1, 2, 3], "rising order"),
        ([0, 5], [1, 2, 3], "2 steps and 3 values"),
    ],
)
def test_linear_schedule_refuses_bad_knots(knots, values, message):
    with pytest.raises(ValueError, match=message):
        LinearSchedule(knots, values)


def test_fixed_momentum_is_keras_sgd_with_the_same_schedule():
    decay = keras.optimizers.schedules.CosineDecay
    ours = moves(ScheduledSGD(0.3, momentum=0.8, schedule=decay(1.0, 20)))
    theirs = moves(keras.optimizers.SGD(decay(0.3, 20), momentum=0.8))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("accumulated", [2, 3])
def test_accumulated_gradients_follow_the_schedule_by_batches_as_in_keras(accumulated):
    decay, few = (
        keras.optimizers.schedules.CosineDecay,
        {"gradient_accumulation_steps": accumulated},
    )
    ours = moves(ScheduledSGD(0.3, momentum=0.8, schedule=decay(1.0, 20), **few))
    theirs = moves(keras.optimizers.SGD(decay(0.3, 20), momentum=0.8, **few))
    assert np.count_nonzero(theirs) == 20 // accumulated
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    line = LinearSchedule([0, 20], [0.9, 0.5])
    changing = moves(ScheduledSGD(1.0, momentum=line, **few))
    last = np.arange(accumulated - 1, 20, accumulated)
    velocity, expected = 0.0, np.zeros(20)
    for batch in last:
        velocity = velocity * np.interp(batch, [0, 20], [0.9, 0.5]) + 1
        expected[batch] = velocity
    np.testing.assert_allclose(changing, expected, rtol=1e-5)


def test_momentum_is_nine_tenths_unless_given():
    np.testing.assert_allclose(
        moves(ScheduledSGD(0.3)), moves(keras.optimizers.SGD(0.3, momentum=0.9)), rtol=1e-6
    )


def test_momentum_zero_is_plain_descent():
    np.testing.assert_allclose(moves(ScheduledSGD(0.3, momentum=0)), 0.3, rtol=1e-6)


def test_one_cycle_by_hand():
    t, velocity, expected = np.arange(20), 0.0, []
    rates = np.interp(t, [0, 9, 18, 20], [0.02, 0.2, 0.02, 0.0002])
    momenta = np.interp(t, [0, 9, 18], [0.95, 0.85, 0.95])
    for rate, momentum in zip(rates, momenta, strict=True):
        velocity = momentum * velocity - rate
        expected.append(-velocity)
    np.testing.assert_allclose(moves(one_cycle(0.2, 20)), expected, rtol=1e-5)


def test_one_cycle_needs_steps():
    with pytest.raises(ValueError, match="steps=0 is not above 0"):
        one_cycle(0.1, 0)


def test_nesterov_is_refused():
    with pytest.raises(ValueError, match="no Nesterov"):
        ScheduledSGD(0.1, nesterov=True)


def test_one_cycle_trains_alike_compiled_saved_and_loaded(tmp_path):
    x, y = small_images()
    weights = []
    for trained in ("keras", "compiled", "saved"):
        model = models.compiled_stack(1, one_cycle(0.05, 24), units=8, seed=0)
        options = {"batch_size": 10, "shuffle": False, "verbose": 0}
        if trained == "keras":
            model.fit(x, y, epochs=4, **options)
        else:
            training.fit(model, x, y, epochs=2 if trained == "saved" else 4, **options)
        if trained == "saved":
            model.save(tmp_path / "half.keras")
            model = keras.models.load_model(tmp_path / "half.keras")
            assert int(model.optimizer.iterations) == 12
            training.fit(model, x, y, epochs=2, **options)
        weights.append(model.get_weights())
    for other in weights[1:]:
        for ours, theirs in zip(other, weights[0], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_models_of_other_peaks_share_a_program():
    x, y = small_images()
    made = []

    def build(rate):
        made.append(models.compiled_stack(1, one_cycle(rate, 12), units=8))
        return made[-1]

    with Template() as template:
        for rate in (0.01, 0.1):
            training.sweep(
                lambda rate=rate: build(rate), (x, y), [0], batch_size=10, epochs=1,
                template=template, verbose=0,
            )  # fmt: skip
    first, second = made
    assert programs_of(first).all()
    assert not programs_of(second).all()
    assert not np.allclose(first.get_weights()[0], second.get_weights()[0])


@pytest.mark.parametrize(("built", "steps"), [(False, 0), (True, 4)])
def test_weights_file_resumes_only_into_a_built_optimizer(tmp_path, built, steps):
    """What chapter 08 says of `save_weights`, in its text and in its quiz."""

    def build():
        net = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
        decay = keras.optimizers.schedules.CosineDecay(0.1, 20)
        net.compile(keras.optimizers.Adam(decay), "mse")
        return net

    x, _ = small_images(images=64)
    trained, resumed = build(), build()
    trained.fit(x, x[:, :10], epochs=2, verbose=0)
    trained.save_weights(tmp_path / "half.weights.h5")
    if built:
        resumed.optimizer.build(resumed.trainable_variables)
        resumed.load_weights(tmp_path / "half.weights.h5")
        for ours, theirs in zip(
            resumed.optimizer.variables, trained.optimizer.variables, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    else:
        with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
            resumed.load_weights(tmp_path / "half.weights.h5")
    np.testing.assert_array_equal(resumed.get_weights()[0], trained.get_weights()[0])
    assert int(resumed.optimizer.iterations) == steps

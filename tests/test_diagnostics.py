"""Measurements against numbers worked out by hand and against the tape."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainlab import diagnostics, models


@pytest.fixture
def net():
    return models.dense_stack(3, units=6, n_inputs=4, activation="tanh", seed=0)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(5, 4)).astype("float32"), rng.integers(0, 10, 5)


def test_hidden_outputs_are_each_layer_s(net, batch):
    x, _ = batch
    outputs = diagnostics.hidden_outputs(net, x)
    a = x
    for layer, output in zip(net.layers[1:-1], outputs, strict=True):
        a = np.tanh(a @ layer.kernel.numpy() + layer.bias.numpy())
        np.testing.assert_allclose(output, a, rtol=1e-5, atol=1e-6)


def test_hidden_outputs_are_those_of_inference():
    layers = [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    net = keras.Sequential([*layers, keras.layers.Dense(2)])
    x = np.ones((6, 4), "float32")
    (output,) = diagnostics.hidden_outputs(net, x)
    np.testing.assert_allclose(output, x @ net.layers[1].kernel.numpy(), rtol=1e-5)


def test_output_spread_is_the_standard_deviation(net, batch):
    outputs = diagnostics.hidden_outputs(net, batch[0])
    np.testing.assert_allclose(
        diagnostics.output_spread(net, batch[0]), [np.std(output) for output in outputs]
    )


def test_gradient_norms_by_finite_difference(net, batch):
    x, y = batch
    kernel = net.layers[2].kernel

    def loss():
        return float(np.mean(keras.losses.sparse_categorical_crossentropy(y, net(x))))

    start, step = kernel.numpy(), 1e-2
    squares = 0.0
    for i, j in np.ndindex(*start.shape):
        moved = start.copy()
        moved[i, j] += step
        kernel.assign(moved)
        above = loss()
        moved[i, j] -= 2 * step
        kernel.assign(moved)
        squares += ((above - loss()) / (2 * step)) ** 2
    kernel.assign(start)
    assert diagnostics.gradient_norms(net, x, y)[1] == pytest.approx(np.sqrt(squares), rel=1e-2)


def test_gradient_norms_in_training_see_the_batch(batch):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(6)
    out = keras.layers.Dense(10, "softmax")
    net = keras.Sequential([keras.Input((4,)), dense, keras.layers.BatchNormalization(), out])
    plain = [diagnostics.gradient_norms(net, *batch, training=mode) for mode in (True, False)]
    dense.kernel.assign(10 * dense.kernel)
    scaled = [diagnostics.gradient_norms(net, *batch, training=mode) for mode in (True, False)]
    # By the batch the kernel's scale cancels, and its gradient falls by it (all but for epsilon).
    assert scaled[0] == pytest.approx(plain[0] / 10, rel=0.1)
    assert scaled[1] > plain[1] / 5


def test_gradient_decades_is_the_exponent(net, batch):
    norms = diagnostics.gradient_norms(net, *batch)
    assert 10 ** diagnostics.gradient_decades(net, *batch) == pytest.approx(norms[0] / norms[-1])


def test_gradient_decades_of_a_vanished_gradient_is_finite(batch):
    dead = models.dense_stack(3, units=6, n_inputs=4, activation="sigmoid", seed=0)
    dead.layers[2].kernel.assign(np.zeros((6, 6)))
    assert np.isfinite(diagnostics.gradient_decades(dead, *batch))


def test_gradient_change_is_the_tapes_by_hand(net, batch):
    x, y = batch
    rate, found = 0.5, net.get_weights()

    def gradient():
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(y, net(x, training=True))
            loss = keras.ops.mean(losses)
        gradients = tape.gradient(loss, [weight.value for weight in net.trainable_variables])
        return np.concatenate([np.ravel(g) for g in gradients])

    before = gradient()
    sizes = np.cumsum([np.size(weight) for weight in found])[:-1]
    steps = np.split(rate * before, sizes)
    net.set_weights([w - step.reshape(w.shape) for w, step in zip(found, steps, strict=True)])
    expected = np.linalg.norm(gradient() - before) / np.linalg.norm(before)
    net.set_weights(found)
    np.testing.assert_allclose(
        diagnostics.gradient_change(net, x, y, [rate, 0]), [expected, 0], rtol=1e-4, atol=1e-6
    )


def test_gradient_change_leaves_the_model_as_it_was():
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, "relu")])
    net.add(keras.layers.BatchNormalization())
    net.add(keras.layers.Dense(3, "softmax"))
    x = np.random.default_rng(0).normal(3, 2, (8, 4)).astype("float32")
    found = net.get_weights()
    diagnostics.gradient_change(net, x, np.arange(8) % 3, [0.1, 1])
    for before, after in zip(found, net.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_gradient_change_without_a_gradient_raises(batch):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, "softmax")])
    net.trainable = False
    with pytest.raises(ValueError, match="gradient of zero"):
        diagnostics.gradient_change(net, *batch, [0.1])


@pytest.mark.parametrize(
    ("outputs", "share"), [([0.0, 1.0], 1.0), ([0.5, 0.5], 0.0), ([0.01, 0.5, 0.5, 0.99], 0.5)]
)
def test_saturation_by_hand(outputs, share):
    assert diagnostics.saturation(np.array(outputs), low=0, high=1) == share


@pytest.mark.parametrize(
    ("outputs", "ends", "margin", "share"),
    [
        # A twentieth of the range of tanh is 0.1, of one from 2 to 6 it is 0.2.
        ([-0.95, -0.85, 0.85, 0.95], (-1, 1), 0.05, 0.5),
        ([-0.95, 0.0, 0.0, 0.0], (-1, 1), 0.05, 0.25),
        ([2.1, 2.3, 5.7, 5.9, 5.85], (2, 6), 0.05, 0.6),
        ([0.25, 0.75], (0, 1), 0.25, 0.0),  # on the border is not beyond it
        ([np.nextafter(0.25, 0), np.nextafter(0.75, 1)], (0, 1), 0.25, 1.0),
    ],
)
def test_saturation_is_a_share_of_the_functions_range(outputs, ends, margin, share):
    low, high = ends
    found = diagnostics.saturation(np.array(outputs), low=low, high=high, margin=margin)
    assert found == pytest.approx(share)


def test_a_net_without_hidden_layers_is_refused():
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, "softmax")])
    with pytest.raises(ValueError, match=r"has 1 Dense layer"):
        diagnostics.hidden_layers(flat)


def test_dead_units_by_hand(batch):
    x, _ = batch
    net = models.dense_stack(2, units=4, n_inputs=4, activation="relu", seed=0)
    first, second = net.layers[1:3]
    first.bias.assign([-100.0, 100.0, 100.0, -100.0])
    second.kernel.assign(np.zeros((4, 4)))
    second.bias.assign(np.array([1.0, -1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(diagnostics.dead_units(net, x), [0.5, 0.25])


def test_a_unit_that_one_image_wakes_is_not_dead():
    net = models.dense_stack(1, units=1, n_inputs=1, activation="relu", seed=0)
    net.layers[1].set_weights([np.ones((1, 1)), -np.ones(1)])
    assert diagnostics.dead_units(net, np.array([[-3.0], [0.5]])) == 1
    assert diagnostics.dead_units(net, np.array([[-3.0], [1.5]])) == 0


@pytest.mark.parametrize("layer", [1, 2])
def test_dead_units_of_a_diverged_net_are_refused(batch, layer):
    net = models.dense_stack(2, units=2, n_inputs=4, activation="relu", seed=0)
    net.layers[layer].bias.assign([0.0, np.nan])
    with pytest.raises(ValueError, match="not finite"):
        diagnostics.dead_units(net, batch[0])


def test_accuracy_is_the_share_in_percent():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, use_bias=False)])
    net.set_weights([np.eye(3)])
    assert diagnostics.accuracy(net, np.eye(3), [0, 1, 0]) == pytest.approx(200 / 3)


def test_dead_share_is_the_mean_over_hidden_layers_and_nan_where_training_diverged(batch):
    nets = [models.dense_stack(3, units=6, n_inputs=4, seed=seed) for seed in (0, 1)]
    alive, diverged = nets
    alive.get_layer("hidden_2").bias.assign(np.full(6, -1e3))
    diverged.get_layer("hidden_1").bias.assign(np.full(6, np.nan))
    shares = diagnostics.dead_share(nets, batch[0])
    assert shares[0] == np.mean(diagnostics.dead_units(alive, batch[0])) >= 1 / 3
    assert np.isnan(shares[1])


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_silence_leaves_no_unit_of_the_layer_above_zero_and_no_other_layer_changed(
    activation, batch
):
    net = models.dense_stack(3, units=6, n_inputs=4, activation=activation, seed=0)
    before = net.get_weights()
    diagnostics.silence(net, "hidden_2", batch[0], margin=0.5)
    assert diagnostics.hidden_outputs(net, batch[0])[1].max() <= 0
    changed = [np.any(a != b) for a, b in zip(before, net.get_weights(), strict=True)]
    assert changed == [False, False, False, True, False, False, False, False]


def test_silence_lowers_each_unit_by_what_it_needs_and_the_margin(batch):
    net = models.dense_stack(2, units=3, n_inputs=4, seed=0)
    highest = diagnostics.hidden_outputs(net, batch[0])[0].max(axis=0)
    diagnostics.silence(net, "hidden_1", batch[0], margin=0.5)
    bias = net.get_layer("hidden_1").bias.numpy()
    np.testing.assert_allclose(bias, -highest - 0.5, rtol=1e-6)

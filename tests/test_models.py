"""The builders that chapters share."""

import keras
import numpy as np
import pytest

from trainlab import models


def test_depth_counts_hidden_layers():
    names = [layer.name for layer in models.dense_stack(3, units=7).layers]
    assert names == ["image", "hidden_1", "hidden_2", "hidden_3", "probabilities"]


def test_parameters_by_hand():
    net = models.dense_stack(2, units=5, n_inputs=4, n_classes=3)
    assert net.count_params() == (4 * 5 + 5) + (5 * 5 + 5) + (5 * 3 + 3)


def test_layers_draw_different_kernels_from_one_initializer_object():
    initializer = keras.initializers.RandomNormal(0, 1)
    net = models.dense_stack(3, units=8, n_inputs=8, kernel_initializer=initializer, seed=0)
    first, second = (net.get_layer(f"hidden_{n}").kernel.numpy() for n in (1, 2))
    assert not np.allclose(first, second)


def test_seed_draws_the_same_network():
    one, same, other = (models.dense_stack(2, seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_skip_adds_the_input():
    net = models.dense_stack(2, units=4, n_inputs=4, activation="tanh", skip=True, seed=0)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    W1, b1, W2, b2, W3, b3 = net.get_weights()
    h1 = np.tanh(x @ W1 + b1)
    logits = (h1 + np.tanh(h1 @ W2 + b2)) @ W3 + b3
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(net(x), expected, rtol=1e-5)


def test_output_layer_keeps_the_default_initializer():
    net = models.dense_stack(1, kernel_initializer="zeros")
    assert net.layers[-1].kernel.numpy().std() > 0


def test_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="depth=0 is below 1"):
        models.dense_stack(0)


def test_compiled_stack_trains():
    net = models.compiled_stack(1, "sgd", units=4, n_inputs=4)
    history = net.fit(np.zeros((8, 4)), np.zeros(8), verbose=0).history
    assert set(history) == {"loss", "accuracy"}

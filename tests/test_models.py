"""The builders that chapters share."""

import functools

import keras
import numpy as np
import pytest

from trainlab import diagnostics, models


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


def test_stacked_dense_is_that_many_dense_layers():
    x = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
    stacked = models.StackedDense(4, "elu", "he_normal")
    stacked(x)
    stacked.bias.assign(np.random.default_rng(1).normal(size=(4, 5)))
    outputs, a = stacked(x), x
    for W, b in zip(stacked.kernel.numpy(), stacked.bias.numpy(), strict=True):
        dense = keras.layers.Dense(5, "elu")
        dense.build((None, 5))
        dense.set_weights([W, b])
        a = dense(a)
    np.testing.assert_allclose(outputs, a, rtol=1e-5, atol=1e-6)


def test_stacked_dense_draws_each_kernel_by_its_own_fan():
    keras.utils.set_random_seed(0)
    stacked = models.StackedDense(30, "relu", "he_normal")
    stacked.build((None, 40))
    kernel = stacked.kernel.numpy()
    np.testing.assert_allclose(kernel.std(axis=(1, 2)), np.sqrt(2 / 40), rtol=0.1)
    assert not np.allclose(kernel[0], kernel[1])


def test_stacked_dense_is_made_again_from_its_configuration():
    stacked = models.StackedDense(3, "selu", "lecun_normal", name="rest")
    again = models.StackedDense.from_config(stacked.get_config())
    assert again.get_config() == stacked.get_config()


def test_stacked_dense_of_one_layer_is_a_dense_layer():
    x = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
    stacked = models.StackedDense(1, "tanh")
    dense = keras.layers.Dense(5, "tanh")
    stacked(x), dense(x)
    dense.set_weights([each[0] for each in stacked.get_weights()])
    np.testing.assert_allclose(stacked(x), dense(x), rtol=1e-5)


def test_stacked_dense_of_no_layer_is_refused():
    with pytest.raises(ValueError, match="depth=0 is below 1"):
        models.StackedDense(0, "relu")


def test_compiled_tower_has_the_weights_of_a_compiled_stack():
    tower = models.compiled_tower(5, "sgd", units=7, activation="elu")
    stack = models.compiled_stack(5, "sgd", units=7, activation="elu")
    assert tower.count_params() == stack.count_params()
    history = tower.fit(np.zeros((8, 784)), np.zeros(8), verbose=0).history
    assert set(history) == {"loss", "accuracy"}


def test_compiled_tower_predicts_as_the_compiled_stack_of_its_weights():
    options = {"units": 6, "activation": "elu", "kernel_initializer": "he_normal"}
    tower = models.compiled_tower(4, "sgd", **options)
    stack = models.compiled_stack(4, "sgd", **options)
    rest = tower.get_layer("hidden_rest")
    rest.bias.assign(np.random.default_rng(1).normal(size=(3, 6)))
    first, last = tower.layers[0].get_weights(), tower.layers[-1].get_weights()
    between = [each for pair in zip(*rest.get_weights(), strict=True) for each in pair]
    stack.set_weights([*first, *between, *last])
    x = np.random.default_rng(0).normal(size=(5, 784)).astype("float32")
    np.testing.assert_allclose(tower(x), stack(x), rtol=1e-5, atol=1e-6)


def test_pair_net_is_the_formula():
    net = models.pair_net(1, "sgd", units=6, n_inputs=5, activation="tanh", seed=0)
    W, b, v, c = net.get_weights()
    c = c + 0.3
    net.set_weights([W, b + 0.1, v, c])
    left, right = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    h_left, h_right = (np.tanh(x @ W + b + 0.1) for x in (left, right))
    logits = np.abs(h_left - h_right) @ v + c
    np.testing.assert_allclose(net([left, right]), 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_pair_net_takes_both_images_through_the_same_layers():
    net = models.pair_net(2, "sgd", units=6, n_inputs=5, seed=0)
    # Two hidden layers and one unit, whatever the number of images.
    assert [weight.shape for weight in net.get_weights()] == [
        (5, 6),
        (6,),
        (6, 6),
        (6,),
        (6, 1),
        (1,),
    ]
    left, right = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    np.testing.assert_allclose(net([left, right]), net([right, left]), rtol=1e-6)
    np.testing.assert_allclose(net([left, left]), 0.5)


def test_pair_nets_share_one_program():
    first, second = models.pair_net(2, "sgd", seed=0), models.pair_net(2, "sgd", seed=1)
    from trainlab.training import templates

    assert templates._configuration(first) == templates._configuration(second)


def test_stack_with_makes_a_new_optimizer_of_its_rate_each_time():
    build = functools.partial(models.stack_with, keras.optimizers.SGD, depth=2, n_inputs=4)
    first, second = build(0.5), build(0.25)
    assert [float(net.optimizer.learning_rate) for net in (first, second)] == [0.5, 0.25]
    assert [layer.units for layer in first.layers[1:]] == [50, 50, 10]
    assert first.loss == "sparse_categorical_crossentropy"


def test_shifted_tanh_stacks_begin_as_one_function_and_hidden_outputs_differ_by_the_shift():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    nets = [models.shifted_tanh_stack(shift, 0.1, depth=3, n_inputs=4, seed=0) for shift in (0, 1)]
    plain, shifted = (np.array(net(x)) for net in nets)
    np.testing.assert_allclose(shifted, plain, atol=1e-6)
    plain, shifted = (diagnostics.hidden_outputs(net, x)[-1] for net in nets)
    np.testing.assert_allclose(shifted, plain + 1, atol=1e-5)
    trained = []
    for net in nets:
        net.fit(x, np.arange(5), epochs=3, verbose=0, shuffle=False)
        trained.append(np.array(net(x)))
    assert np.abs(trained[0] - trained[1]).max() > 1e-4


def test_compiled_tower_gives_its_initializer_to_every_hidden_layer():
    first, rest, output = models.compiled_tower(4, "sgd", kernel_initializer="zeros").layers
    assert not np.any(first.kernel) and not np.any(rest.kernel) and np.any(output.kernel)

"""Copies without an optimizer, files in memory, and LiteRT's answer against Keras'."""

import gc

import keras
import numpy as np
import pytest

from trainlab import compression


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(300, "relu"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(np.ones((4, 20)), np.zeros(4), verbose=0)
    return net


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(5, 20)).astype("float32")


def test_bare_copy_predicts_the_same_and_shares_nothing(model, x):
    copy = compression.bare_copy(model)
    np.testing.assert_array_equal(copy(x), model(x))
    assert not copy.compiled
    before = np.array(model(x))
    copy.layers[0].kernel.assign(np.zeros((20, 64)))
    np.testing.assert_array_equal(model(x), before)


def test_mask_holds_pruned_weights_at_zero_while_others_train():
    layer = keras.layers.Dense(2)
    net = keras.Sequential([keras.Input((3,)), layer])
    mask = np.array([[True, False], [False, True], [True, True]])
    layer.kernel.constraint = compression.Mask(mask)
    layer.kernel.assign(layer.kernel.constraint(layer.kernel))
    before = layer.kernel.numpy()
    net.compile("sgd", "mse")
    net.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    np.testing.assert_array_equal(layer.kernel.numpy() != 0, mask)
    assert (layer.kernel.numpy() != before)[mask].all()
    config = layer.kernel.constraint.get_config()
    np.testing.assert_array_equal(compression.Mask(**config).mask, mask)


def test_keras_file_loads_and_is_smaller_without_the_optimizer(model, x, tmp_path):
    file = compression.keras_file(compression.bare_copy(model))
    assert len(file) < 0.5 * len(compression.keras_file(model))
    path = tmp_path / "model.keras"
    path.write_bytes(file)
    np.testing.assert_array_equal(keras.models.load_model(path)(x), model(x))


def test_int8_copy_is_close_and_leaves_the_model_alone(model, x):
    copy = compression.int8_copy(model)
    assert copy.layers[0].kernel.dtype == "int8"
    assert model.layers[0].kernel.dtype == "float32"
    np.testing.assert_allclose(copy(x), model(x), atol=0.05)
    assert gc.get_freeze_count() == 0


def test_lite_program_predicts_as_keras_for_any_batch_size(model, x):
    program = compression.lite_program(compression.lite_file(model))
    for rows in (x, x[:1], x):
        np.testing.assert_allclose(program(rows), model(rows), atol=1e-5)


def test_lite_int8_is_smaller_and_close(model, x):
    whole, small = (compression.lite_file(model, int8=int8) for int8 in (False, True))
    assert len(small) < 0.5 * len(whole)
    outputs = compression.lite_program(small)(x)
    np.testing.assert_allclose(outputs, model(x), atol=0.05)
    assert np.abs(outputs - model(x)).max() > 1e-6


def test_conversion_prints_nothing(model, capfd):
    compression.lite_program(compression.lite_file(model))
    assert capfd.readouterr() == ("", "")


def test_lite_program_refuses_other_bytes():
    with pytest.raises(ValueError):
        compression.lite_program(b"no model")


def test_packed_size_falls_with_zeros(model):
    copy = compression.bare_copy(model)
    assert compression.packed_size(copy) == compression.packed_size(model)
    copy.set_weights([np.zeros_like(array) for array in copy.get_weights()])
    assert compression.packed_size(copy) < 0.05 * compression.packed_size(model)

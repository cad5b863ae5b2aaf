"""`fit`: what decides the order, what goes to `model.fit`, what is refused."""

import copy
import gc
import logging
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from trainlab.training import device, fit, program
from trainlab.training.device import place, placed
from trainlab.training.program import EpochProgram
from trainlab.training.programs import programs_of


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 6)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def build(optimizer="sgd", loss="sparse_categorical_crossentropy", **compile_arguments):
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, "tanh"), layers.Dense(2, "softmax")], name="small"
    )
    model.compile(optimizer, loss, metrics=["accuracy"], **compile_arguments)
    return model


def weights_after(data, model=None, **arguments):
    model = model or build()
    fit(model, *data, **{"epochs": 2, "verbose": 0, **arguments})
    return model.get_weights()


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("break_even", [0, np.inf])
def test_same_seed_is_bit_identical(break_even, data, monkeypatch):
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", break_even)
    first = weights_after(data, seed=3)
    np.random.seed(1)  # noqa: NPY002 - nothing but the seed may matter
    tf.random.set_seed(1)
    assert same(first, weights_after(data, seed=3))
    assert not same(first, weights_after(data, seed=4))
    assert not same(first, weights_after(data, shuffle=False))


def test_seed_none_follows_the_global_seed(data):
    assert same(weights_after(data), weights_after(data))  # build() sets it
    model = build()
    keras.utils.set_random_seed(99)
    assert not same(weights_after(data), weights_after(data, model))


def test_shuffle_shows_every_image_once_an_epoch_in_a_new_order():
    seen = []

    class Records(layers.Layer):
        def call(self, x):
            tf.numpy_function(lambda a: seen.append(a.ravel().copy()) or 0.0, [x], tf.float64)
            return x

    model = keras.Sequential([keras.Input((1,)), Records(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(10, dtype="float32")[:, None]
    fit(model, x, x, batch_size=4, epochs=2, seed=0, verbose=0)
    assert [len(batch) for batch in seen] == [4, 4, 2] * 2
    epochs = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 2
    assert list(epochs[0]) != list(epochs[1])
    assert list(epochs[0]) != list(range(10))


class CountsBatches(keras.callbacks.Callback):
    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


class OwnStep(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(2, "softmax")

    def call(self, x):
        return self.out(x)

    def train_step(self, data):
        return super().train_step(data)


def own_step():
    keras.utils.set_random_seed(5)
    model = OwnStep()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def the_line(caplog):
    (record,) = [record for record in caplog.records if record.name == "trainlab"]
    assert record.levelno == logging.WARNING
    assert "\n" not in record.getMessage()
    assert record.getMessage().endswith("model.fit trains instead, more slowly.")
    return record.getMessage()


FALLBACKS = {
    "the callback CountsBatches has the batch-level method on_train_batch_end": (
        build,
        {"callbacks": [CountsBatches()]},
    ),
    "the callback LambdaCallback has the batch-level method on_train_batch_begin": (
        build,
        {
            "callbacks": [
                keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: None)
            ]
        },
    ),
    "the callback ModelCheckpoint has the batch-level method on_train_batch_end": (
        build,
        {"callbacks": [keras.callbacks.ModelCheckpoint("unused.keras", save_freq=10**6)]},
    ),
    "has a train_step of its own": (own_step, {}),
    "was compiled with run_eagerly=True": (lambda: build(run_eagerly=True), {}),
}


@pytest.mark.parametrize("reason", FALLBACKS)
def test_fallback_says_so_and_trains_in_the_same_order(reason, data, caplog):
    make, arguments = FALLBACKS[reason]
    arguments = {"seed": 2, "epochs": 2, "verbose": 0, "validation_data": data, **arguments}
    model = make()
    history = fit(model, *data, **arguments)
    assert reason in the_line(caplog)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert not programs_of(model).all()
    if make is not own_step:
        expected = weights_after(data, seed=2)
        for have, want in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "method",
    ["fit", "evaluate", "train_step", "test_step", "make_train_function", "make_test_function"],
)
def test_method_of_its_own_is_called(method, data, caplog):
    called = []

    def own(self, *arguments, **options):
        called.append(method)
        return getattr(keras.Sequential, method)(self, *arguments, **options)

    kind = type("Own", (keras.Sequential,), {method: own})
    model = kind([keras.Input((6,)), layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    fit(model, *data, validation_data=data, verbose=0)
    assert f"has a {method} of its own" in the_line(caplog)
    assert called


@pytest.mark.parametrize("where", ["model", "training"])
def test_model_of_a_distribution_strategy_falls_back(where, data, caplog):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    if where == "model":
        with strategy.scope():
            model = build()
        fit(model, *data, verbose=0)
    else:
        model = build()
        with strategy.scope(), pytest.raises(AssertionError):  # by Keras
            fit(model, *data, verbose=0)
    assert "belongs to a distribution strategy" in the_line(caplog)


def test_a_program_that_stops_on_nan_is_another_one(data):
    x = data[0].copy()
    x[20] = np.inf  # in the first of three batches
    for callbacks, steps in ([], 3), ([keras.callbacks.TerminateOnNaN()], 4), ([], 7):
        if not callbacks and steps == 3:
            model = build()
        fit(model, x, data[1], shuffle=False, callbacks=callbacks, verbose=0)
        assert int(model.optimizer.iterations) == steps


def test_dataset_falls_back(data, caplog):
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16)
    model, expected = build(), build()
    fit(model, dataset, validation_data=dataset, verbose=0)
    assert "x is not a dense array but of type _BatchDataset" in the_line(caplog)
    expected.fit(dataset, shuffle=False, verbose=0)
    assert same(model.get_weights(), expected.get_weights())


def test_validation_dataset_falls_back(data, caplog):
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16)
    history = fit(build(), *data, validation_data=dataset, verbose=0)
    assert "validation_data is not arrays but of type _BatchDataset" in the_line(caplog)
    assert "val_loss" in history.history


def test_compiled_training_says_nothing(data, caplog, capfd):
    fit(build(), *data, epochs=2, verbose=0, validation_data=data)
    assert not caplog.records
    assert capfd.readouterr().out == ""


def test_verbose_prints_the_lines_of_keras(data, capsys):
    def shown(trainer):
        trainer(build(), *data, epochs=2, verbose=2, shuffle=False, validation_data=data)
        return re.sub(r"\d+[mu]?s", "", capsys.readouterr().out)  # the times differ

    assert shown(fit) == shown(keras.Model.fit)
    fit(build(), *data, epochs=2)
    assert "3/3" in capsys.readouterr().out


def test_second_fit_goes_on_with_the_same_program(data, monkeypatch):
    made = []
    init = EpochProgram.__init__
    monkeypatch.setattr(
        EpochProgram, "__init__", lambda self, *a, **k: made.append(1) or init(self, *a, **k)
    )
    model, reference = build(), build()
    for _ in range(2):
        fit(model, *data, shuffle=False, verbose=0)
        reference.fit(*data, shuffle=False, verbose=0)
    assert len(made) == 1
    for have, want in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5)
    model.compile("adam", "sparse_categorical_crossentropy")
    fit(model, *data, verbose=0)
    assert len(made) == 2
    assert int(model.optimizer.iterations) == 3


def test_second_fit_survives_a_new_global_seed(data):
    class Noise(layers.Layer):
        def call(self, x, training=False):
            return x + keras.random.normal(keras.ops.shape(x)) if training else x

    model = keras.Sequential([keras.Input((6,)), Noise(), layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(2):
        keras.utils.set_random_seed(0)
        fit(model, *data, verbose=0)
    assert int(model.optimizer.iterations) == 6


def test_repeated_short_fits_earn_xla_in_the_end(data, monkeypatch):
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", 4)  # an epoch has 3 steps
    model, used = build(), []
    for _ in range(5):
        fit(model, *data, verbose=0)
        used.append(programs_of(model).all()[0].uses_xla)
    assert used == [False, False, False, True, True]


def test_validation_earns_xla_after_three_times_as_many_steps(data, monkeypatch):
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", 4)  # an epoch has 3 steps
    model, used = build(), []
    for _ in range(10):
        fit(model, *data, validation_data=data, verbose=0)
        used.append([program.uses_xla for program in programs_of(model).all()])
    assert used == 3 * [[False, False]] + 5 * [[True, False]] + 2 * [[True, True]]


def test_layer_that_xla_refuses_trains_without_it(data, monkeypatch):
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", 0)

    class Opaque(layers.Layer):
        def call(self, x):
            y = tf.numpy_function(lambda a: a, [tf.stop_gradient(x)], x.dtype)
            y.set_shape(x.shape)
            return x + 0.0 * y

    def with_layer(*inner):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((6,)), *inner, layers.Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    opaque, plain = with_layer(Opaque()), with_layer()
    fit(opaque, *data, seed=0, verbose=0)
    assert programs_of(opaque).all()[0].uses_xla is False
    assert int(opaque.optimizer.iterations) == 3
    fit(plain, *data, seed=0, verbose=0)
    for have, want in zip(opaque.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps_done", [0, 2])
def test_failure_is_xlas_own_only_before_the_first_step(steps_done, data, monkeypatch):
    """After some steps another try would train the same rows twice."""
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", 0)
    run, tried = EpochProgram._run, []

    def fails_at_first(self, rows, order):
        tried.append(self.uses_xla)
        if len(tried) == 1:
            self.run_first(rows, order, steps_done)
            raise tf.errors.InternalError(None, None, "out of memory")
        return run(self, rows, order)

    monkeypatch.setattr(EpochProgram, "_run", fails_at_first)
    model = build()
    if steps_done:
        with pytest.raises(tf.errors.InternalError, match="out of memory"):
            fit(model, *data, verbose=0)
    else:
        fit(model, *data, verbose=0)
    assert tried == ([True] if steps_done else [True, False])
    assert int(model.optimizer.iterations) == (steps_done or 3)


def test_trained_model_is_an_ordinary_model(data, tmp_path):
    model = build()
    fit(model, *data, verbose=0)
    expected = model.predict(data[0], verbose=0)
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    for other in (keras.models.load_model(tmp_path / "model.keras"), copy.deepcopy(model)):
        np.testing.assert_allclose(other.predict(data[0], verbose=0), expected, rtol=1e-6)
    loss, accuracy = model.evaluate(*data, verbose=0)
    assert np.isfinite(loss) and 0 <= accuracy <= 1
    assert [metric.name for metric in model.metrics] == ["loss", "compile_metrics"]


def test_no_epochs_train_nothing(data):
    model = build()
    before = model.get_weights()
    assert fit(model, *data, epochs=0, verbose=0).history == {}
    assert same(before, model.get_weights())


def nan_targets(x, y):
    y = y.astype("float32")
    y[7] = np.nan
    return x, y


def one_nan_in_a_row(x, y):
    rows = keras.utils.to_categorical(y, 2)
    rows[7, 1] = np.nan
    return x, rows


BAD_DATA = {
    r"x has shape \(70, 3\), the model 'small' expects \(images, 6\)": lambda x, y: (x[:, :3], y),
    r"Pass x.reshape\(\(-1, 6\)\)": lambda x, y: (x.reshape(-1, 2, 3), y),
    "must have the same number of images.*Cut both": lambda x, y: (x, y[:60]),
    r"y holds NaN or infinity in 1 of 70 rows, the first is row 7. Drop": nan_targets,
    r"y holds NaN or infinity in 1 of 70 rows, the first is row 7": one_nan_in_a_row,
    "y holds labels from 0 to 2, .* 2 classes: labels must lie between 0 and 1. Renumber": (
        lambda x, y: (x, np.where(np.arange(70) == 5, 2, y))
    ),
    "labels from -1 to 1": lambda x, y: (x, 2 * y - 1),
    "x is empty: its shape is .0, 6.": lambda x, y: (x[:0], y[:0]),
    r"y has shape \(70, 2\), .*loss='categorical_crossentropy'": (
        lambda x, y: (x, keras.utils.to_categorical(y, 2))
    ),
    "x must be an array of images": lambda x, y: (np.float32(1.0), y),
}


@pytest.mark.parametrize("message", BAD_DATA)
@pytest.mark.parametrize("where", ["training", "validation"])
def test_bad_data_are_refused_before_training(message, where, data):
    model = build()
    before = model.get_weights()
    bad = BAD_DATA[message](*data)
    with pytest.raises(ValueError, match=message):
        if where == "training":
            fit(model, *bad)
        else:
            fit(model, *data, validation_data=bad)
    assert same(before, model.get_weights())
    assert not model.optimizer.built or int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "batch_size must be at least 1.*batch_size=0. Pass", {"batch_size": 0}),
        (TypeError, "batch_size must be an integer, not float", {"batch_size": 32.0}),
        (ValueError, "epochs must be at least 0", {"epochs": -1}),
        (ValueError, "validation_freq must be at least 1", {"validation_freq": 0}),
        (TypeError, "validation_freq must be an integer, not str", {"validation_freq": "2"}),
        (ValueError, "seed must be at least 0", {"seed": -1}),
        (TypeError, "shuffle must be True or False", {"shuffle": "once"}),
        (ValueError, "verbose must be 'auto', 0, 1 or 2", {"verbose": 3}),
        (ValueError, r"validation_data must be \(x_valid, y_valid\)", {"validation_data": [[]]}),
    ],
)
def test_bad_argument_is_refused(error, message, arguments, data):
    if "validation_data" in arguments:
        arguments = {"validation_data": (data[0],)}
    with pytest.raises(error, match=message):
        fit(build(), *data, **arguments)


def test_text_is_refused(data):
    with pytest.raises(TypeError, match=r"x must hold numbers.*astype"):
        fit(build(), np.array([["a"]] * 70, dtype=object), data[1])


def test_uncompiled_model_is_refused(data):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(2)], name="raw")
    with pytest.raises(ValueError, match=r"'raw' is not compiled. Call model.compile"):
        fit(model, *data)
    with pytest.raises(TypeError, match=r"fit.. trains a keras.Model"):
        fit(build, *data)


def test_integer_labels_for_a_dense_loss_are_refused(data):
    message = r"y has shape \(70,\), .*loss='sparse_categorical_crossentropy'"
    with pytest.raises(ValueError, match=message):
        fit(build(loss="categorical_crossentropy"), *data)


def test_ignored_class_is_not_out_of_range(data):
    x, y = data
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    history = fit(build(loss=loss), x, np.where(np.arange(70) == 3, -1, y), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "int64", "bool"])
def test_place_copies_every_kind_of_array(dtype):
    array = (np.arange(24).reshape(4, 6).T % 5).astype(dtype)[::2]
    before = array.copy()
    placed = place({"x": array})["x"]
    array[:] = 0
    del array
    gc.collect()
    np.testing.assert_array_equal(placed, before)
    assert placed.dtype == ("float32" if "float" in dtype else dtype)


def test_place_leaves_a_tensor_where_it_is():
    tensor = tf.constant([1.0, 2.0])
    assert place(tensor) is tensor
    assert place(tf.constant([1.0], "float64")).dtype == "float32"
    assert place(tf.constant([1], "uint8")).dtype == "uint8"


@pytest.fixture
def small_is_large(monkeypatch):
    monkeypatch.setattr(device, "LARGE_BYTES", 1000)
    monkeypatch.setattr(device, "_spare", [])


def test_memory_of_the_largest_copy_serves_the_next_one(small_is_large):
    first, second = np.ones((50, 10), "float32"), np.full((50, 10), 2, "float32")
    with placed((first[:30], first, first[:5])) as tensors:
        for tensor, rows in zip(tensors, (30, 50, 5), strict=True):
            np.testing.assert_array_equal(tensor, first[:rows])
        assert device._spare == []
    (kept,) = device._spare
    with placed((second, first)) as tensors:
        np.testing.assert_array_equal(tensors[0], second)
        np.testing.assert_array_equal(tensors[1], first)
        assert np.shares_memory(kept, memoryview(tensors[0]))
    for other_size in (first[:40], np.tile(first, 2)):
        with placed(other_size) as tensor:
            np.testing.assert_array_equal(tensor, other_size)
            assert device._spare == []
    assert len(device._spare) == 1


def test_memory_that_someone_may_still_hold_is_not_used_again(small_is_large):
    array = np.ones((50, 10), "float32")
    held = place(array)
    with placed(held) as same:
        assert same is held
    with pytest.raises(ZeroDivisionError), placed(array):
        raise ZeroDivisionError
    assert device._spare == []


def test_two_fits_in_the_same_memory_train_on_their_own_data(small_is_large, data, monkeypatch):
    x, y = data

    def weights():
        net = build()
        for images in (x, x[::-1]):
            fit(net, images, y, seed=0, verbose=0)
        return net.get_weights()

    in_the_same_memory = weights()
    assert len(device._spare) == 1
    monkeypatch.setattr(device, "LARGE_BYTES", np.inf)
    assert same(in_the_same_memory, weights())

"""A template trains only models that are alike: what a configuration names is told apart."""

import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from trainlab.training import Template, fit, sweep, tuned_sweep
from trainlab.training.likeness import NotUnderstood, describe
from trainlab.training.program import EpochProgram


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


@pytest.fixture
def programs(monkeypatch):
    made = []
    init = EpochProgram.__init__
    monkeypatch.setattr(
        EpochProgram, "__init__", lambda self, *a, **k: made.append(self) or init(self, *a, **k)
    )
    return made


def model_of(*inner, optimizer=None, loss="sparse_categorical_crossentropy", metrics=None):
    model = keras.Sequential([keras.Input((6,)), *inner, layers.Dense(2, "softmax")])
    model.compile(optimizer or keras.optimizers.SGD(0.1), loss, metrics=metrics)
    return model


def dense(**options):
    return model_of(layers.Dense(5, **options))


def leaky(slope):
    """An activation, a penalty or whatever it is given to: its name says nothing of the slope."""

    def f(x):
        return ops.where(x > 0, x, slope * x)

    return f


def of_default(slope):
    def f(x, slope=slope):
        return ops.where(x > 0, x, slope * x)

    return f


def of_keyword(slope):
    def f(x, *, slope=slope):
        return ops.where(x > 0, x, slope * x)

    return f


def of_inner(slope):
    inner = leaky(slope)

    def f(x):
        return inner(x)

    return f


def of_global(slope):
    scope = {"ops": ops, "slope": slope, "__name__": "reader"}
    exec("def f(x):\n    return ops.where(x > 0, x, slope * x)", scope)
    return scope["f"]


def of_attribute(slope):
    def f(x):
        return ops.where(x > 0, x, f.slope * x)

    f.slope = slope
    return f


class Slope:
    def __init__(self, slope):
        self.slope = slope

    def __call__(self, x):
        return self.of(x)

    def of(self, x):
        return ops.where(x > 0, x, self.slope * x)


def penalty(factor):
    def f(w):
        return factor * ops.sum(w**2)

    return f


def bounded(limit):
    def f(w):
        return ops.clip(w, -limit, limit)

    return f


def all_of(value):
    def f(shape, dtype=None):
        return value * ops.ones(shape, dtype)

    return f


def computed(value):
    def rate():
        return value

    return rate


def layer_class(slope):
    class Sloped(layers.Layer):
        def call(self, x):
            return leaky(slope)(x)

    return Sloped()


class Held(layers.Layer):
    """What it is given stands in no configuration."""

    def __init__(self, slope=None, **options):
        super().__init__(**options)
        self.held = {"slope": [slope]}

    def get_config(self):
        return layers.Layer.get_config(self)

    def call(self, x):
        return ops.where(x > 0, x, self.held["slope"][0] * x)


def held(slope):
    layer = Held()
    layer.held["slope"][0] = slope
    return layer


class ClassWeights(keras.losses.Loss):
    def __init__(self, weights):
        super().__init__()
        self.weights = np.array(weights, "float32")

    def get_config(self):
        return {}

    def call(self, y_true, y_pred):
        return class_weighted(self.weights)(y_true, y_pred)


def class_weighted(weights):
    weights = np.array(weights, "float32")  # an array in a closure

    def loss(y_true, y_pred):
        each = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        return each * ops.take(weights, ops.cast(ops.ravel(y_true), "int32"))

    return loss


def long_weights(last):
    """Arrays that NumPy prints alike."""
    numbers = np.zeros(3000, "float32")
    numbers[1500] = last

    def loss(y_true, y_pred):
        each = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        return each * ops.sum(numbers)

    return loss


def scaled_metric(factor):
    def score(y_true, y_pred):
        return factor * ops.mean(y_pred, axis=-1)

    return score


class Halves(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, first):
        self.first = first

    def __call__(self, step):
        return self.first * 0.5 ** ops.cast(step, "float32")

    def get_config(self):
        return {}


class Stretched(keras.constraints.Constraint):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, w):
        return self.factor * w


MAKERS = {
    "closure": lambda v: dense(activation=leaky(v)),
    "default": lambda v: dense(activation=of_default(v)),
    "keyword default": lambda v: dense(activation=of_keyword(v)),
    "closure in a closure": lambda v: dense(activation=of_inner(v)),
    "global": lambda v: dense(activation=of_global(v)),
    "attribute of a function": lambda v: dense(activation=of_attribute(v)),
    "partial": lambda v: dense(activation=functools.partial(ops.leaky_relu, negative_slope=v)),
    "method": lambda v: dense(activation=Slope(v).of),
    "object": lambda v: dense(activation=Slope(v)),
    "Lambda": lambda v: model_of(layers.Dense(5), layers.Lambda(leaky(v))),
    "activity": lambda v: dense(activity_regularizer=penalty(v)),
    "regularizer": lambda v: dense(kernel_regularizer=penalty(v)),
    "constraint": lambda v: dense(kernel_constraint=bounded(v)),
    "constraint class": lambda v: dense(kernel_constraint=Stretched(v)),
    "initializer": lambda v: dense(kernel_initializer=all_of(v)),
    "layer class": lambda v: model_of(layers.Dense(5), layer_class(v)),
    "attribute of a layer": lambda v: model_of(layers.Dense(5), held(v)),
    "layer in a layer": lambda v: model_of(
        layers.Reshape((2, 3)), layers.TimeDistributed(layers.Dense(2, leaky(v))), layers.Flatten()
    ),
    "rate": lambda v: model_of(optimizer=keras.optimizers.SGD(computed(v))),
    "schedule": lambda v: model_of(optimizer=keras.optimizers.SGD(Halves(v))),
    "loss": lambda v: model_of(loss=class_weighted([1, v])),
    "loss class": lambda v: model_of(loss=ClassWeights([1, v])),
    "long array": lambda v: model_of(loss=long_weights(v)),
    "metric": lambda v: model_of(metrics=[scaled_metric(v)]),
    "name of an activation": lambda v: dense(
        activation={0.1: "relu", 0.9: "tanh"}[v], name={0.1: "relu", 0.9: "tanh"}[v]
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_models_that_differ_in_what_is_named_are_told_apart(name, data):
    template = Template()
    for value in (0.1, 0.9):
        runs = sweep(lambda v=value: MAKERS[name](v), data, [3], epochs=2, template=template)
        keras.utils.set_random_seed(3)
        alone = fit(MAKERS[name](value), *data, epochs=2, seed=3, verbose=0)
        for metric, values in alone.history.items():
            np.testing.assert_array_equal(runs.history[metric][0], values)


NOT_SHARED = {
    "layer class",  # build makes another one each time
    "partial",  # Keras has no configuration of a model with it
    "object",
}


@pytest.mark.parametrize("name", MAKERS)
def test_models_that_are_alike_share_a_program(name, data, programs):
    sweep(lambda: MAKERS[name](0.1), data, [3, 1])
    assert len(programs) == (2 if name in NOT_SHARED else 1)


OPTIMIZERS = {
    **{
        name: lambda name=name: getattr(keras.optimizers, name)(0.01)
        for name in ("RMSprop", "Adagrad", "Adam", "Adamax", "Nadam", "Lion", "Ftrl", "Adafactor")
    },
    "weight decay": lambda: keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1),
    "clipped": lambda: keras.optimizers.SGD(0.1, clipnorm=1.0),
    "averaged": lambda: keras.optimizers.SGD(0.1, use_ema=True),
    "accumulating": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9)),
}
LAYERS = {
    "LSTM": [lambda: layers.Reshape((3, 2)), lambda: layers.LSTM(3)],
    "bidirectional": [
        lambda: layers.Reshape((3, 2)),
        lambda: layers.Bidirectional(layers.GRU(2, dropout=0.1)),
    ],
    "convolution": [
        lambda: layers.Reshape((3, 2)),
        lambda: layers.Conv1D(3, 2),
        layers.GlobalMaxPooling1D,
    ],
    "batch normalization": [layers.BatchNormalization],
    "spectral": [lambda: layers.SpectralNormalization(layers.Dense(3))],
    "noise": [lambda: layers.GaussianNoise(0.1), lambda: layers.AlphaDropout(0.1)],
    "PReLU": [layers.PReLU],
    "rescaling": [lambda: layers.Rescaling(2.0)],
    "penalties": [
        lambda: layers.Dense(
            3, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="max_norm"
        )
    ],
    "nested": [
        lambda: keras.Sequential([layers.Dense(3, "relu"), layers.Dropout(0.1)]),
    ],
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_seeds_share_the_program_of_an_optimizer(name, data, programs):
    sweep(lambda: model_of(optimizer=OPTIMIZERS[name]()), data, [0, 1])
    assert len(programs) == 1


@pytest.mark.parametrize("name", LAYERS)
def test_seeds_share_the_program_of_a_layer(name, data, programs):
    sweep(lambda: model_of(*[make() for make in LAYERS[name]]), data, [0, 1])
    assert len(programs) == 1


def test_loss_over_an_array_made_in_build_is_swept(data):
    runs = sweep(lambda: MAKERS["loss"](0.9), data, [0, 1, 2], epochs=2)
    assert np.isfinite(runs.history["loss"]).all()


def test_rates_that_are_computed_are_tried_each(data):
    def build(rate):
        return model_of(optimizer=keras.optimizers.SGD(computed(rate)))

    def with_number(rate):
        return model_of(optimizer=keras.optimizers.SGD(rate))

    options = {"rates": (1e-4, 1e-2, 0.1), "epochs": 2}
    by_function = tuned_sweep(build, (*data, *data), [0], **options)
    numbers = tuned_sweep(with_number, (*data, *data), [0], **options)
    assert by_function.rate == numbers.rate
    for rate, losses in numbers.trials.items():
        np.testing.assert_allclose(by_function.trials[rate], losses, rtol=1e-5)


def test_state_that_is_not_understood_is_not_shared(data, programs):
    class Counter:
        __slots__ = ("n",)

        def __init__(self):
            self.n = 0

        def count(self, x):
            self.n += 1
            return self.n * x

    sweep(lambda: dense(activation=Counter().count), data, [0, 1])
    assert len(programs) == 2


def test_model_compiled_anew_between_sweeps_is_no_template(data):
    template = Template()
    (first,) = sweep(dense, data, [0], template=template, keep_models=True).models
    first.compile("adam", "mse")
    runs = sweep(dense, data, [1], epochs=2, template=template)
    keras.utils.set_random_seed(1)
    alone = fit(dense(), *data, epochs=2, seed=1, verbose=0)
    np.testing.assert_array_equal(runs.history["loss"][0], alone.history["loss"])


class Freezes(keras.callbacks.Callback):
    """Changes the first layer before it is traced, if it is told to."""

    def __init__(self, changes):
        super().__init__()
        self.changes = changes

    def on_train_begin(self, logs=None):
        self.model.layers[0].trainable = not self.changes


class Bends(keras.callbacks.Callback):
    """Changes it after the training step is traced, and before the validation step is."""

    def __init__(self, changes):
        super().__init__()
        self.changes = changes

    def on_epoch_end(self, epoch, logs=None):
        if self.changes:
            self.model.layers[0].activation = keras.activations.exponential


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(Freezes, (True, False)), (Freezes, (False, True)), (Bends, (True, False))],
)
def test_callback_that_changes_the_model_does_so_for_its_seed_alone(kind, changes, data):
    upcoming = iter(changes)
    options = {"epochs": 2, "validation_freq": 2}
    runs = sweep(dense, (*data, *data), [0, 1], callbacks=lambda: [kind(next(upcoming))], **options)
    for seed, change in enumerate(changes):
        keras.utils.set_random_seed(seed)
        alone = fit(
            dense(), *data, seed=seed, verbose=0, validation_data=data, callbacks=[kind(change)],
            **options,
        )  # fmt: skip
        for name, values in alone.history.items():
            have = runs.history[name][seed]
            np.testing.assert_array_equal(have[np.isfinite(have)], values)


def test_description_of_what_is_alike_is_equal():
    array = np.arange(3)
    pairs = [
        (leaky(0.1), leaky(0.1)),
        ({"a": {1, 2}}, {"a": {2, 1}}),
        (array, array.copy()),
        (tf.constant([1.0]), tf.constant([1.0])),
        (keras.Variable([1.0]), keras.Variable([2.0])),  # values are state
        (np.array([leaky(1)], object), np.array([leaky(1)], object)),
        (Slope(1).of, Slope(1).of),
        (math_like(), math_like()),
    ]
    for one, other in pairs:
        assert describe(one) == describe(other)


def math_like():
    def f(n):
        return 1 if n == 0 else n * f(n - 1)  # refers to itself

    return f


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1, True),
        ([1], (1,)),
        (np.arange(3), np.arange(3.0)),
        (np.zeros(3, "int32"), np.zeros(3, "float32")),  # of the same bytes
        (functools.partial(leaky, 0.1), functools.partial(leaky, 0.2)),
        (functools.partial(leaky, slope=0.1), functools.partial(leaky, slope=0.2)),
        (functools.partial(leaky, slope=0.1), functools.partial(leaky, other=0.1)),
        (np.float32(1), 1.0),
        (keras.Variable([1.0]), keras.Variable([1.0, 2.0])),
        (leaky, of_default),
        (types.SimpleNamespace, Slope),
        (np.sin, np.cos),
    ],
)
def test_description_of_what_differs_differs(one, other):
    assert describe(one) != describe(other)


@pytest.mark.parametrize(
    "value", [iter([1]), np.random.default_rng(0), [].append, types.SimpleNamespace(a=1)]
)
def test_what_is_not_understood_is_said_so(value):
    with pytest.raises(NotUnderstood):
        describe(value)

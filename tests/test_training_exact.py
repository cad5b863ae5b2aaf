"""`fit` against its oracle: `model.fit(shuffle=False)`, case by case."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, regularizers

from trainlab.training import fit, program
from trainlab.training.programs import programs_of

IMAGES, PIXELS, CLASSES, BATCH = 84, 12, 3, 16  # 5 full batches and one of 4


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(IMAGES + 20, PIXELS)).astype("float32")
    y = (x @ rng.normal(size=(PIXELS, CLASSES))).argmax(axis=1).astype("int32")
    return (x[:IMAGES], y[:IMAGES]), (x[IMAGES:], y[IMAGES:])


@pytest.fixture
def with_xla(monkeypatch):
    return lambda on: monkeypatch.setattr(program, "XLA_BREAK_EVEN", 0 if on else np.inf)


def net(*inner, optimizer=None, **compile_arguments):
    """A function that builds the same net, with the same weights, each time."""

    def build():
        keras.utils.set_random_seed(7)
        hidden = [layer() for layer in inner] or [layers.Dense(8, activation="tanh")]
        model = keras.Sequential(
            [keras.Input((PIXELS,)), *hidden, layers.Dense(CLASSES, activation="softmax")]
        )
        chosen = optimizer() if optimizer else keras.optimizers.SGD(0.1)
        arguments = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
        model.compile(chosen, **{**arguments, **compile_arguments})
        return model

    return build


def state(model):
    return [*model.variables, *model.optimizer.variables]


def assert_equal_training(build, train, valid, with_xla, *, xla=False, **arguments):
    arguments = {"epochs": 2, "batch_size": BATCH, "validation_data": valid, **arguments}
    arguments |= {"shuffle": False, "verbose": 0}
    theirs = build()
    expected = theirs.fit(*train, **arguments)
    for on in (False, True) if xla else (False,):
        with_xla(on)
        ours = build()
        history = fit(ours, *train, **arguments)
        program = programs_of(ours).all()[0]
        assert program.uses_xla is on
        tolerance = {"rtol": 5e-4, "atol": 2e-5} if on else {"rtol": 1e-5, "atol": 1e-6}
        assert list(history.history) == list(expected.history)
        for name, values in expected.history.items():
            assert all(type(value) is float for value in history.history[name])
            np.testing.assert_allclose(history.history[name], values, err_msg=name, **tolerance)
        for have, want in zip(state(ours), state(theirs), strict=True):
            np.testing.assert_allclose(have, want, err_msg=want.path, **tolerance)
        assert ours.history is history
        assert history.epoch == expected.epoch
        assert history.params == expected.params
    return theirs


OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "weight_decay": lambda: keras.optimizers.SGD(0.1, weight_decay=0.01),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.1),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.1),
    "average": lambda: keras.optimizers.SGD(
        0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=4
    ),
    "average_at_the_end": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "accumulation": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
    **{
        name: lambda name=name: getattr(keras.optimizers, name)(0.01)
        for name in (
            "RMSprop",
            "Adagrad",
            "Adadelta",
            "Adam",
            "AdamW",
            "Adamax",
            "Nadam",
            "Lion",
            "Muon",
            "ScheduleFreeAdamW",
            "Ftrl",
            "Adafactor",
            "Lamb",
        )
        if hasattr(keras.optimizers, name)
    },
}


COMPILED_BY_XLA_TOO = {"nesterov", "RMSprop", "Adam", "Muon"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_equals_keras(name, data, with_xla):
    build = net(optimizer=OPTIMIZERS[name])
    if name == "ScheduleFreeAdamW":
        build = with_built_optimizer(build)
    assert_equal_training(build, *data, with_xla, xla=name in COMPILED_BY_XLA_TOO)


def test_weights_become_their_average_after_a_single_epoch_too(data, with_xla):
    build = net(optimizer=OPTIMIZERS["average_at_the_end"])
    assert_equal_training(build, *data, with_xla, epochs=1)


def with_built_optimizer(build):
    """Keras' `fit` builds an optimizer while it traces, where this one's copy of the initial
    weights is lost and training starts from zero. Built before, it starts from the weights."""

    def build_all():
        model = build()
        model.optimizer.build(model.trainable_variables)
        return model

    return build_all


class HalvesEveryFour(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 * 0.5 ** keras.ops.floor(keras.ops.cast(step, "float32") / 4)


SCHEDULES = {
    "exponential": lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5),
    "cosine": lambda: keras.optimizers.schedules.CosineDecay(0.1, 10, warmup_steps=3),
    "steps": lambda: keras.optimizers.schedules.PiecewiseConstantDecay([3, 6], [0.1, 0.05, 0.01]),
    "own": HalvesEveryFour,
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_equals_keras(name, data, with_xla):
    build = net(optimizer=lambda: keras.optimizers.SGD(SCHEDULES[name](), momentum=0.9))
    model = assert_equal_training(build, *data, with_xla, xla=name == "cosine")
    assert int(model.optimizer.iterations) == 12


class Scale(layers.Layer):
    """A layer of one's own: a weight, a loss of its own, a state that training changes."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.seen.assign(self.seen + keras.ops.mean(x))
        self.add_loss(0.01 * keras.ops.sum(self.factor**2))
        return x * self.factor


LAYERS = {
    "batch_normalization": [
        lambda: layers.Dense(8, use_bias=False),
        layers.BatchNormalization,
        lambda: layers.Activation("tanh"),
    ],
    "kernel_regularizers": [
        lambda: layers.Dense(8, kernel_regularizer=regularizers.L1L2(0.01, 0.01)),
        lambda: layers.Dense(8, bias_regularizer="l2", activation="elu"),
    ],
    "activity_regularizer": [
        lambda: layers.Dense(8, activation="selu", activity_regularizer=regularizers.L2(0.01))
    ],
    "constraint": [lambda: layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(0.8))],
    "own_layer": [Scale],
    "frozen": [lambda: layers.Dense(8, trainable=False)],
    "reshaped": [lambda: layers.Reshape((3, 4)), layers.Flatten],
}
RANDOM_LAYERS = {
    "dropout": [lambda: layers.Dense(8), lambda: layers.Dropout(0.3)],
    "alpha_dropout": [lambda: layers.Dense(8, "selu"), lambda: layers.AlphaDropout(0.2)],
    "gaussian_noise": [lambda: layers.GaussianNoise(0.5), lambda: layers.Dense(8)],
    "gaussian_dropout": [lambda: layers.Dense(8), lambda: layers.GaussianDropout(0.2)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_keras(name, data, with_xla):
    xla = name in ("batch_normalization", "activity_regularizer", "own_layer")
    assert_equal_training(net(*LAYERS[name]), *data, with_xla, xla=xla)


@pytest.mark.parametrize("name", RANDOM_LAYERS)
def test_random_layer_equals_keras_and_never_uses_xla(name, data, with_xla):
    build = net(*RANDOM_LAYERS[name])
    assert_equal_training(build, *data, with_xla)
    if not tf.config.list_logical_devices("GPU"):
        with_xla(True)
        model = build()
        fit(model, *data[0], verbose=0)
        assert programs_of(model).all()[0].uses_xla is False


def squared_distance(y_true, y_pred):
    return keras.ops.sum((keras.ops.one_hot(y_true, CLASSES) - y_pred) ** 2, axis=-1)


class Focal(keras.losses.Loss):
    def call(self, y_true, y_pred):
        p = keras.ops.sum(keras.ops.one_hot(y_true, CLASSES) * y_pred, axis=-1)
        return -((1 - p) ** 2) * keras.ops.log(p)


class Sure(keras.metrics.Metric):
    """Share of predictions above one half."""

    def __init__(self, name="sure"):
        super().__init__(name=name)
        self.count = self.add_variable((), "zeros", name="count")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        sure = keras.ops.cast(keras.ops.max(y_pred, axis=-1) > 0.5, "float32")
        self.count.assign_add(keras.ops.sum(sure))
        self.total.assign_add(keras.ops.cast(keras.ops.shape(y_pred)[0], "float32"))

    def result(self):
        return self.count / self.total


COMPILED_WITH = {
    "own_loss_function": {"loss": squared_distance},
    "own_loss_class": {"loss": Focal()},
    "own_metric": {"metrics": ["accuracy", "sparse_top_k_categorical_accuracy"]},
    "summed_loss": {
        "loss": keras.losses.SparseCategoricalCrossentropy(reduction="sum"),
        "optimizer": lambda: keras.optimizers.SGD(0.01),
    },
    "no_metrics": {"metrics": None},
    "weighted_metrics": {"weighted_metrics": ["accuracy"]},
    "loss_by_shape": {
        "loss": "crossentropy",
        "metrics": ["accuracy", "sparse_categorical_crossentropy"],
    },
}


@pytest.mark.parametrize("name", COMPILED_WITH)
def test_loss_and_metric_equal_keras(name, data, with_xla):
    assert_equal_training(net(**COMPILED_WITH[name]), *data, with_xla, xla="own" in name)


def test_own_metric_equals_keras(data, with_xla):
    build = net()

    def with_metric():
        model = build()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Sure(), "accuracy"])
        return model

    assert_equal_training(with_metric, *data, with_xla)


def test_categorical_targets_equal_keras(data, with_xla):
    (x, y), _ = data
    build = net(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    train = (x, keras.utils.to_categorical(y, CLASSES))
    assert_equal_training(build, train, train, with_xla)


def test_metrics_that_make_variables_late_equal_keras(data, with_xla):
    (x, y), _ = data

    def build():
        model = net()()
        f1 = keras.metrics.F1Score(average="macro", name="f1")
        late = [f1, keras.metrics.AUC(multi_label=True, name="auc")]
        model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", *late])
        return model

    train = (x, keras.utils.to_categorical(y, CLASSES))
    assert_equal_training(build, train, train, with_xla, xla=True)


class CountsResets(keras.metrics.MeanMetricWrapper):
    """An average that does something besides in Python."""

    def __init__(self):
        super().__init__(squared_distance, name="distance")
        self.resets = 0

    def reset_state(self):
        super().reset_state()
        self.resets += 1


class OwnReset(keras.Model):
    """Does something besides in Python whenever its metrics are reset or read."""

    calls = 0

    def reset_metrics(self):
        super().reset_metrics()
        self.calls += 1

    def get_metrics_result(self):
        return {**super().get_metrics_result(), "calls": float(self.calls)}


def test_metric_with_a_reset_of_its_own_is_reset_each_epoch(data):
    model, metric = net()(), CountsResets()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric])
    fit(model, *data[0], epochs=3, validation_data=data[1], verbose=0)
    assert metric.resets == 6


def test_model_that_resets_its_metrics_itself_does_so_each_epoch(data):
    inputs = keras.Input((PIXELS,))
    model = OwnReset(inputs, layers.Dense(CLASSES, "softmax")(inputs))
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = fit(model, *data[0], epochs=3, verbose=0)
    assert history.history["calls"] == [1.0, 2.0, 3.0]


def test_metrics_of_the_model_are_those_of_the_last_epoch(data):
    model = net()()
    history = fit(model, *data[0], epochs=3, verbose=0)
    for name, values in history.history.items():
        assert float(model.get_metrics_result()[name]) == values[-1]


def test_training_a_built_model_traces_it_once(data):
    traced = []

    class Counts(layers.Layer):
        def call(self, x):
            traced.append(x.shape)
            return x

    model = net(Counts)()
    del traced[:]
    fit(model, *data[0], epochs=3, batch_size=BATCH, verbose=0)
    assert len(traced) == 1
    fit(model, *data[0], validation_data=data[1], verbose=0)
    assert len(traced) == 2  # validation is new; a batch of any size was traced, as in Keras


def test_regression_of_flat_targets_equals_keras(data, with_xla):
    (x, y), _ = data

    def build():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((PIXELS,)), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    assert_equal_training(build, (x, y.astype("float64")), None, with_xla)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="tanh")
        self.out = layers.Dense(CLASSES, activation="softmax")

    def call(self, x):
        return self.out(self.hidden(x))


class OwnLossAndMetrics(Subclass):
    """Replaces what `train_step` calls, but not `train_step`."""

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.01 * keras.ops.mean(x**2)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**results, "spread": keras.ops.std(y_pred)}


@pytest.mark.parametrize("kind", [Subclass, OwnLossAndMetrics])
def test_subclass_without_train_step_equals_keras(kind, data, with_xla):
    def build():
        keras.utils.set_random_seed(2)
        model = kind()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    assert_equal_training(build, *data, with_xla, xla=kind is OwnLossAndMetrics)


def test_unbuilt_sequential_equals_keras(data, with_xla):
    def build():
        keras.utils.set_random_seed(3)
        model = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(CLASSES, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    assert_equal_training(build, *data, with_xla)


@pytest.mark.parametrize("container", [list, dict])
def test_two_inputs_and_two_outputs_equal_keras(container, data, with_xla):
    (x, y), (x_valid, y_valid) = data

    def pack(x, y):
        named = {"left": x[:, :5], "right": x[:, 5:]}
        targets = {"label": y, "size": (x**2).mean(axis=1, keepdims=True)}
        if container is dict:
            return named, targets
        return list(named.values()), list(targets.values())

    def build():
        keras.utils.set_random_seed(4)
        left, right = keras.Input((5,), name="left"), keras.Input((PIXELS - 5,), name="right")
        both = layers.Concatenate()([layers.Dense(6, "tanh")(left), right])
        outputs = {
            "label": layers.Dense(CLASSES, "softmax", name="label")(both),
            "size": layers.Dense(1, name="size")(both),
        }
        if container is list:
            outputs = list(outputs.values())
        model = keras.Model([left, right], outputs)
        losses = {"label": "sparse_categorical_crossentropy", "size": "mse"}
        metrics = {"label": ["accuracy"], "size": ["mae"]}
        if container is list:
            losses, metrics = list(losses.values()), list(metrics.values())
        model.compile("sgd", losses, metrics=metrics)
        return model

    xla = container is dict
    assert_equal_training(build, pack(x, y), pack(x_valid, y_valid), with_xla, xla=xla)


@pytest.mark.parametrize("images", [BATCH * 3, BATCH - 5, 1])
def test_whole_and_partial_batches_equal_keras(images, data, with_xla):
    (x, y), valid = data
    build = net(lambda: layers.Dense(8, use_bias=False), layers.BatchNormalization)
    assert_equal_training(build, (x[:images], y[:images]), valid, with_xla)


def test_uint8_scaled_on_the_device_equals_keras(data, with_xla):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (IMAGES, PIXELS), dtype="uint8")
    build = net(lambda: layers.Rescaling(1 / 255), lambda: layers.Dense(8, "relu"))
    assert_equal_training(build, (x, data[0][1]), None, with_xla, xla=True)

    scaled = net(lambda: layers.Dense(8, "relu"))()
    fit(scaled, (x / 255).astype("float32"), data[0][1], shuffle=False, verbose=0)
    on_device = build()
    fit(on_device, x, data[0][1], shuffle=False, verbose=0)
    for have, want in zip(on_device.get_weights(), scaled.get_weights(), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-6)


def test_validation_sample_weight_equals_keras(data, with_xla):
    train, (x_valid, y_valid) = data
    weights = np.linspace(0.1, 2, len(x_valid)).astype("float32")
    assert_equal_training(net(), train, (x_valid, y_valid, weights), with_xla)


@pytest.mark.parametrize(("epochs", "validation_freq"), [(5, 2), (3, 3), (2, 3)])
def test_validation_now_and_then_equals_keras(epochs, validation_freq, data, with_xla):
    arguments = {"epochs": epochs, "validation_freq": validation_freq}
    assert_equal_training(net(), *data, with_xla, **arguments)


def test_mixed_precision_equals_keras(data, with_xla):
    policy = "mixed_bfloat16"
    build = net(lambda: layers.Dense(8, "relu", dtype=policy))
    assert_equal_training(build, *data, with_xla)


def test_tensors_equal_arrays(data):
    (x, y), _ = data
    from_arrays, from_tensors = net()(), net()()
    fit(from_arrays, x, y, seed=1, verbose=0)
    tensors = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    fit(from_tensors, *tensors, seed=1, verbose=0)
    for have, want in zip(from_tensors.get_weights(), from_arrays.get_weights(), strict=True):
        np.testing.assert_array_equal(have, want)


class Recorder(keras.callbacks.Callback):
    """Writes down every epoch-level call, and what the model looks like then."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def note(self, event, logs):
        rate = float(self.model.optimizer.learning_rate)
        self.calls.append((event, sorted(logs or {}), int(self.model.optimizer.iterations), rate))

    def on_train_begin(self, logs=None):
        self.note("train begin", logs)

    def on_train_end(self, logs=None):
        self.note("train end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.note(f"epoch {epoch} begin", logs)

    def on_epoch_end(self, epoch, logs=None):
        self.note(f"epoch {epoch} end", logs)

    def on_test_begin(self, logs=None):
        self.note("test begin", logs)

    def on_test_end(self, logs=None):
        self.note("test end", logs)


CALLBACKS = {
    "early_stopping": lambda path: keras.callbacks.EarlyStopping(
        "val_loss", min_delta=0.5, patience=1, restore_best_weights=True
    ),
    "reduce_on_plateau": lambda path: keras.callbacks.ReduceLROnPlateau(
        "val_loss", factor=0.5, patience=0, min_delta=0.5
    ),
    "scheduler": lambda path: keras.callbacks.LearningRateScheduler(
        lambda epoch: 0.1 / (1 + epoch)
    ),
    "checkpoint": lambda path: keras.callbacks.ModelCheckpoint(
        path / "{epoch}.weights.h5", save_weights_only=True
    ),
    "backup": lambda path: keras.callbacks.BackupAndRestore(path / "backup"),
    "csv": lambda path: keras.callbacks.CSVLogger(path / "log.csv"),
    "lambda": lambda path: keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(doubled=2 * logs["loss"])
    ),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callback_equals_keras(name, data, with_xla, tmp_path):
    arguments = {"epochs": 4, "batch_size": BATCH, "validation_data": data[1], "verbose": 0}
    with_xla(False)
    models, histories, recorders = [], [], []
    for trainer in (keras.Model.fit, fit):
        models.append(net()())
        recorders.append(Recorder())
        folder = tmp_path / trainer.__module__
        folder.mkdir()
        callbacks = [CALLBACKS[name](folder), recorders[-1]]
        histories.append(
            trainer(models[-1], *data[0], shuffle=False, callbacks=callbacks, **arguments)
        )
    theirs, ours = models

    assert programs_of(ours).all()
    assert recorders[0].calls == recorders[1].calls
    assert list(histories[1].history) == list(histories[0].history)
    for key, values in histories[0].history.items():
        np.testing.assert_allclose(histories[1].history[key], values, rtol=1e-5)
    for have, want in zip(state(ours), state(theirs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)
    written = [sorted(p.name for p in folder.rglob("*")) for folder in tmp_path.iterdir()]
    assert written[0] == written[1]
    assert bool(written[0]) == (name in ("checkpoint", "csv"))
    if name == "early_stopping":
        assert len(histories[1].epoch) < 4


@pytest.mark.parametrize("xla", [False, True])
def test_terminate_on_nan_stops_after_the_same_batch(xla, data, with_xla, capsys):
    (x, y), valid = data
    x = x.copy()
    x[40] = np.inf  # in the third of six batches
    arguments = {"epochs": 3, "batch_size": BATCH, "validation_data": valid, "shuffle": False}
    theirs, ours = net()(), net()()
    stop = [keras.callbacks.TerminateOnNaN()]
    expected = theirs.fit(x, y, callbacks=stop, verbose=0, **arguments)
    printed = capsys.readouterr().out
    with_xla(xla)
    history = fit(ours, x, y, callbacks=stop, verbose=0, **arguments)

    assert capsys.readouterr().out == printed
    assert "Batch 2" in printed
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations) == 3
    assert history.history.keys() == expected.history.keys()
    assert history.epoch == expected.epoch == [0]

"""`fit` where it once differed from `model.fit`: what a callback does first, what Keras takes."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from trainlab.training import fit, sweep

ROWS, PIXELS, BATCH = 70, 6, 16  # 4 full batches and one of 6


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, PIXELS)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def build(*inner, optimizer="sgd", loss="sparse_categorical_crossentropy", outputs=2, **options):
    keras.utils.set_random_seed(5)
    hidden = [layer() for layer in inner] or [layers.Dense(5, "tanh")]
    model = keras.Sequential([keras.Input((PIXELS,)), *hidden, layers.Dense(outputs, "softmax")])
    optimizer = keras.optimizers.get(optimizer)
    model.compile(optimizer, loss, **{"metrics": ["accuracy"], **options})
    return model


def assert_equal(ours, theirs):
    for have, want in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def assert_equal_training(make, data, *, callbacks=lambda: (), **arguments):
    """Train two models, one by Keras; return ours and both histories."""
    arguments = {"epochs": 3, "batch_size": BATCH, "shuffle": False, "verbose": 0, **arguments}
    theirs, ours = make(), make()
    want = theirs.fit(*data, callbacks=list(callbacks()), **arguments)
    have = fit(ours, *data, callbacks=list(callbacks()), **arguments)
    assert_equal(ours, theirs)
    assert list(have.history) == list(want.history)
    for name, values in want.history.items():
        np.testing.assert_allclose(have.history[name], values, rtol=1e-5, err_msg=name)
    assert have.epoch == want.epoch
    return ours, have, want


def the_line(caplog):
    (record,) = [record for record in caplog.records if record.name == "trainlab"]
    assert record.getMessage().endswith("more slowly.")
    return record.getMessage()


class Before(keras.callbacks.Callback):
    """Does something before the first step."""

    def __init__(self, change, hook):
        super().__init__()
        self.change, self.hook = change, hook

    def on_train_begin(self, logs=None):
        if self.hook == "train":
            self.change(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        if self.hook == epoch:
            self.change(self.model)


def freeze(model):
    model.layers[0].trainable = False


def drop_more(model):
    model.layers[1].rate = 0.7


def decay(model):
    model.optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.3, 2, 0.5)


CHANGES = {"freeze": freeze, "dropout": drop_more, "schedule": decay}


@pytest.mark.parametrize("hook", ["train", 0, 1])
@pytest.mark.parametrize("name", CHANGES)
def test_change_by_a_callback_counts_as_in_keras(name, hook, data):
    """Before the first step it is traced, and later it comes too late."""

    def make():
        return build(lambda: layers.Dense(5, "tanh"), lambda: layers.Dropout(0.1))

    ours, *_ = assert_equal_training(make, data, callbacks=lambda: [Before(CHANGES[name], hook)])
    untouched = make()
    fit(untouched, *data, epochs=3, batch_size=BATCH, shuffle=False, verbose=0)
    same = np.array_equal(ours.get_weights()[0], untouched.get_weights()[0])
    assert same == (hook == 1)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("trainer", [keras.Model.fit, fit])
def test_compiling_again_in_a_callback_raises(hook, trainer, data):
    def again(*_):
        model.compile("adam", "sparse_categorical_crossentropy")

    model = build()
    with pytest.raises(TypeError):
        trainer(model, *data, epochs=2, callbacks=[LAMBDAS[hook](again)], verbose=0)


@pytest.mark.parametrize("trainer", [keras.Model.fit, fit])
def test_compiling_again_before_the_validation_raises(trainer, data):
    class Again(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            self.model.compile("adam", "sparse_categorical_crossentropy")

    with pytest.raises(TypeError):
        trainer(build(), *data, validation_data=data, callbacks=[Again()], verbose=0)


def lambda_callback(hook):
    return lambda function: keras.callbacks.LambdaCallback(**{hook: function})


LAMBDAS = {h: lambda_callback(h) for h in ("on_train_begin", "on_epoch_begin", "on_epoch_end")}


def test_error_of_compiling_again_says_what_to_do(data):
    model = build()
    again = LAMBDAS["on_epoch_end"](lambda epoch, logs: model.compile("adam", "mse"))
    with pytest.raises(TypeError, match=r"compiled the model .* again while it trained.*Compile b"):
        fit(model, *data, epochs=2, callbacks=[again], verbose=0)


@pytest.mark.parametrize("kind", ["arrays", "dataset", "fallback"])
def test_no_random_number_is_drawn_without_need(kind, data):
    model, arguments = build(), {"shuffle": False, "verbose": 0}
    given = data
    if kind == "dataset":
        given, arguments = (tf.data.Dataset.from_tensor_slices(data).batch(9),), {"verbose": 0}
    if kind == "fallback":
        arguments["sample_weight"] = np.ones(ROWS)
    random.seed(3)
    before = random.getstate()
    fit(model, *given, **arguments)
    assert random.getstate() == before
    fit(model, *data, verbose=0)
    assert random.getstate() != before


def ctc():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((5, 3)), layers.Dense(4)])
    model.compile("sgd", keras.losses.CTC())
    return model


def own_loss_of_gaps(y_true, y_pred):
    known = keras.ops.isfinite(y_true)
    error = keras.ops.where(known, y_true, 0.0) - keras.ops.where(known, y_pred, 0.0)
    return keras.ops.mean(error**2, axis=-1)


def of_loss(loss, outputs=2):
    return lambda: build(loss=loss, outputs=outputs, metrics=None)


def targets(kind):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, PIXELS)).astype("float32")
    if kind == "CTC":
        return rng.normal(size=(ROWS, 5, 3)).astype("float32"), rng.integers(1, 4, (ROWS, 2))
    if kind == "generalized":
        return x, rng.integers(0, 2, ROWS)
    y = rng.normal(size=(ROWS, 1)).astype("float32")
    if kind == "gaps":
        y[3] = np.nan
    return x, y


LOSSES = {
    "CTC": ctc,
    "generalized": of_loss(keras.losses.CategoricalGeneralizedCrossEntropy()),
    "broadcast": of_loss("mse", outputs=3),
    "gaps": of_loss(own_loss_of_gaps, outputs=1),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_targets_that_keras_takes_are_taken(kind):
    _, have, _ = assert_equal_training(LOSSES[kind], targets(kind))
    assert np.isfinite(have.history["loss"]).all()


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "binary_crossentropy", "binary_focal_crossentropy"]
)
def test_targets_that_keras_refuses_are_refused_first(loss, data):
    x, _ = data
    y = np.zeros((ROWS, 3), "float32")
    with pytest.raises(ValueError, match="shape"):
        build(loss=loss).fit(x, y, verbose=0)
    with pytest.raises(ValueError, match=r"y has shape \(70, 3\), the output .* number of units"):
        fit(build(loss=loss), x, y, verbose=0)


def test_layers_that_take_another_width_are_given_it():
    def make():
        keras.utils.set_random_seed(2)
        mean = layers.Lambda(lambda x: keras.ops.mean(x, axis=-1, keepdims=True))
        model = keras.Sequential([keras.Input((PIXELS,)), mean, layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    x = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
    assert_equal_training(make, (x, x[:, :1]))


class Autoencoder(keras.Model):
    """Has a step of its own, which is given images alone."""

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(PIXELS)
        self.seen = []

    def call(self, x):
        return self.out(x)

    def train_step(self, x):
        tf.py_function(lambda a: self.seen.append(a.numpy()[:, 0].copy()), [x], [])
        return super().train_step((x, x))


def autoencoder():
    keras.utils.set_random_seed(5)
    model = Autoencoder()
    model.compile("sgd", "mse")
    return model


def test_seed_decides_the_order_without_targets(data):
    from trainlab.training.fallback import data_order

    x, _ = data
    model = autoencoder()
    fit(model, x, batch_size=BATCH, epochs=2, seed=3, verbose=0)
    seen = np.concatenate(model.seen).reshape(2, ROWS)
    for epoch in (0, 1):
        np.testing.assert_array_equal(seen[epoch], x[data_order(ROWS, epoch, True, 3), 0])


def test_targets_of_its_own_step_equal_keras(data, caplog):
    assert_equal_training(autoencoder, (data[0],), epochs=2)
    assert "there is no y" in the_line(caplog)


def test_two_inputs_without_targets_are_packed_as_keras_packs_them(data):
    packed = []

    class Sees(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = layers.Dense(2)

        def call(self, pair):
            return self.out(pair[0]) + pair[1]

        def train_step(self, data):
            packed.append(keras.tree.map_structure(lambda a: a.shape[1:], data))
            ((left, right),) = data
            return super().train_step(((left, right), right))

    for shuffle in (False, True):  # by Keras alone, and in the order of a seed
        model = Sees()
        model.compile("sgd", "mse")
        fit(model, [data[0], data[0][:, :2]], shuffle=shuffle, seed=1, verbose=0)
    assert packed[0] == packed[-1]


class Batches(keras.callbacks.Callback):
    """Sends a training to Keras."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def test_resumed_fallback_goes_on_with_the_orders(data, tmp_path):
    class Breaks(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise ZeroDivisionError

    whole, broken = build(), build()
    arguments = {"epochs": 4, "seed": 1, "verbose": 0}
    fit(whole, *data, callbacks=[Batches()], **arguments)
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(ZeroDivisionError):
        fit(broken, *data, callbacks=[Batches(), backup, Breaks()], **arguments)
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    history = fit(broken, *data, callbacks=[Batches(), backup], **arguments)
    assert history.epoch == [2, 3]
    assert_equal(broken, whole)


@pytest.mark.parametrize("first", [ROWS, 64])
def test_layer_frozen_without_compiling_stays_as_traced(first, data):
    """Keras traces anew only where the batches are of another kind."""
    x, y = data
    weights = []
    for trainer in (keras.Model.fit, fit):
        model = build()
        for rows, trainable in ((first, True), (50, False), (35, False)):
            model.layers[0].trainable = trainable
            trainer(model, x[:rows], y[:rows], batch_size=BATCH, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for have, want in zip(*weights, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def test_batches_of_a_third_size_are_not_traced_anew():
    """After two sizes Keras has traced for any."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(48, PIXELS)).astype("float32"), rng.integers(0, 2, 48)
    weights = []
    for trainer in (keras.Model.fit, fit):
        model = build()
        for size, trainable in ((16, True), (8, True), (4, False)):
            model.layers[0].trainable = trainable
            trainer(model, x, y, batch_size=size, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for have, want in zip(*weights, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def stop(model):
    model.stop_training = True


@pytest.mark.parametrize("hook", ["train", 0, 1])
@pytest.mark.parametrize("steps", [1, 3])
def test_stop_at_the_beginning_does_as_many_steps_as_keras(hook, steps, data):
    ours, *_ = assert_equal_training(
        lambda: build(steps_per_execution=steps),
        data,
        callbacks=lambda: [Before(stop, hook)],
        validation_data=data,
    )
    epochs_before = 0 if hook == "train" else hook
    assert int(ours.optimizer.iterations) == 5 * epochs_before + steps


def test_stop_at_the_beginning_of_the_validation_equals_keras(data):
    class Stops(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            self.model.stop_evaluating = True

    assert_equal_training(build, data, callbacks=lambda: [Stops()], validation_data=data)


class Frame:
    """Converts to an array, and has no dtype, as a data frame."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


class Column(Frame):
    def to_frame(self):
        return Frame(self.values[:, None])


def test_frame_trains_as_its_array(data):
    x, y = data
    frames, arrays = build(), build()
    history = fit(frames, Frame(x), Column(y), seed=1, verbose=0, validation_data=(Frame(x), y))
    fit(arrays, x, y, seed=1, verbose=0)
    assert_equal(frames, arrays)
    assert "val_loss" in history.history
    assert sweep(build, (Frame(x), Column(y)), [0]).history["loss"].shape == (1, 1)


class Noise(layers.Layer):
    def __init__(self, always=False):
        super().__init__()
        self.always = always

    def call(self, x, training=False):
        return x + tf.random.normal(tf.shape(x)) if training or self.always else x


@pytest.mark.parametrize("always", [False, True])
def test_layer_that_draws_by_tensorflow_equals_keras(always, data, caplog):
    def make():
        return build(lambda: Noise(always))

    _, have, _ = assert_equal_training(make, data, validation_data=data)
    assert "draws from tf.random" in the_line(caplog)
    assert len(set(have.history["val_loss"])) == 3


def test_layer_that_draws_by_tensorflow_goes_on_as_in_keras(data):
    weights = []
    for trainer in (keras.Model.fit, fit):
        model = build(Noise)
        for rows in (ROWS, 50):
            trainer(model, data[0][:rows], data[1][:rows], shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for have, want in zip(*weights, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def test_nan_stops_a_layer_that_draws_by_tensorflow(data):
    x = data[0].copy()
    x[40] = np.inf  # in the third batch
    model = build(Noise)
    fit(
        model, x, data[1], batch_size=BATCH, shuffle=False, epochs=3, verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    )  # fmt: skip
    assert int(model.optimizer.iterations) == 3


@pytest.mark.parametrize("limit", ["max_epochs", "max_steps_per_epoch"])
@pytest.mark.filterwarnings("ignore:Limiting", "ignore:Your input ran out of data")
def test_limits_of_keras_hold(limit, data, caplog, monkeypatch):
    set_limit = getattr(keras.config, f"set_{limit}")
    set_limit(2)
    try:
        ours, have, _ = assert_equal_training(build, data)
        trained = int(ours.optimizer.iterations)
        runs = sweep(build, data, [0], epochs=3)
    finally:
        set_limit(None)
    assert f"keras.config.set_{limit}" in caplog.records[0].getMessage()
    assert trained == {"max_epochs": 10, "max_steps_per_epoch": 5}[limit]
    assert np.isfinite(runs.history["loss"]).sum() == len(have.epoch)


class CountsFive(keras.callbacks.Callback):
    """Reads the metrics at the beginning of an epoch, and counts something into them."""

    def __init__(self):
        super().__init__()
        self.read = []

    def on_epoch_begin(self, epoch, logs=None):
        loss = self.model.metrics[0]
        self.read.append(float(loss.result()))
        loss.update_state(5.0, sample_weight=100.0)


def test_metrics_are_reset_when_an_epoch_begins(data):
    made = []

    def callbacks():
        made.append(CountsFive())
        return [made[-1]]

    _, have, _ = assert_equal_training(build, data, callbacks=callbacks, validation_data=data)
    assert made[0].read == made[1].read == [0, 0, 0]
    assert min(have.history["loss"]) > 2


class OwnTest(keras.Sequential):
    made = 0

    def make_test_function(self, force=False):
        type(self).made += 1
        return super().make_test_function(force)


def test_own_test_function_is_kept(data, caplog):
    def make():
        keras.utils.set_random_seed(5)
        model = OwnTest([keras.Input((PIXELS,)), layers.Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    assert_equal_training(make, data, validation_data=data)
    assert "has a make_test_function of its own" in the_line(caplog)
    assert OwnTest.made == 6


WEIGHTS = np.linspace(0.1, 3, ROWS).astype("float32")
FOR_KERAS = {
    "class_weight": {"class_weight": {1: 4.0}},
    "sample_weight": {"sample_weight": WEIGHTS},
    "initial_epoch": {"initial_epoch": 1},
    "steps_per_epoch": {"steps_per_epoch": 2},
    "steps_that_run_out": {"steps_per_epoch": 3, "epochs": 5},
    "steps_decide_the_batch": {"steps_per_epoch": 4, "batch_size": None},
    "validation_split": {"validation_split": 0.2},
    "validation_split_weighted": {
        "validation_split": 0.2, "sample_weight": WEIGHTS, "validation_batch_size": 3,
    },
    "validation_steps": {"validation_steps": 1, "validation_data": "data"},
    "validation_batch_size": {"validation_batch_size": 7, "validation_data": "data"},
    "validation_epochs": {"validation_freq": [1, 3], "validation_data": "data"},
}  # fmt: skip


def arguments_of(name, data):
    arguments = dict(FOR_KERAS[name])
    if arguments.get("validation_data") == "data":
        arguments["validation_data"] = data
    return arguments


@pytest.mark.parametrize("name", FOR_KERAS)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_argument_for_keras_equals_keras(name, data, caplog):
    assert_equal_training(build, data, **arguments_of(name, data))
    assert the_line(caplog).startswith("trainlab: ")


@pytest.mark.parametrize("name", FOR_KERAS)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_argument_for_keras_keeps_to_the_order_of_the_seed(name, data):
    """What Keras is given for it is what Keras makes of the rows in their order itself."""
    arguments = {"epochs": 3, "batch_size": BATCH, "verbose": 0, **arguments_of(name, data)}
    ours, again, plain = build(), build(), build()
    have = fit(ours, *data, seed=4, **arguments)
    repeated = fit(again, *data, seed=4, **arguments)
    assert have.history == repeated.history
    unshuffled = fit(plain, *data, shuffle=False, **arguments)
    assert have.history.keys() == unshuffled.history.keys()
    assert have.params == unshuffled.params
    assert int(ours.optimizer.iterations) == int(plain.optimizer.iterations)
    assert not np.array_equal(ours.get_weights()[0], plain.get_weights()[0])


def test_weights_go_with_their_rows(data):
    """All rows in one batch: no order changes what the weighted gradient is."""
    x, y = data
    for given in ({"sample_weight": WEIGHTS}, {"class_weight": {0: 0.3}}):
        shuffled, ordered = build(), build()
        for model, shuffle in ((shuffled, True), (ordered, False)):
            fit(model, x, y, batch_size=ROWS, shuffle=shuffle, seed=1, verbose=0, **given)
        for have, want in zip(shuffled.get_weights(), ordered.get_weights(), strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-6)
    one_hot = keras.utils.to_categorical(y, 2)
    for targets_, loss in ((one_hot, "categorical_crossentropy"), (y[:, None], build().loss)):
        model = build(loss=loss)
        fit(model, x, targets_, batch_size=ROWS, seed=1, verbose=0, class_weight={0: 0.3})
        for have, want in zip(model.get_weights(), ordered.get_weights(), strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-6)


def test_initial_epoch_begins_with_its_order(data):
    whole, resumed = build(), build()
    fit(whole, *data, epochs=4, seed=2, verbose=0)
    fit(resumed, *data, epochs=2, seed=2, verbose=0)
    fit(resumed, *data, epochs=4, initial_epoch=2, seed=2, verbose=0)
    assert_equal(resumed, whole)


def test_share_for_validation_leaves_rows_to_train_on(data):
    with pytest.raises(ValueError, match=r"validation_split=0.999 of 70 images leaves none"):
        fit(build(), *data, validation_split=0.999, seed=1, verbose=0)


def test_arguments_that_keras_refuses_together_are_refused_by_keras(data):
    with pytest.raises(ValueError, match="at the same time"):
        fit(build(), *data, seed=1, sample_weight=WEIGHTS, class_weight={0: 2.0}, verbose=0)


def test_sweep_takes_what_fit_takes(data):
    runs = sweep(build, data, [0, 1], epochs=3, initial_epoch=1, sample_weight=WEIGHTS)
    assert np.isnan(runs.history["loss"][:, 0]).all()
    assert np.isfinite(runs.history["loss"][:, 1:]).all()
    runs = sweep(build, (*data, *data), [0], epochs=3, validation_freq=[1, 3])
    assert np.isfinite(runs.history["val_loss"][0]).tolist() == [True, False, True]


@pytest.mark.parametrize("function", [fit, sweep])
def test_unknown_argument_is_named(function, data):
    given = (build(), *data) if function is fit else (build, data, [0])
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) got .* 'epoch'.*class_weight"):
        function(*given, epoch=3)


def test_shuffled_batches_are_left_to_keras(data, caplog):
    history = fit(build(), *data, shuffle="batch", verbose=0)
    assert "shuffle is 'batch'" in the_line(caplog)
    assert len(history.epoch) == 1


def test_nan_is_looked_for_when_keras_looks(data, caplog, capsys):
    x = data[0].copy()
    x[20] = np.inf  # in the second batch
    ours, *_ = assert_equal_training(
        lambda: build(steps_per_execution=3), (x, data[1]),
        callbacks=lambda: [keras.callbacks.TerminateOnNaN()],
    )  # fmt: skip
    assert int(ours.optimizer.iterations) == 3
    assert "TerminateOnNaN looks after 3 steps at once" in the_line(caplog)


def test_text_for_a_model_of_text_is_left_to_keras(caplog):
    words = tf.constant([["a"], ["b"], ["a b"], ["c"]] * 5)
    y = np.arange(20) % 2

    def make():
        keras.utils.set_random_seed(3)
        vectors = layers.TextVectorization(
            output_mode="multi_hot", max_tokens=5, pad_to_max_tokens=True
        )
        vectors.adapt(words)
        model = keras.Sequential([keras.Input((1,), dtype="string"), vectors, layers.Dense(2)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss)
        return model

    assert_equal_training(make, (words, y), epochs=1)
    assert "x holds text" in the_line(caplog)
    ours = make()
    fit(ours, words, y, seed=1, verbose=0)
    assert int(ours.optimizer.iterations) == 1


def test_fallback_with_several_inputs_keeps_them_apart(data):
    def make():
        keras.utils.set_random_seed(4)
        left, right = keras.Input((PIXELS,)), keras.Input((2,))
        out = layers.Dense(2, "softmax")(layers.Concatenate()([left, right]))
        model = keras.Model([left, right], out)
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    x, y = data
    compiled, by_keras = make(), make()
    fit(compiled, [x, x[:, :2]], y, seed=1, verbose=0)
    fit(by_keras, [x, x[:, :2]], y, seed=1, callbacks=[Batches()], verbose=0)
    assert_equal(by_keras, compiled)

"""`sweep`: paired seeds, one compilation, results that survive a failure."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from trainlab.training import Sweep, SweepFailed, fit, program, sweep
from trainlab.training.program import EpochProgram
from trainlab.training.templates import Template


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 6)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int32")
    return x[:70], y[:70], x[70:], y[70:]


def build(rate=0.2, optimizer="ScheduleFreeAdamW"):
    # An optimizer that copies the initial weights, a random layer, and one with a moving average.
    optimizer = getattr(keras.optimizers, optimizer, keras.optimizers.Adam)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, "tanh"),
            layers.BatchNormalization(),
            layers.Dropout(rate),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(optimizer(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def programs(monkeypatch):
    made = []
    init = EpochProgram.__init__
    monkeypatch.setattr(
        EpochProgram, "__init__", lambda self, *a, **k: made.append(self) or init(self, *a, **k)
    )
    return made


def alone(seed, data, make=build, **arguments):
    keras.utils.set_random_seed(seed)
    model = make()
    arguments = {"validation_data": data[2:], "verbose": 0, "seed": seed, **arguments}
    return model, fit(model, *data[:2], **arguments)


def test_each_seed_equals_a_fit_of_its_own(data, programs):
    runs = sweep(build, data, seeds=[3, 1], epochs=2, keep_models=True)
    assert len(programs) == 2  # one trains and one validates, for both seeds
    assert runs.seeds == (3, 1)
    assert set(runs.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for row, seed in enumerate(runs.seeds):
        model, history = alone(seed, data, epochs=2)
        for name, values in history.history.items():
            assert runs.history[name].shape == (2, 2)
            np.testing.assert_array_equal(runs.history[name][row], values)
        kept = runs.models[row]
        assert kept.history.history == history.history
        assert kept.history.model is kept
        state = [*model.variables, *model.optimizer.variables]
        for have, want in zip([*kept.variables, *kept.optimizer.variables], state, strict=True):
            np.testing.assert_array_equal(have.numpy(), want.numpy(), err_msg=want.path)
    loss, _ = runs.models[1].evaluate(*data[2:], verbose=0)
    assert loss == pytest.approx(runs.history["val_loss"][1, -1], rel=1e-5)


def test_seeds_are_paired_across_configurations(data):
    orders = []

    class Records(layers.Layer):
        def call(self, x, training=False):
            if training:
                import tensorflow as tf

                tf.numpy_function(lambda a: orders.append(a[:, 0].copy()) or 0.0, [x], tf.float64)
            return x

    def narrow(units=3):
        model = keras.Sequential(
            [keras.Input((6,)), Records(), layers.Dense(units), layers.Dense(2, "softmax")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    sweep(narrow, data[:2], seeds=[0, 1])
    sweep(lambda: narrow(9), data[:2], seeds=[0, 1])
    seen = np.concatenate(orders).reshape(4, 70)
    np.testing.assert_array_equal(seen[:2], seen[2:])
    assert not np.array_equal(seen[0], seen[1])


def test_validation_now_and_then_stands_at_its_epochs(data):
    often = sweep(build, data, seeds=[3, 1], epochs=5)
    seldom = sweep(build, data, seeds=[3, 1], epochs=5, validation_freq=2)
    np.testing.assert_array_equal(seldom.history["loss"], often.history["loss"])
    for name in ("val_loss", "val_accuracy"):
        np.testing.assert_array_equal(seldom.history[name][:, 1::2], often.history[name][:, 1::2])
        assert np.isnan(seldom.history[name][:, ::2]).all()


def test_models_are_not_kept_unless_asked_for(data):
    assert sweep(build, data, seeds=[0]).models == ()


def test_the_whole_sweep_decides_about_xla(data, programs, monkeypatch):
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", 15)  # an epoch has 3 steps

    def without_dropout():
        return build(rate=0.0)

    sweep(without_dropout, data[:2], seeds=range(2), epochs=2)
    sweep(without_dropout, data[:2], seeds=range(3), epochs=2)
    assert [program.uses_xla for program in programs] == [False, True]


def test_the_last_seeds_of_a_shared_program_do_not_earn_xla(data, programs, monkeypatch):
    monkeypatch.setattr(program, "XLA_BREAK_EVEN", 15)  # an epoch has 3 steps
    template, used = Template(), []
    for seeds in ([0, 1], [2, 3], [4], [5]):
        sweep(lambda: build(0.0), data[:2], seeds=seeds, epochs=2, template=template)
        used.append(programs[0].uses_xla)
    assert used == [False, False, False, True]  # 0, 12, 24 and 30 steps done
    assert len(programs) == 1


def test_another_configuration_is_compiled_anew(data, programs):
    rates = iter([0.0, 0.5])
    runs = sweep(lambda: build(next(rates)), data, seeds=[0, 1], keep_models=True)
    assert len(programs) == 4
    _, history = alone(1, data, make=lambda: build(0.5))
    np.testing.assert_array_equal(runs.history["loss"][1], history.history["loss"])


def test_models_of_sweeps_that_share_a_template_keep_what_they_learned(data, programs):
    template, swept = Template(), []
    for seeds in ([3, 1], [4, 2]):
        runs = sweep(build, data, seeds=seeds, epochs=2, keep_models=True, template=template)
        swept.append((runs, [model.get_weights() for model in runs.models]))
    assert len(programs) == 2
    for runs, at_the_end in swept:
        for seed, model, weights in zip(runs.seeds, runs.models, at_the_end, strict=True):
            expected, history = alone(seed, data, epochs=2)
            for have, kept, want in zip(
                model.get_weights(), weights, expected.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(kept, want)
                np.testing.assert_array_equal(have, want)
            assert model.history.history == history.history


def test_what_a_model_learns_between_two_sweeps_stays(data):
    template = Template()
    (first,) = sweep(build, data, seeds=[0], keep_models=True, template=template).models
    fit(first, *data[:2], verbose=0)
    learned = [variable.numpy() for variable in first.variables]
    sweep(build, data, seeds=[1, 2], template=template)
    for have, want in zip(first.variables, learned, strict=True):
        np.testing.assert_array_equal(have.numpy(), want)


def test_what_a_model_learns_between_later_sweeps_stays_too(data):
    template = Template()
    (first,) = sweep(build, data, seeds=[0], keep_models=True, template=template).models
    for seed in (1, 2):
        fit(first, *data[:2], verbose=0)
        learned = first.get_weights()
        sweep(build, data, seeds=[seed], template=template)
        for have, want in zip(first.get_weights(), learned, strict=True):
            np.testing.assert_array_equal(have, want)


def test_metrics_that_make_variables_late_are_swept(data, programs):
    def with_late_metric():
        model = build(0.0)
        f1 = keras.metrics.F1Score(average="macro", name="f1")
        model.compile("sgd", "categorical_crossentropy", metrics=[f1])
        return model

    x, y, x_valid, y_valid = data
    one_hot = x, np.eye(2)[y], x_valid, np.eye(2)[y_valid]
    runs = sweep(with_late_metric, one_hot, seeds=[3, 1])
    assert len(programs) == 2
    for row, seed in enumerate(runs.seeds):
        _, history = alone(seed, one_hot, with_late_metric)
        for name, values in history.history.items():
            np.testing.assert_array_equal(runs.history[name][row], values)


def test_global_random_numbers_are_not_shared(data, programs):
    class Noise(layers.Layer):
        def call(self, x, training=False):
            return x + keras.random.normal(keras.ops.shape(x)) if training else x

    def noisy():
        model = keras.Sequential([keras.Input((6,)), Noise(), layers.Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    runs = sweep(noisy, data, seeds=[0, 1])
    assert len(programs) == 4
    _, history = alone(1, data, make=noisy)
    np.testing.assert_array_equal(runs.history["loss"][1], history.history["loss"])


def build_from_tensorflows_draws():
    model = build()
    model.layers[0].kernel.assign(tf.random.normal(model.layers[0].kernel.shape))
    return model


class TensorFlowNoise(layers.Layer):
    def call(self, inputs, training=False):
        return inputs + tf.random.normal(tf.shape(inputs)) if training else inputs


def build_with_tensorflows_noise():
    model = keras.Sequential([keras.Input((6,)), TensorFlowNoise(), layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("make", [build_from_tensorflows_draws, build_with_tensorflows_noise])
def test_tensorflows_own_random_numbers_depend_on_the_seed_alone(make, data):
    runs = sweep(make, data, seeds=[3, 1])
    for row, seed in enumerate(runs.seeds):
        _, history = alone(seed, data, make)
        np.testing.assert_array_equal(runs.history["loss"][row], history.history["loss"])


def test_programs_stay_ready_from_seed_to_seed(data, monkeypatch):
    seeded = []
    set_seed = tf.random.set_seed
    monkeypatch.setattr(tf.random, "set_seed", lambda seed: seeded.append(seed) or set_seed(seed))
    sweep(build, data, seeds=[3, 1, 4])
    assert set(seeded) == {3}


def test_seeds_that_stop_early_are_padded_with_nan(data):
    class StopsLate(keras.callbacks.Callback):
        made = 0

        def __init__(self):
            super().__init__()
            StopsLate.made += 1
            self.last = StopsLate.made  # the first seed stops after one epoch, the second after two

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch + 1 == self.last

    runs = sweep(build, data, seeds=[0, 1], epochs=3, callbacks=lambda: [StopsLate()])
    assert np.isnan(runs.history["loss"]).tolist() == [[False, True, True], [False, False, True]]


def test_data_may_depend_on_the_seed(data):
    def split(seed):
        kept = np.random.default_rng(seed).permutation(70)
        return data[0][kept[:50]], data[1][kept[:50]], data[0][kept[50:]], data[1][kept[50:]]

    runs = sweep(build, split, seeds=[4, 5])
    _, history = alone(5, split(5))
    np.testing.assert_array_equal(runs.history["val_loss"][1], history.history["val_loss"])


def test_failing_seed_names_itself_and_keeps_the_others(data):
    def split(seed):
        x, y = data[:2]
        return (x, y) if seed != 2 else (x, y + 5)

    with pytest.raises(SweepFailed) as caught:
        sweep(build, split, seeds=range(4), epochs=2, label="SELU, He", keep_models=True)
    message = str(caught.value)
    assert "'SELU, He' (epochs=2) failed at seed 2: ValueError: y holds labels from 5" in message
    assert "seeds [0, 1]" in message
    error = caught.value
    assert (error.seed, error.label) == (2, "SELU, He")
    assert isinstance(error.__cause__, ValueError)
    assert isinstance(error.partial, Sweep)
    assert error.partial.history["loss"].shape == (2, 2)
    for seed, kept in zip(error.partial.seeds, error.partial.models, strict=True):
        model, _ = alone(seed, data, epochs=2)
        for have, want in zip(kept.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(have, want)


def test_fallback_says_so_once(data, caplog):
    class PerBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    runs = sweep(build, data, seeds=range(2), callbacks=[PerBatch()])
    assert len([r for r in caplog.records if r.name == "trainlab"]) == 1
    assert runs.history["loss"].shape == (2, 1)


def test_one_model_for_all_seeds_is_refused(data):
    model = build()
    with pytest.raises(SweepFailed, match=r"returned the model .* a second time"):
        sweep(lambda: model, data, seeds=[0, 1])


@pytest.mark.parametrize(
    ("error", "message", "changed"),
    [
        (TypeError, "build must be a function", {"build": 3}),
        (ValueError, "data must be .*Received: tuple of length 3", {"data": (1, 2, 3)}),
        (ValueError, "seeds must be one or more different", {"seeds": [1, 1]}),
        (ValueError, "seeds must be one or more different", {"seeds": []}),
        (ValueError, "none of them negative", {"seeds": [-1]}),
        (TypeError, "seeds must be a sequence of integers", {"seeds": 5}),
        (TypeError, "sweep.. sets seed itself", {"seed": 5}),
        (SweepFailed, "given twice", {"validation_data": (1, 2)}),
    ],
)
def test_bad_argument_is_refused(error, message, changed, data):
    arguments = {"build": build, "data": data, "seeds": [0], **changed}
    with pytest.raises(error, match=message):
        sweep(**arguments)

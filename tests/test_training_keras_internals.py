"""The parts of Keras without a public way: these fail when Keras changes one of them."""

import gc
import random
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from trainlab.schedules import ScheduledSGD, _batches, _velocity
from trainlab.training import fit, keras_internals
from trainlab.training.programs import programs_of


def compiled(metrics=("accuracy",)):
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5), layers.Dropout(0.5), layers.Dense(2, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def batch():
    return keras.KerasTensor((4, 6)), keras.KerasTensor((4,), "int32")


def test_all_layers_are_the_model_and_those_inside_of_layers():
    inner = layers.Dense(3)
    model = keras.Sequential([keras.Input((2, 6)), layers.TimeDistributed(inner)])
    found = list(keras_internals.all_layers(model))
    assert found[0] is model
    assert any(layer is inner for layer in found)


def test_build_makes_what_a_step_makes():
    built, trained = compiled(), compiled()
    keras_internals.build(built, batch())
    trained.train_on_batch(np.zeros((4, 6), "float32"), np.zeros(4, "int32"))
    for attribute in ("variables", "metrics_variables"):
        have, want = getattr(built, attribute), getattr(trained, attribute)
        assert [v.shape for v in have] == [v.shape for v in want]
    have, want = built.optimizer.variables, trained.optimizer.variables
    assert [v.shape for v in have] == [v.shape for v in want]


def test_loss_and_metrics_are_built_without_calling_the_model(monkeypatch):
    model = compiled()
    output = keras.KerasTensor(model.output_shape)
    keras_internals.build_loss_and_metrics(model, batch()[1], output)
    monkeypatch.setattr(type(model), "call", None)
    keras_internals.build(model, batch())  # only the optimizer is left
    assert [metric.name for metric in model.metrics[1].metrics] == ["accuracy"]


def test_initial_epoch_is_where_a_backup_resumes(tmp_path):
    x, y = np.zeros((4, 6), "float32"), np.zeros(4, "int32")
    seen = []

    class Breaks(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(keras_internals.initial_epoch(self.model))

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise ZeroDivisionError

    for _ in range(2):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        with pytest.raises(ZeroDivisionError):
            compiled().fit(x, y, epochs=5, callbacks=[backup, Breaks()], verbose=0)
    assert seen == [0, 3]


def draws():
    """One number of each generator that `keras.utils.set_random_seed` sets, but TensorFlow's."""
    seeded = layers.Dropout(0.5).seed_generator.state.numpy().tolist()
    numbers = np.random.rand(), random.random()  # noqa: NPY002 - the state that Keras seeds
    return float(keras.random.uniform(())), *numbers, seeded


def test_seeding_all_but_tensorflow_leaves_tensorflow_alone():
    keras.utils.set_random_seed(7)
    expected, of_tensorflow = draws(), float(tf.random.uniform(()))
    keras.utils.set_random_seed(7)
    tf.random.uniform(())
    keras_internals.seed_all_but_tf(7)
    assert draws() == expected
    assert float(tf.random.uniform(())) != of_tensorflow
    keras_internals.seed_all_but_tf(8)
    assert draws() != expected


@pytest.mark.parametrize("accumulated", [None, 3])
def test_scheduled_rate_counts_the_batches_as_keras_does(accumulated):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)).astype("float32"), rng.integers(0, 2, 60)
    decay = keras.optimizers.schedules.ExponentialDecay
    options = {"gradient_accumulation_steps": accumulated}
    weights = []
    for optimizer in (
        keras.optimizers.SGD(decay(0.3, 2, 0.5), momentum=0.9, **options),
        ScheduledSGD(0.3, momentum=0.9, schedule=decay(1.0, 2, 0.5), **options),
        ScheduledSGD(0.3, momentum=lambda step: 0.9, schedule=decay(1.0, 2, 0.5), **options),
    ):
        keras.utils.set_random_seed(1)
        model = compiled()
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        assert int(_batches(optimizer)) == (12 if accumulated is None else 14)
    for other in weights[1:]:
        for have, want in zip(other, weights[0], strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


def test_velocity_is_that_of_its_variable():
    optimizer = ScheduledSGD(0.1)
    first, second = keras.Variable(np.zeros(2)), keras.Variable(np.zeros(3))
    optimizer.build([first, second])
    assert _velocity(optimizer, second.value).shape == _velocity(optimizer, second).shape == (3,)


def test_programs_go_with_their_model():
    x, y = np.zeros((40, 6), "float32"), np.zeros(40, "int32")
    model = compiled()
    fit(model, x, y, validation_data=(x, y), verbose=0)
    program = programs_of(model).all()[0]
    gone = weakref.ref(model), weakref.ref(programs_of(model))
    del model
    gc.collect()
    assert gone[0]() is None and gone[1]() is None
    with pytest.raises(RuntimeError, match="The model of this program is gone"):
        program.run((x, y), tf.range(40))

"""What `fit` and `sweep` share: Keras' own loop over epochs around the compiled programs."""

import keras
import numpy as np
import tensorflow as tf

from trainlab.training.checks import check_targets, is_arrays, is_from_keras, one_shape
from trainlab.training.device import place
from trainlab.training.program import EpochProgram, averages, is_own

__all__ = ["compile_epochs", "data_order", "fit_with_keras", "prepare", "run_epochs", "why_keras"]

_BATCH_HOOKS = tuple(
    f"on_{phase}batch_{moment}" for phase in ("", "train_", "test_") for moment in ("begin", "end")
)
_MODEL_METHODS = ("fit", "evaluate", "train_step", "test_step", "make_train_function")
_EPOCH_LEVEL = (
    keras.callbacks.TerminateOnNaN,  # compiled in
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,  # is updated once an epoch
)
_SAVING = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)


def why_keras(model, x, y, validation_data, callbacks):
    """Why this training cannot be compiled, in words; `None` if it can."""
    if not is_arrays(x) or not is_arrays(y):
        name, value = ("x", x) if not is_arrays(x) else ("y", y)
        return f"{name} is not a dense array but of type {type(value).__name__}"
    if validation_data is not None and not (
        isinstance(validation_data, (list, tuple)) and is_arrays(validation_data)
    ):
        return f"validation_data is not arrays but of type {type(validation_data).__name__}"
    for method in _MODEL_METHODS:
        if is_own(model, method):
            return f"the model {model.name!r} has a {method} of its own"
    if model.run_eagerly:
        return f"the model {model.name!r} was compiled with run_eagerly=True"
    if tf.distribute.has_strategy() or model._distribute_strategy is not None:
        return f"the model {model.name!r} belongs to a distribution strategy"
    for callback in callbacks:
        if (hook := _batch_hook(callback)) is not None:
            return f"the callback {type(callback).__name__} has the batch-level method {hook}"
    return None


def _batch_hook(callback):
    if type(callback) in _EPOCH_LEVEL:
        return None
    if getattr(callback, "save_freq", None) == "epoch" and type(callback) in _SAVING:
        return None
    for hook in _BATCH_HOOKS:
        own = hook in vars(callback)
        if own or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook):
            return hook
    return None


def fit_with_keras(model, x, y, validation_data, shuffle, seed, *, batch_size, **arguments):
    """Trains with `model.fit`, with arrays in the same order as the compiled epochs."""
    if validation_data is not None:
        arguments["validation_data"] = validation_data
    if not is_arrays(x):
        if y is None:  # a dataset knows its batches and its order
            return model.fit(x, shuffle=False, **arguments)
        return model.fit(x, y, batch_size=batch_size, shuffle=shuffle, **arguments)
    if y is None or is_own(model, "fit"):
        return model.fit(x, y, batch_size=batch_size, shuffle=shuffle, **arguments)
    data = place((x, y))
    images = int(keras.tree.flatten(data)[0].shape[0])
    epochs = arguments["epochs"]
    batches = (
        tf.data.Dataset.from_generator(
            lambda: (data_order(images, epoch, shuffle, seed) for epoch in range(epochs)),
            output_signature=tf.TensorSpec((images,), tf.int32),
        )
        .flat_map(lambda order: tf.data.Dataset.from_tensor_slices(order).batch(batch_size))
        .map(lambda rows: keras.tree.map_structure(lambda a: tf.gather(a, rows), data))
        .prefetch(tf.data.AUTOTUNE)
    )
    return model.fit(
        batches,
        shuffle=False,
        steps_per_epoch=-(-images // batch_size),
        validation_batch_size=batch_size,
        **arguments,
    )


def data_order(images, epoch, shuffle, seed):
    """The order of the rows in one epoch: int32 `(images,)`, decided by the seed and the epoch."""
    if not shuffle:
        return np.arange(images, dtype=np.int32)
    return np.random.default_rng((seed, epoch)).permutation(images).astype(np.int32)


def prepare(model, train, valid, batch_size):
    """Builds what `model.fit` would build during its first step, after a look at the targets."""
    batch = keras.tree.map_structure(
        lambda a: keras.KerasTensor((batch_size, *a.shape[1:]), a.dtype.name), train
    )
    output = one_shape(model, "output_shape")
    if output is None:
        outputs = model(batch[0])
        output = getattr(outputs, "shape", None)
    check_targets(model, train[1], output)
    if valid is not None:
        check_targets(model, valid[1], output, "validation ")
    _build_metrics(model, batch[1], output)
    model._symbolic_build(data_batch=batch)


def _build_metrics(model, y, output):
    """Builds loss and metrics from shapes where that does, which spares Keras three traces.

    Keras traces model, metrics and loss because a metric may make variables when it first sees a
    tensor. Those that average do not.
    """
    if output is None or not isinstance(y, keras.KerasTensor) or not is_from_keras(model):
        return
    output = keras.KerasTensor(output)
    loss, metrics = model._compile_loss, model._compile_metrics
    if loss is not None and not loss.built:
        loss.build(y, output)
    if metrics is not None and not metrics.built:
        metrics.build(y, output)
        metrics.built = all(map(averages, metrics.metrics))


def compile_epochs(model, train, valid, batch_size, callbacks):
    """The programs of a model: one that trains, and one that validates if there are such data.

    They stay with the model until it is compiled again or sees other data.
    """
    keeps_logs = is_own(model, "compute_metrics")
    stops_on_nan = any(type(c) is keras.callbacks.TerminateOnNaN for c in callbacks)
    # Written past Keras' __setattr__, which would count the loss tracker in the key as a metric.
    programs = vars(model).setdefault("_trainlab_programs", {})
    wanted = {"train": (model.train_step, train, stops_on_nan)}
    if valid is not None:
        wanted["test"] = (model.test_step, valid, False)
    for phase, (step, data, stops) in wanted.items():
        # `compile` makes a new loss tracker, whatever else it is given.
        key = (model._loss_tracker, batch_size, stops, _specification(data))
        if programs.get(phase, (None, None))[0] != key:
            program = EpochProgram(
                model, step, data, batch_size, keeps_logs=keeps_logs, stops_on_nan=stops
            )
            programs[phase] = (key, program)
    return tuple(programs[phase][1] for phase in wanted)


def _specification(data):
    return repr(keras.tree.map_structure(lambda a: (a.shape, a.dtype.name), data))


def run_epochs(
    model,
    train,
    valid,
    programs,
    shuffle,
    seed,
    *,
    batch_size,
    epochs,
    validation_freq,
    callbacks,
    verbose,
):
    """Keras' own loop over epochs around the compiled programs."""
    del batch_size
    program = programs[0]
    listed = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=program.steps,
    )
    model.stop_training = False
    listed.on_train_begin()
    logs = None
    for epoch in range(model._initial_epoch or 0, epochs):
        listed.on_epoch_begin(epoch)
        order = tf.convert_to_tensor(data_order(program.images, epoch, shuffle, seed))
        steps, last, logs = program.run(train, order)
        if program.stops_on_nan and not np.isfinite(last["loss"]):
            for callback in callbacks:
                if type(callback) is keras.callbacks.TerminateOnNaN:
                    callback.on_batch_end(steps - 1, {"loss": float(last["loss"])})
        if valid is not None and (epoch + 1) % validation_freq == 0:
            listed.on_test_begin()
            _, _, results = programs[1].run(valid, tf.range(programs[1].images))
            results = {name: float(value) for name, value in results.items()}
            listed.on_test_end(results)
            logs.update({f"val_{name}": value for name, value in results.items()})
        listed.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if epochs > 0:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    listed.on_train_end(logs)
    return model.history

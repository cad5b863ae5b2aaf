"""Trainings that only `model.fit` can do, and their order of the rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainlab.training.checks import is_arrays, is_own, is_text, takes_text
from trainlab.training.device import place
from trainlab.training.keras_internals import initial_epoch
from trainlab.training.run import Run

__all__ = ["data_order", "decides_order", "fit_with_keras", "why_keras"]

_BATCH_HOOKS = tuple(
    f"on_{phase}batch_{moment}" for phase in ("", "train_", "test_") for moment in ("begin", "end")
)
_MODEL_METHODS = (
    "fit",
    "evaluate",
    "train_step",
    "test_step",
    "make_train_function",
    "make_test_function",
)
_EPOCH_LEVEL = (
    keras.callbacks.TerminateOnNaN,  # compiled in
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,  # is updated once an epoch
)
_SAVING = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)


def why_keras(model: keras.Model, run: Run) -> str | None:
    """Return in words why a training cannot be compiled; `None` if it can."""
    for limit in ("max_epochs", "max_steps_per_epoch"):
        if getattr(keras.config, limit)() is not None:
            return f"keras.config.set_{limit} limits it"
    for name in run.for_keras():
        return f"{name} is given"
    return _why_these_data(model, run) or _why_this_model(model) or _why_these_callbacks(model, run)


def _why_these_data(model: keras.Model, run: Run) -> str | None:
    if is_arrays(run.x) and run.y is None:
        return "there is no y"
    for name, value in (("x", run.x), ("y", run.y)):
        if not is_arrays(value):
            return f"{name} is not a dense array but of type {type(value).__name__}"
    if takes_text(model) and any(map(is_text, keras.tree.flatten(run.x))):
        return "x holds text"
    if run.validation_data is not None and not (
        isinstance(run.validation_data, (list, tuple)) and is_arrays(run.validation_data)
    ):
        return f"validation_data is not arrays but of type {type(run.validation_data).__name__}"
    if isinstance(run.validation_freq, list):
        return "validation_freq is a list"
    if run.shuffle == "batch":
        return "shuffle is 'batch'"
    return None


def _why_this_model(model: keras.Model) -> str | None:
    for method in _MODEL_METHODS:
        if is_own(model, method):
            return f"the model {model.name!r} has a {method} of its own"
    if model.run_eagerly:
        return f"the model {model.name!r} was compiled with run_eagerly=True"
    strategy = tf.distribute.get_strategy()  # the default one, which is none
    if tf.distribute.has_strategy() or model.distribute_strategy is not strategy:
        return f"the model {model.name!r} belongs to a distribution strategy"
    return None


def _why_these_callbacks(model: keras.Model, run: Run) -> str | None:
    for callback in run.callbacks:
        if (hook := _batch_hook(callback)) is not None:
            return f"the callback {type(callback).__name__} has the batch-level method {hook}"
        stops = type(callback) is keras.callbacks.TerminateOnNaN
        if stops and model.steps_per_execution != 1:
            return f"TerminateOnNaN looks after {model.steps_per_execution} steps at once"
    return None


def _batch_hook(callback: keras.callbacks.Callback) -> str | None:
    if type(callback) in _EPOCH_LEVEL:
        return None
    if getattr(callback, "save_freq", None) == "epoch" and type(callback) in _SAVING:
        return None
    for hook in _BATCH_HOOKS:
        own = hook in vars(callback)
        if own or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook):
            return hook
    return None


def fit_with_keras(model: keras.Model, run: Run) -> keras.callbacks.History:
    """Train with `model.fit`, on arrays in the order of the compiled epochs."""
    arguments = {
        "epochs": run.epochs,
        "validation_data": run.validation_data,
        "validation_freq": run.validation_freq,
        "callbacks": run.callbacks,
        "verbose": run.verbose,
        **run.for_keras(),
    }
    if run.seed is not None and decides_order(run) and not is_own(model, "fit"):
        return _fit_in_order(model, run, arguments)
    if not is_arrays(run.x) and run.y is None:  # a dataset knows its batches and its order
        return model.fit(run.x, shuffle=False, **arguments)
    return model.fit(run.x, run.y, batch_size=run.batch_size, shuffle=run.shuffle, **arguments)


def decides_order(run: Run) -> bool:
    """Return whether `data_order` decides the order of the rows, and not Keras or a dataset."""
    if not is_arrays(run.x) or run.shuffle is False or run.shuffle == "batch":
        return False
    if run.y is None:
        return run.sample_weight is None and run.class_weight is None
    weights = run.sample_weight is not None, run.class_weight is not None
    return is_arrays(run.y) and not all(weights)  # both Keras refuses


def _fit_in_order(
    model: keras.Model, run: Run, arguments: dict[str, Any]
) -> keras.callbacks.History:
    """`model.fit` on a dataset of the rows, since it would shuffle arrays by itself."""
    data = run.x, run.y, arguments.pop("sample_weight", None)
    share = arguments.pop("validation_split", 0.0)
    if share and run.validation_data is None:
        data, arguments["validation_data"] = _split(data, share)
    if arguments.pop("class_weight", None) is not None:
        data = *data[:2], _weights_of_classes(data[1], run.class_weight)
    batch = place(_as_keras_packs(*data))
    images = int(keras.tree.flatten(batch)[0].shape[0])
    size = run.batch_size or (-(-images // run.steps_per_epoch) if run.steps_per_epoch else 32)
    steps = -(-images // size)
    passes = itertools.count()

    def orders() -> Iterator[np.ndarray]:
        # Keras begins an iterator a pass. By then a callback has said at which epoch it resumes.
        first = initial_epoch(model) or run.initial_epoch
        yield data_order(images, first + next(passes), True, run.seed)

    batches = (
        tf.data.Dataset.from_generator(orders, output_signature=tf.TensorSpec((images,), tf.int32))
        .flat_map(lambda order: tf.data.Dataset.from_tensor_slices(order).batch(size))
        .map(lambda rows: keras.tree.map_structure(lambda a: tf.gather(a, rows), batch))
        .apply(tf.data.experimental.assert_cardinality(steps))
        .prefetch(tf.data.AUTOTUNE)
    )
    arguments = {"steps_per_epoch": steps, "validation_batch_size": run.batch_size, **arguments}
    return model.fit(batches, shuffle=False, **arguments)


def _split(data: tuple, share: float) -> tuple[tuple, tuple]:
    """The first rows and the last ones, as `validation_split` cuts them."""
    images = int(keras.tree.flatten(data[0])[0].shape[0])
    cut = math.floor(images * (1 - share))
    if not 0 < cut < images:
        raise ValueError(
            f"validation_split={share} of {images} images leaves none to train on or none to "
            "validate on. Pass a share in between, or more images."
        )

    def rows(first: int, last: int) -> tuple:
        return tuple(
            part if part is None else keras.tree.map_structure(lambda a: a[first:last], part)
            for part in data
        )

    return rows(0, cut), rows(cut, images)


def _weights_of_classes(y: Any, of_class: dict[int, float] | None) -> np.ndarray:
    """The weight of each row's class, 1 of a class that has none, as `class_weight` gives it."""
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = labels[..., 0] if labels.shape[-1] == 1 else labels.argmax(axis=-1)
    weights = [(of_class or {}).get(int(label), 1.0) for label in np.round(labels)]
    return np.array(weights, keras.config.floatx())


def _as_keras_packs(x: Any, y: Any, weights: Any) -> Any:
    """What `train_step` is given of arrays: `x` alone, `(x, y)` or `(x, y, weights)`."""
    if y is None:
        packed = (x,) if isinstance(x, (list, tuple)) else x
    elif weights is None:
        packed = x, y
    else:
        if isinstance(y, (list, tuple, dict)) and not isinstance(weights, (list, tuple, dict)):
            weights = keras.tree.map_structure(lambda _: weights, y)
        packed = x, y, weights
    return keras.tree.lists_to_tuples(packed)  # a dataset would make one tensor of a list


def data_order(images: int, epoch: int, shuffle: bool, seed: int | None) -> np.ndarray:
    """Return the order of the rows in one epoch: int32 `(images,)`, by the seed and the epoch."""
    if not shuffle or seed is None:
        return np.arange(images, dtype=np.int32)
    return np.random.default_rng((seed, epoch)).permutation(images).astype(np.int32)

"""Whether the targets fit the loss and the output of a model."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from trainlab.training.checks import is_from_keras
from trainlab.training.shapes import fits, words

__all__ = ["check_targets"]

# Keras refuses targets of another shape than the output for these alone; others broadcast them.
_OF_ONE_SHAPE = (
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
)


def check_targets(model: keras.Model, y: Any, output: tuple | None, name: str = "") -> None:
    """Raise before training if the targets do not fit the loss and the output of the model.

    Args:
        model: Compiled Keras model.
        y: Targets `(images, ...)`. Nested ones are left to Keras.
        output: Shape of the output, `(None, ...)`, or `None` if there are several.
        name: As in `check_data`.
    """
    loss = model.loss
    if (
        output is None
        or isinstance(y, (list, tuple, dict))
        or isinstance(loss, (list, tuple, dict))
        or loss is None
    ):
        return
    if isinstance(loss, str):
        if loss in ("crossentropy", "ce"):  # Keras picks the loss by the shape of the targets
            return
        loss = keras.losses.get(loss)
    label = f"{name}y"
    kind = _function_of(loss)
    if kind == "sparse_categorical_crossentropy":
        _check_labels(model, y, output, label, getattr(loss, "ignore_class", None))
    elif kind in _OF_ONE_SHAPE and not fits(tuple(y.shape), output, spare_axis=True):
        message = (
            f"{label} has shape {tuple(y.shape)}, the output of the model {model.name!r} has shape "
            f"{words(output)}."
        )
        if fits(tuple(y.shape), output[:-1], spare_axis=True):
            message += (
                " For integer labels compile with loss='sparse_categorical_crossentropy', or pass "
                f"keras.utils.to_categorical(y, {output[-1]})."
            )
        else:
            message += " Change the targets, or the number of units of the last layer."
        raise ValueError(message)


def _function_of(loss: Any) -> str | None:
    """The name of Keras' loss function, given itself or as an object; `None` for any other."""
    if not is_from_keras(loss):
        return None
    function = loss if hasattr(loss, "__code__") else getattr(loss, "fn", None)
    return getattr(function, "__name__", None)


def _check_labels(
    model: keras.Model, y: Any, output: tuple, label: str, ignored: int | None
) -> None:
    received, classes = tuple(y.shape), output[-1]
    if not fits(received, output[:-1], spare_axis=True):
        message = (
            f"{label} has shape {received}, a sparse loss over an output {words(output)} expects "
            f"integer labels {words(output[:-1])}."
        )
        if fits(received, output):
            message += (
                " For one-hot targets compile with loss='categorical_crossentropy', or pass "
                "y.argmax(axis=-1)."
            )
        raise ValueError(message)
    labels = np.asarray(y)
    if ignored is not None:
        labels = labels[labels != ignored]
    if labels.size and classes is not None and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"{label} holds labels from {labels.min()} to {labels.max()}, the model {model.name!r} "
            f"has {classes} classes: labels must lie between 0 and {classes - 1}. Renumber the "
            f"labels, or give the last layer {int(labels.max()) + 1} units."
        )

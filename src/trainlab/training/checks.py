"""What `fit` is given, checked before anything trains."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainlab.training.shapes import fits, one_shape, words

__all__ = [
    "as_arrays",
    "check_data",
    "check_model",
    "check_validation",
    "is_arrays",
    "is_from_keras",
    "is_own",
    "is_text",
    "takes_text",
]

_NESTED = (list, tuple, dict)


def check_model(model: Any) -> None:
    """Raise before training if there is no compiled model to train."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"fit() trains a keras.Model. Received: model={model!r}.")
    if not model.compiled:
        raise ValueError(
            f"The model {model.name!r} is not compiled. Call "
            "model.compile(optimizer=..., loss=...) before fit()."
        )
    if model.optimizer is None:
        raise ValueError(
            f"The model {model.name!r} was compiled without an optimizer. Pass one to "
            "model.compile()."
        )


def is_arrays(data: Any) -> bool:
    """Return whether `data` is a dense array or tensor, or a list, tuple or dict of them."""
    if isinstance(data, _NESTED):
        leaves = keras.tree.flatten(data)
        return bool(leaves) and all(is_arrays(leaf) for leaf in leaves)
    if isinstance(data, (tf.SparseTensor, tf.RaggedTensor)):
        return False
    return isinstance(data, (np.ndarray, tf.Tensor)) or hasattr(data, "__array__")


def as_arrays(data: Any) -> Any:
    """Return arrays and tensors as they are, and what only converts to one, as a data frame, so."""
    if not is_arrays(data):
        return data
    return keras.tree.map_structure(_as_array, data)


def _as_array(leaf: Any) -> Any:
    if tf.is_tensor(leaf) or isinstance(leaf, (np.ndarray, np.generic)):
        return leaf
    # As in Keras, a column of a data frame stays a column.
    return np.asarray(leaf.to_frame() if hasattr(leaf, "to_frame") else leaf)


def is_text(leaf: Any) -> bool:
    """Return whether an array holds something else than numbers."""
    dtype = getattr(leaf.dtype, "as_numpy_dtype", leaf.dtype)
    kinds = (np.number, np.bool_)
    return not (any(np.issubdtype(dtype, kind) for kind in kinds) or "float" in str(dtype))


def takes_text(model: keras.Model) -> bool:
    """Return whether a model may have an input of strings."""
    inputs = getattr(model, "inputs", None)
    return not inputs or any(str(one.dtype) == "string" for one in keras.tree.flatten(inputs))


def check_data(model: keras.Model, x: Any, y: Any, name: str = "") -> None:
    """Raise before training if arrays are empty, of other lengths or shapes, or not finite.

    Args:
        model: Compiled Keras model, built or not.
        x: (Nested) arrays `(images, ...)`.
        y: (Nested) arrays `(images, ...)`.
        name: Prefix of the names in the messages, such as `"validation "`.
    """
    parts = {f"{name}x": keras.tree.flatten(x), f"{name}y": keras.tree.flatten(y)}
    for label, leaves in parts.items():
        for leaf in leaves:
            if is_text(leaf):
                if label == f"{name}x" and takes_text(model):
                    continue
                raise TypeError(
                    f"{label} must hold numbers. Received an array of dtype {leaf.dtype}: convert "
                    "it with .astype('float32'), or encode the text first."
                )
            if len(leaf.shape) == 0:
                raise ValueError(f"{label} must be an array of images. Received one number.")
            if leaf.shape[0] == 0:
                raise ValueError(
                    f"{label} is empty: its shape is {tuple(leaf.shape)}. At least one image is "
                    "needed; look at the slice or the filter that made it."
                )
    if len({int(leaf.shape[0]) for leaves in parts.values() for leaf in leaves}) > 1:
        shapes = {
            label: ", ".join(str(tuple(leaf.shape)) for leaf in leaves)
            for label, leaves in parts.items()
        }
        raise ValueError(
            f"{name}x and {name}y must have the same number of images. Received shapes: "
            + "; ".join(f"{label} {shape}" for label, shape in shapes.items())
            + ". Cut both with the same slice."
        )
    if _only_losses_of_keras(model):
        for leaf in parts[f"{name}y"]:
            _check_finite(np.asarray(leaf), f"{name}y")
    _check_inputs(model, x, f"{name}x")


def _only_losses_of_keras(model: keras.Model) -> bool:
    """One of the reader's own may know what to do with a target that is not a number."""
    losses = keras.tree.flatten(model.loss)
    return all(isinstance(loss, str) or is_from_keras(loss) for loss in losses)


def _check_finite(values: np.ndarray, label: str) -> None:
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        raise ValueError(
            f"{label} holds NaN or infinity in {len(bad)} of {len(values)} rows, the first is "
            f"row {bad[0]}. Drop these rows, x[keep], y[keep] with keep = np.isfinite(y), or "
            "fill them in."
        )


def _check_inputs(model: keras.Model, x: Any, label: str) -> None:
    expected = one_shape(model, "input_shape")
    if expected is None or isinstance(x, _NESTED):
        return
    received = tuple(x.shape)
    if fits(received, expected, spare_axis=True) or _is_taken(model, received, x.dtype):
        return
    message = f"{label} has shape {received}, the model {model.name!r} expects {words(expected)}."
    if None not in expected[1:] and np.prod(received[1:]) == np.prod(expected[1:]):
        raise ValueError(f"{message} Pass x.reshape({(-1, *expected[1:])}).")
    raise ValueError(f"{message} Change the data, or the keras.Input of the model.")


def _is_taken(model: keras.Model, shape: tuple, dtype: Any) -> bool:
    """Whether the layers do with another shape than `keras.Input` said, as some do."""
    rows = tf.TensorSpec((None, *shape[1:]), tf.as_dtype(dtype))
    try:
        tf.function(lambda x: model(x), autograph=False).get_concrete_function(rows)
    except Exception:  # Keras and its layers raise what they like
        return False
    return True


def check_validation(model: keras.Model, validation_data: Any) -> None:
    """`check_data` for `validation_data`, which must be `(x, y)` or `(x, y, sample_weight)`."""
    if not isinstance(validation_data, (list, tuple)) or len(validation_data) not in (2, 3):
        raise ValueError(
            "validation_data must be (x_valid, y_valid) or (x_valid, y_valid, sample_weight). "
            f"Received: {type(validation_data).__name__} of length {len(validation_data)}."
        )
    check_data(model, validation_data[0], validation_data[1], "validation ")


def is_from_keras(value: Any) -> bool:
    """Return whether a function or the class of an object is Keras' own."""
    owner = value if hasattr(value, "__code__") else type(value)
    return owner.__module__.split(".")[0] == "keras"


def is_own(model: keras.Model, method: str) -> bool:
    """Return whether a model replaces a method of `keras.Model`."""
    return getattr(getattr(model, method), "__func__", None) is not getattr(keras.Model, method)

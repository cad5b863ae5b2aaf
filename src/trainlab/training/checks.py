"""What `fit` is given, checked before anything trains."""

import keras
import numpy as np
import tensorflow as tf

__all__ = [
    "check_arguments",
    "check_data",
    "check_targets",
    "check_validation",
    "is_arrays",
    "is_from_keras",
    "one_shape",
]

_NESTED = (list, tuple, dict)


def check_arguments(model, batch_size, epochs, validation_freq, shuffle, seed, verbose):
    """Raises before training if the model is not compiled or an argument is out of range."""
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
    _check_integer("batch_size", batch_size, 1)
    _check_integer("epochs", epochs, 0)
    _check_integer("validation_freq", validation_freq, 1)
    if seed is not None:
        _check_integer("seed", seed, 0)
    if not isinstance(shuffle, (bool, np.bool_)):
        raise TypeError(f"shuffle must be True or False. Received: shuffle={shuffle!r}.")
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}.")


def _check_integer(name, value, least):
    received = f"Received: {name}={value!r}. Pass an integer, at least {least}."
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}. {received}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}. {received}")


def is_arrays(data):
    """Whether `data` is a dense array or tensor, or a list, tuple or dict of them."""
    if isinstance(data, _NESTED):
        leaves = keras.tree.flatten(data)
        return bool(leaves) and all(is_arrays(leaf) for leaf in leaves)
    if isinstance(data, (tf.SparseTensor, tf.RaggedTensor)):
        return False
    return isinstance(data, (np.ndarray, tf.Tensor)) or hasattr(data, "__array__")


def check_data(model, x, y, name=""):
    """Raises before training if arrays are empty, of other lengths or shapes, or not finite.

    Args:
        model: Compiled Keras model, built or not.
        x: (Nested) arrays `(images, ...)`.
        y: (Nested) arrays `(images, ...)`.
        name: Prefix of the names in the messages, such as `"validation "`.
    """
    parts = {f"{name}x": keras.tree.flatten(x), f"{name}y": keras.tree.flatten(y)}
    for label, leaves in parts.items():
        for leaf in leaves:
            dtype = getattr(leaf.dtype, "as_numpy_dtype", leaf.dtype)
            kinds = (np.number, np.bool_)
            if not (any(np.issubdtype(dtype, kind) for kind in kinds) or "float" in str(dtype)):
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
    for leaf in parts[f"{name}y"]:
        values = np.asarray(leaf)
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
            raise ValueError(
                f"{name}y holds NaN or infinity in {len(bad)} of {len(values)} rows, the first is "
                f"row {bad[0]}. Drop these rows, x[keep], y[keep] with keep = np.isfinite(y), or "
                "fill them in."
            )
    _check_inputs(model, x, f"{name}x")


def _check_inputs(model, x, label):
    expected = one_shape(model, "input_shape")
    if expected is None or isinstance(x, _NESTED):
        return
    received = tuple(x.shape)
    if _fits(received, expected, spare_axis=True):
        return
    message = f"{label} has shape {received}, the model {model.name!r} expects {_words(expected)}."
    if None not in expected[1:] and np.prod(received[1:]) == np.prod(expected[1:]):
        raise ValueError(f"{message} Pass x.reshape({(-1, *expected[1:])}).")
    raise ValueError(f"{message} Change the data, or the keras.Input of the model.")


def check_validation(model, validation_data):
    """`check_data` for `validation_data`, which must be `(x, y)` or `(x, y, sample_weight)`."""
    if not isinstance(validation_data, (list, tuple)) or len(validation_data) not in (2, 3):
        raise ValueError(
            "validation_data must be (x_valid, y_valid) or (x_valid, y_valid, sample_weight). "
            f"Received: {type(validation_data).__name__} of length {len(validation_data)}."
        )
    check_data(model, *validation_data[:2], "validation ")


def check_targets(model, y, output, name=""):
    """Raises before training if the targets do not fit the loss and the output of the model.

    Args:
        model: Compiled Keras model.
        y: Targets `(images, ...)`. Nested ones are left to Keras.
        output: Shape of the output, `(None, ...)`, or `None` if there are several.
        name: As in `check_data`.
    """
    loss = model.loss
    if output is None or isinstance(y, _NESTED) or isinstance(loss, _NESTED) or loss is None:
        return
    if isinstance(loss, str):
        if loss in ("crossentropy", "ce"):  # Keras picks the loss by the shape of the targets
            return
        loss = keras.losses.get(loss)
    sparse = loss is keras.losses.sparse_categorical_crossentropy or isinstance(
        loss, keras.losses.SparseCategoricalCrossentropy
    )
    label = f"{name}y"
    if sparse:
        _check_labels(model, y, output, label, getattr(loss, "ignore_class", None))
    elif is_from_keras(loss) and not _fits(tuple(y.shape), output, spare_axis=True):
        message = (
            f"{label} has shape {tuple(y.shape)}, the output of the model {model.name!r} has shape "
            f"{_words(output)}."
        )
        if _fits(tuple(y.shape), output[:-1], spare_axis=True):
            message += (
                " For integer labels compile with loss='sparse_categorical_crossentropy', or pass "
                f"keras.utils.to_categorical(y, {output[-1]})."
            )
        else:
            message += " Change the targets, or the number of units of the last layer."
        raise ValueError(message)


def _check_labels(model, y, output, label, ignored):
    received, classes = tuple(y.shape), output[-1]
    if not _fits(received, output[:-1], spare_axis=True):
        message = (
            f"{label} has shape {received}, a sparse loss over an output {_words(output)} expects "
            f"integer labels {_words(output[:-1])}."
        )
        if _fits(received, output):
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


def is_from_keras(value):
    """Whether a function or the class of an object is Keras' own."""
    owner = value if hasattr(value, "__code__") else type(value)
    return owner.__module__.split(".")[0] == "keras"


def _fits(shape, expected, *, spare_axis=False):
    """Whether a shape is as expected; Keras itself adds or drops a last axis of 1."""
    shapes = [shape]
    if spare_axis:
        shapes += [(*shape, 1)] + ([shape[:-1]] if shape[-1] == 1 else [])
    return any(
        len(one) == len(expected)
        and all(want in (None, have) for have, want in zip(one[1:], expected[1:], strict=True))
        for one in shapes
    )


def _words(shape):
    return "(" + ", ".join(["images", *("any" if n is None else str(n) for n in shape[1:])]) + ")"


def one_shape(model, name):
    """`model.input_shape` or `model.output_shape` if there is exactly one, else `None`."""
    try:
        shape = getattr(model, name)
    except (AttributeError, ValueError):  # a subclass has none, an unbuilt model not yet
        return None
    one = isinstance(shape, tuple) and all(n is None or isinstance(n, int) for n in shape)
    return shape if one else None

"""Shapes of arrays and models, and how to say them."""

from __future__ import annotations

import keras

__all__ = ["fits", "one_shape", "words"]


def fits(shape: tuple, expected: tuple, *, spare_axis: bool = False) -> bool:
    """Return whether a shape is as expected; Keras itself adds or drops a last axis of 1."""
    shapes = [shape]
    if spare_axis:
        shapes += [(*shape, 1)] + ([shape[:-1]] if shape[-1] == 1 else [])
    return any(
        len(one) == len(expected)
        and all(want in (None, have) for have, want in zip(one[1:], expected[1:], strict=True))
        for one in shapes
    )


def words(shape: tuple) -> str:
    """Return a shape as a reader would say it: `(images, 28, any)`."""
    return "(" + ", ".join(["images", *("any" if n is None else str(n) for n in shape[1:])]) + ")"


def one_shape(model: keras.Model, name: str) -> tuple | None:
    """Return `model.input_shape` or `model.output_shape` if there is exactly one."""
    try:
        shape = getattr(model, name)
    except (AttributeError, ValueError):  # a subclass has none, an unbuilt model not yet
        return None
    one = isinstance(shape, tuple) and all(n is None or isinstance(n, int) for n in shape)
    return shape if one else None

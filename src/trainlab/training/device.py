"""The data of a training run, on the device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["place", "placed"]

LARGE_BYTES = 32 * 2**20
"""From this size on `malloc` returns memory to the system at once (mallopt(3), M_MMAP_THRESHOLD).

Every page of such memory must then be cleared and mapped anew, which takes up to eight times as
long as the copy itself.
"""

_ALIGNMENT = 64  # of memory that TensorFlow takes over as it is, in bytes

_spare: list[np.ndarray] = []


def place(data: Any) -> Any:
    """Puts (nested) arrays on the device.

    Integers stay what they are: images kept as uint8 take a quarter of the memory, and a model that
    begins with `keras.layers.Rescaling(1 / 255)` scales them on the device. Other floats become
    `keras.config.floatx()`, as in Keras. Tensors are not copied.

    Args:
        data: Array `(images, ...)`, or a list, tuple or dict of them.

    Returns:
        The same structure with tensors.
    """
    return keras.tree.map_structure(lambda array: _place(array, np.empty), data)


@contextlib.contextmanager
def placed(data: Any) -> Iterator[Any]:
    """`place` for as long as a `with` block runs.

    The memory of the largest copy is kept for the next `placed`: one of 55,000 images takes 0.02 s
    there, and up to 0.2 s in new memory. Nothing may hold the tensors after the block.

    Args:
        data: As for `place`.

    Yields:
        The same structure with tensors.
    """
    blocks: list[np.ndarray] = []

    def allocate(size: int, dtype: Any) -> np.ndarray:
        block = _take_spare(size) if size >= LARGE_BYTES else None
        blocks.append(np.empty(size, dtype) if block is None else block)
        return blocks[-1]

    yield keras.tree.map_structure(lambda array: _place(array, allocate), data)
    largest = max(blocks, key=len, default=np.empty(0, np.uint8))
    if len(largest) >= LARGE_BYTES:
        _spare[:] = [largest]


def _take_spare(size: int) -> np.ndarray | None:
    """The block that is kept, if it has this size; otherwise it goes, before another one comes."""
    with contextlib.suppress(IndexError):  # another thread may have taken it
        block = _spare.pop()
        if len(block) == size:
            return block
    return None


def _place(array: Any, allocate: Callable[[int, Any], np.ndarray]) -> tf.Tensor:
    floatx = keras.config.floatx()
    if tf.is_tensor(array):
        return tf.cast(array, floatx) if array.dtype.is_floating else array
    array = np.asarray(array)
    is_float = np.issubdtype(array.dtype, np.floating)
    if not (is_float or array.dtype.kind in "iu") or tf.config.list_logical_devices("GPU"):
        return tf.convert_to_tensor(array, floatx if is_float else None)
    return _copy(array, np.dtype(floatx if is_float else array.dtype), allocate)


def _copy(
    array: np.ndarray, dtype: np.dtype, allocate: Callable[[int, Any], np.ndarray]
) -> tf.Tensor:
    """A tensor on the CPU with a copy of an array, in memory that NumPy allocated.

    NumPy asks the system for large pages where TensorFlow does not.
    """
    size = array.size * dtype.itemsize
    memory = allocate(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    copy = memory[start : start + size].view(dtype).reshape(array.shape)
    np.copyto(copy, array, casting="same_kind")
    return tf.experimental.dlpack.from_dlpack(copy.__dlpack__())

"""Small models: masks that keep weights at zero, and files as Keras and LiteRT write them."""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from trainlab.runtime import quiet_start

__all__ = [
    "Mask",
    "bare_copy",
    "int8_copy",
    "keras_file",
    "lite_file",
    "lite_program",
    "packed_size",
]


class Mask(keras.constraints.Constraint):
    """A constraint that holds pruned weights at zero.

    Args:
        mask: Array of the kernel's shape, true where a weight is kept.

    Taught in chapter 10.
    """

    def __init__(self, mask: ArrayLike) -> None:
        self.mask = np.asarray(mask, "float32")

    def __call__(self, w: Any) -> Any:
        return w * self.mask

    def get_config(self) -> dict:
        return {"mask": self.mask.tolist()}


def bare_copy(model: keras.Model) -> keras.Model:
    """Return a copy of a model with its weights but without its optimizer.

    Args:
        model: A built model; it is not changed.

    Returns:
        An uncompiled model that shares no variable with `model`.

    Taught in chapter 10.
    """
    # keras.models.clone_model would bring an optimizer along.
    config = {k: v for k, v in model.get_config().items() if k != "compile_config"}
    copy = type(model).from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def int8_copy(model: keras.Model) -> keras.Model:
    """Return a `bare_copy` after Keras' `quantize("int8")`.

    Args:
        model: A built model; it is not changed.

    Returns:
        A model whose Dense kernels are 8-bit integers with a scale for each unit.

    Taught in chapter 10.
    """
    copy = bare_copy(model)
    # Keras collects garbage after each layer, which takes seconds where many models are alive.
    gc.freeze()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it names each layer that has no weights to quantize
            copy.quantize("int8")
    finally:
        gc.unfreeze()
    return copy


def keras_file(model: keras.Model) -> bytes:
    """Return what Keras writes when it saves a model as `.keras`.

    Args:
        model: Any Keras model. A compiled one brings its optimizer into the file; leave it out
            with `bare_copy`.

    Returns:
        The file's contents; nothing is left on the disk.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def lite_file(model: keras.Model, *, int8: bool = False) -> bytes:
    """Convert a model to the format of LiteRT (TensorFlow Lite).

    Args:
        model: A model with one input and one output.
        int8: Store the kernels as 8-bit integers (dynamic-range quantization); what LiteRT
            computes from them stays float32 between the layers.

    Returns:
        The contents of a `.tflite` file.

    Taught in chapter 10.
    """
    with _silence():
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def lite_program(file: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that runs a `.tflite` file on one thread.

    Args:
        file: What `lite_file` returned.

    Returns:
        A function from float32 inputs (batch, features) to outputs. Another batch size than the
        last call's costs a preparation.

    Raises:
        ValueError: These bytes are no such file.
    """
    with _silence():
        interpreter = tf.lite.Interpreter(model_content=file, num_threads=1)
        interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]

    def program(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, np.float32)
        if tuple(interpreter.get_input_details()[0]["shape"]) != x.shape:
            interpreter.resize_tensor_input(source, x.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source, x)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return program


def packed_size(model: keras.Model) -> int:
    """Return how many bytes a model's weights take after gzip.

    A `.keras` file also holds the date, so that its packed length is another one each time.
    """
    return len(gzip.compress(b"".join(array.tobytes() for array in model.get_weights())))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep out of a notebook what the converter prints, paths of temporary folders among it."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        quiet_start(),
    ):
        warnings.simplefilter("ignore")
        yield

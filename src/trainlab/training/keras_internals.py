"""What Keras keeps private and has no public way to, a function each.

`tests/test_training_keras_internals.py` fails when Keras changes one of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.random import seed_generator
from keras.src.utils import rng_utils

__all__ = ["all_layers", "build", "build_loss_and_metrics", "initial_epoch", "seed_all_but_tf"]


def all_layers(model: keras.Model) -> Sequence[keras.layers.Layer]:
    """Return the model itself, its layers, and theirs."""
    return model._flatten_layers()


def build(model: keras.Model, batch: Any) -> None:
    """Make every variable of a compiled model and its optimizer, without a step of training.

    Args:
        model: Compiled model.
        batch: What `train_step` is called with, as `keras.KerasTensor`.
    """
    model._symbolic_build(data_batch=batch)


def build_loss_and_metrics(
    model: keras.Model, y: keras.KerasTensor, output: keras.KerasTensor
) -> None:
    """Build what was compiled from shapes, which spares Keras' `build` a trace of the model."""
    for compiled in (model._compile_loss, model._compile_metrics):
        if compiled is not None and not compiled.built:
            compiled.build(y, output)


def initial_epoch(model: keras.Model) -> int:
    """Return the epoch that `keras.callbacks.BackupAndRestore` resumes at, 0 without one."""
    return model._initial_epoch or 0


def seed_all_but_tf(seed: int) -> None:
    """Do what `keras.utils.set_random_seed` does, but leave TensorFlow as it is.

    TensorFlow's part discards all compiled kernels.
    """
    global_state.set_global_attribute(rng_utils.GLOBAL_RANDOM_SEED, seed)
    global_state.set_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR, None)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the state that Keras seeds

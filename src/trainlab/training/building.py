"""The variables of a model, made before its first step."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from trainlab.training.checks import is_from_keras
from trainlab.training.keras_internals import build, build_loss_and_metrics
from trainlab.training.program import averages
from trainlab.training.run import Run
from trainlab.training.shapes import one_shape
from trainlab.training.step import Step
from trainlab.training.targets import check_targets

__all__ = ["build_all", "build_late_metrics", "check_known_targets"]


def check_known_targets(model: keras.Model, run: Run) -> None:
    """Refuse targets that do not fit, as far as that can be told before the model is built."""
    output = one_shape(model, "output_shape")
    check_targets(model, run.y, output)
    if run.validation_data is not None:
        check_targets(model, run.validation_data[1], output, "validation ")


def build_all(model: keras.Model, train: Any, run: Run) -> None:
    """Make the variables of model, loss, metrics and optimizer that a step makes in Keras."""
    size = run.rows_of_a_batch
    batch = keras.tree.map_structure(
        lambda a: keras.KerasTensor((size, *a.shape[1:]), a.dtype.name), train
    )
    if one_shape(model, "output_shape") is None:
        model(batch[0])
        check_known_targets(model, run)
    output = one_shape(model, "output_shape")
    if output is not None and isinstance(batch[1], keras.KerasTensor) and is_from_keras(model):
        build_loss_and_metrics(model, batch[1], keras.KerasTensor(output))
    build(model, batch)


def build_late_metrics(model: keras.Model, train: Any) -> None:
    """Make the variables that a metric makes when it first sees a tensor, as F1Score does."""
    metrics = [getattr(metric, "metrics", [metric]) for metric in model.metrics]
    if not all(map(averages, keras.tree.flatten(metrics))):
        batch = keras.tree.map_structure(
            lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), train
        )
        Step(model.test_step).on(batch)

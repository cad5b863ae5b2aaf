"""A step of training or validation, traced."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["Step"]


class Step:
    """`train_step` or `test_step` of a model, traced once for each kind of batch, as in Keras.

    What a model is told without being compiled again, as to freeze a layer, has no effect on what
    was traced before.

    Attributes:
        trains: Whether it is `train_step`.
        keeps_logs: Whether it returns the logs. They cost a little each step.

    Args:
        method: `model.train_step` or `model.test_step`.
        keeps_logs: See above.
    """

    def __init__(self, method: Callable[[Any], dict], *, keeps_logs: bool = False) -> None:
        name = method.__name__
        model = weakref.ref(method.__self__)  # type: ignore[attr-defined]
        self.trains = name == "train_step"
        self.keeps_logs = keeps_logs

        def step(batch: Any) -> dict:
            logs = getattr(model(), name)(batch)
            return logs if keeps_logs else {}

        self._traced = tf.function(step, autograph=False, reduce_retracing=True)

    def on(self, batch: Any) -> Any:
        """Return the traced function for a batch of `tf.TensorSpec`."""
        return self._traced.get_concrete_function(batch)

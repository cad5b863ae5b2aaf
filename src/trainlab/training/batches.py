"""An epoch by Keras' own function, batch by batch."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["KerasEpoch"]


class KerasEpoch:
    """The epoch of a model whose layers draw from `tf.random`, with the methods of `EpochProgram`.

    Such a draw depends on how often the operation drew before, and an operation that stands in two
    places of a compiled loop counts twice. Only Keras' own program draws as Keras does.

    Args:
        model: Compiled model.
        phase: `"train"` or `"test"`.
        data: Tuple of (nested) tensors, each `(images, ...)`.
        batch_size: Images in a batch.
        stops_on_nan: Whether an epoch ends after the first step whose `"loss"` is not finite.
        resets_metrics: Whether an epoch begins with metrics that are reset.
    """

    def __init__(
        self,
        model: keras.Model,
        phase: str,
        data: Any,
        batch_size: int,
        *,
        stops_on_nan: bool = False,
        resets_metrics: bool = True,
    ) -> None:
        self._model_alive = weakref.ref(model)
        self._phase = phase
        self.images = int(keras.tree.flatten(data)[0].shape[0])
        self.batch_size = batch_size
        self.steps = -(-self.images // batch_size)
        self.stops_on_nan = stops_on_nan
        self._resets_metrics = resets_metrics
        self.uses_xla = False
        self.variables: tuple = ()
        self.draws_by_tensorflow = True

    def plan(self, epochs: int, runs: int = 1) -> None:
        """Do nothing: there is nothing to choose."""

    def run(self, data: Any, order: tf.Tensor) -> tuple[int, dict, dict]:
        """Do every step once, as `EpochProgram.run`."""
        return self.run_first(data, order, self.steps)

    def run_first(self, data: Any, order: tf.Tensor, batches: int) -> tuple[int, dict, dict]:
        """`run` that ends after a few batches."""
        model = self._model_alive()
        assert model is not None, "whoever trains a model holds it"
        if self._resets_metrics:
            model.reset_metrics()
        function = model.train_function if self._phase == "train" else model.test_function
        iterator = self._iterator(data, order)
        logs: dict = {}
        steps = 0
        while steps < batches:
            logs = function(iterator)
            steps = min(steps + model.steps_per_execution, self.steps)
            if self.stops_on_nan and not np.isfinite(logs["loss"]):
                break
        results = model.get_metrics_result()
        return steps, logs, dict(results if set(results) == set(logs) else logs)

    def _iterator(self, data: Any, order: tf.Tensor) -> Iterator:
        data = keras.tree.lists_to_tuples(data)
        return iter(
            tf.data.Dataset.from_tensor_slices(order)
            .batch(self.batch_size, drop_remainder=self.images % self.batch_size == 0)
            .map(lambda rows: keras.tree.map_structure(lambda a: tf.gather(a, rows), data))
        )

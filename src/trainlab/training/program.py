"""One epoch as one compiled program."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from trainlab.training.checks import is_from_keras, is_own
from trainlab.training.keras_internals import all_layers
from trainlab.training.step import Step

__all__ = ["VALIDATION_SHARE", "XLA_BREAK_EVEN", "EpochProgram", "averages"]

XLA_BREAK_EVEN = 1600
"""Training steps after which XLA has earned its compilation on a CPU.

A compromise: nets of one to twenty layers on one thread were even after 800 to 6,000 steps, those
with Adam or batch normalization sooner than those with plain SGD. A deeper net costs more to
compile and saves more on every step. `python -m benchmarks xla_rule` measures it.
"""

VALIDATION_SHARE = 1 / 3
"""What of a training step's arithmetic a step of validation has, and so saves: the forward pass."""

# Measured on a CPU: XLA's random numbers and convolutions take 5 to 20 times as long as those of
# TensorFlow's own kernels. `python -m benchmarks xla_rule` shows both.
_SLOW_IN_XLA_ON_CPU = ("Random", "Dropout", "Conv", "Pool")

# The names of those without a state begin with "Stateless".
_COUNT_THEIR_DRAWS = ("Random", "TruncatedNormal", "ParameterizedTruncatedNormal", "Multinomial")


class EpochProgram:
    """All batches of an epoch in one call: a loop that runs on the device.

    The loop takes rows `order[i * batch_size : (i + 1) * batch_size]` of the data and hands them to
    `step`; what is left over at the end makes a smaller last batch. Data and order are arguments,
    never constants of the program. Metrics that only average are reset and read in the same call.

    Attributes:
        variables: The variables that a step reads or changes.
        images: Rows of the data.
        steps: Number of batches in an epoch.
        uses_xla: Whether XLA compiles the loop, as decided by `plan`.

    Args:
        model: Compiled and built Keras model.
        step: `model.train_step` or `model.test_step`, or a `Step` of it that programs share.
        data: Tuple of (nested) tensors, each `(images, ...)`: what it will be called with.
        batch_size: Images in a batch.
        stops_on_nan: Whether the loop ends after the first step whose `"loss"` is not finite.
        resets_metrics: Whether `run` begins with metrics that are reset.
    """

    def __init__(
        self,
        model: keras.Model,
        step: Callable[[Any], dict] | Step,
        data: Any,
        batch_size: int,
        *,
        stops_on_nan: bool = False,
        resets_metrics: bool = True,
    ) -> None:
        self._given = step  # a method keeps its model alive, a Step lets it go
        step = step if isinstance(step, Step) else Step(step, keeps_logs=stops_on_nan)
        self.uses_xla = False
        self._model_alive = weakref.ref(model)
        self._trains = step.trains
        self.images = int(keras.tree.flatten(data)[0].shape[0])
        self.batch_size = batch_size
        self.keeps_logs = step.keeps_logs
        self.stops_on_nan = stops_on_nan
        self._resets_metrics = resets_metrics
        self._full_batches, self._left_over = divmod(self.images, batch_size)
        self.steps = self._full_batches + bool(self._left_over)

        # As in Keras' own pipeline the number of rows is unknown where the last batch is smaller.
        rows = None if self._left_over else batch_size

        def specify(array: tf.Tensor, rows: int | None) -> tf.TensorSpec:
            return tf.TensorSpec((rows, *array.shape[1:]), array.dtype)

        self._step = step.on(keras.tree.map_structure(lambda a: specify(a, rows), data))
        self._arguments = (
            keras.tree.map_structure(lambda a: specify(a, self.images), data),
            tf.TensorSpec((self.images,), tf.int32),
        )
        self._compiles_metrics = _has_plain_metrics(model)
        # Held here because TensorFlow would not: Keras drops its global seed generator at every
        # `set_random_seed`, and a program without its variable cannot run.
        self.variables = self._step.graph.variables
        self._epochs: dict[bool, Any] = {}
        self._epochs_done = 0
        self._xla_earned = self._xla_failed = False

    @property
    def _model(self) -> keras.Model:
        model = self._model_alive()
        if model is None:
            raise RuntimeError(
                "The model of this program is gone. Keep it as long as you train it."
            )
        return model

    def plan(self, epochs: int, runs: int = 1) -> None:
        """Choose between XLA and TensorFlow's own kernels for what is to come.

        The choice depends on the model and on the number of steps alone, never on a clock, so that
        two runs round alike. XLA has earned its compilation if as many steps are known to come as
        it needs, or if twice as many were done: then more are likely to follow. It is kept.

        Args:
            epochs: Number of epochs about to be run.
            runs: How often that many epochs are still to be run, such as the seeds of a sweep.
        """
        share = 1 if self._trains else VALIDATION_SHARE
        to_come, done = (share * n * self.steps for n in (epochs * runs, self._epochs_done))
        self._xla_earned |= to_come >= XLA_BREAK_EVEN or done >= 2 * XLA_BREAK_EVEN
        self.uses_xla = not self._xla_failed and self._prefers_xla()

    def _prefers_xla(self) -> bool:
        if not all(layer.supports_jit for layer in all_layers(self._model)):
            return False
        if tf.config.list_logical_devices("GPU"):
            return bool(self._model.jit_compile)
        if self._model.jit_compile:  # on a CPU only when asked for in `compile`
            return True
        if not self._xla_earned:
            return False
        return not any(slow in name for name in self._operations for slow in _SLOW_IN_XLA_ON_CPU)

    @functools.cached_property
    def _operations(self) -> set[str]:
        graph = self._step.graph.as_graph_def()
        functions = [node for function in graph.library.function for node in function.node_def]
        return {node.op for node in [*graph.node, *functions]}

    @property
    def draws_by_tensorflow(self) -> bool:
        """Whether a step has random operations that count their draws, as Keras' own do not."""
        return any(name.startswith(_COUNT_THEIR_DRAWS) for name in self._operations)

    def run(self, data: Any, order: tf.Tensor) -> tuple[int, dict, dict]:
        """Do every step once.

        Args:
            data: As given to the constructor.
            order: int32 tensor `(images,)`: the order of the rows.

        Returns:
            `(steps, logs, results)`: the number of steps done, the logs of the last one (`{}`
            unless `keeps_logs`) and the metrics by name.
        """
        self._epochs_done += 1
        first = self.uses_xla and True not in self._epochs
        done_before = int(self._model.optimizer.iterations)
        try:
            return self._run(data, order)
        except tf.errors.OpError:
            # XLA compiles before the first step: if none was done, this model is not for XLA.
            if not first or int(self._model.optimizer.iterations) != done_before:
                raise
        self._xla_failed, self.uses_xla = True, False
        return self._run(data, order)

    def run_first(self, data: Any, order: tf.Tensor, batches: int) -> tuple[int, dict, dict]:
        """`run` that ends after a few batches, as Keras' loop does when it is told to stop."""
        if self._resets_metrics:
            self._model.reset_metrics()
        logs = {}
        steps = min(batches, self.steps)
        for number in range(steps):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            logs = self._step(_rows(data, rows))
        return steps, logs, self._results(logs, self._model.get_metrics_result())

    def _run(self, data: Any, order: tf.Tensor) -> tuple[int, dict, dict]:
        if self._resets_metrics and not self._compiles_metrics:
            self._model.reset_metrics()
        steps, logs, results = self._epoch()(data, order)
        if not self._compiles_metrics:
            results = self._model.get_metrics_result()
        return int(steps), logs, self._results(logs, results)

    def _results(self, logs: dict, results: dict) -> dict:
        if self.keeps_logs and set(logs) != set(results):
            results = logs  # a `compute_metrics` that returns more than the metrics hold
        return dict(results)

    def _epoch(self) -> Any:
        xla = self.uses_xla
        if xla not in self._epochs:
            self._epochs[xla] = self._concrete(lambda data, order: self._steps(data, order, xla))
        return self._epochs[xla]

    def _concrete(self, function: Callable, **options: Any) -> Any:
        # Not the tf.function itself: TensorFlow complains of retracing after some new models.
        return tf.function(function, autograph=False, **options).get_concrete_function(
            *self._arguments
        )

    def _steps(self, data: Any, order: tf.Tensor, xla: bool) -> tuple:
        if self._resets_metrics and self._compiles_metrics:
            self._model.reset_metrics()
        loop = self._concrete(self._loop, jit_compile=True) if xla else self._loop
        steps, logs, going = loop(data, order)
        if self._left_over:
            rest = _rows(data, order[-self._left_over :])
            if self.stops_on_nan:
                logs = tf.cond(going, lambda: self._step(rest), lambda: logs)
                steps += tf.cast(going, tf.int32)
            else:
                logs = self._step(rest)
                steps += 1
        return steps, logs, self._model.get_metrics_result() if self._compiles_metrics else {}

    def _loop(self, data: Any, order: tf.Tensor) -> tuple:
        def body(step: tf.Tensor, _logs: dict, _going: tf.Tensor) -> tuple:
            start = step * self.batch_size
            logs = self._step(_rows(data, tf.slice(order, [start], [self.batch_size])))
            going = tf.math.is_finite(logs["loss"]) if self.stops_on_nan else True
            return step + 1, logs, going

        logs = keras.tree.map_structure(
            lambda spec: tf.zeros(spec.shape, spec.dtype), self._step.structured_outputs
        )
        return tf.while_loop(
            lambda step, _logs, going: tf.logical_and(going, step < self._full_batches),
            body,
            (0, logs, True),
            parallel_iterations=1,
        )


def _rows(data: Any, index: tf.Tensor) -> Any:
    return keras.tree.map_structure(lambda a: tf.gather(a, index), data)


def _has_plain_metrics(model: keras.Model) -> bool:
    methods = "reset_metrics", "get_metrics_result"
    if type(model).metrics is not keras.Model.metrics or any(is_own(model, m) for m in methods):
        return False
    metrics = [getattr(metric, "metrics", [metric]) for metric in model.metrics]
    return all(map(averages, keras.tree.flatten(metrics)))


def averages(metric: keras.metrics.Metric) -> bool:
    """Return whether a metric is one of Keras' that hold a sum and a count and no more."""
    return isinstance(metric, keras.metrics.Mean) and is_from_keras(metric)

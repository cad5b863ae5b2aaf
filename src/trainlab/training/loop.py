"""Keras' own loop over epochs around the compiled programs."""

from __future__ import annotations

import functools
import logging
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainlab.training.batches import KerasEpoch
from trainlab.training.building import build_all
from trainlab.training.fallback import data_order
from trainlab.training.keras_internals import initial_epoch
from trainlab.training.program import EpochProgram
from trainlab.training.programs import programs_of
from trainlab.training.run import Run

__all__ = ["run_epochs"]

_logger = logging.getLogger("trainlab")


class _Loop:
    """One run of a model: its programs, each planned once."""

    def __init__(self, model: keras.Model, run: Run, runs: int, announce: bool) -> None:
        self._model, self._run, self._runs, self._announce = model, run, runs, announce
        self._planned: dict[str, tuple[Any, EpochProgram | KerasEpoch]] = {}

    def program(self, phase: str, data: Any) -> EpochProgram | KerasEpoch:
        """Return the program of a phase; it is traced now if it was not before."""
        if not self._planned:
            build_all(self._model, data, self._run)
        function = getattr(self._model, f"{phase}_function")
        if self._planned.get(phase, (None,))[0] is not function or function is None:
            program = programs_of(self._model).get(self._model, phase, data, self._run)
            every = 1 if phase == "train" else self._run.validation_freq
            program.plan(self._run.epochs // every, self._runs)
            self._planned[phase] = function, program
            if isinstance(program, KerasEpoch) and self._announce:
                self._announce = False
                _logger.warning(
                    "trainlab: a layer of the model %r draws from tf.random; the steps of "
                    "model.fit train instead, more slowly.",
                    self._model.name,
                )
        return self._planned[phase][1]

    def train(self, data: Any, epoch: int) -> dict:
        """Train for an epoch and return the metrics; a loss that is NaN stops the run."""
        program = self.program("train", data)
        order = data_order(program.images, epoch, self._run.shuffle, self._run.seed)
        run = self._first_only(program) if self._model.stop_training else program.run
        steps, last, logs = run(data, tf.convert_to_tensor(order))
        if program.stops_on_nan and not np.isfinite(last["loss"]):
            for callback in self._run.callbacks:
                if type(callback) is keras.callbacks.TerminateOnNaN:
                    callback.on_batch_end(steps - 1, {"loss": float(last["loss"])})
        return logs

    def validate(self, data: Any, callbacks: keras.callbacks.CallbackList) -> dict:
        """Return the metrics of the validation data, by the names that they have in History."""
        model = self._model
        model.make_test_function()
        model.stop_evaluating = False
        callbacks.on_test_begin()
        program = self.program("test", data)
        run = self._first_only(program) if model.stop_evaluating else program.run
        _, _, results = run(data, tf.range(program.images))
        results = {name: float(value) for name, value in results.items()}
        callbacks.on_test_end(results)
        return {f"val_{name}": value for name, value in results.items()}

    def _first_only(self, program: EpochProgram | KerasEpoch) -> Any:
        """Keras looks whether to stop after a step, so that it always does one."""
        return functools.partial(program.run_first, batches=self._model.steps_per_execution)


def run_epochs(
    model: keras.Model, train: Any, valid: Any, run: Run, *, runs: int = 1, announce: bool = True
) -> keras.callbacks.History:
    """Train as `model.fit` does, with one call an epoch.

    The programs are traced when Keras traces its own: after the callbacks have seen the beginning
    of the first epoch, and so could change what is traced.

    Args:
        model: Compiled model.
        train, valid: Tuples of (nested) tensors, `valid` may be `None`.
        run: What was asked for.
        runs: How many such runs are to come with this one.
        announce: Whether to say if an epoch cannot be compiled.
    """
    listed = keras.callbacks.CallbackList(
        run.callbacks,
        add_history=True,
        add_progbar=run.verbose != 0,
        model=model,
        verbose=run.verbose,
        epochs=run.epochs,
        steps=-(-int(keras.tree.flatten(train)[0].shape[0]) // run.rows_of_a_batch),
    )
    loop = _Loop(model, run, runs, announce)
    model.stop_training = False
    model.make_train_function()
    listed.on_train_begin()
    logs = None
    watched = run.watches_beginnings()
    for epoch in range(initial_epoch(model), run.epochs):
        if watched:
            model.reset_metrics()
        listed.on_epoch_begin(epoch)
        logs = loop.train(train, epoch)
        if valid is not None and (epoch + 1) % run.validation_freq == 0:
            logs |= loop.validate(valid, listed)
        listed.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if run.epochs > 0:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    listed.on_train_end(logs)
    return model.history

"""A model that trains in place of others like it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from trainlab.training.batches import KerasEpoch
from trainlab.training.building import build_all, build_late_metrics
from trainlab.training.keras_internals import all_layers, seed_all_but_tf
from trainlab.training.likeness import NotUnderstood, describe
from trainlab.training.program import EpochProgram
from trainlab.training.programs import programs_of
from trainlab.training.run import Run, has_own

__all__ = ["Template"]

_BEFORE_TRACING = ("set_model", "set_params", "on_train_begin", "on_epoch_begin", "on_test_begin")


class Template:
    """The first model of a sweep, whose compiled programs train the others too.

    A program belongs to the variables of the model that it was traced for. Another model of the
    same configuration is trained by copying its variables, seed generators and optimizer state into
    the template and the trained ones back. A learning rate that is a number is one of those
    variables, so models may differ in it. A sweep enters the template and leaves it, and when it is
    left the first model is again what it was before others were trained in its place.

    What cannot be told to be the same, as an activation whose closure holds what
    `trainlab.training.likeness` does not understand, or a callback that may change the model before
    it is traced, is trained by a program of its own.
    """

    def __init__(self) -> None:
        self._model: keras.Model | None = None
        self._configuration: Any = None
        self._compiled: Any = None
        self._borrowed: Any = None
        self._first_draw: float | None = None
        self._keeps_kernels = False

    def __enter__(self) -> Template:
        return self

    def set_random_seed(self, seed: int) -> None:
        """`keras.utils.set_random_seed`, which from the second call on keeps compiled kernels.

        TensorFlow's part of it discards all kernels, so that operations that count their draws
        (`tf.random.normal`) begin anew. To make a program ready again then takes longer than to
        train a small net. Models whose first run drew by Keras, NumPy and Python alone do without.
        """
        if self._first_draw is not None and self._programs():
            untouched = float(tf.random.uniform(())) == self._first_draw
            self._keeps_kernels = untouched and not self._draws_by_tensorflow()
        self._first_draw = None
        if self._keeps_kernels:
            seed_all_but_tf(seed)
            return
        keras.utils.set_random_seed(seed)
        if self._model is None:
            self._first_draw = float(tf.random.uniform(()))
            keras.utils.set_random_seed(seed)

    def _programs(self) -> list[EpochProgram | KerasEpoch]:
        return programs_of(self._model).all() if self._model is not None else []

    def _draws_by_tensorflow(self) -> bool:
        return any(program.draws_by_tensorflow for program in self._programs())

    def __exit__(self, *_error: object) -> None:
        if self._borrowed is not None and self._model is not None:
            values, self._model.history = self._borrowed
            for variable, value in zip(_state(self._model), values, strict=True):
                variable.assign(value)
            self._borrowed = None

    @contextlib.contextmanager
    def lend(self, model: keras.Model, train: Any, valid: Any, run: Run) -> Iterator[keras.Model]:
        """Yield the model to train in place of `model`, which holds the result afterwards."""
        if self._model is not None and model is self._model:
            raise ValueError(
                f"build() returned the model {model.name!r} a second time. It must make a new "
                "model at each call, or the seeds would train the same weights one after the other."
            )
        if any(has_own(callback, hook) for callback in run.callbacks for hook in _BEFORE_TRACING):
            yield model
            return
        build_all(model, train, run)
        build_late_metrics(model, train)
        if self._model is None:
            model.make_train_function()
            self._model, self._compiled = model, model.train_function
            self._configuration = _configuration(model)
            yield model
            if _has_hooks_of_the_reader(run) and _configuration(model) != self._configuration:
                self._model = None  # a callback may have changed what was traced
        elif self._fits(model, train, valid, run):
            if self._borrowed is None:
                values = [variable.numpy() for variable in _state(self._model)]
                self._borrowed = values, self._model.history
            _copy(model, self._model)
            yield self._model
            _copy(self._model, model)
        else:
            yield model

    def _fits(self, model: keras.Model, train: Any, valid: Any, run: Run) -> bool:
        template = self._model
        configuration = _configuration(model)
        if template is None or configuration is None or configuration != self._configuration:
            return False
        if template.train_function is None or template.train_function is not self._compiled:
            return False  # it was compiled again since
        template.make_test_function()
        wanted = {"train": train} | ({} if valid is None else {"test": valid})
        for phase, data in wanted.items():
            programs_of(template).get(template, phase, data, run)
        if self._draws_by_tensorflow():  # its operations took their seeds when they were traced
            return False
        # A layer that draws from Keras' global seed generator changes a variable outside the model.
        known = {id(variable.value) for variable in _state(template)}
        return all(
            id(variable) in known for program in self._programs() for variable in program.variables
        )


def _has_hooks_of_the_reader(run: Run) -> bool:
    hooks = [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]
    return any(has_own(callback, hook) for callback in run.callbacks for hook in hooks)


def _state(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def _copy(source: keras.Model, target: keras.Model) -> None:
    for old, new in zip(_state(target), _state(source), strict=True):
        old.assign(new.value)


def _configuration(model: keras.Model) -> Any:
    """All that two models must share to be trained by one program; `None` if it cannot be told."""
    names = [model.name, model.optimizer.name]
    names += [layer.name for layer in all_layers(model)[1:]]
    # Keras numbers its names: dense_3 in one model is dense in another.
    numbers = {name: f"{number}th name" for number, name in enumerate(dict.fromkeys(names))}
    metrics = [getattr(metric, "metrics", [metric]) for metric in model.metrics]
    try:
        described = (model.get_config(), model.get_compile_config())
    except Exception:  # what is the reader's raises what it likes, as Keras of what it cannot save
        return None
    optimizer = described[1]["optimizer"]["config"]
    if not isinstance(optimizer.get("learning_rate"), dict):  # a schedule is part of the program
        optimizer.pop("learning_rate", None)
    try:
        configured = describe(_named_alike(described, numbers))
        behaviour = describe(*all_layers(model), model.optimizer, model.loss, *metrics)
    except NotUnderstood:
        return None
    shapes = [(tuple(v.shape), str(v.dtype), bool(v.trainable)) for v in _state(model)]
    return configured, shapes, behaviour


def _named_alike(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _named_alike(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named_alike(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value

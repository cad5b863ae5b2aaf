"""Many seeds of one configuration: their results, and the program that they share."""

import contextlib
import dataclasses
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

__all__ = ["Sweep", "SweepFailed", "Template", "check_sweep", "split_data", "tabulate"]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What `trainlab.training.sweep` measured.

    Args:
        seeds: The seeds, in the order of the rows of `history`.
        history: Metric name to array `(seeds, epochs)`, NaN where a seed had stopped already or was
            not validated.
        models: The trained models, one a seed, if they were asked for, else `()`.
    """

    seeds: tuple
    history: dict
    models: tuple = ()


class SweepFailed(RuntimeError):
    """One seed of a sweep failed.

    Attributes:
        seed: The seed that failed.
        label: Its configuration.
        partial: `Sweep` of the seeds that had finished.
    """

    def __init__(self, label, seed, fit_arguments, partial, error):
        settings = ", ".join(
            f"{name}={value!r}"
            for name, value in fit_arguments.items()
            if isinstance(value, (bool, int, float, str))
        )
        super().__init__(
            f"The configuration {label!r}{f' ({settings})' if settings else ''} failed at seed "
            f"{seed}: {type(error).__name__}: {error} Finished before and kept in .partial: seeds "
            f"{list(partial.seeds)}."
        )
        self.seed, self.label, self.partial = seed, label, partial


class Template:
    """The first model of a sweep, whose compiled programs train the others too.

    A program belongs to the variables of the model that it was traced for. Another model of the
    same configuration is trained by copying its variables, seed generators and optimizer state into
    the template and the trained ones back. A learning rate that is a number is one of those
    variables, so models may differ in it. A sweep enters the template and leaves it, and when it is
    left the first model is again what it was before others were trained in its place.
    """

    def __init__(self):
        self._model = None
        self._borrowed = None
        self._first_draw = None
        self._keeps_kernels = False

    def __enter__(self):
        return self

    def set_random_seed(self, seed):
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
            with mock.patch.object(tf.random, "set_seed"):
                keras.utils.set_random_seed(seed)
            return
        keras.utils.set_random_seed(seed)
        if self._model is None:
            self._first_draw = float(tf.random.uniform(()))
            keras.utils.set_random_seed(seed)

    def _programs(self):
        programs = vars(self._model).get("_trainlab_programs", {}) if self._model else {}
        return [program for _, program in programs.values()]

    def _draws_by_tensorflow(self):
        return any(program.draws_by_tensorflow for program in self._programs())

    def __exit__(self, *_error):
        if self._borrowed is not None:
            values, self._model.history = self._borrowed
            for variable, value in zip(_state(self._model), values, strict=True):
                variable.assign(value)
            self._borrowed = None

    @contextlib.contextmanager
    def lend(self, model):
        """Yields the model to train in place of `model`, which holds the result afterwards."""
        if self._model is None:
            self._model, self._configuration = model, _configuration(model)
            yield model
        elif model is self._model:
            raise ValueError(
                f"build() returned the model {model.name!r} a second time. It must make a new "
                "model at each call, or the seeds would train the same weights one after the other."
            )
        elif self._fits(model):
            if self._borrowed is None:
                values = [variable.numpy() for variable in _state(self._model)]
                self._borrowed = values, self._model.history
            _copy(model, self._model)
            yield self._model
            _copy(self._model, model)
        else:
            yield model

    def _fits(self, model):
        configuration = _configuration(model)
        if configuration is None or configuration != self._configuration:
            return False
        if self._draws_by_tensorflow():  # its operations took their seeds when they were traced
            return False
        # A layer that draws from Keras' global seed generator changes a variable outside the model.
        known = {id(variable.value) for variable in _state(self._model)}
        return all(
            id(variable) in known for program in self._programs() for variable in program.variables
        )


def _state(model):
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def _copy(source, target):
    for old, new in zip(_state(target), _state(source), strict=True):
        old.assign(new.value)


def _configuration(model):
    """All that two models must share to be trained by one program; `None` if it cannot be told."""
    names = [model.name, model.optimizer.name]
    names += [layer.name for layer in model._flatten_layers(include_self=False)]
    # Keras numbers its names: dense_3 in one model is dense in another.
    numbers = {name: f"{number}th name" for number, name in enumerate(dict.fromkeys(names))}
    try:
        described = (model.get_config(), model.get_compile_config())
    except NotImplementedError:
        return None
    optimizer = described[1]["optimizer"]["config"]
    if not isinstance(optimizer.get("learning_rate"), dict):  # a schedule is part of the program
        optimizer.pop("learning_rate", None)
    shapes = [(tuple(v.shape), str(v.dtype), bool(v.trainable)) for v in _state(model)]
    return _normal(described, numbers), shapes, _functions(model)


def _normal(value, names):
    if isinstance(value, dict):
        return {key: _normal(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(item, names) for item in value]
    if isinstance(value, str):
        return names.get(value, value)
    return value if isinstance(value, (bool, int, float, type(None))) else repr(value)


def _functions(model):
    """Losses and metrics of one's own, which a configuration only names."""
    compiled = keras.tree.flatten([model._compile_config.config["loss"]])
    compiled += keras.tree.flatten([model._compile_config.config["metrics"]])
    return [
        (item.__code__, [cell.cell_contents for cell in item.__closure__ or ()])
        for item in compiled
        if hasattr(item, "__code__")
    ]


def check_sweep(build, data, seeds, fit_arguments):
    """Raises if a sweep cannot begin; returns the seeds as a tuple of Python integers."""
    if not callable(build):
        raise TypeError(
            f"build must be a function that returns a new compiled model. Received: {build!r}. "
            "Wrap it: def build(): ..."
        )
    if not callable(data) and not (isinstance(data, (list, tuple)) and len(data) in (2, 4)):
        raise ValueError(
            "data must be (x, y), (x_train, y_train, x_valid, y_valid) or a function of the seed. "
            f"Received: {type(data).__name__}"
            + (f" of length {len(data)}." if hasattr(data, "__len__") else ".")
        )
    for name in ("seed", "x", "y"):
        if name in fit_arguments:
            raise TypeError(
                f"sweep() sets {name} itself. Received: {name}={fit_arguments[name]!r}."
            )
    try:
        seeds = tuple(int(seed) for seed in seeds)
    except TypeError:
        raise TypeError(
            f"seeds must be a sequence of integers, such as range(5). Received: seeds={seeds!r}."
        ) from None
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(
            "seeds must be one or more different integers, none of them negative. Received: "
            f"seeds={seeds}."
        )
    return seeds


def split_data(data, fit_arguments):
    """The arguments of `fit` for one seed."""
    if len(data) == 4:
        if fit_arguments.get("validation_data") is not None:
            raise ValueError(
                "Validation data were given twice, in data and as validation_data. Pass one of "
                "them."
            )
        x, y, *validation_data = data
        return {**fit_arguments, "x": x, "y": y, "validation_data": tuple(validation_data)}
    x, y = data
    return {**fit_arguments, "x": x, "y": y}


def tabulate(histories, epochs, validation_freq=1):
    """Histories of several seeds as arrays `(seeds, epochs)` by metric."""
    table = {}
    for row, history in enumerate(histories):
        for name, values in history.items():
            column = table.setdefault(name, np.full((len(histories), epochs), np.nan))
            every = validation_freq if name.startswith("val_") else 1
            column[row, every - 1 :: every][: len(values)] = values
    return table

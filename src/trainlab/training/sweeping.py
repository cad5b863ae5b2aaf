"""Many seeds of one configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from trainlab.training.checks import as_arrays, is_arrays
from trainlab.training.device import place
from trainlab.training.fitting import train
from trainlab.training.progress import ProgressBar
from trainlab.training.run import Run, check_names
from trainlab.training.templates import Template

__all__ = ["Sweep", "SweepFailed", "sweep"]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What `trainlab.training.sweep` measured.

    Args:
        seeds: The seeds, in the order of the rows of `history`.
        history: Metric name to array `(seeds, epochs)`, NaN where a seed had stopped already or was
            not validated.
        models: The trained models, one a seed, if they were asked for, else `()`.
    """

    seeds: tuple[int, ...]
    history: dict[str, np.ndarray]
    models: tuple[keras.Model, ...] = ()


class SweepFailed(RuntimeError):
    """One seed of a sweep failed.

    Attributes:
        seed: The seed that failed.
        label: Its configuration.
        partial: `Sweep` of the seeds that had finished.
    """

    def __init__(
        self,
        label: str,
        seed: int,
        fit_arguments: Mapping[str, Any],
        partial: Sweep,
        error: Exception,
    ) -> None:
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


def sweep(
    build: Callable[[], keras.Model],
    data: Any,
    seeds: Iterable[int],
    *,
    label: str | None = None,
    keep_models: bool = False,
    template: Template | None = None,
    verbose: Any = "auto",
    **fit_arguments: Any,
) -> Sweep:
    """Trains one model a seed.

    The seed decides the initial weights, dropout and the order of the data, and nothing else does:
    two configurations swept over the same seeds are paired, seed by seed. The program of an epoch
    is compiled for the first seed and used again for the others.

    Args:
        build: Function without arguments that returns a new compiled model. Called once a seed,
            after `keras.utils.set_random_seed(seed)`. It must build the same configuration each
            time.
        data: `(x, y)` or `(x_train, y_train, x_valid, y_valid)`, or a function of the seed that
            returns one of these, for a split that depends on the seed.
        seeds: Different integers, at least 0.
        label: Name of the configuration in messages and in the progress bar. By default the name of
            `build`.
        keep_models: Whether the trained models are returned.
        template: `trainlab.training.Template` that keeps the compiled programs, to share them
            between sweeps that differ in nothing but seeds and learning rate.
        verbose: 0 hides the progress bar.
        **fit_arguments: What `fit` takes besides `seed`. `callbacks` is a list, used again for
            every seed, or a function without arguments that returns a new list.

    Returns:
        `Sweep`: `history` maps each metric to an array `(seeds, epochs)`, NaN after the last epoch
        of a seed that stopped early, and where `validation_freq` left an epoch out; `seeds`;
        `models`, `()` unless `keep_models`.

    Raises:
        SweepFailed: If a seed fails. The message names seed and configuration, `partial` holds the
            `Sweep` of the finished seeds, and `__cause__` is what went wrong.

    Example:

    >>> data = (x_train, y_train, x_valid, y_valid)
    >>> runs = sweep(build, data, seeds=range(5), epochs=10, label="ReLU, He")
    >>> runs.history["val_accuracy"][:, -1].mean()

    Taught in chapter 11.
    """
    numbers = _check(build, data, seeds, fit_arguments)
    name = str(label or getattr(build, "__qualname__", type(build).__name__))
    epochs = fit_arguments.get("epochs", 1)
    shape = epochs, fit_arguments.get("validation_freq", 1)
    make_callbacks = fit_arguments.pop("callbacks", None) or ()
    histories: list[keras.callbacks.History] = []
    models: list[keras.Model] = []
    if not callable(data):
        data = tuple(place(as_arrays(part)) if is_arrays(part) else part for part in data)

    with (
        template or Template() as shared,
        ProgressBar(len(numbers) * epochs, name, visible=verbose != 0) as bar,
    ):
        for number, seed in enumerate(numbers):
            try:
                shared.set_random_seed(seed)
                arguments = _split(data(seed) if callable(data) else data, fit_arguments)
                callbacks = make_callbacks() if callable(make_callbacks) else make_callbacks
                callbacks = [*callbacks, _Progress(bar, number * epochs, seed)]
                model = build()
                history = train(
                    model,
                    Run(**arguments, seed=seed, verbose=0, callbacks=callbacks),
                    template=shared,
                    runs=len(numbers) - number,
                    announce=number == 0,
                )
            except Exception as error:
                finished = Sweep(numbers[:number], _tabulate(histories, *shape), tuple(models))
                raise SweepFailed(name, seed, fit_arguments, finished, error) from error
            histories.append(history)
            if keep_models:
                models.append(model)
    return Sweep(numbers, _tabulate(histories, *shape), tuple(models))


class _Progress(keras.callbacks.Callback):
    """Moves a bar on after every epoch of a seed."""

    def __init__(self, bar: ProgressBar, done: int, seed: int) -> None:
        super().__init__()
        self._bar, self._done, self._note = bar, done, f"seed {seed}"
        bar.update(done, self._note)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._bar.update(self._done + epoch + 1, self._note)


def _check(
    build: Any, data: Any, seeds: Iterable[int], fit_arguments: Mapping[str, Any]
) -> tuple[int, ...]:
    """Raise if a sweep cannot begin; return the seeds as a tuple of Python integers."""
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
    names = {field.name for field in dataclasses.fields(Run)}
    check_names("sweep", fit_arguments, names - {"seed", "verbose", "x", "y"})
    try:
        numbers = tuple(int(seed) for seed in seeds)
    except TypeError:
        raise TypeError(
            f"seeds must be a sequence of integers, such as range(5). Received: seeds={seeds!r}."
        ) from None
    if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 0:
        raise ValueError(
            "seeds must be one or more different integers, none of them negative. Received: "
            f"seeds={numbers}."
        )
    return numbers


def _split(data: Sequence[Any], fit_arguments: Mapping[str, Any]) -> dict[str, Any]:
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


def _tabulate(
    histories: Sequence[keras.callbacks.History], epochs: int, validation_freq: int | list[int]
) -> dict[str, np.ndarray]:
    """Histories of several seeds as arrays `(seeds, epochs)` by metric."""
    table: dict[str, np.ndarray] = {}
    for row, history in enumerate(histories):
        validated = [epoch for epoch in history.epoch if _is_validated(epoch + 1, validation_freq)]
        for name, values in history.history.items():
            column = table.setdefault(name, np.full((len(histories), epochs), np.nan))
            at = validated if name.startswith("val_") else history.epoch
            column[row, at[: len(values)]] = values
    return table


def _is_validated(number: int, validation_freq: int | list[int]) -> bool:
    if isinstance(validation_freq, list):
        return number in validation_freq
    return number % validation_freq == 0

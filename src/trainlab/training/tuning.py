"""Give each side of a comparison a learning rate that suits it."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from trainlab import record
from trainlab.training.sweeping import Sweep, sweep
from trainlab.training.templates import Template

__all__ = ["TUNING_SEEDS", "Tuned", "choose_rate", "search", "tuned_sweep", "validation_loss"]

# Not among the seeds of any edition or record, so that no run that is reported was used to choose.
TUNING_SEEDS = (97, 98, 99)
MAX_EXTENSIONS = 6
# Mean losses that differ by less are level: a plateau has no best rate to look for.
TIE = 1e-4

_logger = logging.getLogger("trainlab")


class Tuned(NamedTuple):
    """What `tuned_sweep` returns.

    Args:
        rate: The learning rate that was chosen.
        runs: The `trainlab.training.Sweep` over the reported seeds at that rate.
        trials: Learning rate to the validation losses it was chosen by, one a tuning seed, NaN for
            a run that diverged; in rising order of the rates.
    """

    rate: float
    runs: Sweep
    trials: dict[float, tuple[float, ...]]


def tuned_sweep(
    build: Callable[[float], keras.Model],
    data: Any,
    seeds: Sequence[int],
    *,
    rates: Sequence[float],
    label: str | None = None,
    template: Template | None = None,
    **fit_arguments: Any,
) -> Tuned:
    """Train one model a seed at the learning rate that ends with the lowest validation loss.

    Every rate is tried with the budget of the comparison on the three `TUNING_SEEDS`, which are
    not reported. What is compared is the mean loss of the trained models on the validation images
    without regularization penalties, since a penalty is small for weights that hardly moved. Where
    the best rate is the smallest or the largest one, the grid goes on beyond it by the same factor
    until the best rate has neighbours on both sides. A rate with a run that diverged counts as the
    worst.

    A rate that the record of the edition holds for this label, net and budget is used as it is,
    without a search (`trainlab.record`).

    Args:
        build: Returns a new compiled model for a learning rate, or for another positive setting
            that is tuned.
        data: `(x, y)` or `(x_train, y_train, x_valid, y_valid)`, or a function of the seed that
            returns one of these.
        seeds: The seeds to train with, without `TUNING_SEEDS`.
        rates: The learning rates to begin with. A single one is taken as it is.
        label: The chapter's number and a name that no other search of it has, as "05 sigmoid,
            BatchNorm": under it the record keeps the choice. None searches in every run.
        template: `trainlab.training.Template` that keeps the compiled programs, to share them.
        **fit_arguments: As for `trainlab.training.sweep`; there must be validation data.

    Returns:
        A `Tuned`: rate, runs over `seeds`, trials.

    Raises:
        ValueError: There is no rate to try, no validation data, every trial diverged, the best
            rate stays at the edge of the grid, or a tuning seed is among the seeds.
    """
    _check_seeds(seeds)
    validation_data = _validation_data(data, fit_arguments)

    with template or Template() as shared:

        def trial(rate: float) -> list[float]:
            swept = sweep(
                lambda: build(rate),
                data,
                TUNING_SEEDS,
                label=f"{label or 'tuning'}, rate {rate:g}",
                template=shared,
                **{**fit_arguments, "keep_models": True},
            )
            return [
                validation_loss(model, *validation_data(seed))
                for seed, model in zip(TUNING_SEEDS, swept.models, strict=True)
            ]

        setting = _setting(build(rates[0]), data, fit_arguments) if len(rates) else ""
        rate, trials = choose_rate(rates, trial, label=label, setting=setting)
        runs = sweep(
            lambda: build(rate),
            data,
            seeds,
            label=f"{label or 'tuned'}, rate {rate:g}",
            template=shared,
            **fit_arguments,
        )
    return Tuned(rate, runs, trials)


def choose_rate(
    rates: Sequence[float],
    trial: Callable[[float], Sequence[float]],
    *,
    label: str | None,
    setting: str = "",
) -> tuple[float, dict[float, tuple[float, ...]]]:
    """Return the recorded rate of a label, or else search for the best one.

    Args:
        rates: The learning rates to begin with.
        trial: Trains at a rate and returns a loss for each of the `TUNING_SEEDS`.
        label: Under which the record keeps the choice; None searches in every run.
        setting: What was tuned, as a short text. A recorded rate of another setting is not used.

    Returns:
        The rate and the trials it was chosen from.
    """
    if len(rates) == 1:
        return rates[0], {}
    known = None if label is None else record.tuning(label)
    if known is not None:
        tried = all(any(math.isclose(rate, one) for one in known.trials) for rate in rates)
        if tried and known.setting == setting:
            return known.rate, known.trials
        _logger.warning(
            "trainlab: the recorded rate of %r was chosen for another net or budget, or among "
            "other rates; it is searched for again.",
            label,
        )
    rate, trials = search(rates, trial)
    if label is not None:
        record.note_tuning(record.Tuning(label, setting, rate, trials))
    return rate, trials


def search(
    rates: Sequence[float], trial: Callable[[float], Sequence[float]]
) -> tuple[float, dict[float, tuple[float, ...]]]:
    """Return the rate with the lowest mean loss, widening the grid until it lies inside.

    On a plateau no rate is the best: one inside the grid whose mean loss is level with the lowest,
    to 1e-4, is taken.

    Args:
        rates: At least two rates to begin with.
        trial: Returns the losses of a rate, one a seed; one that is not finite says that the run
            diverged.

    Raises:
        ValueError: There are no two rates, every rate diverged, or the best rate is still at an
            edge after `MAX_EXTENSIONS` more rates.
    """
    grid = sorted({float(rate) for rate in rates})
    if len(grid) < 2 or grid[0] <= 0:
        raise ValueError(
            f"`rates` is {tuple(rates)}; give at least two different positive rates to compare."
        )
    trials = {rate: _losses(trial(rate)) for rate in grid}
    for extension in range(MAX_EXTENSIONS + 1):
        grid = sorted(trials)
        means = np.array([np.mean(trials[rate]) for rate in grid])
        diverged = not np.isfinite(means).any()
        best = 0 if diverged else int(np.nanargmin(means))
        inside = means[1:-1]
        if np.isfinite(inside).any() and np.nanmin(inside) < np.nanmin(means) + TIE:
            best = 1 + int(np.nanargmin(inside))
        if 0 < best < len(grid) - 1:
            return grid[best], {rate: trials[rate] for rate in grid}
        if extension < MAX_EXTENSIONS:
            edge, inner = (0, 1) if best == 0 else (-1, -2)
            beyond = float(f"{grid[edge] ** 2 / grid[inner]:.2g}")
            trials[beyond] = _losses(trial(beyond))
    tried = ", ".join(f"{rate:g}" for rate in grid)
    if diverged:
        raise ValueError(f"Every learning rate of {tried} diverged; try smaller ones.")
    raise ValueError(
        f"The best learning rate is {grid[best]:g}, at the edge of the grid {tried}, although the "
        f"grid was widened {MAX_EXTENSIONS} times. Begin with rates around it, or ask whether the "
        "loss depends on the rate at all."
    )


def validation_loss(model: keras.Model, x: Any, y: Any) -> float:
    """Return the mean loss of a compiled model in inference, without regularization penalties.

    Args:
        model: A model compiled with one loss.
        x, y: Validation images and their targets.
    """
    outputs = model(keras.ops.convert_to_tensor(x), training=False)
    losses = keras.losses.get(model.loss)(keras.ops.convert_to_tensor(y), outputs)
    return float(keras.ops.mean(losses))


def _losses(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) if np.isfinite(value) else float("nan") for value in values)


def _check_seeds(seeds: Sequence[int]) -> None:
    reported = sorted(set(TUNING_SEEDS) & set(seeds))
    if reported:
        raise ValueError(
            f"Seeds {', '.join(map(str, TUNING_SEEDS))} choose the learning rate and may not be "
            f"reported; received seeds={tuple(seeds)}. Leave {', '.join(map(str, reported))} out."
        )


def _validation_data(data: Any, fit_arguments: Mapping[str, Any]) -> Callable[[int], Sequence[Any]]:
    """Return a function of the seed that gives the validation images and targets."""

    def of_seed(seed: int) -> Sequence[Any]:
        parts = data(seed) if callable(data) else data
        held_out = parts[2:] if len(parts) == 4 else fit_arguments.get("validation_data")
        if held_out is None:
            raise ValueError(
                "There are no validation data, by whose loss the rates are compared. Pass "
                "`validation_data=(x_valid, y_valid)`."
            )
        return held_out[:2]

    if not callable(data):
        of_seed(TUNING_SEEDS[0])
    return of_seed


def _setting(model: keras.Model, data: Any, fit_arguments: Mapping[str, Any]) -> str:
    """Return a short text that differs between nets, budgets and amounts of data.

    It holds what versions of Keras agree in: classes, shapes and names.
    """
    layers = [
        [
            type(layer).__name__,
            [list(weight.shape) for weight in layer.weights],
            getattr(getattr(layer, "activation", None), "__name__", ""),
            type(getattr(layer, "kernel_initializer", None)).__name__,
            getattr(layer, "rate", ""),
        ]
        for layer in model.layers
    ]
    parts = data(TUNING_SEEDS[0]) if callable(data) else data
    budget = [fit_arguments.get("epochs", 1), fit_arguments.get("batch_size", 32), len(parts[0])]
    described = json.dumps([layers, type(model.optimizer).__name__, budget], default=str)
    return hashlib.sha256(described.encode()).hexdigest()[:12]

"""Give each side of a comparison a learning rate that suits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from trainlab import training
from trainlab.sweeping import Template

__all__ = ["TUNING_SEED", "tuned_sweep"]

# Not among the seeds of any edition, so that no run that is reported was used to choose.
TUNING_SEED = 99


def tuned_sweep(
    build: Callable[[float], keras.Model],
    data,
    seeds: Sequence[int],
    *,
    rates: Sequence[float],
    **fit_arguments,
) -> tuple[float, training.Sweep]:
    """Train one model a seed at the learning rate that ends with the lowest validation loss.

    Each rate is tried once, with the budget of the comparison and a seed that is not reported. A
    trial that diverged counts as the worst.

    Args:
        build: Returns a new compiled model for a learning rate.
        data: `(x, y)` or `(x_train, y_train, x_valid, y_valid)`.
        seeds: The seeds to train with, without `TUNING_SEED`.
        rates: The learning rates to try.
        **fit_arguments: As for `trainlab.training.sweep`; there must be validation data.

    Returns:
        The best of `rates`, and the `trainlab.training.Sweep` over `seeds` at that rate.

    Raises:
        ValueError: There is no rate to try, no validation data, every trial diverged, or
            `TUNING_SEED` is among the seeds.
    """
    if not len(rates):
        raise ValueError("`rates` is empty; give at least one learning rate to try.")
    if TUNING_SEED in seeds:
        raise ValueError(
            f"Seed {TUNING_SEED} chooses the learning rate and may not be reported; "
            f"received seeds={tuple(seeds)}. Leave it out."
        )
    losses = []
    with Template() as template:
        for rate in rates:
            trial = training.sweep(
                lambda rate=rate: build(rate),
                data,
                [TUNING_SEED],
                label=f"learning rate {rate:g}",
                template=template,
                **{**fit_arguments, "keep_models": True},
            )
            if "val_loss" not in trial.history:
                raise ValueError(
                    "There are no validation data, by whose loss the rates are compared. Pass "
                    "`validation_data=(x_valid, y_valid)`."
                )
            # Not the last column of trial.history, which is empty if the run was stopped early.
            losses.append(trial.models[0].history.history["val_loss"][-1])
        if not np.isfinite(losses).any():
            raise ValueError(
                f"Every learning rate of {', '.join(map(str, rates))} diverged; try smaller ones."
            )
        best = rates[int(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan)))]
        return best, training.sweep(
            lambda: build(best),
            data,
            seeds,
            label=f"learning rate {best:g}",
            template=template,
            **fit_arguments,
        )

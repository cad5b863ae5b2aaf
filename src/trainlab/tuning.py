"""Give each side of a comparison a learning rate that suits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from trainlab import training

__all__ = ["TUNING_SEED", "best_learning_rate"]

# Not among the seeds of any edition, so that no run that is reported was used to choose.
TUNING_SEED = 99


def best_learning_rate(
    build: Callable[[float], keras.Model],
    data,
    rates: Sequence[float],
    *,
    seed: int = TUNING_SEED,
    **fit_arguments,
) -> float:
    """Return the learning rate that ends with the lowest validation loss.

    One model is trained for each rate, with the budget of the comparison that follows and a seed
    that is not reported. A run that diverged counts as the worst.

    Args:
        build: Returns a compiled model for a learning rate.
        data: `(x, y)` to train on.
        rates: The learning rates to try.
        seed: Seeds every trial.
        **fit_arguments: As for `trainlab.training.sweep`; `validation_data` is needed.

    Returns:
        One of `rates`.

    Raises:
        ValueError: There is no rate to try, no validation data, or every trial diverged.
    """
    if not len(rates):
        raise ValueError("`rates` is empty; give at least one learning rate to try.")
    if fit_arguments.get("validation_data") is None:
        raise ValueError("`validation_data` is missing; the rates are compared by its loss.")
    losses = [
        training.sweep(lambda rate=rate: build(rate), data, [seed], **fit_arguments).history[
            "val_loss"
        ][0, -1]
        for rate in rates
    ]
    if not np.isfinite(losses).any():
        raise ValueError(
            f"Every learning rate of {', '.join(map(str, rates))} diverged; try smaller ones."
        )
    return rates[int(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan)))]

"""Train one network a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np

__all__ = ["Sweep", "sweep"]


@dataclass(frozen=True)
class Sweep:
    """What a sweep measured.

    Args:
        seeds: The seeds, in their order.
        history: Mapping from a metric's name to an array of shape (seeds, epochs).
        models: The trained models, one a seed, where they were asked for.
    """

    seeds: tuple[int, ...]
    history: dict[str, np.ndarray]
    models: tuple[keras.Model, ...] = ()


def sweep(
    build: Callable[[], keras.Model],
    data,
    seeds: Iterable[int],
    *,
    keep_models=False,
    **fit_arguments,
) -> Sweep:
    """Train one model a seed: the same data, another draw of weights and another order.

    Args:
        build: Returns a compiled model; called once a seed, after everything was seeded with it.
        data: `(x, y)` to train on.
        seeds: The seeds.
        keep_models: Keep the trained models.
        **fit_arguments: What else `keras.Model.fit` takes.

    Returns:
        A `Sweep`.
    """
    seeds = tuple(seeds)
    histories, trained = [], []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        trained.append(build())
        histories.append(trained[-1].fit(*data, verbose=0, **fit_arguments).history)
    return Sweep(
        seeds,
        {name: np.array([history[name] for history in histories]) for name in histories[0]},
        tuple(trained) if keep_models else (),
    )

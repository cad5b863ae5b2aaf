"""Compare what computations cost in time, as ratios that a busy machine blurs least."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

__all__ = ["both_passes", "forward_pass", "gradient_step", "time_ratios"]


def time_ratios(
    functions: Mapping[str, Callable[[], object]],
    to: str,
    *,
    rounds: int = 15,
    seconds: float = 0.01,
) -> dict[str, np.ndarray]:
    """Return how long each function takes, relative to one of them, once a round.

    All functions run in every round, one after the other, so that what else the machine does
    meets all of them; their median ratio over the rounds is a steady number where the times
    themselves are not. A function is called as often in a round as takes about `seconds`.

    On a CPU the seconds are those that this process computed, so that other processes do not count;
    on a GPU, which computes while the process waits, they are the wall clock's.

    Args:
        functions: Mapping from a name to a function without arguments. Each is called twice
            beforehand, so that nothing is compiled while the clock runs.
        to: The name of the function that the others are compared to.
        rounds: How often everything is timed.
        seconds: Time to spend on each function in a round.

    Returns:
        Mapping from each name to an array of shape (rounds,); that of `to` is 1.

    Raises:
        ValueError: `to` is not among the functions, or there is no round.
    """
    if to not in functions:
        raise ValueError(f"to={to!r} is not among the functions {', '.join(functions)}.")
    if rounds < 1:
        raise ValueError(f"rounds={rounds} is below 1: nothing would be timed.")
    calls = {}
    for name, function in functions.items():
        function()
        calls[name] = max(1, round(seconds / max(_time(function, 1), 1e-9)))
    times = np.array(
        [[_time(function, calls[name]) for name, function in functions.items()]
         for _ in range(rounds)]
    )  # fmt: skip
    ratios = times / times[:, [list(functions).index(to)]]
    return dict(zip(functions, ratios.T, strict=True))


def _time(function: Callable[[], object], calls: int) -> float:
    """Return the seconds that one call takes, over several calls."""
    clock = time.perf_counter if tf.config.list_logical_devices("GPU") else time.process_time
    start = clock()
    for _ in range(calls):
        function()
    return (clock() - start) / calls


def forward_pass(f: Callable, z: Any) -> Callable[[], Any]:
    """Return a compiled program that applies `f` to `z`."""
    return functools.partial(tf.function(f, autograph=False), z)


def both_passes(f: Callable, z: Any) -> Callable[[], Any]:
    """Return a compiled program that applies `f` to `z` and differentiates its sum by `z`."""

    def passes(z: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            outputs = f(z)
        return outputs, tape.gradient(outputs, z)

    return functools.partial(tf.function(passes, autograph=False), tf.convert_to_tensor(z))


def gradient_step(model: keras.Model, x: Any, y: Any) -> Callable[[], Any]:
    """Return a compiled program of the gradient of a classifier's loss by all its weights.

    Args:
        model: From images to probabilities.
        x: Images.
        y: Their integer labels.
    """
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    loss = keras.losses.SparseCategoricalCrossentropy()
    weights = [weight.value for weight in model.trainable_variables]

    def step() -> Any:
        with tf.GradientTape() as tape:
            value = loss(y, model(x))
        return tape.gradient(value, weights)

    return tf.function(step, autograph=False)

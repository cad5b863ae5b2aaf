"""The exercises of chapter 06, on transfer learning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import keras
import numpy as np

from trainlab.exercises.checking import (
    Hint,
    call,
    diagnose,
    exercise,
    is_close,
    prediction_and_measurement,
)

__all__ = ["on_top_of", "predict_the_drift", "transplant"]


@exercise("06.transplant")
def transplant(answer: object) -> str:
    """Check a function (weights_a, weights_b, k) that reuses the lowest k layers of A."""
    shapes = [(6, 4), (4,), *[(4, 4), (4,)] * 4]
    a = [np.full(shape, 1.0 + n) for n, shape in enumerate([*shapes, (4, 8), (8,)])]
    b = [np.full(shape, -1.0 - n) for n, shape in enumerate([*shapes, (4, 2), (2,)])]
    for k in (2, 0, 5, 1):
        _check_transplant(call(answer, a, b, k), a, b, k)
    return "Two arrays a layer: the first 2k come from A, the rest is B's own."


def _check_transplant(result: object, a: list[np.ndarray], b: list[np.ndarray], k: int) -> None:
    if not isinstance(result, (list, tuple)):
        raise Hint(
            f"Return a list of arrays, as set_weights takes it; received {type(result).__name__}."
        )
    mistakes = [
        (a[:k] + b[k:], "That counts arrays, not layers: each layer has a kernel and a bias."),
        (b[: 2 * k] + a[2 * k :], "You took the lowest layers from B and the head from A."),
        (a[: -2 * k or None] + b[len(b) - 2 * k :], "You replaced the upper k layers with B's."),
        (
            b[: len(b) - 2 - 2 * k] + a[len(b) - 2 - 2 * k : -2] + b[-2:],
            "These are the upper k hidden layers of A; the lowest come first in the list.",
        ),
        (a[:-2] + b[-2:], f"All hidden layers come from A; with k = {k} it should be {k}."),
        (a, "That is A as it was: B needs a head of its own."),
        (b, "That is B as it was: nothing of A is reused."),
    ]
    wanted = a[: 2 * k] + b[2 * k :]
    if _alike(result, wanted):
        return
    if len(result) != len(wanted):
        raise Hint(f"The list should hold {len(wanted)} arrays; yours holds {len(result)}.")
    for wrong, hint in mistakes:
        if _alike(result, wrong):
            raise Hint(hint)
    raise Hint(f"With k = {k} the first {2 * k} arrays should be A's, the others B's.")


def _alike(result: Sequence[Any], arrays: Sequence[np.ndarray]) -> bool:
    return len(result) == len(arrays) and all(
        np.array_equal(mine, theirs) for mine, theirs in zip(result, arrays, strict=True)
    )


@exercise("06.on-top-of")
def on_top_of(build: object) -> str:
    """Check a function (base, n_classes) that compiles a head on a wholly frozen base."""
    if not callable(build):
        return call(build)  # which raises
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(6, "relu"),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dense(5, "relu"),
        ]
    )
    # Not through `call`: the function has to change the base's flags.
    try:
        model = build(base, 3)
    except Exception as error:
        raise Hint(f"Your function raised {type(error).__name__}: {error}.") from error
    if model is None or model is ...:
        call(lambda: None)
    if not isinstance(model, keras.Model):
        raise Hint(f"Return a Keras model; received {type(model).__name__}.")
    if not model.compiled:
        raise Hint("The model is not compiled, so fit cannot train it.")
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 3, (40, 8)).astype("float32"), rng.integers(3, size=40)
    shape = tuple(model(x).shape)
    if shape != (40, 3):
        raise Hint(f"For 40 images and 3 classes the output has shape {shape}, not (40, 3).")
    before = [v.numpy() for v in base.variables]
    mine = [v.numpy() for v in model.trainable_weights]
    try:
        model.fit(x, y, verbose=0)
    except Exception as error:
        raise Hint(
            f"fit raised {type(error).__name__}: {error}. The labels are integers: which loss "
            "takes those?"
        ) from error
    moved = {
        v.path.rsplit("/", 1)[-1]
        for v, old in zip(base.variables, before, strict=True)
        if not np.array_equal(v.numpy(), old)
    }
    if moved & {"kernel", "bias"}:
        raise Hint(
            "The base's kernels moved. Set trainable = False on the base, before you compile."
        )
    if "gamma" in moved or "beta" in moved:
        raise Hint(
            "The Dense layers stayed, but BatchNorm's scale and shift moved. Freeze the base as a "
            "whole, not layer by layer."
        )
    if moved:
        raise Hint(
            "BatchNorm's moving statistics drifted. What counts in fit is trainable = False on "
            "that layer, or on the base as a whole."
        )
    if not mine or any(
        np.array_equal(v.numpy(), old) for v, old in zip(model.trainable_weights, mine, strict=True)
    ):
        raise Hint("The base stayed, and so did the head: nothing is left to learn.")
    return "Frozen as a whole before compile: kernels stay, statistics stay, the head learns."


@exercise("06.predict-the-drift")
def predict_the_drift(answer: object) -> str:
    """Check a predicted and a measured moving mean: momentum 0.99, 200 batches of mean 1."""
    prediction, measured = prediction_and_measurement(answer)
    momentum, steps = 0.99, 200
    reference = _drifted(momentum, steps)
    if not is_close(measured, reference, 0.005):
        diagnose(
            measured,
            [
                (0, "You measured 0: without training=True the statistics do not move."),
                (
                    1 - momentum,
                    "You measured the first step alone. Call the layer on all 200 batches.",
                ),
                (
                    1 - reference,
                    "You measured the distance that is left; the question is where the mean is.",
                ),
                (1 - momentum**20, "That is 20 calls, one an epoch; each batch is a call."),
                (1, "That is the mean of the batches. Ask the layer: moving_mean."),
            ],
            f"You measured {measured:.3g}. Call the layer with training=True on each of the 200 "
            "batches, then average moving_mean over the features.",
            rtol=0.02,
        )
    if abs(prediction - reference) < 0.1:
        return (
            f"Predicted {prediction:.3g}, measured {measured:.3g}: the distance to the new mean "
            "shrinks to 0.99 of itself in each batch, so 1 − 0.99²⁰⁰ of the way is done."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    for wrong, hint in [
        (momentum**steps, "that is how far it still is from the new mean, not where it is."),
        (0, "the layer was not frozen: every call with training=True moves it."),
        (
            1 - momentum**20,
            "that is 20 steps; fit calls the layer once a batch, not once an epoch.",
        ),
        (1 - momentum, "that is one step; there are 200."),
        (steps * (1 - momentum), "the steps do not add up: each covers 0.01 of what is left."),
    ]:
        if abs(prediction - wrong) < 0.004:
            raise Hint(missed + hint)
    raise Hint(missed + "each batch keeps 0.99 of the distance to the new mean, 200 times over.")


@cache
def _drifted(momentum: float, steps: int) -> float:
    """Return the moving mean after these calls, averaged over features."""
    batches = np.random.default_rng(0).normal(1, 0.5, (steps, 20, 50)).astype("float32")
    mean = np.zeros(50)
    for batch in batches:
        mean = momentum * mean + (1 - momentum) * batch.mean(axis=0)
    return float(mean.mean())

"""The exercises of chapter 02, on vanishing and exploding gradients."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from trainlab.exercises.checking import (
    Hint,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    prediction_and_measurement,
)

__all__ = ["clip_by_global_norm", "predict_the_factor", "tanh_step"]


@exercise("02.tanh-step")
def tanh_step(step: object) -> str:
    """Check a function (delta, W, a) that carries an error signal back over one tanh layer."""
    rng = np.random.default_rng(0)
    delta, W = rng.normal(size=(8, 3)), rng.normal(size=(5, 3))
    a = np.tanh(rng.normal(size=(8, 5)))
    carried = delta @ W.T
    result = array(call(step, delta, W, a), a.shape, "The error signal")
    if is_close(result, carried * (1 - a**2)):
        return "What W carries back, times tanh's slope, which its own outputs give: 1 − a²."
    diagnose(
        result,
        [
            (carried, "The slope is missing: W carries the signal back, then f′ weakens it."),
            (
                carried * a * (1 - a),
                "a (1 − a) is the slope of the sigmoid. What is tanh's, written in its output?",
            ),
            (
                carried * (1 - np.tanh(a) ** 2),
                "tanh is applied twice: `a` is tanh(z) already, so its slope needs no tanh.",
            ),
            (carried * (1 - a), "Nearly: the slope of tanh is even in z, and 1 − a is not."),
            (carried * a, "That multiplies by the outputs. Multiply by the slope at them."),
        ],
        "The shape is right, the numbers are not. Look at the two factors one by one: what W "
        "carries back, and the slope of tanh.",
    )


@exercise("02.clip-by-global-norm")
def clip_by_global_norm(clip: object) -> str:
    """Check a function (gradients, c) that clips a list of gradients by their global norm."""
    gradients, c = [np.array([6.0, -8.0]), np.array([[24.0, 0.0], [0.5, -1.0]])], 2.0
    whole = np.sqrt(sum(np.sum(g**2) for g in gradients))
    result = _clipped(clip, gradients, c)
    if not is_close(result, _flat([g * c / whole for g in gradients])):
        after = np.linalg.norm(result)
        diagnose(
            result,
            [
                (
                    _flat([np.clip(g, -c, c) for g in gradients]),
                    "That is clipping by value. It turns the gradient; scale it as a whole.",
                ),
                (
                    _flat([g * min(1, c / np.linalg.norm(g)) for g in gradients]),
                    "That clips each gradient by its own norm, so that the small ones gain on the "
                    "large ones. Take one norm over all of them.",
                ),
                (
                    _flat([g * c / whole**2 for g in gradients]),
                    "The root is missing: you divide by the sum of squares, not by the norm.",
                ),
                (_flat(gradients), "Nothing was clipped, although the norm is above c."),
                (
                    _flat([g / whole for g in gradients]),
                    "The norm afterwards is 1 whatever c is: where does c come in?",
                ),
            ],
            f"The global norm afterwards is {after:.3g} with c = {c:g}. Every gradient is scaled "
            "by the same factor, c over the norm of all of them.",
        )
    small = [g / 100 for g in gradients]
    if not is_close(_clipped(clip, small, c), _flat(small)):
        raise Hint(
            "Gradients whose norm is below c have been changed too. Clipping only shortens: "
            "what is the largest factor allowed?"
        )
    _clipped(clip, [np.zeros(2), np.zeros(3)], c)
    return "One factor for all gradients, never above one: the whole step keeps its direction."


def _clipped(clip: object, gradients: list[np.ndarray], c: float) -> np.ndarray:
    result = call(clip, gradients, c)
    if not isinstance(result, (list, tuple)) or len(result) != len(gradients):
        raise Hint(
            f"Return a list of {len(gradients)} arrays, one for each gradient; received "
            f"{type(result).__name__}."
        )
    return _flat(
        [array(r, g.shape, "A clipped gradient") for r, g in zip(result, gradients, strict=True)]
    )


def _flat(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


@exercise("02.predict-the-factor")
def predict_the_factor(answer: object) -> str:
    """Check a predicted and a measured factor a layer: 30 ReLU layers of 200, N(0, 0.08²)."""
    prediction, measured = prediction_and_measurement(answer)
    layers, units, stddev = 30, 200, 0.08
    reference = _factor(layers, units, stddev)
    if not is_close(measured, reference, 0.05):
        linear = np.sqrt(units) * stddev
        if measured < 0.1:
            raise Hint(
                f"You measured {measured:.2g}. That is the change over the whole net; the "
                "question is the factor of one layer: take the root."
            )
        diagnose(
            measured,
            [
                (1 / reference, "You measured the factor upside down: early over late signal."),
                (linear, "You carried the signal back without the slope of ReLU, 0 or 1."),
                (reference**2, "You measured the mean square; its size is the root of that."),
            ],
            f"You measured a factor of {measured:.3g}, and that is not what these kernels do. "
            "Keep each layer's slopes on the way forward, use them on the way back.",
            rtol=0.03,
        )
    χ = units * stddev**2 / 2
    if is_close(prediction, np.sqrt(χ), 0.05):
        return (
            f"Predicted {prediction:.3g}, measured {measured:.3g}: χ is fan_out · Var W times "
            "the half that ReLU lets through, and a size changes by its root."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    diagnose(
        prediction,
        [
            (χ, missed + "that is χ, the factor of the mean square. A size changes by its root."),
            (
                np.sqrt(2 * χ),
                missed + "the slope is missing. ReLU's is 0 for half of the units, so E[f′²] is "
                "one half.",
            ),
            (2 * χ, missed + "the slope of ReLU and the root are both missing."),
            (np.sqrt(χ) ** layers, missed + "that is the whole net; the question is one layer."),
            (stddev, missed + "each unit collects from 200 others: use n · Var W."),
        ],
        missed + "start from χ = fan_out · Var W · E[f′²] with Var W the square of 0.08.",
        rtol=0.02,
    )


@cache
def _factor(layers: int, units: int, stddev: float) -> float:
    """Measure by which factor an error signal changes in one layer of such a ReLU net."""
    rng = np.random.default_rng(0)
    kernels = rng.normal(0, stddev, (layers, units, units))
    a, slopes = rng.normal(size=(50, units)), []
    for W in kernels:
        a = np.maximum(a @ W, 0)
        slopes.append(a > 0)
    delta = start = rng.normal(size=a.shape)
    for W, slope in zip(kernels[::-1], slopes[::-1], strict=True):
        delta = (delta * slope) @ W.T
    return (delta.std() / start.std()) ** (1 / layers)

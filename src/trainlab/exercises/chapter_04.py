"""The exercises of chapter 04, on activations."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats

from trainlab.exercises.checking import (
    Hint,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    prediction_and_measurement,
)

__all__ = ["predict_the_dead", "prelu_slope_gradient", "silu_slope"]


@exercise("04.silu-slope")
def silu_slope(slope: object) -> str:
    """Check a function z that returns the slope of SiLU, z · sigmoid(z)."""
    z = np.linspace(-6, 6, 25).reshape(5, 5)
    s = 1 / (1 + np.exp(-z))
    result = array(call(slope, z), z.shape, "The slope")
    if is_close(result, s + z * s * (1 - s)):
        return "The product rule: the gate itself, and z times the slope of the gate."
    diagnose(
        result,
        [
            (s, "That is the first part of the product rule only: the gate also depends on z."),
            (z * s, "That is SiLU itself, not its slope."),
            (s * (1 - s), "That is the slope of the sigmoid. There is a factor z before it."),
            (z * s * (1 - s), "That is the second part of the product rule only."),
            (
                s + s * (1 - s),
                "Nearly: in the second part, the slope of the gate is multiplied by z.",
            ),
            (s - z * s * (1 - s), "A sign is turned: the gate opens as z grows."),
        ],
        "The shape is right, the numbers are not. Apply the product rule to z · sigmoid(z), and "
        "remember that the sigmoid's slope is s (1 − s).",
    )


@exercise("04.prelu-slope-gradient")
def prelu_slope_gradient(gradient: object) -> str:
    """Check a function (Z, dA) that returns the gradient of the loss by PReLU's slopes."""
    rng = np.random.default_rng(0)
    Z, dA = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    negative = np.minimum(Z, 0)
    result = np.asarray(call(gradient, Z, dA))
    if result.shape == Z.shape and is_close(result, dA * negative):
        raise Hint("One slope serves every image of its unit: sum over the images.")
    result = array(result, (5,), "The gradient")
    if is_close(result, (dA * negative).sum(axis=0)):
        return "Left of zero f = α z, so ∂f/∂α = z there, zero elsewhere, summed over the images."
    diagnose(
        result,
        [
            (
                (dA * negative).mean(axis=0),
                "That is the mean over the images. dA holds the gradient of the loss already; "
                "sum up what the images contribute.",
            ),
            ((dA * Z).sum(axis=0), "Right of zero the slope α plays no part: keep only z < 0."),
            (
                (dA * np.maximum(Z, 0)).sum(axis=0),
                "Wrong side: α multiplies the negative sums.",
            ),
            (
                (dA * (Z < 0)).sum(axis=0),
                "The derivative of α z by α is z; you used 1, as if α were added.",
            ),
            (negative.sum(axis=0), "dA is missing: the chain rule multiplies by it."),
            (-(dA * negative).sum(axis=0), "The sign is turned: z stays negative."),
        ],
        "The shape is right, the numbers are not. What is the derivative of f by α, left and "
        "right of zero? Multiply by dA and sum over the images.",
    )


@exercise("04.predict-the-dead")
def predict_the_dead(answer: object) -> str:
    """Check a predicted and a measured share of dead units: sums like N(−3, 1), 200 images."""
    prediction, measured = prediction_and_measurement(answer)
    images = 200
    dead, zeros, rows = _shares(images)
    if not is_close(measured, dead, 1e-6):
        diagnose(
            measured,
            [
                (zeros, "You measured the share of zero outputs. A dead unit gives zero for all."),
                (1 - dead, "You measured the units that live."),
                (rows, "You looked for images that wake no unit. Look along the images instead."),
                (dead * 2000, "You counted the units; the question is their share."),
            ],
            f"You measured {measured:.3g}, and that is not the share of columns of `pushed` "
            "without an entry above zero.",
            rtol=1e-3,
        )
    right = stats.norm.cdf(3) ** images
    if abs(prediction - right) <= 0.1 * right:
        return (
            f"Predicted {prediction:.3g}, measured {measured:.3g}: one image leaves a unit silent "
            "nearly always, and all 200 together still most of the time."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    diagnose(
        prediction,
        [
            (stats.norm.cdf(3), missed + "that is the chance for one image. All 200 must agree."),
            (1 - right, missed + "that is the share that lives."),
            (
                images * stats.norm.sf(3),
                missed + "that is how many images wake a unit on average; the question is the "
                "chance of none.",
            ),
            (
                0.5,
                missed + "half would be silent if the sums lay around zero; here they lie at −3.",
            ),
        ],
        missed + "raise the chance that one image leaves a unit silent to the power of 200.",
        rtol=0.03,
    )


@cache
def _shares(images: int) -> tuple[float, float, float]:
    """Measure the share of dead units, of zero outputs and of images that wake no unit."""
    silent = np.random.default_rng(0).normal(-3, 1, (images, 2000)) <= 0
    return silent.all(axis=0).mean(), silent.mean(), silent.all(axis=1).mean()

"""The exercises of chapter 03, on initialization."""

from __future__ import annotations

from functools import cache

import keras
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

__all__ = ["fix_fifty_layers", "he_uniform", "predict_the_spread"]


@exercise("03.he-uniform")
def he_uniform(draw: object) -> str:
    """Check a function (rng, fan_in, fan_out) that draws a kernel by He's uniform rule."""
    fan_in, fan_out = 400, 100
    shape = (fan_in, fan_out)
    W = array(call(draw, np.random.default_rng(0), *shape), shape, "The kernel")
    largest, spread = np.abs(W).max(), W.std()
    if spread == 0:
        raise Hint("All weights are alike: units that start alike stay alike. Draw them.")
    if abs(W.mean()) > 0.1 * largest:
        raise Hint(f"The weights have mean {W.mean():.2g}; the uniform range lies around zero.")
    if largest > 2 * spread:
        raise Hint(
            f"The largest weight is {largest / spread:.2g} times the spread; in a uniform "
            "distribution it is √3 times. Draw with rng.uniform."
        )
    r = np.sqrt(6 / fan_in)
    if is_close(largest, r, 0.01):
        return f"r = √(6 / fan_in): the weights reach ±{largest:.3g}, their spread is {spread:.3g}."
    told = f"The weights reach ±{largest:.3g}, and with fan_in {fan_in} they should reach ±{r:.3g}"
    diagnose(
        largest,
        [
            (
                np.sqrt(2 / fan_in),
                f"{told}. √(2 / fan_in) is the spread; a uniform range must be √3 times as wide.",
            ),
            (np.sqrt(3 / fan_in), f"{told}. That is LeCun's rule; ReLU needs twice the variance."),
            (
                np.sqrt(6 / (fan_in + fan_out)),
                f"{told}. That is Glorot's rule, which counts outputs as well.",
            ),
            (
                np.sqrt(12 / (fan_in + fan_out)),
                f"{told}. That averages fan_in and fan_out; He's rule takes fan_in.",
            ),
            (np.sqrt(6 / fan_out), f"{told}. You divided by fan_out; what comes in is summed up."),
            (6 / fan_in, f"{told}. The root is missing."),
        ],
        f"{told}. A uniform distribution on [−r, r] has the variance r² / 3.",
        rtol=0.01,
    )


@exercise("03.fix-fifty-layers")
def fix_fifty_layers(answer: object) -> str:
    """Check an initializer for 50 layers of Leaky ReLU with the slope 0.5 left of zero."""
    try:
        initializer = keras.initializers.get(answer)
    except (TypeError, ValueError) as error:
        raise Hint(f"Keras knows no such initializer: {error}") from error
    layers, units = 50, 250
    a = start = np.random.default_rng(0).normal(size=(100, units))
    for layer in range(layers):
        z = a @ _kernel(initializer, (units, units), seed=layer)
        a = np.where(z > 0, z, 0.5 * z)
    change = a.std() / start.std()
    if not np.isfinite(change) or change == 0:
        raise Hint(
            "No signal is left after fifty layers." if change == 0 else "The outputs overflow."
        )
    factor = change ** (1 / layers)
    told = f"The spread changes by a factor of {factor:.3g} a layer, {change:.3g} over fifty"
    if 1 / 3 < change < 3:
        return f"{told}: the scale makes up for what the slope 0.5 takes, and for no more."
    passed = (1 + 0.5**2) / 2
    diagnose(
        factor,
        [
            (
                np.sqrt(2 * passed),
                f"{told}. He makes up for a ReLU that halves the mean square. This one lets a "
                "quarter of the negative half through: how much is kept in all?",
            ),
            (
                np.sqrt(passed),
                f"{told}. A variance of 1 / fan suits a straight line. How much of the mean square "
                "does a slope of 0.5 left of zero keep?",
            ),
            (
                np.sqrt(passed / passed**2),
                f"{told}. The share of the mean square that is kept enters once, not squared.",
            ),
            (
                passed,
                f"{told}. You multiplied by the share that is kept; to make up for it, divide.",
            ),
        ],
        f"{told}. Find E[f(z)²] / E[z²] for a slope of 1 on one side and 0.5 on the other.",
        rtol=0.012,
    )


def _kernel(initializer: object, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Draw another kernel a layer, even from an initializer that carries a seed of its own."""
    if isinstance(initializer, keras.initializers.Initializer):
        config = initializer.get_config()
        if "seed" in config:
            initializer = type(initializer).from_config(config | {"seed": seed})
    return array(call(initializer, shape), shape, "The kernel")


@exercise("03.predict-the-spread")
def predict_the_spread(answer: object) -> str:
    """Check a predicted and a measured share of the spread: 50 ReLU layers by Glorot's rule."""
    prediction, measured = prediction_and_measurement(answer)
    layers, units = 50, 400
    reference, linear = _shares(layers, units)
    if measured <= 0:
        raise Hint(f"You measured {measured:.2g}; a share of a spread is positive.")
    if not is_close(np.log2(measured), np.log2(reference), 0.02):
        diagnose(
            np.log2(measured),
            [
                (np.log2(linear), "ReLU is missing between the layers."),
                (2 * np.log2(reference), "You compared variances; the spread is their root."),
                (-np.log2(reference), "You measured it upside down: last over first, please."),
                (
                    np.log2(reference) / layers,
                    "That is the change of one layer; the question is all fifty.",
                ),
            ],
            f"You measured {measured:.2g}, and that is not what these kernels do. Apply "
            "np.maximum(a @ W, 0) for each of them and compare the standard deviations.",
            rtol=0.05,
        )
    if prediction <= 0:
        raise Hint("The prediction should be a positive share: 1 for “as it was”.")
    if abs(np.log2(prediction) + layers / 2) < 2:
        return (
            f"Predicted {prediction:.2g}, measured {measured:.2g}: each ReLU layer halves the mean "
            "square, so the spread falls by √½ a layer."
        )
    missed = f"Measured {measured:.2g}, predicted {prediction:.2g}: "
    for doublings, hint in [
        (0, "Glorot keeps the spread of a straight line; ReLU halves the mean square."),
        (-0.5, "that is one layer; raise it to the power of fifty."),
        (-1, "that is one layer, and of the mean square; the question is the spread after fifty."),
        (-layers, "that is the mean square. The spread is its root."),
        (layers / 2, "the spread shrinks, it does not grow."),
    ]:
        if abs(np.log2(prediction) - doublings) < 0.2:
            raise Hint(missed + hint)
    raise Hint(missed + "what does one ReLU layer do to the mean square if Var W = 1 / fan?")


@cache
def _shares(layers: int, units: int) -> tuple[float, float]:
    """Measure the share of the spread that is left by such layers, with ReLU and without."""
    rng = np.random.default_rng(0)
    kernels = rng.normal(0, np.sqrt(1 / units), (layers, units, units))
    a = linear = start = np.maximum(rng.normal(size=(100, units)), 0)
    for W in kernels:
        a, linear = np.maximum(a @ W, 0), linear @ W
    return a.std() / start.std(), linear.std() / start.std()

"""The exercises of chapter 10, on practical guidelines."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras
import numpy as np

from trainlab import datasets
from trainlab.exercises.checking import (
    Hint,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    outputs_of,
    prediction_and_measurement,
)

__all__ = ["capstone", "predict_the_floor", "prune_by_layer", "quantize_to_bits"]

# Between the naive net's accuracy on the shipped validation part and what the recipe reaches there.
CAPSTONE_MARK, CAPSTONE_WEIGHTS = 82, 50_000


@exercise("10.prune-by-layer")
def prune_by_layer(prune: object) -> str:
    """Check a function (kernels, q) that sets the share q of each kernel's weights to zero."""
    rng = np.random.default_rng(0)
    kernels = [rng.normal(0, scale, (20, 10)) for scale in (1, 0.1)]
    q = 0.8
    result = call(prune, kernels, q)
    if not isinstance(result, (list, tuple)) or len(result) != 2:
        raise Hint("Return a list with one new kernel for each kernel that was given: 2 arrays.")
    result = np.array([array(W, (20, 10), "A pruned kernel") for W in result])
    given = np.array(kernels)
    size = np.abs(given)

    def cut(θ: np.ndarray) -> np.ndarray:
        return np.where(size > θ, given, 0)

    own = np.quantile(size, q, axis=(1, 2), keepdims=True, method="inverted_cdf")
    if is_close(result, cut(own)):
        return "Each kernel keeps its own largest fifth, the kernel of small weights too."
    high = np.quantile(size, 1 - q, axis=(1, 2), keepdims=True, method="inverted_cdf")
    signed = np.quantile(given, q, axis=(1, 2), keepdims=True, method="inverted_cdf")
    columns = np.quantile(size, q, axis=1, keepdims=True, method="inverted_cdf")
    diagnose(
        result,
        [
            (
                cut(np.quantile(size, q, method="inverted_cdf")),
                "One threshold for all kernels: the second one, whose weights are small, is left "
                "empty. Give each kernel a threshold of its own.",
            ),
            (cut(high), "You prune the share 1 − q. q is what goes, not what stays."),
            (
                np.where(size <= own, given, 0),
                "Upside down: you keep the small weights and prune the large ones.",
            ),
            (
                np.where(given > signed, given, 0),
                "Large negative weights count as much as positive ones: sort the sizes.",
            ),
            ((size > own) * 1.0, "Those are the masks. Multiply the kernels by them."),
            (cut(columns), "That is a threshold for each column. Take one for the whole kernel."),
            (given, "Nothing was pruned."),
        ],
        f"You set {np.mean(result[0] == 0):.1%} of the first and {np.mean(result[1] == 0):.1%} of "
        f"the second kernel to zero, with q = {q:g}. What stays must be as it was.",
    )


@exercise("10.quantize-to-bits")
def quantize_to_bits(rounded: object) -> str:
    """Check a function (W, k) that returns a kernel after quantizing it to k bits by column."""
    W = np.random.default_rng(1).normal(0, [1, 2, 4], (30, 3))
    k = 4
    result = array(call(rounded, W, k), W.shape, "The kernel")

    def by(
        largest: float,
        axis: int | None = 0,
        of: np.ndarray = W,
        rounding: Callable[[np.ndarray], np.ndarray] = np.round,
    ) -> np.ndarray:
        s = largest / np.abs(of).max(axis=axis, keepdims=True)
        return rounding(s * W) / s

    if is_close(result, by(7)):
        other = array(call(rounded, W, 8), W.shape, "The kernel in 8 bits")
        if is_close(other, by(127)):
            return "With each bit the steps become half as wide, and so does the largest error."
        raise Hint("Right for 4 bits, wrong for 8: the largest integer must follow from k.")
    diagnose(
        result,
        [
            (
                by(8),
                "8 has no place in 4 bits beside −8 … 7, and Keras uses as many integers on "
                "either side of 0: the largest is 2 to the power of (k − 1), minus 1.",
            ),
            (by(15), "That uses all bits for the size. One of them is needed for the sign."),
            (by(127), "That is right for 8 bits. Work the largest integer out from k."),
            (by(7, axis=None), "One scale for the whole kernel; give each column its own."),
            (by(7, axis=1), "One scale a row. Each column, which is a unit, has its own."),
            (by(7, rounding=np.floor), "You round down, which shifts all weights. Use np.round."),
            (by(7, rounding=np.trunc), "You cut off the digits, which shrinks all weights. Round."),
            (
                np.round(7 / np.abs(W).max(axis=0) * W),
                "Those are the integers. Divide the scale out again, as the net does.",
            ),
            (np.round(W), "The scale is missing: without it the steps are whole numbers."),
            (
                by(7, of=np.max(W, axis=0, keepdims=True)),
                "The scale must come from the largest *size*: negative weights count, too.",
            ),
        ],
        f"In 4 bits the first column should have at most 15 different values; yours has "
        f"{len(np.unique(result[:, 0].round(9)))}, and the largest error is "
        f"{np.abs(result - W).max():.3g}.",
    )


@exercise("10.predict-the-floor")
def predict_the_floor(answer: object) -> str:
    """Check a predicted and a measured loss: softmax applied twice to a perfect answer."""
    prediction, measured = prediction_and_measurement(answer)
    floor = np.log(np.e + 9) - 1
    if not is_close(measured, floor, 1e-3):
        diagnose(
            measured,
            [
                (0, "You measured the loss without from_logits=True. Use `twice`."),
                (
                    np.log(10),
                    "You measured the loss of even probabilities. Use `answer`, a perfect one.",
                ),
                (
                    floor + 1,
                    "The label does not belong to the answer: all probability lies on class 3.",
                ),
            ],
            f"You measured {measured:.4g}. Call `twice` with the label, np.array([3]), and with "
            "`answer`.",
            rtol=1e-3,
        )
    if is_close(prediction, floor, 0.03):
        return (
            f"Predicted {prediction:.3g}, measured {measured:.4g}. A loss that stops near this "
            "number says that softmax was applied twice."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    diagnose(
        prediction,
        [
            (0, missed + "that is the floor without the second softmax."),
            (np.log(10), missed + "that is the loss of guessing; a perfect answer does better."),
            (
                np.e / (np.e + 9),
                missed + "that is the probability of the right class. Take minus its logarithm.",
            ),
            (-floor, missed + "a loss is not negative: the sign of the logarithm is missing."),
            (
                np.log(np.e + 10) - 1,
                missed + "there are nine other classes, not ten: e + 9 in the denominator.",
            ),
            (1, missed + "e to the power of 0 is 1, not 0: the nine others count."),
        ],
        missed + "softmax of a one and nine zeros gives the right class e / (e + 9).",
        rtol=0.01,
    )


@functools.cache
def _validation_part() -> tuple[np.ndarray, np.ndarray]:
    data = datasets.fashion_mnist("subset").standardized()
    return data.x_valid, data.y_valid


@exercise("10.capstone")
def capstone(model: object) -> str:
    """Check a trained model: few enough weights, probabilities or logits, and accurate enough."""
    x, y = _validation_part()
    weights = model.count_params() if isinstance(model, keras.Model) and model.built else 0
    if weights > CAPSTONE_WEIGHTS:
        raise Hint(
            f"The net has {weights:,} weights, and the rules allow {CAPSTONE_WEIGHTS:,}. The first "
            "kernel has 784 weights a unit: save there."
        )
    outputs = outputs_of(model, x)
    accuracy = 100 * np.mean(outputs.argmax(axis=1) == y)
    if accuracy >= CAPSTONE_MARK:
        return (
            f"{accuracy:.1f} % with {weights:,} weights, above the naive net. Enter it on the "
            "board, change one thing, and see whether you can beat yourself."
        )
    if accuracy < 20:
        raise Hint(
            f"{accuracy:.1f} % is about what guessing reaches. Was the model trained, on "
            "standardized images? If it was, go through the check-list."
        )
    raise Hint(
        f"{accuracy:.1f} %: it learns, but the naive net gets as far. Give it its own learning "
        "rate, and let the rate come down towards the end."
    )

"""The exercises of chapter 09, on regularization."""

from __future__ import annotations

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

__all__ = ["inverted_dropout", "max_norm", "predict_the_steps"]


@exercise("09.inverted-dropout")
def inverted_dropout(dropout: object) -> str:
    """Check a function (a, u, p) that drops the outputs a where the uniform numbers u are < p."""
    rng = np.random.default_rng(0)
    a, u, p = rng.normal(1, 1, (6, 5)), rng.random((6, 5)), 0.3
    kept = u >= p
    result = array(call(dropout, a, u, p), a.shape, "What is left")
    if is_close(result, kept * a / (1 - p)):
        if is_close(array(call(dropout, a, u, 0.0), a.shape, "What is left"), a):
            return (
                "Zero or a / (1 − p): in training the mean is kept, at test time nothing is done."
            )
        raise Hint("Right for a rate of 0.3, but at a rate of 0 all outputs should stay.")
    diagnose(
        result,
        [
            (kept * a, "The scale is missing: the mean has fallen to 1 − p of what it was."),
            (
                kept * a * (1 - p),
                "You shrink what is left. It has to make up for what is gone: divide by 1 − p.",
            ),
            (kept * a / p, "You divide by p, the share that is dropped. Which share is kept?"),
            (
                ~kept * a / (1 - p),
                "The wrong ones are left: an output is dropped with probability p, where u < p.",
            ),
            (~kept * a / p, "The wrong ones are left: p is the rate of what is dropped, not kept."),
            (
                kept * a / kept.mean(),
                "You divide by the share that was kept this time. Keras divides by its "
                "expectation, 1 − p, whatever the draw.",
            ),
            (a / (1 - p), "Nothing was dropped."),
            (kept / (1 - p), "That is the mask and its scale. Multiply the outputs by it."),
        ],
        "Two kinds of entries should be there: zeros where u < p, and a / (1 − p) elsewhere.",
    )


@exercise("09.max-norm")
def max_norm(limit: object) -> str:
    """Check a function (kernel, r) that bounds each column of (inputs, units) or filter."""
    rng = np.random.default_rng(1)
    dense, r = rng.normal(0, 0.5, (6, 4)) * [0.2, 1, 2, 3], 1.0
    lengths = np.sqrt(np.sum(dense**2, axis=0))
    factor = np.minimum(1, r / lengths)
    result = array(call(limit, dense, r), dense.shape, "The kernel")
    if not is_close(result, dense * factor, 1e-5):
        rows = np.sqrt(np.sum(dense**2, axis=1, keepdims=True))
        whole = np.sqrt(np.sum(dense**2))
        diagnose(
            result,
            [
                (
                    dense * np.minimum(1, r / rows),
                    "You bound the rows. The weights that come into a unit are a column.",
                ),
                (
                    dense * min(1, r / whole),
                    "That bounds the kernel as a whole; every unit has a length of its own.",
                ),
                (
                    dense * r / lengths,
                    "Now every column has length r. Those that were shorter should stay.",
                ),
                (np.clip(dense, -r, r), "You clip single weights; the limit is on their length."),
                (
                    dense * np.minimum(1, r / lengths**2),
                    "The root is missing: you divide by the sum of squares.",
                ),
                (
                    dense * np.minimum(1, r / np.abs(dense).sum(axis=0)),
                    "That is the L1 norm of a column. Its length is the root of a sum of squares.",
                ),
            ],
            f"The lengths of your columns are {np.round(np.sqrt(np.sum(result**2, axis=0)), 2)}; "
            f"before, they were {np.round(lengths, 2)}, and r = {r:g}.",
            rtol=1e-5,
        )
    filters = rng.normal(0, 0.5, (3, 3, 2, 5))
    lengths = np.sqrt(np.sum(filters**2, axis=(0, 1, 2)))
    result = array(call(limit, filters, r), filters.shape, "The kernel of a convolution")
    if not is_close(result, filters * np.minimum(1, r / lengths), 1e-5):
        raise Hint(
            "Dense kernels are right; a convolution's is not. Its shape is (height, width, "
            "channels, filters): sum over all axes but the last."
        )
    result = array(call(limit, np.zeros((3, 2)), r), (3, 2), "A kernel of zeros, limited,")
    return "One length for each unit or filter, cut only where it is above r."


@exercise("09.predict-the-steps")
def predict_the_steps(answer: object) -> str:
    """Check in how many steps SGD(0.1) with L1(0.02) brings a weight from 0.5 below 0.001."""
    prediction, measured = prediction_and_measurement(answer)
    w, η, c = 0.5, 0.1, 0.02
    reference = round(w / (η * c))
    by_l2 = np.ceil(np.log(500) / -np.log(1 - 2 * η * c))
    if abs(measured - reference) > 0.5:
        diagnose(
            measured,
            [
                (by_l2, "You measured L2, whose pull fades with the weight. L1's slope is ± c."),
                (reference / 2, "That is twice too fast: the slope of c |w| is c, not 2c."),
                (reference - 1, "Count the steps that were taken: the first one is number 1."),
                (reference + 1, "Stop as soon as the weight is below a thousandth."),
            ],
            f"You measured {measured:g} steps. In each step the weight loses η times the slope of "
            "c |w|; count until it is below 0.001.",
            rtol=1e-3,
        )
    if abs(prediction - reference) <= 1.5:
        return (
            f"Predicted {prediction:g}, measured {measured:g}: the same length in each step, "
            f"η c, until nothing is left. L2 would have needed {by_l2:g}, and never reaches zero."
        )
    missed = f"Measured {measured:g}, predicted {prediction:g}: "
    diagnose(
        prediction,
        [
            (w / c, missed + "the learning rate is missing. A step is η times the slope."),
            (w / η, missed + "the strength is missing. The slope of c |w| is c."),
            (reference / 2, missed + "the factor 2 belongs to L2, the slope of a square."),
            (by_l2, missed + "that is L2, which takes a share of the weight. L1 takes a length."),
            (w / c**2, missed + "c is in it twice; a step has the length η c."),
        ],
        missed + "the weight has 0.5 to go, and each step takes η c of it.",
        rtol=0.02,
    )

"""The exercises of chapter 11, the tour of TensorFlow."""

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

__all__ = ["log_cosh", "predict_the_traces", "whole_rmse"]


@exercise("11.log-cosh")
def log_cosh(loss: object) -> str:
    """Check a function (y, p) that gives ln cosh(p − y) for each entry, at any size of error."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4, 3))
    errors = rng.normal(0, 2, size=y.shape)
    e = np.abs(errors)
    result = array(call(loss, y, y + errors), y.shape, "The loss, one number an entry,")
    if not is_close(result, np.log(np.cosh(e))):
        diagnose(
            result,
            [
                (np.log(2 * np.cosh(e)), "An error of 0 should cost 0. Yours costs ln 2."),
                (
                    e + np.log1p(np.exp(-e)) - np.log(2),
                    "Nearly: in the exponent stands twice the error.",
                ),
                (np.log1p(np.exp(-2 * e)) - np.log(2), "The line is missing: where is |e| itself?"),
                (np.cosh(errors), "That is cosh. The logarithm is missing."),
                (e**2 / 2, "That is the parabola near zero. Far out the loss should be a line."),
                (e - np.log(2), "That is the line far out. Near zero it should be a parabola."),
                (
                    np.log(np.cosh(2 * y + errors)),
                    "You added the prediction to the label. The error is their difference.",
                ),
            ],
            "The shape is right, the numbers are not. Take e = |p − y|, then the three terms.",
        )
    far = np.asarray(call(loss, np.zeros(2), np.array([1000.0, -1000.0])), dtype=float)
    if not (np.isfinite(far).all() and is_close(far, 1000 - np.log(2) * np.ones(2))):
        raise Hint(
            f"Right for small errors. For errors of 1000 and −1000 you return {far}: no float "
            "holds cosh(1000). Use the form whose exponent is never positive."
        )
    return "A parabola, a line and no seam; and exp only ever sees numbers below zero."


@exercise("11.whole-rmse")
def whole_rmse(combine: object) -> str:
    """Check a function (values, sizes) that gives the RMSE of all images from that of batches."""
    values, sizes = np.array([0.5, 2.0, 1.25]), np.array([32, 8, 20])
    result = array(call(combine, values, sizes), (), "The RMSE of all images")
    squares = sizes * values**2
    right = np.sqrt(squares.sum() / sizes.sum())
    if is_close(result, right):
        return "Sums of squares add up over batches, roots do not: keep sums, divide at the end."
    diagnose(
        result,
        [
            (values.mean(), "That is the mean of the batches: small ones count as much as full."),
            (
                np.average(values, weights=sizes),
                "The sizes are in it. But a root of a mean is no mean of roots: take squares.",
            ),
            (np.sqrt(np.mean(values**2)), "The squares are right. Full batches must count more."),
            (right**2, "The root is missing: that is the mean squared error."),
            (np.sqrt(squares.sum()), "That is the root of the sum. Divide by the images."),
            (
                np.sqrt(squares.sum() / len(sizes)),
                "You divide by the number of batches. The mean is over images.",
            ),
            (np.sqrt(squares.sum()) / sizes.sum(), "Divide before you take the root."),
        ],
        "Find the sum of squared errors of each batch first: its size times its RMSE squared.",
    )


@exercise("11.predict-the-traces")
def predict_the_traces(answer: object) -> str:
    """Check how often a tf.function is traced by nine arguments: predicted, then counted."""
    prediction, measured = prediction_and_measurement(answer)
    if not is_close(measured, np.array(6.0), 1e-9):
        diagnose(
            measured,
            [
                (9, "You counted the calls. Let Python count, with a list that the body changes."),
                (12, "Your function was called before: make a new one, and an empty list."),
                (1, "You counted one. Was the list made anew before each call?"),
                (0, "You counted nothing: does the body of the function change the list?"),
            ],
            f"You counted {measured:g} traces. Make a new tf.function whose body appends to an "
            "empty list, and call it with each of the nine once.",
        )
    if prediction == 6:
        return (
            "Predicted and measured 6: one for each new Python number, and one for each dtype "
            "and shape of a tensor."
        )
    missed = f"Measured 6, predicted {prediction:g}: "
    diagnose(
        prediction,
        [
            (9, missed + "not every call is a trace. A graph that fits is used again."),
            (1, missed + "one graph does not fit them all: shapes and dtypes differ."),
            (8, missed + "equal numbers share a trace, and so do tensors of one shape and dtype."),
            (5, missed + "a Python number is recorded as it is, so that 1 and 2 are two traces."),
            (4, missed + "Python numbers come on top of the tensors, and each is a trace."),
            (3, missed + "tensors of one shape but another dtype do not share a trace."),
        ],
        missed + "count the different Python numbers, then the pairs of shape and dtype.",
    )

"""The exercises of chapter 05, on batch normalization."""

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

__all__ = ["fold_forward", "group_norm", "predict_the_memory"]


@exercise("05.fold-forward")
def fold_forward(fold: object) -> str:
    """Check a function (W, b, γ, β, μ, σ2, ε) that folds a normalization into the layer behind."""
    rng = np.random.default_rng(0)
    n_in, n_out, epsilon = 5, 3, 0.1
    W, b = rng.normal(size=(n_in, n_out)), rng.normal(size=n_out)
    scale, shift, mean = rng.normal(size=(3, n_in))
    variance = rng.uniform(0.2, 2, n_in)
    result = call(fold, W, b, scale, shift, mean, variance, epsilon)
    if not isinstance(result, (list, tuple)) or len(result) != 2:
        raise Hint("Return the pair of the new kernel and the new bias.")
    kernel = array(result[0], W.shape, "The new kernel")
    bias = array(result[1], b.shape, "The new bias")

    factor = scale / np.sqrt(variance + epsilon)
    right_kernel = factor[:, None] * W
    if not is_close(kernel, right_kernel):
        diagnose(
            kernel,
            [
                (W, "The kernel is unchanged; each input is scaled by γ / s on its way in."),
                (
                    (scale / np.sqrt(variance))[:, None] * W,
                    "The kernel: ε is missing under the root.",
                ),
                (
                    (scale / (variance + epsilon))[:, None] * W,
                    "The kernel: the root is missing, you divide by the variance.",
                ),
                (
                    W / np.sqrt(variance + epsilon)[:, None],
                    "The kernel: γ is missing; it scales what was normalized.",
                ),
            ],
            "The kernel is not right: row i belongs to input i, which is scaled by γᵢ / sᵢ.",
        )
    if not is_close(bias, (shift - mean * factor) @ W + b):
        diagnose(
            bias,
            [
                (b, "The bias is unchanged, but the mean that is taken away passes W as well."),
                (shift @ W + b, "The bias: the mean is missing. It is taken away before W."),
                (
                    (shift - mean * factor) @ W,
                    "The bias that the layer has already is missing.",
                ),
                (
                    (shift - mean) @ W + b,
                    "The bias: the mean is taken away before the scaling, so γ / s scales it too.",
                ),
                (
                    (shift + mean * factor) @ W + b,
                    "The bias: the mean is taken away, not added. Look at the sign.",
                ),
                (
                    (shift - mean * factor) @ right_kernel + b,
                    "The bias: shift and mean are scaled already; they pass W, not W′.",
                ),
            ],
            "The kernel is right, the bias is not: what does the layer give for a = 0?",
        )
    return "Normalization and layer are one straight line: the next layer takes both over."


@exercise("05.group-norm")
def group_norm(normalize: object) -> str:
    """Check a function (x, groups, ε) that normalizes groups of units of each image."""
    rng = np.random.default_rng(0)
    groups, epsilon = 3, 0.5
    x = rng.normal(rng.normal(0, 2, 12), rng.uniform(0.5, 2, 12), (6, 12))
    result = array(call(normalize, x, groups, epsilon), x.shape, "The normalized batch")
    if is_close(result, _normalized(x, groups, epsilon)):
        return "One group is layer normalization; as many groups as units leaves nothing but ε."
    grouped = x.reshape(len(x), groups, -1)
    spread = grouped.std(axis=2, keepdims=True)
    centred = grouped - grouped.mean(axis=2, keepdims=True)
    diagnose(
        result,
        [
            (x, "Nothing was normalized."),
            (
                (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon),
                "That is batch normalization: mean and variance over the images. Take them over "
                "the units of one image.",
            ),
            (
                _normalized(x, 1, epsilon),
                "That is layer normalization, one group of all units. Split the units first.",
            ),
            ((centred / spread).reshape(x.shape), "ε is missing under the root."),
            (
                (centred / (spread + epsilon)).reshape(x.shape),
                "ε stands beside the root; it belongs under it, added to the variance.",
            ),
            (
                (centred / (spread**2 + epsilon)).reshape(x.shape),
                "The root is missing: you divide by the variance.",
            ),
            (centred.reshape(x.shape), "The groups are centred, and still have their spread."),
            (
                _normalized(x, x.shape[1] // groups, epsilon),
                "`groups` is the number of groups, not the number of units in one.",
            ),
            (
                np.moveaxis(
                    _normalized(
                        np.moveaxis(x.reshape(len(x), -1, groups), 1, 2).reshape(x.shape),
                        groups,
                        epsilon,
                    ).reshape(len(x), groups, -1),
                    2,
                    1,
                ).reshape(x.shape),
                "Each of your groups takes every third unit. Neighbours belong together: "
                "reshape to (batch, groups, units in a group).",
            ),
        ],
        "The shape is right, the numbers are not. Reshape to (batch, groups, units in a group), "
        "take mean and variance over the last axis, and reshape back.",
    )


def _normalized(x: np.ndarray, groups: int, epsilon: float) -> np.ndarray:
    grouped = x.reshape(len(x), groups, -1)
    mean, variance = grouped.mean(axis=2, keepdims=True), grouped.var(axis=2, keepdims=True)
    return ((grouped - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)


@exercise("05.predict-the-memory")
def predict_the_memory(answer: object) -> str:
    """Check predicted and counted steps until a moving average at 0.99 is within a hundredth."""
    prediction, measured = prediction_and_measurement(answer)
    momentum, rest = 0.99, 0.01
    steps = np.log(rest) / np.log(momentum)
    if abs(measured - steps) > 3:
        diagnose(
            measured,
            [
                (1, "After one step the average is 0.01, not 0.99. Momentum weighs the old one."),
                (
                    np.log(rest) / np.log(0.9),
                    "You counted with momentum 0.9; the layer of this exercise has 0.99.",
                ),
                (
                    np.log(0.5) / np.log(momentum),
                    "You counted until half of the start was gone; go on to a hundredth.",
                ),
                (
                    np.log(1 - rest) / np.log(momentum),
                    "You stopped as soon as the average was a hundredth; it should be a "
                    "hundredth away from 1.",
                ),
                (0, "You counted no step: the layer must be called with training=True."),
            ],
            f"You counted {measured:g} steps. Call the layer with training=True until its "
            "moving mean is 0.99 or more, and count the calls.",
            rtol=0.06,
        )
    if is_close(prediction, steps, 0.05):
        return (
            f"Predicted {prediction:.0f}, counted {measured:.0f}: after k steps 0.99 to the power "
            "of k is left of the start."
        )
    missed = f"Counted {measured:.0f}, predicted {prediction:.3g}: "
    diagnose(
        prediction,
        [
            (1, missed + "0.99 is the weight of the old average, not of the new batch."),
            (
                1 / (1 - momentum),
                missed + "1 / (1 − momentum) is where a share of 1/e is still left of the start.",
            ),
            (
                99,
                missed + "the average does not climb by equal steps: each closes a hundredth "
                "of the gap that is left.",
            ),
            (
                np.log(0.5) / np.log(momentum),
                missed + "that is where half of the start is left.",
            ),
            (
                np.log(rest) / np.log(0.9),
                missed + "that would be right for momentum 0.9.",
            ),
        ],
        missed + "each step leaves 0.99 of the gap. How many until a hundredth is left?",
        rtol=0.004,
    )

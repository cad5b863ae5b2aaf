"""The exercises of chapter 07, on optimizers."""

from __future__ import annotations

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

__all__ = ["match_the_decay", "predict_the_steps", "rmsprop_with_momentum"]


@exercise("07.rmsprop-with-momentum")
def rmsprop_with_momentum(step: object) -> str:
    """Check a function (w, g, s, m, η, ρ, β, ε) that takes Keras' step and returns (w, s, m)."""
    rng = np.random.default_rng(0)
    w, m = rng.normal(size=(2, 6))
    # Small gradients beside large ones, so that it shows where ε stands.
    g = rng.normal(size=6) * np.array([1, 1, 1e-1, 1e-2, 1e-3, 1e-3])
    s = g[::-1] ** 2
    η, ρ, β, ε = 0.01, 0.9, 0.8, 1e-4
    result = call(step, w, g, s, m, η, ρ, β, ε)
    if not isinstance(result, (list, tuple)) or len(result) != 3:
        raise Hint(f"Return the three arrays w, s and m; received {type(result).__name__}.")
    new_w, new_s, new_m = (
        array(value, w.shape, name) for value, name in zip(result, "wsm", strict=True)
    )

    average = ρ * s + (1 - ρ) * g**2
    if not is_close(new_s, average):
        diagnose(
            new_s,
            [
                (s + g**2, "s only grows, as AdaGrad's sum does. RMSProp's is a moving average."),
                (
                    (1 - ρ) * s + ρ * g**2,
                    "The weights of the average are swapped: ρ keeps the old.",
                ),
                (ρ * s + (1 - ρ) * g, "s averages the gradients; it should average their squares."),
                (s, "s is returned as it came in. The next step needs the new one."),
            ],
            "s is not the moving average of the squared gradients.",
        )

    increment = η * g / np.sqrt(average + ε)
    if not is_close(new_m, β * m + increment):
        diagnose(
            new_m,
            [
                (
                    β * m + η * g / (np.sqrt(average) + ε),
                    "ε stands outside the root. In Keras' RMSprop it is inside: √(s + ε).",
                ),
                (
                    β * m + η * g / np.sqrt(s + ε),
                    "You divide by the root of the old s. It takes in the new gradient first.",
                ),
                (
                    β * m + g / np.sqrt(average + ε),
                    "The learning rate is not in the velocity. Keras puts it there: if it changed "
                    "later, it would not change the speed that was gained before.",
                ),
                (
                    β * m + (1 - β) * increment,
                    "This velocity is an average. Keras' adds the whole new step.",
                ),
                (
                    β * m - increment,
                    "The velocity has the other sign here than in SGD: it adds up what is to be "
                    "subtracted.",
                ),
                (increment, "β is missing: the velocity forgets all that went before."),
                (β * m + η * g / (average + ε), "The root is missing."),
            ],
            "s is right and the velocity is not: β times the old one, plus RMSProp's step.",
        )
    if not is_close(new_w, w - new_m):
        diagnose(
            new_w,
            [
                (w + new_m, "The step goes uphill: subtract the velocity."),
                (w - increment, "The velocity is kept and not used: w steps without it."),
                (w - η * new_m, "The rate enters twice: it is in the velocity already."),
                (w - m, "w steps by the old velocity."),
            ],
            "s and m are right, the new w is not.",
        )
    return "That is `keras.optimizers.RMSprop(momentum=…)`: the velocity adds up scaled steps."


@exercise("07.match-the-decay")
def match_the_decay(answer: object) -> str:
    """Check the regularizer that does under SGD(0.1) what weight_decay=0.01 does."""
    if isinstance(answer, (int, float)):
        raise Hint(
            "Give a regularizer that holds the coefficient, such as "
            f"keras.regularizers.L2({answer})."
        )
    try:
        regularizer = keras.regularizers.get(answer)
        w = keras.ops.convert_to_tensor([1.0, -2.0])
        penalty, double = (float(regularizer(factor * w)) for factor in (1, 2))
    except (TypeError, ValueError) as error:
        raise Hint(f"Keras knows no such regularizer: {error}") from error
    if not is_close(double, 4 * penalty, 1e-4):
        raise Hint(
            f"At weights twice as large this penalty is {double / penalty:.3g} times as large. "
            "One whose slope is proportional to the weights is a square: four times as large."
        )
    coefficient = penalty / 5
    if is_close(coefficient, 0.005, 1e-4):
        return "L2(c) adds c‖w‖², whose slope is 2 c w: half of the decay is the coefficient."
    told = f"With L2({coefficient:g}) the weights shrink by {2 * coefficient:g} · η a step, "
    diagnose(
        coefficient,
        [
            (0.01, told + "twice too much. What is the slope of a square?"),
            (0.02, told + "four times too much: halve the decay, do not double it."),
            (
                0.0005,
                told + "a tenth of what is asked. The learning rate multiplies the slope of the "
                "penalty anyway, so it does not belong in the coefficient.",
            ),
            (
                0.001,
                told + "which is another thing. Leave the learning rate out: it multiplies the "
                "slope of the penalty anyway. And mind the 2 in the slope of a square.",
            ),
        ],
        told + "and weight_decay=0.01 shrinks them by 0.01 · η.",
        rtol=1e-3,
    )


@exercise("07.predict-the-steps")
def predict_the_steps(answer: object) -> str:
    """Check predicted and counted steps of plain descent to a thousandth, condition number 400."""
    prediction, measured = prediction_and_measurement(answer)
    κ, goal = 400, 1e-3
    reference = np.log(goal) / np.log((κ - 1) / (κ + 1))
    if abs(measured - reference) > 2:
        diagnose(
            measured,
            [
                (reference / 2, "You stopped when the loss, a square, was a thousandth."),
                (2 * reference, "You took η = 1/400. The best rate is 2 / (1 + 400)."),
                (np.log(goal) / np.log(19 / 21), "That is about what momentum needs."),
            ],
            f"You counted {measured:g} steps, and that is not what plain descent needs at "
            "η = 2 / (1 + 400). Step until np.linalg.norm(w) is a thousandth of what it was.",
            rtol=0.01,
        )
    if is_close(prediction, reference, 0.03):
        return (
            f"Predicted {prediction:.4g}, counted {measured:g}: each step leaves 399/401 of the "
            "distance, and the logarithms do the rest."
        )
    missed = f"Counted {measured:g}, predicted {prediction:.4g}: "
    diagnose(
        prediction,
        [
            (
                np.log(goal) / np.log(19 / 21),
                missed + "that is momentum's number, with √κ in the place of κ.",
            ),
            (
                2 * reference,
                missed + "a step leaves (κ − 1) / (κ + 1), which is 1 − 2/κ and not 1 − 1/κ.",
            ),
            (reference / 2, missed + "the distance is asked for, not the loss."),
            (
                -np.log10(goal) / -np.log(399 / 401),
                missed + "the two logarithms must have one base.",
            ),
            (κ, missed + "the condition number alone does not know how near you want to come."),
        ],
        missed + "solve ρᵗ = 1/1000 for t, with ρ = (κ − 1) / (κ + 1).",
        rtol=0.03,
    )

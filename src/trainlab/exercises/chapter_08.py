"""The exercises of chapter 08, on learning-rate schedules."""

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

__all__ = ["boundaries_that_fire", "one_cycle_rate", "predict_the_rate"]


@exercise("08.one-cycle-rate")
def one_cycle_rate(rate: object) -> str:
    """Check a function (t, steps, peak) that gives the rate of 1cycle at an array of steps."""
    steps, peak = 200, 0.4
    t = np.arange(steps)
    result = array(call(rate, t, steps, peak), t.shape, "The rate")
    knots = np.array([0, 0.45, 0.9, 1]) * steps

    def lines(*values: float) -> np.ndarray:
        return peak * np.interp(t, knots, values)

    if is_close(result, lines(0.1, 1, 0.1, 0.001)):
        other = array(call(rate, t[:100], 100, 1.0), (100,), "The rate of 100 steps")
        if is_close(other, np.interp(t[:100], knots / 2, [0.1, 1, 0.1, 0.001])):
            return "Three straight lines through four knots, for any number of steps and any peak."
        raise Hint("Right for 200 steps, wrong for 100: the knots must move with `steps`.")
    turn = peak * np.interp(t, [0, 0.5 * steps, steps], [0.1, 1, 0.1])
    diagnose(
        result,
        [
            (lines(0, 1, 0, 0), "You begin and end at nothing; begin at a tenth of the peak."),
            (
                lines(0.1, 1, 0.1, 0.1),
                "The last tenth is missing: there the rate drops to a thousandth of the peak.",
            ),
            (turn, "You turn at half of the steps. The turn is at 45 % of them, the last tenth"
             " is a drop of its own."),
            (lines(0.1, 1, 0.1, 0.001) / peak, "That is in units of the peak: multiply by it."),
            (
                lines(1, 0.1, 1, 0.001),
                "Upside down: the rate is highest in the middle and low at the ends.",
            ),
            (
                lines(0.1, 1, 0.1, 0.0001),
                "The end is a thousandth of the *peak*, not of the rate at the start.",
            ),
        ],
        f"At step 0 yours is {result[0]:.3g}, at the turn, step {knots[1]:.0f}, it is "
        f"{result[int(knots[1])]:.3g}. With a peak of {peak:g} they should be {peak / 10:g} and "
        f"{peak:g}, with straight lines between the knots.",
    )  # fmt: skip


@exercise("08.boundaries-that-fire")
def boundaries_that_fire(answer: object) -> str:
    """Check the boundaries for drops after epochs 10 and 15 of 55,000 images in batches of 32."""
    result = array(answer, (2,), "The list of boundaries")
    an_epoch = -(-55_000 // 32)
    first, second = 10 * an_epoch - 1, 15 * an_epoch - 1
    if np.array_equal(result, [first, second]):
        return (
            f"{an_epoch:,} steps an epoch, the smaller last batch among them; the step at the "
            "boundary is the last one with the old rate."
        )
    told = f"You drop the rate after step {result[0]:g}. "
    diagnose(
        result,
        [
            (
                np.array([first + 1, second + 1]),
                told + "One too late: steps are counted from 0, and the step at the boundary "
                "still takes the old rate.",
            ),
            (
                np.array([10, 15]),
                told + "Those are epochs. A schedule counts steps, that is, batches.",
            ),
            (
                np.array([11, 16]),
                told + "That counts epochs, where a schedule counts batches.",
            ),
            (
                np.array([first - 10, second - 15]),
                told + "The last batch of an epoch is smaller, but it is a step too: round up.",
            ),
            (
                np.array([first - 9, second - 14]),
                told + "Round the steps of an epoch up, and mind that steps count from 0.",
            ),
            (
                np.array([first + an_epoch, second + an_epoch]),
                told + "Before the eleventh epoch there are ten epochs, not eleven.",
            ),
            (
                np.array([550_000, 825_000]),
                told + "Those are images. One step takes 32 of them.",
            ),
        ],
        told + f"An epoch has {an_epoch:,} steps. How many are done when the eleventh begins?",
        rtol=1e-9,
    )


@exercise("08.predict-the-rate")
def predict_the_rate(answer: object) -> str:
    """Check a predicted and a measured rate: step 75 of CosineDecay(0.2, 100), after resuming."""
    prediction, measured = prediction_and_measurement(answer)

    def cosine(step: float) -> float:
        return 0.2 * (1 + np.cos(np.pi * step / 100)) / 2

    if not is_close(measured, cosine(75), 1e-3):
        diagnose(
            measured,
            [
                (
                    0.2,
                    "You measured the rate of a new optimizer, whose count is 0. A .keras file "
                    "brings the count back.",
                ),
                (cosine(3), "You measured step 3. The schedule counts steps, not epochs."),
                (cosine(74), "You measured the last step before the pause; count from 0."),
                (cosine(76), "You measured one step too late: step 75 is the next one."),
            ],
            f"You measured {measured:.4g}. Call the schedule with the number of steps done.",
            rtol=1e-3,
        )
    if is_close(prediction, cosine(75), 0.05):
        return (
            f"Predicted {prediction:.3g}, measured {measured:.4g}: 75 steps are done and counted, "
            "so the cosine goes on at three quarters."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    diagnose(
        prediction,
        [
            (0.2, missed + "the schedule does not start over. The counter is in the file."),
            (0.05, missed + "that is a straight line. Put 3/4 into the cosine."),
            (cosine(25), missed + "that is after one epoch: three are done."),
            (cosine(50), missed + "that is after two epochs: three are done."),
            (0.2 * (1 + np.cos(0.75)) / 2, missed + "π is missing inside the cosine."),
            (0.2 * np.cos(np.pi * 0.75), missed + "the cosine must be lifted: (1 + cos) / 2."),
        ],
        missed + "put the share of the steps that are done, 75 / 100, into the formula.",
        rtol=0.01,
    )

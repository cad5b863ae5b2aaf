"""The exercises of chapter 01, from arrays to a trained model."""

from __future__ import annotations

import numpy as np

from trainlab.exercises.checking import (
    Hint,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    number,
    prediction_and_measurement,
)

__all__ = ["cross_entropy", "predict_the_stop", "standardize"]


@exercise("01.standardize")
def standardize(prepare: object) -> str:
    """Check a function of raw training and validation images that standardizes both."""
    rng = np.random.default_rng(0)
    train = rng.integers(0, 200, (6, 4, 4), dtype=np.uint8)
    valid = rng.integers(100, 256, (3, 4, 4), dtype=np.uint8)
    result = call(prepare, train, valid)
    if not isinstance(result, (list, tuple)) or len(result) != 2:
        raise Hint(
            "Return two arrays, the training and the validation images; received "
            f"{type(result).__name__}."
        )
    result = _flat(
        array(result[0], train.shape, "The training part"),
        array(result[1], valid.shape, "The validation part"),
    )
    mean, std, whole = train.mean(), train.std(), np.concatenate([train, valid])
    if is_close(result, _flat((train - mean) / std, (valid - mean) / std), 1e-4):
        return "One mean and one spread, both from the training part, for both parts."
    a, b = train / 255, valid / 255
    diagnose(
        result,
        [
            (
                _flat((train - mean) / std, (valid - valid.mean()) / valid.std()),
                "The validation part was standardized by its own mean and spread. One new image "
                "alone could not be: use the numbers of the training part for both.",
            ),
            (
                _flat((train - whole.mean()) / whole.std(), (valid - whole.mean()) / whole.std()),
                "You took mean and spread over both parts. The validation images have then been "
                "used before they are looked at.",
            ),
            (
                _flat((a - a.mean()) / a.var(), (b - a.mean()) / a.var()),
                "Divide by the standard deviation; you divided by its square, the variance.",
            ),
            (
                _flat((train - mean) / train.var(), (valid - mean) / train.var()),
                "Divide by the standard deviation; the variance is its square.",
            ),
            (_flat(a - a.mean(), b - a.mean()), "The mean is right; now divide by the spread."),
            (_flat(a, b), "That is scaling to [0, 1]. Standardizing subtracts and divides."),
            (
                _flat(
                    (train - train.mean(0)) / train.std(0), (valid - train.mean(0)) / train.std(0)
                ),
                "You took a mean for each pixel. Take one over all pixels of all images, as in "
                "the equation.",
            ),
            (
                _flat((mean - train) / std, (mean - valid) / std),
                "The sign is turned: subtract the mean from the images.",
            ),
        ],
        "The shapes are right, the numbers are not. The training part should have mean 0 and "
        f"spread 1; yours has mean {result[: train.size].mean():.3g} and spread "
        f"{result[: train.size].std():.3g}.",
        rtol=1e-4,
    )


def _flat(*arrays: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


@exercise("01.cross-entropy")
def cross_entropy(loss: object) -> str:
    """Check a function of probabilities (images, classes) and integer labels (images,)."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=6)
    y = np.array([0, 3, 1, 2, 2, 0])
    result = call(loss, p, y)
    if np.shape(result) == (6,):
        raise Hint("That is one number an image. The loss is their mean.")
    result = number(result, "The loss")
    right = p[np.arange(6), y]
    if is_close(result, -np.mean(np.log(right))):
        return "Look the right class's probability up, take minus its logarithm, and average."
    one_hot = np.eye(4)[y]
    diagnose(
        result,
        [
            (np.mean(np.log(right)), "The minus is missing: the loss would grow as it improves."),
            (-np.sum(np.log(right)), "That is the sum. Divide by the number of images."),
            (
                -np.mean(np.log(p[:, y])),
                "p[:, y] takes all images for each label. Pair them: p[np.arange(len(y)), y].",
            ),
            (
                -np.mean(one_hot * np.log(p)),
                "You averaged over the classes too. Sum over the classes, average over images.",
            ),
            (-np.mean(np.log10(right)), "That logarithm has base 10. Use the natural one."),
            (-np.mean(np.log2(right)), "That logarithm has base 2. Use the natural one."),
            (
                -np.log(np.mean(right)),
                "You averaged before the logarithm. Average the logarithms.",
            ),
            (
                -np.mean(np.log(p)),
                "That averages over all classes. Only the right class of each image counts.",
            ),
            (
                np.mean(p.argmax(axis=1) == y),
                "That is the accuracy, which asks only which probability is the largest.",
            ),
        ],
        f"It returns {result:.3g} where {-np.mean(np.log(right)):.3g} is right. Which probability "
        "belongs to each image?",
    )


@exercise("01.predict-the-stop")
def predict_the_stop(answer: object) -> str:
    """Check a predicted and a measured epoch at which patience 3 stops the given losses."""
    prediction, measured = prediction_and_measurement(answer)
    if measured != 9:
        diagnose(
            measured,
            [
                (8, "Keras counts epochs from 0, so its epoch 8 is the ninth. Add one."),
                (6, "You measured the best epoch. The run goes on for three epochs after it."),
                (
                    12,
                    "The callback was not asked to stop: leave the loop when "
                    "stop.stopped_epoch is above 0.",
                ),
            ],
            f"You measured {measured:g}. Give the callback one loss an epoch, and leave the loop "
            "when stop.stopped_epoch is above 0.",
        )
    if prediction == 9:
        return (
            "Epoch 6 is the best, and three epochs do not get below it. That the loss falls in two "
            "of them does not matter, nor that epoch 11 would have been better still."
        )
    missed = f"Measured {measured:g}, predicted {prediction:g}: "
    diagnose(
        prediction,
        [
            (10, missed + "you counted rises. Patience counts the epochs since the best one."),
            (6, missed + "that is the best epoch, where the weights to restore are from."),
            (8, missed + "count from 1, and let all three epochs pass."),
            (
                7,
                missed + "a single rise does not stop the run, or a patience would not be needed.",
            ),
            (
                12,
                missed + "the losses need not rise three times in a row. It is enough that none "
                "of three epochs is a new best.",
            ),
            (
                11,
                missed + "epoch 11 would be a new best, but the run has ended before it.",
            ),
        ],
        missed + "find the best epoch so far, and count on from it.",
    )

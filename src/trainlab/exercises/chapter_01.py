"""The exercises of chapter 01, from arrays to a trained model."""

from __future__ import annotations

import numpy as np

from trainlab import datasets
from trainlab.exercises.checking import (
    Hint,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    number,
    outputs_of,
    prediction_and_measurement,
)

__all__ = [
    "build_and_choose",
    "colleagues_data",
    "cross_entropy",
    "mend_the_run",
    "predict_the_stop",
    "standardize",
]

# A net that was stopped in time ends below 0.5 on the test images of the subset, one that was
# trained for 40 epochs above 0.7 (three seeds each, 30 to 400 units).
TEST_LOSS = 0.55


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
        return "One mean and one standard deviation, both from the training part, for both parts."
    a, b = train / 255, valid / 255
    diagnose(
        result,
        [
            (
                _flat((train - mean) / std, (valid - valid.mean()) / valid.std()),
                "The validation part was standardized by its own mean and standard deviation. One "
                "new image alone could not be: use the numbers of the training part for both.",
            ),
            (
                _flat((train - whole.mean()) / whole.std(), (valid - whole.mean()) / whole.std()),
                "You took mean and deviation over both parts. The validation images have then been "
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
            (_flat(a - a.mean(), b - a.mean()), "The mean is right; now divide by the deviation."),
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
        _what_is_wrong(result[: train.size], (train - mean) / std),
        rtol=1e-4,
    )


def _what_is_wrong(result: np.ndarray, right: np.ndarray) -> str:
    if is_close(result, right.ravel(), 1e-4):
        return (
            "The training part is right; the numbers of the validation part are not. It takes the "
            "same mean and the same standard deviation."
        )
    return (
        "The shapes are right, the numbers are not. The training part should have mean 0 and "
        f"standard deviation 1; yours has mean {result.mean():.3g} and standard deviation "
        f"{result.std():.3g}."
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


@exercise("01.build-and-choose")
def build_and_choose(model: object) -> str:
    """Check a trained model by its loss on the test images: was it stopped in time?"""
    parts = datasets.fashion_mnist("subset").standardized()
    x, y = parts.x_test, parts.y_test
    p = outputs_of(model, x)
    if (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise Hint(
            "The outputs are not probabilities: they should be positive and add up to one. Give "
            "the last layer a softmax."
        )
    loss = -np.mean(np.log(np.maximum(p[np.arange(len(y)), y], 1e-7)))
    accuracy = 100 * np.mean(p.argmax(axis=1) == y)
    if loss <= TEST_LOSS:
        return (
            f"Test loss {loss:.2f}, accuracy {accuracy:.1f} %. The test part was looked at once, "
            "and it agrees with what you chose by."
        )
    if accuracy < 20:
        raise Hint(
            f"{accuracy:.1f} % is about what guessing reaches. Was the model trained, on "
            "standardized images and with the loss that belongs to its labels?"
        )
    if accuracy > 78:
        raise Hint(
            f"{accuracy:.1f} % are right, yet the test loss is {loss:.2f}: certain, also where it "
            "is wrong. It was trained past the best epoch; stop it by the validation loss."
        )
    raise Hint(
        f"Test loss {loss:.2f}, accuracy {accuracy:.1f} %: it has not learned enough yet. Give it "
        "more units or more epochs, as long as the validation loss falls."
    )


def colleagues_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a colleague's `(x_train, y_train, x_valid, y_valid)`, of which one is at fault.

    Images are rows of 784 numbers, labels are integers.
    """
    raw = datasets.fashion_mnist("subset")
    parts, scaled = raw.standardized(), raw.scaled()
    mean, std = scaled.x_train.mean(), scaled.x_train.std()
    x_valid = (raw.x_valid.reshape(len(raw.x_valid), -1).astype(np.float32) - mean) / std
    return parts.x_train, parts.y_train, x_valid, parts.y_valid


@exercise("01.mend-the-run")
def mend_the_run(answer: object) -> str:
    """Check the part of the colleague's data that was at fault, as it should be."""
    parts = datasets.fashion_mnist("subset").standardized()
    x_train, y_train, x_valid, y_valid = colleagues_data()
    shape = getattr(answer, "shape", None)
    if shape in (x_train.shape, y_train.shape):
        raise Hint("The training part is not at fault: its mean is 0 and its deviation 1.")
    if shape == y_valid.shape:
        raise Hint("The labels are not at fault: the validation accuracy is far above chance.")
    images = array(answer, x_valid.shape, "The mended part")
    if is_close(images, parts.x_valid, 1e-4):
        return (
            "The validation images had not been divided by 255. A ReLU net is hardly less right "
            "on images that are too large by a factor, but absurdly certain, and that shows in "
            "the loss. Prepare all parts by one function."
        )
    scaled = datasets.fashion_mnist("subset").scaled().x_valid
    diagnose(
        images,
        [
            (x_valid, "That is the validation part as the colleague had it."),
            (
                (x_valid - x_valid.mean()) / x_valid.std(),
                "It now has mean 0 and deviation 1 by its own numbers. Which step was left out? "
                "Take that step, then the mean and the deviation of the training part.",
            ),
            (scaled, "That is scaled to [0, 1]; standardize it as the training part."),
            (x_valid / 255, "Divide the pixels by 255 before the mean is subtracted, not after."),
        ],
        "These are the validation images, but not as the training images were prepared. Which "
        "step was left out?",
        rtol=1e-4,
    )

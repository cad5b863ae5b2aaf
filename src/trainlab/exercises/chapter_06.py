"""The exercises of chapter 06, on transfer learning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import keras
import numpy as np

from trainlab import datasets, few_labels, models
from trainlab.exercises.checking import (
    Hint,
    call,
    diagnose,
    exercise,
    is_close,
    outputs_of,
    prediction_and_measurement,
)

__all__ = [
    "base_and_few_labels",
    "mend_the_fine_tuning",
    "on_a_base",
    "on_top_of",
    "predict_the_drift",
    "reuse_it",
    "transplant",
]

# Percent of the test images. At too small a rate the reused net errs on 7 to 10 of a hundred, at a
# better one on 2 or 3.
TEST_ERROR = 4.0


@exercise("06.transplant")
def transplant(answer: object) -> str:
    """Check a function (weights_a, weights_b, k) that reuses the lowest k layers of A."""
    shapes = [(6, 4), (4,), *[(4, 4), (4,)] * 4]
    a = [np.full(shape, 1.0 + n) for n, shape in enumerate([*shapes, (4, 8), (8,)])]
    b = [np.full(shape, -1.0 - n) for n, shape in enumerate([*shapes, (4, 2), (2,)])]
    for k in (2, 0, 5, 1):
        _check_transplant(call(answer, a, b, k), a, b, k)
    return "Two arrays a layer: the first 2k come from A, the rest is B's own."


def _check_transplant(result: object, a: list[np.ndarray], b: list[np.ndarray], k: int) -> None:
    if not isinstance(result, (list, tuple)):
        raise Hint(
            f"Return a list of arrays, as set_weights takes it; received {type(result).__name__}."
        )
    mistakes = [
        (a[:k] + b[k:], "That counts arrays, not layers: each layer has a kernel and a bias."),
        (b[: 2 * k] + a[2 * k :], "You took the lowest layers from B and the head from A."),
        (a[: -2 * k or None] + b[len(b) - 2 * k :], "You replaced the upper k layers with B's."),
        (
            b[: len(b) - 2 - 2 * k] + a[len(b) - 2 - 2 * k : -2] + b[-2:],
            "These are the upper k hidden layers of A; the lowest come first in the list.",
        ),
        (a[:-2] + b[-2:], f"All hidden layers come from A; with k = {k} it should be {k}."),
        (a, "That is A as it was: B needs a head of its own."),
        (b, "That is B as it was: nothing of A is reused."),
    ]
    wanted = a[: 2 * k] + b[2 * k :]
    if _alike(result, wanted):
        return
    if len(result) != len(wanted):
        raise Hint(f"The list should hold {len(wanted)} arrays; yours holds {len(result)}.")
    for wrong, hint in mistakes:
        if _alike(result, wrong):
            raise Hint(hint)
    raise Hint(f"With k = {k} the first {2 * k} arrays should be A's, the others B's.")


def _alike(result: Sequence[Any], arrays: Sequence[np.ndarray]) -> bool:
    return len(result) == len(arrays) and all(
        np.array_equal(mine, theirs) for mine, theirs in zip(result, arrays, strict=True)
    )


@exercise("06.on-top-of")
def on_top_of(build: object) -> str:
    """Check a function (base, n_classes) that compiles a head on a wholly frozen base."""
    if not callable(build):
        return call(build)  # which raises
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(6, "relu"),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dense(5, "relu"),
        ]
    )
    # Not through `call`: the function has to change the base's flags.
    try:
        model = build(base, 3)
    except Exception as error:
        raise Hint(f"Your function raised {type(error).__name__}: {error}.") from error
    if model is None or model is ...:
        call(lambda: None)
    if not isinstance(model, keras.Model):
        raise Hint(f"Return a Keras model; received {type(model).__name__}.")
    if not model.compiled:
        raise Hint("The model is not compiled, so fit cannot train it.")
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 3, (40, 8)).astype("float32"), rng.integers(3, size=40)
    shape = tuple(model(x).shape)
    if shape != (40, 3):
        raise Hint(f"For 40 images and 3 classes the output has shape {shape}, not (40, 3).")
    _refuse_what_ignores(base, model, x)
    probabilities = np.asarray(model(x))
    is_softmax = (probabilities >= 0).all() and np.allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    takes_logits = getattr(model.loss, "from_logits", False)
    if not is_softmax and not takes_logits:
        raise Hint(
            "The outputs are not probabilities, and the loss expects some: give the head a "
            "softmax, or the loss from_logits=True."
        )
    before = [v.numpy() for v in base.variables]
    mine = [v.numpy() for v in model.trainable_weights]
    try:
        model.fit(x, y, verbose=0)
    except Exception as error:
        raise Hint(
            f"fit raised {type(error).__name__}: {error}. The labels are integers: which loss "
            "takes those?"
        ) from error
    moved = {
        v.path.rsplit("/", 1)[-1]
        for v, old in zip(base.variables, before, strict=True)
        if not np.array_equal(v.numpy(), old)
    }
    if moved & {"kernel", "bias"}:
        raise Hint(
            "The base's kernels moved. Set trainable = False on the base, before you compile."
        )
    if "gamma" in moved or "beta" in moved:
        raise Hint(
            "The Dense layers stayed, but BatchNorm's scale and shift moved. Freeze the base as a "
            "whole, not layer by layer."
        )
    if moved:
        raise Hint(
            "BatchNorm's moving statistics drifted. What counts in fit is trainable = False on "
            "that layer, or on the base as a whole."
        )
    if not mine or any(
        np.array_equal(v.numpy(), old) for v, old in zip(model.trainable_weights, mine, strict=True)
    ):
        raise Hint("The base stayed, and so did the head: nothing is left to learn.")
    return "Frozen as a whole before compile: kernels stay, statistics stay, the head learns."


def _refuse_what_ignores(base: keras.Model, model: keras.Model, x: np.ndarray) -> None:
    kept, outputs = base.get_weights(), np.asarray(model(x))
    base.set_weights([2 * array + 0.5 for array in kept])
    ignored = np.array_equal(np.asarray(model(x)), outputs)
    base.set_weights(kept)
    if ignored:
        raise Hint(
            "The outputs do not depend on the base's weights: the head has to stand on the base "
            "itself, not on an empty clone or on the inputs."
        )


@exercise("06.predict-the-drift")
def predict_the_drift(answer: object) -> str:
    """Check a predicted and a measured moving mean: momentum 0.99, 200 batches of mean 1."""
    prediction, measured = prediction_and_measurement(answer)
    momentum, steps = 0.99, 200
    reference = _drifted(momentum, steps)
    if not is_close(measured, reference, 0.005):
        diagnose(
            measured,
            [
                (0, "You measured 0: without training=True the statistics do not move."),
                (
                    1 - momentum,
                    "You measured the first step alone. Call the layer on all 200 batches.",
                ),
                (
                    1 - reference,
                    "You measured the distance that is left; the question is where the mean is.",
                ),
                (1 - momentum**20, "That is 20 calls, one an epoch; each batch is a call."),
                (1, "That is the mean of the batches. Ask the layer: moving_mean."),
            ],
            f"You measured {measured:.3g}. Call the layer with training=True on each of the 200 "
            "batches, then average moving_mean over the features.",
            rtol=0.02,
        )
    if abs(prediction - reference) < 0.1:
        return (
            f"Predicted {prediction:.3g}, measured {measured:.3g}: the distance to the new mean "
            "shrinks to 0.99 of itself in each batch, so 1 − 0.99²⁰⁰ of the way is done."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    for wrong, hint in [
        (momentum**steps, "that is how far it still is from the new mean, not where it is."),
        (0, "the layer was not frozen: every call with training=True moves it."),
        (
            1 - momentum**20,
            "that is 20 steps; fit calls the layer once a batch, not once an epoch.",
        ),
        (1 - momentum, "that is one step; there are 200."),
        (steps * (1 - momentum), "the steps do not add up: each covers 0.01 of what is left."),
    ]:
        if abs(prediction - wrong) < 0.004:
            raise Hint(missed + hint)
    raise Hint(missed + "each batch keeps 0.99 of the distance to the new mean, 200 times over.")


@cache
def _drifted(momentum: float, steps: int) -> float:
    """Return the moving mean after these calls, averaged over features."""
    batches = np.random.default_rng(0).normal(1, 0.5, (steps, 20, 50)).astype("float32")
    mean = np.zeros(50)
    for batch in batches:
        mean = momentum * mean + (1 - momentum) * batch.mean(axis=0)
    return float(mean.mean())


@cache
def _tasks() -> tuple[datasets.Images, datasets.Images]:
    data = datasets.fashion_mnist("subset").standardized()
    return few_labels.only(data, (0, 1, 2, 3, 4, 7, 8, 9)), few_labels.only(data, (5, 6))


@cache
def _trained() -> list[np.ndarray]:
    task, _ = _tasks()
    keras.utils.set_random_seed(0)
    net = models.compiled_stack(
        4, keras.optimizers.SGD(0.1), kernel_initializer="he_normal", n_classes=8
    )
    net.fit(task.x_train, task.y_train, epochs=4, verbose=0)
    return net.get_weights()


def base_and_few_labels() -> tuple[keras.Model, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a network that has learned eight classes, and images of the two others.

    Returns:
        `(base, x_few, y_few, x_valid, y_valid)`: a network for rows of 784 numbers with four hidden
        layers and eight outputs, 20 labelled images of sandals (0) and shirts (1), and images to
        choose by.
    """
    _, task = _tasks()
    net = models.dense_stack(4, n_classes=8)
    net.set_weights(_trained())
    rows = few_labels.draw(task.y_train, 20, seed=0)
    return net, task.x_train[rows], task.y_train[rows], task.x_valid, task.y_valid


def on_a_base(base: keras.Model) -> keras.Model:
    """Return a network for two classes: the frozen lower layers of `base` and a fresh head."""
    features = keras.Model(base.inputs, base.layers[-2].output)
    features.trainable = False
    inputs = keras.Input((784,))
    keras.utils.set_random_seed(0)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(features(inputs)))


def _test_error(model: object) -> float:
    _, task = _tasks()
    outputs = outputs_of(model, task.x_test, classes=2)
    return float(100 * np.mean(outputs.argmax(axis=1) != task.y_test))


@exercise("06.reuse-it")
def reuse_it(model: object) -> str:
    """Check a trained classifier of two classes by its error on the test images."""
    error = _test_error(model)
    if error <= TEST_ERROR:
        return (
            f"{error:.1f} % wrong with 20 labels: the features of the eight classes are worth that."
        )
    if error > 40:
        raise Hint(
            f"{error:.1f} % wrong is what guessing gets. Was the head trained, and do the features "
            "come from the base with its weights?"
        )
    raise Hint(
        f"{error:.1f} % wrong. Reuse the weights of the base, and choose rate, epochs and what is "
        "frozen by the validation images."
    )


@exercise("06.mend-the-fine-tuning")
def mend_the_fine_tuning(model: object) -> str:
    """Check a fine-tuned model: its base has moved, and it is still accurate."""
    error = _test_error(model)
    variables = model.variables  # type: ignore[attr-defined]
    kernels = [v.numpy() for v in variables if v.path.endswith("kernel")]
    old = [array for array in _trained() if array.ndim == 2]
    moved = [
        not np.array_equal(kernel, reference)
        for kernel, reference in zip(kernels[:4], old, strict=False)
    ]
    if not any(moved):
        raise Hint(
            "Not one kernel of the base has moved: the second fit trained the head alone. When "
            "does a changed flag take effect?"
        )
    if not all(moved):
        raise Hint("A part of the base has moved. She wanted to fine-tune all of it.")
    if error > 2 * TEST_ERROR:
        raise Hint(
            f"The base moves now, and {error:.1f} % of the test images are wrong: the steps are "
            "too large. Fine-tune at a lower rate."
        )
    return (
        f"The flag counts once compile has seen it. All four layers have moved, and {error:.1f} % "
        "of the test images are wrong."
    )

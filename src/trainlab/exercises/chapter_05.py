"""The exercises of chapter 05, on batch normalization."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import keras
import numpy as np

from trainlab import datasets, training
from trainlab.exercises.checking import (
    Hint,
    Unfinished,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    outputs_of,
    prediction_and_measurement,
)

__all__ = [
    "CAUSES",
    "Run",
    "fold_forward",
    "four_runs",
    "group_norm",
    "predict_the_memory",
    "rescue_the_sigmoid_net",
    "what_is_wrong",
]

CAUSES = ("averages that lag", "batches of one class", "frozen from the beginning", "nothing")


class Run(NamedTuple):
    """A training run of exercise 05.what-is-wrong.

    Args:
        model: The trained model.
        loss: Its training loss after each epoch.
        val_loss: Its loss on validation images after each epoch, in inference.
    """

    model: keras.Model
    loss: list[float]
    val_loss: list[float]


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


@exercise("05.rescue-the-sigmoid-net")
def rescue_the_sigmoid_net(model: object) -> str:
    """Check a trained net of 10 sigmoid layers by its accuracy on the test images, in inference."""
    images = datasets.fashion_mnist("subset").standardized()
    outputs = outputs_of(model, images.x_test)
    _check_sigmoid_stack(model)
    accuracy = 100 * float(np.mean(outputs.argmax(axis=1) == images.y_test))
    told = f"Your net classifies {accuracy:.0f} % of images it has never seen rightly"
    if accuracy >= 60:
        return f"{told}, through ten layers of sigmoid units."
    weights = model.get_weights()
    by_batch = np.asarray(model(images.x_test[:1000], training=True))
    model.set_weights(weights)  # the moving averages are the learner's
    own = 100 * float(np.mean(by_batch.argmax(axis=1) == images.y_test[:1000]))
    if own >= accuracy + 10:
        raise Hint(
            f"{told}, and {own:.0f} % where the batch decides instead of the moving averages: they "
            "lag behind. Use a smaller momentum, or train for more steps."
        )
    if not _normalizations(model):
        raise Hint(f"{told}: without a normalization hardly a gradient passes ten sigmoid layers.")
    raise Hint(
        f"{told}; aim for 60 %. Normalize before each sigmoid, and then look at the learning "
        "rate and the number of epochs."
    )


def _normalizations(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if "Normalization" in type(layer).__name__]


def _check_sigmoid_stack(model: keras.Model) -> None:
    """Raise a hint unless a model has 10 hidden dense layers, sigmoids between and no skips."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if len(dense) != 11:
        raise Hint(f"Your model has {max(len(dense) - 1, 0)} hidden dense layers, not 10.")
    before_last = model.layers[: model.layers.index(dense[-1])]
    functions = [each.activation for each in before_last if hasattr(each, "activation")]
    functions = [each for each in functions if each is not keras.activations.linear]
    others = {each.__name__ for each in functions if each is not keras.activations.sigmoid}
    others |= {type(each).__name__ for each in before_last if "ReLU" in type(each).__name__}
    if others:
        raise Hint(f"Keep the sigmoid: your hidden layers use {', '.join(sorted(others))}.")
    if len(functions) != 10:
        raise Hint(f"Each of the 10 hidden layers needs one sigmoid; you have {len(functions)}.")
    if any(isinstance(layer, keras.layers.Add) for layer in model.layers):
        raise Hint("Do it without skip connections.")


@cache
def four_runs() -> dict[str, Run]:
    """Train the four nets of exercise 05.what-is-wrong, three of them with a fault.

    Returns:
        Mapping from a letter to a `Run`, the same four at every call.
    """
    images = datasets.fashion_mnist("subset").standardized().drawn(1000, 0)
    by_class = np.argsort(images.y_train, kind="stable")
    return {
        "A": _run(images, momentum=0.9, frozen=True),
        "B": _run(images, momentum=0.9, order=by_class),
        "C": _run(images, momentum=0.9),
        "D": _run(images, momentum=0.999),
    }


def _run(
    images: datasets.Images,
    *,
    momentum: float,
    frozen: bool = False,
    order: np.ndarray | None = None,
) -> Run:
    """Train a net of two layers on batches of 50 images, in the given order if there is one."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((784,))])
    for _ in range(2):
        net.add(keras.layers.Dense(50, use_bias=False))
        net.add(keras.layers.BatchNormalization(momentum=momentum, trainable=not frozen))
        net.add(keras.layers.Activation("relu"))
    net.add(keras.layers.Dense(10, "softmax"))
    net.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    rows = np.arange(len(images.x_train)) if order is None else order
    history = training.fit(
        net,
        images.x_train[rows],
        images.y_train[rows],
        validation_data=(images.x_valid, images.y_valid),
        batch_size=50,
        epochs=5,
        shuffle=order is None,
        seed=0,
        verbose=0,
    ).history
    return Run(net, history["loss"], history["val_loss"])


# For each run what is wrong with it, and where to look.
_FAULTS = {
    "A": (
        "frozen from the beginning",
        "look at the moving averages of its first normalization. Has any batch moved them?",
    ),
    "B": (
        "batches of one class",
        "both its losses stay above that of guessing. Which classes does it name for 500 images "
        "of all kinds, and how often?",
    ),
    "C": (
        "nothing",
        "its validation loss follows its training loss, and its moving averages are those of the "
        "images.",
    ),
    "D": (
        "averages that lag",
        "give it a large batch with training=True and compare with training=False.",
    ),
}


@exercise("05.what-is-wrong")
def what_is_wrong(answer: object) -> str:
    """Check a mapping from the four runs to what is wrong with each."""
    if not isinstance(answer, dict) or set(answer) != set(_FAULTS):
        raise Hint("The answer should be a dictionary with a cause for each of A, B, C and D.")
    missing = [name for name in _FAULTS if answer[name] is None or answer[name] is ...]
    if missing:
        raise Unfinished(f"Name a cause for {', '.join(missing)}, too.")
    for name, (fault, advice) in _FAULTS.items():
        said = str(answer[name]).strip().lower()
        if said not in CAUSES:
            raise Hint(f"Run {name}: choose one of {', '.join(CAUSES)}.")
        if said != fault:
            raise Hint(f"Run {name}: not {said}; {advice}")
    return (
        "Where training and inference part, ask which statistics each of them uses, and which "
        "images those came from."
    )

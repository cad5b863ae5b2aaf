"""The exercises of chapter 03, on initialization."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np

from trainlab import datasets
from trainlab.exercises.checking import (
    Hint,
    Unfinished,
    array,
    call,
    diagnose,
    exercise,
    is_close,
    prediction_and_measurement,
)

__all__ = [
    "broken_net",
    "fix_fifty_layers",
    "he_uniform",
    "predict_the_spread",
    "train_thirty_layers",
    "what_is_wrong",
]


@exercise("03.he-uniform")
def he_uniform(draw: object) -> str:
    """Check a function (rng, fan_in, fan_out) that draws a kernel by He's uniform rule."""
    fan_in, fan_out = 400, 100
    shape = (fan_in, fan_out)
    W = array(call(draw, np.random.default_rng(0), *shape), shape, "The kernel")
    largest, spread = np.abs(W).max(), W.std()
    if spread == 0:
        raise Hint("All weights are alike: units that start alike stay alike. Draw them.")
    if abs(W.mean()) > 0.1 * largest:
        raise Hint(f"The weights have mean {W.mean():.2g}; the uniform range lies around zero.")
    if largest > 2 * spread:
        raise Hint(
            f"The largest weight is {largest / spread:.2g} times the spread; in a uniform "
            "distribution it is √3 times. Draw with rng.uniform."
        )
    r = np.sqrt(6 / fan_in)
    if is_close(largest, r, 0.01):
        return f"r = √(6 / fan_in): the weights reach ±{largest:.3g}, their spread is {spread:.3g}."
    told = f"The weights reach ±{largest:.3g}, and with fan_in {fan_in} they should reach ±{r:.3g}"
    diagnose(
        largest,
        [
            (
                np.sqrt(2 / fan_in),
                f"{told}. √(2 / fan_in) is the spread; a uniform range must be √3 times as wide.",
            ),
            (np.sqrt(3 / fan_in), f"{told}. That is LeCun's rule; ReLU needs twice the variance."),
            (
                np.sqrt(6 / (fan_in + fan_out)),
                f"{told}. That is Glorot's rule, which counts outputs as well.",
            ),
            (
                np.sqrt(12 / (fan_in + fan_out)),
                f"{told}. That averages fan_in and fan_out; He's rule takes fan_in.",
            ),
            (np.sqrt(6 / fan_out), f"{told}. You divided by fan_out; what comes in is summed up."),
            (6 / fan_in, f"{told}. The root is missing."),
        ],
        f"{told}. A uniform distribution on [−r, r] has the variance r² / 3.",
        rtol=0.01,
    )


@exercise("03.fix-fifty-layers")
def fix_fifty_layers(answer: object) -> str:
    """Check an initializer for 50 layers of Leaky ReLU with the slope 0.5 left of zero."""
    try:
        initializer = keras.initializers.get(answer)
    except (TypeError, ValueError) as error:
        raise Hint(f"Keras knows no such initializer: {error}") from error
    layers, units = 50, 250
    a = start = np.random.default_rng(0).normal(size=(100, units))
    mean_squares = []
    for layer in range(layers):
        W = _kernel(initializer, (units, units), seed=layer)
        mean_squares.append(np.mean(W**2))
        z = a @ W
        a = np.where(z > 0, z, 0.5 * z)
    scale = units * float(np.mean(mean_squares))
    if scale == 0:
        raise Hint("No signal is left after fifty layers: the kernels are zero.")
    passed = (1 + 0.5**2) / 2
    expected = (scale * passed) ** (layers / 2)
    told = (
        f"Your kernels have the mean square {scale:.3g} / fan_in, and so change the size by a "
        f"factor of {expected:.2g} over fifty layers"
    )
    if 0.5 <= expected <= 2:
        change = _size(a) / _size(start)
        if 0.2 < change < 5:
            return f"{told}: the scale makes up for what the slope 0.5 takes, and for no more."
        raise Hint(
            f"{told} if the weights are drawn independently or as a rotation. Yours change it by "
            f"{change:.2g}: the scale is right, the shape of the kernel is not."
        )
    diagnose(
        scale,
        [
            (
                2,
                f"{told}. He makes up for a ReLU that halves the mean square. This one lets a "
                "quarter of the negative half through: how much is kept in all?",
            ),
            (
                1,
                f"{told}. A variance of 1 / fan suits a straight line. How much of the mean square "
                "does a slope of 0.5 left of zero keep?",
            ),
            (
                1 / passed**2,
                f"{told}. The share of the mean square that is kept enters once, not squared.",
            ),
            (
                passed,
                f"{told}. You multiplied by the share that is kept; to make up for it, divide.",
            ),
        ],
        f"{told}. Find E[f(z)²] / E[z²] for a slope of 1 on one side and 0.5 on the other.",
        rtol=0.02,
    )


def _kernel(initializer: object, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Draw another kernel a layer, even from an initializer that carries a seed of its own."""
    if isinstance(initializer, keras.initializers.Initializer):
        config = initializer.get_config()
        if "seed" in config:
            initializer = type(initializer).from_config(config | {"seed": seed})
    return array(call(initializer, shape), shape, "The kernel")


@exercise("03.predict-the-spread")
def predict_the_spread(answer: object) -> str:
    """Check a predicted and a measured share of the size: 50 ReLU layers by Glorot's rule."""
    prediction, measured = prediction_and_measurement(answer)
    layers, units = 50, 400
    reference, linear, across = _shares(layers, units)
    if measured <= 0:
        raise Hint(f"You measured {measured:.2g}; a share of a size is positive.")
    if not is_close(np.log2(measured), np.log2(reference), 0.02):
        if abs(np.log2(measured / linear)) < 0.4:
            raise Hint("ReLU is missing between the layers.")
        diagnose(
            np.log2(measured),
            [
                (2 * np.log2(reference), "You compared mean squares; the size is their root."),
                (
                    np.log2(across),
                    "That is the standard deviation across images. It falls further, since the "
                    "images also become more alike; the question is the root mean square.",
                ),
                (-np.log2(reference), "You measured it upside down: last over first, please."),
                (
                    np.log2(reference) / layers,
                    "That is the change of one layer; the question is all fifty.",
                ),
            ],
            f"You measured {measured:.2g}, and that is not what these kernels do. Apply "
            "np.maximum(a @ W, 0) for each of them and compare the root mean squares.",
            rtol=0.03,
        )
    if prediction <= 0:
        raise Hint("The prediction should be a positive share: 1 for “as it was”.")
    if abs(np.log2(prediction) + layers / 2) < 2:
        return (
            f"Predicted {prediction:.2g}, measured {measured:.2g}: each ReLU layer halves the mean "
            "square, so the size falls by √½ per layer."
        )
    missed = f"Measured {measured:.2g}, predicted {prediction:.2g}: "
    for doublings, hint in [
        (0, "Glorot keeps the size of a straight line; ReLU halves the mean square."),
        (-0.5, "that is one layer; raise it to the power of fifty."),
        (-1, "that is one layer, and of the mean square; the question is the size after fifty."),
        (-layers, "that is the mean square. The size is its root."),
        (layers / 2, "the signal shrinks, it does not grow."),
    ]:
        if abs(np.log2(prediction) - doublings) < 0.2:
            raise Hint(missed + hint)
    raise Hint(missed + "what does one ReLU layer do to the mean square if Var W = 1 / fan?")


@cache
def _shares(layers: int, units: int) -> tuple[float, float, float]:
    """Measure what such layers leave: of the size, without ReLU, and across images."""
    rng = np.random.default_rng(0)
    kernels = rng.normal(0, np.sqrt(1 / units), (layers, units, units))
    a = linear = start = np.maximum(rng.normal(size=(100, units)), 0)
    for W in kernels:
        a, linear = np.maximum(a @ W, 0), linear @ W
    across = a.std(axis=0).mean() / start.std(axis=0).mean()
    return _size(a) / _size(start), _size(linear) / _size(start), across


def _size(a: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(a))))


@exercise("03.train-thirty-layers")
def train_thirty_layers(model: object) -> str:
    """Check a trained net of 30 hidden ReLU layers or more by its accuracy on validation images."""
    if not isinstance(model, keras.Model):
        raise Hint(f"The answer should be a trained Keras model; received {type(model).__name__}.")
    layers = [one for one in model.layers if not isinstance(one, keras.layers.InputLayer)]
    others = sorted({type(one).__name__ for one in layers if type(one) is not keras.layers.Dense})
    if others:
        raise Hint(f"Dense layers only, please; the net also holds {', '.join(others)}.")
    hidden = layers[:-1]
    if len(hidden) < 30:
        raise Hint(f"The net has {len(hidden)} hidden layers; the task is 30.")
    if any(one.activation is not keras.activations.relu for one in hidden):
        raise Hint("Every hidden layer should have the activation “relu”.")
    images = datasets.fashion_mnist("subset").standardized()
    try:
        probabilities = np.asarray(model(images.x_valid, training=False))
    except Exception as error:
        raise Hint(f"The net does not take images of 784 pixels: {error}") from error
    if not np.isfinite(probabilities).all():
        raise Hint("The outputs are not finite: the training diverged. Try a smaller rate.")
    accuracy = 100 * float(np.mean(probabilities.argmax(axis=-1) == images.y_valid))
    told = f"The net classifies {accuracy:.0f} % of the validation images"
    if accuracy >= 50:
        return f"{told}: signal and gradient came through thirty layers."
    if accuracy < 25:
        raise Hint(
            f"{told}, which is near guessing. Does a gradient reach the first layer? Measure "
            "the size of the outputs of each layer before training."
        )
    raise Hint(f"{told}; the task is 50 %. It learns: which start, or which optimizer, is faster?")


_FAULTS = ("too large", "too small", "identical units", "dead units")


def broken_net() -> keras.Model:
    """Return a net of 12 hidden ReLU layers, one of which has started wrong.

    All kernels have He's scale, but the columns of one of them are copies of each other.
    """
    keras.utils.set_random_seed(3)
    hidden = [
        keras.layers.Dense(100, "relu", kernel_initializer="he_normal", name=f"hidden_{number}")
        for number in range(1, 13)
    ]
    net = keras.Sequential(
        [keras.Input((784,)), *hidden, keras.layers.Dense(10, "softmax", name="probabilities")]
    )
    kernel = hidden[7].kernel
    # A column whose unit answers nearly every image, so that sizes look right in all layers.
    kernel.assign(np.repeat(kernel.numpy()[:, 8:9], 100, axis=1))
    return net


@exercise("03.what-is-wrong")
def what_is_wrong(answer: Any) -> str:
    """Check which layer of `broken_net` is at fault, and with what: (layer, fault)."""
    try:
        layer, fault = answer
    except (TypeError, ValueError):
        raise Hint("The answer should be the pair (layer, fault).") from None
    if layer is ... or fault is ...:
        raise Unfinished("Say both, the layer and its fault.")
    if fault not in _FAULTS:
        raise Hint(f"The fault should be one of: {', '.join(_FAULTS)}.")
    layer = str(layer).removeprefix("hidden_")
    if fault == "dead units":
        raise Hint(
            "Behind the fault many units are zero for every image, but why? They are its result. "
            "Look at the kernels before them."
        )
    if fault != "identical units":
        raise Hint(
            "The mean square of each kernel is He's, and the outputs keep their size. A right "
            "size is not all that a kernel needs: what does each unit add to the others?"
        )
    if layer != "8":
        raise Hint("That is a fault to look for. Compare the columns of each layer's kernel.")
    return (
        "All units of hidden_8 start as copies of one: a single number per image passes, and "
        "what the layers before it found is lost."
    )

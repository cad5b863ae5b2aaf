"""The exercises of chapter 04, on activations."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import keras
import numpy as np
from scipy import stats

from trainlab import datasets, diagnostics, models, training
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
    "CAUSES",
    "Run",
    "four_runs",
    "predict_the_dead",
    "prelu_slope_gradient",
    "silu_slope",
    "train_twenty_layers",
    "what_is_wrong",
]

CAUSES = ("dead units", "saturated units", "no activation", "vanishing gradients")


class Run(NamedTuple):
    """A training run of exercise 04.what-is-wrong.

    Args:
        model: The trained model.
        loss: Its training loss after each epoch.
    """

    model: keras.Model
    loss: list[float]


@exercise("04.silu-slope")
def silu_slope(slope: object) -> str:
    """Check a function z that returns the slope of SiLU, z · sigmoid(z)."""
    z = np.linspace(-6, 6, 25).reshape(5, 5)
    s = 1 / (1 + np.exp(-z))
    result = array(call(slope, z), z.shape, "The slope")
    if is_close(result, s + z * s * (1 - s)):
        return "The product rule: the gate itself, and z times the slope of the gate."
    diagnose(
        result,
        [
            (s, "That is the first part of the product rule only: the gate also depends on z."),
            (z * s, "That is SiLU itself, not its slope."),
            (s * (1 - s), "That is the slope of the sigmoid. There is a factor z before it."),
            (z * s * (1 - s), "That is the second part of the product rule only."),
            (
                s + s * (1 - s),
                "Nearly: in the second part, the slope of the gate is multiplied by z.",
            ),
            (s - z * s * (1 - s), "A sign is turned: the gate opens as z grows."),
        ],
        "The shape is right, the numbers are not. Apply the product rule to z · sigmoid(z), and "
        "remember that the sigmoid's slope is s (1 − s).",
    )


@exercise("04.prelu-slope-gradient")
def prelu_slope_gradient(gradient: object) -> str:
    """Check a function (Z, dA) that returns the gradient of the loss by PReLU's slopes."""
    rng = np.random.default_rng(0)
    Z, dA = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    negative = np.minimum(Z, 0)
    result = np.asarray(call(gradient, Z, dA))
    if result.shape == Z.shape and is_close(result, dA * negative):
        raise Hint("One slope serves every image of its unit: sum over the images.")
    result = array(result, (5,), "The gradient")
    if is_close(result, (dA * negative).sum(axis=0)):
        return "Left of zero f = α z, so ∂f/∂α = z there, zero elsewhere, summed over the images."
    diagnose(
        result,
        [
            (
                (dA * negative).mean(axis=0),
                "That is the mean over the images. dA holds the gradient of the loss already; "
                "sum up what the images contribute.",
            ),
            ((dA * Z).sum(axis=0), "Right of zero the slope α plays no part: keep only z < 0."),
            (
                (dA * np.maximum(Z, 0)).sum(axis=0),
                "Wrong side: α multiplies the negative pre-activations.",
            ),
            (
                (dA * (Z < 0)).sum(axis=0),
                "The derivative of α z by α is z; you used 1, as if α were added.",
            ),
            (negative.sum(axis=0), "dA is missing: the chain rule multiplies by it."),
            (-(dA * negative).sum(axis=0), "The sign is turned: z stays negative."),
        ],
        "The shape is right, the numbers are not. What is the derivative of f by α, left and "
        "right of zero? Multiply by dA and sum over the images.",
    )


@exercise("04.predict-the-dead")
def predict_the_dead(answer: object) -> str:
    """Check a predicted and a measured share of dead units: z like N(−3, 1), 200 images."""
    prediction, measured = prediction_and_measurement(answer)
    images = 200
    dead, zeros, rows = _shares(images)
    if not is_close(measured, dead, 1e-6):
        diagnose(
            measured,
            [
                (zeros, "You measured the share of zero outputs. A dead unit gives zero for all."),
                (1 - dead, "You measured the units that live."),
                (rows, "You looked for images that wake no unit. Look along the images instead."),
                (dead * 2000, "You counted the units; the question is their share."),
            ],
            f"You measured {measured:.3g}, and that is not the share of columns of `pushed` "
            "without an entry above zero.",
            rtol=1e-3,
        )
    right = stats.norm.cdf(3) ** images
    if abs(prediction - right) <= 0.1 * right:
        return (
            f"Predicted {prediction:.3g}, measured {measured:.3g}: one image leaves a unit silent "
            "nearly always, and all 200 together still most of the time."
        )
    missed = f"Measured {measured:.3g}, predicted {prediction:.3g}: "
    diagnose(
        prediction,
        [
            (stats.norm.cdf(3), missed + "that is the chance for one image. All 200 must agree."),
            (1 - right, missed + "that is the share that lives."),
            (
                images * stats.norm.sf(3),
                missed + "that is how many images wake a unit on average; the question is the "
                "chance of none.",
            ),
            (
                0.5,
                missed + "half would be silent if z lay around zero; here it lies at −3.",
            ),
        ],
        missed + "raise the chance that one image leaves a unit silent to the power of 200.",
        rtol=0.03,
    )


@cache
def _shares(images: int) -> tuple[float, float, float]:
    """Measure the share of dead units, of zero outputs and of images that wake no unit."""
    silent = np.random.default_rng(0).normal(-3, 1, (images, 2000)) <= 0
    return silent.all(axis=0).mean(), silent.mean(), silent.all(axis=1).mean()


@exercise("04.train-twenty-layers")
def train_twenty_layers(model: object) -> str:
    """Check a trained model of 20 plain hidden layers by its accuracy on the test images."""
    if not isinstance(model, keras.Model):
        raise Hint("The answer should be your trained Keras model.")
    _check_plain(model)
    images = datasets.fashion_mnist("subset").standardized()
    outputs = np.asarray(model(images.x_test, training=False))
    if outputs.shape != (len(images.x_test), 10):
        raise Hint(f"The outputs should have shape (images, 10); yours have {outputs.shape[1:]}.")
    if not np.isfinite(outputs).all():
        raise Hint("The outputs are not finite: training diverged. Take a smaller learning rate.")
    accuracy = diagnostics.accuracy(model, images.x_test, images.y_test)
    told = f"Your net classifies {accuracy:.0f} % of images it has never seen rightly"
    if accuracy >= 60:
        return f"{told}, through twenty plain layers: signal and gradient both get through."
    hidden = diagnostics.hidden_outputs(model, images.x_test)
    if np.mean(hidden[-1].max(axis=0) <= 0) > 0.9:
        raise Hint(f"{told}, and hardly a unit of its last hidden layer is ever above zero.")
    spread = np.mean([outputs.std(axis=0).mean() for outputs in hidden[-3:]])
    if spread < 0.01:
        raise Hint(
            f"{told}, and its last hidden layers give nearly the same for every image: the signal "
            "vanished on the way. Which activation and initializer keep its size?"
        )
    raise Hint(
        f"{told}; aim for 60 %. The signal arrives, so look at the rest: the learning rate, the "
        "number of epochs."
    )


def _check_plain(model: keras.Model) -> None:
    """Raise a hint unless a model is a plain stack of 20 non-linear hidden layers."""
    foreign = [
        type(layer).__name__
        for layer in model.layers
        if "Normalization" in type(layer).__name__ or isinstance(layer, keras.layers.Add)
    ]
    if foreign:
        raise Hint(f"Do it without {foreign[0]}: a plain stack of dense layers.")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if len(dense) != 21:
        raise Hint(f"Your model has {max(len(dense) - 1, 0)} hidden dense layers, not 20.")
    only_dense = all(isinstance(each, (keras.layers.InputLayer, keras.layers.Dense))
                     for each in model.layers)  # fmt: skip
    if only_dense and all(each.activation is keras.activations.linear for each in dense[:-1]):
        raise Hint("Without an activation the twenty layers are one layer in disguise.")


@cache
def four_runs() -> dict[str, Run]:
    """Train the four nets of exercise 04.what-is-wrong, each with one fault, and return them."""
    images = datasets.fashion_mnist("subset").standardized().drawn(500, 0)
    nets = {
        "A": _net(10, "sigmoid", "glorot_uniform"),
        "B": _net(4, "linear", "glorot_uniform"),
        "C": _net(4, "relu", "he_normal"),
        "D": _net(4, "tanh", keras.initializers.RandomNormal(0, 1)),
    }
    diagnostics.silence(nets["C"], "hidden_3", images.x_train, margin=10)
    return {name: Run(net, _trained(net, images)) for name, net in nets.items()}


def _net(depth: int, activation: str, initializer: str | keras.Initializer) -> keras.Model:
    return models.compiled_stack(
        depth,
        keras.optimizers.SGD(0.03),
        units=50,
        activation=activation,
        kernel_initializer=initializer,
        seed=0,
    )


def _trained(net: keras.Model, images: datasets.Images) -> list[float]:
    history = training.fit(net, images.x_train, images.y_train, epochs=5, seed=0, verbose=0)
    return history.history["loss"]


# For each run its fault, and where to look for it.
_FAULTS = {
    "A": (
        "vanishing gradients",
        "no output of it lies at an end of its range or is zero for all images. Compare the "
        "gradients of its first and last layer.",
    ),
    "B": (
        "no activation",
        "its loss falls, its gradients are sound, and yet something is missing. Are its hidden "
        "outputs bounded on any side?",
    ),
    "C": (
        "dead units",
        "look for a hidden layer whose outputs are the same number for every image.",
    ),
    "D": (
        "saturated units",
        "draw a histogram of its hidden outputs. Where do nearly all of them lie?",
    ),
}


@exercise("04.what-is-wrong")
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
        "A flat curve has more than one cause, and a falling one may hide a fault: outputs and "
        "gradients, layer by layer, tell them apart."
    )

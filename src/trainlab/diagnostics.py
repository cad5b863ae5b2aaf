"""Measure what happens inside a network, layer by layer. Nothing here draws or trains."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

__all__ = [
    "accuracy",
    "dead_share",
    "dead_units",
    "gradient_change",
    "gradient_decades",
    "gradient_norms",
    "hidden_layers",
    "hidden_outputs",
    "output_spread",
    "saturation",
    "silence",
]


def accuracy(model: keras.Model, x: ArrayLike, y: ArrayLike) -> float:
    """Return the share of images that a model classifies rightly, in percent.

    Args:
        model: From inputs to probabilities or logits (batch, classes); it need not be compiled.
        x: Inputs of shape (batch, features).
        y: Integer labels of shape (batch,).

    Returns:
        A number in [0, 100]. An output that is not finite counts as class 0 or as the first that
        is not finite.
    """
    outputs = np.asarray(model(keras.ops.convert_to_tensor(x), training=False))
    return 100 * float(np.mean(outputs.argmax(axis=1) == np.asarray(y)))


def hidden_layers(model: keras.Model) -> list[keras.layers.Dense]:
    """Return the model's Dense layers except the last one, from input to output."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if len(dense) < 2:
        raise ValueError(
            f"Model {model.name!r} has {len(dense)} Dense layer(s); to look inside it needs a "
            "hidden one and an output layer."
        )
    return dense[:-1]


def hidden_outputs(model: keras.Model, x: ArrayLike) -> list[np.ndarray]:
    """Return the outputs of all hidden Dense layers in one pass.

    Args:
        model: A built Sequential or functional model.
        x: Inputs of shape (batch, features).

    Returns:
        One array of shape (batch, units) a hidden layer, from input to output.
    """
    probe = keras.Model(model.inputs, [layer.output for layer in hidden_layers(model)])
    outputs = probe(keras.ops.convert_to_tensor(x), training=False)
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]


def output_spread(model: keras.Model, x: ArrayLike) -> np.ndarray:
    """Return the standard deviation of each hidden layer's outputs, over batch and units.

    Returns:
        An array of shape (hidden layers,).
    """
    return np.array([output.std() for output in hidden_outputs(model, x)])


def saturation(outputs: np.ndarray, *, low: float, high: float, margin: float = 0.05) -> float:
    """Return the share of a layer's outputs that lie within `margin` of the function's ends.

    Args:
        outputs: Outputs of a bounded activation, of any shape.
        low, high: The ends of its range: 0 and 1 for the sigmoid, -1 and 1 for tanh.
        margin: What counts as saturated, as a share of the range.

    Returns:
        A share in [0, 1].
    """
    reach = margin * (high - low)
    return float(np.mean((outputs < low + reach) | (outputs > high - reach)))


def dead_units(model: keras.Model, x: ArrayLike) -> np.ndarray:
    """Return the share of each hidden layer's units that give nothing for any image.

    A unit counts as dead if its output is never above zero: with ReLU no gradient reaches its
    weights then.

    Args:
        model: A model whose hidden activation is zero or negative left of zero.
        x: Inputs of shape (batch, features); the more images, the surer the count.

    Returns:
        An array of shape (hidden layers,) with values in [0, 1].

    Raises:
        ValueError: An output is not finite: a net that diverged has no units to count.
    """
    by_layer = hidden_outputs(model, x)
    if not all(np.isfinite(outputs).all() for outputs in by_layer):
        raise ValueError(
            f"Model {model.name!r} has outputs that are not finite, so its training has diverged "
            "and its dead units cannot be counted. Use a smaller learning rate, or clip gradients."
        )
    return np.array([np.mean((outputs <= 0).all(axis=0)) for outputs in by_layer])


def dead_share(models: Sequence[keras.Model], x: ArrayLike) -> np.ndarray:
    """Return the share of dead units in all hidden layers of each model.

    Args:
        models: Models as for `dead_units`, for instance one a seed.
        x: Inputs of shape (batch, features).

    Returns:
        An array of shape (models,) with values in [0, 1], NaN for a model whose outputs are not
        finite.
    """
    shares = []
    for model in models:
        finite = all(np.isfinite(outputs).all() for outputs in hidden_outputs(model, x))
        shares.append(np.mean(dead_units(model, x)) if finite else np.nan)
    return np.array(shares)


def silence(model: keras.Model, layer: str, x: ArrayLike, margin: float = 0.1) -> None:
    """Lower the biases of a hidden layer until none of its units is above zero for any input.

    Args:
        model: A model whose hidden activation keeps the sign of what is above zero by at most
            scaling it, as ReLU and Leaky ReLU do.
        layer: The layer's name, as "hidden_3".
        x: Inputs of shape (batch, features).
        margin: How far below zero the highest pre-activation of each unit ends, at least.
    """
    names = [each.name for each in hidden_layers(model)]
    highest = hidden_outputs(model, x)[names.index(layer)].max(axis=0)
    bias = model.get_layer(layer).bias
    bias.assign(bias - np.maximum(highest, 0) - margin)


def gradient_norms(
    model: keras.Model, x: ArrayLike, y: ArrayLike, *, training: bool = False
) -> np.ndarray:
    """Return the Euclidean norm of the loss's gradient with respect to each hidden kernel.

    The loss is the mean sparse categorical cross-entropy, so that models need not be compiled.

    Args:
        model: A model with probabilities as outputs.
        x: Inputs of shape (batch, features).
        y: Integer labels of shape (batch,).
        training: Whether layers such as BatchNormalization and Dropout run as in training.

    Returns:
        An array of shape (hidden layers,), from the first to the last.
    """
    kernels = [layer.kernel.value for layer in hidden_layers(model)]
    with tf.GradientTape() as tape:
        probabilities = model(keras.ops.convert_to_tensor(x), training=training)
        loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, probabilities))
    return np.array([float(keras.ops.norm(gradient)) for gradient in tape.gradient(loss, kernels)])


def gradient_decades(model: keras.Model, x: ArrayLike, y: ArrayLike) -> float:
    """Return how many powers of ten the gradient gains on its way back through the model.

    The base-10 logarithm of the norm of the first hidden kernel's gradient over that of the last:
    -6 means that a millionth of it arrives. A gradient that has become zero counts as the smallest
    32-bit number.

    Args:
        model, x, y: As for `gradient_norms`.
    """
    norms = np.maximum(gradient_norms(model, x, y), np.finfo("float32").tiny)
    return float(np.log10(norms[0] / norms[-1]))


def gradient_change(
    model: keras.Model, x: ArrayLike, y: ArrayLike, rates: Sequence[float]
) -> np.ndarray:
    """Return how much a step along the gradient changes the gradient, for steps of several lengths.

    With g(θ) the gradient of the mean sparse categorical cross-entropy in training mode,

        change(η) = ‖g(θ - η g(θ)) - g(θ)‖ / ‖g(θ)‖

    over all trainable weights together (Santurkar et al., 2018, https://arxiv.org/abs/1805.11604).
    Each step starts at θ, and the model is left as it was found, moving averages included.

    Args:
        model: A built model with probabilities as outputs.
        x: Inputs of shape (batch, features).
        y: Integer labels of shape (batch,).
        rates: The learning rates η of the steps.

    Returns:
        An array of shape (rates,).

    Raises:
        ValueError: The gradient at θ is zero.

    Taught in chapter 05.
    """
    found = model.get_weights()
    weights = model.trainable_variables
    gradient = _gradients(model, x, y)
    start = [weight.numpy() for weight in weights]
    size = sum(np.sum(g**2) for g in gradient)
    if size == 0:
        raise ValueError(f"Model {model.name!r} has a gradient of zero: no step leads anywhere.")
    changes = []
    for rate in rates:
        for weight, value, g in zip(weights, start, gradient, strict=True):
            weight.assign(value - rate * g)
        moved = _gradients(model, x, y)
        difference = sum(np.sum((b - a) ** 2) for a, b in zip(gradient, moved, strict=True))
        changes.append(np.sqrt(difference / size))
    model.set_weights(found)
    return np.array(changes)


def _gradients(model: keras.Model, x: ArrayLike, y: ArrayLike) -> list[np.ndarray]:
    """Return the gradient of the mean cross-entropy in training mode, one array a weight."""
    with tf.GradientTape() as tape:
        probabilities = model(keras.ops.convert_to_tensor(x), training=True)
        loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, probabilities))
    values = [weight.value for weight in model.trainable_variables]
    return [np.asarray(g, dtype=float) for g in tape.gradient(loss, values)]

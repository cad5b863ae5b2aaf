"""Networks that more than one chapter builds."""

from __future__ import annotations

import keras

__all__ = ["compiled_stack", "dense_stack"]


def dense_stack(
    depth: int,
    *,
    units: int = 100,
    activation: str = "relu",
    kernel_initializer="glorot_uniform",
    n_inputs: int = 784,
    n_classes: int = 10,
    skip: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """Build a plain deep network: `depth` hidden Dense layers of one width and a softmax.

    The hidden layers are called hidden_1 … hidden_<depth>, the last layer probabilities.
    The output layer keeps Keras' default initializer, so that only the hidden layers differ
    between the networks that a chapter compares. Used in chapters 02 and 03.

    Args:
        depth: Number of hidden layers, at least 1.
        units: Width of each hidden layer.
        activation: Activation of the hidden layers, as `keras.layers.Dense` takes it.
        kernel_initializer: Initializer of the hidden kernels, by name or a Keras initializer.
            An object is copied for each layer, so that no two layers draw the same numbers.
        n_inputs: Features of one image.
        n_classes: Number of classes.
        skip: Add each hidden layer's input to its output from the second on: h + f(h)
            (He et al., 2016, arXiv:1512.03385).
        seed: Seed everything with it first, so that the same call draws the same network.

    Returns:
        An uncompiled functional model from (batch, n_inputs) to probabilities (batch, n_classes).

    Raises:
        ValueError: `depth` is below 1.

    Example:
        >>> dense_stack(20, activation="relu", kernel_initializer="he_normal").count_params()
        281410
    """
    if depth < 1:
        raise ValueError(f"depth={depth} is below 1: the network needs a hidden layer.")
    if seed is not None:
        keras.utils.set_random_seed(seed)
    prototype = keras.initializers.get(kernel_initializer)
    inputs = keras.Input((n_inputs,), name="image")
    hidden = inputs
    for number in range(1, depth + 1):
        output = keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=prototype.clone(),
            name=f"hidden_{number}",
        )(hidden)
        hidden = (
            keras.layers.Add(name=f"skip_{number}")([hidden, output])
            if (skip and number > 1)
            else output
        )
    outputs = keras.layers.Dense(n_classes, activation="softmax", name="probabilities")(hidden)
    return keras.Model(inputs, outputs)


def compiled_stack(depth: int, optimizer, **options) -> keras.Model:
    """Build a `dense_stack` and compile it to classify images with integer labels.

    Args:
        depth: Number of hidden layers.
        optimizer: A Keras optimizer, or its name.
        **options: What else `dense_stack` takes.

    Returns:
        A model compiled with sparse categorical cross-entropy and accuracy.
    """
    model = dense_stack(depth, **options)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

"""Networks that more than one chapter builds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

__all__ = [
    "StackedDense",
    "compiled_stack",
    "compiled_tower",
    "dense_stack",
    "pair_net",
    "shifted_tanh_stack",
    "stack_with",
]


def dense_stack(
    depth: int,
    *,
    units: int = 100,
    activation: str = "relu",
    kernel_initializer: str | keras.Initializer = "glorot_uniform",
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


def compiled_stack(depth: int, optimizer: str | keras.Optimizer, **options: Any) -> keras.Model:
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


def stack_with(
    optimizer: Callable[[float], keras.Optimizer],
    rate: float,
    *,
    depth: int,
    units: int = 50,
    **options: Any,
) -> keras.Model:
    """Build a `compiled_stack` with a new optimizer of one kind at a learning rate.

    With `functools.partial` it is what `trainlab.training.sweep` and `tuned_sweep` build.

    Args:
        optimizer: Returns a new optimizer for a learning rate, as `keras.optimizers.SGD` does.
        rate: The learning rate.
        depth: Number of hidden layers.
        units: Width of each hidden layer.
        **options: What else `dense_stack` takes.

    Returns:
        A compiled model, as `compiled_stack`.
    """
    return compiled_stack(depth, optimizer(rate), units=units, **options)


def shifted_tanh_stack(shift: float, rate: float, *, depth: int = 5, **options: Any) -> keras.Model:
    """Build a net of tanh(z) + shift that starts as the same function for every shift.

    The biases of all layers that see a shifted input start at what takes the shift back:

        (a + shift) W + b = a W,   b = -shift · (sum of W over its inputs)

    so that, with one seed, two nets of different shifts give the same outputs until they are
    trained.

    Args:
        shift: What is added to each hidden layer's outputs.
        rate: The learning rate of SGD.
        depth: Number of hidden layers.
        **options: What else `stack_with` takes.

    Returns:
        A compiled model, as `compiled_stack`.
    """

    def shifted_tanh(z: Any) -> Any:
        return keras.ops.tanh(z) + shift

    options["activation"] = shifted_tanh
    net = stack_with(keras.optimizers.SGD, rate, depth=depth, **options)
    dense = [layer for layer in net.layers if isinstance(layer, keras.layers.Dense)]
    for layer in dense[1:]:
        layer.bias.assign(-shift * keras.ops.sum(layer.kernel, axis=0))
    return net


@keras.saving.register_keras_serializable("trainlab")
class StackedDense(keras.layers.Layer):
    """Compute `depth` dense layers of one width, whose kernels lie in one array.

        a_l = f(a_{l-1} W_l + b_l),   l = 1 … depth

    The same as that many `keras.layers.Dense`, but a net of a hundred layers is built and trained
    about twice as fast, because one variable takes the place of a hundred.

    Args:
        depth: Number of layers, at least 1.
        activation: As `keras.layers.Dense` takes it.
        kernel_initializer: Initializer of each layer's kernel, drawn anew for each layer.

    Raises:
        ValueError: `depth` is below 1.

    Used in chapter 04.
    """

    def __init__(
        self,
        depth: int,
        activation: str | Callable,
        kernel_initializer: str | keras.Initializer = "glorot_uniform",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if depth < 1:
            raise ValueError(f"depth={depth} is below 1: the stack needs a layer.")
        # XLA takes half a minute to compile a hundred layers in a row, and saves little on them.
        self.supports_jit = False
        self.depth = depth
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw the kernels, of shape (depth, units, units), and set the biases to zero."""
        units = input_shape[-1]

        def draw(shape: tuple[int, ...], dtype: str) -> Any:
            # One call for the whole array would count the depth as inputs.
            initializers = [self.kernel_initializer.clone() for _ in range(shape[0])]
            return keras.ops.stack([one(shape[1:], dtype) for one in initializers])

        self.kernel = self.add_weight(
            shape=(self.depth, units, units), initializer=draw, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.depth, units), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Return the last layer's outputs, of the shape (batch, units) of the inputs."""
        outputs = inputs
        kernels, biases = keras.ops.unstack(self.kernel), keras.ops.unstack(self.bias)
        for W, b in zip(kernels, biases, strict=True):
            outputs = self.activation(keras.ops.matmul(outputs, W) + b)
        return outputs

    def get_config(self) -> dict:
        """Return what makes the layer again."""
        return super().get_config() | {
            "depth": self.depth,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def compiled_tower(
    depth: int,
    optimizer: str | keras.Optimizer,
    *,
    units: int = 50,
    activation: str | Callable = "relu",
    kernel_initializer: str | keras.Initializer = "he_normal",
) -> keras.Model:
    """Build and compile the net of `compiled_stack` for great depths, as a `StackedDense`.

    Args:
        depth: Number of hidden layers, at least 2.
        optimizer: A Keras optimizer, or its name.
        units: Width of each hidden layer.
        activation, kernel_initializer: Of all hidden layers.

    Returns:
        A model from (batch, 784) to probabilities (batch, 10), compiled with sparse categorical
        cross-entropy and accuracy.
    """
    model = keras.Sequential(
        [
            keras.Input((784,), name="image"),
            keras.layers.Dense(
                units, activation, kernel_initializer=kernel_initializer, name="hidden_1"
            ),
            StackedDense(depth - 1, activation, kernel_initializer, name="hidden_rest"),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def pair_net(depth: int, optimizer: str | keras.Optimizer, **options: Any) -> keras.Model:
    """Build a network that says whether two images belong to one class (a siamese network).

    Both images pass through the same hidden layers, a `dense_stack` without its last layer; the
    absolute differences of their features go into one sigmoid unit:

        p = sigmoid(|h(left) - h(right)| v + c)

    `get_weights` gives the hidden layers' arrays first, then v and c. Used in chapter 06.

    Args:
        depth: Number of hidden layers.
        optimizer: A Keras optimizer, or its name.
        **options: What else `dense_stack` takes.

    Returns:
        A model from two images, each (batch, n_inputs), to probabilities (batch, 1), compiled with
        binary cross-entropy.

    Reference:
        Bromley et al. (1993), Signature verification using a "siamese" time delay neural network.
    """
    stack = dense_stack(depth, **options)
    base = keras.Model(stack.inputs, stack.get_layer(f"hidden_{depth}").output)
    left, right = (keras.Input(base.input_shape[1:]) for _ in range(2))
    apart = keras.layers.Subtract()([base(left), base(right)])
    # A layer and not the bare operation, whose number in a name would tell equal models apart.
    apart = keras.layers.Lambda(keras.ops.abs)(apart)
    model = keras.Model([left, right], keras.layers.Dense(1, activation="sigmoid")(apart))
    model.compile(optimizer, "binary_crossentropy")
    return model

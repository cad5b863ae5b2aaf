"""The nets and the images that the benchmarks train."""

import functools

import keras
import numpy as np
from keras import layers

PIXELS, CLASSES, BATCH = 784, 10, 32
KINDS = ("sgd", "adam", "batch_norm", "dropout", "deep")
TITLES = {
    "sgd": "784-300-100-10, SGD",
    "adam": "784-300-100-10, Adam",
    "batch_norm": "784-300-100-10, BatchNorm",
    "dropout": "784-300-100-10, dropout",
    "deep": "100 x Dense(100, selu)",
}


@functools.cache
def images(count):
    """Random images and labels of Fashion-MNIST's shape: the speed is not in the pixels."""
    rng = np.random.default_rng(0)
    x = rng.random((count, PIXELS), dtype="float32")
    return x, rng.integers(0, CLASSES, count, dtype="int32")


def build(kind, depth=100, seed=0, **compile_arguments):
    """A compiled net of one of `KINDS`."""
    keras.utils.set_random_seed(seed)
    inner = []
    if kind == "deep":
        inner = [layers.Dense(100, "selu", kernel_initializer="lecun_normal") for _ in range(depth)]
    else:
        for units in (300, 100):
            inner.append(layers.Dense(units, "relu", kernel_initializer="he_normal"))
            if kind == "batch_norm":
                inner.append(layers.BatchNormalization())
            if kind == "dropout":
                inner.append(layers.Dropout(0.2))
    model = keras.Sequential(
        [keras.Input((PIXELS,)), *inner, layers.Dense(CLASSES, activation="softmax")]
    )
    optimizer = keras.optimizers.Adam(1e-3) if kind == "adam" else keras.optimizers.SGD(1e-2)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], **compile_arguments)
    return model

"""784-300-100-10 with SGD, written by hand as one XLA loop, and its matrix products alone."""

import itertools

import tensorflow as tf

from benchmarks.nets import BATCH, CLASSES, PIXELS

SIZES = (PIXELS, 300, 100, CLASSES)
LEARNING_RATE = 0.01


def initial_weights():
    rng = tf.random.Generator.from_seed(0)
    kernels = [
        rng.normal((fan_in, fan_out), stddev=(2 / fan_in) ** 0.5)
        for fan_in, fan_out in itertools.pairwise(SIZES)
    ]
    return kernels, [tf.zeros(units) for units in SIZES[1:]]


def step(x, y, kernels, biases):
    """One step of gradient descent; returns the new weights, the summed loss and the hits."""
    (w1, w2, w3), (b1, b2, b3) = kernels, biases
    h1 = tf.nn.relu(x @ w1 + b1)
    h2 = tf.nn.relu(h1 @ w2 + b2)
    logits = h2 @ w3 + b3
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    hits = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == y, tf.float32)
    rows = tf.cast(tf.shape(x)[0], tf.float32)
    d3 = (tf.nn.softmax(logits) - tf.one_hot(y, CLASSES)) / rows
    d2 = tf.where(h2 > 0, tf.matmul(d3, w3, transpose_b=True), 0.0)
    d1 = tf.where(h1 > 0, tf.matmul(d2, w2, transpose_b=True), 0.0)
    gradients = [tf.matmul(a, d, transpose_a=True) for a, d in ((x, d1), (h1, d2), (h2, d3))]
    kernels = [w - LEARNING_RATE * g for w, g in zip(kernels, gradients, strict=True)]
    biases = [
        b - LEARNING_RATE * tf.reduce_sum(d, axis=0)
        for b, d in zip(biases, (d1, d2, d3), strict=True)
    ]
    return kernels, biases, tf.reduce_sum(loss), tf.reduce_sum(hits)


@tf.function(jit_compile=True, autograph=False)
def epoch(x, y, order, kernels, biases):
    """Every batch of an epoch, the smaller last one too; returns weights, mean loss, accuracy."""
    full, left_over = divmod(x.shape[0], BATCH)

    def body(i, kernels, biases, loss, hits):
        rows = tf.slice(order, [i * BATCH], [BATCH])
        kernels, biases, more_loss, more_hits = step(
            tf.gather(x, rows), tf.gather(y, rows), kernels, biases
        )
        return i + 1, kernels, biases, loss + more_loss, hits + more_hits

    _, kernels, biases, loss, hits = tf.while_loop(
        lambda i, *_: i < full, body, (0, kernels, biases, 0.0, 0.0)
    )
    if left_over:
        rows = order[-left_over:]
        kernels, biases, more_loss, more_hits = step(
            tf.gather(x, rows), tf.gather(y, rows), kernels, biases
        )
        loss, hits = loss + more_loss, hits + more_hits
    return kernels, biases, loss / x.shape[0], hits / x.shape[0]


@tf.function(jit_compile=True, autograph=False)
def products(x, kernels):
    """The eight matrix products of each step and nothing else.

    The gradients of one step are the weights of the next, so that no product can be left out.
    """

    def body(i, w1, w2, w3):
        batch = tf.slice(x, [i * BATCH, 0], [BATCH, PIXELS])
        h1 = batch @ w1
        h2 = h1 @ w2
        d3 = h2 @ w3
        d2 = tf.matmul(d3, w3, transpose_b=True)
        d1 = tf.matmul(d2, w2, transpose_b=True)
        return (
            i + 1,
            tf.matmul(batch, d1, transpose_a=True),
            tf.matmul(h1, d2, transpose_a=True),
            tf.matmul(h2, d3, transpose_a=True),
        )

    return tf.while_loop(lambda i, *_: i < x.shape[0] // BATCH, body, (0, *kernels))[1:]

"""Train on a few labelled images, over many seeds and many draws of those images."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from trainlab import models, training
from trainlab.datasets import Images
from trainlab.datasets import stratified_draw as draw
from trainlab.training import tuning
from trainlab.training.tuning import TUNING_SEEDS

__all__ = [
    "Runs", "Study", "best_rate", "draw", "error", "model_a", "only", "pairs", "pretrain", "runs",
    "study",
]  # fmt: skip


@dataclass(frozen=True)
class Runs:
    """What `runs` measured.

    Args:
        error: Share of images that are classified wrongly, in percent, of shape (seeds, draws).
        loss: Mean cross-entropy of the same images, of the same shape.
        weights: The trained weights by (seed, draw), as `keras.Model.get_weights` gives them.
    """

    error: np.ndarray
    loss: np.ndarray
    weights: dict = field(repr=False)


@dataclass(frozen=True)
class Study:
    """What `study` measured, one value a seed.

    Args:
        rate: The learning rate that was chosen.
        train_loss, test_loss: Cross-entropy of the finished networks in inference, of shape
            (seeds,): without penalties, and with nothing dropped.
        accuracy: On the test images, in percent, of shape (seeds,).
        epochs: How many epochs each seed was trained, of shape (seeds,).
        history: Metric name to array (seeds, epochs), as Keras reports them.
        nets: The networks, one a seed.
    """

    rate: float
    train_loss: np.ndarray
    test_loss: np.ndarray
    accuracy: np.ndarray
    epochs: np.ndarray
    history: dict = field(repr=False)
    nets: tuple = field(repr=False)

    @property
    def gap(self) -> np.ndarray:
        """Test loss minus training loss, of shape (seeds,)."""
        return self.test_loss - self.train_loss


def only(data: Images, classes: Sequence[int]) -> Images:
    """Return the images of some classes, labelled 0, 1, … in the order given.

    Args:
        data: Images with labels in [0, 9].
        classes: Different labels to keep.
    """
    number = np.full(10, -1)
    number[list(classes)] = np.arange(len(classes))
    parts = []
    for x, y in (
        (data.x_train, data.y_train),
        (data.x_valid, data.y_valid),
        (data.x_test, data.y_test),
    ):
        kept = number[y] >= 0
        parts += [x[kept], number[y[kept]]]
    return Images(*parts)


def pairs(
    data: Images, n_pairs: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Draw pairs of training images: half of one class each, half of two classes.

    Args:
        data: Images whose labels are 0, 1, … without a gap.
        n_pairs: How many pairs.
        seed: An integer; the same one draws the same pairs.

    Returns:
        `((left, right), same)`: two arrays (pairs, features) and a column (pairs, 1) that is 1
        where both images are of one class.
    """
    rng = np.random.default_rng(seed)
    n_classes = data.y_train.max() + 1
    same = rng.permutation(np.arange(n_pairs) % 2)
    left = rng.integers(n_classes, size=n_pairs)
    right = np.where(same, left, (left + rng.integers(1, n_classes, n_pairs)) % n_classes)
    rows = [np.flatnonzero(data.y_train == label) for label in range(n_classes)]
    sizes = np.array([len(of_class) for of_class in rows])
    images = []
    for label in (left, right):
        place = rng.integers(sizes[label])
        images.append(data.x_train[[rows[c][at] for c, at in zip(label, place, strict=True)]])
    first, second = images
    return (first, second), same[:, None]


def error(model: keras.Model, x: Any, y: np.ndarray) -> float:
    """Return the share of images that a classifier gets wrong, in percent.

    Args:
        model: A model with one probability a class as outputs, (batch, classes).
        x: Images of shape (batch, features).
        y: Integer labels of shape (batch,).
    """
    return _error_and_loss(model, x, y)[0]


def pretrain(
    build: Callable[[], keras.Model], data: Any, seeds: Sequence[int], **fit_arguments: Any
) -> dict[int, keras.Model]:
    """Train one model a seed, and one for each seed that chooses learning rates.

    Args:
        build: Returns a new compiled model, as for `trainlab.training.sweep`.
        data: `(x, y)`.
        seeds: The seeds to report; `TUNING_SEEDS` are added.
        **fit_arguments: As for `trainlab.training.sweep`.

    Returns:
        The trained models by seed.
    """
    seeds = (*seeds, *TUNING_SEEDS)
    trained = training.sweep(build, data, seeds, keep_models=True, **fit_arguments)
    return dict(zip(seeds, trained.models, strict=True))


def model_a(data: Images, seeds: Sequence[int], *, epochs: int) -> dict[int, keras.Model]:
    """Train the network whose layers are reused: 4 ReLU layers of 100, He, plain SGD at 0.1.

    Args:
        data: The images of task A, labelled 0, 1, …
        seeds: The seeds to report; `TUNING_SEEDS` are added.
        epochs: Passes over the training images.

    Returns:
        The trained models by seed.
    """
    n_classes = int(data.y_train.max()) + 1
    return pretrain(
        lambda: models.compiled_stack(
            4, keras.optimizers.SGD(0.1), kernel_initializer="he_normal", n_classes=n_classes
        ),
        (data.x_train, data.y_train),
        seeds,
        label="model A",
        epochs=epochs,
    )


def runs(
    net: keras.Model,
    starts: Mapping,
    data: Images,
    n_images: int,
    *,
    learning_rate: float,
    seeds: Sequence[int],
    draws: int,
    part: str = "test",
    **fit_arguments: Any,
) -> Runs:
    """Train a net anew for each seed and each draw of a few labelled images.

    Draw d of seed s is `draw(data.y_train, n_images, (s, d))`, in an order that the same two
    numbers decide: two configurations are paired run by run. The net is used again for every run,
    with other weights and a fresh optimizer, so that its program is compiled once.

    Args:
        net: Compiled classifier with integer labels.
        starts: The weights to start from, by seed or by (seed, draw), as `get_weights` gives them.
        data: The images to draw from (x_train) and those to measure on.
        n_images: Labelled images in a draw.
        learning_rate: Of all runs.
        seeds: The seeds, in the order of the rows of the result.
        draws: Number of draws a seed.
        part: Where to measure: "test" or "valid".
        **fit_arguments: `epochs` and `batch_size` as for `trainlab.training.fit`.

    Returns:
        `Runs` with errors, losses and weights.

    Raises:
        ValueError: There is no draw, or the images cannot be drawn.
    """
    if draws < 1:
        raise ValueError(f"draws={draws} is below 1; every seed needs a draw of images.")
    x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
    errors, losses, weights = np.zeros((len(seeds), draws)), np.zeros((len(seeds), draws)), {}
    with _without_xla(net):
        for (row, number), _ in np.ndenumerate(errors):
            seed = seeds[row]
            net.set_weights(starts[(seed, number)] if (seed, number) in starts else starts[seed])
            for variable in net.optimizer.variables:
                variable.assign(np.zeros(variable.shape))
            net.optimizer.learning_rate = learning_rate
            rows = draw(data.y_train, n_images, (seed, number))
            training.fit(
                net,
                data.x_train[rows],
                data.y_train[rows],
                seed=1000 * seed + number,
                verbose=0,
                **fit_arguments,
            )
            errors[row, number], losses[row, number] = _error_and_loss(net, x, y)
            weights[seed, number] = net.get_weights()
    return Runs(errors, losses, weights)


@contextlib.contextmanager
def _without_xla(net: keras.Model) -> Iterator[None]:
    """XLA would be chosen in the middle of short runs, once enough of them were done."""
    supported, net.supports_jit = net.supports_jit, False
    try:
        yield
    finally:
        net.supports_jit = supported


def best_rate(
    attempt: Callable[..., Runs],
    rates: Sequence[float],
    *,
    draws: int = 2,
    label: str | None = None,
) -> float:
    """Return the learning rate with the lowest validation loss on seeds that are not reported.

    The grid is widened until the best rate lies inside it, and a rate that the record holds for
    the label is used without a search: see `trainlab.training.tuning.tuned_sweep`.

    Args:
        attempt: Trains as `runs` does; called with a rate and the keywords `seeds`, `draws` and
            `part`, which it hands on.
        rates: The rates to begin with. A rate with a run that diverged counts as the worst.
        draws: Over how many draws of labelled images a seed's loss is averaged.
        label: Under which the record keeps the choice, as "06 scratch, 20 labels".

    Raises:
        ValueError: There are no two rates, every rate diverged, or the best one stays at the edge.
    """

    def trial(rate: float) -> list[float]:
        return (
            attempt(rate, seeds=TUNING_SEEDS, draws=draws, part="valid").loss.mean(axis=1).tolist()
        )

    return tuning.choose_rate(rates, trial, label=label, setting=f"{draws} draws")[0]


def study(
    build: Callable[[float], keras.Model],
    data: Images,
    seeds: Sequence[int],
    *,
    n_images: int,
    n_valid: int,
    n_test: int,
    rates: Sequence[float],
    label: str | None = None,
    **fit_arguments: Any,
) -> Study:
    """Train on a few images, drawn anew for each seed, at the best of a few learning rates.

    The rate is chosen by `tuned_sweep`: on seeds that are not reported, by the validation loss
    without the network's penalties.

    Args:
        build: Returns a new compiled classifier for a learning rate.
        data: The images to draw from, and those to validate and to test on.
        seeds: The seeds; seed s trains on the images of `draw(data.y_train, n_images, s)`.
        n_images: Training images of a seed, a multiple of the number of classes.
        n_valid, n_test: How many validation and test images are used, from the first on.
        rates: The learning rates to begin with. A single one is taken as it is.
        label: Under which the record keeps the choice, as "09 dropout, 500 images".
        **fit_arguments: `epochs`, `batch_size`, `callbacks`, … as for `trainlab.training.sweep`.

    Returns:
        A `Study`.

    Used in chapter 09.
    """

    def parts(seed: int) -> tuple[np.ndarray, ...]:
        rows = draw(data.y_train, n_images, seed)
        valid = data.x_valid[:n_valid], data.y_valid[:n_valid]
        return data.x_train[rows], data.y_train[rows], *valid

    fit_arguments["keep_models"] = True
    rate, trained, _ = tuning.tuned_sweep(
        build, parts, seeds, rates=rates, label=label, **fit_arguments
    )
    train_loss, ends = [], []
    for seed, net in zip(seeds, trained.models, strict=True):
        x, y, *_ = parts(seed)
        train_loss.append(_error_and_loss(net, x, y)[1])
        ends.append(_error_and_loss(net, data.x_test[:n_test], data.y_test[:n_test]))
    wrong, test_loss = np.transpose(ends)
    return Study(
        rate,
        np.array(train_loss),
        test_loss,
        100 - wrong,
        np.sum(np.isfinite(trained.history["val_loss"]), axis=1),
        trained.history,
        trained.models,
    )


def _error_and_loss(model: keras.Model, x: Any, y: np.ndarray) -> tuple[float, float]:
    probabilities = np.asarray(model(keras.ops.convert_to_tensor(x), training=False))
    of_label = probabilities[np.arange(len(y)), y]
    wrong = probabilities.argmax(axis=1) != y
    # A net that diverged gives NaN everywhere, and argmax would call that the first class.
    wrong |= ~np.isfinite(of_label)
    loss = -np.mean(np.log(np.maximum(of_label, keras.config.epsilon())))
    return float(100 * np.mean(wrong)), float(loss)

"""A check-list for a Keras classifier that does not train: what is measured, what it should be.

The order goes from the data to the learning rate, because a fault near the top shows in everything
below it (after Karpathy, 2019, "A recipe for training neural networks"). Taught in chapter 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

__all__ = ["Check", "CheckList", "check_list"]

_ACTIVATIONS = (
    keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU,
    keras.layers.ELU,
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One line of the list.

    Args:
        name: What is at fault if the check fails, as "labels".
        measured: What was measured, in words and numbers.
        expected: What a sound network shows.
        passed: Whether it does.
        advice: Where to look if it does not.
    """

    name: str
    measured: str
    expected: str
    passed: bool
    advice: str


@dataclass(frozen=True)
class CheckList:
    """The checks that were made, in order. The list ends with the first that failed."""

    checks: tuple[Check, ...]

    @property
    def fault(self) -> str:
        """The name of the check that failed, "nothing" if none did."""
        return "nothing" if self.checks[-1].passed else self.checks[-1].name

    def __iter__(self) -> Iterator[Check]:
        return iter(self.checks)

    def __str__(self) -> str:
        lines = [
            f"{'✓' if check.passed else '✗'} {check.name:20} {check.measured} "
            f"(expected: {check.expected})"
            for check in self
        ]
        advice = [] if self.checks[-1].passed else [f"→ {self.checks[-1].advice}"]
        return "\n".join([*lines, *advice])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        rows = "".join(
            f"<tr><td>{'✓' if check.passed else '✗'}</td><td>{escape(check.name)}</td>"
            f"<td>{escape(check.measured)}</td><td>{escape(check.expected)}</td></tr>"
            for check in self
        )
        advice = "" if self.checks[-1].passed else f"<p>→ {escape(self.checks[-1].advice)}</p>"
        table = (
            "<table><tr><th></th><th>check</th><th>measured</th><th>expected</th></tr>"
            f"{rows}</table>{advice}"
        )
        return {"text/plain": str(self), "text/html": table}


def check_list(
    model: keras.Model, x: ArrayLike, y: ArrayLike, *, n_images: int = 500, steps: int = 100
) -> CheckList:
    """Look for the fault of a classifier that does not train, from the data to the learning rate.

    The model's weights, its optimizer's state and its compiled step are afterwards what they were.

    Args:
        model: A compiled Sequential or functional classifier with one array as input and one
            output per class, probabilities or logits, as it is before training.
        x: The training images, of shape (images, …); the first `n_images` are looked at.
        y: Their labels, integers of shape (images,) or one-hot rows (images, classes).
        n_images: How many images are looked at; the 50 first make the batch that is overfitted.
        steps: How many steps the network gets to overfit that batch.

    Returns:
        A `CheckList`, which ends with the first check that failed; its `fault` names it.

    Raises:
        ValueError: The model is not compiled, or images and labels differ in number.
    """
    if not model.compiled:
        raise ValueError("The model is not compiled; compile it as for training, then check it.")
    x, y = np.asarray(x)[:n_images], np.asarray(y)[:n_images]
    if len(x) != len(y):
        raise ValueError(f"There are {len(x)} images and {len(y)} labels; each needs one.")
    patient = _Patient(model, x, y, steps)
    made = []
    for check in _CHECKS:
        made.append(check(patient))
        if not made[-1].passed:
            break
    return CheckList(tuple(made))


class _Patient:
    """A model with the images it is to be trained on; steps are taken on it and undone."""

    def __init__(self, model: keras.Model, x: np.ndarray, y: np.ndarray, steps: int) -> None:
        self.model, self.x, self.y, self.steps = model, x, y, steps
        self.labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
        self.classes = int(model.output_shape[-1])
        self.batch = x[:50], y[:50]

    def outputs(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.model(keras.ops.convert_to_tensor(x), training=False))

    def loss_of(self, y: np.ndarray, outputs: Any, x: np.ndarray | None = None) -> Any:
        """The compiled loss of given outputs, without the penalties of the layers."""
        loss = self.model.compute_loss(
            x=x, y=keras.ops.convert_to_tensor(y), y_pred=keras.ops.convert_to_tensor(outputs)
        )
        return loss - sum(self.model.losses)

    def kernels(self) -> list[tuple[str, Any]]:
        """The layers with a kernel and the kernels, from input to output."""
        layers = self.model._flatten_layers(include_self=False)
        found = [(each.name, each.kernel) for each in layers if hasattr(each, "kernel")]
        return list({id(kernel): (name, kernel) for name, kernel in found}.values())

    def hidden_outputs(self) -> list[tuple[str, np.ndarray]]:
        """The names and the outputs (rows, units) of hidden layers with weights or activations."""
        hidden = [
            layer
            for layer in self.model.layers[:-1]
            if not isinstance(layer, keras.layers.InputLayer)
            and (layer.weights or isinstance(layer, _ACTIVATIONS))
        ]
        if not hidden:
            return []
        probe = keras.Model(self.model.inputs, [layer.output for layer in hidden])
        outputs = probe(keras.ops.convert_to_tensor(self.x), training=False)
        rows = [np.asarray(each) for each in keras.tree.flatten(outputs)]
        return [
            (layer.name, each.reshape(-1, each.shape[-1]))
            for layer, each in zip(hidden, rows, strict=True)
        ]

    def gradients(self) -> dict[str, float]:
        """The root of the mean square of the gradient of each trainable kernel on the batch."""
        x, y = self.batch
        trainable = [(n, k) for n, k in self.kernels() if any(k is v for v in self._trained())]
        with self._undone(), tf.GradientTape() as tape:
            outputs = self.model(keras.ops.convert_to_tensor(x), training=True)
            loss = self.loss_of(y, outputs)
        found = tape.gradient(loss, [kernel.value for _, kernel in trainable])
        return {
            name: 0.0 if gradient is None else float(np.sqrt(np.mean(np.square(gradient))))
            for (name, _), gradient in zip(trainable, found, strict=True)
        }

    def _trained(self) -> list[Any]:
        return self.model.trainable_variables

    def overfit(self, rate: float, x: np.ndarray | None = None) -> list[float]:
        """The losses while one batch is overfitted at a constant rate; the weights come back."""
        settings = self.model.optimizer.get_config()
        settings.pop("name", None)
        optimizer = type(self.model.optimizer).from_config({**settings, "learning_rate": rate})
        _, y = self.batch
        images = keras.ops.convert_to_tensor(self.batch[0] if x is None else x)
        variables = self._trained()
        losses = []
        with self._undone():
            optimizer.build(variables)

            @tf.function
            def step() -> Any:
                with tf.GradientTape() as tape:
                    loss = self.loss_of(y, self.model(images, training=True))
                gradients = tape.gradient(loss, [variable.value for variable in variables])
                optimizer.apply(gradients, variables)
                return loss

            for _ in range(self.steps):
                losses.append(float(step()))
                if not np.isfinite(losses[-1]):
                    break
        return losses

    def own_step(self) -> list[str]:
        """The kernels that two steps of the model itself leave as they are.

        Two, because below an output layer of zeros nothing moves in the first.
        """
        optimizer, function = self.model.optimizer, self.model.train_function
        if not optimizer.built:
            optimizer.build(self._trained())
        state = [variable.numpy() for variable in optimizer.variables]
        before = [(name, kernel.numpy()) for name, kernel in self.kernels()]
        with self._undone():
            self.model.train_on_batch(*self.batch)
            self.model.train_on_batch(*self.batch)
            after = [kernel.numpy() for _, kernel in self.kernels()]
        for variable, value in zip(optimizer.variables, state, strict=True):
            variable.assign(value)
        self.model.train_function = function
        self.model.reset_metrics()
        return [
            name for (name, old), new in zip(before, after, strict=True) if np.array_equal(old, new)
        ]

    def _undone(self) -> _Undone:
        return _Undone(self.model)


class _Undone:
    """Gives a model its weights back at the end."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def __enter__(self) -> None:
        self._weights = self._model.get_weights()

    def __exit__(self, *error: object) -> None:
        self._model.set_weights(self._weights)


def _labels(patient: _Patient) -> Check:
    images, labels = patient.x.reshape(len(patient.x), -1).astype("float64"), patient.labels
    name, expected = "labels", "like those of similar images, 0 to the number of outputs"
    if labels.min() < 0 or labels.max() >= patient.classes or np.any(labels != labels.astype(int)):
        found = f"from {labels.min():g} to {labels.max():g}"
        advice = f"With {patient.classes} outputs the labels are 0 to {patient.classes - 1}."
        return Check(name, found, expected, False, advice)
    images = np.nan_to_num(images)
    squares = (images**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * images @ images.T
    np.fill_diagonal(distances, np.inf)
    agree = float(np.mean(labels[distances.argmin(axis=1)] == labels))
    chance = float(np.sum((np.bincount(labels.astype(int)) / len(labels)) ** 2))
    better = (agree - chance) / max(1 - chance, 1e-9)
    return Check(
        name,
        f"{100 * agree:.0f} % are those of the nearest image, by chance {100 * chance:.0f} %",
        "well above chance",
        better >= 0.4,
        "Do images and labels belong together? Look at ten of them. Were both shuffled alike?",
    )


def _inputs(patient: _Patient) -> Check:
    size = float(np.sqrt(np.mean(np.square(patient.x, dtype="float64"))))
    varies = bool(np.ptp(patient.x.reshape(len(patient.x), -1), axis=0).max() > 0)
    return Check(
        "inputs",
        f"root mean square {size:.3g}" + ("" if varies else ", all images alike"),
        "0.01 to 10, different images",
        bool(np.isfinite(size)) and 0.01 <= size <= 10 and varies,
        "Scale or standardize the images with numbers of the training part.",
    )


def _loss(patient: _Patient) -> Check:
    classes, y = patient.classes, patient.batch[1]
    outputs = patient.outputs(patient.batch[0])
    sums_to_one = bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1, atol=1e-3))
    kind = "probabilities" if sums_to_one else "logits"
    expected = "a cross-entropy of the kind of output, ln C for the network that knows nothing"
    uniform = np.full((len(y), classes), 1 / classes, dtype="float32")
    # Adding a constant changes a loss of probabilities, and does nothing to one of logits.
    trial = uniform + 0.5 * np.eye(classes, dtype="float32")[patient.labels[: len(y)].astype(int)]
    try:
        nothing = float(patient.loss_of(y, uniform))
        moved = float(patient.loss_of(y, trial + 5)) - float(patient.loss_of(y, trial))
    except Exception as error:
        found = f"refused: {type(error).__name__}"
        return Check("loss", found, expected, False, "Which loss takes these labels?")
    takes = "logits" if abs(moved) < 1e-3 else "probabilities"
    is_entropy = abs(nothing - np.log(classes)) < 0.15 * np.log(classes)
    return Check(
        "loss",
        f"outputs are {kind}; the loss takes {takes}, and is {nothing:.2f} where nothing is known",
        expected,
        is_entropy and takes == kind,
        "Softmax and the plain loss, or no activation and from_logits=True; integers and the "
        "sparse loss, one-hot rows and the other.",
    )


def _units(patient: _Patient) -> Check:
    alike = []
    for name, kernel in patient.kernels()[:-1]:
        columns = kernel.numpy().reshape(-1, kernel.shape[-1])
        if columns.shape[1] > 1 and np.ptp(columns, axis=1).max() == 0:
            alike.append(name)
    return Check(
        "identical units",
        f"in {', '.join(alike)}" if alike else "none",
        "hidden units that differ from the start",
        not alike,
        "Units that start alike get the same gradient and stay alike. Draw the kernels at random.",
    )


def _alive(patient: _Patient) -> Check:
    worst, where = 0.0, ""
    for name, units in patient.hidden_outputs():
        constant = float(np.mean(np.ptp(units, axis=0) == 0))
        if constant > worst:
            worst, where = constant, f" in {name}"
    return Check(
        "dead units",
        f"at most {100 * worst:.0f} % give the same for every image{where}",
        "below 90 % in each layer",
        worst < 0.9,
        "Look at the biases and at the size of the inputs of that layer.",
    )


def _first_loss(patient: _Patient) -> Check:
    x, y = patient.batch
    loss, known = float(patient.loss_of(y, patient.outputs(x))), float(np.log(patient.classes))
    return Check(
        "first loss",
        f"{loss:.3g} before the first step",
        f"near ln C = {known:.2f}",
        bool(np.isfinite(loss)) and loss < known + 3,
        "The network is certain before it has learned anything: its weights are too large.",
    )


def _frozen(patient: _Patient) -> Check:
    still = patient.own_step()
    moving = len(patient.kernels()) - len(still)
    trained = {id(variable) for variable in patient.model.trainable_variables}
    frozen = [n for n, kernel in patient.kernels() if id(kernel) not in trained]
    # Where no kernel moves at all, the step is too small or not a number: the rate's check.
    stuck = sorted({*frozen, *(still if moving else [])})
    return Check(
        "frozen layers",
        f"a step leaves {', '.join(stuck)} as it was" if stuck else "a step moves every kernel",
        "every kernel moves, unless it is meant to stay",
        not stuck,
        "Is `trainable` set as you want it, and was the model compiled afterwards?",
    )


def _gradient(patient: _Patient) -> Check:
    sizes = list(patient.gradients().values())
    tiny = float(np.finfo("float32").tiny)
    finite = bool(np.isfinite(sizes).all())
    first, last = max(sizes[0], tiny), max(sizes[-1], tiny)
    decades = float(np.log10(first / last)) if finite else np.inf
    growing = decades > 0 or not finite
    return Check(
        "exploding gradient" if growing else "vanishing gradient",
        f"10^{decades:.1f} from the last layer to the first, {sizes[0]:.1g} there",
        "within three powers of ten",
        finite and abs(decades) <= 3 and first < 1e3,
        "Initialization and activation belong together; normalization or skip connections help.",
    )


def _signal(patient: _Patient) -> Check:
    sizes = [units.std(axis=0).mean() for _, units in patient.hidden_outputs()]
    decades = float(np.log10(max(sizes[-1], 1e-38) / max(sizes[0], 1e-38))) if sizes else 0.0
    return Check(
        "vanishing signal" if decades < 0 else "exploding signal",
        f"10^{decades:.1f} from the first hidden layer to the last, as the standard deviation "
        "across images",
        "within three powers of ten",
        abs(decades) <= 3,
        "All images look alike further up, or too different. Which initialization belongs to this "
        "activation? Normalization helps too.",
    )


def _rate(patient: _Patient) -> Check:
    rate = float(keras.ops.convert_to_numpy(patient.model.optimizer.learning_rate))
    start, end = _ends(patient.overfit(rate))
    expected = "a batch is overfitted: the loss falls to less than half"
    found = f"at rate {rate:.3g} the loss of a batch goes from {start:.3g} to {end:.3g}"
    advice = "A network that cannot overfit one batch has a fault that this list does not know."
    name = "one batch"
    passed = end < 0.5 * start
    if not passed:
        smaller = min(0.1, 0.01, key=lambda factor: _ends(patient.overfit(rate * factor))[1])
        larger = min(10, 100, key=lambda factor: _ends(patient.overfit(rate * factor))[1])
        down, up = (_ends(patient.overfit(rate * factor))[1] for factor in (smaller, larger))
        # A rate that is too large diverges or gets stuck where a smaller one still falls.
        if down < min(end, start) and down <= up:
            name, advice = "rate too large", f"At {rate * smaller:.3g} it ends at {down:.3g}."
        elif up < min(end, start):
            name, advice = "rate too small", f"At {rate * larger:.3g} it ends at {up:.3g}."
    return Check(name, found, expected, passed, advice)


def _ends(losses: list[float]) -> tuple[float, float]:
    if not np.isfinite(losses).all():
        return losses[0], np.inf
    return losses[0], float(np.mean(losses[-5:]))


def _input_matters(patient: _Patient) -> Check:
    rate = float(keras.ops.convert_to_numpy(patient.model.optimizer.learning_rate))
    _, seeing = _ends(patient.overfit(rate))
    _, blind = _ends(patient.overfit(rate, x=np.zeros_like(patient.batch[0])))
    return Check(
        "input ignored",
        f"with images the loss of a batch ends at {seeing:.3g}, with empty ones at {blind:.3g}",
        "clearly lower with images",
        seeing < 0.8 * blind,
        "What the network learns does not depend on its input. Where is it lost?",
    )


_CHECKS: tuple[Callable[[_Patient], Check], ...] = (
    _labels, _inputs, _loss, _first_loss, _units, _alive, _frozen, _gradient, _signal, _rate,
    _input_matters,
)  # fmt: skip

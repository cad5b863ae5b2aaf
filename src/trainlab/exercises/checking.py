"""Look an exercise's checker up, and keep whatever an answer does from stopping the learner.

A checker takes the answer. It returns what to say when the answer is right and raises `Hint` when
it is wrong; `call`, `array`, `number` and `prediction_and_measurement` raise for it where an
answer has the wrong form.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from trainlab.cards.feedback import Feedback

__all__ = [
    "Hint",
    "Unfinished",
    "array",
    "call",
    "check",
    "diagnose",
    "exercise",
    "is_close",
    "number",
    "outputs_of",
    "prediction_and_measurement",
]

_Checker = Callable[[Any], str]

_CHECKERS: dict[str, _Checker] = {}


class Hint(Exception):
    """What is wrong with an answer, said to the learner."""


class Unfinished(Exception):
    """The answer, or a part of it, is still to be written."""


def exercise(exercise_id: str) -> Callable[[_Checker], _Checker]:
    """Register the decorated function as the checker of an exercise.

    Args:
        exercise_id: The chapter's two digits, a dot and a name in kebab case: "02.tanh-step".
    """

    def register(checker: _Checker) -> _Checker:
        _CHECKERS[exercise_id] = checker
        return checker

    return register


def check(exercise_id: str, answer: object) -> Feedback:
    """Say whether an answer is right and, if it is not, what is wrong with it.

    Whatever the answer is or does, nothing is raised. None and ... are "not solved yet".

    Args:
        exercise_id: The exercise's id, as it stands in the chapter: "02.tanh-step".
        answer: What the exercise asks for: a number, an array, a function, …

    Returns:
        The feedback, which a notebook shows as a card.

    Raises:
        ValueError: There is no such exercise.

    Example:
        >>> check("02.tanh-step", None).verdict
        'not solved yet'
    """
    checker = _checker(exercise_id)
    try:
        if _is_unfinished(answer):
            raise Unfinished
        with np.errstate(all="ignore"):
            return Feedback(exercise_id, "solved", checker(answer))
    except Unfinished as reason:
        message = str(reason) or "Put your answer in the place of the three dots and run the cell."
        return Feedback(exercise_id, "not solved yet", message)
    except Hint as hint:
        return Feedback(exercise_id, "not yet right", str(hint))
    except Exception as error:
        # The answer has a form that the checker did not think of: a box of strings, say.
        return Feedback(
            exercise_id,
            "not yet right",
            f"The check could not use your answer, {_short(answer)}: "
            f"{type(error).__name__}: {error}. Compare its form with what the exercise asks for.",
        )


def _checker(exercise_id: str) -> _Checker:
    module = f"trainlab.exercises.chapter_{exercise_id.partition('.')[0]}"
    if importlib.util.find_spec(module):
        importlib.import_module(module)
    if exercise_id not in _CHECKERS:
        known = ", ".join(sorted(_CHECKERS)) or "none of its chapter"
        raise ValueError(f"There is no exercise {exercise_id!r}; known are: {known}.")
    return _CHECKERS[exercise_id]


def call(function: Any, *arguments: Any) -> Any:
    """Call the learner's function with copies of the arguments.

    Raises:
        Hint: It is no function, it raised, or it changed its arguments.
        Unfinished: It returned None or ....
    """
    if not callable(function):
        raise Hint(f"The answer should be a function; received {_short(function)}.")
    given = copy.deepcopy(arguments)
    try:
        result = function(*given)
    except Exception as error:
        sizes = ", ".join(filter(None, map(_size, arguments)))
        raise Hint(
            f"Your function raised {type(error).__name__}: {error}. "
            f"It was called with arguments of shape {sizes}."
        ) from error
    if _is_unfinished(result):
        raise Unfinished("Your function returns nothing yet.")
    if not all(map(_same, given, arguments)):
        raise Hint(
            "Your function changes what it was given. Return new arrays: the caller may still "
            "need the old ones."
        )
    return result


def array(value: Any, shape: Sequence[int], name: str) -> np.ndarray:
    """Return the learner's value as a finite array of a shape, or raise a `Hint`."""
    try:
        value = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Hint(f"{name} should be an array; received {_short(value)}.") from None
    if value.shape != tuple(shape):
        raise Hint(f"{name} should have shape {tuple(shape)}; yours has shape {value.shape}.")
    if not np.isfinite(value).all():
        raise Hint(f"{name} holds a value that is not finite: is something divided by zero?")
    return value


def number(value: Any, name: str) -> float:
    """Return the learner's value as one finite number, or raise a `Hint`."""
    try:
        value = np.asarray(value, dtype=float).item()
    except (TypeError, ValueError):
        raise Hint(f"{name} should be one number; received {_short(value)}.") from None
    if not np.isfinite(value):
        raise Hint(f"{name} should be a finite number; received {value}.")
    return value


def prediction_and_measurement(answer: Any) -> tuple[float, float]:
    """Return the two numbers of a predict-then-measure exercise, or say which one is missing."""
    try:
        prediction, measured = answer
    except (TypeError, ValueError):
        raise Hint(
            f"The answer should be the pair (prediction, measured); received {_short(answer)}."
        ) from None
    if _is_unfinished(prediction):
        raise Unfinished("Write your prediction down before you measure: a guess is fine.")
    prediction = number(prediction, "The prediction")
    if _is_unfinished(measured):
        raise Unfinished(f"Your prediction {prediction:.3g} is noted. Now measure it.")
    return prediction, number(measured, "The measurement")


def outputs_of(model: Any, x: np.ndarray, classes: int = 10) -> np.ndarray:
    """Return what the learner's Keras model gives for rows of numbers, or raise a `Hint`.

    Args:
        model: The answer.
        x: Rows of shape (images, inputs).
        classes: How many outputs an image has.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise Hint("The answer should be a Keras model that has been trained.")
    inputs = x.shape[1]
    if not model.built:
        raise Hint(f"The model has no weights yet: begin it with keras.Input(({inputs},)).")
    try:
        outputs = np.asarray(model(keras.ops.convert_to_tensor(x), training=False))
    except Exception as error:
        raise Hint(
            f"The model does not take the images, rows of {inputs} numbers: {type(error).__name__}."
        ) from error
    if outputs.shape != (len(x), classes):
        raise Hint(
            f"The outputs for {len(x)} images have the shape {outputs.shape}; expected one number "
            f"for each of the {classes} classes."
        )
    if not np.isfinite(outputs).all():
        raise Hint("The outputs are not finite: the training diverged. Use a smaller rate.")
    return outputs


def is_close(value: Any, reference: Any, rtol: float = 1e-6) -> bool:
    """Return whether two arrays of one shape agree, relative to the largest reference value."""
    return bool(np.max(np.abs(value - reference)) <= rtol * np.max(np.abs(reference)))


def diagnose(
    value: Any, mistakes: Iterable[tuple[Any, str]], otherwise: str, rtol: float = 1e-6
) -> NoReturn:
    """Raise the hint that belongs to the mistake which gives this value.

    Args:
        value: The learner's array or number.
        mistakes: Pairs of what a mistake gives and its hint.
        otherwise: The hint when no known mistake gives the value.
        rtol: As for `is_close`.
    """
    for wrong, hint in mistakes:
        if is_close(value, wrong, rtol):
            raise Hint(hint)
    raise Hint(otherwise)


def _is_unfinished(value: object) -> bool:
    if isinstance(value, (list, tuple)) and value:
        return all(map(_is_unfinished, value))
    return value is None or value is ...


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return not isinstance(a, np.ndarray) or np.array_equal(a, b)


def _size(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_size, value))}]"
    return str(value.shape) if isinstance(value, np.ndarray) else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"

"""The compiled programs of a model."""

from __future__ import annotations

import weakref
from typing import Any

import keras

from trainlab.training.batches import KerasEpoch
from trainlab.training.checks import is_own
from trainlab.training.program import EpochProgram
from trainlab.training.run import Run
from trainlab.training.step import Step

__all__ = ["Programs", "programs_of"]


class Programs:
    """What was compiled of one model: a step and an epoch to train, a step and one to validate.

    They stay until the model is compiled again, the epochs also until it sees other data.
    """

    def __init__(self) -> None:
        self._steps: dict[str, tuple[tuple, Step]] = {}
        self._epochs: dict[str, tuple[tuple, EpochProgram | KerasEpoch]] = {}

    def all(self) -> list[EpochProgram | KerasEpoch]:
        """Return those of the epochs."""
        return [program for _, program in self._epochs.values()]

    def get(self, model: keras.Model, phase: str, data: Any, run: Run) -> EpochProgram | KerasEpoch:
        """Return the program that trains (`"train"`) or validates (`"test"`), made if need be."""
        # Keras makes a new function after every `compile`, and keeps its trace until then.
        function = model.train_function if phase == "train" else model.test_function
        if function is None:
            raise TypeError(
                f"A callback compiled the model {model.name!r} again while it trained. Keras' fit "
                "cannot go on then either. Compile before fit(), or change what may change in "
                "between: optimizer.learning_rate."
            )
        stops_on_nan = phase == "train" and run.stops_on_nan()
        step_key = weakref.ref(function), stops_on_nan
        resets = phase == "test" or not run.watches_beginnings()
        key = *step_key, run.rows_of_a_batch, resets, _specification(data)
        if self._epochs.get(phase, (None,))[0] != key:
            step = self._step(model, phase, step_key)
            options = {"stops_on_nan": stops_on_nan, "resets_metrics": resets}
            program: EpochProgram | KerasEpoch
            program = EpochProgram(model, step, data, run.rows_of_a_batch, **options)
            if program.draws_by_tensorflow:
                program = KerasEpoch(model, phase, data, run.rows_of_a_batch, **options)
            self._epochs[phase] = key, program
        return self._epochs[phase][1]

    def _step(self, model: keras.Model, phase: str, key: tuple) -> Step:
        if self._steps.get(phase, (None,))[0] != key:
            keeps_logs = key[-1] or is_own(model, "compute_metrics")
            method = model.train_step if phase == "train" else model.test_step
            self._steps[phase] = key, Step(method, keeps_logs=keeps_logs)
        return self._steps[phase][1]


def programs_of(model: keras.Model) -> Programs:
    """Return what was compiled of a model. It goes when the model goes."""
    return _ALL.setdefault(model, Programs())


def _specification(data: Any) -> str:
    return repr(keras.tree.map_structure(lambda a: (a.shape, a.dtype.name), data))


_ALL: weakref.WeakKeyDictionary[keras.Model, Programs] = weakref.WeakKeyDictionary()

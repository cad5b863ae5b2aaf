"""What `fit` is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

__all__ = ["FOR_KERAS", "Run", "check_names", "has_own"]

FOR_KERAS = (
    "class_weight",
    "initial_epoch",
    "sample_weight",
    "steps_per_epoch",
    "validation_batch_size",
    "validation_split",
    "validation_steps",
)
"""Arguments of `model.fit` that only `model.fit` can do."""


@dataclasses.dataclass(frozen=True)
class Run:
    """The arguments of one training, as `fit` describes them.

    Raises:
        TypeError, ValueError: An argument is out of range.
    """

    x: Any
    y: Any = None
    batch_size: int | None = None
    epochs: int = 1
    validation_data: Any = None
    validation_freq: Any = 1
    callbacks: Any = ()
    shuffle: Any = True
    seed: int | None = None
    verbose: Any = "auto"
    class_weight: dict[int, float] | None = None
    initial_epoch: int = 0
    sample_weight: Any = None
    steps_per_epoch: int | None = None
    validation_batch_size: int | None = None
    validation_split: float = 0.0
    validation_steps: int | None = None

    def __post_init__(self) -> None:
        self._integer("batch_size", 1, optional=True)
        self._integer("epochs", 0)
        if not isinstance(self.validation_freq, list):
            self._integer("validation_freq", 1)
        self._integer("seed", 0, optional=True)
        if not (isinstance(self.shuffle, (bool, np.bool_)) or self.shuffle == "batch"):
            raise TypeError(
                f"shuffle must be True or False, or 'batch'. Received: shuffle={self.shuffle!r}."
            )
        if self.verbose not in ("auto", 0, 1, 2):
            raise ValueError(
                f"verbose must be 'auto', 0, 1 or 2. Received: verbose={self.verbose!r}."
            )
        callbacks = list(keras.tree.flatten(self.callbacks)) if self.callbacks else []
        object.__setattr__(self, "callbacks", callbacks)

    def _integer(self, name: str, least: int, *, optional: bool = False) -> None:
        value = getattr(self, name)
        if optional and value is None:
            return
        received = f"Received: {name}={value!r}. Pass an integer, at least {least}."
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} must be an integer, not {type(value).__name__}. {received}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}. {received}")
        object.__setattr__(self, name, int(value))

    @property
    def rows_of_a_batch(self) -> int:
        """Images in a batch, 32 unless said otherwise."""
        return self.batch_size or 32

    def stops_on_nan(self) -> bool:
        """Return whether a loss that is not a number ends the run."""
        return any(type(one) is keras.callbacks.TerminateOnNaN for one in self.callbacks)

    def watches_beginnings(self) -> bool:
        """Return whether a callback may see or change the metrics before an epoch's first step."""
        return any(has_own(callback, "on_epoch_begin") for callback in self.callbacks)

    def for_keras(self) -> dict[str, Any]:
        """Return what was asked for of `FOR_KERAS`."""
        given = {name: getattr(self, name) for name in FOR_KERAS}
        return {
            name: value
            for name, value in given.items()
            if value is not None and not (isinstance(value, (int, float)) and value == 0)
        }


def check_names(function: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `TypeError` if a function does not know the name of an argument."""
    known = sorted(known)
    for name in names:
        if name not in known:
            raise TypeError(
                f"{function}() got an unexpected keyword argument {name!r}. Besides those that "
                f"it names it takes {', '.join(known)}."
            )


def has_own(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Return whether a callback's method is the reader's, and so may do anything."""
    module = getattr(type(callback), hook).__module__
    return hook in vars(callback) or module.split(".")[0] not in ("keras", "trainlab")

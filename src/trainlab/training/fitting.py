"""`fit`: an epoch as one compiled program where that can be, `model.fit` where it cannot."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import random
from collections.abc import Iterable
from typing import Any, Literal

import keras

from trainlab.training.building import check_known_targets
from trainlab.training.checks import as_arrays, check_data, check_model, check_validation, is_arrays
from trainlab.training.device import placed
from trainlab.training.fallback import decides_order, fit_with_keras, why_keras
from trainlab.training.loop import run_epochs
from trainlab.training.run import FOR_KERAS, Run, check_names
from trainlab.training.templates import Template

__all__ = ["fit", "train"]

_logger = logging.getLogger("trainlab")


def fit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    validation_data: Any = None,
    validation_freq: int | list[int] = 1,
    callbacks: Iterable[keras.callbacks.Callback] | None = (),
    shuffle: bool | Literal["batch"] = True,
    seed: int | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
    **for_keras: Any,
) -> keras.callbacks.History:
    """Trains a compiled model as `model.fit` does, two to eight times as fast.

    `model.fit` starts a program for every batch and feeds it through an input pipeline. Here the
    data lie on the device and one program runs the whole epoch; XLA compiles it where that pays
    (`trainlab.training.program.EpochProgram.plan`). The step inside is `model.train_step`, so that
    losses, regularizers, metrics, optimizers and schedules are Keras' own, and with `shuffle=False`
    weights, metrics and History equal `model.fit`'s to float tolerance.

    What needs Python between two batches cannot be compiled: callbacks with batch-level methods, a
    model with a `train_step` of its own, a dataset instead of arrays, `run_eagerly=True`. These go
    to `model.fit`, and one line of the logger `trainlab` says so. `keras.callbacks.TerminateOnNaN`
    is compiled in: it stops after the same batch as in Keras.

    Args:
        model: Compiled `keras.Model`.
        x: Array `(images, ...)`, or a list, tuple or dict of them for several inputs. Integers,
            such as uint8 pixels, stay integers on the device; a model that begins with
            `keras.layers.Rescaling(1 / 255)` scales them there.
        y: Targets `(images, ...)`, nested for several outputs.
        batch_size: Images in a batch, 32 by default; the last one may be smaller and counts as in
            Keras.
        epochs: Number of passes over the data.
        validation_data: `None`, `(x_valid, y_valid)` or `(x_valid, y_valid, sample_weight)`,
            evaluated after every epoch.
        validation_freq: Evaluate after each epoch whose number, from 1 on, is a multiple of this:
            at `epochs` only after the last one.
        callbacks: List of `keras.callbacks.Callback`.
        shuffle: Whether every epoch sees the images in another order.
        seed: Integer that alone decides the order of the images. `None` draws one from Python's
            random state, which `keras.utils.set_random_seed` sets. Initial weights and dropout do
            not depend on it.
        verbose: `"auto"` or 1 for a progress bar, updated once an epoch; 2 for one line an epoch;
            0 for silence.
        **for_keras: `class_weight`, `initial_epoch`, `sample_weight`, `steps_per_epoch`,
            `validation_batch_size`, `validation_split`, `validation_steps`: what `model.fit` does
            with them, and `model.fit` does it.

    Returns:
        `keras.callbacks.History`, as `model.fit`.

    Raises:
        TypeError, ValueError: Before training, if the model is not compiled, an argument is out of
            range, or the data do not fit each other, the model or its loss.

    Example:

    >>> model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    >>> history = fit(model, x_train, y_train, epochs=5, validation_data=(x_valid, y_valid))
    >>> history.history["val_loss"][-1]

    Taught in chapter 11.
    """
    check_names("fit", for_keras, FOR_KERAS)
    run = Run(
        x,
        y,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=validation_data,
        validation_freq=validation_freq,
        callbacks=callbacks,
        shuffle=shuffle,
        seed=seed,
        verbose=verbose,
        **for_keras,
    )
    return train(model, run)


def train(
    model: keras.Model,
    run: Run,
    *,
    template: Template | None = None,
    runs: int = 1,
    announce: bool = True,
) -> keras.callbacks.History:
    """Do a run, as `fit`, or as one of several that share the programs of a template.

    Args:
        model: Compiled model.
        run: What is asked for.
        template: Whose first model trains in place of those that are alike.
        runs: How many such runs are to come with this one.
        announce: Whether the logger says so if the run cannot be compiled.
    """
    check_model(model)
    run = dataclasses.replace(
        run,
        x=as_arrays(run.x),
        y=as_arrays(run.y),
        validation_data=as_arrays(run.validation_data),
    )
    if run.seed is None and decides_order(run):
        run = dataclasses.replace(run, seed=random.randrange(2**31))
    if is_arrays(run.x) and is_arrays(run.y):
        check_data(model, run.x, run.y)
    if run.validation_data is not None and is_arrays(run.validation_data) and run.y is not None:
        check_validation(model, run.validation_data)
    if (reason := why_keras(model, run)) is not None:
        if announce:
            _logger.warning("trainlab: %s; model.fit trains instead, more slowly.", reason)
        return fit_with_keras(model, run)

    check_known_targets(model, run)
    valid_data = (
        contextlib.nullcontext() if run.validation_data is None else placed(run.validation_data)
    )
    with placed((run.x, run.y)) as train_data, valid_data as valid:
        lent = (
            template.lend(model, train_data, valid, run)
            if template
            else contextlib.nullcontext(model)
        )
        with lent as trained:
            history = run_epochs(trained, train_data, valid, run, runs=runs, announce=announce)
    history.set_model(model)
    model.history = history
    return history

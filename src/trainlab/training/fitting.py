"""Training as fast as the machine allows: an epoch, and many seeds, as one compiled program."""

import contextlib
import logging
import random

import keras

from trainlab.training.checks import check_arguments, check_data, check_validation, is_arrays
from trainlab.training.device import place, placed
from trainlab.training.loop import (
    compile_epochs,
    fit_with_keras,
    prepare,
    run_epochs,
    why_keras,
)
from trainlab.training.progress import ProgressBar
from trainlab.training.templates import (
    Sweep,
    SweepFailed,
    Template,
    check_sweep,
    split_data,
    tabulate,
)

__all__ = ["Sweep", "SweepFailed", "fit", "sweep"]

_logger = logging.getLogger("trainlab")


def fit(
    model,
    x,
    y=None,
    *,
    batch_size=32,
    epochs=1,
    validation_data=None,
    validation_freq=1,
    callbacks=(),
    shuffle=True,
    seed=None,
    verbose="auto",
):
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
        batch_size: Images in a batch; the last one may be smaller and counts as in Keras.
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
    return _fit(
        model,
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
    )


def _fit(
    model,
    x,
    y,
    *,
    batch_size=32,
    epochs=1,
    validation_data=None,
    validation_freq=1,
    callbacks=(),
    shuffle=True,
    seed=None,
    verbose="auto",
    template=None,
    runs=1,
    announce=True,
):
    """`fit` as one of several runs that share the programs of a template."""
    check_arguments(model, batch_size, epochs, validation_freq, shuffle, seed, verbose)
    callbacks = list(keras.tree.flatten(callbacks)) if callbacks else []
    if seed is None:
        seed = random.randrange(2**31)
    arguments = {
        "batch_size": int(batch_size),
        "epochs": int(epochs),
        "validation_freq": int(validation_freq),
        "callbacks": callbacks,
        "verbose": verbose,
    }
    if is_arrays(x) and is_arrays(y):
        check_data(model, x, y)
    if validation_data is not None and is_arrays(validation_data):
        check_validation(model, validation_data)
    if (reason := why_keras(model, x, y, validation_data, callbacks)) is not None:
        if announce:
            _logger.warning("trainlab: %s; model.fit trains instead, more slowly.", reason)
        return fit_with_keras(model, x, y, validation_data, shuffle, seed, **arguments)

    held_out = contextlib.nullcontext() if validation_data is None else placed(validation_data)
    with placed((x, y)) as train, held_out as valid:
        prepare(model, train, valid, batch_size)
        with template.lend(model) if template else contextlib.nullcontext(model) as trained:
            programs = compile_epochs(trained, train, valid, batch_size, callbacks)
            for program, freq in zip(programs, (1, validation_freq), strict=False):
                program.plan(epochs // freq, runs)
            history = run_epochs(trained, train, valid, programs, shuffle, seed, **arguments)
    history.set_model(model)
    model.history = history
    return history


def sweep(
    build,
    data,
    seeds,
    *,
    label=None,
    keep_models=False,
    template=None,
    verbose="auto",
    **fit_arguments,
):
    """Trains one model a seed.

    The seed decides the initial weights, dropout and the order of the data, and nothing else does:
    two configurations swept over the same seeds are paired, seed by seed. The program of an epoch
    is compiled for the first seed and used again for the others.

    Args:
        build: Function without arguments that returns a new compiled model. Called once a seed,
            after `keras.utils.set_random_seed(seed)`. It must build the same configuration each
            time.
        data: `(x, y)` or `(x_train, y_train, x_valid, y_valid)`, or a function of the seed that
            returns one of these, for a split that depends on the seed.
        seeds: Different integers, at least 0.
        label: Name of the configuration in messages and in the progress bar. By default the name of
            `build`.
        keep_models: Whether the trained models are returned.
        template: `trainlab.training.Template` that keeps the compiled programs, to share them
            between sweeps that differ in nothing but seeds and learning rate.
        verbose: 0 hides the progress bar.
        **fit_arguments: `batch_size`, `epochs`, `validation_data`, `validation_freq`, `callbacks`,
            `shuffle` as in `fit`. `callbacks` is a list, used again for every seed, or a function
            without arguments that returns a new list.

    Returns:
        `Sweep`: `history` maps each metric to an array `(seeds, epochs)`, NaN after the last epoch
        of a seed that stopped early, and where `validation_freq` left an epoch out; `seeds`;
        `models`, `()` unless `keep_models`.

    Raises:
        SweepFailed: If a seed fails. The message names seed and configuration, `partial` holds the
            `Sweep` of the finished seeds, and `__cause__` is what went wrong.

    Example:

    >>> data = (x_train, y_train, x_valid, y_valid)
    >>> runs = sweep(build, data, seeds=range(5), epochs=10, label="ReLU, He")
    >>> runs.history["val_accuracy"][:, -1].mean()

    Taught in chapter 11.
    """
    seeds = check_sweep(build, data, seeds, fit_arguments)
    label = label or getattr(build, "__qualname__", type(build).__name__)
    epochs = fit_arguments.get("epochs", 1)
    shape = epochs, fit_arguments.get("validation_freq", 1)
    make_callbacks = fit_arguments.pop("callbacks", ())
    histories, models = [], []
    if not callable(data):
        data = tuple(place(part) if is_arrays(part) else part for part in data)

    with (
        template or Template() as template,
        ProgressBar(len(seeds) * epochs, label, visible=verbose != 0) as bar,
    ):
        for number, seed in enumerate(seeds):
            try:
                template.set_random_seed(seed)
                arguments = split_data(data(seed) if callable(data) else data, fit_arguments)
                callbacks = make_callbacks() if callable(make_callbacks) else make_callbacks
                callbacks = [*callbacks, _progress(bar, number * epochs, f"seed {seed}")]
                model = build()
                history = _fit(
                    model,
                    seed=seed,
                    verbose=0,
                    callbacks=callbacks,
                    template=template,
                    runs=len(seeds) - number,
                    announce=number == 0,
                    **arguments,
                )
            except Exception as error:
                finished = Sweep(seeds[:number], tabulate(histories, *shape), tuple(models))
                raise SweepFailed(label, seed, fit_arguments, finished, error) from error
            histories.append(history.history)
            if keep_models:
                models.append(model)
    return Sweep(seeds, tabulate(histories, *shape), tuple(models))


def _progress(bar, done, note):
    bar.update(done, note)
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: bar.update(done + epoch + 1, note)
    )

"""`trainlab.training` against Keras, against hand-written XLA, against the machine."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import by_hand, measure
from benchmarks.measure import pair, report, row, seconds
from benchmarks.nets import BATCH, KINDS, TITLES, build, images
from trainlab.training import fit, sweep
from trainlab.training.program import EpochProgram

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
BARS = {"sgd": 3.3, "adam": 3.0, "batch_norm": 3.0, "dropout": 2.2, "deep": 1.4}


def sizes(quick):
    return {"count": 6_000 if quick else 55_000, "pairs": 3 if quick else 5}


def ours(model, x, y, epochs=1):
    return lambda: fit(model, x, y, batch_size=BATCH, epochs=epochs, seed=0, verbose=0)


def keras_fit(model, x, y, epochs=1):
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)


def epoch(quick, kinds=KINDS):
    """One epoch, compiled before, against plain `model.fit`."""
    x, y = images(sizes(quick)["count"])
    for kind in kinds:
        yield pair(
            f"epoch of {len(x):,}: {TITLES[kind]}",
            ours(build(kind), x, y),
            keras_fit(build(kind), x, y),
            against="model.fit",
            pairs=sizes(quick)["pairs"],
            bar=None if quick else f">= {BARS[kind]}",
        )


def best_keras(quick):
    """One epoch against the fastest of Keras' own settings."""
    x, y = images(sizes(quick)["count"])
    settings = [
        {"jit_compile": jit, "steps_per_execution": steps}
        for jit in (False, True)
        for steps in (1, 10, 100, 1000)
    ]
    timed = []
    for setting in settings:
        report(f"tuning Keras: {setting}")
        train = keras_fit(build("sgd", **setting), x, y)
        train()
        timed.append((min(seconds(train), seconds(train)), setting))
    _, best = min(timed, key=lambda entry: entry[0])
    yield pair(
        f"epoch of {len(x):,}: {TITLES['sgd']}",
        ours(build("sgd"), x, y),
        keras_fit(build("sgd", **best), x, y),
        against="model.fit, tuned",
        pairs=sizes(quick)["pairs"],
        bar=None if quick else ">= 1.8",
        note=", ".join(f"{name}={value}" for name, value in best.items()),
    )


def one_thread(quick):
    """The row of `best_keras` with one thread, as a chapter of the pipeline has it; no bar."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "row.json"
        command = [sys.executable, "-m", "benchmarks", "best_keras", "--output", str(path)]
        report("against tuned Keras, with one thread")
        subprocess.run(
            [*command, f"--patience={measure.patience}", *(["--quick"] if quick else [])],
            env=os.environ | dict.fromkeys(THREADS, "1"),
            capture_output=True,
            check=False,  # it says so, too, where a bar is missed
        )
        (found,) = json.loads(path.read_text())
    yield measure.Row(**found | {"name": f"one thread: {found['name']}", "bar": None})


def by_hand_loop(quick):
    """One epoch against the same net as one hand-written XLA loop, and against its products."""
    x, y = images(sizes(quick)["count"])
    model = build("sgd")
    on_device = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    weights = by_hand.initial_weights()
    rng = np.random.default_rng(0)

    def loop():
        order = tf.convert_to_tensor(rng.permutation(len(x)).astype(np.int32))
        *_, loss, _ = by_hand.epoch(*on_device, order, *weights)
        float(loss)

    yield pair(
        f"epoch of {len(x):,}: {TITLES['sgd']}",
        ours(model, *on_device),
        loop,
        against="hand-written XLA loop",
        pairs=sizes(quick)["pairs"],
        bar=None if quick else ">= 0.8",
        note="0.8 is 1.25 times its time",
    )
    yield pair(
        f"epoch of {len(x):,}: {TITLES['sgd']}",
        ours(model, *on_device),
        lambda: by_hand.products(on_device[0], weights[0])[0].numpy(),
        against="its matrix products alone",
        pairs=sizes(quick)["pairs"],
    )


def fresh(quick, kinds=KINDS):
    """Three epochs of the subset from a new model, compilation included."""
    x, y = images(6_000)
    for kind in kinds:
        yield pair(
            f"new model, 3 epochs of 6,000: {TITLES[kind]}",
            lambda kind=kind: ours(build(kind), x, y, epochs=3)(),
            lambda kind=kind: keras_fit(build(kind), x, y, epochs=3)(),
            against="model.fit",
            pairs=sizes(quick)["pairs"],
            bar=">= 1",
        )


def seeds(quick):
    """The first seed of a sweep, which compiles, against each of the others."""
    x, y = images(6_000)
    for kind in ("sgd", "deep"):
        depth = 20 if quick else 100
        begun, programs = [], []
        init = EpochProgram.__init__

        def counted(self, *args, init=init, programs=programs, **kwargs):
            programs.append(self)
            init(self, *args, **kwargs)

        class Begins(keras.callbacks.Callback):
            def on_train_end(self, logs=None, begun=begun):
                begun.append(seconds_now())

        def make(kind=kind, depth=depth):
            return build(kind, depth)

        EpochProgram.__init__ = counted
        try:
            start = seconds_now()
            sweep(make, (x, y), range(6), epochs=1, callbacks=lambda: [Begins()])
        finally:
            EpochProgram.__init__ = init
        first, *later = np.diff([start, *begun])
        yield row(
            f"a later seed of a sweep, 6,000: {TITLES[kind]}",
            later,
            [first] * len(later),
            against="its first seed",
            note=f"{len(programs)} program compiled for 6 seeds",
        )


def seconds_now():
    return float(tf.timestamp())


def growth(quick):
    """How both grow with images, epochs, seeds and depth, compilation included."""
    pairs = 1 if quick else 3

    def against(name, mine, theirs):
        return pair(name, mine, theirs, against="model.fit", pairs=pairs, warm=False)

    for count in (1_000, 6_000) if quick else (1_000, 6_000, 20_000, 55_000):
        x, y = images(count)
        yield against(
            f"growth: {count:,} images, 1 epoch",
            lambda x=x, y=y: ours(build("sgd"), x, y)(),
            lambda x=x, y=y: keras_fit(build("sgd"), x, y)(),
        )
    x, y = images(6_000)
    for epochs in (1, 3) if quick else (1, 3, 10, 30):
        yield against(
            f"growth: {epochs} epochs of 6,000",
            lambda epochs=epochs: ours(build("sgd"), x, y, epochs)(),
            lambda epochs=epochs: keras_fit(build("sgd"), x, y, epochs)(),
        )
    for count in (1, 2) if quick else (1, 3, 10):

        def one_after_the_other(count=count):
            for seed in range(count):
                keras_fit(build("sgd", seed=seed), x, y, 3)()

        yield against(
            f"growth: {count} seeds, 3 epochs of 6,000",
            lambda count=count: sweep(
                lambda: build("sgd"), (x, y), range(count), epochs=3, verbose=0
            ),
            one_after_the_other,
        )
    for depth in (2, 10) if quick else (3, 10, 30, 100):
        yield against(
            f"growth: {depth} x Dense(100, selu), 3 epochs of 6,000",
            lambda depth=depth: ours(build("deep", depth), x, y, 3)(),
            lambda depth=depth: keras_fit(build("deep", depth), x, y, 3)(),
        )


def memory(quick):
    """Peak memory of a process that trains two epochs, in GB in the place of seconds."""
    count = sizes(quick)["count"]
    peaks = {"ours": [], "keras": []}
    for turn in range(1 if quick else 3):
        for trainer, found in peaks.items():
            report(f"memory of {trainer}, process {turn + 1}")
            child = subprocess.run(
                [sys.executable, "-m", "benchmarks.peak_memory", trainer, str(count)],
                capture_output=True,
                text=True,
                check=True,
            )
            found.append(json.loads(child.stdout.splitlines()[-1])["peak_gb"])
    yield row(
        f"peak memory, {count:,} images",
        peaks["ours"],
        peaks["keras"],
        against="model.fit",
        bar=None if quick else ">= 0.77",
        unit="GB",
        note="0.77 is 1.3 times its memory",
    )


def xla_rule(quick):
    """What `EpochProgram.plan` rests on: the steps after which XLA has earned its compilation.

    `ours_s` is with XLA, `reference_s` without.
    """
    count = 100 * BATCH if quick else 500 * BATCH
    x, y = images(count)
    nets = {TITLES[kind]: lambda kind=kind: build(kind) for kind in KINDS}
    nets |= {f"{d} x Dense(100, selu)": lambda d=d: build("deep", d) for d in (10, 30)}
    nets |= {"convolution": _convolution, "Gaussian noise": _noise}
    validated = "validation of " + TITLES["sgd"]
    nets[validated] = nets[TITLES["sgd"]]
    for title, make in nets.items():
        step = "test_step" if title == validated else "train_step"
        compiling, running = {}, {True: [], False: []}
        programs = {xla: _program(make(), x, y, xla, step) for xla in (False, True)}
        for xla, run in programs.items():
            report(f"{title}: compiling {'with' if xla else 'without'} XLA")
            compiling[xla] = seconds(run)
        for turn in range(3 if quick else 5):
            for xla, run in programs.items():
                report(f"{title}: turn {turn + 1}")
                running[xla].append(seconds(run))
        once = {xla: float(np.median(times)) for xla, times in running.items()}
        extra = (compiling[True] - once[True]) - (compiling[False] - once[False])
        saved = (once[False] - once[True]) * BATCH / count
        even = f"{max(extra, 0) / saved:,.0f} steps" if saved > 0 else "never"
        yield row(
            f"{count // BATCH} steps with XLA: {title}",
            running[True],
            running[False],
            against="without",
            note=f"compilation {extra:+.2f} s, even after {even}",
        )


def _program(model, x, y, xla, step):
    model._symbolic_build(data_batch=(x[:BATCH], y[:BATCH]))
    data = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    program = EpochProgram(model, getattr(model, step), data, BATCH)
    program.uses_xla = xla
    order = tf.range(len(x))
    return lambda: program.run(data, order)


def _convolution():
    return _with(
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
    )


def _noise():
    return _with(keras.layers.GaussianNoise(0.1), keras.layers.Dense(100, "relu"))


def _with(*inner):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((784,)), *inner, keras.layers.Dense(10, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

"""Prepare a chapter's process: edition, seeds, threads, device and the look of its figures."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import tempfile
from collections.abc import Iterator

from trainlab import arithmetic, editions, plotting

__all__ = ["describe", "quiet_start", "setup"]


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Keep TensorFlow's log, which no setting silences, out of terminals and notebooks.

    It is written by C++ code straight to the process' standard error; if the import fails it is
    shown after all.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            log.seek(0)
            os.write(2, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with quiet_start():
    import keras
    import matplotlib
    import numpy
    import tensorflow as tf

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {keras.config.backend()!r} in this process, the course on TensorFlow. "
        "Unset the environment variable KERAS_BACKEND, or import trainlab before Keras; in a "
        "notebook, restart the kernel first."
    )


def setup(edition: str = "quick", *, seed: int = 0) -> editions.Edition:
    """Prepare this process for a chapter and say in one line what it runs on.

    Seeds Python, NumPy and TensorFlow, lets a GPU's memory grow as needed and makes its
    operations deterministic, and gives figures the course's style in light and dark. What this
    machine's `keras.json` and `matplotlibrc` say does not count.

    Args:
        edition: "quick" (the shipped subset, 3 seeds) or "full" (all images, 10 seeds).
        seed: The seed that everything outside a seeded experiment starts from.

    Returns:
        The `Edition`, which carries the seeds and the data set to use.

    Raises:
        ValueError: `edition` is not a known one.
    """
    chosen = editions.use(edition)
    # Advice on retracing names an address in memory, which is another one in each run.
    tf.get_logger().setLevel("ERROR")
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:
        tf.config.experimental.enable_op_determinism()
    _undo_local_settings()
    keras.utils.set_random_seed(seed)
    plotting.use_style()
    # Half a million objects of the libraries, which the collector would look through again and
    # again (3 % of a chapter's time) although they stay.
    gc.freeze()
    _announce(chosen, describe())
    return chosen


def _undo_local_settings() -> None:
    """Set what a file of this machine may have changed, silently, to what the libraries ship."""
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    matplotlib.rcdefaults()


def _announce(edition: editions.Edition, description: dict) -> None:
    seeds = ", ".join(map(str, edition.seeds))
    line = f"{edition.name} edition · seeds {seeds} · {description['device']}"
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        print(line)
    else:
        # The record travels with the executed notebook, so that the site can say what it ran on.
        record = {"edition": edition.name, "seeds": list(edition.seeds), **description}
        display({"text/plain": line, editions.MIME_TYPE: record}, raw=True)


def describe() -> dict:
    """Return what this process runs on.

    These are the `device`, the `processor`'s name, the number of `cores`, the `versions` that
    matter, and the signature of the `arithmetic` (see `trainlab.arithmetic`).
    """
    import trainlab

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {
        "device": ", ".join(gpus) or f"CPU ({platform.machine()})",
        "processor": arithmetic.processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "matplotlib": matplotlib.__version__,
            "trainlab": trainlab.__version__,
        },
        "arithmetic": arithmetic.signature(),
    }

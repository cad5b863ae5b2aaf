"""Prepare a chapter's process: edition, seeds, threads, device and the look of its figures."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["EDITIONS", "MIME_TYPE", "Edition", "current", "describe", "edition_named", "setup"]

MIME_TYPE = "application/vnd.trainlab.run+json"


@dataclass(frozen=True)
class Edition:
    """The budget of one edition of the book.

    Args:
        name: "quick" or "full".
        images: Which Fashion-MNIST images it trains on, "subset" or "full".
        seeds: The seeds over which every claim of this edition is measured.
    """

    name: str
    images: str
    seeds: tuple[int, ...]

    def choose(self, *, quick, full):
        """Return the one of two settings that belongs to this edition."""
        return {"quick": quick, "full": full}[self.name]


EDITIONS = {
    "quick": Edition("quick", images="subset", seeds=(0, 1, 2)),
    "full": Edition("full", images="full", seeds=(0, 1, 2, 3, 4)),
}

_current = EDITIONS["quick"]


def edition_named(name: str) -> Edition:
    """Return the edition called `name`; ValueError names the known ones."""
    if name not in EDITIONS:
        known = ", ".join(repr(each) for each in EDITIONS)
        raise ValueError(
            f"Unknown edition {name!r}. The known editions are {known}. Set it in the cell "
            "tagged `parameters`, or build with `make book EDITION=full`."
        )
    return EDITIONS[name]


def current() -> Edition:
    """Return the edition that `setup` chose in this process (quick before it was called)."""
    return _current


def setup(edition: str = "quick", *, seed: int = 0) -> Edition:
    """Prepare this process for a chapter and say in one line what it runs on.

    Seeds Python, NumPy and TensorFlow, lets a GPU's memory grow as needed and makes its
    operations deterministic, and gives figures the course's style in light and dark.

    Args:
        edition: "quick" (the shipped subset, 3 seeds) or "full" (all images, 5 seeds).
        seed: The seed that everything outside a seeded experiment starts from.

    Returns:
        The `Edition`, which carries the seeds and the data set to use.

    Raises:
        ValueError: `edition` is not a known one.
    """
    global _current
    chosen = edition_named(edition)

    import keras
    import tensorflow as tf

    from trainlab import plotting

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    plotting.use_style()
    _current = chosen
    _announce(chosen, describe())
    return chosen


def _announce(edition: Edition, description: dict) -> None:
    seeds = ", ".join(map(str, edition.seeds))
    line = f"{edition.name} edition · seeds {seeds} · {description['device']}"
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    if get_ipython() is None:
        print(line)
    else:
        # The record travels with the executed notebook, so that the site can say what it ran on.
        record = {"edition": edition.name, "seeds": list(edition.seeds), **description}
        display({"text/plain": line, MIME_TYPE: record}, raw=True)


def describe() -> dict:
    """Return what this process runs on: `device`, `cores` and the `versions` that matter."""
    import platform

    import keras
    import matplotlib
    import numpy
    import tensorflow as tf

    import trainlab

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return {
        "device": ", ".join(gpus) or f"CPU ({platform.machine()})",
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
    }

"""A list of the reader's own runs, best first, in memory or in a small JSON file."""

from __future__ import annotations

import json
import logging
from html import escape
from pathlib import Path

import keras
import numpy as np
from numpy.typing import ArrayLike

from trainlab import diagnostics
from trainlab.files import write_whole

__all__ = ["Leaderboard"]

_logger = logging.getLogger("trainlab")


class Leaderboard:
    """Runs by name with what was measured of each: accuracy and number of weights.

    The board measures for itself, so that all runs are judged alike. A name keeps its best run.

    Args:
        path: JSON file that keeps the runs for the next session; `None` keeps them in memory. A
            file that cannot be read is moved aside, with ".damaged" at the end of its name, and
            never overwritten.
        max_weights: Runs with more weights than this are refused; `None` for any number.

    Example:
        >>> board = Leaderboard("my_runs.json", max_weights=50_000)
        >>> board.enter("ELU, He", model, data.x_valid, data.y_valid)

    Taught in chapter 10.
    """

    def __init__(self, path: str | Path | None = None, *, max_weights: int | None = None):
        self.path = None if path is None else Path(path)
        self.max_weights = max_weights
        self._runs = {} if self.path is None else _read(self.path)

    @property
    def runs(self) -> list[dict]:
        """The runs as mappings with the keys name, accuracy and weights, the best one first."""
        order = sorted(self._runs.items(), key=lambda item: (-item[1]["accuracy"], item[0]))
        return [{"name": name, **run} for name, run in order]

    def enter(self, name: str, model: keras.Model, x: ArrayLike, y: ArrayLike) -> Leaderboard:
        """Measure a model and put it on the board.

        Args:
            name: What to call the run, 1 to 60 characters.
            model: From inputs (images, features) to one number a class.
            x, y: The images and integer labels to measure on, the same for all runs.

        Returns:
            The board, which a notebook shows.

        Raises:
            ValueError: The name is empty or too long, the model has too many weights, its outputs
                are not finite or do not have the shape (images, classes).
        """
        name = str(name).strip()
        if not 1 <= len(name) <= 60:
            raise ValueError(f"A run's name has 1 to 60 characters; received {len(name)}.")
        weights = int(model.count_params())
        if self.max_weights is not None and weights > self.max_weights:
            raise ValueError(
                f"{name!r} has {weights:,} weights; this board takes at most "
                f"{self.max_weights:,}. Use fewer or narrower layers."
            )
        labels = np.asarray(y)
        outputs = np.asarray(model(keras.ops.convert_to_tensor(x), training=False))
        if outputs.ndim != 2 or len(outputs) != len(labels) or outputs.shape[1] < 2:
            raise ValueError(
                f"{name!r} gives outputs of shape {outputs.shape} for {len(labels)} images; "
                "expected (images, classes)."
            )
        if not np.isfinite(outputs).all():
            raise ValueError(f"{name!r} gives outputs that are not finite: its training diverged.")
        accuracy = diagnostics.accuracy(model, x, y)
        if name not in self._runs or self._runs[name]["accuracy"] < accuracy:
            self._runs[name] = {"accuracy": accuracy, "weights": weights}
            self._write()
        return self

    def _write(self) -> None:
        if self.path is None:
            return
        write_whole(self.path, json.dumps(self.runs, indent=1) + "\n")

    def __str__(self) -> str:
        width = max([len("run"), *(len(run["name"]) for run in self.runs)])
        lines = [f"   {'run':{width}}  accuracy (%)  weights"]
        lines += [
            f"{place}. {run['name']:{width}}  {run['accuracy']:12.1f}  {run['weights']:7,}"
            for place, run in enumerate(self.runs, start=1)
        ]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        cell = '<td style="padding:.2em .8em;text-align:{}">{}</td>'
        rows = "".join(
            "<tr>"
            + cell.format("right", place)
            + cell.format("left", escape(run["name"]))
            + cell.format("right", f"{run['accuracy']:.1f}")
            + cell.format("right", f"{run['weights']:,}")
            + "</tr>"
            for place, run in enumerate(self.runs, start=1)
        )
        head = "".join(
            f'<th scope="col" style="padding:.2em .8em;text-align:{side}">{title}</th>'
            for title, side in (
                ("place", "right"), ("run", "left"), ("accuracy (%)", "right"), ("weights", "right")
            )
        )  # fmt: skip
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return {"text/plain": str(self), "text/html": table}


def _read(path: Path) -> dict[str, dict]:
    """Return the runs of a file by their names, none of a file that had to be moved aside."""
    if not path.exists():
        return {}
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(run["name"]): {
                "accuracy": float(run["accuracy"]),
                "weights": int(run["weights"]),
            }
            for run in runs
        }
    except (ValueError, TypeError, KeyError) as error:
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        _logger.warning(
            "trainlab: %s is not a leaderboard (%s: %s); it was moved to %s, and an empty "
            "board begun.", path, type(error).__name__, error, aside.name,
        )  # fmt: skip
        return {}

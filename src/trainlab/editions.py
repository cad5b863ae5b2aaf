"""The editions of the book: how much is measured, and over which seeds."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TypeVar

__all__ = [
    "EDITIONS", "MIME_TYPE", "RECORD_SEEDS", "REPLICATION_SEEDS", "Edition", "current",
    "edition_named", "use",
]  # fmt: skip

MIME_TYPE = "application/vnd.trainlab.run+json"

_Setting = TypeVar("_Setting")


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

    def choose(self, *, quick: _Setting, full: _Setting) -> _Setting:
        """Return the one of two settings that belongs to this edition."""
        return {"quick": quick, "full": full}[self.name]


EDITIONS = {
    "quick": Edition("quick", images="subset", seeds=(0, 1, 2)),
    "full": Edition("full", images="full", seeds=tuple(range(10))),
}

# Over which seeds `make record` measures, and over which others it measures again.
RECORD_SEEDS = {"quick": tuple(range(16)), "full": tuple(range(10))}
REPLICATION_SEEDS = {"full": tuple(range(10, 15))}

# Other seeds than the edition's, as in TRAINLAB_SEEDS="100 101 102", for tests and the record.
SEEDS = "TRAINLAB_SEEDS"

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


def use(name: str) -> Edition:
    """Make an edition the current one of this process and return it.

    The environment variable `TRAINLAB_SEEDS` replaces its seeds.

    Raises:
        ValueError: There is no such edition, or the variable does not hold seeds.
    """
    global _current
    _current = edition_named(name)
    if given := os.environ.get(SEEDS):
        _current = replace(_current, seeds=_seeds_in(given))
    return _current


def _seeds_in(text: str) -> tuple[int, ...]:
    """Return the seeds that an environment variable names."""
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() for word in words) or len(set(words)) < max(2, len(words)):
        raise ValueError(
            f"{SEEDS} is {text!r}; expected are two or more different integers, none of them "
            'negative, as in TRAINLAB_SEEDS="100 101 102".'
        )
    return tuple(map(int, words))

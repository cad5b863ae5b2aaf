"""The editions of the book: how much is measured, and over which seeds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EDITIONS", "MIME_TYPE", "Edition", "current", "edition_named", "use"]

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


def use(name: str) -> Edition:
    """Make an edition the current one of this process and return it."""
    global _current
    _current = edition_named(name)
    return _current

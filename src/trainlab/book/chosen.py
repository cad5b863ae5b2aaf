"""Chapters named on the command line: `python -m trainlab.book.chosen 03 07_optimizers`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from trainlab.book import contents, failures

__all__ = ["UnknownChapter", "chosen", "main"]


class UnknownChapter(ValueError):
    """A name belongs to no chapter, or to more than one; the message lists all chapters."""


def chosen(names: Sequence[str], chapters: Sequence[str]) -> list[str]:
    """Return the chapters that are meant, each once, in the order of the book.

    Args:
        names: Numbers ("3" or "03"), names ("03_initialization", "initialization") or paths of
            chapters; several may stand in one text, with commas between them.
        chapters: All chapters' names, in the order of the book.

    Raises:
        UnknownChapter: A name is not that of one chapter.
    """
    wanted = [part for name in names for part in name.replace(",", " ").split()]
    found = {_one(name, chapters) for name in wanted}
    return [chapter for chapter in chapters if chapter in found]


def _one(name: str, chapters: Sequence[str]) -> str:
    asked = Path(name).name.removesuffix(".ipynb").lower()
    number = asked.zfill(2) if asked.isdigit() else asked
    matches = [
        chapter
        for chapter in chapters
        if chapter == asked or chapter.split("_")[0] == number or chapter[3:] == asked
    ]
    if len(matches) != 1:
        listed = "\n".join(f"  {chapter}" for chapter in chapters)
        raise UnknownChapter(
            f"ONLY={name} is the name of no chapter. Give a number, such as 03, or one of these "
            f"names:\n{listed}"
        )
    return matches[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the chapters that are meant."""
    names = sys.argv[1:] if arguments is None else arguments
    with failures.explained(UnknownChapter):
        print(*chosen(names, contents.chapters_in_toc(Path())))


if __name__ == "__main__":
    main()

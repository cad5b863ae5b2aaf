"""What is built from what, told by content: `python -m trainlab.book.sources` fetches the data.

A file that was checked out, copied or unpacked may be newer or older than before and still hold the
same. So what a chapter was executed from is kept as a digest of contents, and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from trainlab import datasets
from trainlab.book import failures

__all__ = ["digest", "files_in", "main", "of_chapter", "of_package"]

PACKAGE = Path("src", "trainlab")
# What no chapter can import or read: the course's own tooling, and what its pages alone show.
_NOT_FOR_CHAPTERS = ("book", "record/versions")


def files_in(folder: Path) -> list[Path]:
    """Return the files in a folder without Python's caches and what editors and systems hide."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(
            part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts
        )
    ]


def of_package(root: Path) -> list[Path]:
    """Return all files of the package that a chapter can import or read, except the exercises.

    Whatever is added to the package is among them, be it a module, a folder or a data file.

    Args:
        root: The repository; the paths begin with it.
    """
    package = root / PACKAGE
    others = [package / name for name in _NOT_FOR_CHAPTERS]
    return [
        path
        for path in files_in(package)
        if not any(path.is_relative_to(other) for other in others) and not _is_exercise(path)
    ]


def of_chapter(root: Path, chapter: str, package: Iterable[Path], *, record: bool) -> list[Path]:
    """Return all files that an executed chapter is made from, its notebook first.

    Args:
        root: The repository; the paths begin with it.
        chapter: The name of the chapter, such as "03_initialization".
        package: What `of_package` returned.
        record: Whether the record's data count: cards show it, but it cannot be what it is measured
            from.
    """
    number = chapter.partition("_")[0]
    exercises = root / PACKAGE / "exercises" / f"chapter_{number}.py"
    kept = [path for path in package if record or not _is_record(root, path)]
    own = [exercises] if exercises.is_file() else []
    return [root / "chapters" / f"{chapter}.ipynb", *kept, *own, root / "requirements.txt"]


def digest(files: Iterable[Path | str], *others: str) -> str:
    """Return a short digest of the names and the contents of files, whenever they were written.

    Args:
        files: The files, in any order. One that is not there counts as such.
        others: More text that it is to depend on.
    """
    whole = hashlib.sha256()
    for path in sorted(map(Path, files)):
        contents = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        whole.update(f"{contents} {path.as_posix()}\n".encode())
    for text in others:
        whole.update(f"{hashlib.sha256(text.encode()).hexdigest()}\n".encode())
    return whole.hexdigest()[:16]


def _is_exercise(path: Path) -> bool:
    return path.parent.name == "exercises" and path.name.startswith("chapter_")


def _is_record(root: Path, path: Path) -> bool:
    return path.parent == root / PACKAGE / "record" and path.suffix == ".json"


def main() -> None:
    """Fetch what is missing of the full data set."""
    with failures.explained(datasets.DataError):
        for path in datasets.full_archives():
            print(f"✓ {path}")


if __name__ == "__main__":
    main()

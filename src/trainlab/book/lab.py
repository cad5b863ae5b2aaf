"""Chapters to work in: `make lab`, through `python -m trainlab.book.lab`.

JupyterLab opens copies, in the folder `lab/`, which git ignores. So nothing that a reader runs or
writes stands in the way of `git pull`, and no update takes a reader's work away.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from trainlab.book import contents, failures, kernels
from trainlab.files import write_whole

__all__ = ["FOLDER", "main", "prepare"]

FOLDER = "lab"
# For each copy, the checksum of what was written into it.
_MADE = ".made.json"


def prepare(root: Path) -> list[str]:
    """Copy the chapters into the lab, without ever writing over a reader's work.

    A copy that nobody changed follows the chapter. Where both were changed, the reader's stays and
    the new chapter lies beside it as `NN_topic.new.ipynb`.

    Args:
        root: The folder of the course.

    Returns:
        A line for each chapter of which the reader should know something.
    """
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    made = _made(folder)
    said = []
    for name in contents.chapters_in_toc(root):
        chapter = _with_kernel(root / "chapters" / f"{name}.ipynb")
        copy, newer = folder / f"{name}.ipynb", folder / f"{name}.new.ipynb"
        is_new = made.get(name) != _checksum(chapter)
        if not copy.exists() or _checksum(copy.read_bytes()) == made.get(name):
            write_whole(copy, chapter)
        elif is_new:
            write_whole(newer, chapter)
            said.append(
                f"{name} has changed since you began to work in it. Yours stays as it is; the new "
                f"one is {FOLDER}/{newer.name}."
            )
        made[name] = _checksum(chapter)
    write_whole(folder / _MADE, json.dumps(made, indent=1).encode())
    return said


def _with_kernel(path: Path) -> bytes:
    """Return a chapter that names its kernel, without which JupyterLab asks for one."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return nbformat.writes(notebook).encode()


def _made(folder: Path) -> dict[str, str]:
    path = folder / _MADE
    return json.loads(path.read_text()) if path.exists() else {}


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the copies and become JupyterLab in their folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jupyter", nargs="*", help="arguments for JupyterLab, after --")
    options = parser.parse_args(arguments)
    with failures.explained(contents.ContentsError):
        for line in prepare(Path.cwd()):
            print(line)
        print(
            f"✓ The chapters are copied to {FOLDER}/: work there, nothing in it is ever replaced. "
            "JupyterLab opens in your browser; Ctrl+C here ends it.",
            flush=True,
        )
        command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={FOLDER}"]
        os.execve(sys.executable, [*command, *options.jupyter], kernels.kept_variables())


if __name__ == "__main__":
    main()

"""Run the chapters where the course is not installed: `python -m trainlab.book.environments colab`.

Each chapter lies alone in an empty folder, as one that was downloaded or opened in Colab, in an
environment with other versions than the locked ones. Its own first cell has to fetch the course,
from a clone that stands in for the repository's address, and may change no other package. A claim
that does not repeat the record is a card there, as in a reader's notebook; the command names it and
fails. What was measured goes to `_build/environments/<name>/claims.json`, which `make compare`
holds against the ledger of the book; a run of some chapters leaves the others' claims there as
they are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from trainlab import claims
from trainlab.book import compare, contents, ledger, repository
from trainlab.files import write_whole

__all__ = ["ENVIRONMENTS", "ChapterError", "Environment", "main"]

KERNEL = "elsewhere"
CELL_LIMIT = 600

# How `uv pip install` fills each environment, and for which Python.
ENVIRONMENTS = {
    "oldest": (
        "3.11",
        ["-r", "pyproject.toml", "ipykernel>=6.17.1", "--resolution", "lowest-direct"],
    ),
    "colab": ("3.13", ["-r", "requirements-colab.txt"]),
    "newest": ("3.13", ["-r", "pyproject.toml", "ipykernel", "--upgrade"]),
}


class ChapterError(RuntimeError):
    """A chapter did not run elsewhere; the message says which, where and why."""


class Environment:
    """An environment of other versions, and a clone that stands in for the repository.

    Args:
        name: One of `ENVIRONMENTS`.
        root: The repository, whose last commit is what runs.
        folder: Where everything is kept; by default `_build/environments/<name>`.
    """

    def __init__(self, name: str, root: Path, folder: Path | None = None):
        self.name = name
        self.root = root
        self.folder = folder or root / "_build" / "environments" / name
        self.python = self.folder / "venv" / "bin" / "python"

    def make(self) -> None:
        """Make the environment, unless it is there with the same request, and the clone anew."""
        version, packages = ENVIRONMENTS[self.name]
        request = json.dumps([version, packages]) + "".join(
            (self.root / name).read_text() for name in packages if (self.root / name).is_file()
        )
        mark = self.folder / "venv" / ".made-of"
        if not (mark.exists() and mark.read_text() == request):
            shutil.rmtree(self.folder / "venv", ignore_errors=True)
            self._uv("venv", "--seed", "--python", version, self.folder / "venv")
            self._uv("pip", "install", "--python", self.python, *packages)
            mark.write_text(request)
        clone = self.folder / "course"
        shutil.rmtree(clone, ignore_errors=True)
        _run("git", "clone", "--quiet", self.root, clone)
        self._tag()
        kernel = self.folder / "jupyter" / "kernels" / KERNEL
        kernel.mkdir(parents=True, exist_ok=True)
        launch = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": launch, "display_name": self.name, "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec))

    def _tag(self) -> None:
        """Give the clone's last commit the name from which the chapters install."""
        clone = self.folder / "course"
        # A fork's is that of a branch or of a commit, which is there; a tag may be, elsewhere.
        if repository.state(clone) != repository.checked_out(clone):
            _run("git", "-C", clone, "tag", "--force", repository.state(clone))

    def packages(self) -> set[str]:
        """Return the installed packages, each as "name==version" or with its address."""
        return set(self._uv("pip", "freeze", "--python", self.python).split("\n")) - {""}

    def run(self, chapter: str) -> nbformat.NotebookNode:
        """Execute one chapter in an empty folder and return it.

        Raises:
            ChapterError: It did not run to its end, or installed more than the course.
        """
        self._uv("pip", "uninstall", "--python", self.python, "trainlab")
        before = self.packages()
        folder = self.folder / "empty"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        source = self.folder / "course" / "chapters" / f"{chapter}.ipynb"
        notebook = nbformat.read(shutil.copy2(source, folder), as_version=4)
        try:
            with mock.patch.dict(os.environ, self._variables()):
                os.environ.pop(claims.DISAGREEMENTS, None)  # as in a reader's own notebook
                NotebookClient(
                    notebook,
                    timeout=CELL_LIMIT,
                    kernel_name=KERNEL,
                    resources={"metadata": {"path": str(folder)}},
                ).execute()
        except (CellExecutionError, CellTimeoutError, RuntimeError) as error:  # or a dead kernel
            kept = self.folder / f"{chapter}.broken.ipynb"
            nbformat.write(notebook, kept)
            raise ChapterError(
                f"{chapter} does not run in {self.name!r}: {error}\n  It is kept as {kept}."
            ) from error
        added = {package.split()[0].split("==")[0] for package in self.packages() ^ before}
        if added != {"trainlab"}:
            raise ChapterError(
                f"{chapter} changed these packages in {self.name!r}: {', '.join(sorted(added))}. "
                "Its setup cell may install the course and nothing else."
            )
        return notebook

    def _variables(self) -> dict[str, str]:
        return {
            "JUPYTER_PATH": str(self.folder / "jupyter"),
            # git takes the clone wherever it is asked for the repository's address.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{(self.folder / 'course').as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": repository.address(self.folder / "course"),
        }

    def _uv(self, *arguments: str | Path) -> str:
        return _run(Path(sys.prefix) / "bin" / "uv", *arguments, cwd=self.root)


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    finished = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    if finished.returncode:
        raise ChapterError(f"{' '.join(map(str, command))}\n{finished.stderr.strip()}")
    return finished.stdout


def _others(path: Path, chapters: list[str]) -> tuple[list[dict], str | None]:
    """Return the claims that a ledger holds of other chapters, and when they were measured.

    Raises:
        ValueError: The ledger cannot be read.
    """
    kept = compare.read_ledger(path) if path.exists() else {"claims": []}
    others = [claim for claim in kept["claims"] if claim["chapter"] not in chapters]
    return others, kept["created"] if others else None


def _disagreements(made: list[dict]) -> str:
    """Return what was not repeated as text: "equation fails: 04.c; not repeated: 04.a, 04.b"."""
    found = compare.unrepeated(made)
    return "; ".join(f"{what}: {', '.join(found[what])}" for what in sorted(found))


def _run_all(
    environment: Environment, chapters: list[str]
) -> tuple[list[dict], list[dict], list[str]]:
    """Run chapters, say how each went, and return their claims, their runs and which failed."""
    made, runs, failed = [], [], []
    for chapter in chapters:
        try:
            notebook = environment.run(chapter)
            own, run = ledger.claims_of(notebook, chapter), ledger.run_of(notebook, chapter)
        except (ChapterError, ledger.LedgerError) as error:
            failed.append(chapter)
            print(f"✗ {error}", flush=True)
            continue
        made += own
        runs.append(run)
        said = f"{chapter} in {environment.name!r}: {compare.summary(own)}"
        disagreements = _disagreements(own)
        print(f"✗ {said}; {disagreements}" if disagreements else f"✓ {said}", flush=True)
    return made, runs, failed


def main(arguments: Sequence[str] | None = None) -> None:
    """Run chapters in one environment and write their claims.

    Exit with 1 if a chapter fails, an equation does not hold or a claim does not repeat the record.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENVIRONMENTS)
    parser.add_argument("chapters", nargs="*", help="all by default")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    environment = Environment(options.name, root)
    path = environment.folder / "claims.json"
    try:
        # Before hours of running: what is there of other chapters has to be readable.
        others, since = _others(path, options.chapters) if options.chapters else ([], None)
        environment.make()
        chapters = options.chapters or contents.chapters_in_toc(root)
        made, runs, failed = _run_all(environment, chapters)
    except (ChapterError, ValueError) as error:
        sys.exit(f"✗ {error}")
    if runs:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        claims_of_all = sorted(made + others, key=lambda claim: claim["chapter"])
        # With other chapters in it, the ledger is as old as they are.
        kept = ledger.ledger_of(claims_of_all, runs, since or now)
        write_whole(path, json.dumps(kept, indent=1) + "\n")
    problems = [f"{len(failed)} chapters failed: {', '.join(failed)}"] if failed else []
    problems += filter(None, [_disagreements(made)])
    if problems:
        sys.exit(f"✗ {options.name!r}: {'; '.join(problems)}")


if __name__ == "__main__":
    main()

"""Run the chapters where the course is not installed: `python -m trainlab.book.elsewhere colab`.

Each chapter lies alone in an empty folder, as one that was downloaded or opened in Colab, in an
environment with other versions than the locked ones. Its own first cell has to fetch the course,
from a clone that stands in for the repository's address, and may change no other package. What the
claims said there goes to `_build/elsewhere/<name>/claims.json`, which `make compare` holds against
the ledger of the book; a run of some chapters leaves the others' claims there as they are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from trainlab.book import compare, contents, ledger, repository

__all__ = ["ENVIRONMENTS", "Elsewhere", "ElsewhereError", "main"]

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


class ElsewhereError(RuntimeError):
    """A chapter did not run elsewhere; the message says which, where and why."""


class Elsewhere:
    """An environment of other versions, and a clone that stands in for the repository.

    Args:
        name: One of `ENVIRONMENTS`.
        root: The repository, whose last commit is what runs.
        folder: Where everything is kept; by default `_build/elsewhere/<name>`.
    """

    def __init__(self, name: str, root: Path, folder: Path | None = None):
        self.name = name
        self.root = root
        self.folder = folder or root / "_build" / "elsewhere" / name
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
        """Give the clone's last commit the tag that the chapters install from."""
        setup = repository.setup_cell(self.folder / "course")
        tag = setup.rpartition("@")[2].split('"')[0]
        _run("git", "-C", self.folder / "course", "tag", "--force", tag)

    def packages(self) -> set[str]:
        """Return the installed packages, each as "name==version" or with its address."""
        return set(self._uv("pip", "freeze", "--python", self.python).split("\n")) - {""}

    def run(self, chapter: str) -> nbformat.NotebookNode:
        """Execute one chapter in an empty folder and return it.

        Raises:
            ElsewhereError: It did not run to its end, or installed more than the course.
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
                NotebookClient(
                    notebook,
                    timeout=CELL_LIMIT,
                    kernel_name=KERNEL,
                    resources={"metadata": {"path": str(folder)}},
                ).execute()
        except (CellExecutionError, CellTimeoutError, RuntimeError) as error:  # or a dead kernel
            kept = self.folder / f"{chapter}.broken.ipynb"
            nbformat.write(notebook, kept)
            raise ElsewhereError(
                f"{chapter} does not run in {self.name!r}: {error}\n  It is kept as {kept}."
            ) from error
        added = {package.split()[0].split("==")[0] for package in self.packages() ^ before}
        if added != {"trainlab"}:
            raise ElsewhereError(
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

    def _uv(self, *arguments) -> str:
        return _run(Path(sys.prefix) / "bin" / "uv", *arguments, cwd=self.root)


def _run(*command, cwd=None) -> str:
    finished = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    if finished.returncode:
        raise ElsewhereError(f"{' '.join(map(str, command))}\n{finished.stderr.strip()}")
    return finished.stdout


def _with_others(claims: list[dict], path: Path) -> list[dict]:
    """Return claims in the order of the chapters, those kept in a ledger for other chapters too."""
    ran = {claim["chapter"] for claim in claims}
    kept = compare.read_ledger(path)["claims"] if path.exists() else []
    others = [claim for claim in kept if claim["chapter"] not in ran]
    return sorted(claims + others, key=lambda claim: claim["chapter"])


def main(arguments=None) -> None:
    """Run chapters in one environment, write their claims, exit with 1 if a chapter fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENVIRONMENTS)
    parser.add_argument("chapters", nargs="*", help="all by default")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    failed, claims, runs = [], [], []
    try:
        elsewhere = Elsewhere(options.name, root)
        elsewhere.make()
        for chapter in options.chapters or contents.chapters_in_toc(root):
            try:
                notebook = elsewhere.run(chapter)
            except ElsewhereError as error:
                failed.append(chapter)
                print(f"✗ {error}", flush=True)
                continue
            claims += ledger.claims_of(notebook, chapter)
            runs.append(ledger.run_of(notebook, chapter))
            print(f"✓ {chapter} in {options.name!r}: {len(claims)} claims so far", flush=True)
    except ElsewhereError as error:
        sys.exit(f"✗ {error}")
    if runs:
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        path = elsewhere.folder / "claims.json"
        record = ledger.record_of(_with_others(claims, path), runs, created)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(record, indent=1) + "\n")
        partial.replace(path)
    if failed:
        sys.exit(f"✗ {len(failed)} chapters failed in {options.name!r}: {', '.join(failed)}")


if __name__ == "__main__":
    main()

"""A course small enough to be built in a test."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil

__all__ = ["MAKE", "RECORD", "RUN", "Book", "chapter", "claim_cell", "equation_cell", "write"]

ROOT = Path(__file__).parents[1]
BIN = Path(sys.prefix) / "bin"
# The environment is the one that the tests run in: no test installs anything into it.
MAKE = ("make", "--assume-old=.venv/.ready")

LONG_AGO = 1_000_000_000  # in 2001

SETUP = "from trainlab import claims"
PARAMETERS = 'edition = "quick"'
RUN = "from trainlab import runtime\n\nrun = runtime.setup(edition)"
# What `runtime.setup` records, without TensorFlow, which takes seconds to import.
RECORD = """from IPython.display import display
from trainlab import editions

versions = dict.fromkeys(["python", "tensorflow", "keras", "numpy"], "0")
record = {"edition": edition, "seeds": [0], "device": "CPU", "cores": 1, "versions": versions}
record["processor"] = "Any CPU"
display({"text/plain": edition, editions.MIME_TYPE: record}, raw=True)"""


def claim_cell(chapter, high=2):
    return (
        f'claims.bound("{chapter[:2]}.stays-small", "It stays small.", [1.0, 1.5, 1.25], '
        f'high={high}, unit="units")'
    )


def equation_cell(chapter, two=2):
    """Return a claim that holds if `two` is 2, on any machine and without a record."""
    return f'claims.identity("{chapter[:2]}.adds-up", "One and one make two.", [1 + 1], [{two}])'


def chapter(name, *code, parameters=PARAMETERS):
    """Return a notebook with a title, a setup cell, the parameters and the given code cells."""
    v4 = nbformat.v4
    notebook = v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
    )
    notebook.cells = [
        v4.new_markdown_cell(f"# Chapter {name[:2]}\n\nWhat is $x^2$?"),
        v4.new_code_cell(SETUP),
        v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *(v4.new_code_cell(source) for source in code),
    ]
    for cell in notebook.cells:
        if "claims." in cell.source:
            cell.metadata["tags"] = ["nbval-check-output"]
    return notebook


def write(folder, name, *code, **options):
    path = folder / f"{name}.ipynb"
    nbformat.write(chapter(name, *code, **options), path)
    return path


class Book:
    """A copy of the repository with chapters of its own.

    Args:
        folder: Where it goes.
        chapters: The code cells of each chapter after the one in `run`, by the chapter's name.
        run: The code cell that records what a chapter runs on.
        pages: The pages beside the chapters; all of the repository's unless given.
    """

    def __init__(self, folder, chapters, run=RUN, pages=None):
        self.folder, self.run = folder, run
        # Every process of a build inherits it, and is known by it.
        self.environment = {**os.environ, "TINY_BOOK": str(folder)}
        self.build = folder / "_build" / "quick"
        for name in (
            "Makefile",
            "Snakefile",
            "pyproject.toml",
            "requirements.txt",
            "requirements-gpu.txt",
            "_config.yml",
            "references.bib",
        ):
            shutil.copy2(ROOT / name, folder / name)
        for name in ("pages", "assets", "profiles", "src"):
            shutil.copytree(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(Path(sys.prefix))
        (folder / "index.md").write_text("# A tiny book\n\nWith tiny chapters.\n")
        if pages is None:
            pages = [path.stem for path in sorted((ROOT / "pages").glob("*.md"))]
            pages += ["ledger", "run_report", "misconceptions", "versions"]
        files = [f"chapters/{name}" for name in chapters] + [f"pages/{name}" for name in pages]
        toc = {"format": "jb-book", "root": "index"}
        toc["parts"] = [{"caption": "All", "chapters": [{"file": file} for file in files]}]
        (folder / "_toc.yml").write_text(json.dumps(toc))
        self.chapters = list(chapters)
        (folder / "chapters").mkdir()
        for name, code in chapters.items():
            self.write(name, *code)

    def write(self, name, *code):
        write(self.folder / "chapters", name, self.run, *code)

    def make(self, *arguments, target="book"):
        return subprocess.run(
            [*MAKE, target, *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    def start(self):
        """Start a build in a process group of its own; what it says goes into `said`."""
        with (self.folder / "said").open("w") as said:
            return subprocess.Popen(
                [*MAKE, "book"], cwd=self.folder, env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip

    def said(self):
        return (self.folder / "said").read_text()

    def wait_for(self, name, newer_than=0.0, seconds=120):
        """Wait for a file of the build, written after a time."""
        path = self.build / name
        for _ in range(seconds * 50):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= newer_than:
                    return
            time.sleep(0.02)
        raise TimeoutError(f"{path} did not come within {seconds} s:\n{self.said()}")

    def processes(self, seconds=10):
        """Return the commands of the builds' processes that still run after this time."""
        left = []
        for _ in range(seconds * 10):
            left = []
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    if process.environ().get("TINY_BOOK") == str(self.folder):
                        left.append(" ".join(process.cmdline()))
            if not left:
                break
            time.sleep(0.1)
        return left

    def claims(self):
        """Return the claims of `claims.json`, without when they were measured."""
        return json.loads((self.build / "claims.json").read_text())["claims"]

    def snakemake(self, *arguments, **environment):
        """Run Snakemake as `make book` does, with further arguments and variables."""
        command = [BIN / "snakemake", "--profile", "profiles/local", "--cores", "1", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={**self.environment, **environment},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    def would_run(self, *arguments):
        """Return the rules that Snakemake would run now, for the book if nothing else is asked."""
        arguments = arguments or ("--config", "edition=quick")
        shown = self.snakemake("--dry-run", "--quiet", "host", *arguments)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        return re.findall(r"^(?:local)?rule ([\w.-]+):$", shown.stdout + shown.stderr, re.MULTILINE)

    def would_execute(self):
        """Return the chapters that Snakemake would execute now."""
        rules = self.would_run()
        return [name for name in self.chapters if f"execute_{name}" in rules]

    def change(self, name):
        """Change what a file holds, but not what it means: every source may end in a blank line."""
        with (self.folder / name).open("ab") as file:
            file.write(b"\n")

    @contextlib.contextmanager
    def changed(self, name, *, older=False):
        """Change what a file holds for a while; it looks newer, or older, than what was built."""
        path = self.folder / name
        kept, times = path.read_bytes(), path.stat()
        self.change(name)
        if older:
            os.utime(path, (LONG_AGO, LONG_AGO))
        try:
            yield
        finally:
            path.write_bytes(kept)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def sources(self):
        """Return every file of the repository, what was built aside."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=self.folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [self.folder / name for name in listed.stdout.splitlines()]

    def git(self, *arguments):
        identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, check=True
        )

    def site(self):
        """Return a checksum of every file of the site."""
        return {
            str(path.relative_to(self.build)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.build / "site").rglob("*"))
            if path.is_file()
        }

    def executed(self):
        """Return when each chapter was executed."""
        return {
            name: (self.build / "executed" / f"{name}.ipynb").stat().st_mtime_ns
            for name in self.chapters
        }

"""Execute one chapter with papermill: `python -m trainlab.book.execute --help`.

The executed notebook is written beside its final name and renamed when it is whole. A chapter that
raises, outlasts its time limit, loses its kernel or shows no figure where it draws one is kept
under the name given by `--broken`, and the command names the chapter and the cell.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from trainlab.book import failures, kernels, ledger, processes, style
from trainlab.book.progress import Cells
from trainlab.files import write_whole

__all__ = ["ChapterError", "execute", "main"]


# Papermill asks for a name; `kernels.CourseKernel` starts the same kernel under any.
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class ChapterError(RuntimeError):
    """A chapter could not be executed; the message names chapter and cell."""


def execute(
    source: Path,
    target: Path,
    broken: Path,
    *,
    edition: str,
    timeout: int,
    progress: Path | None = None,
) -> dict:
    """Execute a chapter and return its report.

    Args:
        source: The clean notebook.
        target: Where the executed notebook goes.
        broken: Where it goes instead when it fails.
        edition: Value of the notebook's parameter `edition`.
        timeout: Seconds that one cell may take.
        progress: A file that says how many cells are done while the chapter runs; None for none.

    Returns:
        `{"chapter", "seconds", "peak_rss_mb", "cells", "claims"}`, claims as ids.

    Raises:
        ChapterError: The chapter cannot be read, does not declare the parameter, did not run to its
            end, or draws a figure that does not show.
    """
    chapter = source.stem
    clean = _read(source)
    known = papermill.inspect_notebook(clean)
    if "edition" not in known:
        raise ChapterError(
            f"{source}: the parameter 'edition' is not in the cell tagged `parameters` (found: "
            f'{", ".join(known) or "none"}). Add `edition = "quick"` to that cell.'
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{chapter}.partial.ipynb")
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            clean,
            partial,
            parameters={"edition": edition},
            kernel_manager_class=kernels.CourseKernel,
            execution_timeout=timeout,
            progress_bar=progress is not None
            and {"bar_format": Cells.FORMAT, "mininterval": 1, "file": Cells(progress)},
            cwd=str(target.parent),
        )
        seconds = time.perf_counter() - started
        notebook = nbformat.read(partial, as_version=4)
        _clean(notebook, edition)
        _check_figures(notebook, chapter, broken)
        claims = [record["id"] for record in ledger.claims_of(notebook, chapter)]
        write_whole(target, nbformat.writes(notebook) + "\n")
    except (PapermillExecutionError, CellTimeoutError, DeadKernelError) as error:
        broken.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(broken)
        raise ChapterError(_explain(chapter, broken, error, timeout)) from error
    except (ChapterError, ledger.LedgerError):
        broken.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(broken)
        raise
    finally:
        partial.unlink(missing_ok=True)
    broken.unlink(missing_ok=True)
    return {
        "chapter": chapter,
        "seconds": round(seconds, 1),
        "peak_rss_mb": round(_peak_rss_of_children_mb()),
        "cells": sum(cell.cell_type == "code" for cell in notebook.cells),
        "claims": claims,
    }


def _read(source: Path) -> nbformat.NotebookNode:
    """Return a chapter whose kernel is the course's, or say in which line it is no notebook."""
    text = source.read_bytes().decode("utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            raise ChapterError(
                f"{source}, line {number}: `{line[:40]}` is the mark of a merge that is not "
                "finished. Choose a side (`git checkout --ours` or `--theirs` with the chapter's "
                "name), then run again."
            )
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except nbformat.reader.NotJSONError:
        try:
            json.loads(text)
            where = "1: it"
        except json.JSONDecodeError as error:
            where = f"{error.lineno}: {error.msg}, so it"
        raise ChapterError(
            f"{source}, line {where} is not the JSON of a notebook. `git diff {source}` shows what "
            f"changed; `git restore {source}` brings the last committed one back."
        ) from None
    except (nbformat.ValidationError, AttributeError, TypeError, ValueError) as error:
        raise ChapterError(
            f"{source} is not a valid notebook: {str(error).splitlines()[0]} `git restore "
            f"{source}` brings the last committed one back."
        ) from error
    notebook.metadata.kernelspec = nbformat.from_dict(_KERNEL)
    return notebook


def _check_figures(notebook: nbformat.NotebookNode, chapter: str, broken: Path) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        if style.draws(cell) and not style.shows_a_figure(cell):
            raise ChapterError(
                f"{chapter}: code cell {number} of {len(code)} draws a figure, and its output "
                "holds none. Does the chapter choose another backend of Matplotlib, or close the "
                f"figure before it shows?\n\n  The cell:\n{_indented(cell)}\n\n"
                f"  The broken notebook is kept as {broken}."
            )


def _indented(cell: nbformat.NotebookNode) -> str:
    return "\n".join(f"    {line}" for line in cell.source.splitlines())


def _explain(chapter: str, broken: Path, error: Any, timeout: int) -> str:
    notebook = nbformat.read(broken, as_version=4)
    code = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    # papermill marks a raising cell, but calls a cell that hung or lost its kernel "completed".
    marks = [cell.metadata.get("papermill", {}) for cell in code]
    number = max(
        (n for n, mark in enumerate(marks, start=1) if mark.get("exception")),
        default=max(
            (n for n, mark in enumerate(marks, start=1) if mark.get("start_time")), default=1
        ),
    )
    if isinstance(error, CellTimeoutError):
        what = f"ran past its limit of {timeout} s"
    elif isinstance(error, DeadKernelError):
        what = (
            "lost its kernel (killed, or out of memory). Free memory, or execute fewer chapters at "
            "once (`make book CORES=1`)"
        )
    else:
        what = f"raised {error.ename}: {error.evalue}"
    return (
        f"{chapter}: code cell {number} of {len(code)} {what}\n\n"
        f"  The cell:\n{_indented(code[number - 1])}\n\n"
        f"  The broken notebook is kept as {broken}."
    )


def _clean(notebook: nbformat.NotebookNode, edition: str) -> None:
    """Make the executed notebook one that reads, and runs again, as if written for the edition.

    The injected parameters are folded into the cell they override, and what papermill recorded
    about this machine (paths, times, environment) is dropped: it is no part of the lesson.
    """
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(
                r'^edition = "\w+"', f'edition = "{edition}"', cell.source, flags=re.MULTILINE
            )


def _counted(claims: Sequence[str]) -> str:
    return f"{len(claims)} claim{'s' if len(claims) != 1 else ''}"


def _peak_rss_of_children_mb() -> float:
    # The kernel is the one large child of this process. Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class _Unfailing(io.FileIO):
    """A file that swallows what it cannot take: a chapter does not depend on who watches it."""

    def write(self, text: Any) -> int:
        with contextlib.suppress(OSError):
            return super().write(text) or 0
        return len(text)


def _terminal(number: int) -> TextIO:
    """Return another handle of an open descriptor, which prints what it can in any encoding."""
    raw = io.BufferedWriter(_Unfailing(os.dup(number), "w"))
    encoding = getattr(sys.__stderr__, "encoding", None)
    return io.TextIOWrapper(raw, encoding=encoding, errors="replace", line_buffering=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Execute the chapter named on the command line and write its report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--broken", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--edition", required=True)
    parser.add_argument("--timeout", type=int, required=True)
    parser.add_argument("--said", type=Path, help="where to say how it went, not on the terminal")
    options = parser.parse_args(arguments)
    processes.stop_on_signal()
    processes.end_with_parent()
    # Chapters run side by side, one on each core, so each gets one thread; with one thread the
    # order of every sum is fixed too, and the numbers come out the same each time.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # What the kernel writes to stderr (TensorFlow's start-up log, a crash) goes into a file, so
    # that the terminal keeps to the message of a failure.
    said, terminal = _terminal(1), _terminal(2)
    with failures.explained(OSError, file=terminal):
        options.log.parent.mkdir(parents=True, exist_ok=True)
        if options.said is not None:
            said = terminal = options.said.open("w", encoding="utf-8")
    with failures.explained(ChapterError, ledger.LedgerError, file=terminal):
        os.dup2(os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        try:
            report = execute(
                options.source,
                options.target,
                options.broken,
                edition=options.edition,
                timeout=options.timeout,
                progress=options.log.with_suffix(".cells"),
            )
        except (ChapterError, ledger.LedgerError, OSError):
            raise
        except Exception as error:  # that nobody foresaw
            traceback.print_exc()
            raise ChapterError(
                f"{options.source.stem}: {type(error).__name__}: {error}\n\n"
                f"  How it came about stands in {options.log}."
            ) from error
        write_whole(options.report, json.dumps(report, indent=1) + "\n")
    print(
        f"✓ {report['chapter']}: {_counted(report['claims'])}, {report['seconds']:.0f} s, "
        f"{report['peak_rss_mb']} MB",
        file=said,
    )


if __name__ == "__main__":
    main()

"""How long the reader waits: to the end of a notebook's setup cell, and for a whole command."""

import subprocess

import nbclient
import nbformat

from benchmarks.measure import seconds


def setup_seconds(notebook, marker="setup("):
    """Seconds from the start of a kernel to the end of the notebook's setup cell.

    Args:
        notebook: Path of a notebook.
        marker: What the setup cell contains. Every cell before it is run too.
    """
    book = nbformat.read(notebook, as_version=4)
    last = next(
        number
        for number, cell in enumerate(book.cells)
        if cell.cell_type == "code" and marker in cell.source
    )
    book.cells = book.cells[: last + 1]
    return seconds(lambda: nbclient.NotebookClient(book, timeout=300).execute())


def command_seconds(command, **options):
    """Seconds of a command that must succeed, such as `["make", "book"]`."""
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True, **options))

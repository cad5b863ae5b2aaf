"""How long a reader waits: for a chapter's setup cell, and for the whole quick edition."""

import os
from pathlib import Path

import nbclient
import nbformat

from benchmarks.measure import pair
from benchmarks.training import THREADS

__all__ = ["quick_edition", "setup_cell"]

CHAPTERS = sorted(Path("chapters").glob("[0-9]*.ipynb"))

# The same chapter with every training run handed to Keras: what it would cost without
# trainlab.training.
_WITH_KERAS = """
from trainlab import training

training.why_keras = lambda *_: "a benchmark asked for it"
training._logger.disabled = True
"""


def _execute(cells):
    book = nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    # One thread, as in the pipeline, where chapters run side by side.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    nbclient.NotebookClient(book, timeout=3600, allow_errors=False).execute()


def _code_of(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def setup_cell(quick):
    """From the start of a kernel to the end of `runtime.setup`, against importing Keras alone."""
    code = _code_of(CHAPTERS[0])
    last = next(n for n, cell in enumerate(code) if "runtime.setup(" in cell.source)
    yield pair(
        "kernel start to the end of setup",
        lambda: _execute(code[: last + 1]),
        lambda: _execute([nbformat.v4.new_code_cell("import keras")]),
        against="kernel and `import keras`",
        pairs=3 if quick else 5,
    )


def quick_edition(quick):
    """Each chapter's quick edition, against the same chapter trained by `model.fit`."""
    for path in CHAPTERS:
        code = _code_of(path)
        slow = [code[0], nbformat.v4.new_code_cell(_WITH_KERAS), *code[1:]]
        yield pair(
            f"quick edition of {path.stem}",
            lambda code=code: _execute(code),
            lambda slow=slow: _execute(slow),
            against="model.fit",
            pairs=1 if quick else 2,
            warm=False,
        )

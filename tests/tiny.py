"""Chapters small enough to be executed in a test."""

import nbformat

__all__ = ["chapter", "claim_cell", "write"]

SETUP = "from trainlab import claims"
PARAMETERS = 'edition = "quick"'
RUN = "from trainlab import runtime\n\nrun = runtime.setup(edition)"


def claim_cell(chapter, high=2):
    return (
        f'claims.bound("{chapter[:2]}.stays-small", "It stays small.", [1.0, 1.5, 1.25], '
        f'high={high}, unit="units")'
    )


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

"""The repository's address, which stands once, in pyproject.toml.

`python -m trainlab.book.repository [ADDRESS]` writes an address there (a fork's, say) and carries
it, with the version, into the setup cell of every chapter. Without an argument it only carries on.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import nbformat

__all__ = ["address", "carry_on", "main", "set_address", "setup_cell", "site_address"]


def _project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def address(root: Path) -> str:
    """Return the repository's address, without a slash or ".git" at its end."""
    return _project(root)["urls"]["Repository"].rstrip("/").removesuffix(".git")


def site_address(root: Path) -> str:
    """Return where GitHub Pages publishes the repository, with a slash at its end."""
    _, owner, name = address(root).rsplit("/", 2)
    return f"https://{owner.lower()}.github.io/{name}/"


def set_address(root: Path, new: str) -> None:
    """Write a new address into pyproject.toml.

    Raises:
        ValueError: It is not of the form https://host/owner/name.
    """
    if not re.fullmatch(r"https://[^/\s\"]+/[^/\s\"]+/[^/\s\"]+", new):
        raise ValueError(
            f"{new!r} is not a repository's address; expected https://host/owner/name."
        )
    path = root / "pyproject.toml"
    text, count = re.subn(
        r'^Repository = ".*"$', f'Repository = "{new}"', path.read_text(), flags=re.MULTILINE
    )
    if count != 1:
        raise ValueError(f"{path} has {count} lines `Repository = …`, expected 1.")
    path.write_text(text)


def setup_cell(root: Path) -> str:
    """Return the source of the first code cell of every chapter."""
    version = _project(root)["version"]
    return (
        "import importlib.util\n"
        "\n"
        'if importlib.util.find_spec("trainlab") is None:\n'
        f'    %pip install --quiet --no-deps "trainlab @ git+{address(root)}@v{version}"\n'
        'if importlib.util.find_spec("trainlab") is None:\n'
        "    raise ImportError(\n"
        '        "The course\'s package, trainlab, could not be installed; pip says why above. "\n'
        '        "Once this machine reaches the address in this cell, run the cell again. Or "\n'
        '        "clone the course and run `pip install .` in its folder."\n'
        "    )\n"
        "\n"
        "from trainlab import runtime"
    )


def carry_on(root: Path) -> list[Path]:
    """Rewrite the setup cell of every chapter that has another one; return those chapters."""
    changed = []
    for path in sorted((root / "chapters").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        first = next(cell for cell in notebook.cells if cell.cell_type == "code")
        if first.source != setup_cell(root):
            first.source = setup_cell(root)
            nbformat.write(notebook, path)
            changed.append(path)
    return changed


def main(arguments: Sequence[str] | None = None) -> None:
    """Set the address, if one is given, and carry it into the chapters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", help="https://host/owner/name")
    new = parser.parse_args(arguments).address
    root = Path.cwd()
    if new:
        set_address(root, new)
    for path in carry_on(root):
        print(f"✓ {path.relative_to(root)}: setup cell rewritten")


if __name__ == "__main__":
    main()

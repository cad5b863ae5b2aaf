"""The repository's address, and the state of it that the chapters install.

Both stand once, in pyproject.toml. `python -m trainlab.book.repository [ADDRESS]` writes an address
there (a fork's, say) and carries it into the setup cell of every chapter. The chapters of the
original install the tag of its version. A fork may hold that tag too, but without the edits that
it was made for, so its chapters install the branch that is checked out. Without an argument the
command only carries on.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import nbformat

from trainlab.book import failures

__all__ = [
    "address",
    "carry_on",
    "checked_out",
    "main",
    "set_address",
    "set_state",
    "setup_cell",
    "site_address",
    "state",
]


def _settings(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _project(root: Path) -> dict:
    return _settings(root)["project"]


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
        r'^Repository = ".*"$',
        f'Repository = "{new}"',
        path.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    if count != 1:
        raise ValueError(f"{path} has {count} lines `Repository = …`, expected 1.")
    path.write_text(text, encoding="utf-8")


def state(root: Path) -> str:
    """Return what the chapters install: the version's tag, or what a fork says instead."""
    tool = _settings(root).get("tool", {}).get("trainlab", {})
    return tool.get("state", f"v{_project(root)['version']}")


def set_state(root: Path, new: str) -> None:
    """Write into pyproject.toml which tag, branch or commit the chapters install.

    The tag of the version is what goes without saying, so nothing is kept for it.

    Raises:
        ValueError: It cannot be the name of a tag, a branch or a commit.
    """
    if not re.fullmatch(r"\w[\w./+-]*", new):
        raise ValueError(f"{new!r} is not the name of a tag, a branch or a commit.")
    path = root / "pyproject.toml"
    text = re.sub(r'\n\n\[tool\.trainlab\]\nstate = ".*"\n', "\n", path.read_text(encoding="utf-8"))
    if new != f"v{_project(root)['version']}":
        text += f'\n[tool.trainlab]\nstate = "{new}"\n'
    path.write_text(text, encoding="utf-8")


def checked_out(root: Path) -> str:
    """Return the branch that is checked out, or the commit if none is.

    Raises:
        ValueError: The folder is no clone, as one from a zip.
    """
    for command in (["branch", "--show-current"], ["rev-parse", "HEAD"]):
        said = subprocess.run(["git", "-C", root, *command], capture_output=True, text=True)
        if said.returncode:
            break
        if said.stdout.strip():
            return said.stdout.strip()
    raise ValueError(
        f"git cannot tell which branch of the fork this is ({said.stderr.strip()}): run this in a "
        "clone of it, or name the branch with --state."
    )


def setup_cell(root: Path) -> str:
    """Return the source of the first code cell of every chapter.

    It brings the course, and what of the course's dependencies is missing; packages that are there
    stay as they are. On a Hub whose packages belong to root, pip makes a folder for the account's
    own, which a Python that runs already does not look into.
    """
    names = [re.split(r"\W", need)[0] for need in _project(root)["dependencies"]]
    listed = ", ".join(f'"{name}"' for name in names)
    return (
        "import importlib.util\n"
        "\n"
        f"packages = [{listed}]\n"
        "absent = [name for name in packages if importlib.util.find_spec(name) is None]\n"
        "if absent:\n"
        '    %pip install --quiet {" ".join(absent)}\n'
        'if importlib.util.find_spec("trainlab") is None:\n'
        "    %pip install --quiet --no-deps "
        f'"trainlab @ git+{address(root)}@{state(root)}"\n'
        "try:\n"
        "    from trainlab import runtime\n"
        "except ModuleNotFoundError as error:\n"
        '    raise ImportError("Restart the kernel, then run this cell again.") '
        "from error"
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
    parser.add_argument(
        "--state",
        help="tag, branch or commit that the chapters install; with another address than before, "
        "what is checked out unless given",
    )
    options = parser.parse_args(arguments)
    root = Path.cwd()
    with failures.explained(ValueError):
        new, before = options.state, address(root)
        if options.address and options.address.rstrip("/").removesuffix(".git") != before:
            new = new or checked_out(root)
            set_address(root, options.address)
        if new:
            set_state(root, new)
        changed = carry_on(root)
    for path in changed:
        print(f"✓ {path.relative_to(root)}: setup cell rewritten")
    print(f"✓ The chapters install {address(root)} at {state(root)}.")


if __name__ == "__main__":
    main()

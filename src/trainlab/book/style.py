"""The rules that every chapter keeps: `python -m trainlab.book.style` names each fault.

They make chapters read alike, run everywhere unedited and, above all, keep numbers that were
measured out of the prose: those belong on claim cards, where the build checks them.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from trainlab.book import repository
from trainlab.cards.sorts import is_timed

__all__ = [
    "BUDGET",
    "TAGS",
    "draws",
    "faults",
    "figures_without_alt",
    "main",
    "shows_a_figure",
    "typed_numbers",
]

_Cells = list[nbformat.NotebookNode]
_Fault = Callable[..., None]

TAGS = {
    "exercise", "hide-cell", "hide-input", "nbval-check-output", "nbval-ignore-output",
    "parameters", "quiz", "remove-input", "solution", "widget",
}  # fmt: skip
# Cells with these tags come on top of the lesson and do not count against its budget.
EXTRA_TAGS = {"exercise", "quiz", "solution", "widget"}
BUDGET = {"fewest cells": 20, "most cells": 55, "median lines": 12, "longest": 30, "functions": 6}

_SETTINGS = (
    "layers? units? images? pixels? classes? seeds? epochs? steps? inputs? outputs? entries draws? "
    "nets? networks? batches minutes? hours? chapters? dimensions? rows? columns? matrices "
    "decades? labels? weights? parameters? neurons? copies samples? runs? models? filters? devices?"
).replace(" ", "|")
_ALLOWED = re.compile(
    rf"""
      (?<![\d.])(?:19|20)\d\d(?![\d.])              # a year
    | \b[Cc]hapters?\s\d\d(?:(?:,\s|\sand\s|\sto\s)\d\d)*   # chapters of this book
    | ^(?:\#+\s)?\s*\d+\.\s                         # a numbered list or heading
    | \b\d+\s?×\s?\d+\b                             # the size of an image
    | \bL[12]\b                                    # a penalty or a norm by its name
    | \b1cycle\b                                   # the name of a schedule
    | \b\d+/\d+\b                                   # a fraction that follows from an equation
    | \b\d[\d,]*(?:\s(?:to|and|or)\s\d[\d,]*)?[\s-](?:[A-Za-z]+[\s-]){{0,2}}(?:{_SETTINGS})\b
    | \b(?:mean|spread|variance|scale|rate|slope|probability|size|value|at|to|by|of|is|and)
      \s[−-]?[01](?![\d.]*\d|\s?%)                  # what is set to nothing or to one
    """,
    re.VERBOSE | re.MULTILINE,
)

_WORDS = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|hundred|thousand|million)"
)
_WORDED = re.compile(rf"\b{_WORDS}\s(?:times|percent|per\scent|points|fold)\b|\b{_WORDS}-?fold\b")


def typed_numbers(prose: str) -> list[str]:
    """Return what in a Markdown text looks like a measured number typed by hand.

    Code, equations and the numbers of references are left out; years, settings ("20 layers") and
    fractions that follow from an equation are allowed. In equations, percentages and
    approximations ("\\approx 0.87") are found too.
    """
    found = re.findall(r"\d[\d.,]*\s*\\%|\\approx\s*\d+\.\d+", "".join(_equations(prose)))
    text = re.sub(r"```.*?```|`[^`]*`", " ", prose, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", " x ", text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"\[(?:arXiv|doi|PMLR|JMLR)[^\]]*\]", " ", text)
    text = re.sub(r"\bfan_\w+|N\(0, [\d.]+\)", " ", text)
    text = _ALLOWED.sub(" ", text)
    found += [match.group().strip() for match in re.finditer(r"\S*\d\S*(?:\s?(?:%|[a-z]+))?", text)]
    found += _WORDED.findall(text)
    return found


def _equations(prose: str) -> list[str]:
    return re.findall(r"\$\$.*?\$\$|\$[^$]*\$", prose, flags=re.DOTALL)


def _tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _alt(cell: nbformat.NotebookNode) -> str:
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def _syntax(cell: nbformat.NotebookNode) -> ast.Module:
    # IPython's magics are not Python; only the setup cell has some.
    return ast.parse(TransformerManager().transform_cell(cell.source))


def _calls(tree: ast.AST, module: str) -> list[str]:
    return [
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == module
    ]


def _units(tree: ast.AST) -> list[str]:
    return [
        str(ast.literal_eval(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "unit"
        and isinstance(node.value, ast.Constant)
    ]


def faults(path: Path, root: Path) -> list[str]:
    """Return what is wrong with a chapter, each fault with file and cell.

    Args:
        path: The clean notebook.
        root: The repository.
    """
    notebook = nbformat.read(path, as_version=4)
    found: list[str] = []

    def fault(text: str, cell: nbformat.NotebookNode | None = None) -> None:
        where = path.name if cell is None else f"{path.name}, cell {notebook.cells.index(cell) + 1}"
        found.append(f"{where}: {text}")

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    if "papermill" in notebook.metadata:
        fault("holds papermill's metadata; strip it with `nbstripout`.")
    for cell in code:
        if cell.outputs or cell.execution_count is not None:
            fault("holds an output; strip it with `nbstripout`.", cell)
        for tag in sorted(_tags(cell) - TAGS):
            fault(f"has the unknown tag {tag!r}; known are {', '.join(sorted(TAGS))}.", cell)
    if not prose or not prose[0].source.startswith("# ") or notebook.cells[0] is not prose[0]:
        fault("must begin with a cell `# Title`.")
    if not any(re.search(r"^## Summary$", cell.source, re.MULTILINE) for cell in prose):
        fault("has no section `## Summary`.")
    if code[0].source != repository.setup_cell(root):
        fault(
            "has another setup cell; `.venv/bin/python -m trainlab.book.repository` writes the "
            "right one.",
            code[0],
        )
    _check_parameters(code, fault)
    _check_budget(code, fault)
    _check_code(code, path.stem, fault)
    for cell in prose:
        for number in typed_numbers(cell.source):
            fault(
                f"a number is typed into prose: “{number}”. Measure it and show it on a claim "
                "card, or, if it is a setting, name what it counts (“20 layers”) or write it as "
                "code or as an equation.",
                cell,
            )
        if re.search(r"^(```|:::)\{|\{[a-z:]+\}`", cell.source, re.MULTILINE):
            fault("uses MyST syntax, which Jupyter and Colab do not render.", cell)
    return found


def _check_parameters(code: _Cells, fault: _Fault) -> None:
    tagged = [cell for cell in code if "parameters" in _tags(cell)]
    if len(tagged) != 1:
        fault(f"has {len(tagged)} cells tagged `parameters`, expected 1.")
        return
    values = {}
    statement: Any
    for statement in _syntax(tagged[0]).body:
        try:
            values[statement.targets[0].id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            fault(f"`{ast.unparse(statement)}` is not a plain literal.", tagged[0])
    if values.get("edition") != "quick":
        fault('must set `edition = "quick"`.', tagged[0])


def _check_budget(code: _Cells, fault: _Fault) -> None:
    lesson = [cell for cell in code if not _tags(cell) & EXTRA_TAGS]
    lines = [len(cell.source.splitlines()) for cell in lesson]
    functions = sum(
        isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for cell in lesson
        for statement in _syntax(cell).body
    )
    if not BUDGET["fewest cells"] <= len(lesson) <= BUDGET["most cells"]:
        fault(
            f"the lesson has {len(lesson)} code cells, expected {BUDGET['fewest cells']} to "
            f"{BUDGET['most cells']}."
        )
    if statistics.median(lines) > BUDGET["median lines"]:
        fault(f"its median code cell has {statistics.median(lines):g} lines; keep cells short.")
    if functions > BUDGET["functions"]:
        fault(
            f"the lesson defines {functions} functions or classes, at most {BUDGET['functions']}; "
            "what two chapters need or no reader has to see goes to src/."
        )
    for cell, length in zip(lesson, lines, strict=True):
        if length > BUDGET["longest"]:
            fault(f"has {length} lines, at most {BUDGET['longest']}; split it.", cell)


def _check_code(code: _Cells, chapter: str, fault: _Fault) -> None:
    seen: set[str] = set()
    for cell in code:
        tree = _syntax(cell)
        claims = [name for name in _calls(tree, "claims") if name != "ClaimFailed"]
        if claims:
            last = tree.body[-1]
            if len(claims) > 1 or not isinstance(last, ast.Expr) or not _calls(last, "claims"):
                fault("a claim is the one last expression of its cell, so that it shows.", cell)
            # A time never comes out the same twice; its claim is checked, its digits are not.
            timed = any(map(is_timed, _units(tree)))
            tag = "nbval-ignore-output" if timed else "nbval-check-output"
            if _tags(cell) & {"nbval-check-output", "nbval-ignore-output"} != {tag}:
                fault(f"holds a claim but not the tag `{tag}`.", cell)
            for id in re.findall(r"claims\.\w+\(\s*[\"']([^\"']+)", cell.source):
                if not id.startswith(chapter[:2] + ".") or id in seen:
                    fault(f"claim id {id!r} is not of this chapter, or occurs twice.", cell)
                seen.add(id)
        if draws(cell) and not _alt(cell):
            fault(
                "draws a figure without alt text; say what it shows in the cell's metadata, "
                '`"mystnb": {"image": {"alt": "…"}}`.',
                cell,
            )


def figures_without_alt(executed: Path) -> list[str]:
    """Return the cells of an executed chapter that show a picture but have no alt text."""
    notebook = nbformat.read(executed, as_version=4)
    return [
        f"{executed.name}, cell {number}: shows a figure without alt text."
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and not _alt(cell) and shows_a_figure(cell)
    ]


def draws(cell: nbformat.NotebookNode) -> bool:
    """Return whether a code cell calls what draws a figure."""
    tree = _syntax(cell)
    return bool(set(_calls(tree, "plotting")) - {"log_ticks"}) or "subplots" in _calls(tree, "plt")


def shows_a_figure(cell: nbformat.NotebookNode) -> bool:
    """Return whether an executed code cell has a picture among its outputs."""
    return any(
        mime_type.startswith("image/")
        for output in cell.outputs
        for mime_type in output.get("data", {})
    )


def main() -> None:
    """Print the faults of all chapters and exit with 1 if there are any."""
    root = Path.cwd()
    found = [
        text for path in sorted((root / "chapters").glob("*.ipynb")) for text in faults(path, root)
    ]
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()

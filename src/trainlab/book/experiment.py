"""What a claim depends on: the cells that it builds upon, and a fingerprint of them.

A fingerprint leaves out layout, comments, the verdicts that the text expects, in which module of
the package a function lies, and how the package came here. It changes with everything else: the
statement, the criterion and every step of the experiment.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import symtable
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from trainlab.record.verdicts import VERDICTS

__all__ = ["cells_for", "fingerprint", "lesson", "names_of", "sources"]

# Methods that change what they are called on, beside what they return.
_CHANGING = {
    "adapt", "add", "append", "apply", "assign", "build", "clear", "compile", "extend", "fill",
    "fit", "insert", "load_weights", "pop", "quantize", "remove", "set_weights", "setdefault",
    "sort", "train_on_batch", "update",
}  # fmt: skip
# Functions of a module that change the state of the whole process, as `keras.config.set_floatx`.
_GLOBAL = re.compile(r"(set|enable|disable|use)_|seed\b")
_DRAWING = {"plt", "plotting", "print", "display"}
_SKIPPED_TAGS = {"exercise", "solution", "quiz", "widget"}


def lesson(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return a chapter's code cells, without exercises and quiz."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and not _SKIPPED_TAGS & set(cell.metadata.get("tags", []))
    ]


def sources(notebook: nbformat.NotebookNode | Path) -> list[str]:
    """Return the sources of a chapter's lesson as plain Python."""
    read = nbformat.read(notebook, as_version=4) if isinstance(notebook, Path) else notebook
    return [TransformerManager().transform_cell(cell.source) for cell in lesson(read)]


class _OwnScopes(ast.NodeTransformer):
    """Turn comprehensions into generators, whose variables no version of Python calls the cell's.

    Since Python 3.12 symbol tables count those of other comprehensions among the names around them.
    """

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def _scopes(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [table, *(scope for child in table.get_children() for scope in _scopes(child))]


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements in the order of their first execution, loops as a head and their body."""
    for statement in body:
        inner: list[ast.stmt] = []
        if isinstance(statement, (ast.For, ast.If, ast.While, ast.With)):
            inner = [*statement.body, *getattr(statement, "orelse", [])]
            statement.body = [ast.Pass()]
            if not isinstance(statement, ast.With):
                statement.orelse = []
        yield statement
        yield from _statements(inner)


@functools.cache
def names_of(source: str) -> tuple[set[str], set[str], set[str]]:
    """Return the names that a cell needs from earlier ones, those it sets and those it changes.

    It changes `model` where it assigns `model.x` or `model[0]`, calls a method as a statement, or
    one that is known to change (`history = model.fit(…)`), or passes it to a function whose result
    it does not keep (`shrink(model)`).
    """
    needed: set[str] = set()
    bound: set[str] = set()
    changed: set[str] = set()
    for statement in _statements(_OwnScopes().visit(ast.parse(source)).body):
        module, *inner = _scopes(symtable.symtable(ast.unparse(statement), "cell", "exec"))
        read = {name.get_name() for name in module.get_symbols() if name.is_referenced()}
        read |= {
            name.get_name() for scope in inner for name in scope.get_symbols() if name.is_global()
        }
        read |= {  # which symbol tables call assigned only
            node.target.id
            for node in ast.walk(statement)
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
        }
        needed |= read - bound
        for node in ast.walk(statement):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                if not _root(node.value.func) & {*_DRAWING, "claims"}:
                    changed |= {arg.id for arg in node.value.args if isinstance(arg, ast.Name)}
                node = node.value.func
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _CHANGING:
                node = node.func
            elif not isinstance(getattr(node, "ctx", None), ast.Store):
                continue
            while isinstance(node, (ast.Attribute, ast.Subscript)):
                node = node.value
                if isinstance(node, ast.Name):
                    changed.add(node.id)
        bound |= {
            name.get_name()
            for name in module.get_symbols()
            if name.is_assigned() or name.is_imported()
        }
    return needed, bound, changed


def _root(node: ast.AST) -> set[str]:
    """Return the name that a chain such as `keras.config.set_floatx` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _changes_everything(source: str, modules: set[str]) -> bool:
    """Return whether a cell sets something that all later cells find set."""
    return any(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and bool(_root(node.value.func) & (modules - _DRAWING))
        and _GLOBAL.match(node.value.func.attr) is not None
        for node in ast.parse(source).body
    )


def _is_claim(node: ast.AST) -> TypeGuard[ast.Call]:
    """Return whether a node is a call such as `claims.bound(…)`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "claims"
    )


def _is_verdict(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in VERDICTS


def _makes(source: str, claim: str) -> bool:
    """Return whether a cell makes a claim; one made in a loop has an f-string as its id."""
    for node in ast.walk(ast.parse(source)):
        if _is_claim(node) and node.args:
            parts = getattr(node.args[0], "values", [node.args[0]])
            pattern = "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                for part in parts
            )
            if re.fullmatch(pattern, claim):
                return True
    return False


def cells_for(claim: str, sources: list[str], *, settings: bool = False) -> list[int]:
    """Return the numbers of the cells that make a claim, in order: its own and what it needs.

    Args:
        claim: Its id.
        sources: The sources of the chapter's lesson.
        settings: Whether cells that set something for the whole process count as needed.
    """
    found = [number for number, source in enumerate(sources) if _makes(source, claim)]
    if len(found) != 1:
        raise ValueError(f"{claim} stands in {len(found)} cells of its chapter; expected is one.")
    modules = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(ast.parse("\n".join(sources)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    chosen, wanted = found, names_of(sources[found[0]])[0]
    for number in range(found[0] - 1, -1, -1):
        needed, bound, changed = names_of(sources[number])
        if (bound | changed - modules) & wanted or (
            settings and _changes_everything(sources[number], modules)
        ):
            chosen = [number, *chosen]
            wanted = wanted - bound | needed
    return chosen


def fingerprint(claim: str, sources: list[str]) -> str:
    """Return 16 hexadecimal digits that change when what a claim depends on does.

    Args:
        claim: Its id.
        sources: The sources of the chapter's lesson, as `sources` returns them.
    """
    needed = [sources[number] for number in cells_for(claim, sources, settings=True)]
    trees = [ast.parse(source) for source in needed]
    modules = {
        alias.asname or alias.name
        for tree in trees
        for node in ast.walk(tree)
        if _is_of_package(node)
        for alias in node.names
    } - {"claims"}
    normal = [
        _normal(_WithoutModules(modules).visit(tree))
        for tree, source in zip(trees, needed, strict=True)
        if not _installs(source)
    ]
    return hashlib.sha256(repr(normal).encode()).hexdigest()[:16]


def _installs(source: str) -> bool:
    """Return whether a cell brings packages, as the setup cell does (`%pip`, read as Python)."""
    return any(
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "run_line_magic"
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == "pip"
        for node in ast.walk(ast.parse(source))
    )


def _is_of_package(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    """Return whether a node is an import such as `from trainlab import training`."""
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "trainlab"


class _WithoutModules(ast.NodeTransformer):
    """Turn `training.sweep` into `sweep`, and leave out the imports from the package."""

    def __init__(self, modules: set[str]):
        self._modules = modules

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if _is_of_package(node) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in self._modules:
            return ast.Name(node.attr, node.ctx)
        return node


def _normal(node: Any) -> Any:
    """Return a syntax tree as nested tuples that every version of Python agrees in."""
    if isinstance(node, list):
        return tuple(_normal(item) for item in node)
    if not isinstance(node, ast.AST):
        return node
    if _is_verdict(node):
        return "a verdict"
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "keywords" and _is_claim(node):
            value = [keyword for keyword in value if keyword.arg != "expected"]
        if isinstance(node, ast.Dict):  # of names and expected verdicts, for claims made in a loop
            value = [
                each for each, of in zip(value, node.values, strict=True) if not _is_verdict(of)
            ]
        # Newer versions have more fields, empty where older ones have none.
        if value not in (None, []) and name not in ("ctx", "type_ignores", "kind"):
            fields.append((name, _normal(value)))
    return type(node).__name__, tuple(fields)

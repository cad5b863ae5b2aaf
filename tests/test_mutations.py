"""Break the formulas that chapters write from scratch, and see a claim fail each time.

The breakages are listed by chapter in tests/mutations. Each is made in a copy of the notebook, of
which only the claim's cell and the cells that it builds upon are run.
"""

import ast
import symtable
from functools import cache
from pathlib import Path

import nbformat
import pytest
import yaml
from IPython.core.inputtransformer2 import TransformerManager

from trainlab import claims

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))


def mutations_of(chapter):
    path = ROOT / "tests/mutations" / f"chapter_{chapter.name[:2]}.yml"
    return yaml.safe_load(path.read_text()) if path.exists() else []


MUTATIONS = [
    pytest.param(chapter, mutation, id=f"{mutation['claim']}: {mutation['breaks']}")
    for chapter in CHAPTERS
    for mutation in mutations_of(chapter)
]


def lesson(path):
    """Return the sources of the chapter's code cells, without exercises and quiz.

    The setup cell is among them: where trainlab is installed it only imports.
    """
    skipped = {"exercise", "solution", "quiz", "widget"}
    return [
        TransformerManager().transform_cell(cell.source)
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and not skipped & set(cell.metadata.get("tags", []))
    ]


def scopes(table):
    return [table, *(scope for child in table.get_children() for scope in scopes(child))]


def statements(body):
    """Yield statements in the order of their first execution, loops as a head and their body."""
    for statement in body:
        inner = []
        if isinstance(statement, (ast.For, ast.If, ast.While, ast.With)):
            inner = [*statement.body, *getattr(statement, "orelse", [])]
            statement.body, statement.orelse = [ast.Pass()], []
        yield statement
        yield from statements(inner)


def names_of(source):
    """Return the names that a cell needs from earlier ones, those it sets and those it changes.

    It changes `model` where it assigns `model.x` or `model[0]`, or calls a method as a statement,
    as in `model.compile(…)`.
    """
    needed, bound, changed = set(), set(), set()
    for statement in statements(ast.parse(source).body):
        module, *inner = scopes(symtable.symtable(ast.unparse(statement), "cell", "exec"))
        read = {name.get_name() for name in module.get_symbols() if name.is_referenced()}
        read |= {
            name.get_name() for scope in inner for name in scope.get_symbols() if name.is_global()
        }
        needed |= read - bound
        for node in ast.walk(statement):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                node = node.value.func
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


def cells_for(claim, sources):
    """Return the numbers of the cells that make a claim, in order: its own and what it needs."""
    (last,) = [n for n, source in enumerate(sources) if f'"{claim}"' in source]
    modules = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(ast.parse("\n".join(sources)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    chosen, wanted = [last], names_of(sources[last])[0]
    for number in range(last - 1, -1, -1):
        needed, bound, changed = names_of(sources[number])
        if (bound | changed - modules) & wanted:
            chosen.insert(0, number)
            wanted = wanted - bound | needed
    return chosen


def run(sources):
    namespace = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "cell", "exec"), namespace)


@cache
def passes_unbroken(chapter, claim):
    sources = lesson(chapter)
    run([sources[n] for n in cells_for(claim, sources)])
    return True


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_five_formulas_or_more_are_broken(chapter):
    mutations = mutations_of(chapter)
    assert len({(each["from"], each["to"]) for each in mutations}) >= 5


@pytest.mark.parametrize(("chapter", "mutation"), MUTATIONS)
def test_a_broken_formula_fails_its_claim(chapter, mutation):
    sources = lesson(chapter)
    (place,) = [n for n, source in enumerate(sources) if mutation["from"] in source]
    assert sources[place].count(mutation["from"]) == 1
    chosen = cells_for(mutation["claim"], sources)
    assert place in chosen, "the claim does not depend on the cell that is broken"
    assert passes_unbroken(chapter, mutation["claim"])

    sources[place] = sources[place].replace(mutation["from"], mutation["to"])
    with pytest.raises(claims.ClaimFailed, match=mutation["claim"]):
        run([sources[n] for n in chosen])


def test_only_what_a_claim_needs_is_run():
    sources = [
        "import keras",
        "b = slow()",
        "a = 1\nb = []",
        "c, d = 2, 3\nfor e in [4]:\n    f = e",
        "b.append(c)",
        "keras.show(a)",
        "d = [c for c in range(9)]\ne = slow()",
        'claim("01.sum", lambda d: a + d, b)\nfor e in b:\n    e',
        "b = 4",
    ]
    assert cells_for("01.sum", sources) == [2, 3, 4, 7]

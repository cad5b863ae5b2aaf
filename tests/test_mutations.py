"""Break the formulas that chapters write from scratch, and see a claim fail each time.

The breakages are listed by chapter in tests/mutations. Each is made in a copy of the notebook, of
which only the claim's cell and the cells that it builds upon are run. An identity fails by itself,
a claim over seeds because it no longer repeats the record of the quick edition.
"""

from functools import cache
from pathlib import Path

import pytest
import yaml

from trainlab import claims
from trainlab.book import experiment

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


@pytest.fixture(autouse=True)
def pipeline(monkeypatch):
    """A claim that does not come out as it should raises, as in a build."""
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")


def run(sources):
    namespace = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "cell", "exec"), namespace)


@cache
def passes_unbroken(chapter, claim):
    sources = experiment.sources(chapter)
    run([sources[n] for n in experiment.cells_for(claim, sources)])
    return True


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_five_formulas_or_more_are_broken(chapter):
    mutations = mutations_of(chapter)
    assert len({(each["from"], each["to"]) for each in mutations}) >= 5


@pytest.mark.parametrize(("chapter", "mutation"), MUTATIONS)
def test_a_broken_formula_fails_its_claim(chapter, mutation):
    sources = experiment.sources(chapter)
    (place,) = [n for n, source in enumerate(sources) if mutation["from"] in source]
    assert sources[place].count(mutation["from"]) == 1
    chosen = experiment.cells_for(mutation["claim"], sources)
    assert place in chosen, "the claim does not depend on the cell that is broken"
    assert passes_unbroken(chapter, mutation["claim"])

    sources[place] = sources[place].replace(mutation["from"], mutation["to"])
    with pytest.raises(claims.ClaimFailed, match=mutation["claim"]):
        run([sources[n] for n in chosen])

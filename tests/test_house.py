"""The folders of the package: no circle, and the drawing in CONTRIBUTING.md is the code's."""

import graphlib
from pathlib import Path

import pytest

from trainlab.book import house

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def imports():
    return house.arrows()


def test_drawing_in_contributing_is_made_from_the_code(imports):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    assert page == house.with_drawing(page, house.drawing(imports)), (
        "The folders' imports changed. Run `.venv/bin/python -m trainlab.book.house`."
    )


def test_rooms_import_no_circle_and_nothing_imports_the_tooling(imports):
    above = [room for room, targets in imports.items() if {"book", "book.site"} & targets]
    assert above == ["book"]
    lower = set()
    for floor in house.floors(imports):
        assert all(imports[room] <= lower for room in floor)
        lower |= set(floor)
    assert lower == set(imports)


def test_rooms_are_modules_and_folders_of_the_first_level():
    modules = {"a", "a.one", "a.two.three", "a.book.ledger", "a.book.site", "a.book.site.pages"}
    assert house.rooms(modules) == {"one", "two", "book", "book.site"}


def test_circle_of_imports_is_named():
    with pytest.raises(graphlib.CycleError, match="cards"):
        house.floors({"cards": {"claims"}, "claims": {"record"}, "record": {"cards"}})


def test_drawing_has_each_arrow_once_and_the_lonely_apart():
    drawn = house.drawing({"claims": {"record"}, "record": set(), "widgets": set()})
    assert drawn.count("-->") == 1 and "    claims --> record\n" in drawn
    assert drawn.index('claims["claims"]') < drawn.index('record["record"]')
    assert "        widgets\n    end" in drawn and 'widgets["widgets"]' not in drawn


@pytest.mark.parametrize("page", ["no marks", house.BEGIN, f"{house.END} {house.BEGIN}"])
def test_page_without_marks_is_refused(page):
    with pytest.raises(ValueError, match="each once"):
        house.with_drawing(page, "…")

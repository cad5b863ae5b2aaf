"""`make book` from end to end, on a copy of the repository with two tiny chapters."""

import json
import os
import subprocess

import pytest
import tiny
from conftest import ROOT

CHAPTERS = ("04_one", "05_two")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = tiny.Book(
        tmp_path_factory.mktemp("book"), {name: [tiny.claim_cell(name)] for name in CHAPTERS}
    )
    finished = book.make()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return book


def test_book_has_site_claims_and_report(book):
    assert (book.build / "site" / "index.html").exists()
    page = (book.build / "site" / "chapters" / "04_one.html").read_text()
    assert 'id="claim-04-stays-small"' in page and 'class="katex' in page
    claims = json.loads((book.build / "claims.json").read_text())
    assert [claim["id"] for claim in claims["claims"]] == ["04.stays-small", "05.stays-small"]
    report = json.loads((book.build / "report.json").read_text())
    assert [chapter["chapter"] for chapter in report["chapters"]] == list(CHAPTERS)
    assert all(chapter["peak_rss_mb"] > 100 for chapter in report["chapters"])


def test_nothing_changed_nothing_executed(book):
    before = book.executed(), book.site()
    assert book.make().returncode == 0
    assert (book.executed(), book.site()) == before


def test_only_a_touched_chapter_is_executed(book):
    with book.touched("chapters/05_two.ipynb"):
        assert book.would_execute() == ["05_two"]
    assert book.would_execute() == []


@pytest.mark.parametrize(
    "name", ["src/trainlab/diagnostics.py", "src/trainlab/trainlab.mplstyle", "requirements.txt"]
)
def test_package_and_lock_concern_every_chapter(book, name):
    with book.touched(name):
        assert book.would_execute() == list(CHAPTERS)


def test_exercises_concern_their_own_chapter(book):
    with book.touched("src/trainlab/exercises/chapter_04.py"):
        assert book.would_execute() == ["04_one"]


def test_tooling_does_not_execute_chapters(book):
    with book.touched("src/trainlab/book/ledger.py"):
        assert book.would_execute() == []


def test_false_claim_stops_the_build_and_leaves_the_site(book):
    site, one = book.site(), book.executed()["04_one"]
    book.write("05_two", tiny.equation_cell("05_two", two=3))
    finished = book.make()
    said = finished.stdout + finished.stderr
    assert finished.returncode != 0
    for part in ("05.adds-up", "0.333", "≤ 1e−05", "expected:  supported, but it came out refuted"):
        assert part in said
    assert book.site() == site
    assert (book.build / "broken" / "05_two.ipynb").exists()
    assert (book.build / "executed" / "04_one.ipynb").stat().st_mtime_ns == one


def test_mended_chapter_is_all_that_runs(book):
    one, site = (book.build / "executed" / "04_one.ipynb").stat().st_mtime_ns, book.site()
    book.write("05_two", tiny.claim_cell("05_two", high=3))
    assert book.would_execute() == ["05_two"]
    assert book.make().returncode == 0
    assert book.executed()["04_one"] == one and book.site() != site
    assert not (book.build / "broken" / "05_two.ipynb").exists()


def test_a_warning_of_the_builder_leaves_the_site(book):
    site = book.site()
    index = book.folder / "index.md"
    kept = index.read_text()
    index.write_text(kept + "\n[nowhere](nowhere.md)\n")
    finished = book.make()
    assert finished.returncode != 0 and "nowhere" in finished.stdout + finished.stderr
    assert book.site() == site
    index.write_text(kept)


def test_one_chapter_alone(book):
    before = book.executed()
    with book.touched("src/trainlab/diagnostics.py"):
        assert book.make("ONLY=05_two").returncode == 0
    after = book.executed()
    assert after["04_one"] == before["04_one"] and after["05_two"] > before["05_two"]


def test_unknown_edition_names_the_known_ones(book):
    finished = book.make("EDITION=tiny")
    assert finished.returncode != 0
    assert "Unknown edition 'tiny'. The known editions are 'quick', 'full'" in (
        finished.stdout + finished.stderr
    )


def test_missing_data_folder_is_named_before_anything_runs(book):
    finished = subprocess.run(
        ["make", "book", "EDITION=full"], cwd=book.folder, capture_output=True, text=True,
        env={**os.environ, "TRAINLAB_DATA": "/nowhere"},
    )  # fmt: skip
    assert finished.returncode != 0
    assert "TRAINLAB_DATA is '/nowhere'" in finished.stdout + finished.stderr


def test_make_lists_at_most_ten_targets():
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = [line.split()[1] for line in shown.stdout.splitlines() if line.startswith("make ")]
    assert {"book", "test", "bench", "record", "serve"} <= set(targets) and len(targets) <= 10

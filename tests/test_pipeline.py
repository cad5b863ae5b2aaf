"""`make book` from end to end, on a copy of the repository with two tiny chapters."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest
import tiny

CHAPTERS = ("04_one", "05_two")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = tiny.Book(
        tmp_path_factory.mktemp("book"),
        {name: [tiny.claim_cell(name)] for name in CHAPTERS},
        run=tiny.RECORD,
        pages=["misconceptions", "ledger", "run_report"],
    )
    (book.folder / "README.md").write_text("Read me.\n")
    book.git("init", "--quiet")
    (book.folder / ".git/info/exclude").write_text("_build\n.snakemake\n.venv\n")
    with book.changed("src/trainlab/diagnostics.py"):
        book.git("add", "--all")
        book.git("commit", "--quiet", "--message", "A module that is about to change")
    book.git("commit", "--quiet", "--all", "--message", "The module changed")
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
    assert all(chapter["peak_rss_mb"] > 20 for chapter in report["chapters"])


def test_nothing_changed_nothing_executed(book):
    before = book.executed(), book.site()
    assert book.make().returncode == 0
    assert (book.executed(), book.site()) == before


@pytest.mark.parametrize("time", [tiny.LONG_AGO, None], ids=["older", "newer"])
def test_time_alone_makes_nothing_run(book, time):
    before = [(path, path.stat()) for path in book.sources()]
    assert len(before) > 100
    try:
        for path, _ in before:
            os.utime(path, None if time is None else (time, time))
        assert book.would_run() == []
    finally:
        for path, status in before:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_checkout_of_another_commit_and_back_executes_nothing(book):
    before, module = (book.executed(), book.site()), book.folder / "src/trainlab/diagnostics.py"
    written = module.stat().st_mtime_ns
    book.git("checkout", "--quiet", "HEAD~1")
    assert book.would_execute() == list(CHAPTERS)
    book.git("checkout", "--quiet", "-")
    assert module.stat().st_mtime_ns > written  # else there would be nothing to see
    assert book.make().returncode == 0
    assert (book.executed(), book.site()) == before


@pytest.mark.parametrize("older", [True, False], ids=["older", "newer"])
def test_only_a_changed_chapter_is_executed(book, older):
    with book.changed("chapters/05_two.ipynb", older=older):
        assert book.would_execute() == ["05_two"]
    assert book.would_run() == []


@pytest.mark.parametrize(
    "name",
    ["src/trainlab/diagnostics.py", "src/trainlab/trainlab.mplstyle", "requirements.txt",
     "src/trainlab/data/fashion_mnist_subset.npz", "src/trainlab/record/quick.json"],
)  # fmt: skip
def test_what_every_chapter_is_made_from_executes_all_even_if_older(book, name):
    with book.changed(name, older=True):
        assert book.would_execute() == list(CHAPTERS)


def test_new_folder_and_lost_module_concern_every_chapter(book):
    new = book.folder / "src/trainlab/unheard_of"
    new.mkdir()
    (new / "__init__.py").write_text("")
    os.utime(new / "__init__.py", (tiny.LONG_AGO, tiny.LONG_AGO))
    assert book.would_execute() == list(CHAPTERS)
    shutil.rmtree(new)
    assert book.would_run() == []
    lost = book.folder / "src/trainlab/diagnostics.py"
    lost.rename(book.folder / "kept")
    assert book.would_execute() == list(CHAPTERS)
    (book.folder / "kept").rename(lost)
    assert book.would_run() == []


def test_exercises_concern_their_own_chapter(book):
    with book.changed("src/trainlab/exercises/chapter_04.py"):
        assert book.would_execute() == ["04_one"]


@pytest.mark.parametrize(
    ("name", "rules"),
    [("src/trainlab/book/ledger.py", {"book", "ledger", "site"}),
     ("pages/evidence.md", {"book", "site"}), ("README.md", set())],
)  # fmt: skip
def test_tooling_and_pages_execute_no_chapter(book, name, rules):
    with book.changed(name, older=True):
        assert set(book.would_run()) == rules


def test_copy_knows_what_it_was_built_from(book):
    """Snakemake's own records stay behind when `_build` is copied or brought from elsewhere."""
    records = book.folder / ".snakemake"
    records.rename(book.folder / "kept")
    assert book.would_run() == []
    with book.changed("src/trainlab/diagnostics.py", older=True):
        assert book.would_execute() == list(CHAPTERS)
    shutil.rmtree(records)
    (book.folder / "kept").rename(records)


def test_lost_site_is_built_again_and_again(book):
    for _ in range(2):
        shutil.rmtree(book.build / "site")
        assert set(book.would_run()) == {"book", "site"}
        assert book.make().returncode == 0
        assert (book.build / "site" / "index.html").exists() and book.would_run() == []


def test_lost_file_is_made_again(book):
    for name, rules in (("executed/05_two.ipynb", ["execute_05_two"]), ("claims.json", [])):
        path = book.build / name
        path.rename(book.build / "lost")
        assert set(book.would_run()) == {*rules, "ledger", "site", "book"}
        (book.build / "lost").rename(path)
    assert book.would_run() == []


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


def test_one_chapter_alone_and_contents_that_come_back(book):
    before = book.executed()
    with book.changed("src/trainlab/diagnostics.py"):
        assert book.make("ONLY=05_two").returncode == 0
    after = book.executed()
    assert after["04_one"] == before["04_one"] and after["05_two"] > before["05_two"]
    # What the chapter was executed from before is no longer what it is executed from.
    assert book.would_execute() == ["05_two"]


def test_unknown_edition_names_the_known_ones(book):
    finished = book.make("EDITION=tiny")
    assert finished.returncode != 0
    assert "Unknown edition 'tiny'. The known editions are 'quick', 'full'" in (
        finished.stdout + finished.stderr
    )


def test_missing_data_folder_is_named_before_anything_runs(book):
    finished = subprocess.run(
        [*tiny.MAKE, "book", "EDITION=full"], cwd=book.folder, capture_output=True, text=True,
        env={**os.environ, "TRAINLAB_DATA": "/nowhere"},
    )  # fmt: skip
    assert finished.returncode != 0
    assert "TRAINLAB_DATA is '/nowhere'" in finished.stdout + finished.stderr


@pytest.fixture
def elsewhere(book, tmp_path):
    """Variables for a machine that holds no data and whose network leads to a socket of ours."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.5)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        variables = {
            "KERAS_HOME": str(tmp_path / "keras"), "PYTHONPATH": str(book.folder / "src"),
            **dict.fromkeys(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"], address),
        }  # fmt: skip
        module = book.folder / "src/trainlab/datasets.py"
        whole = module.read_text()
        module.write_text(re.sub(r"(DEBIAN_FOLDER = )Path.*", r'\1Path("/nowhere")', whole))
        yield variables, proxy
        module.write_text(whole)


def everything_in(*folders):
    return {path: path.lstat().st_mtime_ns for each in folders for path in each.rglob("*")}


@pytest.mark.parametrize("how", ["--dry-run", "--dag", "--summary"])
def test_drawing_the_graph_fetches_makes_and_removes_nothing(book, elsewhere, tmp_path, how):
    variables, proxy = elsewhere
    # As a build leaves it that is killed while it replaces the site.
    (book.build / "site").rename(book.build / "site.old")
    before = everything_in(book.folder / "_build", tmp_path)
    try:
        for edition in ("quick", "full"):
            drawn = book.snakemake(how, "--config", f"edition={edition}", **variables)
            assert drawn.returncode == 0, drawn.stdout + drawn.stderr
            said = drawn.stdout + drawn.stderr
            assert "execute_04_one" in said and ("fetch" in said) == (edition == "full")
        with pytest.raises(TimeoutError):
            proxy.accept()
        assert everything_in(book.folder / "_build", tmp_path) == before
    finally:
        (book.build / "site.old").rename(book.build / "site")


def test_data_that_cannot_be_fetched_is_an_error_that_says_what_to_do(book, elsewhere, tmp_path):
    variables, proxy = elsewhere
    proxy.close()
    finished = book.snakemake("--config", "edition=full", "--", "fetch", **variables)
    said = finished.stdout + finished.stderr
    assert finished.returncode != 0 and "Traceback" not in said
    assert "✗ Could not download" in said and "name it in the environment variable" in said

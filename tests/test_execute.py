"""One chapter executed: what is kept, what is cleaned, and every way to fail."""

import json

import nbformat
import psutil
import pytest
import tiny

from trainlab.book import execute, ledger

NAME = "04_tiny"


@pytest.fixture
def run(tmp_path):
    """A function that executes a tiny chapter with the given cells."""

    def run_it(*code, timeout=60, edition="quick", **options):
        source = tiny.write(tmp_path, NAME, *code, **options)
        return execute.execute(
            source,
            tmp_path / "executed" / source.name,
            tmp_path / "broken" / source.name,
            edition=edition,
            timeout=timeout,
        )

    run_it.executed = tmp_path / "executed" / f"{NAME}.ipynb"
    run_it.broken = tmp_path / "broken" / f"{NAME}.ipynb"
    return run_it


def _nothing_but_the_broken_one(run):
    assert not run.executed.exists() and run.broken.exists()
    assert list(run.executed.parent.iterdir()) == []


def test_report_and_notebook(run):
    report = run(tiny.claim_cell(NAME))
    assert report["chapter"] == NAME and report["claims"] == ["04.stays-small"]
    assert report["cells"] == 3 and report["seconds"] > 0 and report["peak_rss_mb"] > 20
    notebook = nbformat.read(run.executed, as_version=4)
    assert "papermill" not in notebook.metadata
    assert all({"papermill", "execution"}.isdisjoint(cell.metadata) for cell in notebook.cells)


def test_edition_is_folded_into_the_parameters(run):
    run("print(edition)", edition="full")
    notebook = nbformat.read(run.executed, as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert sources == [tiny.SETUP, 'edition = "full"', "print(edition)"]
    assert notebook.cells[-1].outputs[0].text == "full\n"


def test_unknown_parameter_is_an_error(run):
    with pytest.raises(execute.ChapterError, match=r"'edition' is not in the cell tagged"):
        run(parameters="depth = 3")
    assert not run.executed.parent.exists()


def test_raising_cell_is_named(run):
    with pytest.raises(execute.ChapterError) as failure:
        run("x = 1", "1 / 0")
    for part in (NAME, "cell 4 of 4", "ZeroDivisionError", "1 / 0", str(run.broken)):
        assert part in str(failure.value)
    _nothing_but_the_broken_one(run)


def test_failed_claim_says_what_was_measured(run, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    with pytest.raises(execute.ChapterError) as failure:
        run(tiny.equation_cell(NAME, two=3))
    for part in ("04.adds-up", "0.333", "≤ 1e−05", "refuted"):
        assert part in str(failure.value)
    _nothing_but_the_broken_one(run)


def test_hanging_cell_is_stopped_and_named(run):
    with pytest.raises(execute.ChapterError, match=r"cell 3 of .* ran past its limit of 6 s"):
        run("import time; time.sleep(60)", timeout=6)
    _nothing_but_the_broken_one(run)


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(1)",
        # What Linux does to the process that it chooses when memory runs out.
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_dead_kernel_is_named(run, code):
    with pytest.raises(execute.ChapterError, match=r"cell 3 of .* lost its kernel .*Free memory"):
        run(code)
    _nothing_but_the_broken_one(run)


def test_memory_that_is_not_there_is_named(run):
    with pytest.raises(execute.ChapterError, match=r"cell 3 of .* MemoryError: Unable to allocate"):
        run("import numpy; numpy.zeros(2**48)")
    _nothing_but_the_broken_one(run)


def test_hanging_cell_that_ignores_signals_is_stopped(run):
    deaf = (
        "import signal, time\n"
        "for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, signal.SIG_IGN)\n"
        "while True: time.sleep(1)"
    )
    with pytest.raises(execute.ChapterError, match=r"cell 3 of .* ran past its limit of 2 s"):
        run(deaf, timeout=2)
    _nothing_but_the_broken_one(run)
    assert psutil.Process().children() == []


def test_full_disk_leaves_nothing(run):
    run.executed.parent.mkdir()
    partial = run.executed.with_name(f".{NAME}.partial.ipynb")
    partial.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        run("1 / 1")
    assert list(run.executed.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("x" * 10_000, r"statement: expected maxLength 500, received 'xxx.*shorten its statement"),
        ("\ud800", r"UnicodeEncodeError.*surrogates not allowed"),
    ],
    ids=["huge", "surrogate"],
)
def test_hostile_statement_is_refused(run, statement, message):
    with pytest.raises((execute.ChapterError, ledger.LedgerError), match=message) as failure:
        run(f'claims.bound("04.a", {statement!a}, [1, 1], high=2)')
    assert NAME in str(failure.value) and "code cell 3" in str(failure.value)
    _nothing_but_the_broken_one(run)


def test_success_clears_the_broken_one(run):
    with pytest.raises(execute.ChapterError):
        run("1 / 0")
    run("1 / 1")
    assert run.executed.exists() and not run.broken.exists()


def test_a_noted_search_names_the_cell_that_made_it(run, tmp_path, monkeypatch):
    """By its execution count, through which the record knows which claims rest on the search."""
    notes = tmp_path / "notes"
    monkeypatch.setenv("TRAINLAB_RECORD_NOTES", str(notes))
    run(
        "x = 1", 'from trainlab import record\nrecord.note_tuning(record.Tuning("04 a", "", 1, {}))'
    )
    cells = nbformat.read(run.executed, as_version=4).cells
    (count,) = [cell.execution_count for cell in cells if "note_tuning" in cell.source]
    assert json.loads(notes.read_text())["cell"] == count

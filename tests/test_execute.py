"""One chapter executed: what is kept, what is cleaned, and every way to fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
import tiny

from trainlab.book import execute, ledger

NAME = "04_tiny"


@pytest.fixture
def run(tmp_path):
    """A function that executes a tiny chapter with the given cells."""

    def run_it(*code, timeout=60, edition="quick", kernel="python3", **options):
        source = tiny.write(tmp_path, NAME, *code, **options)
        notebook = nbformat.read(source, as_version=4)
        notebook.metadata.kernelspec.name = kernel
        if kernel is None:
            del notebook.metadata["kernelspec"]
        nbformat.write(notebook, source)
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


# What an account or a machine may have set up, and none of which is the course's.
SURROUNDINGS = {
    "MPLBACKEND": "Agg",
    "KERAS_BACKEND": "torch",
    "KERAS_MAX_EPOCHS": "1",
    "LC_ALL": "ko_KR.EUC-KR",
    "PYTHONIOENCODING": "ascii",
    "PIP_USER": "1",
}


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """Variables and files around a chapter, each of which would change what it does."""
    foreign = tmp_path / "foreign"
    startup = foreign / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("started = True")
    (foreign / "startup.py").write_text("started = True")
    (foreign / "numpy.py").write_text("raise ImportError('another numpy')")
    (foreign / "matplotlibrc").write_text("lines.linewidth: 9\nbackend: agg\n")
    keras_json = {"floatx": "float64", "epsilon": 0.1, "backend": "torch"}
    (foreign / "keras.json").write_text(json.dumps(keras_json | {"image_data_format": "x"}))
    paths = {
        "PYTHONPATH": foreign,
        "PYTHONSTARTUP": foreign / "startup.py",
        "IPYTHONDIR": foreign / "ipython",
        "MATPLOTLIBRC": foreign / "matplotlibrc",
    }
    for name, value in {**SURROUNDINGS, **paths}.items():
        monkeypatch.setenv(name, str(value))
    return foreign


def _printed(run):
    cells = nbformat.read(run.executed, as_version=4).cells
    return "".join(output.get("text", "") for output in cells[-1].get("outputs", []))


def test_surroundings_do_not_reach_a_chapter(run, surroundings):
    report = (
        "import os, locale, sys\nimport matplotlib, numpy\n"
        f"print([n for n in {sorted(SURROUNDINGS)} if n in os.environ])\n"
        "print(os.environ['KERAS_BACKEND'], 'started' in globals(), '✓', numpy.__name__)\n"
        "print(locale.getencoding(), sys.stdout.encoding, matplotlib.rcParams['lines.linewidth'])\n"
        "print('inline' in matplotlib.get_backend())"
    )
    run(report)
    assert _printed(run) == (
        "['KERAS_BACKEND', 'MPLBACKEND']\ntensorflow False ✓ numpy\nUTF-8 UTF-8 1.5\nTrue\n"
    )


DRAW = "import matplotlib.pyplot as plt\nfigure, ax = plt.subplots()"


def test_figures_show_whatever_backend_the_surroundings_name(run, surroundings):
    run(DRAW)
    (cell,) = [c for c in nbformat.read(run.executed, as_version=4).cells if "plt" in c.source]
    assert "image/png" in cell.outputs[-1].data


@pytest.mark.parametrize(
    "code",
    ["import matplotlib\nmatplotlib.use('agg')\n" + DRAW, DRAW + "\nplt.close()"],
    ids=["backend", "closed"],
)
def test_figure_that_does_not_show_is_named(run, code):
    with pytest.raises(execute.ChapterError, match=r"04_tiny: code cell 3 of 3 draws a figure"):
        run(code)
    _nothing_but_the_broken_one(run)


KERNEL = "import sys; print(sys.executable)"


@pytest.mark.parametrize("name", ["python3", "conda-env-other"])
def test_kernel_is_the_courses_whatever_the_metadata_and_the_machine_say(
    run, tmp_path, monkeypatch, name
):
    folder = tmp_path / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/bin/false"], "display_name": "another", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    run(KERNEL, kernel=name)
    assert _printed(run) == f"{sys.executable}\n"


def test_chapter_needs_to_name_no_kernel(run):
    run(KERNEL, kernel=None)
    assert _printed(run) == f"{sys.executable}\n"


def _merge(text):
    return text.replace(' "cells"', '<<<<<<< HEAD\n "cells"')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_merge, r"04_tiny\.ipynb, line 2: `<<<<<<< HEAD` is the mark of a merge"),
        (lambda text: text[:-9], r"04_tiny\.ipynb, line \d\d+: .* is not the JSON of a notebook"),
        (lambda text: "[]", r"04_tiny\.ipynb.* not a(| valid) notebook"),
        (lambda text: "", r"04_tiny\.ipynb, line 1: .* is not the JSON of a notebook"),
        (lambda text: text.replace('"code"', '"coda"'), r"04_tiny\.ipynb is not a valid notebook"),
    ],
    ids=["merge", "cut", "list", "empty", "schema"],
)
def test_notebook_that_is_none_is_named_with_its_line(tmp_path, damage, message):
    source = tiny.write(tmp_path, NAME)
    source.write_text(damage(source.read_text()))
    targets = (tmp_path / "executed" / source.name, tmp_path / "broken" / source.name)
    with pytest.raises(execute.ChapterError, match=message):
        execute.execute(source, *targets, edition="quick", timeout=60)


@pytest.fixture
def command(tmp_path):
    """A function that runs the command on a tiny chapter, and where its files go."""

    def run_it(*code, **options):
        source = tiny.write(tmp_path, NAME, *code)
        arguments = [source, "--edition", "quick", "--timeout", "60"]
        for name in ("target", "report", "broken", "log"):
            arguments += [f"--{name}", tmp_path / name / source.name]
        (tmp_path / "report").mkdir(exist_ok=True)
        environment = {**os.environ, **options.pop("variables", {})}
        return subprocess.run(
            [sys.executable, "-m", "trainlab.book.execute", *map(str, arguments)],
            env=environment, **{"capture_output": True, **options},
        )  # fmt: skip

    run_it.files = [tmp_path / name / f"{NAME}.ipynb" for name in ("target", "report")]
    return run_it


# As in a Korean locale, which this machine need not have: the encoding is what matters.
KOREAN = {"PYTHONIOENCODING": "euc_kr", "PYTHONUTF8": "0"}


def test_terminal_that_cannot_show_a_sign_shows_the_others(command):
    finished = command(tiny.equation_cell(NAME), variables=KOREAN)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(b"? 04_tiny: 1 claim,")
    assert all(path.exists() for path in command.files)


def test_terminal_that_takes_nothing_costs_no_outputs(command):
    with Path("/dev/full").open("wb") as full:
        finished = command("1 / 1", capture_output=False, stdout=full, stderr=full)
    assert finished.returncode == 0
    assert all(path.exists() for path in command.files)


def test_failure_is_told_in_any_encoding(command):
    finished = command("raise ValueError('기울기 ✓')", variables=KOREAN)
    assert finished.returncode == 1
    assert "ValueError: 기울기 ?" in finished.stderr.decode("euc_kr")


def test_unforeseen_error_is_told_and_the_log_is_named(command, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import papermill\n"
        "def broken(*arguments, **options): raise RuntimeError('no kernel today')\n"
        "papermill.execute_notebook = broken\n"
    )
    finished = command("1 / 1", variables={"PYTHONPATH": str(tmp_path)})
    log = tmp_path / "log" / f"{NAME}.ipynb"
    assert finished.returncode == 1
    said = finished.stderr.decode()
    assert "✗ 04_tiny: RuntimeError: no kernel today" in said and str(log) in said
    assert "Traceback" not in said and "Traceback" in log.read_text()

"""Executed chapters run again by nbval: where digits are compared, and where agreement is."""

import json
import os
import re
import subprocess
import sys

import nbclient
import nbformat
import pytest
import tiny

from trainlab import claims, editions, record

A, B = {0: 2.5, 1: 2.75, 2: 3.0}, {0: 1.0, 1: 1.5, 2: 1.25}
CLAIM = {"id": "01.a-beats-b", "statement": "A beats B.", "at_least": 0.5, "unit": "nats"}
SETUP = """from pathlib import Path
from IPython.display import display
from trainlab import arithmetic, claims, editions, record
record.FOLDER = Path.cwd()"""
RUN = """run = {"edition": edition, "arithmetic": arithmetic.signature()}
display({"text/plain": "quick edition", editions.MIME_TYPE: run}, raw=True)"""


def claim_cell(a=A):
    return f"claims.contrast(a={a}, b={B}, **{CLAIM})"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A folder with a made-up record, and a chapter that repeats it, executed here."""
    folder = tmp_path_factory.mktemp("executed")
    made = claims.contrast(a=A, b=B, **CLAIM).as_json()
    kept = ("kind", "statement", "criterion", "unit", "verdict", "estimate", "ci_low", "ci_high")
    entry = {name: made[name] for name in kept} | {
        "low": 0.5,
        "seeds": [0, 1, 2, 3],
        "values": {"a": [*A.values(), 2.5], "b": [*B.values(), 1.0]},
        "rule": "mean",
    }
    for edition in ("quick", "full"):
        data = {"edition": edition, "chapters": {}, "claims": {made["id"]: entry}, "tunings": {}}
        data["sha256"] = record.digest(data)
        (folder / f"{edition}.json").write_text(json.dumps(data))
    notebook = tiny.chapter("01_one", SETUP, RUN, claim_cell())
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    assert notebook.cells[-1].outputs[0].data[claims.MIME_TYPE]["agrees"] is True
    return folder, notebook


@pytest.fixture
def replay(executed, tmp_path):
    """A function that changes the executed chapter and returns what nbval says of it."""
    folder, notebook = executed

    def run(change, *options, without=(), **environment):
        changed = nbformat.from_dict(json.loads(json.dumps(notebook)))
        change(changed)
        nbformat.write(changed, folder / "01_one.ipynb")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRAINLAB", "PYTEST"))}
        nbval = [o for o in ("--nbval-lax", "--nbval-current-env") if o not in without]
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "trainlab.book.replay", *options),
                *(*nbval, "--rootdir", folder, "01_one.ipynb"),
            ],
            cwd=folder, env=kept | environment, capture_output=True, text=True,
        )  # fmt: skip

    return run


def digits(notebook):
    """Change by hand the last digit that the card shows."""
    data = notebook.cells[-1].outputs[0].data
    before, digit, after = re.fullmatch(r"(.*)(\d)(\D*)", data["text/plain"], re.DOTALL).groups()
    data["text/plain"] = f"{before}{(int(digit) + 1) % 10}{after}"


def elsewhere(notebook):
    """Make the notebook one that another machine executed."""
    shown = notebook.cells[-2].outputs[0].data
    shown[editions.MIME_TYPE]["arithmetic"] = "0123456789abcdef"


def digits_elsewhere(notebook):
    digits(notebook)
    elsewhere(notebook)


def disagreement_elsewhere(notebook):
    """Make a run that does not repeat the record, executed on another machine."""
    elsewhere(notebook)
    notebook.cells[-1].source = claim_cell({seed: value + 20 for seed, value in A.items()})


SAID = "so compared by agreement with the record: 01_one.ipynb"


def test_repeated_digits_are_green(replay):
    finished = replay(lambda notebook: None)
    assert finished.returncode == 0 and SAID not in finished.stdout, finished.stdout


def test_changed_digits_are_red(replay):
    finished = replay(digits)
    assert finished.returncode == 1 and "Cell outputs differ" in finished.stdout, finished.stdout


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "workers"])
def test_other_digits_of_another_machine_are_green(replay, options):
    finished = replay(digits_elsewhere, *options)
    assert finished.returncode == 0 and finished.stdout.count(SAID) == 1, finished.stdout
    assert "Warning" not in finished.stdout + finished.stderr


def test_disagreement_is_red_on_another_machine_too(replay):
    finished = replay(disagreement_elsewhere)
    assert finished.returncode == 1 and SAID in finished.stdout, finished.stdout
    assert "This run does not repeat the record" in finished.stdout


def test_disagreements_that_are_only_to_be_marked_are(replay):
    finished = replay(disagreement_elsewhere, TRAINLAB_DISAGREEMENTS="mark")
    assert finished.returncode == 0 and SAID in finished.stdout, finished.stdout


def test_notebook_that_names_no_arithmetic_is_compared(replay):
    def nameless(notebook):
        digits(notebook)
        del notebook.cells[-2].outputs[0].data[editions.MIME_TYPE]

    assert replay(nameless).returncode == 1


def foreign_kernel(notebook):
    notebook.metadata.kernelspec = {"name": "another", "display_name": "Another"}


def test_kernel_is_the_courses_whatever_the_notebook_names(replay):
    finished = replay(foreign_kernel, without=["--nbval-current-env"])
    assert finished.returncode == 0, finished.stdout


def test_surroundings_do_not_reach_a_chapter_that_runs_again(replay, tmp_path):
    startup = tmp_path / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("started = True")

    def look(notebook):
        notebook.cells[-1].source = (
            "import os\n"
            "assert os.environ['KERAS_BACKEND'] == 'tensorflow' and 'started' not in globals()\n"
            "assert 'inline' in os.environ['MPLBACKEND'] and 'PYTHONSTARTUP' not in os.environ"
        )
        notebook.cells[-1].metadata.tags = []

    around = {"IPYTHONDIR": str(tmp_path), "KERAS_BACKEND": "torch", "MPLBACKEND": "Agg"}
    finished = replay(look, PYTHONSTARTUP=str(startup / "00.py"), **around)
    assert finished.returncode == 0, finished.stdout


def test_plugin_leaves_numpy_to_the_tests():
    code = "import sys; from trainlab.book import replay; print('numpy' in sys.modules)"
    code += "; from trainlab import claims; assert replay._DISAGREEMENTS == claims.DISAGREEMENTS"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "False\n"

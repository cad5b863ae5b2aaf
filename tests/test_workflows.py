"""The workflows: valid, with no more rights than they need, and made of make's own targets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
BIN = Path(sys.prefix) / "bin"


def jobs_of(path):
    return yaml.safe_load(path.read_text())["jobs"].items()


def test_schema_holds():
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
    checked = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_no_known_weakness():
    command = [BIN / "zizmor", "--offline", "--config", FOLDER.parent / "zizmor.yml", FOLDER]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_and_time_are_limited(path):
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs_of(path) if "timeout-minutes" not in job] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_target_exists(path):
    known = set(re.findall(r"^([\w.$()/-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known |= {".venv/.ready"}  # written as $(READY)
    steps = [step.get("run", "") for _, job in jobs_of(path) for step in job["steps"]]
    called = set(re.findall(r"\bmake ([\w./-]+)", "\n".join(steps)))
    assert called <= known


def test_ci_has_a_job_for_each_chapter():
    (step,) = [s for s in dict(jobs_of(FOLDER / "ci.yml"))["chapters"]["steps"] if s.get("id")]
    (expression,) = re.findall(r"sed -n '([^']+)'", step["run"])
    listed = subprocess.run(
        ["sed", "-n", expression, ROOT / "_toc.yml"], capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == [path.stem for path in sorted(ROOT.glob("chapters/*.ipynb"))]


def test_every_chapter_is_run_again_where_it_was_executed():
    steps = dict(jobs_of(FOLDER / "ci.yml"))["chapter"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert runs == ['make book ONLY="$CHAPTER"', 'make nbval ONLY="$CHAPTER"']


def test_chapters_travel_with_what_they_were_executed_from():
    (upload,) = [
        step
        for step in dict(jobs_of(FOLDER / "ci.yml"))["chapter"]["steps"]
        if "actions/upload-artifact@" in step.get("uses", "")
    ]
    folders = {Path(line).name for line in upload["with"]["path"].split()}
    assert {"executed", "reports", "marks"} <= folders


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_system_packages_are_there_before_make_test_would_ask(path):
    for name, job in jobs_of(path):
        runs = [step.get("run", "") for step in job["steps"]]
        if any(re.search(r"\bmake test\b", run) for run in runs):
            before = runs[: next(n for n, run in enumerate(runs) if "make test" in run)]
            assert any("sudo apt-get install" in r and "tests/apt.txt" in r for r in before), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_tests_see_the_commit_of_the_record(path):
    for name, job in jobs_of(path):
        if any(re.search(r"\bmake test\b", step.get("run", "")) for step in job["steps"]):
            (checkout,) = [s for s in job["steps"] if "actions/checkout@" in s.get("uses", "")]
            assert checkout["with"].get("fetch-depth") == 0, name


def test_what_disagrees_is_never_published():
    said = (FOLDER / "publish.yml").read_text()
    assert "DISAGREEMENTS=stop" in said and "mark" not in said

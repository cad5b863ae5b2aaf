"""Chapters where the course is not installed: what is asked of git, of uv and of the chapter.

`make colab` does it for real, with Colab's packages; here the environment is this one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from trainlab import claims, editions
from trainlab.book import environments, repository

ROOT = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An `Environment` with one tiny chapter, whose environment is this one."""
    place = environments.Environment("colab", tmp_path, tmp_path / "elsewhere")
    place.python = Path(sys.executable)
    kernel = place.folder / "jupyter" / "kernels" / environments.KERNEL
    kernel.mkdir(parents=True)
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": launch, "display_name": "here", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    (place.folder / "course" / "chapters").mkdir(parents=True)
    (place.folder / "course" / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    monkeypatch.setattr(place, "_uv", lambda *arguments: "")
    installed = iter([{"numpy==2.1.3"}, {"numpy==2.1.3", "trainlab @ git+https://x"}])
    monkeypatch.setattr(place, "packages", lambda: next(installed))
    return place


def write(place, *code):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in code])
    nbformat.write(notebook, place.folder / "course" / "chapters" / "01_tiny.ipynb")


def test_chapter_runs_alone_in_an_empty_folder(place):
    write(place, "import os; print(sorted(os.listdir()))")
    (cell,) = place.run("01_tiny").cells
    assert cell.outputs[0].text == "['01_tiny.ipynb']\n"


def test_git_takes_the_clone_for_the_address(place):
    write(place, "!git ls-remote --get-url " + repository.address(place.folder / "course"))
    (cell,) = place.run("01_tiny").cells
    assert cell.outputs[0].text.strip() == (place.folder / "course").as_uri()


def test_chapter_that_fails_is_named_and_kept(place):
    write(place, "1 / 0")
    with pytest.raises(environments.ChapterError, match="01_tiny does not run in 'colab'"):
        place.run("01_tiny")
    assert (place.folder / "01_tiny.broken.ipynb").exists()


def test_kernel_that_does_not_start_is_named(place):
    write(place, "pass")
    spec = {"argv": [sys.executable, "-c", ""], "display_name": "none", "language": "python"}
    kernel = place.folder / "jupyter" / "kernels" / environments.KERNEL
    (kernel / "kernel.json").write_text(json.dumps(spec))
    with pytest.raises(environments.ChapterError, match="01_tiny does not run in 'colab': Kernel"):
        place.run("01_tiny")


def test_another_package_is_an_error(place, monkeypatch):
    write(place, "pass")
    installed = iter([{"numpy==2.1.3"}, {"numpy==2.5.0", "trainlab==0.1.0"}])
    monkeypatch.setattr(place, "packages", lambda: next(installed))
    with pytest.raises(
        environments.ChapterError, match=r"changed these packages .* numpy, trainlab"
    ):
        place.run("01_tiny")


def test_variables_are_put_back(place, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "kept")
    write(place, "pass")
    place.run("01_tiny")
    assert os.environ["JUPYTER_PATH"] == "kept" and "GIT_CONFIG_COUNT" not in os.environ


def test_disagreement_is_only_a_card_there(place, monkeypatch):
    monkeypatch.setenv("TRAINLAB_DISAGREEMENTS", "stop")
    write(place, "import os; print(os.environ.get('TRAINLAB_DISAGREEMENTS'))")
    (cell,) = place.run("01_tiny").cells
    assert cell.outputs[0].text == "None\n"
    assert os.environ["TRAINLAB_DISAGREEMENTS"] == "stop"


RUN = {
    "edition": "quick", "device": "CPU", "cores": 2, "versions": {"keras": "3.13.0"},
}  # fmt: skip


def equation(chapter, name, agrees=True):
    """A claim that needs no record."""
    made = claims.identity(f"{chapter[:2]}.{name}", "i", 1.0, 1.0).as_json()
    return made | {"agrees": agrees}


def finding(chapter, name, agrees):
    made = claims.bound(f"{chapter[:2]}.{name}", "b", [1.0, 2.0], high=9).as_json()
    return made | {"agrees": agrees}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A function that runs the command on chapters whose claims are given.

    It returns how the command ended and the ledger that it wrote.
    """
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "_build" / "environments" / "colab" / "claims.json"
    path.parent.mkdir(parents=True)

    def run_course(chapters, *named):
        parts = [{"chapters": [{"file": f"chapters/{name}"} for name in chapters]}]
        (tmp_path / "_toc.yml").write_text(json.dumps({"parts": parts}))

        def executed(self, chapter):
            if chapters[chapter] is None:
                raise environments.ChapterError(f"{chapter} does not run")
            outputs = [(editions.MIME_TYPE, RUN)]
            outputs += [(claims.MIME_TYPE, claim) for claim in chapters[chapter]]
            cell = nbformat.v4.new_code_cell("")
            cell.outputs = [
                nbformat.v4.new_output("display_data", data={mime: data}) for mime, data in outputs
            ]
            return nbformat.v4.new_notebook(cells=[cell])

        monkeypatch.setattr(environments.Environment, "make", lambda self: None)
        monkeypatch.setattr(environments.Environment, "run", executed)
        try:
            environments.main(["colab", *named])
        except SystemExit as end:
            return str(end.code), path.exists() and json.loads(path.read_text())
        return "", json.loads(path.read_text())

    return run_course


def test_command_counts_what_each_chapter_repeats(course, capsys):
    made = [equation("01", "e"), finding("01", "f", True), finding("01", "g", None)]
    end, written = course({"01_one": made})
    assert end == "" and [claim["id"] for claim in written["claims"]] == ["01.e", "01.f", "01.g"]
    assert (
        "✓ 01_one in 'colab': equations that hold: 1, claims that repeat the record: 1, "
        "claims not asked: 1\n" in capsys.readouterr().out
    )


def test_command_fails_on_disagreements_and_names_them(course, capsys):
    made = [equation("01", "e", agrees=False), finding("01", "f", False)]
    end, written = course({"01_one": made, "02_two": [finding("02", "g", False)]})
    assert end == "✗ 'colab': equation fails: 01.e; not repeated: 01.f, 02.g"
    assert len(written["claims"]) == 3
    said = capsys.readouterr().out
    assert "✗ 01_one in 'colab':" in said and "; equation fails: 01.e; not repeated: 01.f" in said


def test_command_names_a_chapter_that_fails_and_runs_the_others(course):
    end, written = course({"01_one": None, "02_two": [finding("02", "g", True)]})
    assert end == "✗ 'colab': 1 chapters failed: 01_one"
    assert [claim["id"] for claim in written["claims"]] == ["02.g"]


def test_run_of_some_chapters_keeps_the_claims_and_the_age_of_the_others(course, tmp_path):
    chapters = {f"{n}_x": [equation(n, "e")] for n in ("01", "02", "03")}
    path = tmp_path / "_build" / "environments" / "colab" / "claims.json"
    _, written = course(chapters)
    path.write_text(json.dumps(written | {"created": "2026-01-01T00:00:00+00:00"}))
    chapters["02_x"] = [equation("02", "other")]
    _, written = course(chapters, "02_x")
    assert [claim["id"] for claim in written["claims"]] == ["01.e", "02.other", "03.e"]
    assert written["created"] == "2026-01-01T00:00:00+00:00"
    _, written = course(chapters)
    assert written["created"] > "2026-01-01T00:00:00+00:00"


def test_unreadable_ledger_stops_a_run_of_some_chapters_before_it_begins(course, tmp_path):
    path = tmp_path / "_build" / "environments" / "colab" / "claims.json"
    path.write_text(json.dumps({"claims": [{"id": "01.a"}]}))
    with pytest.raises(SystemExit, match="is not a ledger"):
        environments.main(["colab", "02_x"])
    end, _ = course({"01_x": [equation("01", "e")]})
    assert end == ""


def test_clone_has_the_name_that_the_chapters_install_from(place):
    clone = place.folder / "course"

    def git(*arguments):
        command = ["git", "-C", clone, "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    git("init", "--quiet", "--initial-branch", "main")
    git("commit", "--quiet", "--allow-empty", "--message", "One")
    repository.set_state(clone, "main")
    place._tag()
    assert git("tag") == []
    repository.set_state(clone, "week1")
    place._tag()
    assert git("tag") == ["week1"]

"""Chapters where the course is not installed: what is asked of git, of uv and of the chapter.

`make colab` does it for real, with Colab's packages; here the environment is this one.
"""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

from trainlab.book import elsewhere, repository

ROOT = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An `Elsewhere` with one tiny chapter, whose environment is this one."""
    place = elsewhere.Elsewhere("colab", tmp_path, tmp_path / "elsewhere")
    place.python = Path(sys.executable)
    kernel = place.folder / "jupyter" / "kernels" / elsewhere.KERNEL
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
    with pytest.raises(elsewhere.ElsewhereError, match="01_tiny does not run in 'colab'"):
        place.run("01_tiny")
    assert (place.folder / "01_tiny.broken.ipynb").exists()


def test_kernel_that_does_not_start_is_named(place):
    write(place, "pass")
    spec = {"argv": [sys.executable, "-c", ""], "display_name": "none", "language": "python"}
    kernel = place.folder / "jupyter" / "kernels" / elsewhere.KERNEL
    (kernel / "kernel.json").write_text(json.dumps(spec))
    with pytest.raises(elsewhere.ElsewhereError, match="01_tiny does not run in 'colab': Kernel"):
        place.run("01_tiny")


def test_another_package_is_an_error(place, monkeypatch):
    write(place, "pass")
    installed = iter([{"numpy==2.1.3"}, {"numpy==2.5.0", "trainlab==0.1.0"}])
    monkeypatch.setattr(place, "packages", lambda: next(installed))
    with pytest.raises(
        elsewhere.ElsewhereError, match=r"changed these packages .* numpy, trainlab"
    ):
        place.run("01_tiny")


def test_variables_are_put_back(place, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "kept")
    write(place, "pass")
    place.run("01_tiny")
    assert os.environ["JUPYTER_PATH"] == "kept" and "GIT_CONFIG_COUNT" not in os.environ


def test_run_of_some_chapters_keeps_the_claims_of_the_others(tmp_path):
    claims = [{"id": f"{n}.a", "chapter": n, "verdict": "refuted"} for n in ("01", "02", "03")]
    (tmp_path / "claims.json").write_text(json.dumps({"claims": claims}))
    again = {"id": "02.a", "chapter": "02", "verdict": "supported"}
    kept = elsewhere._with_others([again], tmp_path / "claims.json")
    assert kept == [claims[0], again, claims[2]]
    assert elsewhere._with_others([again], tmp_path / "none.json") == [again]

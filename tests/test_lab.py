"""`make lab`: copies that follow the chapters until a reader changes them."""

import nbformat
import pytest

from trainlab.book import lab


@pytest.fixture
def course(tmp_path):
    (tmp_path / "chapters").mkdir()
    toc = "root: index\nparts:\n- chapters:\n  - file: chapters/01_one\n  - file: chapters/02_two\n"
    (tmp_path / "_toc.yml").write_text("format: jb-book\n" + toc)
    for name in ("01_one", "02_two"):
        write(tmp_path, name, "first edition")
    return tmp_path


def write(course, name, text):
    cell = nbformat.v4.new_markdown_cell(text, id="one")
    path = course / "chapters" / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)


def read(course, name):
    return nbformat.read(course / "lab" / f"{name}.ipynb", as_version=4)


def text_of(course, name):
    return read(course, name).cells[0].source


def test_untouched_copy_follows_its_chapter(course):
    assert lab.prepare(course) == []
    assert text_of(course, "01_one") == "first edition"
    write(course, "01_one", "second edition")
    assert lab.prepare(course) == []
    assert text_of(course, "01_one") == "second edition"
    assert not (course / "lab" / "01_one.new.ipynb").exists()


def test_readers_work_is_never_replaced(course):
    lab.prepare(course)
    mine = "my notes"
    (course / "lab" / "01_one.ipynb").write_text(mine)
    assert lab.prepare(course) == []  # the chapter has not changed: nothing to say
    write(course, "01_one", "second edition")
    said = lab.prepare(course)
    assert len(said) == 1 and "01_one has changed" in said[0] and "01_one.new.ipynb" in said[0]
    assert (course / "lab" / "01_one.ipynb").read_text() == mine
    assert text_of(course, "01_one.new") == "second edition"
    assert lab.prepare(course) == []  # said once
    write(course, "01_one", "third edition")
    assert len(lab.prepare(course)) == 1
    assert text_of(course, "01_one.new") == "third edition"
    assert text_of(course, "02_two") == "first edition"


def test_a_copy_without_a_note_of_its_origin_is_the_readers(course):
    lab.prepare(course)
    (course / "lab" / ".made.json").unlink()
    write(course, "02_two", "second edition")
    assert len(lab.prepare(course)) == 2
    assert text_of(course, "02_two") == "first edition"
    assert text_of(course, "02_two.new") == "second edition"


def test_deleted_copy_comes_back(course):
    lab.prepare(course)
    (course / "lab" / "01_one.ipynb").unlink()
    assert lab.prepare(course) == []
    assert text_of(course, "01_one") == "first edition"


def test_copy_names_its_kernel_so_that_jupyterlab_does_not_ask(course):
    lab.prepare(course)
    assert read(course, "01_one").metadata.kernelspec.name == "python3"


def test_surroundings_do_not_reach_jupyterlab(course, monkeypatch):
    started = []
    monkeypatch.chdir(course)
    monkeypatch.setattr(lab.os, "execve", lambda *arguments: started.append(arguments))
    around = {
        "MPLBACKEND": "Agg",
        "JUPYTER_PATH": "/else",
        "PYTHONPATH": "/x",
        "KERAS_BACKEND": "jax",
    }
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    lab.main(["--", "--no-browser"])
    ((python, command, variables),) = started
    assert command[:3] == [python, "-m", "jupyterlab"] and command[-1] == "--no-browser"
    assert {name: variables.get(name) for name in around} == {
        "MPLBACKEND": None,
        "JUPYTER_PATH": None,
        "PYTHONPATH": None,
        "KERAS_BACKEND": "tensorflow",
    }
    assert variables["PATH"]

"""What a chapter is made of: all of it, nothing else, and told by content alone."""

import os
import shutil

import pytest

from trainlab import datasets
from trainlab.book import sources

FILES = (
    "chapters/03_one.ipynb", "chapters/04_two.ipynb", "requirements.txt", "pyproject.toml",
    *(f"src/trainlab/{name}" for name in (
        "__init__.py", "claims.py", "trainlab.mplstyle", "data/images.npz", "deep/down/new.py",
        "exercises/__init__.py", "exercises/chapter_03.py", "exercises/chapter_04.py",
        "record/quick.json", "record/series.py", "record/versions/oldest.json",
        "book/ledger.py", "book/site/pages.py", "__pycache__/claims.cpython-313.pyc",
        "deep/__pycache__/x.pyc", ".claims.py.swp", ".ipynb_checkpoints/claims.py",
    )),
)  # fmt: skip


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def made_from(root, chapter="03_one", record=True):
    return sources.of_chapter(root, chapter, sources.of_package(root), record=record)


def names(root, **options):
    return [path.relative_to(root).as_posix() for path in made_from(root, **options)]


def test_chapter_is_made_of_all_that_it_can_import(root):
    package = ("__init__.py", "claims.py", "data/images.npz", "deep/down/new.py",
               "exercises/__init__.py", "record/quick.json", "record/series.py",
               "trainlab.mplstyle", "exercises/chapter_03.py")  # fmt: skip
    assert names(root) == [
        "chapters/03_one.ipynb", *(f"src/trainlab/{name}" for name in package), "requirements.txt",
    ]  # fmt: skip


def test_record_is_not_what_it_is_measured_from(root):
    assert set(names(root)) - set(names(root, record=False)) == {"src/trainlab/record/quick.json"}


def test_chapter_without_exercises_has_those_of_no_other(root):
    (root / "src/trainlab/exercises/chapter_03.py").unlink()
    assert not any("chapter_" in name for name in names(root))


def test_digest_knows_contents_and_names_and_no_times(root):
    files = made_from(root)
    before = sources.digest(files)
    for path in files:
        os.utime(path, (10**9, 10**9))
    assert sources.digest(reversed(files)) == before
    seen = {before}
    for path in files:
        kept = path.read_bytes()
        for change in (lambda p: p.write_text("other"), lambda p: p.write_text(""), os.unlink):
            change(path)
            seen.add(sources.digest(files))
            path.write_bytes(kept)
    assert len(seen) == 1 + 3 * len(files)
    assert sources.digest(files) == before
    one, other = (root / name for name in ("one.py", "other.py"))
    one.write_text("same")
    before = sources.digest([one])
    one.rename(other)
    assert sources.digest([other]) != before


def test_digest_knows_texts_beside_the_files(root):
    digests = {
        sources.digest([], *texts) for texts in ((), ("a",), ("a", "b"), ("ab",), ("b", "a"))
    }
    assert len(digests) == 5


def test_copy_elsewhere_is_told_apart_by_content_only(root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    relative = [path.relative_to(root) for path in made_from(root)]
    before = sources.digest(relative)
    shutil.copytree(root, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    assert sources.digest(relative) == before


def test_data_that_is_there_is_named_and_not_fetched(tmp_path, monkeypatch, capsys):
    for name in datasets.CONTENTS_SHA256:
        (tmp_path / name).write_text("")
    monkeypatch.setenv("TRAINLAB_DATA", str(tmp_path))
    sources.main()
    assert capsys.readouterr().out.count(f"✓ {tmp_path}") == 4


def test_data_that_cannot_be_had_is_an_error_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRAINLAB_DATA", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        sources.main()
    assert end.value.code == 1 and "✗ TRAINLAB_DATA is" in capsys.readouterr().err

"""What holds for every module of the package."""

import importlib
import inspect
import pkgutil
import shutil
import zipfile
from pathlib import Path

import pytest
from flit_core.wheel import make_wheel_in

import trainlab
from trainlab.book import house

ROOT = Path(__file__).parents[1]
MODULES = [
    info.name
    for info in pkgutil.walk_packages(trainlab.__path__, "trainlab.")
    if info.name not in ("trainlab.book", "trainlab.book.site")
]


def test_table_of_contents_names_every_module():
    flat = {name.split(".")[1] for name in MODULES if name.count(".") == 1}
    assert trainlab.__all__ == sorted(flat)


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_public_names(name):
    module = importlib.import_module(name)
    own = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
    }
    assert own <= set(module.__all__)
    assert all(hasattr(module, each) for each in module.__all__)
    assert len(module.__all__) == len(set(module.__all__))


@pytest.mark.parametrize("name", MODULES)
def test_public_names_have_docstrings(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for each in module.__all__:
        value = getattr(module, each)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, f"{name}.{each} has no docstring"


def test_chapters_need_no_book_tooling():
    source = inspect.getsource
    for name in MODULES:
        if not name.startswith("trainlab.book"):
            assert "trainlab.book" not in "".join(
                line
                for line in source(importlib.import_module(name)).splitlines()
                if "import" in line
            )


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("files", set()),
        ("editions", set()),
        ("record", {"claims", "cards"}),
        ("cards", {"claims", "exercises"}),
        ("claims", {"exercises", "widgets", "training"}),
        ("training", {"claims", "cards"}),
    ],
)
def test_no_import_leads_back_up(room, above):
    imports = house.arrows()
    assert not imports[room] & {*above, "book", "book.site"}
    if not above:
        assert imports[room] == set()


def test_wheel_holds_the_sources_that_are_there_and_nothing_older(tmp_path):
    """A file that was deleted stays away, and no folder with what was built is left behind."""
    copy = tmp_path / "course"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "src" / "trainlab" / "gone.py").write_text("")
    build_wheel(copy, tmp_path)
    (copy / "src" / "trainlab" / "gone.py").unlink()
    before = sorted(copy.rglob("*"))
    wheel = build_wheel(copy, tmp_path)
    assert sorted(copy.rglob("*")) == before
    with zipfile.ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if name.startswith("trainlab/")}
    sources = (path for path in (copy / "src" / "trainlab").rglob("*") if path.is_file())
    assert held == {path.relative_to(copy / "src").as_posix() for path in sources}
    assert {"trainlab/trainlab.mplstyle", "trainlab/record/full.json"} < held
    assert wheel.stat().st_size < 5e6  # nearly all of it images


def build_wheel(project, folder):
    return make_wheel_in(project / "pyproject.toml", folder).file

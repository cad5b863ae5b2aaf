"""What a chapter installs, from where: the setup cell in bare environments, and the forks.

The cell runs for real, with pip and git. A folder stands in for the repository's address, and
packages of one line for the real ones.
"""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

from trainlab.book import repository, style

ROOT = Path(__file__).parents[1]
FORK = "https://github.com/someone/fork"
PACKAGES = ("numpy", "scipy", "matplotlib", "keras", "tensorflow")

# Builds the course's package without a download. It wants a newer NumPy than any that is there.
BACKEND = '''
import pathlib
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "trainlab-0.1.0-py3-none-any.whl"
    info = "trainlab-0.1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for path in pathlib.Path("src/trainlab").glob("*.py"):
            wheel.write(path, f"trainlab/{path.name}")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: trainlab\\nVersion: 0.1.0\\nRequires-Dist: numpy>=10\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
'''  # fmt: skip # noqa: E501


def git(folder, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    command = ["git", "-C", folder, *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A small repository at the tag of its version, which is the working folder."""
    folder = tmp_path / "course"
    (folder / "src" / "trainlab").mkdir(parents=True)
    (folder / "chapters").mkdir()
    system = 'build-backend = "backend"\nbackend-path = ["."]\nrequires = []\n'
    text = (ROOT / "pyproject.toml").read_text()
    text = re.sub(r"(?<=\[build-system\]\n)(.+\n)+", system, text)
    (folder / "pyproject.toml").write_text(text)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "src" / "trainlab" / "__init__.py").write_text("")
    runtime = "\n".join(f"import {name}" for name in PACKAGES) + "\nstate = 'tagged'\n"
    (folder / "src" / "trainlab" / "runtime.py").write_text(runtime)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("pass")])
    nbformat.write(notebook, folder / "chapters" / "01_tiny.ipynb")
    monkeypatch.chdir(folder)
    repository.carry_on(folder)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "One")
    git(folder, "tag", f"v{repository._project(folder)['version']}")
    return folder


def edit(course):
    """Change the course as an instructor does, after its tag."""
    path = course / "src" / "trainlab" / "runtime.py"
    path.write_text(path.read_text().replace("tagged", "edited"))
    git(course, "commit", "--quiet", "--all", "--message", "Two")


def first_cell(course):
    path = course / "chapters" / "01_tiny.ipynb"
    return nbformat.read(path, as_version=4).cells[0].source


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment that holds pip and IPython and nothing else; and wheels of one line each."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", symlinks=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    wanted, seen = ["ipython", "pip"], set()
    while wanted:
        distribution = importlib.metadata.distribution(wanted.pop())
        if distribution.name in seen:
            continue
        seen.add(distribution.name)
        for part in {path.parts[0] for path in distribution.files} - {"..", "__pycache__"}:
            (site / part).symlink_to(distribution.locate_file(part))
        for need in distribution.requires or []:
            name = re.split(r"[^\w.-]", need)[0]
            if "extra ==" not in need and importlib.util.find_spec(name.replace("-", "_")):
                wanted.append(name)
    wheels = folder / "wheels"
    wheels.mkdir()
    for name in PACKAGES:
        info = f"{name}-9.0.dist-info"
        with zipfile.ZipFile(wheels / f"{name}-9.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "")
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n"
            wheel.writestr(f"{info}/METADATA", metadata)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
            wheel.writestr(f"{info}/RECORD", "")
    return folder


@pytest.fixture
def notebook(bare, tmp_path):
    """A function that runs a cell in a new environment and returns what came of it."""
    shutil.copytree(bare / "venv", tmp_path / "venv", symlinks=True)
    program = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell(sys.argv[1]).raise_error()\n"
        "print('state:', shell.user_ns['runtime'].state)\n"
    )

    def run(cell, course, address=None, **variables):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        environment = {
            **kept,
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(bare / "wheels"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{course.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": address or repository.address(course),
        } | variables
        finished = subprocess.run(
            [tmp_path / "venv" / "bin" / "python", "-c", program, cell],
            env=environment, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        return finished.stdout + finished.stderr

    run.installed = lambda: {
        path.name.split("-")[0] for path in (tmp_path / "venv").glob("lib/*/*/*-9.0.dist-info")
    }
    return run


def test_setup_cell_installs_the_course_and_all_that_is_missing(course, notebook):
    said = notebook(first_cell(course), course)
    assert "state: tagged" in said, said
    assert notebook.installed() == set(PACKAGES)
    assert "state: tagged" in notebook(first_cell(course), course, PIP_FIND_LINKS="/nowhere")


def test_setup_cell_leaves_alone_what_is_there(course, notebook, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    for name in PACKAGES[:-1]:
        (there / f"{name}.py").write_text("")
    said = notebook(first_cell(course), course, PYTHONPATH=str(there))
    assert "state: tagged" in said, said
    assert notebook.installed() == {"tensorflow"}


def test_setup_cell_asks_for_a_restart_where_pip_installs_out_of_sight(course, notebook, tmp_path):
    """As on a Hub, where a folder of the account's own is seen by the next Python only."""
    own = str(tmp_path / "own")
    said = notebook(first_cell(course), course, PIP_TARGET=own)
    assert "No module named 'trainlab'" in said
    assert "ImportError: Restart the kernel, then run this cell again." in said
    assert "state: tagged" in notebook(first_cell(course), course, PYTHONPATH=own)


def test_setup_cell_names_what_pip_could_not_bring(course, notebook):
    said = notebook(first_cell(course), course, PIP_FIND_LINKS="/nowhere")
    assert re.search(r"No matching distribution found for numpy", said), said
    assert "ImportError: Restart the kernel" in said


def test_setup_cell_is_as_short_as_a_cell_of_the_lesson(root):
    lines = repository.setup_cell(root).splitlines()
    assert len(lines) <= style.BUDGET["median lines"]


def test_chapters_of_a_fork_install_the_forks_own_state(course, notebook):
    edit(course)
    repository.main([FORK])
    assert f"git+{FORK}@main" in first_cell(course)
    said = notebook(first_cell(course), course, FORK)
    assert "state: edited" in said, said


def test_chapters_of_the_original_install_its_tag(course, notebook):
    edit(course)
    repository.main([repository.address(course) + ".git"])
    assert git(course, "status", "--porcelain") == ""
    said = notebook(first_cell(course), course)
    assert "state: tagged" in said, said


def test_fork_can_name_another_state_and_return(course):
    before = (course / "pyproject.toml").read_text(), first_cell(course)
    address = repository.address(course)
    repository.main([FORK, "--state", "spring-2027/week1"])
    assert f"git+{FORK}@spring-2027/week1" in first_cell(course)
    repository.main([FORK])
    assert repository.state(course) == "spring-2027/week1"
    repository.main(["--state", "main"])
    assert (course / "pyproject.toml").read_text().count("[tool.trainlab]") == 1
    repository.main([address, "--state", f"v{repository._project(course)['version']}"])
    assert ((course / "pyproject.toml").read_text(), first_cell(course)) == before


def test_fork_without_a_branch_installs_its_commit(course):
    git(course, "checkout", "--quiet", "--detach")
    repository.main([FORK])
    assert f"git+{FORK}@{git(course, 'rev-parse', 'HEAD')}" in first_cell(course)


def test_fork_that_is_no_clone_says_what_to_name(course, capsys):
    before = (course / "pyproject.toml").read_text()
    shutil.rmtree(course / ".git")
    with pytest.raises(SystemExit):
        repository.main([FORK])
    assert "clone of it, or name the branch with --state" in capsys.readouterr().err
    assert (course / "pyproject.toml").read_text() == before
    repository.main([FORK, "--state", "main"])
    assert f"git+{FORK}@main" in first_cell(course)


@pytest.mark.parametrize("state", ["", "-f", 'main"', "a b"])
def test_state_has_to_be_a_name(course, state):
    with pytest.raises(ValueError, match="is not the name of a tag, a branch or a commit"):
        repository.set_state(course, state)


def test_address_has_to_be_a_repositorys(course, capsys):
    with pytest.raises(SystemExit):
        repository.main(["someone/fork"])
    assert "expected https://host/owner/name" in capsys.readouterr().err

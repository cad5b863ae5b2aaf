"""The environment: what is refused before anything is installed, and when it is made anew."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainlab.book import bootstrap

ROOT = Path(__file__).parents[1]
LONG_AGO = 1_000_000_000
FINE = {"version": (3, 12), "system": "Linux", "machine": "x86_64", "libc": "glibc", "free": 9e9}


@pytest.mark.parametrize(
    "machine",
    [{}, {"version": (3, 11)}, {"version": (3, 13)}, {"machine": "aarch64"},
     {"system": "Darwin", "machine": "arm64", "libc": ""}],
)  # fmt: skip
def test_systems_that_are_supported(machine):
    assert bootstrap.refusal(**FINE | machine) == ""


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"version": (3, 10)}, "needs Python 3.11 to 3.13 and found 3.10"),
        ({"version": (3, 14)}, "needs Python 3.11 to 3.13 and found 3.14"),
        ({"version": (2, 7)}, "found 2.7"),
        ({"system": "Windows", "machine": "AMD64"}, "use WSL"),
        ({"system": "Darwin"}, "none for Darwin on x86_64"),
        ({"machine": "riscv64"}, "none for Linux on riscv64"),
        ({"libc": ""}, "need glibc"),
        ({"free": 4.9e9}, "needs 5 GB while it is made, and 4.9 GB are free"),
    ],
)
def test_other_systems_are_told_what_is_needed(machine, said):
    assert said in bootstrap.refusal(**FINE | machine)


def test_versions_are_those_of_the_package():
    project = (ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={".".join(map(str, bootstrap.OLDEST))}"' in project
    assert f"Python {'.'.join(map(str, bootstrap.OLDEST))} to" in (ROOT / "README.md").read_text()


PIP = """:env:.index-url='https://env/simple'
global.index-url='https://global/simple'
install.extra-index-url='https://b/simple https://c/simple'
global.extra-index-url='https://a/simple'
global.find-links='/wheels\\n/more'
global.timeout='60'
download.no-index='1'
a line that is none of these
"""


def test_uv_looks_where_pip_looks():
    assert bootstrap.index_variables(PIP, {}) == {
        "UV_DEFAULT_INDEX": "https://env/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert bootstrap.index_variables("", {}) == {}


@pytest.mark.parametrize("name", ["UV_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_what_is_said_to_uv_itself_stands(name):
    found = bootstrap.index_variables(PIP, {name: "x", "UV_INDEX": "y"})
    assert found == {"UV_FIND_LINKS": "/wheels,/more"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course in a folder of an awkward name, with an environment that does not cost 3 GB."""
    place = tmp_path / "내 강의 (1)" / "it's $5"
    place.mkdir(parents=True)
    for name in ("pyproject.toml", "requirements.txt", "requirements-gpu.txt"):
        shutil.copy(ROOT / name, place / name)
    monkeypatch.chdir(place)
    monkeypatch.setattr(bootstrap, "_run", Commands())
    return place


class Commands:
    """Makes environments without pip, and only writes down what else would be run."""

    def __init__(self):
        self.called = []

    def __call__(self, command, what, env=None):
        command = [str(part) for part in command]
        self.called.append((command, env))
        if "venv" in command:
            subprocess.run([*command, "--without-pip"], check=True)

    def take(self):
        called, self.called = self.called, []
        return [" ".join(command) for command, _ in called]


def made(*arguments):
    """Bring the environment up to date; return the commands that it took."""
    bootstrap.main(arguments)
    return bootstrap._run.take()


def test_environment_is_made_once(folder):
    venv, uv, sync, course = made()
    assert venv.endswith(f"-m venv {folder}/.venv")
    assert "--require-hashes" in uv and "--require-hashes" in sync
    assert sync.endswith("requirements.txt")
    assert course.endswith(f"--no-deps --no-build-isolation --editable {folder}")
    assert made() == []


def test_announces_what_is_to_come(folder, capsys):
    made()
    assert "GB to download" in capsys.readouterr().out
    made()
    assert capsys.readouterr().out == ""


def test_uv_comes_with_its_checksums(folder):
    made()
    name, *hashes = (folder / ".venv" / "uv.txt").read_text().splitlines()
    assert name.startswith("uv==") and len(hashes) > 5
    assert all(line.strip().startswith("--hash=sha256:") for line in hashes)


def test_times_and_settings_of_tools_reinstall_nothing(folder):
    made()
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 100", "line-length = 90"))
    for time in (None, (LONG_AGO, LONG_AGO)):
        for path in folder.iterdir():
            os.utime(path, time)
        assert made() == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("requirements.txt", "numpy==", "numpy== "), ("pyproject.toml", '"scipy>=', '"scipy>'),
     ("pyproject.toml", "flit_core.buildapi", "flit_core.others")],
)  # fmt: skip
def test_another_lock_or_package_is_installed_even_if_older(folder, name, old, new):
    made()
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, (LONG_AGO, LONG_AGO))
    commands = made()
    assert len(commands) == 3 and "uv pip sync" in commands[1]  # into the environment that is there


def test_gpu_is_on_until_it_is_turned_off(folder):
    made()
    assert "requirements-gpu.txt" in made("--gpu", "1")[2]
    assert made("--gpu", "yes") == made("--gpu", "") == []
    lock = folder / "requirements-gpu.txt"
    lock.write_text(f"{lock.read_text()}\n")
    assert "requirements-gpu.txt" in made()[2]
    assert "requirements-gpu.txt" not in " ".join(made("--gpu", "0"))
    assert made("--gpu", "off") == made() == []
    with pytest.raises(bootstrap.BootstrapError, match="GPU=maybe is not known; expected GPU=1"):
        made("--gpu", "maybe")


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_environment_knows_its_place(folder, tmp_path, monkeypatch, how, capsys):
    made()
    elsewhere = tmp_path / "elsewhere"
    if how == "rename":
        folder.rename(elsewhere)
    else:
        shutil.copytree(folder, elsewhere, symlinks=True)
    monkeypatch.chdir(elsewhere)
    commands = made()
    assert commands[0].endswith(f"-m venv {elsewhere}/.venv") and len(commands) == 4
    assert "made elsewhere or with another Python" in capsys.readouterr().out
    assert made() == []


def test_environment_whose_python_is_gone_is_made_anew(folder):
    made()
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert "-m venv" in made()[0]
    assert made("--chosen") == []


def test_a_python_that_is_named_is_used(folder, monkeypatch):
    made()
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 13, 0))
    assert made() == []  # an environment keeps its own
    assert "-m venv" in made("--chosen")[0]


def test_installation_that_breaks_off_is_begun_again(folder, monkeypatch):
    commands = bootstrap._run

    def breaks(command, what, **options):
        if "sync" in command:
            raise bootstrap.BootstrapError(what)
        commands(command, what, **options)

    monkeypatch.setattr(bootstrap, "_run", breaks)
    with pytest.raises(bootstrap.BootstrapError, match="packages could not be installed"):
        bootstrap.main([])
    assert not (folder / ".venv" / ".ready").exists()
    monkeypatch.setattr(bootstrap, "_run", commands)
    commands.take()
    assert len(made()) == 3  # the environment itself is there
    assert json.loads((folder / ".venv" / ".ready").read_text())["kind"] == "cpu"


def test_jupyterlab_is_installed_again_after_what_removed_it(folder):
    made()
    (folder / ".venv" / ".lab").write_text("")
    assert made() == [] and (folder / ".venv" / ".lab").exists()
    made("--gpu", "1")
    assert not (folder / ".venv" / ".lab").exists()


def test_a_folder_that_is_no_environment_is_left_alone(folder):
    (folder / ".venv").mkdir()
    (folder / ".venv" / "thesis.tex").write_text("mine")
    with pytest.raises(bootstrap.BootstrapError, match=r"\.venv is no environment of Python"):
        made()
    assert (folder / ".venv" / "thesis.tex").read_text() == "mine"


def test_a_home_that_cannot_be_written_is_not_needed(folder, monkeypatch, tmp_path):
    (tmp_path / "a file").write_text("")
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file" / "cache"))
    bootstrap.main([])
    for command, environment in bootstrap._run.called[1:]:
        assert environment["UV_CACHE_DIR"] == str(folder / ".venv" / ".cache"), command
        assert environment["PIP_NO_CACHE_DIR"] == "1"


def test_variables_of_python_do_not_reach_the_installation(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    bootstrap.main([])
    for command, environment in bootstrap._run.called[1:]:
        assert "PYTHONPATH" not in environment, command


def test_refusal_comes_before_anything_is_done(folder, monkeypatch):
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "riscv64")
    with pytest.raises(bootstrap.BootstrapError, match="riscv64"):
        made()
    assert bootstrap._run.take() == [] and not (folder / ".venv").exists()


def test_command_ends_with_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", bootstrap.__file__, "--gpu", "perhaps"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, capture_output=True,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "✗ GPU=perhaps is not known; expected GPU=1 or GPU=0.\n"


def test_needs_nothing_but_the_standard_library():
    code = f"exec(open({bootstrap.__file__!r}).read(), {{'__name__': 'x'}})"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

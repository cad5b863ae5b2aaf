"""The door: when the environment is made anew, and who is asked before a system is changed."""

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONG_AGO = 1_000_000_000
# Nothing of the `make test` that runs the tests, if it does.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


# The environment. `make --dry-run` prints what it would do, so nothing is installed here.


@pytest.fixture
def folder(tmp_path):
    """A folder with an environment, as `make` believes."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-gpu.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    believe(tmp_path, install(tmp_path))
    return tmp_path


def install(folder, *arguments):
    """Return what `make` would do to bring the environment up to date."""
    done = subprocess.run(
        ["make", "--dry-run", ".venv/.ready", *arguments],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return "" if "is up to date" in done.stdout else done.stdout


def believe(folder, commands):
    """Do of these commands only the last, which notes what was installed."""
    (noted,) = re.findall(r"^echo (\S+) > \.venv/\.ready$", commands, re.MULTILINE)
    (folder / ".venv/.ready").write_text(f"{noted}\n")


def test_environment_is_made_once(folder):
    assert install(folder) == ""
    (folder / ".venv/.ready").unlink()
    assert "uv pip sync" in install(folder)


def test_times_and_settings_of_tools_reinstall_nothing(folder):
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 100", "line-length = 90"))
    for time in (None, (LONG_AGO, LONG_AGO)):
        for path in folder.iterdir():
            os.utime(path, time)
        assert install(folder) == ""
    assert "line-length = 90" in project.read_text()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("requirements.txt", "numpy==", "numpy== "), ("pyproject.toml", '"scipy>=', '"scipy>'),
     ("pyproject.toml", 'where = ["src"]', 'where = ["lib"]')],
)  # fmt: skip
def test_another_lock_or_package_is_installed_even_if_older(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert "uv pip sync" in install(folder)


def test_gpu_brings_cuda_into_an_environment_that_is_there(folder):
    commands = install(folder, "GPU=1")
    assert commands.index("uv pip sync") < commands.index("-r requirements-gpu.txt")
    believe(folder, commands)
    assert install(folder, "GPU=1") == install(folder) == ""  # and there it stays
    lock = folder / "requirements-gpu.txt"
    lock.write_text(f"{lock.read_text()}\n")
    assert "-r requirements-gpu.txt" in install(folder)


def test_installation_that_breaks_off_is_begun_again(folder):
    (folder / "requirements.txt").write_text("\n")
    broken = subprocess.run(
        ["make", ".venv/.ready", "PYTHON=false"],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert broken.returncode != 0 and not (folder / ".venv/.ready").exists()


# The system's packages, with commands that only write down how they were called.


class System:
    """A machine with its own apt, on which `make system-packages` can do no harm."""

    def __init__(self, folder, user):
        self.called = folder / "called"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.called.write_text("")
        self._command("id", f"echo {user}")
        self._command("dpkg", 'test "$2" = munge')  # the one that is there
        self._command("apt-get", f'echo "apt-get $*" >> {self.called}')
        self._command("sudo", f'echo "sudo $*" >> {self.called}')

    def _command(self, name, does):
        (self.bin / name).write_text(f"#!/bin/sh\n{does}\n")
        (self.bin / name).chmod(0o755)

    def without(self, name):
        (self.bin / name).unlink()
        for needed in ("sh", "cat", "dirname", "make", "env", "awk", "cksum", "tr"):
            (self.bin / needed).symlink_to(shutil.which(needed))
        self.path = str(self.bin)

    path = None

    def make(self, answer=None):
        """Return exit status and what was said, answered from a terminal if there is an answer."""
        terminal, ours = pty.openpty()
        if answer is not None:
            os.write(terminal, f"{answer}\n".encode())
        try:
            done = subprocess.run(
                ["make", "system-packages"],
                cwd=ROOT, stdin=subprocess.DEVNULL if answer is None else ours, timeout=60,
                env={**ENVIRONMENT, "PATH": self.path or f"{self.bin}:{os.environ['PATH']}"},
                capture_output=True, text=True,
            )  # fmt: skip
        finally:
            os.close(terminal)
            os.close(ours)
        return done.returncode, done.stdout + done.stderr


MISSING = "chromium dataset-fashion-mnist slurm-client slurmctld slurmd"


def test_root_installs_what_is_missing_without_a_question(tmp_path):
    system = System(tmp_path, user=0)
    assert system.make() == (0, "")
    update, install = system.called.read_text().splitlines()
    assert update.startswith("apt-get update")
    assert install.startswith("apt-get install -y") and install.endswith(f" {MISSING}")


def test_others_are_told_what_is_missing_and_nothing_is_changed(tmp_path):
    system = System(tmp_path, user=1000)
    status, said = system.make()
    assert status != 0 and system.called.read_text() == ""
    assert f"sudo apt-get install --no-install-recommends {MISSING}" in said
    assert "[y/N]" not in said and "✗ Install them, then run again" in said


@pytest.mark.parametrize("answer", ["", "n", "what?"])
def test_others_are_asked_and_may_refuse(tmp_path, answer):
    system = System(tmp_path, user=1000)
    status, said = system.make(answer)
    assert status != 0 and system.called.read_text() == ""
    assert "now? [y/N]" in said and "✗ Install them, then run again" in said


def test_others_are_asked_and_may_agree(tmp_path):
    system = System(tmp_path, user=1000)
    assert system.make("y")[0] == 0
    update, install = system.called.read_text().splitlines()
    assert update == "sudo apt-get update -qq"
    assert install.startswith("sudo env DEBIAN_FRONTEND") and install.endswith(f" {MISSING}")


def test_systems_without_apt_are_left_alone(tmp_path):
    system = System(tmp_path, user=1000)
    system.without("apt-get")
    assert system.make() == (0, "")


def test_make_lists_at_most_ten_targets():
    shown = subprocess.run(
        ["make"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    targets = [line.split()[1] for line in shown.stdout.splitlines() if line.startswith("make ")]
    assert {"book", "test", "bench", "record", "serve"} <= set(targets) and len(targets) <= 10

"""The door: when the environment is made anew, and who is asked before a system is changed."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Nothing of the `make test` that runs the tests, if it does.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def make(*arguments, **variables):
    """Return exit status and what was said."""
    done = subprocess.run(
        ["make", "--assume-old=.venv/.ready", *arguments],
        cwd=ROOT, env=ENVIRONMENT | variables, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_python_that_is_not_there_is_named():
    done = subprocess.run(
        ["make", ".venv/.ready", "PYTHON=python2.99"],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode and "✗ There is no python2.99. Name another Python" in done.stderr


@pytest.mark.parametrize("target", ["book", "record", "nbval", "colab"])
def test_unknown_chapter_is_answered_with_the_list(target):
    status, said = make(target, "ONLY=4711")
    assert status and "ONLY=4711 is the name of no chapter" in said
    assert "  03_initialization\n" in said and "Traceback" not in said


def test_chapters_are_named_by_number_or_name():
    _, said = make("--dry-run", "book", "ONLY=3 07_optimizers")
    assert "-m trainlab.book.chosen 3 07_optimizers" in said and "--prioritize" not in said


def test_unknown_executor_is_answered_with_those_there_are():
    status, said = make("book", "EXECUTOR=pbs")
    assert status and "EXECUTOR=pbs is not known; there are local slurm slurm-gpu." in said


def test_serve_says_what_to_build():
    status, said = make("serve", "EDITION=never")
    assert status and "There is no site in _build/never/site. Build it first: make book" in said


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

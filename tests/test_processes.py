"""One build at a time, and no process that outlives its build."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from trainlab.book import processes


def python(code, **options):
    return subprocess.Popen(
        [sys.executable, "-c", f"from trainlab.book import processes\n{code}"],
        stdout=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def ends(pid, seconds=10):
    """Say whether a process ends within a time."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for _ in range(seconds * 20):
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.05)
        return False
    return True


def test_lock_ends_with_its_process(tmp_path, capsys):
    holder = python(
        f"import pathlib, time\n"
        f"lock = processes.only_build(pathlib.Path({str(tmp_path)!r}))\n"
        "print(1, flush=True); time.sleep(60)"
    )
    holder.stdout.readline()
    with pytest.raises(SystemExit, match=r"Another build of .* is running. Wait for it to end"):
        processes.only_build(tmp_path)
    holder.kill()
    holder.wait()
    processes.only_build(tmp_path).close()


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"Not a directory: .*file/quick.*make it writable"):
        processes.only_build(tmp_path / "file" / "quick")


# A command that leaves a process of its own behind, as the server that renders mathematics can.
LEAVES_ONE = "sleep 60 & echo $!; {then}"


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_group_ends_with_its_command_and_with_its_caller(how):
    command = ["sh", "-c", LEAVES_ONE.format(then="exit 3" if how == "ends" else "wait")]
    caller = python(
        "import os, sys\n"
        f"status = processes.run_group({command!r}, output=sys.stdout, env=dict(os.environ))\n"
        "sys.exit(status)"
    )
    left = int(caller.stdout.readline())
    if how == "killed":
        caller.kill()
    assert caller.wait(timeout=20) == (3 if how == "ends" else -signal.SIGKILL)
    assert ends(left)


def test_job_ends_with_its_parent():
    job = "processes.end_with_parent(); import os, time; print(os.getpid(), flush=True)"
    code = f"from trainlab.book import processes; {job}; time.sleep(60)"
    parent = python(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}], check=True)"
    )
    pid = int(parent.stdout.readline())
    assert not ends(pid, seconds=2)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert ends(pid)


def test_only_the_first_signal_counts():
    stopped = python(
        """import signal, time
processes.stop_on_signal(then=lambda: print("stopping", flush=True))
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    for number in processes.SIGNALS:
        signal.raise_signal(number)
    print("cleaned up", flush=True)
"""
    )
    assert stopped.stdout.readline() == "ready\n"
    stopped.send_signal(signal.SIGINT)
    assert stopped.communicate(timeout=30)[0] == "stopping\ncleaned up\n"

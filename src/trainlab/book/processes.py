"""The processes of a build: one build at a time, and none of its processes outlives it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

__all__ = ["end_with_parent", "only_build", "run_group", "stop_children", "stop_on_signal"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def only_build(folder: Path) -> IO:
    """Lock a folder for this process, and return the open lock to be kept.

    The lock ends with the process, however it ends, so that a build after a loss of power does not
    have to be unlocked.

    Raises:
        SystemExit: Another process builds there, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        sys.exit(f"✗ {error}. {folder} holds what is built: make it writable, then run again.")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"✗ Another build of {folder} is running. Wait for it to end, then run again.")
    return lock


def stop_on_signal(then: Callable[[], None] = lambda: None) -> None:
    """Make the first SIGINT or SIGTERM call `then` and raise KeyboardInterrupt.

    Further ones, which come when a terminal and a parent both pass the signal on, are ignored, so
    that they do not disturb the cleaning up.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        then()
        raise KeyboardInterrupt

    for each in SIGNALS:
        signal.signal(each, stop)


def stop_children() -> None:
    """Ask the jobs of this process to stop."""
    print("\n✗ Stopped. What is done is kept: run again to go on from there.", file=sys.stderr)
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()


def end_with_parent() -> None:
    """End this process when its parent is gone, as a job's is when its build was killed."""
    # The thread that Jupyter's kernels start for the same reason.
    from ipykernel.parentpoller import ParentPollerUnix

    parent = os.getppid()
    # An orphan from the start belongs to process 1; the thread looks for that when given a 0.
    ParentPollerUnix(0 if parent == 1 else parent).start()


def run_group(command: Sequence[str], *, output: IO, env: dict[str, str]) -> int:
    """Run a command with everything that it starts as one group; return its exit status.

    All of the group ends with the command, or with this process if that ends first, however it
    ends: the shell waits for the end of a pipe whose other end this process holds.
    """
    guard = 'exec 3<&0; (read -r _ <&3; kill -KILL 0) & exec "$@" 3<&- </dev/null'
    group = subprocess.Popen(
        ["/bin/sh", "-c", guard, "sh", *command],
        env=env,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return group.wait()
    finally:
        if group.stdin is not None:
            group.stdin.close()

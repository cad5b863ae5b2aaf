"""Failures of the course's commands as a terminal shows them: what happened and how to mend it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

__all__ = ["explained"]

_MENDING = {
    errno.ENOSPC: "The disk is full: free some space, then run again.",
    errno.EDQUOT: "Your share of the disk is full: free some space, then run again.",
    errno.EROFS: "This place is read-only: make it writable, then run again.",
    errno.EACCES: "Give yourself the right to it, then run again.",
}


@contextlib.contextmanager
def explained(*expected: type[Exception], file: TextIO | None = None) -> Iterator[None]:
    """End the command with a message, instead of a traceback, when one of these errors is raised.

    Args:
        expected: Errors whose message says how to mend them; those of the system are added.
        file: Where the message goes, standard error unless given.
    """
    explicable: tuple[type[Exception], ...] = (OSError, *expected)
    try:
        yield
    except explicable as error:
        print(f"\n✗ {_message(error)}\n", file=file or sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + 2)


def _message(error: Exception) -> str:
    # An error of `copytree` lists every file; the first tells enough.
    text = "{0}: {2}".format(*error.args[0][0]) if isinstance(error, shutil.Error) else str(error)
    mending = [mend for number, mend in _MENDING.items() if os.strerror(number) in text]
    return " ".join([f"{text.removesuffix('.')}.", *mending]) if mending else text

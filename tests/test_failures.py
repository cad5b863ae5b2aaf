"""What a terminal shows when a command fails: what happened and how to mend it, no traceback."""

import errno
import io
import os
import shutil

import pytest

from trainlab.book import failures


class Refused(RuntimeError):
    """An error whose message says how to mend it."""


def said(error, *expected):
    """Return what is printed for an error, and the code with which the command ends."""
    file = io.StringIO()
    with pytest.raises(SystemExit) as end, failures.explained(*expected, file=file):
        raise error
    return file.getvalue(), end.value.code


def test_expected_error_ends_the_command_with_its_message():
    assert said(Refused("Chapter 03 is broken. Mend it."), Refused) == (
        "\n✗ Chapter 03 is broken. Mend it.\n\n", 1,
    )  # fmt: skip


def test_message_goes_to_standard_error_by_default(capsys):
    with pytest.raises(SystemExit), failures.explained(Refused):
        raise Refused("Mend it.")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "\n✗ Mend it.\n\n")


@pytest.mark.parametrize("expected", [(), (KeyError,)])
def test_error_that_nobody_expects_keeps_its_traceback(expected):
    with pytest.raises(Refused), failures.explained(*expected):
        raise Refused("a bug")


@pytest.mark.parametrize(
    ("number", "mending"),
    [
        (errno.ENOSPC, "The disk is full: free some space, then run again."),
        (errno.EDQUOT, "Your share of the disk is full: free some space, then run again."),
        (errno.EROFS, "This place is read-only: make it writable, then run again."),
        (errno.EACCES, "Give yourself the right to it, then run again."),
    ],
)
def test_error_of_the_system_says_how_to_mend_it(number, mending):
    shown, code = said(OSError(number, os.strerror(number), "/x/report.json"))
    assert code == 1 and "/x/report.json" in shown
    assert shown.endswith(f" {mending}\n\n")


def test_other_error_of_the_system_is_shown_as_it_is():
    shown, _ = said(FileNotFoundError(errno.ENOENT, "No such file or directory", "a.ipynb"))
    assert shown == "\n✗ [Errno 2] No such file or directory: 'a.ipynb'\n\n"


def test_error_of_a_copied_folder_names_its_first_file():
    full = os.strerror(errno.ENOSPC)
    files = [("pages/a.md", "book/a.md", full), ("pages/b.md", "book/b.md", full)]
    shown, _ = said(shutil.Error(files))
    assert shown.startswith(f"\n✗ pages/a.md: {full}. The disk is full: free some space")
    assert "b.md" not in shown


def test_interruption_ends_quietly_with_the_code_of_its_signal():
    assert said(KeyboardInterrupt(), Refused) == ("", 130)


def test_nothing_happens_where_nothing_fails(capsys):
    with failures.explained(Refused):
        pass
    assert capsys.readouterr().err == ""

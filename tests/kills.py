"""Kill builds at random moments, as a loss of power does: `python tests/kills.py --help`.

Each kill is followed by a build that has to end with the same claims and a whole site, and no
process of either may be left.
"""

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import nbformat
import tiny

__all__ = ["course", "kill", "main", "refuse_partial"]

NAME = "04_one"
CLAIM = 'claims.identity("04.same", "Both are the same.", [1.0], [1.0])'


def course(folder):
    """Return a course that is built in seconds: one chapter, no TensorFlow."""
    pages = ["misconceptions", "ledger", "run_report"]
    return tiny.Book(folder, {NAME: [CLAIM]}, run=tiny.RECORD, pages=pages)


def kill(build, seconds=0.0):
    """Send SIGKILL to a running build's process group after a time; say whether it still ran."""
    try:
        build.wait(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()
        return True


def refuse_partial(book, claims, site):
    """Raise AssertionError if a file of a build is there but not whole.

    Args:
        book: The course.
        claims: What `book.claims()` returns after a whole build.
        site: What `book.site()` returns after a whole build.
    """
    executed = book.build / "executed" / f"{NAME}.ipynb"
    if executed.exists():
        nbformat.validate(nbformat.read(executed, as_version=4))
    if (book.build / "claims.json").exists():
        assert book.claims() == claims
    if (book.build / "site").exists():
        assert book.site().keys() == site.keys()
        for page in (book.build / "site").rglob("*.html"):
            assert page.read_text().rstrip().endswith("</html>"), page


def main(arguments=None):
    """Kill as many builds as asked for, and print how many completed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        book = course(Path(folder))
        started = time.monotonic()
        finished = book.make()
        length = time.monotonic() - started
        assert finished.returncode == 0, finished.stdout + finished.stderr
        claims, site = book.claims(), book.site()
        completed = number = 0
        while number < options.kills:
            book.change(f"chapters/{NAME}.ipynb")
            moment = moments.uniform(0, length)
            if not kill(book.start(), moment):
                continue
            number += 1
            try:
                refuse_partial(book, claims, site)
                finished = book.make()
                assert finished.returncode == 0, finished.stdout + finished.stderr
                refuse_partial(book, claims, site)
                assert (book.build / "site" / "index.html").exists()
                assert book.processes() == []
            except AssertionError as error:
                print(f"{number}: killed after {moment:.2f} s, then\n{error}\n", flush=True)
            else:
                completed += 1
            seconds = (time.monotonic() - started) / number
            print(f"{completed} of {number}, {seconds:.0f} s a kill", flush=True)
    print(f"{completed} of {options.kills}")
    raise SystemExit(completed != options.kills)


if __name__ == "__main__":
    main()

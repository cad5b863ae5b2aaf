"""Keep what the claims said in other versions: `python -m trainlab.book.versions`.

Takes the ledgers that `trainlab.book.elsewhere` wrote into `results/versions/`, one a set of
versions, from which the site's page "Versions" is made.
"""

from __future__ import annotations

import argparse
import json
import sys
from html import escape
from pathlib import Path

import yaml

from trainlab import claim_card
from trainlab.book import compare, contents, elsewhere

__all__ = ["differences", "keep", "main", "page", "read"]

FOLDER = Path("results", "versions")
REASONS = Path("pages", "versions.yml")

_NAMES = {"oldest": "Oldest", "colab": "Colab", "newest": "Newest"}
_PACKAGES = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}


def read(root: Path) -> dict[str, dict]:
    """Return the ledgers that are kept, by the name of their environment, the oldest first."""
    folder = root / FOLDER
    return {name: compare.read_ledger(folder / f"{name}.json") for name in elsewhere.ENVIRONMENTS}


def keep(root: Path) -> list[Path]:
    """Copy the ledgers of `_build/elsewhere/` into `results/versions/` and return their paths.

    Raises:
        ValueError: An environment was not run, or not with every chapter.
    """
    chapters = contents.chapters_in_toc(root)
    found = {}
    for name in elsewhere.ENVIRONMENTS:
        ledger = compare.read_ledger(root / "_build" / "elsewhere" / name / "claims.json")
        missing = sorted(set(chapters) - {claim["chapter"] for claim in ledger["claims"]})
        if missing:
            raise ValueError(
                f"{name!r} has no claims of {', '.join(missing)}. Expected is a run of all "
                f"chapters: python -m trainlab.book.elsewhere {name}"
            )
        found[name] = ledger
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    paths = [root / FOLDER / f"{name}.json" for name in found]
    for path, ledger in zip(paths, found.values(), strict=True):
        path.write_text(json.dumps(ledger, indent=1, ensure_ascii=False) + "\n")
    return paths


def differences(ledgers: dict[str, dict]) -> dict[str, dict[str, str | None]]:
    """Return the claims whose verdicts differ: by id, the verdict in each environment.

    A claim that an environment did not measure has the verdict None there.
    """
    by_name = {
        name: {claim["id"]: claim["verdict"] for claim in ledger["claims"]}
        for name, ledger in ledgers.items()
    }
    ids = sorted({claim for verdicts in by_name.values() for claim in verdicts})
    rows = {id: {name: by_name[name].get(id) for name in by_name} for id in ids}
    return {id: row for id, row in rows.items() if len(set(row.values())) > 1}


def page(root: Path) -> str:
    """Return the page "Versions" as MyST: versions × chapters × verdicts, and what differs.

    Raises:
        ContentsError: A difference has no reason in `pages/versions.yml`.
    """
    ledgers = read(root)
    reasons = yaml.safe_load((root / REASONS).read_text()) or {}
    differ = differences(ledgers)
    unexplained = sorted(set(differ) - set(reasons))
    if unexplained:
        raise contents.ContentsError(
            f"{REASONS}: the verdicts of {', '.join(unexplained)} differ between versions. "
            "Say why, under the claim's id."
        )
    lines = [
        "# Versions",
        "",
        "A course rots with the versions that it was written for. So each chapter is executed with "
        "the oldest versions that the course supports, with those that Colab has, and with the "
        "newest, each time alone in an empty folder, where its first cell has to fetch the course. "
        "A claim whose verdict is not one that the text was written for stops the run.",
        "",
        _table(["", *(_NAMES[name] for name in ledgers)], _environments(ledgers)),
        "",
        "## What came out",
        "",
        "Each cell counts the claims of the chapter (quick edition): supported, refuted and "
        "inconclusive. All of them came out as the text says.",
        "",
        _table(["Chapter", *(_NAMES[name] for name in ledgers)], _chapters(root, ledgers)),
        "",
        "## What differs",
        "",
    ]
    if not differ:
        lines.append("Every claim has the same verdict in all of them.")
    else:
        lines.append(
            "A contrast of few seeds may be inconclusive in the quick edition, and a claim about "
            "time may leave a question to the machine. Everything that differs is listed here."
        )
        rows = [
            [
                f"{_link(ledgers, id)}<br>{escape(reasons[id])}",
                *(_verdict(ledgers[name], id) for name in ledgers),
            ]
            for id in differ
        ]
        lines += ["", _table(["Claim", *(_NAMES[name] for name in ledgers)], rows)]
    return "\n".join(lines) + "\n"


def _environments(ledgers: dict[str, dict]) -> list[list[str]]:
    rows = [
        [label, *(escape(ledger["versions"][package]) for ledger in ledgers.values())]
        for package, label in _PACKAGES.items()
    ]
    return [*rows, ["Measured", *(ledger["created"][:10] for ledger in ledgers.values())]]


def _chapters(root: Path, ledgers: dict[str, dict]) -> list[list[str]]:
    rows = []
    for chapter in contents.chapters_in_toc(root):
        title = contents.title_of(root / "chapters" / f"{chapter}.ipynb")
        cells = [
            _unbroken(contents.verdicts([c for c in ledger["claims"] if c["chapter"] == chapter]))
            for ledger in ledgers.values()
        ]
        rows.append([f'<a href="../chapters/{chapter}.html">{escape(title)}</a>', *cells])
    return rows


def _unbroken(counts: str) -> str:
    """Return "1 supported, 2 refuted" as HTML that breaks between the counts only."""
    return ", ".join(f"<span>{count}</span>" for count in counts.split(", "))


def _link(ledgers: dict[str, dict], id: str) -> str:
    claims = (claim for ledger in ledgers.values() for claim in ledger["claims"])
    chapter = next(claim["chapter"] for claim in claims if claim["id"] == id)
    address = f"../chapters/{chapter}.html#{claim_card.anchor(id)}"
    return f'<a href="{address}"><code>{escape(id)}</code></a>'


def _verdict(ledger: dict, id: str) -> str:
    found = [claim for claim in ledger["claims"] if claim["id"] == id]
    if not found:
        return "not measured"
    return f"{claim_card.badge(found[0])}<br>{escape(claim_card.interval(found[0]))}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    """Return an HTML table whose first column names the rows."""
    heads = "".join(
        f'<th scope="col">{name}</th>' if name else '<td aria-hidden="true"></td>'
        for name in header
    )
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(
            f'<td data-label="{label}">{cell}</td>'
            for label, cell in zip(header[1:], cells, strict=True)
        )
        + "</tr>"
        for name, *cells in rows
    )
    return (
        f'<table class="table versions"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def main(arguments=None) -> None:
    """Keep the ledgers of all environments."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    try:
        for path in keep(Path.cwd()):
            print(f"✓ {path}")
    except ValueError as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()

"""Gather the claims and reports of executed chapters: `python -m trainlab.book.ledger --help`.

Holds the run against the record, then writes `claims.json` and `report.json`, and from them the
pages "ledger" and "run report".
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import nbformat

from trainlab import record
from trainlab.book import contents, failures
from trainlab.book.ledger_pages import ledger_page, report_page
from trainlab.book.moved import MOVED_SHARE, Moved, moved
from trainlab.cards import numbers, wording
from trainlab.claims import DISAGREEMENTS
from trainlab.claims import MIME_TYPE as CLAIM_MIME_TYPE
from trainlab.editions import MIME_TYPE as RUN_MIME_TYPE
from trainlab.files import write_whole
from trainlab.record import schema

__all__ = ["LedgerError", "claims_of", "gather", "ledger_of", "main", "run_of"]


class LedgerError(RuntimeError):
    """An executed chapter's claims cannot be entered; the message names chapter and claim."""


# A claim comes from a notebook, which can hold anything.
_CLAIM = jsonschema.Draft202012Validator(schema.of_claim())
_HOW_TO_MARK = (
    "`make book DISAGREEMENTS=mark` builds the site with the cards marked, for a look at them; it "
    "is never for publishing."
)


def _outputs(notebook: nbformat.NotebookNode, mime_type: str) -> Iterator[tuple[int, dict]]:
    for number, cell in enumerate(
        (cell for cell in notebook.cells if cell.cell_type == "code"), start=1
    ):
        for output in cell.outputs:
            if mime_type in output.get("data", {}):
                yield number, output["data"][mime_type]


def claims_of(notebook: nbformat.NotebookNode, chapter: str) -> list[dict]:
    """Return the claims of an executed notebook, each with its chapter's name.

    Raises:
        LedgerError: One is malformed, or its id belongs to another chapter or occurs twice.
    """
    claims: list[dict] = []
    for number, claim in _outputs(notebook, CLAIM_MIME_TYPE):
        _refuse_malformed(claim, f"{chapter}, code cell {number}")
        if not claim["id"].startswith(chapter[:3].replace("_", ".")):
            raise LedgerError(
                f"{chapter}, code cell {number}: claim {claim['id']!r} must begin with "
                f"{chapter[:2] + '.'!r}, the chapter's number."
            )
        if any(claim["id"] == other["id"] for other in claims):
            raise LedgerError(
                f"{chapter}, code cell {number}: claim {claim['id']!r} occurs twice; rename one."
            )
        claims.append({"id": claim["id"], "chapter": chapter, **claim})
    return claims


def _refuse_malformed(claim: dict, where: str) -> None:
    for error in _CLAIM.iter_errors(claim):
        name = error.json_path.removeprefix("$.")
        what = f"{error.validator} {error.validator_value!r}, received {error.instance!r:.80}"
        raise LedgerError(
            f"{where}: the claim's record is malformed: {name}: expected {what}. Make the claim "
            "with `trainlab.claims`, and shorten its statement if that is what is too long."
        )
    texts = [(name, claim[name]) for name in ("id", "statement", "criterion", "unit")]
    texts += [("a side", side) for side in claim["values"].get("sides", [])]
    for name, text in texts:
        if not text.isprintable():
            strange = next(character for character in text if not character.isprintable())
            raise LedgerError(
                f"{where}: {name} of claim {claim['id']!r} holds the character {strange!a}. "
                "Expected is one line of printable text: remove the character."
            )


def run_of(notebook: nbformat.NotebookNode, chapter: str) -> dict:
    """Return what `runtime.setup` recorded in an executed notebook: edition, device, versions."""
    runs = [run for _, run in _outputs(notebook, RUN_MIME_TYPE)]
    if len(runs) != 1:
        raise LedgerError(
            f"{chapter}: found {len(runs)} records of `runtime.setup(edition)`, expected 1. "
            "Call it once, in the cell after the parameters."
        )
    return runs[0]


def ledger_of(claims: list[dict], runs: list[dict], created: str) -> dict:
    """Return the contents of `claims.json`.

    Args:
        claims: What `claims_of` returned, of all chapters.
        runs: What `run_of` returned, at least one.
        created: The time to record, in ISO 8601.
    """
    return {
        "edition": runs[0]["edition"],
        "created": created,
        "device": ", ".join(sorted({run["device"] for run in runs})),
        "cores": runs[0]["cores"],
        "versions": runs[0]["versions"],
        "claims": claims,
    }


def gather(notebooks: list[Path], reports: list[Path], created: str) -> tuple[dict, dict, Moved]:
    """Return the contents of `claims.json` and `report.json`, and what moved seed by seed.

    Args:
        notebooks: The executed chapters, in the order of the book.
        reports: What `trainlab.book.execute` wrote for each.
        created: The time to record, in ISO 8601.

    Raises:
        LedgerError: A chapter's claims cannot be entered, or the run does not repeat the record.
    """
    claims, runs = [], {}
    for path in notebooks:
        notebook = _read_whole(path, _notebook)
        claims += claims_of(notebook, path.stem)
        runs[path.stem] = run_of(notebook, path.stem)
    found = moved(claims, runs)
    if os.environ.get(DISAGREEMENTS) != "mark":
        _refuse_disagreement(claims)
        _refuse_moved(found, runs)
    ledger = ledger_of(claims, list(runs.values()), created)
    shared = {name: ledger[name] for name in ("edition", "device", "versions")}
    chapters = [_read_whole(path, _report) for path in reports]
    return ledger, {**shared, "chapters": chapters, "moved": list(found.seeds)}, found


def _refuse_disagreement(claims: list[dict]) -> None:
    apart = [claim for claim in claims if claim["agrees"] is False]
    if not apart:
        return
    listed = "\n".join(f"  {claim['id']}: {_disagreement(claim)}" for claim in apart)
    raise LedgerError(
        f"{len(apart)} claim{'s' if len(apart) > 1 else ''} came out otherwise than expected:\n"
        f"{listed}\nIf an experiment was changed on purpose, commit it and measure its chapter's "
        "record anew with `make record`. If nothing was changed, this machine's arithmetic or "
        f"versions are unlike all that were recorded. {_HOW_TO_MARK}"
    )


def _disagreement(claim: dict) -> str:
    repeat = claim["repeat"]
    found = wording.this_run(claim)
    if repeat is None:
        return f"the text expects {claim['expected']}; this run found {found}."
    estimate, low, high = (numbers.number(repeat[name]) for name in ("estimate", "low", "high"))
    return (
        f"the record of the {repeat['edition']} edition has {estimate} over {repeat['n_seeds']} "
        f"seeds, and from {low} to {high} would repeat it; this run found {found} "
        f"({wording.seeds(claim)})."
    )


def _refuse_moved(found: Moved, runs: dict[str, dict]) -> None:
    counted = [id for id in found.seeds if id not in found.elsewhere]
    if len(counted) <= MOVED_SHARE * found.compared:
        return
    edition = next(iter(runs.values()))["edition"]
    raise LedgerError(
        f"In {len(counted)} of {found.compared} findings, seeds of the record came out otherwise "
        f"than there, by more than arithmetic explains: {', '.join(counted)}. Expected is one "
        f"finding in {round(1 / MOVED_SHARE)} at most. The versions and the kind of device are "
        "those of the record, so most likely the package or an experiment has changed. If that was "
        "on purpose, "
        f"commit it and measure the record anew: make record EDITION={edition}. {_HOW_TO_MARK}"
    )


def _read_whole(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except OSError:
        raise
    except Exception as error:  # a damaged file can be anything
        raise LedgerError(
            f"{path} is not whole: {error!s:.200}. Remove it and run again: the chapter is then "
            "executed anew."
        ) from error


def _notebook(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def _report(path: Path) -> dict:
    return json.loads(path.read_text())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write claims.json, report.json and their two pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", type=Path, nargs="+", required=True)
    parser.add_argument("--reports", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the edition")
    options = parser.parse_args(arguments)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with failures.explained(LedgerError, contents.ContentsError, record.RecordError):
        claims, report, found = gather(options.notebooks, options.reports, created)
        print(found)
        titles = {path.stem: contents.title_of(path) for path in options.notebooks}
        pages = options.output / "pages"
        pages.mkdir(parents=True, exist_ok=True)
        write_whole(pages / "ledger.md", ledger_page(claims, titles))
        write_whole(pages / "run_report.md", report_page(report, titles))
        write_whole(options.output / "report.json", json.dumps(report, indent=1) + "\n")
        write_whole(
            options.output / "claims.json",
            json.dumps(claims, indent=1, ensure_ascii=False) + "\n",
        )


if __name__ == "__main__":
    main()

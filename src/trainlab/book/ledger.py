"""Gather the claims and reports of executed chapters: `python -m trainlab.book.ledger --help`.

Writes `claims.json` and `report.json`, and from them the pages "ledger" and "run report".
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable
from html import escape
from pathlib import Path

import jsonschema
import nbformat

from trainlab import claim_card
from trainlab.book import charts, contents, failures
from trainlab.claims import VERDICTS
from trainlab.claims import MIME_TYPE as CLAIM_MIME_TYPE
from trainlab.editions import MIME_TYPE as RUN_MIME_TYPE

__all__ = [
    "LedgerError",
    "claims_of",
    "gather",
    "ledger_page",
    "main",
    "record_of",
    "report_page",
    "run_of",
]


class LedgerError(RuntimeError):
    """An executed chapter's claims cannot be entered; the message names chapter and claim."""


_TEXT = {"type": "string", "maxLength": 500}
_NUMBER_OR_NONE = {"type": ["number", "null"]}
# What pages and programs rely on. A record comes from a notebook, which can hold anything.
_RECORD = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": r"^\d\d\.[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 100},
        "kind": {"enum": ["identity", "bound", "contrast"]},
        "statement": {**_TEXT, "minLength": 1},
        "criterion": _TEXT,
        "expected": {"enum": ["", *VERDICTS]},
        "verdict": {"enum": VERDICTS},
        "n_seeds": {"type": "integer", "minimum": 1},
        "values": {"type": "object"},
        "estimate": {"type": "number"},
        "ci_low": _NUMBER_OR_NONE,
        "ci_high": _NUMBER_OR_NONE,
        "unit": _TEXT,
    },
}
_RECORD["required"] = list(_RECORD["properties"])
_CHECK = jsonschema.Draft202012Validator(_RECORD)


def _records(notebook, mime_type):
    for number, cell in enumerate(
        (cell for cell in notebook.cells if cell.cell_type == "code"), start=1
    ):
        for output in cell.outputs:
            if mime_type in output.get("data", {}):
                yield number, output["data"][mime_type]


def claims_of(notebook, chapter: str) -> list[dict]:
    """Return the claim records of an executed notebook, each with its chapter's name.

    Raises:
        LedgerError: A record is not one of a claim, or its id belongs to another chapter or occurs
            twice.
    """
    claims = []
    for number, record in _records(notebook, CLAIM_MIME_TYPE):
        _refuse_malformed(record, f"{chapter}, code cell {number}")
        if not record["id"].startswith(chapter[:3].replace("_", ".")):
            raise LedgerError(
                f"{chapter}, code cell {number}: claim {record['id']!r} must begin with "
                f"{chapter[:2] + '.'!r}, the chapter's number."
            )
        if any(record["id"] == other["id"] for other in claims):
            raise LedgerError(
                f"{chapter}, code cell {number}: claim {record['id']!r} occurs twice; rename one."
            )
        claims.append({"id": record["id"], "chapter": chapter, **record})
    return claims


def _refuse_malformed(record, where: str) -> None:
    for error in _CHECK.iter_errors(record):
        name = error.json_path.removeprefix("$.")
        what = f"{error.validator} {error.validator_value!r}, received {error.instance!r:.80}"
        raise LedgerError(
            f"{where}: the claim's record is malformed: {name}: expected {what}. Make the claim "
            "with `trainlab.claims`, and shorten its statement if that is what is too long."
        )
    for name in ("statement", "criterion", "unit"):
        text = record[name]
        if not text.isprintable():
            strange = next(character for character in text if not character.isprintable())
            raise LedgerError(
                f"{where}: {name} of claim {record['id']!r} holds the character {strange!a}. "
                "Expected is one line of printable text: remove the character."
            )


def run_of(notebook, chapter: str) -> dict:
    """Return what `runtime.setup` recorded in an executed notebook: edition, device, versions."""
    runs = [record for _, record in _records(notebook, RUN_MIME_TYPE)]
    if len(runs) != 1:
        raise LedgerError(
            f"{chapter}: found {len(runs)} records of `runtime.setup(edition)`, expected 1. "
            "Call it once, in the cell after the parameters."
        )
    return runs[0]


def record_of(claims: list[dict], runs: list[dict], created: str) -> dict:
    """Return the contents of `claims.json`.

    Args:
        claims: The records of `claims_of`, of all chapters.
        runs: The records of `run_of`, at least one.
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


def gather(notebooks: list[Path], reports: list[Path], created: str) -> tuple[dict, dict]:
    """Return the contents of `claims.json` and `report.json`.

    Args:
        notebooks: The executed chapters, in the order of the book.
        reports: What `trainlab.book.execute` wrote for each.
        created: The time to record, in ISO 8601.
    """
    claims, runs = [], []
    for path in notebooks:
        notebook = _whole(path, _notebook)
        claims += claims_of(notebook, path.stem)
        runs.append(run_of(notebook, path.stem))
    record = record_of(claims, runs, created)
    shared = {name: record[name] for name in ("edition", "device", "versions")}
    return record, {**shared, "chapters": [_whole(path, _report) for path in reports]}


def _whole(path: Path, read: Callable[[Path], dict]) -> dict:
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


def ledger_page(claims: dict, titles: dict[str, str]) -> str:
    """Return the ledger as a MyST page: every claim with its verdict and a link to its card.

    The tables can be filtered by chapter and verdict where scripts run (`assets/ledger.js`).
    """
    versions = ", ".join(f"{name} {version}" for name, version in claims["versions"].items())
    total = len(claims["claims"])
    found = [name for name in VERDICTS if any(c["verdict"] == name for c in claims["claims"])]
    lines = [
        "# The ledger",
        "",
        f"Every empirical sentence of this edition ({claims['edition']}) with what the build "
        f"measured: {contents.verdicts(claims['claims'])}. A sentence whose measurement disagrees "
        "with the text stops the build, so a page that you can read is a page that was checked.",
        "",
        f"Measured {claims['created'][:10]} on {claims['device']}, {claims['cores']} cores, with "
        f'{versions}. The same list for programs: <a href="../claims.json">claims.json</a>.',
        "",
        '<form class="ledger-filter pst-js-only" aria-label="Filter the claims">'
        + _choice("chapter", titles)
        + _choice("verdict", {name: name for name in found})
        + f'<output aria-live="polite">{total} of {total} claims</output></form>',
    ]
    for chapter, title in titles.items():
        rows = "".join(_row(claim) for claim in claims["claims"] if claim["chapter"] == chapter)
        lines += [
            "",
            f"## {title}",
            "",
            f'<table class="table ledger" data-chapter="{chapter}"><thead><tr><th>Verdict</th>'
            f"<th>Claim</th><th>Measured</th><th>Criterion</th></tr></thead><tbody>{rows}</tbody>"
            "</table>",
        ]
    return "\n".join(lines) + "\n"


def _choice(name: str, options: dict[str, str]) -> str:
    listed = "".join(
        f'<option value="{value}">{escape(text)}</option>' for value, text in options.items()
    )
    return (
        f'<label>{name.capitalize()} <select name="{name}"><option value="">all</option>{listed}'
        "</select></label>"
    )


def _row(claim: dict) -> str:
    link = f"../chapters/{claim['chapter']}.html#{claim_card.anchor(claim['id'])}"
    seeds = claim_card.seeds(claim)
    cells = [
        claim_card.badge(claim),
        f'<a href="{link}">{escape(claim["statement"])}</a><br><code>{claim["id"]}</code>',
        escape(claim_card.measured(claim) + (f" ({seeds})" if seeds else "")),
        escape(claim["criterion"]),
    ]
    labels = ("", "", ' data-label="Measured"', ' data-label="Criterion"')
    text = "".join(f"<td{label}>{cell}</td>" for label, cell in zip(labels, cells, strict=True))
    return f'<tr data-verdict="{claim["verdict"]}">{text}</tr>'


def report_page(report: dict, titles: dict[str, str]) -> str:
    """Return the run report as a MyST page: time and memory of every chapter, drawn and listed."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    runs = {titles[run["chapter"]]: run for run in report["chapters"]}
    seconds = {title: run["seconds"] for title, run in runs.items()}
    memory = {title: run["peak_rss_mb"] for title, run in runs.items()}
    lines = [
        "# The run report",
        "",
        f"What it took to execute this edition ({report['edition']}) on {report['device']}, one "
        f"thread a chapter, with {versions}. The time includes starting a kernel and importing "
        "TensorFlow.",
        "",
        '<div class="charts">'
        + charts.bars(seconds, title="Time of a chapter", unit="s")
        + charts.bars(memory, title="Peak memory of a chapter", unit="MB")
        + "</div>",
        "",
        "| Chapter | Time | Peak memory | Code cells | Claims |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for title, run in runs.items():
        lines.append(
            f"| [{title}](../chapters/{run['chapter']}.ipynb) | {run['seconds']:.0f} s "
            f"| {run['peak_rss_mb']:,} MB | {run['cells']} | {len(run['claims'])} |"
        )
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text)
    partial.replace(path)


def main(arguments=None) -> None:
    """Write claims.json, report.json and their two pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", type=Path, nargs="+", required=True)
    parser.add_argument("--reports", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the edition")
    options = parser.parse_args(arguments)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with failures.explained(LedgerError, contents.ContentsError):
        claims, report = gather(options.notebooks, options.reports, created)
        titles = {path.stem: contents.title_of(path) for path in options.notebooks}
        pages = options.output / "pages"
        pages.mkdir(parents=True, exist_ok=True)
        _write(pages / "ledger.md", ledger_page(claims, titles))
        _write(pages / "run_report.md", report_page(report, titles))
        _write(options.output / "report.json", json.dumps(report, indent=1) + "\n")
        _write(
            options.output / "claims.json",
            json.dumps(claims, indent=1, ensure_ascii=False) + "\n",
        )


if __name__ == "__main__":
    main()

"""Gather the claims and reports of executed chapters: `python -m trainlab.book.ledger --help`.

Holds the run against the record, then writes `claims.json` and `report.json`, and from them the
pages "ledger" and "run report".
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import jsonschema
import nbformat

from trainlab import record
from trainlab.book import charts, contents, failures
from trainlab.cards import claim as claim_card
from trainlab.claims import DISAGREEMENTS, VERDICTS
from trainlab.claims import MIME_TYPE as CLAIM_MIME_TYPE
from trainlab.editions import EDITIONS
from trainlab.editions import MIME_TYPE as RUN_MIME_TYPE
from trainlab.record import agreement

__all__ = [
    "LedgerError",
    "Moved",
    "claims_of",
    "gather",
    "ledger_page",
    "main",
    "moved",
    "record_of",
    "report_page",
    "run_of",
]


class LedgerError(RuntimeError):
    """An executed chapter's claims cannot be entered; the message names chapter and claim."""


_TEXT = {"type": "string", "maxLength": 500}
_NUMBER_OR_NONE = {"type": ["number", "null"]}
_COUNT = {"type": "integer", "minimum": 1}


def _fields(kind: str | list[str], properties: dict, optional: tuple[str, ...] = ()) -> dict:
    required = [name for name in properties if name not in optional]
    return {"type": kind, "properties": properties, "required": required}


# What pages and programs rely on. A claim comes from a notebook, which can hold anything.
_ON_RECORD = _fields(
    ["object", "null"],
    {
        "verdict": {"enum": list(VERDICTS)},
        "estimate": {"type": "number"},
        "n_seeds": _COUNT,
        "ci_low": _NUMBER_OR_NONE,
        "ci_high": _NUMBER_OR_NONE,
        "fragile": {"type": ["array", "null"], "items": _TEXT},
        "replication": {"enum": [None, "replicated", "open in replication", "reversed"]},
    },
    optional=("n_seeds", "ci_low", "ci_high", "fragile", "replication"),  # not for an equation
)
_REPEAT = _fields(
    ["object", "null"],
    {
        "edition": {"enum": list(EDITIONS)},
        "n_seeds": _COUNT,
        "estimate": {"type": "number"},
        "low": {"type": "number"},
        "high": {"type": "number"},
        "rule": {"enum": list(agreement.RULES)},
        "tells": {"type": "boolean"},
        "verdict": {"enum": list(VERDICTS)},
    },
    optional=("verdict",),
)
_SIDES = {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2}
_CLAIM = _fields(
    "object",
    {
        "id": {"type": "string", "pattern": r"^\d\d\.[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 100},
        "kind": {"enum": ["identity", "bound", "contrast"]},
        "statement": {**_TEXT, "minLength": 1},
        "criterion": _TEXT,
        "expected": {"enum": ["", *VERDICTS]},
        "verdict": {"enum": list(VERDICTS)},
        "n_seeds": _COUNT,
        "values": _fields("object", {"sides": _SIDES}, optional=("sides",)),
        "estimate": {"type": "number"},
        "ci_low": _NUMBER_OR_NONE,
        "ci_high": _NUMBER_OR_NONE,
        "unit": _TEXT,
        "record": _ON_RECORD,
        "repeat": _REPEAT,
        "agrees": {"type": ["boolean", "null"]},
    },
)
_CHECK = jsonschema.Draft202012Validator(_CLAIM)
# Of the findings that are compared seed by seed. Arithmetic that the record does not know moves up
# to one in fifteen, and runs that are other runs altogether move half of them (the tests measure
# both from the record), so that the line lies between.
MOVED_SHARE = 1 / 5
_GUIDE = '<a href="evidence.html">Evidence</a>'


def _outputs(notebook, mime_type):
    for number, cell in enumerate(
        (cell for cell in notebook.cells if cell.cell_type == "code"), start=1
    ):
        for output in cell.outputs:
            if mime_type in output.get("data", {}):
                yield number, output["data"][mime_type]


def claims_of(notebook, chapter: str) -> list[dict]:
    """Return the claims of an executed notebook, each with its chapter's name.

    Raises:
        LedgerError: One is malformed, or its id belongs to another chapter or occurs twice.
    """
    claims = []
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


def _refuse_malformed(claim, where: str) -> None:
    for error in _CHECK.iter_errors(claim):
        name = error.json_path.removeprefix("$.")
        what = f"{error.validator} {error.validator_value!r}, received {error.instance!r:.80}"
        raise LedgerError(
            f"{where}: the claim's record is malformed: {name}: expected {what}. Make the claim "
            "with `trainlab.claims`, and shorten its statement if that is what is too long."
        )
    texts = [(name, claim[name]) for name in ("statement", "criterion", "unit")]
    texts += [("a side", side) for side in claim["values"].get("sides", [])]
    for name, text in texts:
        if not text.isprintable():
            strange = next(character for character in text if not character.isprintable())
            raise LedgerError(
                f"{where}: {name} of claim {claim['id']!r} holds the character {strange!a}. "
                "Expected is one line of printable text: remove the character."
            )


def run_of(notebook, chapter: str) -> dict:
    """Return what `runtime.setup` recorded in an executed notebook: edition, device, versions."""
    runs = [run for _, run in _outputs(notebook, RUN_MIME_TYPE)]
    if len(runs) != 1:
        raise LedgerError(
            f"{chapter}: found {len(runs)} records of `runtime.setup(edition)`, expected 1. "
            "Call it once, in the cell after the parameters."
        )
    return runs[0]


def record_of(claims: list[dict], runs: list[dict], created: str) -> dict:
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
        notebook = _whole(path, _notebook)
        claims += claims_of(notebook, path.stem)
        runs[path.stem] = run_of(notebook, path.stem)
    found = moved(claims, runs)
    if os.environ.get(DISAGREEMENTS) != "mark":
        _refuse_disagreement(claims)
        _refuse_moved(found, runs)
    ledger = record_of(claims, list(runs.values()), created)
    shared = {name: ledger[name] for name in ("edition", "device", "versions")}
    chapters = [_whole(path, _report) for path in reports]
    return ledger, {**shared, "chapters": chapters, "moved": list(found.seeds)}, found


_MARK = (
    "`make book DISAGREEMENTS=mark` builds the site with the cards marked, for a look at them; it "
    "is never for publishing."
)


def _refuse_disagreement(claims: list[dict]) -> None:
    apart = [claim for claim in claims if claim["agrees"] is False]
    if not apart:
        return
    listed = "\n".join(f"  {claim['id']}: {_disagreement(claim)}" for claim in apart)
    raise LedgerError(
        f"{len(apart)} claim{'s' if len(apart) > 1 else ''} came out otherwise than expected:\n"
        f"{listed}\nIf an experiment was changed on purpose, commit it and measure its chapter's "
        "record anew with `make record`. If nothing was changed, this machine's arithmetic or "
        f"versions are unlike all that were recorded. {_MARK}"
    )


def _disagreement(claim: dict) -> str:
    repeat, number = claim["repeat"], claim_card.number
    found = claim_card.this_run(claim)
    if repeat is None:
        return f"the text expects {claim['expected']}; this run found {found}."
    return (
        f"the record of the {repeat['edition']} edition has {number(repeat['estimate'])} over "
        f"{repeat['n_seeds']} seeds, and from {number(repeat['low'])} to {number(repeat['high'])} "
        f"would repeat it; this run found {found} ({claim_card.seeds(claim)})."
    )


@dataclass(frozen=True)
class Moved:
    """What a comparison with the record seed by seed found.

    Args:
        compared: How many findings were compared in chapters that ran with the record's versions
            and kind of device.
        seeds: Claim id to its seeds whose values differ by more than arithmetic, of all chapters.
        elsewhere: The claims among them whose chapter ran with other versions or another kind of
            device, where that says nothing about the course.
    """

    compared: int
    seeds: dict[str, list[str]]
    elsewhere: frozenset[str]

    def __str__(self) -> str:
        text = f"seed by seed: {self.compared} findings compared with the record, "
        if not self.seeds:
            return f"{text}none moved"
        listed = ", ".join(f"{id} (seeds {', '.join(seeds)})" for id, seeds in self.seeds.items())
        text += f"{len(self.seeds)} moved by more than arithmetic explains: {listed}"
        if self.elsewhere:
            text += f"; {len(self.elsewhere)} of them with other versions or another kind of device"
        return text


def moved(claims: list[dict], runs: dict[str, dict]) -> Moved:
    """Compare a run with the record seed by seed, where the record knows other arithmetic.

    Args:
        claims: What `claims_of` returned, of all chapters.
        runs: Chapter to what `run_of` returned.
    """
    compared, seeds, elsewhere = 0, {}, set()
    for claim in claims:
        run = runs[claim["chapter"]]
        entry = record.claim(claim["id"], run["edition"]) if claim["repeat"] else None
        if entry is None or not entry.get("arithmetic"):
            continue
        measured = agreement.measured(claim)
        if agreement.by_seed(entry).keys().isdisjoint(measured):
            continue
        same = _as_recorded(run, record.load(run["edition"]).chapters.get(claim["chapter"]))
        compared += same
        if found := agreement.moved_seeds(entry, measured):
            seeds[claim["id"]] = found
            if not same:
                elsewhere.add(claim["id"])
    return Moved(compared, seeds, frozenset(elsewhere))


def _as_recorded(run: dict, chapter: dict | None) -> bool:
    """Return whether a chapter ran with the record's versions, on its kind of device."""
    if chapter is None:
        return False
    names = ("tensorflow", "keras", "numpy")
    same = all(run["versions"].get(name) == chapter["versions"].get(name) for name in names)
    return same and run["device"].startswith("CPU") == chapter["device"].startswith("CPU")


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
        f"commit it and measure the record anew: make record EDITION={edition}. {_MARK}"
    )


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
        f"**{_headline(claims['claims'])}.**",
        "",
        "A finding has the verdict of the record of the full edition, or this build's own where "
        f"there is no record yet. This build ({claims['edition']} edition) measured every claim "
        f"again. Findings: {_agreements(claims['claims'])}. {_GUIDE} says how to read all "
        "this.",
        "",
        f"Built {claims['created'][:10]} on {claims['device']}, {claims['cores']} cores, with "
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
            f"<th>Claim</th><th>Record</th><th>This run</th></tr></thead><tbody>{rows}</tbody>"
            "</table>",
        ]
    return "\n".join(lines) + "\n"


def _headline(claims: list[dict]) -> str:
    found = claim_card.counts(claims)
    total = sum(found.findings.values())
    listed = f": {contents.by_verdict(found)}" if total else ""
    return (
        f"{contents.counted(found.equations, 'equation')} checked; "
        f"{contents.counted(total, 'finding')} measured{listed}; "
        f"{contents.counted(found.timings, 'timing')} on this machine"
    )


def _agreements(claims: list[dict]) -> str:
    """Return how many findings this run repeats, and how many it does not or cannot."""
    found = Counter(_outcome(claim) for claim in claims if claim_card.has_seeds(claim))
    return ", ".join(f"{n} {outcome}" for outcome, n in found.most_common()) or "none"


def _outcome(claim: dict) -> str:
    """Return what this run says of a finding's record, short."""
    if claim["agrees"] is False:
        return "✗ not repeated"
    if claim["agrees"]:
        return "✓ repeated" if claim["repeat"]["tells"] else "too few seeds here to tell"
    left_open = claim["record"] and claim["record"]["verdict"] == "inconclusive"
    return "left open by the record" if left_open else "without a record yet"


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
    cells = [
        claim_card.badge(claim),
        f'<a href="{link}">{escape(claim["statement"])}</a><br><code>{claim["id"]}</code>',
        escape(_on_record(claim)),
        "<br>".join(map(escape, _in_this_run(claim))),
    ]
    labels = ("", "", ' data-label="Record"', ' data-label="This run"')
    text = "".join(f"<td{label}>{cell}</td>" for label, cell in zip(labels, cells, strict=True))
    return f'<tr data-verdict="{claim["verdict"]}">{text}</tr>'


def _on_record(claim: dict) -> str:
    if claim["kind"] == "identity":
        return "an equation"
    if claim_card.is_timed(claim["unit"]):
        return "belongs to the machine"
    return claim_card.effect(claim) if claim["record"] else "none yet"


def _in_this_run(claim: dict) -> list[str]:
    found = claim_card.this_run(claim, edition=False)  # the page says it once
    if not claim_card.has_seeds(claim):
        return [found, *filter(None, [claim_card.agreement(claim)])]
    return [found, _outcome(claim)] if claim["record"] else [found]


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
    lines += ["", _moved_line(report["moved"])]
    return "\n".join(lines) + "\n"


def _moved_line(ids: list[str]) -> str:
    if not ids:
        return "Seed by seed, no finding moved against the record by more than arithmetic explains."
    listed = ", ".join(f"`{id}`" for id in ids)
    return (
        "Seed by seed, these findings moved against the record by more than arithmetic explains: "
        f"{listed}. {_GUIDE} says what that means."
    )


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
    with failures.explained(LedgerError, contents.ContentsError, record.RecordError):
        claims, report, found = gather(options.notebooks, options.reports, created)
        print(found)
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

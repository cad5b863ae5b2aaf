"""What pages say about the course as a whole: its map, where a chapter's numbers come from, myths.

All of it is derived when the book is staged, from the chapters, `_toc.yml`, `claims.json` and the
record, so that a new chapter, or another verdict, appears everywhere by itself.
"""

from __future__ import annotations

import datetime
import re
from html import escape
from pathlib import Path

import nbformat
import yaml

from trainlab.cards import addresses, sorts, wording
from trainlab.cards.claim import verdict_badge
from trainlab.cards.numbers import counted
from trainlab.record import Record

__all__ = [
    "ContentsError",
    "by_verdict",
    "chapters_in_toc",
    "course_map",
    "heading_of",
    "headline",
    "misconceptions_page",
    "provenance",
    "title_of",
    "verdicts",
]


class ContentsError(RuntimeError):
    """A chapter or a list does not say what the pages need; the message tells what and where."""


def chapters_in_toc(root: Path) -> list[str]:
    """Return the names of the chapters that are written, in the order of the book."""
    parts = yaml.safe_load((root / "_toc.yml").read_text())["parts"]
    files = [entry["file"] for part in parts for entry in part["chapters"]]
    return [Path(file).name for file in files if file.startswith("chapters/")]


def title_of(notebook: Path) -> str:
    """Return the title of a chapter, which opens its first cell.

    Raises:
        ContentsError: It does not.
    """
    return _found_in(notebook, title=r"\A# (.+?)$")["title"]


def heading_of(notebook: Path) -> dict[str, str]:
    """Return what a chapter's first cell says: its `title`, its `question` and the `time` it takes.

    Raises:
        ContentsError: One of them is missing.
    """
    found = _found_in(
        notebook,
        title=r"\A# (.+?)$",
        question=r"\*\*The question of this chapter:\*\*\s*(.+?)\n\n",
        time=r"Allow (about .+?)\.",
    )
    found["question"] = found["question"][0].upper() + found["question"][1:]
    return found


def _found_in(notebook: Path, **patterns: str) -> dict[str, str]:
    source = nbformat.read(notebook, as_version=4).cells[0].source
    found = {}
    for name, pattern in patterns.items():
        match = re.search(pattern, source, re.DOTALL | re.MULTILINE)
        if match is None:
            raise ContentsError(
                f"{notebook.name}: its first cell has no {name}. Expected are `# Title`, "
                "`**The question of this chapter:** …?` and `Allow about an hour.`"
            )
        found[name] = " ".join(match[1].split())
    return found


def verdicts(claims: list[dict]) -> str:
    """Return what there is: "9 equations; 12 findings: 8 supported, 4 refuted; 2 timings"."""
    found = sorts.counts(claims)
    findings = sum(found.findings.values())
    parts = [counted(found.equations, "equation")] if found.equations else []
    if findings:
        parts.append(f"{counted(findings, 'finding')}: {by_verdict(found)}")
    if found.timings:
        parts.append(counted(found.timings, "timing"))
    return "; ".join(parts) or "no claims"


def by_verdict(found: sorts.Counts) -> str:
    """Return how many findings have each verdict: "8 supported, 4 refuted"."""
    return ", ".join(f"{n} {verdict}" for verdict, n in found.findings.items() if n)


def headline(record: Record | None) -> str:
    """Return what is on record, for README and index: "111 equations checked, 134 findings …".

    Args:
        record: The record of the full edition, None if there is none yet.
    """
    if record is None:
        return "not measured yet: `make record EDITION=full` does it"
    found = sorts.counts(record.claims.values())
    total = sum(found.findings.values())
    text = (
        f"{counted(found.equations, 'equation')} checked, {counted(total, 'finding')} measured: "
        f"{by_verdict(found)}"
    )
    again = [
        entry["replication"]["result"]
        for entry in record.claims.values()
        if entry.get("replication")
    ]
    if again:
        text += f"; {again.count('replicated')} of {len(again)} replicated with other seeds"
    return text


def provenance(claims: dict, chapter: str) -> str:
    """Return the line under a chapter's title: edition, date, versions, device and verdicts."""
    own = [claim for claim in claims["claims"] if claim["chapter"] == chapter]
    day = datetime.datetime.fromisoformat(claims["created"])
    versions = claims["versions"]
    named = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}
    tools = ", ".join(f"{label} {versions[name]}" for name, label in named.items())
    return (
        '<p class="provenance">'
        f"<span>{claims['edition'].capitalize()} edition</span> "
        f'<span>measured <time datetime="{day:%Y-%m-%d}">{day.day} {day:%B %Y}</time></span> '
        f"<span>{escape(claims['device'])}, {claims['cores']} cores</span> "
        f"<span>{tools}</span> "
        f'<a href="../pages/ledger.html?chapter={chapter}#the-ledger">{verdicts(own)}</a></p>'
    )


def course_map(root: Path, claims: dict, report: dict) -> str:
    """Return the map of the course as HTML: every chapter, those to come among them.

    Args:
        root: The repository, with `pages/course_map.yml` for the chapters to come.
        claims: The contents of `claims.json`.
        report: The contents of `report.json`.
    """
    written = chapters_in_toc(root)
    planned = yaml.safe_load((root / "pages" / "course_map.yml").read_text())
    names = sorted({*written, *planned})
    seconds = {run["chapter"]: run["seconds"] for run in report["chapters"]}
    items = []
    for name in names:
        if name in written:
            heading = heading_of(root / "chapters" / f"{name}.ipynb")
            own = [claim for claim in claims["claims"] if claim["chapter"] == name]
            minutes = max(1, round(seconds[name] / 60))
            title = f'<a href="chapters/{name}.html">{escape(heading["title"])}</a>'
            facts = (
                f"<p>{escape(heading['time'].capitalize())} to read, {minutes} min to run<br>"
                f"{_dots(own)} {verdicts(own)}</p>"
            )
            kind = "written"
        else:
            heading, facts = planned[name], "<p>Planned</p>"
            title, kind = escape(heading["title"]), "planned"
        items.append(
            f'<li class="{kind}"><span class="number" aria-hidden="true">{name[:2]}</span>'
            f"<h3>{title}</h3><p>{escape(heading['question'])}</p>{facts}</li>"
        )
    return f'<ol class="course-map">{"".join(items)}</ol>'


def _dots(claims: list[dict]) -> str:
    """Return a dot of its verdict's colour for every finding."""
    findings = sorts.counts(claims).findings
    dots = "".join(f'<i class="{verdict}"></i>' * n for verdict, n in findings.items())
    return f'<span class="dots" aria-hidden="true">{dots}</span>'


def misconceptions_page(root: Path, claims: dict) -> str:
    """Return the misconceptions as a MyST page, each with its verdict and a link to its proof.

    Raises:
        ContentsError: An entry of a written chapter names a claim that was not measured.
    """
    entries = yaml.safe_load((root / "pages" / "misconceptions.yml").read_text())
    by_id = {claim["id"]: claim for claim in claims["claims"]}
    lines = [
        # Its headings are sentences: in the margin they would unfold, and move, while one reads.
        "---",
        "html_theme.sidebar_secondary.remove: true",
        "---",
        "",
        "# Misconceptions",
        "",
        "Sentences that notes and courses repeat, and what holds instead. Beneath each stand the "
        "claims that speak to it, findings with what the record has and equations that were "
        "checked; a link leads to the card with the numbers. Note what a verdict belongs to: it "
        "judges the claim beside it, which states the sentence itself where that could be "
        "measured, and what holds instead where it could not.",
    ]
    for chapter in chapters_in_toc(root):
        own = entries.get(chapter, [])
        if not own:
            continue
        title = title_of(root / "chapters" / f"{chapter}.ipynb")
        lines += ["", f"## {title}"]
        for entry in own:
            lines += ["", f"### “{entry['says']}”", "", entry["holds"].strip(), ""]
            proofs = []
            for claim_id in entry["claims"]:
                if claim_id not in by_id:
                    raise ContentsError(
                        f"pages/misconceptions.yml, {chapter}: no claim {claim_id!r} was measured. "
                        "Name one of the chapter's claims."
                    )
                proofs.append(f"<li>{_verdict_with_link(by_id[claim_id])}</li>")
            # As HTML: in Markdown a statement's own stars and brackets would mean something.
            lines.append(f"<ul>{''.join(proofs)}</ul>")
    return "\n".join(lines) + "\n"


def _verdict_with_link(claim: dict) -> str:
    address = f"../chapters/{claim['chapter']}.html#{addresses.anchor(claim['id'])}"
    basis = "equation" if claim["kind"] == "identity" else wording.effect(claim)
    return (
        f'{verdict_badge(claim)} <a href="{address}">{escape(claim["statement"])}</a> '
        f"<small>{escape(basis)}</small>"
    )

"""The pages "ledger" and "run report", as MyST: every claim, and what a run took."""

from __future__ import annotations

from collections import Counter
from html import escape

from trainlab.book import charts, contents
from trainlab.cards import addresses, sorts, wording
from trainlab.cards.claim import verdict_badge
from trainlab.cards.numbers import counted
from trainlab.record.verdicts import VERDICTS

__all__ = ["ledger_page", "report_page"]

_GUIDE = '<a href="evidence.html">Evidence</a>'


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
    found = sorts.counts(claims)
    total = sum(found.findings.values())
    listed = f": {contents.by_verdict(found)}" if total else ""
    return (
        f"{counted(found.equations, 'equation')} checked; "
        f"{counted(total, 'finding')} measured{listed}; "
        f"{counted(found.timings, 'timing')} on this machine"
    )


def _agreements(claims: list[dict]) -> str:
    """Return how many findings this run repeats, and how many it does not or cannot."""
    found = Counter(_outcome(claim) for claim in claims if sorts.has_seeds(claim))
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
    link = f"../chapters/{claim['chapter']}.html#{addresses.anchor(claim['id'])}"
    cells = [
        verdict_badge(claim),
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
    if sorts.is_timed(claim["unit"]):
        return "belongs to the machine"
    return wording.effect(claim) if claim["record"] else "none yet"


def _in_this_run(claim: dict) -> list[str]:
    found = wording.this_run(claim, edition=False)  # the page says it once
    if not sorts.has_seeds(claim):
        return [found, *filter(None, [wording.agreement(claim)])]
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

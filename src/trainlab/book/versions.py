"""Keep what was measured with other versions: `python -m trainlab.book.versions`.

Takes the ledgers that `trainlab.book.environments` wrote into `src/trainlab/record/versions/`, one
for each set of versions, without what the site's page "Versions" has no need of. That page says how
much of them repeats the record, which is computed when it is made.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

import yaml

from trainlab import record
from trainlab.book import compare, contents, environments
from trainlab.cards import addresses, numbers, sorts
from trainlab.files import write_whole
from trainlab.record import agreement

__all__ = ["OUTCOMES", "as_text", "differences", "keep", "main", "outcome", "page", "read", "slim"]

# Beside the record, but not installed with it: only the page reads them.
FOLDER = Path("src", "trainlab", "record", "versions")
REASONS = Path("pages", "versions.yml")

# What can be said of a claim in an environment; the last four need no reason.
OUTCOMES = (
    "equation fails", "not repeated", "not measured",
    "equation holds", "repeated", "not asked", "not in the record", "before the record",
)  # fmt: skip
_IN_NEED_OF_A_REASON = OUTCOMES[:3]

_NAMES = {"oldest": "Oldest", "colab": "Colab", "newest": "Newest"}
_PACKAGES = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}
_FIELDS = ("created", "device", "versions", "claims")


def slim(ledger: dict) -> dict:
    """Return of a ledger what the page needs: where it was measured, and each claim's values."""
    claims = [
        {
            **{name: claim[name] for name in ("id", "chapter", "kind", "unit")},
            **{name: _rounded(claim[name]) for name in ("estimate", "ci_low", "ci_high")},
            "by_seed": {s: _rounded(value) for s, value in compare.by_seed(claim).items()},
            "repeats": claim["agrees"],
        }
        for claim in ledger["claims"]
    ]
    return {**{name: ledger[name] for name in _FIELDS}, "claims": claims}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.7g}")


def as_text(kept: dict) -> str:
    """Return what is kept of a ledger as JSON with one line a claim."""
    lines = [f'"{name}": {json.dumps(kept[name])}' for name in _FIELDS[:-1]]
    claims = ",\n".join(json.dumps(claim, ensure_ascii=False) for claim in kept["claims"])
    return "{\n" + ",\n".join([*lines, f'"claims": [\n{claims}\n]']) + "\n}\n"


def read(root: Path) -> dict[str, dict]:
    """Return what is kept, by the name of the environment, the oldest first.

    Raises:
        ContentsError: A file is missing or damaged; the message says which and how to mend it.
    """
    found = {}
    for name in environments.ENVIRONMENTS:
        path = FOLDER / f"{name}.json"
        try:
            kept = json.loads((root / path).read_text())
            {claim["id"]: (claim["by_seed"], claim["repeats"]) for claim in kept["claims"]}
            found[name] = {field: kept[field] for field in _FIELDS}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise contents.ContentsError(
                f"{path} cannot be read ({type(error).__name__}: {error}). It holds what the "
                f"chapters measured with the versions {name!r}. Restore it with `git checkout`, or "
                "measure it anew with `make versions`."
            ) from error
    return found


def keep(root: Path) -> list[Path]:
    """Keep the ledgers of `_build/environments/` in `FOLDER` and return their paths.

    Raises:
        ValueError: An environment was not run, or not with every chapter.
    """
    chapters = contents.chapters_in_toc(root)
    found = {}
    for name in environments.ENVIRONMENTS:
        ledger = compare.read_ledger(root / "_build" / "environments" / name / "claims.json")
        missing = sorted(set(chapters) - {claim["chapter"] for claim in ledger["claims"]})
        if missing:
            raise ValueError(
                f"{name!r} has no claims of {', '.join(missing)}. Expected is a run of all "
                f"chapters: python -m trainlab.book.environments {name}"
            )
        found[name] = slim(ledger)
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    paths = [root / FOLDER / f"{name}.json" for name in found]
    for path, kept in zip(paths, found.values(), strict=True):
        write_whole(path, as_text(kept))
    return paths


def outcome(claim: dict, created: str) -> str:
    """Return which of `OUTCOMES` a claim had, held against the record of the quick edition.

    A run is not asked about time, nor about what the record leaves open.

    Args:
        claim: What is kept of it.
        created: When it was measured, in ISO 8601.
    """
    if claim["kind"] == "identity":
        return "equation holds" if claim["repeats"] else "equation fails"
    quick, full = record.load("quick"), record.load("full")
    if sorts.is_timed(claim["unit"]) or quick is None:
        return "not asked"
    recorded = quick.chapters.get(claim["chapter"])
    if recorded and created[:10] < recorded["measured"]:
        return "before the record"
    entry = quick.claims.get(claim["id"])
    if entry is None or any(entry[name] != claim[name] for name in ("kind", "unit")):
        return "not in the record"
    if full and full.claims.get(claim["id"], entry)["verdict"] == "inconclusive":
        return "not asked"
    return "repeated" if agreement.repeat(entry, claim["by_seed"]).agrees else "not repeated"


def differences(ledgers: dict[str, dict]) -> dict[str, dict[str, str]]:
    """Return the claims that need a reason: by id, the outcome in each environment.

    These are the claims that an environment does not repeat, the equations that fail in one, and
    the claims that one did not measure although it ran their chapter.
    """
    chapters = {c["id"]: c["chapter"] for kept in ledgers.values() for c in kept["claims"]}
    rows: dict[str, dict[str, str]] = {id: {} for id in sorted(chapters)}
    for name, kept in ledgers.items():
        claims = {claim["id"]: claim for claim in kept["claims"]}
        ran = {claim["chapter"] for claim in kept["claims"]}
        for id, chapter in chapters.items():
            if id in claims:
                rows[id][name] = outcome(claims[id], kept["created"])
            elif chapter in ran:
                rows[id][name] = "not measured"
    return {id: row for id, row in rows.items() if set(row.values()) & set(_IN_NEED_OF_A_REASON)}


def page(root: Path) -> str:
    """Return the page "Versions" as MyST: versions × chapters × outcomes, and what differs.

    Raises:
        ContentsError: What is kept cannot be read, or a difference has no reason in
            `pages/versions.yml`.
    """
    ledgers = read(root)
    reasons = yaml.safe_load((root / REASONS).read_text()) or {}
    differ = differences(ledgers)
    unexplained = sorted(set(differ) - set(reasons))
    if unexplained:
        raise contents.ContentsError(
            f"{REASONS}: {', '.join(unexplained)}: an environment of other versions does not "
            "repeat the record there, or did not measure it. Say why, under the claim's id."
        )
    header = [_NAMES[name] for name in ledgers]
    lines = [
        "# Versions",
        "",
        "A course rots with the versions that it was written for. So each chapter is executed with "
        "the oldest versions that the course supports, with those that Colab has, and with the "
        "newest, each time alone in an empty folder, where its first cell has to fetch the course. "
        "What is measured there is held against the record of the quick edition.",
        "",
        _table(["", *header], _environments(ledgers)),
        "",
        "## What came out",
        "",
        "Each cell counts the equations that hold, and the claims that the run repeated or did not "
        "repeat. A run is not asked about time, which belongs to the machine, nor about what the "
        "record leaves open. Three seeds that repeat a claim cannot always tell it from its "
        "opposite; the claim's card says so.",
        *_caveats(ledgers),
        "",
        _table(["Chapter", *header], _chapters(root, ledgers)),
        "",
        "## What differs",
        "",
    ]
    if not differ:
        lines.append("Nothing: what was asked repeats the record with all versions.")
    else:
        lines.append("Every claim that is not repeated, or was not measured, is listed here.")
        rows = [
            [
                f"{_link(ledgers, id)}<br>{escape(reasons[id])}",
                *(_result(ledgers[name], id, row.get(name)) for name in ledgers),
            ]
            for id, row in differ.items()
        ]
        lines += ["", _table(["Claim", *header], rows)]
    return "\n".join(lines) + "\n"


def _caveats(ledgers: dict[str, dict]) -> list[str]:
    """Return what has to be said where a run could not be held against the record."""
    if record.load("quick") is None:
        return ["", "The quick edition has no record yet, so that only equations are checked."]
    found = {outcome(c, kept["created"]) for kept in ledgers.values() for c in kept["claims"]}
    said = []
    if "before the record" in found:
        said += [
            "",
            "What was measured before the record is not held against it: those runs chose their "
            "own learning rates.",
        ]
    if "not in the record" in found:
        said += ["", "A claim that is not in the record has been reworded, renamed or removed."]
    return said


def _environments(ledgers: dict[str, dict]) -> list[list[str]]:
    rows = [
        [label, *(escape(kept["versions"][package]) for kept in ledgers.values())]
        for package, label in _PACKAGES.items()
    ]
    return [
        *rows,
        ["Device", *(escape(kept["device"]) for kept in ledgers.values())],
        ["Measured", *(kept["created"][:10] for kept in ledgers.values())],
    ]


def _chapters(root: Path, ledgers: dict[str, dict]) -> list[list[str]]:
    rows = []
    for chapter in contents.chapters_in_toc(root):
        title = contents.title_of(root / "chapters" / f"{chapter}.ipynb")
        cells = [_counts(chapter, kept) for kept in ledgers.values()]
        rows.append([f'<a href="../chapters/{chapter}.html">{escape(title)}</a>', *cells])
    return rows


def _counts(chapter: str, kept: dict) -> str:
    """Return an environment's outcomes in a chapter as HTML that breaks between counts only."""
    counts = Counter(
        outcome(claim, kept["created"]) for claim in kept["claims"] if claim["chapter"] == chapter
    )
    if not counts:
        return "not measured"
    said = []
    if equations := counts["equation holds"] + counts["equation fails"]:
        said.append(f"<span>{counts['equation holds']} of {equations} equations</span>")
    for name in ("repeated", "not repeated", "not asked", "not in the record"):
        if counts[name]:
            said.append(f"<span>{counts[name]} {name}</span>")
    quick = record.load("quick")
    if quick is not None and (older := counts["before the record"]):
        day = datetime.date.fromisoformat(quick.chapters[chapter]["measured"])
        said.append(f"<span>{older} measured before</span> the record of {day.day} {day:%B %Y}")
    return ", ".join(said)


def _claim(kept: dict, id: str) -> dict | None:
    return next((claim for claim in kept["claims"] if claim["id"] == id), None)


def _link(ledgers: dict[str, dict], id: str) -> str:
    chapter = next(found["chapter"] for kept in ledgers.values() if (found := _claim(kept, id)))
    address = f"../chapters/{chapter}.html#{addresses.anchor(id)}"
    return f'<a href="{address}"><code>{escape(id)}</code></a>'


def _result(kept: dict, id: str, what: str | None) -> str:
    """Return an outcome with what was measured, and with what would have repeated the record."""
    claim = _claim(kept, id)
    if claim is None:
        return "not measured"
    text = f"{what}<br>{escape(numbers.interval(claim))}"
    entry = record.claim(id, "quick")
    if entry is not None and what == "not repeated":
        held = agreement.repeat(entry, claim["by_seed"])
        low, high = numbers.number(held.low), numbers.number(held.high)
        text += f"<br>the record takes {low} to {high}"
    return text


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Keep the ledgers of all environments."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    try:
        for path in keep(Path.cwd()):
            print(f"✓ {path}")
    except ValueError as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()

"""Measure the record: `make record`, through `python -m trainlab.book.record --help`.

`begin` refuses a state that is not committed, `gather` turns executed chapters into
`src/trainlab/record/<edition>.json`, one whole file at a time, and says what moved.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import nbformat
import numpy as np

from trainlab import editions, record
from trainlab.book import contents, experiment, failures, ledger
from trainlab.cards.numbers import interval
from trainlab.cards.sorts import is_timed
from trainlab.files import write_whole
from trainlab.record import agreement, schema, verdicts
from trainlab.record.series import of_edition

__all__ = [
    "MeasureError", "begin", "derive", "gather", "main", "merged", "moved", "update", "write",
]  # fmt: skip

# What a measurement is made of; the record itself and its tests may change meanwhile.
MEASURED = ["chapters", "src/trainlab", ":(exclude)src/trainlab/record/*.json"]
EDITIONS = tuple(editions.RECORD_SEEDS)


class MeasureError(RuntimeError):
    """The record cannot be measured; the message says why and what to do."""


def begin(root: Path) -> str:
    """Return the commit that is to be measured.

    Raises:
        MeasureError: Chapters or package hold changes that are not committed, so that nobody could
            see later that statement and criterion are older than the numbers.
    """
    changed = _git(root, "status", "--porcelain", "--", *MEASURED)
    if changed:
        raise MeasureError(
            "The record is measured at a commit, so that its criteria can be seen to be older than "
            f"its numbers, but these files are not committed:\n{changed}\nCommit them first."
        )
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise MeasureError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def gather(edition: str, folder: Path, root: Path, chapters: list[str]) -> dict:
    """Return the record's data of some chapters, from what was executed for them.

    Args:
        edition: The edition.
        folder: `_build/record/<edition>`, with a folder for each series.
        root: The repository.
        chapters: Which chapters were measured.
    """
    data: dict[str, Any] = {"edition": edition, "chapters": {}, "claims": {}, "tunings": {}}
    for chapter in chapters:
        path = folder / "main" / f"{chapter}.ipynb"
        notebook, claims, run = _executed(path, chapter)
        commit = (folder / "main" / f"{chapter}.commit").read_text().strip()
        sources = _committed(root, commit, chapter, notebook)
        notes = _notes(folder / "main" / f"{chapter}.tunings")
        data["chapters"][chapter] = {
            "commit": commit,
            "measured": f"{datetime.date.fromtimestamp(path.stat().st_mtime)}",
            "seeds": run["seeds"],
            **{name: run[name] for name in ("device", "cores", "processor", "versions")},
        }
        for note in notes:
            entry = {name: note[name] for name in ("setting", "rate", "rates", "losses")}
            data["tunings"][note["label"]] = entry
        for claim in claims:
            data["claims"][claim["id"]] = _entry(
                claim, experiment.fingerprint(claim["id"], sources), notebook, notes
            )
        _add_series(data["claims"], edition, folder, chapter, experiment.sources(notebook))
    return data


def _committed(root: Path, commit: str, chapter: str, notebook: nbformat.NotebookNode) -> list[str]:
    """Return the sources of a chapter at the commit that was measured."""
    text = _git(root, "show", f"{commit}:chapters/{chapter}.ipynb")
    sources = experiment.sources(nbformat.reads(text, as_version=4))
    edition = re.compile(r'^edition = "\w+"', re.MULTILINE)
    measured, committed = (
        [edition.sub("edition", source) for source in each]
        for each in (experiment.sources(notebook), sources)
    )
    if measured != committed:
        raise MeasureError(
            f"chapters/{chapter}.ipynb was changed after the measurement began at {commit[:12]}: "
            "what was executed is not what was committed. Commit the chapter, then measure it "
            f"again: `make record ONLY={chapter}`."
        )
    return sources


def _executed(path: Path, chapter: str) -> tuple[nbformat.NotebookNode, list[dict], dict]:
    notebook = nbformat.read(path, as_version=4)
    return notebook, ledger.claims_of(notebook, chapter), ledger.run_of(notebook, chapter)


def _notes(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _entry(
    claim: dict, fingerprint: str, notebook: nbformat.NotebookNode, notes: list[dict]
) -> dict:
    """Return what the record keeps of a claim as it was measured."""
    entry = {name: claim[name] for name in ("kind", "statement", "criterion", "unit")}
    entry["fingerprint"] = fingerprint
    if claim["kind"] == "identity":
        return entry | {
            "verdict": claim["verdict"],
            "estimate": claim["estimate"],
            "numbers_compared": claim["values"]["numbers_compared"],
            "rtol": claim["values"]["rtol"],
        }
    kept = ("sides", "low", "high", "share", "grain")
    entry |= {name: claim["values"][name] for name in kept if name in claim["values"]}
    entry |= _series(claim)
    if is_timed(claim["unit"]):
        return entry | {"timed": True}
    return entry | {"tunings": _tunings_of(claim["id"], notebook, notes)}


def _series(claim: dict) -> dict:
    values = claim["values"]
    sides = ("a", "b") if claim["kind"] == "contrast" else ("by_seed",)
    seeds = sorted(values[sides[0]], key=lambda seed: (len(seed), seed))  # as numbers
    return {
        "seeds": [int(seed) if seed.isdecimal() else seed for seed in seeds],
        "values": {side: [values[side][seed] for seed in seeds] for side in sides},
    }


def _tunings_of(id: str, notebook: nbformat.NotebookNode, notes: list[dict]) -> list[str]:
    """Return the labels of the searches in the cells that a claim depends on."""
    cells = experiment.lesson(notebook)
    numbers = experiment.cells_for(id, experiment.sources(notebook))
    counts = {cells[number].execution_count for number in numbers}
    return sorted({note["label"] for note in notes if note["cell"] in counts})


def _add_series(claims: dict, edition: str, folder: Path, chapter: str, sources: list[str]) -> None:
    """Add what other seeds or other arithmetic gave, where the claim's experiment was the same."""
    for series in of_edition(edition):
        path = folder / series.name / f"{chapter}.ipynb"
        if series.name == "main" or not path.exists():
            continue
        notebook, measured, _ = _executed(path, chapter)
        others = experiment.sources(notebook)
        for claim in measured:
            id, entry = claim["id"], claims.get(claim["id"])
            if entry is None or claim["kind"] == "identity" or entry.get("timed"):
                continue
            if experiment.fingerprint(id, others) != experiment.fingerprint(id, sources):
                continue  # from before the chapter was changed
            if series.name == "replication":
                entry["replication"] = _series(claim)
            else:
                entry.setdefault("arithmetic", {})[series.name] = _series(claim)


def derive(records: dict[str, dict]) -> None:
    """Set all that follows from the measured values: intervals, verdicts, marks, agreement.

    Args:
        records: Edition to its record's data, which is changed in place.
    """
    for edition, data in records.items():
        n = len(editions.EDITIONS[edition].seeds)
        for entry in data["claims"].values():
            if entry["kind"] == "identity":
                continue
            entry |= _judged(entry, entry)
            if entry.get("timed"):
                continue
            entry["rule"] = "mean" if len(entry["seeds"]) < n + 2 else agreement.rule_for(entry, n)
            entry["notices"] = agreement.noticeable(entry, n)
    for id, entry in records.get("full", {"claims": {}})["claims"].items():
        if entry["kind"] == "identity" or entry.get("timed"):
            continue
        quick = records.get("quick", {"claims": {}})["claims"].get(id, {})
        entry["fragile"] = _fragile(entry, quick, records["full"]["tunings"])
        if "replication" in entry:
            again = {**entry["replication"], **_judged(entry, entry["replication"])}
            entry["replication"] = again | {"result": _replicated(entry, again)}


def _judged(entry: dict, series: dict) -> dict:
    """Return verdict, estimate and interval of one series of a claim."""
    values = list(agreement.by_seed(entry, series).values())
    low, high = entry.get("low", -math.inf), entry.get("high", math.inf)
    if entry.get("share") is not None:
        ends = verdicts.share_interval(round(sum(values)), len(values))
        verdict = verdicts.judge(*ends, low=entry["share"])
    else:
        ends = verdicts.interval(values, entry.get("grain"))
        effect = entry["kind"] == "contrast" and "high" not in entry and low > 0
        shown = ends if ends[0] is not None else (values[0], values[0])
        verdict = verdicts.judge(*shown, low, high, effect=effect)
    return {
        "n_seeds": len(values),
        "estimate": float(np.mean(values)),
        "ci_low": ends[0],
        "ci_high": ends[1],
        "verdict": verdict,
    }


def _replicated(entry: dict, again: dict) -> str:
    if again["verdict"] == entry["verdict"]:
        return "replicated"
    opposite = {"supported": "refuted", "weaker": "refuted", "refuted": "supported"}
    reversed_ = opposite.get(entry["verdict"]) == again["verdict"]
    return "reversed" if reversed_ else "open in replication"


def _fragile(entry: dict, quick: dict, tunings: dict) -> list[str]:
    """Return why a verdict might come out otherwise elsewhere, as short texts.

    Arithmetic was varied in the quick edition, whose effects can be of another size: what it moves
    is counted in standard deviations of a seed.
    """
    if entry["verdict"] == "inconclusive" or entry["ci_low"] is None:
        return []
    reasons = []
    margin, spread = _margin(entry), _spread(entry)
    if quick.get("arithmetic") and _spread(quick) > 0:
        n = len(next(iter(quick["arithmetic"].values()))["seeds"])
        moved = agreement.arithmetic_shift(quick) / _spread(quick)
        if margin < 2 * moved * spread * math.sqrt(n / entry["n_seeds"]):
            reasons.append("other arithmetic moves the estimate by half its margin or more")
    tied = [label for label in entry["tunings"] if _is_tied(tunings[label])]
    if tied and margin < spread:
        reasons.append(f"tied learning rates ({', '.join(tied)})")
    return reasons


def _spread(entry: dict) -> float:
    """Return the standard deviation over the seeds."""
    return float(np.std(list(agreement.by_seed(entry).values()), ddof=1))


def _margin(entry: dict) -> float:
    """Return how far the interval lies from the nearest edge at which the verdict would change."""
    edges = [entry[side] for side in ("low", "high") if side in entry]
    if entry.get("share") is not None:
        edges = [entry["share"]]
    if entry["verdict"] == "weaker":
        edges.append(0.0)
    ends = entry["ci_low"], entry["ci_high"]
    return min(abs(end - edge) for end in ends for edge in edges)


def _is_tied(tuning: dict) -> bool:
    """Return whether the two best rates lie within one standard error over the tuning seeds."""
    losses = np.array(
        [[math.inf if loss is None else loss for loss in row] for row in tuning["losses"]]
    )
    best, second = losses[np.argsort(losses.mean(axis=1))[:2]]
    difference = second - best
    if not np.isfinite(difference).all():
        return False
    return bool(difference.mean() <= difference.std(ddof=1) / math.sqrt(len(difference)))


def _data_of(path: Path) -> dict | None:
    known = record.read(path)
    if known is None:
        return None
    tunings = {label: tuning.as_json() for label, tuning in known.tunings.items()}
    return {
        "edition": known.edition,
        "chapters": known.chapters,
        "claims": known.claims,
        "tunings": tunings,
    }


def merged(old: dict | None, new: dict, chapters: list[str]) -> dict:
    """Return a record with new chapters in the place of the old ones, in the book's order.

    Args:
        old: The record before, if there is one.
        new: What was measured.
        chapters: All chapters of the book; those of others are left out.
    """
    result = {"edition": new["edition"], "chapters": {}, "claims": {}, "tunings": {}}
    for chapter in chapters:
        source = new if chapter in new["chapters"] else old
        if source is None or chapter not in source["chapters"]:
            continue
        result["chapters"][chapter] = source["chapters"][chapter]
        for part, end in (("claims", "."), ("tunings", " ")):
            result[part] |= {
                name: entry
                for name, entry in source[part].items()
                if name.startswith(chapter[:2] + end)
            }
    return result


def _rounded(value: Any) -> Any:
    """Return data with every number to nine significant digits."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def write(path: Path, data: dict) -> None:
    """Write a record as a whole, one line a claim, so that a change is read as one.

    Raises:
        MeasureError: The data do not have the form of a record.
    """
    data = {**data, "sha256": record.digest(data)}
    check = jsonschema.Draft202012Validator(schema.SCHEMA)
    # What is wrong inside a claim makes its fields count as unknown ones as well.
    follows = "unevaluatedProperties"
    for error in sorted(check.iter_errors(data), key=lambda error: error.validator == follows):
        raise MeasureError(
            f"What was measured is not a record: {error.json_path}: {error.message:.200}"
        )

    def lines(part: str) -> str:
        entries = (
            f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}"
            for name, entry in data[part].items()
        )
        return "{\n" + ",\n".join(entries) + "\n}"

    text = ",\n".join(
        [
            f'"edition": {json.dumps(data["edition"])}',
            *(f'"{part}": {lines(part)}' for part in ("chapters", "tunings", "claims")),
            f'"sha256": {json.dumps(data["sha256"])}',
        ]
    )
    write_whole(path, "{\n" + text + "\n}\n")


def moved(old: dict | None, new: dict) -> list[str]:
    """Return what moved against the record before, a line each."""
    before = {} if old is None else old["claims"]
    lines = [f"{id}: new" for id in new["claims"] if id not in before]
    lines += [f"{id}: gone" for id in before if id not in new["claims"]]
    for id, entry in new["claims"].items():
        then = before.get(id)
        if then is None or entry.get("timed"):
            continue
        if then["verdict"] != entry["verdict"]:
            lines.append(f"{id}: {then['verdict']} → {entry['verdict']}, {_in_words(entry)}")
        elif entry["kind"] != "identity" and _apart(then, entry):
            lines.append(f"{id}: {_in_words(then)} → {_in_words(entry)}")
    return lines


def _in_words(entry: dict) -> str:
    return interval({"ci_low": None, **entry})


def _apart(then: dict, now: dict) -> bool:
    if then["ci_low"] is None or now["ci_low"] is None:
        return then["estimate"] != now["estimate"]
    return then["ci_high"] < now["ci_low"] or now["ci_high"] < then["ci_low"]


def update(edition: str, folder: Path, root: Path, chapters: list[str]) -> list[str]:
    """Bring the records up to date with what was executed and return what moved."""
    known = {name: _data_of(root / "src/trainlab/record" / f"{name}.json") for name in EDITIONS}
    new = gather(edition, folder, root, chapters)
    old = known[edition]
    known[edition] = _rounded(merged(old, new, contents.chapters_in_toc(root)))
    records = {name: data for name, data in known.items() if data is not None}
    derive(records)
    for name, data in records.items():
        write(root / "src/trainlab/record" / f"{name}.json", _rounded(data))
    return moved(old, records[edition])


def main(arguments: Sequence[str] | None = None) -> None:
    """Begin or gather a measurement, as the Makefile and the Snakefile ask for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("begin", help="print the commit that is to be measured")
    gathering = commands.add_parser("gather", help="write the record from executed chapters")
    gathering.add_argument("--edition", required=True, choices=EDITIONS)
    gathering.add_argument("--folder", type=Path, required=True)
    gathering.add_argument("--chapters", nargs="+", required=True)
    options = parser.parse_args(arguments)
    root = Path.cwd()
    with failures.explained(
        MeasureError, record.RecordError, ledger.LedgerError, contents.ContentsError
    ):
        if options.command == "begin":
            print(begin(root))
            return
        lines = update(options.edition, options.folder, root, options.chapters)
        print(f"✓ src/trainlab/record/{options.edition}.json: {len(options.chapters)} chapters")
        print(
            "\n".join(f"  {line}" for line in lines) or "  nothing moved against the record before"
        )


if __name__ == "__main__":
    main()

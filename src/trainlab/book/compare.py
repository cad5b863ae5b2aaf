"""Hold two ledgers side by side: `python -m trainlab.book.compare OLD.json NEW.json`.

CPU against GPU, old versions against new ones. Says which claims changed their verdict, whose
estimate moved beyond both intervals, and which stand in one ledger only.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from trainlab.claim_card import interval

__all__ = ["Change", "as_markdown", "changes", "main", "read_ledger"]


@dataclass(frozen=True)
class Change:
    """What differs between two ledgers in one claim.

    Args:
        id: The claim.
        what: "verdict", "estimate", "only in the first" or "only in the second".
        old, new: The claim's record in either ledger, None where it is missing.
    """

    id: str
    what: str
    old: dict | None
    new: dict | None


def read_ledger(path: Path) -> dict:
    """Read a claims.json; ValueError says what is wrong with another file."""
    try:
        ledger = json.loads(Path(path).read_text())
        {claim["id"]: claim["verdict"] for claim in ledger["claims"]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is not a ledger ({type(error).__name__}: {error}). Expected the claims.json "
            "that `make book` writes into _build/<edition>/."
        ) from error
    return ledger


def changes(old: dict, new: dict) -> list[Change]:
    """Return what changed from one ledger to another, verdicts first.

    An estimate counts as moved when each lies outside the other's confidence interval; a claim
    without an interval, such as an identity, is judged by its verdict alone.
    """
    before, after = ({claim["id"]: claim for claim in ledger["claims"]} for ledger in (old, new))
    found = []
    for id in sorted(before | after):
        a, b = before.get(id), after.get(id)
        if a is None or b is None:
            found.append(
                Change(id, "only in the first" if b is None else "only in the second", a, b)
            )
        elif a["verdict"] != b["verdict"]:
            found.append(Change(id, "verdict", a, b))
        elif _outside(a["estimate"], b) and _outside(b["estimate"], a):
            found.append(Change(id, "estimate", a, b))
    order = ["verdict", "estimate", "only in the first", "only in the second"]
    return sorted(found, key=lambda change: (order.index(change.what), change.id))


def _outside(estimate, claim) -> bool:
    if claim["ci_low"] is None:
        return False
    return not claim["ci_low"] <= estimate <= claim["ci_high"]


def as_markdown(old: dict, new: dict) -> str:
    """Return the comparison as a Markdown text: what ran where, and a table of the changes."""
    found = changes(old, new)
    shared = {claim["id"] for claim in old["claims"]} & {claim["id"] for claim in new["claims"]}
    lines = [
        f"| | edition | device | cores | {' | '.join(old['versions'])} |",
        "| --- " * (4 + len(old["versions"])) + "|",
    ]
    for name, ledger in (("first", old), ("second", new)):
        versions = [ledger["versions"].get(package, "–") for package in old["versions"]]
        cells = [name, ledger["edition"], ledger["device"], str(ledger["cores"]), *versions]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"{len(shared)} claims in both, {len(found)} changes."]
    if found:
        lines += ["", "| claim | changed | first | second |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {change.id} | {change.what} | {_cell(change.old)} | {_cell(change.new)} |"
            for change in found
        ]
    return "\n".join(lines) + "\n"


def _cell(claim) -> str:
    if claim is None:
        return "–"
    return f"{claim['verdict']}, {interval(claim)}".replace("|", "\\|")


def main(arguments=None) -> None:
    """Print the comparison; exit with 1 if a verdict changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="claims.json of the first run")
    parser.add_argument("new", type=Path, help="claims.json of the second run")
    options = parser.parse_args(arguments)
    try:
        old, new = read_ledger(options.old), read_ledger(options.new)
    except ValueError as error:
        sys.exit(f"✗ {error}")
    print(as_markdown(old, new), end="")
    if any(change.what == "verdict" for change in changes(old, new)):
        sys.exit(1)


if __name__ == "__main__":
    main()

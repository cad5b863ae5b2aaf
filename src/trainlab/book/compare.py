"""Say what a run does not repeat: `python -m trainlab.book.compare [OLD.json] NEW.json`.

One ledger is held against the record, or two of them side by side: CPU and GPU, old versions and
new ones. A run is asked whether it repeats the record, and an equation has to hold everywhere.
Claims about time belong to the machine that measured them, and are only listed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainlab.cards import numbers, sorts

__all__ = [
    "KINDS", "Finding", "as_markdown", "by_seed", "findings", "main", "read_ledger", "summary",
    "unrepeated",
]  # fmt: skip

# What is said of a claim, in the order of the table.
KINDS = ("equation fails", "not repeated", "apart", "missing", "time")

# By whether it is an equation, and whether it agrees.
_COUNTED = {
    (True, True): "equations that hold",
    (True, False): "equations that fail",
    (False, True): "claims that repeat the record",
    (False, None): "claims not asked",
    (False, False): "claims that do not repeat it",
}


@dataclass(frozen=True)
class Finding:
    """What there is to say of one claim.

    Args:
        id: The claim.
        what: One of `KINDS`; "apart" where the means of two runs lie further apart than the
            record's prediction interval is wide to either side.
        claims: The claim in each ledger, None where it is missing.
    """

    id: str
    what: str
    claims: tuple[dict | None, ...]


def read_ledger(path: Path) -> dict:
    """Read a claims.json; ValueError says what is wrong with another file."""
    try:
        ledger = json.loads(Path(path).read_text())
        {claim["id"]: claim["agrees"] for claim in ledger["claims"]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is not a ledger ({type(error).__name__}: {error}). Expected the claims.json "
            "that `make book` writes into _build/<edition>/."
        ) from error
    return ledger


def by_seed(claim: dict) -> dict[str, float]:
    """Return what a claim of a ledger holds for each seed, as the record is compared.

    Differences for a contrast, values for a bound, nothing for an identity; for a bound on a share
    of runs 1 where the run is inside the bounds and 0 where it is not.
    """
    values = claim["values"]
    if claim["kind"] == "identity":
        return {}
    if claim["kind"] == "contrast":
        return values["difference"]
    if "share" not in values:
        return values["by_seed"]
    low, high = values.get("low", -math.inf), values.get("high", math.inf)
    return {seed: float(low <= value <= high) for seed, value in values["by_seed"].items()}


def unrepeated(claims: Iterable[dict]) -> dict[str, list[str]]:
    """Return the ids of the claims that a run does not repeat, by "equation fails" and so on.

    Kinds of which there are none are left out.
    """
    found: dict[str, list[str]] = {}
    for claim in claims:
        if claim["agrees"] is False:
            what = "equation fails" if claim["kind"] == "identity" else "not repeated"
            found.setdefault(what, []).append(claim["id"])
    return found


def summary(claims: Iterable[dict]) -> str:
    """Return how much a run repeats: "equations that hold: 8, claims not asked: 2"."""
    counts = Counter((claim["kind"] == "identity", claim["agrees"]) for claim in claims)
    said = [f"{text}: {counts[key]}" for key, text in _COUNTED.items() if counts[key]]
    return ", ".join(said) or "no claims"


def findings(*ledgers: dict) -> list[Finding]:
    """Return what there is to say of one ledger, or of two side by side, what fails first."""
    by_id = [{claim["id"]: claim for claim in ledger["claims"]} for ledger in ledgers]
    found = []
    for id in sorted(set().union(*by_id)):
        claims = tuple(ledger.get(id) for ledger in by_id)
        what = _what(claims)
        if what is not None:
            found.append(Finding(id, what, claims))
    return sorted(found, key=lambda finding: KINDS.index(finding.what))


def _what(claims: tuple[dict | None, ...]) -> str | None:
    there = [claim for claim in claims if claim is not None]
    for what in unrepeated(there):
        return what
    if sorts.is_timed(there[0]["unit"]):
        return "time"
    if len(there) < len(claims):
        return "missing"
    return "apart" if _apart(there) else None


def _apart(claims: list[dict]) -> bool:
    """Return whether run means differ by more than the record allows between a run and itself."""
    repeats = [claim["repeat"] for claim in claims if claim.get("repeat") is not None]
    if len(repeats) < len(claims):
        return False
    middles = [
        statistics.median(by_seed(claim).values())
        if repeat["rule"] == "median"
        else claim["estimate"]
        for claim, repeat in zip(claims, repeats, strict=True)
    ]
    allowed = max((repeat["high"] - repeat["low"]) / 2 for repeat in repeats)
    return max(middles) - min(middles) > allowed


def as_markdown(*ledgers: dict) -> str:
    """Return a Markdown text: what ran where, how much of it repeats the record, and what not."""
    names = ["first", "second"] if len(ledgers) == 2 else ["run"]
    packages = list(ledgers[0]["versions"])
    lines = [
        _row("", "edition", "device", "cores", *packages),
        _row(*["---"] * (4 + len(packages))),
    ]
    for name, ledger in zip(names, ledgers, strict=True):
        versions = [ledger["versions"].get(package, "–") for package in packages]
        lines.append(_row(name, ledger["edition"], ledger["device"], ledger["cores"], *versions))
    lines.append("")
    for name, ledger in zip(names, ledgers, strict=True):
        lines.append(f"- {name}: {summary(ledger['claims'])}")
    found = findings(*ledgers)
    if found:
        lines += ["", _row("claim", "what", *names), _row(*["---"] * (2 + len(names)))]
        lines += [_row(f.id, f.what, *map(_cell, f.claims)) for f in found]
    return "\n".join(lines) + "\n"


def _row(*cells: object) -> str:
    escaped = (str(cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _cell(claim: dict | None) -> str:
    if claim is None:
        return "–"
    mark = {True: "✓ ", False: "✗ ", None: ""}[claim["agrees"]]
    text = f"{mark}{numbers.interval(claim)}"
    repeat = claim.get("repeat")
    if claim["agrees"] is False and repeat is not None:
        low, high = numbers.number(repeat["low"]), numbers.number(repeat["high"])
        text += f"; the record takes {low} to {high}"
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what a run does not repeat.

    Exit with 1 if there is such a claim, or with two ledgers if one is that the first repeats.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ledgers", type=Path, nargs="+", help="claims.json of one run, or of two")
    paths = parser.parse_args(arguments).ledgers
    if len(paths) > 2:
        parser.error(f"one ledger or two are compared, received {len(paths)}")
    try:
        ledgers = [read_ledger(path) for path in paths]
    except ValueError as error:
        sys.exit(f"✗ {error}")
    print(as_markdown(*ledgers), end="")
    *first, last = (
        {id for ids in unrepeated(ledger["claims"]).values() for id in ids} for ledger in ledgers
    )
    if last - set().union(*first):
        sys.exit(1)


if __name__ == "__main__":
    main()

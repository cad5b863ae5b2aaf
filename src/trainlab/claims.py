"""Claims: empirical sentences whose evidence is on record, and that every run measures again.

Each function takes what a chapter measured, looks the claim up in the record and returns a `Claim`,
which a notebook shows as a card. The record decides the verdict; the run says whether it repeats
the record. In the pipeline a run that does not raises `ClaimFailed`, so that no page is published
whose own measurement contradicts it; in a reader's notebook the card says so in words.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from trainlab import editions, record
from trainlab.cards import wording
from trainlab.cards.claim import as_html, as_text
from trainlab.cards.numbers import number
from trainlab.cards.sorts import is_timed
from trainlab.editions import Edition
from trainlab.record import agreement, schema
from trainlab.record.verdicts import VERDICTS, interval, judge, share_interval

__all__ = ["MIME_TYPE", "VERDICTS", "Claim", "ClaimFailed", "bound", "contrast", "identity"]

MIME_TYPE = "application/vnd.trainlab.claim+json"

# "stop" (set by the pipeline): a claim that a run does not repeat raises. "mark": the card says so.
# Unset, in a reader's own notebook, it is as "mark".
DISAGREEMENTS = "TRAINLAB_DISAGREEMENTS"


_Values = Mapping[Any, float] | Iterable[float]


class ClaimFailed(AssertionError):
    """A run does not repeat what the record says of a claim."""


@dataclass(frozen=True)
class Claim:
    """One claim: what the record says of it and what this run measured.

    Args:
        id: Chapter number, a dot and a name in kebab case, as "03.he-keeps-variance".
        kind: "identity", "bound" or "contrast".
        statement: The sentence that was checked.
        criterion: What has to hold for the verdict "supported".
        expected: The verdict that the text was written for, "" for a claim about time.
        verdict: One of `VERDICTS`: that of the record of the full edition; this run's own for an
            identity, for a claim about time and for a claim that no record holds yet.
        n_seeds: Over how many seeds this run measured it.
        values: What this run measured, by name; for bounds and contrasts by seed.
        estimate: The quantity as this run measured it: the largest relative difference, the mean
            over seeds, the mean difference over seeds, or the share of runs.
        ci_low, ci_high: Ends of its 95 % confidence interval; None for an identity.
        unit: The estimate's unit, "" for a pure number.
        record: What the record of the full edition says: `verdict`, `n_seeds`, `estimate`,
            `ci_low`, `ci_high`, `fragile` (reasons) and `replication`; None if it has no such
            claim with this criterion.
        repeat: What this run was held against: the `edition` and its record's `n_seeds` and
            `estimate` and `verdict`, the limits `low` and `high`, the `rule`, and whether so few
            seeds can `tell` the claim from its opposite; None where there is nothing to hold it
            against.
        agrees: Whether this run repeats the record; None where a run is not asked: no record, a
            claim about time, or one that the record leaves open.
    """

    id: str
    kind: str
    statement: str
    criterion: str
    expected: str
    verdict: str
    n_seeds: int
    values: dict = field(repr=False)
    estimate: float
    ci_low: float | None
    ci_high: float | None
    unit: str
    record: dict | None = field(default=None, repr=False)
    repeat: dict | None = field(default=None, repr=False)
    agrees: bool | None = None

    def as_json(self) -> dict:
        """Return the claim as plain JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        return as_text(self.as_json())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {
            "text/plain": str(self),
            "text/html": as_html(self.as_json()),
            MIME_TYPE: self.as_json(),
        }


def identity(
    id: str,
    statement: str,
    ours: object,
    reference: object,
    rtol: float = 1e-5,
    *,
    expected: str = "supported",
) -> Claim:
    """Claim that two computations of the same thing agree.

    The difference is taken relative to the largest reference value, so that an entry that should
    be zero does not have to be hit exactly:

        max |ours - reference| / max |reference| <= rtol

    Args:
        id: As "02.backpropagation-is-gradient-tape".
        statement: The sentence to check; it holds no measured number.
        ours, reference: Arrays of one shape, or sequences of them (one array a layer, say), each
            compared by itself.
        rtol: The largest relative difference allowed.
        expected: The verdict that the text is written for.

    Raises:
        ClaimFailed: In the pipeline, if the verdict is not the expected one.
        ValueError: Shapes or lengths differ, a value is not finite, or an argument is unknown.
    """
    arrays, references = _arrays(ours), _arrays(reference)
    if len(arrays) != len(references):
        raise ValueError(
            f"{id}: `ours` holds {len(arrays)} arrays and `reference` {len(references)}; an "
            "identity compares them one by one, so both need the same number."
        )
    worst = 0.0
    for position, (a, b) in enumerate(zip(arrays, references, strict=True)):
        if a.shape != b.shape:
            raise ValueError(
                f"{id}: array {position} of `ours` has shape {a.shape}, that of `reference` "
                f"{b.shape}; an identity compares arrays of one shape."
            )
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ValueError(f"{id}: array {position} holds a value that is not finite.")
        difference, size = np.max(np.abs(a - b)), np.max(np.abs(b))
        worst = max(worst, float(difference / size) if size > 0 else float(difference))
    return _conclude(
        id=id,
        kind="identity",
        statement=statement,
        criterion=f"largest relative difference ≤ {number(rtol)}",
        expected=expected,
        verdict="supported" if worst <= rtol else "refuted",
        n_seeds=1,
        values={
            "largest_relative_difference": worst,
            "rtol": rtol,
            "numbers_compared": sum(a.size for a in arrays),
        },
        estimate=worst,
        ci_low=None,
        ci_high=None,
        unit="",
    )


def bound(
    id: str,
    statement: str,
    values: _Values,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    share: float | None = None,
    grain: float | None = None,
    unit: str = "",
    expected: str | None = None,
    edition: Edition | None = None,
) -> Claim:
    """Claim that a quantity, measured once a seed, lies within bounds.

    The claim is about its mean, or with `share` about how often a run lies within them. Supported
    when the whole 95 % confidence interval does, refuted when none of it does, otherwise
    inconclusive.

    Args:
        id: As "02.sigmoid-stays-near-chance".
        statement: The sentence to check; it holds no measured number.
        values: Mapping from seed to value, or a sequence (in the order of the edition's seeds).
            Ratios of time have no seeds and are a sequence.
        low, high: The bounds, in the unit of the values; at least one is given.
        share: In which share of the runs, at least, the value lies within the bounds, in (0, 1).
            Ten of ten runs make it sure that at least 0.69 do.
        grain: The smallest step between two values where it is not 1 for whole numbers, as 0.05 for
            shares of 20: an interval of equal values is not narrower than that allows.
        unit: Unit of the values; one with the word "time" or "seconds" marks a claim about time,
            which belongs to the machine that measures it: it has no expected verdict.
        expected: The verdict that the text is written for, "supported" if not given.
        edition: The edition whose record decides whether the run repeats it, the one that
            `runtime.setup` chose by default.

    Raises:
        ClaimFailed: In the pipeline, if this run does not repeat the record.
        ValueError: No bound is given, a value is not finite, or an argument is unknown.
    """
    edition = edition or editions.current()
    if low == -math.inf and high == math.inf:
        raise ValueError(f"{id}: a bound needs `low`, `high` or both.")
    _check_criterion(id, low, high, grain)
    if share is not None and not 0 < share < 1:
        raise ValueError(f"{id}: share={share!r} is not between 0 and 1, both excluded.")
    by_seed = _by_seed(id, "values", values, edition.seeds)
    measured = np.array(list(by_seed.values()))
    range_text = _range_text(low, high, unit)
    ends: tuple[Any, Any]
    if share is not None:
        inside = int(np.sum((measured >= low) & (measured <= high)))
        estimate, ends = inside / len(measured), share_interval(inside, len(measured))
        verdict = judge(*ends, low=share)
        criterion = f"95 % interval of the share of runs {range_text} is ≥ {share:g}"
    else:
        estimate, ends = float(measured.mean()), interval(measured, grain)
        if ends[0] is None:
            verdict = judge(estimate, estimate, low, high)
            criterion = f"the value is {range_text}"
        else:
            verdict = judge(*ends, low, high)
            criterion = f"95 % interval of the mean {range_text}"
    return _conclude(
        edition,
        id=id,
        kind="bound",
        statement=statement,
        criterion=criterion,
        expected=expected if is_timed(unit) else expected or "supported",
        verdict=verdict,
        n_seeds=len(measured),
        values={
            "by_seed": by_seed,
            **_finite_bounds(low, high),
            **({} if share is None else {"share": share}),
            **({} if grain is None else {"grain": grain}),
        },
        estimate=estimate,
        ci_low=ends[0],
        ci_high=ends[1],
        unit=unit if share is None else "of the runs",
    )


def contrast(
    id: str,
    statement: str,
    a: _Values,
    b: _Values,
    *,
    at_least: float | None = None,
    within: float | None = None,
    grain: float | None = None,
    unit: str = "",
    sides: Sequence[str] = ("a", "b"),
    expected: str | None = None,
    edition: Edition | None = None,
) -> Claim:
    """Claim that `a` exceeds `b`, or that they hardly differ, paired by seed.

    The estimate is the mean of a - b over the seeds, with Student's 95 % confidence interval
    (Student, 1908). Supported when the whole interval meets the criterion; "weaker" when a exceeds
    b, but the whole interval is short of `at_least`; refuted when none of it meets the criterion;
    otherwise inconclusive.

    Args:
        id: As "03.he-beats-small-normal".
        statement: The sentence to check; it holds no measured number.
        a, b: Mappings from seed to value with the same seeds, or sequences (in the order of the
            edition's seeds).
        at_least: The criterion a - b ≥ at_least, in the unit of the values.
        within: The criterion |a - b| ≤ within instead: the two do not differ by more.
        grain: The smallest step between two differences where it is not 1 for whole numbers.
        unit: Unit of the values.
        sides: What `a` and `b` are called on the card.
        expected: The verdict that the text is written for, "supported" if not given.
        edition: The edition whose record decides whether the run repeats it, the one that
            `runtime.setup` chose by default.

    Raises:
        ClaimFailed: In the pipeline, if this run does not repeat the record.
        ValueError: The seeds differ or are fewer than 2, a value is not finite, not exactly one
            criterion is given, or an argument is unknown.
    """
    edition = edition or editions.current()
    low, high = _margin(id, at_least, within)
    _check_criterion(id, low, high, grain)
    if len(sides) != 2:
        raise ValueError(f"{id}: sides={sides!r} names {len(sides)} sides; a contrast has two.")
    first, second = (
        _by_seed(id, side, values, edition.seeds)
        for side, values in zip(sides, (a, b), strict=True)
    )
    if list(first) != list(second):
        raise ValueError(
            f"{id}: {sides[0]!r} has the seeds {', '.join(first)} and {sides[1]!r} the seeds "
            f"{', '.join(second)}; a contrast is paired, so both need the same seeds in one order."
        )
    if len(first) < 2:
        raise ValueError(f"{id}: a contrast needs at least 2 seeds, received {len(first)}.")
    difference = {seed: first[seed] - second[seed] for seed in first}
    measured = np.array(list(difference.values()))
    ends = interval(measured, grain)
    return _conclude(
        edition,
        id=id,
        kind="contrast",
        statement=statement,
        criterion=(
            f"95 % interval of the mean difference “{sides[0]} − {sides[1]}” "
            f"{_range_text(low, high, unit)}"
        ),
        expected=expected if is_timed(unit) else expected or "supported",
        verdict=judge(*ends, low, high, effect=high == math.inf and low > 0),
        n_seeds=len(measured),
        values={
            "sides": list(sides),
            "a": first,
            "b": second,
            "difference": difference,
            **_finite_bounds(low, high),
            **({} if grain is None else {"grain": grain}),
        },
        estimate=float(measured.mean()),
        ci_low=ends[0],
        ci_high=ends[1],
        unit=unit,
    )


def _margin(id: str, at_least: float | None, within: float | None) -> tuple[float, float]:
    """Return between what a difference has to lie."""
    if at_least is not None and within is None:
        return at_least, math.inf
    if within is not None and at_least is None:
        return -within, within
    raise ValueError(f"{id}: a contrast needs exactly one of `at_least` and `within`.")


def _conclude(edition: Edition | None = None, **fields: Any) -> Claim:
    """Return the claim as the record and a run of this edition leave it, or stop the pipeline."""
    claim = Claim(**_with_record(fields, edition))
    if os.environ.get(DISAGREEMENTS) == "stop":
        if claim.agrees is False:
            raise ClaimFailed(_explained(claim))
        _refuse_changed(claim)
    return claim


def _refuse_changed(claim: Claim) -> None:
    """Raise if the record holds the claim with another criterion or another statement."""
    if is_timed(claim.unit) or os.environ.get(record.NOTES):
        return
    for name in editions.EDITIONS:
        entry = record.claim(claim.id, name)
        if entry is None:
            continue
        found = _recorded(claim.as_json(), name)
        if found is None or entry["statement"] != claim.statement:
            raise ClaimFailed(
                f"{claim}\n"
                f"  The {name} edition's record is of another claim: “{entry['statement']}”, "
                f"{entry['criterion']}.\n"
                "  Take the change back, or commit it and measure the record anew: make record "
                f"EDITION={name} ONLY=<chapter {claim.id[:2]}>."
            )


def _with_record(fields: dict, edition: Edition | None) -> dict:
    """Return a claim's fields with its verdict on record and whether this run repeats it."""
    id, expected = fields["id"], fields["expected"]
    if not re.fullmatch(schema.CLAIM_ID, id):
        raise ValueError(
            f"Claim id {id!r} is not of the form '03.he-keeps-variance': the chapter's "
            "two digits, a dot, a name in kebab case."
        )
    if is_timed(fields["unit"]):
        if expected is not None:
            raise ValueError(
                f"{id}: expected={expected!r} was given for a claim about time (its unit is "
                f"{fields['unit']!r}). It belongs to the machine that measures it: leave "
                "`expected` out."
            )
        return {**fields, "expected": ""}
    if expected not in VERDICTS:
        raise ValueError(f"{id}: expected={expected!r} is not one of {', '.join(VERDICTS)}.")
    found = _recorded(fields, "full")
    if edition is None:  # an equation, which every run has to repeat
        kept = found and {"verdict": found["verdict"], "estimate": found["estimate"]}
        return {**fields, "record": kept, "agrees": fields["verdict"] == expected}
    own = _recorded(fields, edition.name)
    if found is not None:
        names = ("verdict", "n_seeds", "estimate", "ci_low", "ci_high", "fragile")
        kept = {name: found.get(name) for name in names}
        kept["replication"] = found.get("replication", {}).get("result")
        fields |= {"verdict": found["verdict"], "record": kept}
    if found is None or own is None:
        return fields
    compared = agreement.repeat(own, agreement.measured(fields))
    fields["repeat"] = {
        "edition": edition.name,
        "n_seeds": len(own["seeds"]),
        "estimate": own["estimate"],
        "low": compared.low,
        "high": compared.high,
        "rule": compared.rule,
        "tells": compared.tells,
        "verdict": own["verdict"],
    }
    fields["agrees"] = None if found["verdict"] == "inconclusive" else compared.agrees
    return fields


def _recorded(fields: dict, edition: str) -> dict | None:
    """Return what an edition's record holds of a claim, if its criterion is the same."""
    if os.environ.get(record.NOTES):  # it is being measured anew
        return None
    entry = record.claim(fields["id"], edition)
    if entry is None:
        return None
    # Not the criterion's words: they name the sides, of which one may be found by measuring.
    numbers = {name: fields["values"].get(name) for name in ("low", "high", "share", "rtol")}
    same = all(entry[name] == fields[name] for name in ("kind", "unit")) and all(
        _is_same(entry.get(name), number) for name, number in numbers.items()
    )
    return entry if same else None


def _is_same(recorded: float | None, given: float | None) -> bool:
    """Return whether two parts of a criterion are the same but for the record's rounding."""
    if recorded is None or given is None:
        return recorded is given
    return math.isclose(recorded, given, rel_tol=1e-6)


def _explained(claim: Claim) -> str:
    repeat = claim.repeat
    if repeat is None:  # an equation
        return (
            f"{claim}\n"
            f"  expected:  {claim.expected}, but it came out {claim.verdict}\n"
            "  An equation does not depend on seed or machine: the formula, the package or a "
            "version of Keras has changed. Mend it, or correct the text and `expected=`."
        )
    what = wording.compared_by(repeat["rule"])
    return (
        f"{claim}\n"
        f"  This run does not repeat the record: over {wording.seeds(claim.as_json())} it "
        f"measured {number(claim.estimate)}. The record of the {repeat['edition']} edition has "
        f"{number(repeat['estimate'])} over {repeat['n_seeds']} seeds, from which {what} "
        f"between {number(repeat['low'])} and {number(repeat['high'])} would repeat it.\n"
        "  If the experiment was changed on purpose, commit it and measure its record anew: "
        f"make record EDITION={repeat['edition']} ONLY=<chapter {claim.id[:2]}>. If nothing was "
        "changed, this machine's arithmetic or versions are unlike all that were recorded: `make "
        "book DISAGREEMENTS=mark` builds the pages and marks the cards that disagree."
    )


def _check_criterion(id: str, low: float, high: float, grain: float | None) -> None:
    if not low <= high:
        raise ValueError(
            f"{id}: the criterion accepts values from {low} to {high}, which none can be. Give "
            "numbers, the lower one as the lower end."
        )
    if grain is not None and not grain > 0:
        raise ValueError(f"{id}: grain={grain!r} is not a step between values; give one above 0.")


def _arrays(values: Any) -> list[np.ndarray]:
    is_sequence = isinstance(values, (list, tuple))
    if is_sequence and any(np.ndim(value) > 0 for value in values):
        return [array for value in values for array in _arrays(value)]
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise ValueError("An identity cannot be checked on an empty array.")
    return [array]


def _by_seed(id: str, name: str, values: _Values, seeds: Sequence[int]) -> dict[str, float]:
    """Return values by the name of their seed, a sequence in the order of an edition's seeds."""
    if not isinstance(values, Mapping):
        values = list(values)
        names = seeds if len(values) == len(seeds) else range(len(values))
        values = dict(zip(names, values, strict=True))
    if not values:
        raise ValueError(f"{id}: {name!r} holds no values; give one a seed.")
    by_seed = {str(seed): float(value) for seed, value in values.items()}
    for seed, value in by_seed.items():
        if not math.isfinite(value):
            raise ValueError(
                f"{id}: {name!r} is {value} for seed {seed}. A claim needs finite values: measure "
                "something that stays finite, such as the share of diverged runs."
            )
    return by_seed


def _finite_bounds(low: float, high: float) -> dict[str, float]:
    return {
        name: float(value) for name, value in (("low", low), ("high", high)) if math.isfinite(value)
    }


def _range_text(low: float, high: float, unit: str) -> str:
    suffix = f" {unit}" if unit else ""
    low_text, high_text = (f"{end:g}".replace("-", "−") for end in (low, high))
    if high == math.inf:
        return f"≥ {low_text}{suffix}"
    if low == -math.inf:
        return f"≤ {high_text}{suffix}"
    return f"in [{low_text}, {high_text}]{suffix}"

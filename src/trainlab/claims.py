"""Claims: empirical sentences that the build measures and checks.

Each function takes what a chapter measured, reaches a verdict by a criterion that is fixed
beforehand and returns a `Claim`, which a notebook shows as a card. A verdict other than the
expected one raises `ClaimFailed`, so that no page can say what the measurement does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from trainlab import claim_card, editions

__all__ = [
    "EXPECTATIONS", "MIME_TYPE", "VERDICTS", "Claim", "ClaimFailed", "bound", "contrast", "identity"
]  # fmt: skip

MIME_TYPE = "application/vnd.trainlab.claim+json"
VERDICTS = ("supported", "refuted", "inconclusive")
EXPECTATIONS = (*VERDICTS, "supported or inconclusive", "refuted or inconclusive")
CONFIDENCE = 0.95


class ClaimFailed(AssertionError):
    """A claim's verdict is not the one that the text expects."""


@dataclass(frozen=True)
class Claim:
    """One claim with everything that was measured for it.

    Args:
        id: Chapter number, a dot and a name in kebab case, as "03.he-keeps-variance".
        kind: "identity", "bound" or "contrast".
        statement: The sentence that was checked.
        criterion: What had to hold for the verdict "supported".
        expected: The verdict that the text was written for, one of `EXPECTATIONS`.
        verdict: "supported", "refuted" or "inconclusive".
        n_seeds: Over how many seeds it was measured.
        values: What was measured, by name; for bounds and contrasts by seed.
        estimate: The measured quantity: the largest relative difference, the mean over seeds or
            the mean difference over seeds.
        ci_low, ci_high: Ends of the 95 % confidence interval of a mean; None for an identity.
        unit: The estimate's unit, "" for a pure number.
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

    def record(self) -> dict:
        """Return the claim as plain JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        return claim_card.as_text(self.record())

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {
            "text/plain": str(self),
            "text/html": claim_card.as_html(self.record()),
            MIME_TYPE: self.record(),
        }


def identity(id, statement, ours, reference, rtol=1e-5, *, expected="supported") -> Claim:
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
        ClaimFailed: The verdict is not the expected one.
        ValueError: Shapes or lengths differ, a value is not finite, or an argument is unknown.
    """
    pairs = list(zip(_arrays(ours), _arrays(reference), strict=False))
    if len(_arrays(ours)) != len(_arrays(reference)):
        raise ValueError(
            f"{id}: `ours` holds {len(_arrays(ours))} arrays and `reference` "
            f"{len(_arrays(reference))}; an identity compares them one by one."
        )
    worst = 0.0
    for position, (a, b) in enumerate(pairs):
        if a.shape != b.shape:
            raise ValueError(
                f"{id}: array {position} of `ours` has shape {a.shape}, that of `reference` "
                f"{b.shape}; an identity compares arrays of one shape."
            )
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise ValueError(f"{id}: array {position} holds a value that is not finite.")
        difference, size = np.max(np.abs(a - b)), np.max(np.abs(b))
        worst = max(worst, float(difference / size) if size > 0 else float(difference))
    n_numbers = sum(a.size for a, _ in pairs)
    return _conclude(
        id=id,
        kind="identity",
        statement=statement,
        criterion=f"largest relative difference ≤ {claim_card.number(rtol)}",
        expected=expected,
        verdict="supported" if worst <= rtol else "refuted",
        n_seeds=1,
        values={"largest_relative_difference": worst, "rtol": rtol, "numbers_compared": n_numbers},
        estimate=worst,
        ci_low=None,
        ci_high=None,
        unit="",
    )


def bound(
    id, statement, values, *, low=-math.inf, high=math.inf, unit="", expected="supported"
) -> Claim:
    """Claim that one value a seed lies within bounds, for every seed.

    Supported when all values lie in [low, high], refuted when none does, otherwise inconclusive.

    Args:
        id: As "02.sigmoid-stays-near-chance".
        statement: The sentence to check; it holds no measured number.
        values: Mapping from seed to value, or a sequence (seeds 0, 1, …). Ratios of time have
            no seeds and are a sequence.
        low, high: The bounds, in the unit of the values; at least one is given.
        unit: Unit of the values; one with the word "time" or "seconds" marks a claim about time.
        expected: The verdict that the text is written for. A claim about time, whose verdict the
            machine helps to decide, may leave one question open to it: "supported or
            inconclusive" or "refuted or inconclusive".

    Raises:
        ClaimFailed: The verdict is not the expected one.
        ValueError: No bound is given, a value is not finite, or an argument is unknown.
    """
    if low == -math.inf and high == math.inf:
        raise ValueError(f"{id}: a bound needs `low`, `high` or both.")
    by_seed = _by_seed(id, "values", values)
    measured = np.array(list(by_seed.values()))
    inside = (measured >= low) & (measured <= high)
    timed = claim_card.is_timed(unit)
    ci_low, ci_high = _mean_interval(measured)
    return _conclude(
        id=id,
        kind="bound",
        statement=statement,
        criterion=f"every {'value' if timed else 'seed'} {_range_text(low, high, unit)}",
        expected=expected,
        verdict="supported" if inside.all() else "inconclusive" if inside.any() else "refuted",
        n_seeds=len(measured),
        values={"by_seed": by_seed, **_finite_bounds(low, high)},
        estimate=float(measured.mean()),
        ci_low=ci_low,
        ci_high=ci_high,
        unit=unit,
    )


def contrast(
    id,
    statement,
    a,
    b,
    *,
    at_least=None,
    within=None,
    unit="",
    sides=("a", "b"),
    expected="supported",
) -> Claim:
    """Claim that `a` exceeds `b`, or that they hardly differ, paired by seed.

    The estimate is the mean of a - b over the seeds, with Student's 95 % confidence interval
    (Student, 1908). Supported when the whole interval meets the criterion, refuted when none of
    it does, otherwise inconclusive.

    Args:
        id: As "03.he-beats-small-normal".
        statement: The sentence to check; it holds no measured number.
        a, b: Mappings from seed to value with the same seeds, or sequences (seeds 0, 1, …).
        at_least: The criterion a - b ≥ at_least, in the unit of the values.
        within: The criterion |a - b| ≤ within instead: the two do not differ by more.
        unit: Unit of the values.
        sides: What `a` and `b` are called on the card.
        expected: The verdict that the text is written for.

    Raises:
        ClaimFailed: The verdict is not the expected one. In the quick edition, whose seeds are
            few, "inconclusive" is accepted too.
        ValueError: The seeds differ or are fewer than 2, a value is not finite, not exactly one
            criterion is given, or an argument is unknown.
    """
    if (at_least is None) == (within is None):
        raise ValueError(f"{id}: a contrast needs exactly one of `at_least` and `within`.")
    low, high = (at_least, math.inf) if within is None else (-within, within)
    a, b = _by_seed(id, sides[0], a), _by_seed(id, sides[1], b)
    if list(a) != list(b):
        raise ValueError(
            f"{id}: {sides[0]!r} has the seeds {', '.join(a)} and {sides[1]!r} the seeds "
            f"{', '.join(b)}; a contrast is paired, so both need the same seeds in one order."
        )
    if len(a) < 2:
        raise ValueError(f"{id}: a contrast needs at least 2 seeds, received {len(a)}.")
    difference = {seed: a[seed] - b[seed] for seed in a}
    measured = np.array(list(difference.values()))
    ci_low, ci_high = _mean_interval(measured)
    if low <= ci_low and ci_high <= high:
        verdict = "supported"
    elif ci_high < low or ci_low > high:
        verdict = "refuted"
    else:
        verdict = "inconclusive"
    return _conclude(
        id=id,
        kind="contrast",
        statement=statement,
        criterion=(
            f"95 % interval of the mean difference “{sides[0]} − {sides[1]}” "
            f"{_range_text(low, high, unit)}"
        ),
        expected=expected,
        verdict=verdict,
        n_seeds=len(measured),
        values={
            "sides": list(sides),
            "a": a,
            "b": b,
            "difference": difference,
            **_finite_bounds(low, high),
        },
        estimate=float(measured.mean()),
        ci_low=ci_low,
        ci_high=ci_high,
        unit=unit,
    )


def _conclude(**fields) -> Claim:
    claim = Claim(**fields)
    if not re.fullmatch(r"\d\d\.[a-z0-9]+(-[a-z0-9]+)*", claim.id):
        raise ValueError(
            f"Claim id {claim.id!r} is not of the form '03.he-keeps-variance': the chapter's "
            "two digits, a dot, a name in kebab case."
        )
    allowed = EXPECTATIONS if claim_card.is_timed(claim.unit) else VERDICTS
    if claim.expected not in allowed:
        raise ValueError(
            f"{claim.id}: expected={claim.expected!r} is not one of {', '.join(allowed)}."
        )
    accepted = set(claim.expected.split(" or "))
    if claim.kind == "contrast" and editions.current().name == "quick":
        accepted.add("inconclusive")
    if claim.verdict not in accepted:
        raise ClaimFailed(
            f"{claim}\n"
            f"  expected:  {claim.expected}, but it came out {claim.verdict}\n"
            "  The text says what the measurement does not. Correct the text and `expected=`; "
            "do not tune the experiment until it agrees."
        )
    return claim


def _arrays(values) -> list[np.ndarray]:
    is_sequence = isinstance(values, (list, tuple))
    if is_sequence and any(np.ndim(value) > 0 for value in values):
        return [array for value in values for array in _arrays(value)]
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise ValueError("An identity cannot be checked on an empty array.")
    return [array]


def _by_seed(id, name, values) -> dict[str, float]:
    if not isinstance(values, Mapping):
        values = dict(enumerate(values))
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


def _mean_interval(values) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    from scipy import stats

    interval = stats.ttest_1samp(values, 0).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)


def _finite_bounds(low, high) -> dict[str, float]:
    return {
        name: float(value) for name, value in (("low", low), ("high", high)) if math.isfinite(value)
    }


def _range_text(low, high, unit) -> str:
    suffix = f" {unit}" if unit else ""
    low_text, high_text = (f"{end:g}".replace("-", "−") for end in (low, high))
    if high == math.inf:
        return f"≥ {low_text}{suffix}"
    if low == -math.inf:
        return f"≤ {high_text}{suffix}"
    return f"in [{low_text}, {high_text}]{suffix}"

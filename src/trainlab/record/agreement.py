"""Does a run repeat the record?

A run measures few seeds and asks one question of each claim: could these values have been drawn
from what the record measured? The mean of the run's n seeds is held against the prediction interval
of the record's N (Student's, two-sided α = 1e-5, standard error s·√(1/n + 1/N)), widened by what
other arithmetic alone has been seen to change.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainlab.record import verdicts

__all__ = [
    "ALPHA", "RULES", "Repeat", "allowance", "arithmetic_shift", "by_seed", "false_alarms",
    "measured", "moved_seeds", "noticeable", "repeat", "rule_for",
]  # fmt: skip

# At 130 claims, one whole build in a thousand would raise a false alarm.
ALPHA = 1e-5
# Other arithmetic than any that was recorded may move a seed by this many times as much.
ARITHMETIC_FACTOR = 4
# Relative to the largest value: what sums of float32 differ by in another order.
ROUNDING = 1e-5

# The part of the way to its criterion that every claim may move: less would matter to nobody, and
# where seeds hardly differ, the size of a file say, the prediction interval is narrower than that.
FLOOR = 0.02

# What a run and the record are compared by: the mean; the median, where single runs lie far out;
# the mean and the whole range of the record, where runs fall into clusters; and whether one run at
# least is like those of the record, where more than a few lie far out.
RULES = ("mean", "median", "range", "one")


@dataclass(frozen=True)
class Repeat:
    """What a run says about a claim of the record.

    Args:
        agrees: Whether the run repeats the record.
        low, high: Between what its mean (or median, see `rule`) would repeat it.
        tells: Whether a run of so many seeds can tell the claim from its opposite.
        rule: One of `RULES`.
    """

    agrees: bool
    low: float
    high: float
    tells: bool
    rule: str


def by_seed(entry: Mapping, series: Mapping | None = None) -> dict[str, float]:
    """Return what an entry of the record holds for each seed.

    Differences for a contrast, values for a bound; for a bound on a share of runs 1 where the run
    is inside the bounds and 0 where it is not.

    Args:
        entry: A claim of a record.
        series: One of the entry's other series ("replication", or one of "arithmetic") instead of
            the one that decides.
    """
    measured = entry if series is None else series
    values = measured["values"]
    if entry["kind"] == "contrast":
        numbers = [a - b for a, b in zip(values["a"], values["b"], strict=True)]
    else:
        numbers = values["by_seed"]
        if entry.get("share") is not None:
            low, high = entry.get("low"), entry.get("high")
            numbers = [
                float((low is None or low <= value) and (high is None or value <= high))
                for value in numbers
            ]
    return dict(zip(map(str, measured["seeds"]), numbers, strict=True))


def measured(claim: Mapping) -> dict[str, float]:
    """Return what a claim of a run holds for each seed, as `by_seed` does for the record.

    Args:
        claim: A seeded claim as JSON data (`trainlab.claims.Claim.as_json`).
    """
    values = claim["values"]
    if claim["kind"] == "contrast":
        return dict(values["difference"])
    series = {
        "seeds": list(values["by_seed"]),
        "values": {"by_seed": list(values["by_seed"].values())},
    }
    return by_seed({"kind": "bound", **values}, series)


# The two ends, for one record's values or for many in the rows of an array.
_Limits = tuple[Any, Any]


@functools.cache
def _critical(degrees: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(1 - ALPHA / 2, degrees))


# What follows takes one record's values, or those of many in the rows of an array.
def _spread(values: np.ndarray, grain: float) -> np.ndarray:
    return np.maximum(values.std(axis=-1, ddof=1), grain / 2)


def allowance(values: ArrayLike, n: int, *, grain: float = 0.0, shift: float = 0.0) -> np.ndarray:
    """Return by how much the mean of n further runs may differ from that of these.

    Args:
        values: The record's values, one a seed, at least two.
        n: How many seeds a run has.
        grain: The smallest step between two values; the spread counts as half of it at least.
        shift: What other arithmetic has been seen to change.
    """
    recorded = np.asarray(values, float)
    n_record = recorded.shape[-1]
    error = _spread(recorded, grain) * np.sqrt(1 / n + 1 / n_record)
    rounding = ROUNDING * np.max(np.abs(recorded), axis=-1)
    return _critical(n_record - 1) * error + shift + rounding


def _limits(values: np.ndarray, n: int, rule: str, entry: Mapping) -> _Limits:
    """Return between what the run's centre, or for the rule "one" one of its runs, has to lie."""
    every = np.array(list(by_seed(entry).values()))
    grain = _grain(entry, every)
    shift = arithmetic_shift(entry)
    half = allowance(values, 1 if rule == "one" else n, grain=grain, shift=shift)
    half = np.maximum(half, _floor(entry, every.mean()))
    centre = _centre(values, rule)
    low, high = centre - half, centre + half
    if rule == "range":
        reach = np.ptp(values, axis=-1)
        low = np.minimum(low, values.min(axis=-1) - reach)
        high = np.maximum(high, values.max(axis=-1) + reach)
    return low, high


def _centre(values: np.ndarray, rule: str) -> np.ndarray:
    return np.median(values, axis=-1) if rule == "median" else values.mean(axis=-1)


def _within(values: np.ndarray, limits: _Limits, rule: str) -> np.ndarray:
    low, high = limits
    if rule == "one":
        low, high = np.expand_dims(low, -1), np.expand_dims(high, -1)
        return np.any((low <= values) & (values <= high), axis=-1)
    centre = _centre(values, rule)
    return (low <= centre) & (centre <= high)


def _grain(entry: Mapping, values: np.ndarray) -> float:
    """Return the smallest step between values, 1 for a share: a run is inside it or it is not."""
    return verdicts.grain_of(values, 1 if entry.get("share") is not None else entry.get("grain"))


def _floor(entry: Mapping, value: float) -> float:
    """Return the change that is too small to matter to a claim."""
    return FLOOR * min(abs(value - edge) for edge in _edges(entry))


def _edges(entry: Mapping) -> list[float]:
    """Return where the criterion of a claim ends, in the unit of what `by_seed` gives."""
    if entry.get("share") is not None:
        return [entry["share"]]
    return [entry[side] for side in ("low", "high") if entry.get(side) is not None]


def arithmetic_shift(entry: Mapping) -> float:
    """Return how far other arithmetic has moved the mean of the same seeds, at most."""
    base = by_seed(entry)
    shifts: list[Any] = [0.0]
    for series in entry.get("arithmetic", {}).values():
        other = by_seed(entry, series)
        seeds = [seed for seed in other if seed in base]
        shifts.append(abs(np.mean([other[seed] - base[seed] for seed in seeds])))
    return float(max(shifts))


def repeat(entry: Mapping, measured: Mapping[str, float]) -> Repeat:
    """Hold what a run measured against a claim of the record.

    Args:
        entry: The claim's entry in the record of the run's edition.
        measured: Seed to value, as `by_seed` gives them for the record.
    """
    values = np.array(list(by_seed(entry).values()))
    run = np.array(list(measured.values()))
    if len(values) < 2:
        reach = max(ROUNDING * abs(values[0]), _floor(entry, values[0]))
        limits = values[0] - reach, values[0] + reach
        return Repeat(bool(_within(run, limits, "mean")), *limits, tells=True, rule="mean")
    rule = entry["rule"]
    limits = _limits(values, len(run), rule, entry)
    return Repeat(
        agrees=bool(_within(run, limits, rule)),
        low=float(limits[0]),
        high=float(limits[1]),
        tells=_tells(entry, limits),
        rule=rule,
    )


def _tells(entry: Mapping, limits: tuple[float, float]) -> bool:
    """Return whether a run at the border of the claim's opposite would be noticed."""
    edges = _edges(entry)
    if entry["kind"] == "contrast" and entry.get("high") is None and entry["low"] > 0:
        edges = [0.0] if entry["verdict"] in ("supported", "weaker") else edges
    return not any(limits[0] <= edge <= limits[1] for edge in edges)


def noticeable(entry: Mapping, n: int) -> float:
    """Return the change of the true mean that a run of n seeds notices nine times in ten."""
    values = np.array(list(by_seed(entry).values()))
    if len(values) < 2:
        return max(ROUNDING * abs(float(values[0])), _floor(entry, values[0]))
    grain = _grain(entry, values)
    low, high = _limits(values, n, entry["rule"], entry)
    centre = values.mean()
    # The record's own mean is uncertain, too. By the rule "one" all n runs have to lie outside.
    counted, share = (1, 0.9 ** (1 / n)) if entry["rule"] == "one" else (n, 0.9)
    error = _spread(values, grain) * np.sqrt(1 / counted + 1 / len(values))
    return float(max(high - centre, centre - low) + NormalDist().inv_cdf(share) * error)


def moved_seeds(entry: Mapping, measured: Mapping[str, float]) -> list[str]:
    """Return the seeds of a run whose values differ from the record's by more than arithmetic.

    Values of one seed, measured with the same package, differ by the order of sums alone, and the
    record knows by how much: `ARITHMETIC_FACTOR` times the largest such change is allowed.
    """
    if not entry.get("arithmetic"):
        return []
    base = by_seed(entry)
    changes = [
        abs(value - base[seed])
        for series in entry["arithmetic"].values()
        for seed, value in by_seed(entry, series).items()
        if seed in base
    ]
    scale = max(abs(value) for value in base.values())
    allowed = ARITHMETIC_FACTOR * max(changes) + ROUNDING * scale
    return [
        seed
        for seed, value in measured.items()
        if seed in base and abs(value - base[seed]) > allowed
    ]


def _alarmed(entry: Mapping, rule: str, drawn: Sequence[Sequence[int]]) -> np.ndarray:
    """Return for each draw of a record's runs whether the others would call it no repetition."""
    values = np.array(list(by_seed(entry).values()))
    is_rest = np.ones((len(drawn), len(values)), bool)
    np.put_along_axis(is_rest, np.array(drawn), False, axis=1)
    run = values[np.array(drawn)]
    rest = np.broadcast_to(values, is_rest.shape)[is_rest].reshape(len(drawn), -1)
    return ~_within(run, _limits(rest, run.shape[1], rule, entry), rule)


def rule_for(entry: Mapping, n: int) -> str:
    """Return the first of `RULES` by which no n runs of the record contradict the others.

    Where each of them raises false alarms, it is the one that raises the fewest.
    """
    drawn = _draws(len(by_seed(entry)), n)
    counts = {rule: int(_alarmed(entry, rule, drawn).sum()) for rule in RULES}
    return min(RULES, key=lambda rule: counts[rule])


def _draws(n_record: int, n: int) -> list[tuple[int, ...]]:
    return list(itertools.combinations(range(n_record), n))


def false_alarms(entries: Mapping[str, Mapping], n: int) -> tuple[float, dict[str, int]]:
    """Return how often a whole build of n seeds raises a false alarm, and which claims do.

    Every n seeds of the record are held against the others, all claims at once, as a build would
    measure them.

    Args:
        entries: Claim id to entry, all with the same seeds; claims that a run does not check left
            out.
        n: How many seeds a build has.

    Returns:
        The share of the builds with an alarm, and claim id to the number of its alarms.
    """
    seeds = {tuple(by_seed(entry)) for entry in entries.values()}
    if len(seeds) != 1:
        raise ValueError(
            f"The claims have {len(seeds)} different lists of seeds; builds can only be drawn from "
            "claims that share one."
        )
    drawn = _draws(len(seeds.pop()), n)
    alarms = {id: _alarmed(entry, entry["rule"], drawn) for id, entry in entries.items()}
    whole = np.any(list(alarms.values()), axis=0)
    return float(whole.mean()), {id: int(a.sum()) for id, a in alarms.items() if a.any()}

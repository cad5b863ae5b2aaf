"""Which of a claim's numbers a card shows: the record's or this run's, and against which edges."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from trainlab.cards.sorts import has_seeds

__all__ = ["by_seed", "centre", "deciding", "edges", "is_by_median"]


def by_seed(claim: Mapping) -> dict[str, float]:
    """Return what this run measured for each seed, differences for a contrast."""
    values = claim["values"]
    return values["difference"] if claim["kind"] == "contrast" else values["by_seed"]


def deciding(claim: Mapping) -> Mapping:
    """Return the claim with the numbers that its verdict rests on: the record's, if it has one."""
    return {**claim, **claim["record"]} if claim.get("record") and has_seeds(claim) else claim


def is_by_median(claim: Mapping) -> bool:
    """Return whether this run is held against the record by its median instead of its mean."""
    repeat = claim.get("repeat")
    return repeat is not None and repeat["rule"] == "median" and "share" not in claim["values"]


def centre(claim: Mapping) -> float:
    """Return what this run is held against the record by."""
    return statistics.median(by_seed(claim).values()) if is_by_median(claim) else claim["estimate"]


def edges(claim: Mapping) -> dict[str, float]:
    """Return the ends of what the criterion accepts, by "low" and "high"."""
    values = claim.get("values", {})
    if "share" in values:
        return {"low": values["share"]}
    return {side: values[side] for side in ("low", "high") if side in values}

"""The sorts of claims: equations, findings, which have seeds, and times, which have a machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trainlab.record.verdicts import VERDICTS

__all__ = ["Counts", "counts", "has_seeds", "is_timed"]


@dataclass(frozen=True)
class Counts:
    """How many claims there are of each sort.

    Args:
        equations: Identities, which have no seeds.
        findings: How many claims with seeds have each verdict.
        timings: Claims about time, which belong to the machine.
    """

    equations: int
    findings: dict[str, int]
    timings: int


def counts(claims: Iterable[Mapping]) -> Counts:
    """Count equations, findings and timings apart.

    Args:
        claims: Claims, or a record's entries of them: `kind`, `unit` and `verdict` are looked at.
    """
    equations, timings, findings = 0, 0, dict.fromkeys(VERDICTS, 0)
    for claim in claims:
        if claim["kind"] == "identity":
            equations += 1
        elif is_timed(claim["unit"]):
            timings += 1
        else:
            findings[claim["verdict"]] += 1
    return Counts(equations, findings, timings)


def is_timed(unit: str) -> bool:
    """Return whether a unit is one of time: "seconds", "times the time of ReLU"."""
    return re.search(r"\b(?:time|seconds?)\b", unit) is not None


def has_seeds(claim: Mapping) -> bool:
    """Return whether a claim is a finding: neither an equation nor a time."""
    return claim["kind"] != "identity" and not is_timed(claim["unit"])

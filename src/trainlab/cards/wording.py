"""What a card says of a claim in words: its effect, this run, and whether it repeats the record."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from trainlab.cards.evidence import by_seed, centre, deciding, edges, is_by_median
from trainlab.cards.numbers import (
    NOTHING,
    counted,
    estimate_and_ends,
    interval,
    number,
    plain,
    short,
    with_unit,
)
from trainlab.cards.sorts import is_timed

__all__ = [
    "agreement", "compared_by", "effect", "effect_in_parts", "marks", "measured", "seeds",
    "this_run", "to_repeat",
]  # fmt: skip


def effect(claim: Mapping) -> str:
    """Return what the verdict rests on: "He − Glorot: 1.84 nats [1.83, 1.84] · 10 seeds"."""
    return "".join(effect_in_parts(claim))


def effect_in_parts(claim: Mapping) -> tuple[str, str, str]:
    """Return what stands before the estimate, the estimate, and what stands after it."""
    if claim["kind"] == "identity":
        lead = "equation checked: largest relative difference "
        return lead, short(claim["estimate"], 2), f" over {_numbers_compared(claim)}"
    estimate, ends = estimate_and_ends(deciding(claim))
    ends = f" {ends}" if ends else ""
    if is_timed(claim["unit"]):
        n = claim["n_seeds"]
        return "", estimate, ends + (f" · {n} turns" if n > 1 else "")
    lead = "{} − {}: ".format(*claim["values"]["sides"]) if claim["kind"] == "contrast" else ""
    source = "" if claim.get("record") else " of this run"
    return lead, estimate, f"{ends} · {counted(deciding(claim)['n_seeds'], 'seed')}{source}"


def measured(claim: Mapping) -> str:
    """Return what this run measured as one line of text."""
    if claim["kind"] == "identity":
        over = _numbers_compared(claim)
        return f"largest relative difference {number(claim['estimate'])} over {over}"
    if claim["kind"] == "contrast":
        sides = (
            f"{name} {plain(statistics.fmean(claim['values'][side].values()), claim['unit'])}"
            for name, side in zip(claim["values"]["sides"], ("a", "b"), strict=True)
        )
        return f"{', '.join(sides)}; difference {interval(claim)}"
    if "share" in claim["values"]:
        return interval(claim)
    values, unit = claim["values"]["by_seed"].values(), claim["unit"]
    if len(values) == 1:
        return with_unit(claim["estimate"], unit)
    if len(set(values)) == 1:
        each = "in every turn" if is_timed(unit) else "for every seed"
        return f"{with_unit(claim['estimate'], unit)} {each}"
    ends = f"from {plain(min(values), unit)} to {with_unit(max(values), unit)}"
    return f"{ends}, mean {plain(claim['estimate'], unit)}"


def seeds(claim: Mapping) -> str:
    """Return over what was measured as text: the seeds, turns for a time, "" for an identity."""
    if claim["kind"] == "identity":
        return ""
    if is_timed(claim["unit"]):  # what is timed in turns has no seeds
        return "turns of one run"
    names = by_seed(claim)
    return ("seeds " if len(names) > 1 else "seed ") + ", ".join(names)


def this_run(claim: Mapping, *, edition: bool = True) -> str:
    """Return what this run found, short: "1.21 nats over 3 seeds of the quick edition".

    Args:
        claim: The claim.
        edition: Whether the edition is named.
    """
    if claim["kind"] == "identity":
        return measured(claim)
    if is_timed(claim["unit"]):
        return f"{interval(claim)} on this machine"
    repeat = claim.get("repeat")
    median = "median " if is_by_median(claim) else ""
    over = counted(claim["n_seeds"], "seed")
    text = f"{median}{with_unit(centre(claim), claim['unit'])} over {over}"
    return f"{text} of the {repeat['edition']} edition" if repeat and edition else text


def agreement(claim: Mapping) -> str:
    """Return in plain words whether this run repeats the record; "" where nothing is asked."""
    record, repeat = claim.get("record"), claim.get("repeat")
    measure = f"ONLY={claim['id'][:2]}_…` measures it"
    if claim["kind"] == "identity":
        wrong = claim.get("agrees") is False
        return f"✗ the text says “{claim['expected']}”, but it came out otherwise" if wrong else ""
    if is_timed(claim["unit"]):
        return ""
    if record is None:
        return f"not on record as it stands: `make record EDITION=full {measure}"
    if record["verdict"] == "inconclusive":
        return "the record leaves this open: a run is not asked" + _to_settle(claim)
    if repeat is None:
        return f"no record of this edition yet: `make record {measure}"
    if not claim["agrees"]:
        return f"✗ does not repeat the record: {to_repeat(claim)} would"
    if repeat["verdict"] not in (record["verdict"], "inconclusive"):
        return f"the {repeat['edition']} edition’s own record says {repeat['verdict']}"
    if not repeat["tells"]:
        return "too few seeds here to tell"
    if repeat["edition"] == "full":
        return "✓ repeats the record"
    known = plain(repeat["estimate"], claim["unit"])
    return f"✓ repeats that edition’s record ({known})"


def compared_by(rule: str) -> str:
    """Return what a rule of `trainlab.record.agreement` looks at: "a mean", "a median", …"""
    return {"median": "a median", "one": "one run at least"}.get(rule, "a mean")


def to_repeat(claim: Mapping) -> str:
    """Return what would repeat the record: "a mean from 1.1 to 1.4 nats"."""
    repeat, unit = claim["repeat"], claim["unit"]
    name, low, high = compared_by(repeat["rule"]), repeat["low"], repeat["high"]
    if "share" in claim["values"]:
        name, low, high = "a share", max(low, 0.0), min(high, 1.0)
    if plain(low, unit) == plain(high, unit):
        return f"{name} of {with_unit(high, unit)}"
    return f"{name} from {plain(low, unit)} to {with_unit(high, unit)}"


def marks(claim: Mapping) -> list[str]:
    """Return the words that qualify a verdict.

    They are "on this machine", "fragile", "open in replication" and "reversed".
    """
    if is_timed(claim["unit"]):
        return ["on this machine"]
    record = claim.get("record") or {}
    again = record.get("replication")
    return [
        *(["fragile"] if record.get("fragile") else []),
        *([again] if again in ("open in replication", "reversed") else []),
    ]


def _numbers_compared(claim: Mapping) -> str:
    n = claim["values"]["numbers_compared"]
    return f"{n:,} number{'s' if n != 1 else ''}"


def _to_settle(claim: Mapping) -> str:
    """Return how many seeds would settle what the record leaves open: "; about 40 seeds would…"."""
    record = claim["record"]
    low, high, estimate = record["ci_low"], record["ci_high"], record["estimate"]
    inside = [edge for edge in edges(claim).values() if low is not None and low <= edge <= high]
    if not inside:
        return ""
    edge = min(inside, key=lambda edge: abs(edge - estimate))
    half, distance = (high - estimate if edge > estimate else estimate - low), abs(edge - estimate)
    # The interval of a share of 0 or 1 shrinks with the number of seeds, others with its root.
    power = 1 if "share" in claim["values"] and estimate in (0, 1) else 2
    needed = record["n_seeds"] * (half / distance) ** power if distance > NOTHING else math.inf
    if needed > 1000:
        return "; more than 1,000 seeds would be needed to settle it"
    step = 10 if needed > 100 else 1
    return f"; about {step * math.ceil(needed / step):,} seeds would settle it"

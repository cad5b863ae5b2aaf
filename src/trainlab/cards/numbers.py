"""Numbers as a card prints them: few digits, a true minus, a share as per cent, its unit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from trainlab.cards.evidence import edges

__all__ = [
    "NOTHING", "counted", "estimate_and_ends", "interval", "number", "plain", "short", "with_unit",
]  # fmt: skip

# Below this a difference is what rounding leaves of nothing.
NOTHING = 1e-12
# With a space at which no line breaks.
_PERCENT = "\u00a0%"


def number(value: float) -> str:
    """Return a measured number as the book prints it: four significant digits, a true minus."""
    return f"{value:.4g}".replace("-", "−")


def short(value: float, digits: int = 3) -> str:
    """Return a number in as few characters as its first digits take."""
    value = 0.0 if abs(value) < NOTHING else value
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.{digits}g}"
    return text.replace("-", "−")


def plain(value: float, unit: str) -> str:
    """Return a number without its unit, a share as per cent."""
    return f"{short(100 * value)}{_PERCENT}" if _is_share(unit) else short(value)


def with_unit(value: float, unit: str) -> str:
    """Return a number with its unit: "0.4 nats", "70 % of all units"."""
    return f"{plain(value, unit)} {unit}".strip()


def counted(n: int, name: str) -> str:
    """Return "1 equation", "2 equations"."""
    return f"{n} {name}{'s' if n != 1 else ''}"


def interval(claim: Mapping) -> str:
    """Return an estimate with its unit and interval, short: "0.4 nats [0.1, 0.7]".

    Args:
        claim: A claim, or another mapping with `estimate`, `unit`, `ci_low` and `ci_high`.
    """
    return " ".join(filter(None, estimate_and_ends(claim)))


def estimate_and_ends(claim: Mapping) -> tuple[str, str]:
    """Return "0.4 nats" and "[0.1, 0.7]", or "" where there is no interval.

    They have the decimals that the interval's width makes sense of.

    Args:
        claim: As for `interval`.
    """
    factor, sign = (100, _PERCENT) if _is_share(claim["unit"]) else (1, "")
    numbers = [claim["estimate"]]
    if claim["ci_low"] is not None:
        numbers += [claim["ci_low"], claim["ci_high"]]
    numbers = [factor * value for value in numbers]
    decimals = _decimals(numbers[1:], [factor * edge for edge in edges(claim).values()])
    texts = [_fixed(value, decimals) + sign for value in numbers]
    ends = f"[{', '.join(texts[1:])}]" if len(texts) > 1 else ""
    return f"{texts[0]} {claim['unit']}".strip(), ends


def _is_share(unit: str) -> bool:
    """Return whether a unit is that of a share, as "of all units", and not as "of 15 pairs"."""
    return re.match(r"of \D", unit) is not None


def _decimals(ends: list[float], edges: list[float]) -> int | None:
    """Return how many decimals to print, None where significant digits do better.

    One or two digits of the half width, as particle physicists round errors; more where an end
    would otherwise seem to lie on another side of the criterion's edge.
    """
    half = (ends[1] - ends[0]) / 2 if ends else 0
    if half < NOTHING or max(map(abs, ends)) < 1e-3:
        return None
    exponent = math.floor(math.log10(half))
    decimals = max(0, -exponent + (half / 10**exponent < 3.55))

    while decimals < 6 and any(
        _side(round(end, decimals), edge) != _side(end, edge) for end in ends for edge in edges
    ):
        decimals += 1
    return decimals


def _side(value: float, edge: float) -> int:
    return 0 if math.isclose(value, edge, abs_tol=1e-9) else (value > edge) - (value < edge)


def _fixed(value: float, decimals: int | None) -> str:
    if decimals is None:
        return short(value)
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "−")

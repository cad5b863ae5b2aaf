"""The drawing of a claim: the record above, this run beneath, what is accepted behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from trainlab.cards.evidence import by_seed, centre, deciding, edges
from trainlab.cards.numbers import plain

__all__ = ["END", "START", "WIDTH", "strip"]

# The drawing's width and where its scale begins and ends, beside the names of its rows.
WIDTH, START, END = 340, 58, 330

_Scale = Callable[[float], float]


def strip(claim: Mapping) -> str:
    """Return a claim as a small SVG, "" for an equation.

    Its numbers stand in the card, so it is hidden from those who listen to it.
    """
    if claim["kind"] == "identity":
        return ""
    accepted, decided = edges(claim), deciding(claim)
    recorded = decided is not claim
    ends = [decided[end] for end in ("ci_low", "ci_high") if decided[end] is not None]
    dots = [decided["estimate"]]
    if not recorded and "share" not in claim["values"]:
        dots = list(by_seed(claim).values())
    shown = [*accepted.values(), *ends, *dots, centre(claim)]
    if claim["kind"] == "contrast":
        shown.append(0)
    if claim.get("agrees") is False:
        shown += [claim["repeat"]["low"], claim["repeat"]["high"]]
    x = _scale(min(shown), max(shown))
    axis = 44 if recorded else 28
    parts = [_accepted(accepted, x, axis), _ticks(claim, accepted, x, axis)]
    parts.append(_name("record" if recorded else "this run", 14))
    if ends:
        parts.append(_line(ends, x, 14, 'stroke-width="3"'))
    opacity = ".55" if len(dots) > 1 else "1"
    parts += [_dot(x(value), 14, f'fill="currentColor" fill-opacity="{opacity}"') for value in dots]
    if recorded:
        parts.append(_run(claim, x, 32))
    return (
        f'<svg viewBox="0 0 {WIDTH} {axis + 18}" aria-hidden="true" style="display:block;'
        f'width:100%;max-width:27em;height:auto;margin:.2em 0">{"".join(parts)}</svg>'
    )


def _scale(start: float, end: float) -> _Scale:
    """Return the function from a value to its place, at the strip's end for what lies beyond."""
    margin = 0.06 * (end - start) or 1.0
    start, end = start - margin, end + margin

    def x(value: float) -> float:
        share = min(max((value - start) / (end - start), 0), 1)
        return round(START + (END - START) * share, 1)

    return x


def _accepted(edges: Mapping[str, float], x: _Scale, axis: int) -> str:
    left = x(edges["low"]) if "low" in edges else START
    right = x(edges["high"]) if "high" in edges else END
    return (
        f'<rect x="{left}" y="2" width="{max(1, round(right - left, 1))}" height="{axis - 2}" '
        'fill="currentColor" fill-opacity=".12"/>'
        f'<path d="M{START} {axis}H{END}" stroke="currentColor" stroke-opacity=".5"/>'
    )


def _ticks(claim: Mapping, edges: Mapping[str, float], x: _Scale, axis: int) -> str:
    """Return the criterion's edges and, for a contrast, zero, each with its number."""
    signs = {"low": "≥ ", "high": "≤ "} if len(edges) == 1 else {"low": "", "high": ""}
    ticks = [
        (edge, signs[side] + plain(edge, claim["unit"]), "3 2") for side, edge in edges.items()
    ]
    if claim["kind"] == "contrast" and 0 not in edges.values():
        ticks.append((0, "0", "none"))
    parts: list[str] = []
    placed: list[float] = []
    for value, text, dashes in ticks:
        place = x(value)
        parts.append(
            f'<path d="M{place} 2V{axis + 4}" stroke="currentColor" stroke-opacity=".7" '
            f'stroke-dasharray="{dashes}"/>'
        )
        if all(abs(place - other) > 40 for other in placed):
            placed.append(place)
            room = 3.5 * len(text)
            middle = min(max(place, room), WIDTH - room)
            parts.append(_text(middle, axis + 16, text, "middle"))
    return "".join(parts)


def _run(claim: Mapping, x: _Scale, y: int) -> str:
    """Return this run as a ring, on a faint line as far as it would repeat the record."""
    limits, repeat = "", claim.get("repeat")
    if repeat and claim["agrees"] is not None:
        limits = _line(
            [repeat["low"], repeat["high"]], x, y, 'stroke-width="5" stroke-opacity=".3"'
        )
    hollow = 'fill="none" stroke="currentColor" stroke-width="2"'
    return limits + _name("this run", y) + _dot(x(centre(claim)), y, hollow)


def _line(ends: Sequence[float], x: _Scale, y: int, paint: str) -> str:
    return f'<path d="M{x(ends[0])} {y}H{x(ends[1])}" stroke="currentColor" {paint}/>'


def _dot(x: float, y: int, paint: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="4.5" {paint}/>'


def _name(text: str, y: int) -> str:
    return _text(0, y + 4, text, "start")


def _text(x: float, y: int, text: str, side: str) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="11.5" text-anchor="{side}" fill="currentColor">'
        f"{text}</text>"
    )

"""Draw a claim: as text, and as a card for Jupyter, Colab and the site, in light and dark.

A card inherits the page's text colour and tints its background with transparent grey, so that it
needs neither a style sheet nor a script, which notebooks and Colab would drop.
"""

from __future__ import annotations

import re
from html import escape

__all__ = [
    "anchor", "as_expected", "as_html", "as_text", "badge", "interval", "is_timed", "measured",
    "number", "seeds",
]  # fmt: skip

_MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}
# White text on each has a contrast above 4.5 : 1, on any page.
_COLOURS = {"supported": "#1a7f37", "refuted": "#a8480b", "inconclusive": "#5f6873"}


def anchor(claim_id: str) -> str:
    """Return the id of the claim's element on its page."""
    return "claim-" + claim_id.replace(".", "-")


def number(value: float) -> str:
    """Return a measured number as the book prints it: four significant digits, a true minus."""
    return f"{value:.4g}".replace("-", "−")


def measured(record: dict) -> str:
    """Return what was measured as one line of text."""
    unit = f" {record['unit']}" if record["unit"] else ""
    if record["kind"] == "identity":
        count = record["values"]["numbers_compared"]
        return (
            f"largest relative difference {number(record['estimate'])} over {count:,} "
            f"number{'s' if count != 1 else ''}"
        )
    if record["kind"] == "bound":
        values = record["values"]["by_seed"].values()
        if len(values) == 1:
            return f"{number(record['estimate'])}{unit}"
        return (
            f"from {number(min(values))} to {number(max(values))}{unit}, "
            f"mean {number(record['estimate'])}{unit}"
        )
    means = [sum(record["values"][side].values()) / record["n_seeds"] for side in ("a", "b")]
    names = record["values"]["sides"]
    return (
        f"{names[0]} {number(means[0])}, {names[1]} {number(means[1])}; difference "
        f"{number(record['estimate'])}{unit}, 95 % interval "
        f"[{number(record['ci_low'])}, {number(record['ci_high'])}]"
    )


def interval(record: dict) -> str:
    """Return the estimate with its unit and interval, short: "0.4 nats [0.1, 0.7]"."""
    text = f"{number(record['estimate'])} {record['unit']}".strip()
    if record["ci_low"] is not None:
        text += f" [{number(record['ci_low'])}, {number(record['ci_high'])}]"
    return text


def as_expected(record: dict) -> bool:
    """Return whether the verdict is one that the text was written for."""
    return record["verdict"] in record["expected"].split(" or ")


def is_timed(unit: str) -> bool:
    """Return whether a unit is one of time: "seconds", "times the time of ReLU"."""
    return re.search(r"\b(?:time|seconds?)\b", unit) is not None


def seeds(record: dict) -> str:
    """Return over what was measured as text: the seeds, turns for a time, "" for an identity."""
    if record["kind"] == "identity":
        return ""
    by_seed = record["values"].get("by_seed") or record["values"]["difference"]
    if is_timed(record["unit"]):  # what is timed in turns has no seeds
        return "turns of one run"
    return ("seeds " if len(by_seed) > 1 else "seed ") + ", ".join(by_seed)


def badge(record: dict) -> str:
    """Return the verdict as a small coloured HTML label, legible on any page."""
    return (
        f'<span style="background:{_COLOURS[record["verdict"]]};color:#fff;border-radius:4px;'
        'padding:.1em .55em;font-weight:600;white-space:nowrap">'
        f"{_MARKS[record['verdict']]} {record['verdict']}</span>"
    )


def as_text(record: dict) -> str:
    """Return the card as plain text, for terminals and for readers of the raw output."""
    lines = [
        f"{_MARKS[record['verdict']]} {record['verdict'].upper()}  {record['id']}",
        f"  {record['statement']}",
        f"  measured:  {measured(record)}",
        f"  criterion: {record['criterion']}",
    ]
    if seeds(record):
        lines.insert(3, f"  over:      {seeds(record)}")
    return "\n".join(lines)


def as_html(record: dict) -> str:
    """Return the card as HTML with inline styles only."""
    colour = _COLOURS[record["verdict"]]
    note = ""
    if record["verdict"] == record["expected"] == "refuted":
        note = " — a rule of thumb that does not hold"
    elif not as_expected(record):
        note = f" — too few seeds here to tell; the full edition expects “{record['expected']}”"
    elif " or " in record["expected"]:
        note = f" — “{record['expected']}”, as the machine has it"
    rows = [("Measured", measured(record)), ("Criterion", record["criterion"])]
    if seeds(record):
        rows.insert(1, ("Over", seeds(record)))
    cells = "".join(
        f'<div style="opacity:.75">{name}</div><div>{escape(text)}</div>' for name, text in rows
    )
    return (
        f'<div class="claim-card" id="{anchor(record["id"])}" role="group" '
        f'aria-label="Claim {record["id"]}: {record["verdict"]}" style="'
        f"border:1px solid rgba(128,128,128,.4);border-left:5px solid {colour};border-radius:6px;"
        "background:rgba(128,128,128,.07);padding:.7em 1em;margin:.6em 0;max-width:46em;"
        'line-height:1.5">'
        f'<div style="font-size:.9em">{badge(record)}{note} '
        f"<code>{record['id']}</code></div>"
        f'<div style="margin:.45em 0;font-weight:600">{escape(record["statement"])}</div>'
        f"{_strip(record, colour)}"
        '<div style="display:grid;grid-template-columns:max-content 1fr;column-gap:1em;'
        f'font-size:.9em">{cells}</div></div>'
    )


def _strip(record: dict, colour: str) -> str:
    """Return a small drawing of the seeds' values, their interval and the accepted range."""
    if record["kind"] == "identity":
        return ""
    values = record["values"].get("by_seed") or record["values"]["difference"]
    low, high = record["values"].get("low"), record["values"].get("high")
    shown = [*values.values(), *(v for v in (low, high) if v is not None)]
    if record["kind"] == "contrast":
        shown += [record["ci_low"], record["ci_high"], 0]
    start, end = min(shown), max(shown)
    margin = 0.08 * (end - start) or 1.0
    start, end = start - margin, end + margin

    def x(value):
        return round(8 + 384 * (value - start) / (end - start), 1)

    left, right = x(start if low is None else low), x(end if high is None else high)
    parts = [
        f'<rect x="{left}" y="2" width="{round(right - left, 1)}" height="24" fill="{colour}" '
        'fill-opacity=".18"/>',
        '<line x1="8" y1="26" x2="392" y2="26" stroke="currentColor" stroke-opacity=".5"/>',
    ]
    for value in (low, high):
        if value is not None:
            parts.append(
                f'<line x1="{x(value)}" y1="2" x2="{x(value)}" y2="30" stroke="{colour}" '
                'stroke-width="1.5"/>'
            )
    labels = {v: number(v) for v in (low, high) if v is not None}
    if record["kind"] == "contrast":
        labels.setdefault(0, "0")
        a, b = x(record["ci_low"]), x(record["ci_high"])
        parts.append(
            f'<line x1="{x(0)}" y1="22" x2="{x(0)}" y2="30" stroke="currentColor"/>'
            f'<line x1="{a}" y1="14" x2="{b}" y2="14" stroke="currentColor" stroke-width="2.5"/>'
        )
    for value in values.values():
        parts.append(
            f'<circle cx="{x(value)}" cy="14" r="4" fill="currentColor" fill-opacity=".55"/>'
        )
    placed: list[float] = []
    for value, text in labels.items():
        if all(abs(x(value) - other) > 40 for other in placed):
            placed.append(x(value))
            parts.append(
                f'<text x="{x(value)}" y="41" font-size="11" text-anchor="middle" '
                f'fill="currentColor">{text}</text>'
            )
    kept = f"accepted range shaded, one dot a {'turn' if is_timed(record['unit']) else 'seed'}"
    if record["kind"] == "contrast":
        kept += ", line: 95 % interval"
    return (
        '<svg viewBox="0 0 400 46" role="img" style="display:block;width:100%;max-width:30em;'
        f'height:auto;margin:.3em 0" aria-label="{escape(measured(record))}; '
        f'{kept}"><title>{kept}</title>{"".join(parts)}</svg>'
    )

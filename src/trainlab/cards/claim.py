"""Draw a claim: as text, and as a card for Jupyter, Colab and the site, in light and dark.

A card leads with what the record says and puts this run beneath it. It inherits the page's text
colour and tints its background with transparent grey, so that it needs neither a style sheet nor a
script, which notebooks and Colab would drop.
"""

from __future__ import annotations

import functools
import math
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib import metadata

__all__ = [
    "Counts", "agreement", "anchor", "as_html", "as_text", "badge", "counts", "effect",
    "guide_address", "has_seeds", "interval", "is_timed", "marks", "measured", "number", "seeds",
    "this_run",
]  # fmt: skip

_MARKS = {"supported": "✓", "weaker": "◐", "refuted": "✗", "inconclusive": "?"}
# White text on each has a contrast above 4.5 : 1, on any page.
_COLOURS = {
    "supported": "#1a7f37",
    "weaker": "#22689c",
    "refuted": "#a8480b",
    "inconclusive": "#5f6873",
}
# Below this a difference is what rounding leaves of nothing.
_NOTHING = 1e-12
# With a space at which no line breaks.
_PERCENT = "\u00a0%"


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
    equations, timings, findings = 0, 0, dict.fromkeys(_MARKS, 0)
    for claim in claims:
        if claim["kind"] == "identity":
            equations += 1
        elif is_timed(claim["unit"]):
            timings += 1
        else:
            findings[claim["verdict"]] += 1
    return Counts(equations, findings, timings)


def anchor(claim_id: str) -> str:
    """Return the id of the claim's element on its page."""
    return "claim-" + claim_id.replace(".", "-")


@functools.cache
def guide_address() -> str | None:
    """Return the address of the published page on reading a card.

    It follows the repository's address in the installed package; None if that is not installed.
    """
    try:
        listed = metadata.metadata("trainlab").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    addresses = dict(entry.split(", ", 1) for entry in listed)
    if "Repository" not in addresses:
        return None
    _, owner, name = addresses["Repository"].rstrip("/").removesuffix(".git").rsplit("/", 2)
    return f"https://{owner.lower()}.github.io/{name}/pages/evidence.html"


def number(value: float) -> str:
    """Return a measured number as the book prints it: four significant digits, a true minus."""
    return f"{value:.4g}".replace("-", "−")


def is_timed(unit: str) -> bool:
    """Return whether a unit is one of time: "seconds", "times the time of ReLU"."""
    return re.search(r"\b(?:time|seconds?)\b", unit) is not None


def has_seeds(claim: Mapping) -> bool:
    """Return whether a claim is a finding: neither an equation nor a time."""
    return claim["kind"] != "identity" and not is_timed(claim["unit"])


def interval(claim: Mapping) -> str:
    """Return an estimate with its unit and interval, short: "0.4 nats [0.1, 0.7]".

    Args:
        claim: A claim, or another mapping with `estimate`, `unit`, `ci_low` and `ci_high`.
    """
    estimate, ends = _estimate_and_interval(claim)
    return f"{estimate} {ends}".strip()


def measured(claim: Mapping) -> str:
    """Return what this run measured as one line of text."""
    if claim["kind"] == "identity":
        return f"largest relative difference {number(claim['estimate'])} over {_compared(claim)}"
    if claim["kind"] == "contrast":
        sides = (
            f"{name} {_plain(statistics.fmean(claim['values'][side].values()), claim['unit'])}"
            for name, side in zip(claim["values"]["sides"], ("a", "b"), strict=True)
        )
        return f"{', '.join(sides)}; difference {interval(claim)}"
    if "share" in claim["values"]:
        return interval(claim)
    values, unit = claim["values"]["by_seed"].values(), claim["unit"]
    if len(values) == 1:
        return _with_unit(claim["estimate"], unit)
    if len(set(values)) == 1:
        each = "in every turn" if is_timed(unit) else "for every seed"
        return f"{_with_unit(claim['estimate'], unit)} {each}"
    ends = f"from {_plain(min(values), unit)} to {_with_unit(max(values), unit)}"
    return f"{ends}, mean {_plain(claim['estimate'], unit)}"


def seeds(claim: Mapping) -> str:
    """Return over what was measured as text: the seeds, turns for a time, "" for an identity."""
    if claim["kind"] == "identity":
        return ""
    if is_timed(claim["unit"]):  # what is timed in turns has no seeds
        return "turns of one run"
    by_seed = _by_seed(claim)
    return ("seeds " if len(by_seed) > 1 else "seed ") + ", ".join(by_seed)


def effect(claim: Mapping) -> str:
    """Return what the verdict rests on: "He − Glorot: 1.84 nats [1.83, 1.84] · 10 seeds"."""
    return "".join(_effect(claim))


def this_run(claim: Mapping, *, edition: bool = True) -> str:
    """Return what this run found, short: "1.21 nats over 3 seeds of the quick edition"."""
    if claim["kind"] == "identity":
        return measured(claim)
    if is_timed(claim["unit"]):
        return f"{interval(claim)} on this machine"
    repeat = claim.get("repeat")
    median = "median " if _by_median(claim) else ""
    text = f"{median}{_with_unit(_middle(claim), claim['unit'])} over {_seeds(claim['n_seeds'])}"
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
        return "the record leaves this open: a run is not asked" + _settled(claim)
    if repeat is None:
        return f"no record of this edition yet: `make record {measure}"
    if not claim["agrees"]:
        return f"✗ does not repeat the record: {_expected(claim)} would"
    if repeat["verdict"] not in (record["verdict"], "inconclusive"):
        return f"the {repeat['edition']} edition’s own record says {repeat['verdict']}"
    if not repeat["tells"]:
        return "too few seeds here to tell"
    if repeat["edition"] == "full":
        return "✓ repeats the record"
    known = _plain(repeat["estimate"], claim["unit"])
    return f"✓ repeats that edition’s record ({known})"


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


def badge(claim: Mapping) -> str:
    """Return the verdict as a small coloured HTML label, legible on any page, and its marks."""
    verdict = claim["verdict"]
    outlined = "".join(
        ' <span style="border:1px solid currentColor;border-radius:4px;padding:0 .4em;'
        f'margin-left:.2em;white-space:nowrap">{mark}</span>'
        for mark in marks(claim)
    )
    return (
        f'<span style="background:{_COLOURS[verdict]};color:#fff;border-radius:4px;'
        f'padding:.1em .55em;font-weight:600;white-space:nowrap">{_MARKS[verdict]} {verdict}</span>'
        f"{outlined}"
    )


def as_text(claim: Mapping) -> str:
    """Return the card as plain text, for terminals and for readers of the raw output."""
    label = f"{_MARKS[claim['verdict']]} {claim['verdict'].upper()}  {claim['id']}"
    rows = [("criterion", claim["criterion"])]
    if claim.get("record") and has_seeds(claim):
        rows.append(("record", effect(claim)))
    said = [this_run(claim), agreement(claim)]
    rows.append(("this run", " · ".join(filter(None, said))))
    return "\n".join(
        [
            " · ".join([label, *marks(claim)]),
            f"  {claim['statement']}",
            *(f"  {name + ':':<10} {text}" for name, text in rows),
        ]
    )


def as_html(claim: Mapping) -> str:
    """Return the card as HTML with inline styles only."""
    lead, estimate, rest = map(escape, _effect(claim))
    rest = rest.replace(" seed", "&nbsp;seed")
    rest = re.sub(r"\[.*?\]", r'<span style="white-space:nowrap">\g<0></span>', rest)
    colour = _COLOURS[claim["verdict"]]
    return (
        f'<div class="claim-card" id="{anchor(claim["id"])}" role="group" '
        f'aria-label="Claim {claim["id"]}: {claim["verdict"]}" style="'
        f"border:1px solid rgba(128,128,128,.4);border-left:5px solid {colour};border-radius:6px;"
        "background:rgba(128,128,128,.07);padding:.8em 1em .7em;margin:.6em 0;max-width:46em;"
        'line-height:1.5">'
        '<div style="display:flex;flex-wrap:wrap;align-items:baseline;gap:.15em .8em">'
        f'<span style="font-size:.9em">{badge(claim)}</span>'
        f'<span>{lead}<strong style="font-size:1.3em">{estimate}</strong>{rest}</span></div>'
        f'<div style="margin:.4em 0 .3em">{escape(claim["statement"])}</div>'
        f"{_strip(claim)}{_run_line(claim)}{_foot(claim)}</div>"
    )


def _by_seed(claim: Mapping) -> dict[str, float]:
    values = claim["values"]
    return values["difference"] if claim["kind"] == "contrast" else values["by_seed"]


def _decided(claim: Mapping) -> Mapping:
    """Return the claim with the numbers that its verdict rests on: the record's, if it has one."""
    return {**claim, **claim["record"]} if claim.get("record") and has_seeds(claim) else claim


def _by_median(claim: Mapping) -> bool:
    repeat = claim.get("repeat")
    return bool(repeat) and repeat["rule"] == "median" and "share" not in claim["values"]


def _middle(claim: Mapping) -> float:
    """Return what this run is held against the record by."""
    return statistics.median(_by_seed(claim).values()) if _by_median(claim) else claim["estimate"]


def _edges(claim: Mapping) -> dict[str, float]:
    """Return the ends of what the criterion accepts, by "low" and "high"."""
    values = claim.get("values", {})
    if "share" in values:
        return {"low": values["share"]}
    return {side: values[side] for side in ("low", "high") if side in values}


def _effect(claim: Mapping) -> tuple[str, str, str]:
    """Return what stands before the estimate, the estimate, and what stands after it."""
    if claim["kind"] == "identity":
        lead = "equation checked: largest relative difference "
        return lead, _short(claim["estimate"], 2), f" over {_compared(claim)}"
    estimate, ends = _estimate_and_interval(_decided(claim))
    ends = f" {ends}" if ends else ""
    if is_timed(claim["unit"]):
        n = claim["n_seeds"]
        return "", estimate, ends + (f" · {n} turns" if n > 1 else "")
    lead = "{} − {}: ".format(*claim["values"]["sides"]) if claim["kind"] == "contrast" else ""
    source = "" if claim.get("record") else " of this run"
    return lead, estimate, f"{ends} · {_seeds(_decided(claim)['n_seeds'])}{source}"


def _seeds(n: int) -> str:
    return f"{n} seed{'s' if n != 1 else ''}"


def _compared(claim: Mapping) -> str:
    n = claim["values"]["numbers_compared"]
    return f"{n:,} number{'s' if n != 1 else ''}"


def _percent(unit: str) -> bool:
    """Return whether a unit is that of a share, as "of all units", and not as "of 15 pairs"."""
    return re.match(r"of \D", unit) is not None


def _short(value: float, digits: int = 3) -> str:
    """Return a number in as few characters as its first digits take."""
    value = 0.0 if abs(value) < _NOTHING else value
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.{digits}g}"
    return text.replace("-", "−")


def _plain(value: float, unit: str) -> str:
    """Return a number without its unit, a share as per cent."""
    return f"{_short(100 * value)}{_PERCENT}" if _percent(unit) else _short(value)


def _with_unit(value: float, unit: str) -> str:
    return f"{_plain(value, unit)} {unit}".strip()


def _estimate_and_interval(claim: Mapping) -> tuple[str, str]:
    """Return both as text, with the decimals that the interval's width makes sense of."""
    factor, sign = (100, _PERCENT) if _percent(claim["unit"]) else (1, "")
    numbers = [claim["estimate"]]
    if claim["ci_low"] is not None:
        numbers += [claim["ci_low"], claim["ci_high"]]
    numbers = [factor * value for value in numbers]
    decimals = _decimals(numbers[1:], [factor * edge for edge in _edges(claim).values()])
    texts = [_fixed(value, decimals) + sign for value in numbers]
    ends = f"[{', '.join(texts[1:])}]" if len(texts) > 1 else ""
    return f"{texts[0]} {claim['unit']}".strip(), ends


def _decimals(ends: list[float], edges: list[float]) -> int | None:
    """Return how many decimals to print, None where significant digits do better.

    One or two digits of the half width, as particle physicists round errors; more where an end
    would otherwise seem to lie on another side of the criterion's edge.
    """
    half = (ends[1] - ends[0]) / 2 if ends else 0
    if half < _NOTHING or max(map(abs, ends)) < 1e-3:
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
        return _short(value)
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "−")


def _settled(claim: Mapping) -> str:
    """Return how many seeds would settle what the record leaves open: "; about 40 seeds would…"."""
    record = claim["record"]
    low, high, estimate = record["ci_low"], record["ci_high"], record["estimate"]
    edges = [edge for edge in _edges(claim).values() if low is not None and low <= edge <= high]
    if not edges:
        return ""
    edge = min(edges, key=lambda edge: abs(edge - estimate))
    half, distance = (high - estimate if edge > estimate else estimate - low), abs(edge - estimate)
    # The interval of a share of 0 or 1 shrinks with the number of seeds, others with its root.
    power = 1 if "share" in claim["values"] and estimate in (0, 1) else 2
    needed = record["n_seeds"] * (half / distance) ** power if distance > _NOTHING else math.inf
    if needed > 1000:
        return "; more than 1,000 seeds would be needed to settle it"
    step = 10 if needed > 100 else 1
    return f"; about {step * math.ceil(needed / step):,} seeds would settle it"


def _expected(claim: Mapping) -> str:
    """Return what would repeat the record: "a mean from 1.1 to 1.4 nats"."""
    repeat, unit = claim["repeat"], claim["unit"]
    name = {"median": "a median", "one": "one run at least"}.get(repeat["rule"], "a mean")
    low, high = repeat["low"], repeat["high"]
    if "share" in claim["values"]:
        name, low, high = "a share", max(low, 0.0), min(high, 1.0)
    if _plain(low, unit) == _plain(high, unit):
        return f"{name} of {_with_unit(high, unit)}"
    return f"{name} from {_plain(low, unit)} to {_with_unit(high, unit)}"


def _run_line(claim: Mapping) -> str:
    said = re.sub("`(.+?)`", r"<code>\1</code>", escape(agreement(claim)))
    if is_timed(claim["unit"]):
        said = f"on this machine: {escape(measured(claim))}"
    elif claim.get("record") and has_seeds(claim):
        said = f"this run: {escape(this_run(claim))} · {said}"
    return f'<div style="font-size:.92em;margin:.2em 0">{said}</div>' if said else ""


_AGAIN = {
    "replicated": "the same verdict",
    "open in replication": "they leave it open",
    "reversed": "the opposite verdict",
}


def _rows(claim: Mapping) -> list[tuple[str, str]]:
    """Return all that a card keeps folded, by name."""
    rows = [("Criterion", claim["criterion"])]
    record, repeat = claim.get("record"), claim.get("repeat")
    if not has_seeds(claim):
        over = seeds(claim)
        return [*rows, ("This run", measured(claim) + (f"; {over}" if over else ""))]
    if record:
        over = f"{_seeds(record['n_seeds'])} of the full edition"
        rows.append(("Record", f"{record['verdict']}: {interval(_decided(claim))}, over {over}"))
        if record.get("fragile"):
            rows.append(("Fragile", "; ".join(record["fragile"])))
        if record.get("replication"):
            rows.append(("Other seeds", _AGAIN[record["replication"]]))
    rows.append(("This run", f"{measured(claim)}; {seeds(claim)}"))
    if repeat and claim["agrees"] is not None:
        known = f"{_with_unit(repeat['estimate'], claim['unit'])} over {_seeds(repeat['n_seeds'])}"
        rows.append(
            (
                "To repeat",
                f"{_expected(claim)}; the record of the {repeat['edition']} edition has {known}"
                + ("" if repeat["tells"] else "; so few seeds cannot exclude the opposite"),
            )
        )
    scope = "these nets on Fashion-MNIST, where the chapter names no other images"
    return [*rows, ("Measured on", scope)]


def _foot(claim: Mapping) -> str:
    """Return the folded rows, and beside them where to read how a card is read."""
    permalink = (
        f'<a href="#{anchor(claim["id"])}" style="color:inherit"><code>{claim["id"]}</code></a>'
    )
    rows = [("Claim", permalink), *((name, escape(text)) for name, text in _rows(claim))]
    cells = "".join(f'<div style="opacity:.8">{name}</div><div>{text}</div>' for name, text in rows)
    guide = guide_address()
    link = f'<a href="{guide}" style="float:right;color:inherit">How to read this card</a>'
    return (
        f'<div style="font-size:.88em;margin-top:.35em">{link if guide else ""}'
        '<details><summary style="cursor:pointer">Details</summary>'
        '<div style="clear:both;display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em;'
        f'padding:.4em 0">{cells}</div></details></div>'
    )


# The strip's width and where its scale begins and ends, beside the names of its rows.
_WIDTH, _START, _END = 340, 58, 330


def _strip(claim: Mapping) -> str:
    """Return a small drawing: the record above, this run beneath, what is accepted behind them.

    Its numbers stand in the card, so it is hidden from those who listen to it.
    """
    if claim["kind"] == "identity":
        return ""
    edges, decided = _edges(claim), _decided(claim)
    recorded = decided is not claim
    ends = [decided[end] for end in ("ci_low", "ci_high") if decided[end] is not None]
    dots = [decided["estimate"]]
    if not recorded and "share" not in claim["values"]:
        dots = list(_by_seed(claim).values())
    shown = [*edges.values(), *ends, *dots, _middle(claim)]
    if claim["kind"] == "contrast":
        shown.append(0)
    if claim.get("agrees") is False:
        shown += [claim["repeat"]["low"], claim["repeat"]["high"]]
    x = _scale(min(shown), max(shown))
    axis = 44 if recorded else 28
    parts = [_accepted(edges, x, axis), _ticks(claim, edges, x, axis)]
    parts.append(_name("record" if recorded else "this run", 14))
    if ends:
        parts.append(_line(ends, x, 14, 'stroke-width="3"'))
    opacity = ".55" if len(dots) > 1 else "1"
    parts += [_dot(x(value), 14, f'fill="currentColor" fill-opacity="{opacity}"') for value in dots]
    if recorded:
        parts.append(_run_row(claim, x, 32))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {axis + 18}" aria-hidden="true" style="display:block;'
        f'width:100%;max-width:27em;height:auto;margin:.2em 0">{"".join(parts)}</svg>'
    )


def _scale(start: float, end: float):
    """Return the function from a value to its place, at the strip's end for what lies beyond."""
    margin = 0.06 * (end - start) or 1.0
    start, end = start - margin, end + margin

    def x(value):
        share = min(max((value - start) / (end - start), 0), 1)
        return round(_START + (_END - _START) * share, 1)

    return x


def _accepted(edges: Mapping, x, axis: int) -> str:
    left = x(edges["low"]) if "low" in edges else _START
    right = x(edges["high"]) if "high" in edges else _END
    return (
        f'<rect x="{left}" y="2" width="{max(1, round(right - left, 1))}" height="{axis - 2}" '
        'fill="currentColor" fill-opacity=".12"/>'
        f'<path d="M{_START} {axis}H{_END}" stroke="currentColor" stroke-opacity=".5"/>'
    )


def _ticks(claim: Mapping, edges: Mapping, x, axis: int) -> str:
    """Return the criterion's edges and, for a contrast, zero, each with its number."""
    signs = {"low": "≥ ", "high": "≤ "} if len(edges) == 1 else {"low": "", "high": ""}
    ticks = [
        (edge, signs[side] + _plain(edge, claim["unit"]), "3 2") for side, edge in edges.items()
    ]
    if claim["kind"] == "contrast" and 0 not in edges.values():
        ticks.append((0, "0", "none"))
    parts, placed = [], []
    for value, text, dashes in ticks:
        place = x(value)
        parts.append(
            f'<path d="M{place} 2V{axis + 4}" stroke="currentColor" stroke-opacity=".7" '
            f'stroke-dasharray="{dashes}"/>'
        )
        if all(abs(place - other) > 40 for other in placed):
            placed.append(place)
            room = 3.5 * len(text)
            middle = min(max(place, room), _WIDTH - room)
            parts.append(_text(middle, axis + 16, text, "middle"))
    return "".join(parts)


def _run_row(claim: Mapping, x, y: int) -> str:
    """Return this run as a ring, on a faint line as far as it would repeat the record."""
    limits, repeat = "", claim.get("repeat")
    if repeat and claim["agrees"] is not None:
        limits = _line(
            [repeat["low"], repeat["high"]], x, y, 'stroke-width="5" stroke-opacity=".3"'
        )
    hollow = 'fill="none" stroke="currentColor" stroke-width="2"'
    return limits + _name("this run", y) + _dot(x(_middle(claim)), y, hollow)


def _line(ends, x, y: int, paint: str) -> str:
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

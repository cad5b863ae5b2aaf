"""Draw a claim: as text, and as a card for Jupyter, Colab and the site, in light and dark.

A card leads with what the record says and puts this run beneath it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from trainlab.cards import BLUE, GREEN, GREY, ORANGE, badge, card
from trainlab.cards.addresses import anchor, guide_address
from trainlab.cards.evidence import deciding
from trainlab.cards.numbers import counted, interval, with_unit
from trainlab.cards.sorts import has_seeds, is_timed
from trainlab.cards.strip import strip
from trainlab.cards.wording import (
    agreement,
    effect,
    effect_in_parts,
    marks,
    measured,
    seeds,
    this_run,
    to_repeat,
)

__all__ = ["COLOURS", "MARKS", "as_html", "as_text", "verdict_badge"]

MARKS = {"supported": "✓", "weaker": "◐", "refuted": "✗", "inconclusive": "?"}
COLOURS = {"supported": GREEN, "weaker": BLUE, "refuted": ORANGE, "inconclusive": GREY}

_REPLICATIONS = {
    "replicated": "the same verdict",
    "open in replication": "they leave it open",
    "reversed": "the opposite verdict",
}


def verdict_badge(claim: Mapping) -> str:
    """Return the verdict as a small coloured HTML label, legible on any page, and its marks."""
    verdict = claim["verdict"]
    outlined = "".join(
        ' <span style="border:1px solid currentColor;border-radius:4px;padding:0 .4em;'
        f'margin-left:.2em;white-space:nowrap">{mark}</span>'
        for mark in marks(claim)
    )
    return badge(f"{MARKS[verdict]} {verdict}", COLOURS[verdict]) + outlined


def as_text(claim: Mapping) -> str:
    """Return the card as plain text, for terminals and for readers of the raw output."""
    label = f"{MARKS[claim['verdict']]} {claim['verdict'].upper()}  {claim['id']}"
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
    lead, estimate, rest = map(escape, effect_in_parts(claim))
    rest = rest.replace(" seed", "&nbsp;seed")
    rest = re.sub(r"\[.*?\]", r'<span style="white-space:nowrap">\g<0></span>', rest)
    return card(
        "claim",
        f"Claim {claim['id']}: {claim['verdict']}",
        '<div style="display:flex;flex-wrap:wrap;align-items:baseline;gap:.15em .8em">'
        f'<span style="font-size:.9em">{verdict_badge(claim)}</span>'
        f'<span>{lead}<strong style="font-size:1.3em">{estimate}</strong>{rest}</span></div>'
        f'<div style="margin:.4em 0 .3em">{escape(claim["statement"])}</div>'
        f"{strip(claim)}{_run(claim)}{_details(claim)}",
        padding=".8em 1em .7em",
        anchor=anchor(claim["id"]),
        edge=COLOURS[claim["verdict"]],
        breaks=False,
    )


def _run(claim: Mapping) -> str:
    said = re.sub("`(.+?)`", r"<code>\1</code>", escape(agreement(claim)))
    if is_timed(claim["unit"]):
        said = f"on this machine: {escape(measured(claim))}"
    elif claim.get("record") and has_seeds(claim):
        said = f"this run: {escape(this_run(claim))} · {said}"
    return f'<div style="font-size:.92em;margin:.2em 0">{said}</div>' if said else ""


def _details(claim: Mapping) -> str:
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


def _rows(claim: Mapping) -> list[tuple[str, str]]:
    """Return all that a card keeps folded, by name."""
    rows = [("Criterion", claim["criterion"])]
    record, repeat = claim.get("record"), claim.get("repeat")
    if not has_seeds(claim):
        over = seeds(claim)
        return [*rows, ("This run", measured(claim) + (f"; {over}" if over else ""))]
    if record:
        over = f"{counted(record['n_seeds'], 'seed')} of the full edition"
        rows.append(("Record", f"{record['verdict']}: {interval(deciding(claim))}, over {over}"))
        if record.get("fragile"):
            rows.append(("Fragile", "; ".join(record["fragile"])))
        if record.get("replication"):
            rows.append(("Other seeds", _REPLICATIONS[record["replication"]]))
    rows.append(("This run", f"{measured(claim)}; {seeds(claim)}"))
    if repeat and claim["agrees"] is not None:
        over = counted(repeat["n_seeds"], "seed")
        known = f"{with_unit(repeat['estimate'], claim['unit'])} over {over}"
        rows.append(
            (
                "To repeat",
                f"{to_repeat(claim)}; the record of the {repeat['edition']} edition has {known}"
                + ("" if repeat["tells"] else "; so few seeds cannot exclude the opposite"),
            )
        )
    scope = "these nets on Fashion-MNIST, where the chapter names no other images"
    return [*rows, ("Measured on", scope)]

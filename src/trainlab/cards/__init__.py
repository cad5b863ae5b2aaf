"""How a claim, a question and an answer to an exercise are drawn, in light and dark.

A card inherits the page's text colour and tints its background with transparent grey, so that it
needs neither a style sheet nor a script, which notebooks and Colab would drop.
"""

from __future__ import annotations

from html import escape

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "badge", "card"]

# White text on each has a contrast above 4.5 : 1, on any page.
GREEN, BLUE, ORANGE, GREY = "#1a7f37", "#22689c", "#a8480b", "#5f6873"


def badge(text: str, colour: str) -> str:
    """Return a small coloured HTML label with white text.

    Args:
        text: Few words, as "✓ supported".
        colour: One of this module's colours.
    """
    return (
        f'<span style="background:{colour};color:#fff;border-radius:4px;padding:.1em .55em;'
        f'font-weight:600;white-space:nowrap">{text}</span>'
    )


def card(
    kind: str,
    label: str,
    content: str,
    *,
    padding: str,
    anchor: str = "",
    edge: str = "",
    breaks: bool = True,
) -> str:
    """Return a box around HTML, with inline styles only.

    Args:
        kind: What it holds; its class is "claim-card" for "claim".
        label: What it is called where it is read aloud.
        content: The HTML inside it.
        padding: The space around the content, as in CSS.
        anchor: The id of its element, none by default.
        edge: The colour of its left edge, that of the other edges by default.
        breaks: Whether a word that is too long for the card is broken.
    """
    named = f' id="{anchor}"' if anchor else ""
    left = f"border-left:5px solid {edge};" if edge else ""
    wrap = ";overflow-wrap:anywhere" if breaks else ""
    return (
        f'<div class="{kind}-card"{named} role="group" aria-label="{escape(label)}" style="'
        f"border:1px solid rgba(128,128,128,.4);{left}border-radius:6px;"
        f"background:rgba(128,128,128,.07);padding:{padding};margin:.6em 0;max-width:46em;"
        f'line-height:1.5{wrap}">{content}</div>'
    )

"""Draw the picture that social networks show beside a link to the book."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch
from matplotlib.path import Path as Bezier

from trainlab.cards.sorts import has_seeds

__all__ = ["draw"]

_COLOURS = {
    "supported": "#5fd38a",
    "weaker": "#6db3f2",
    "refuted": "#ff9a52",
    "inconclusive": "#9aa4b0",
}


def draw(claims: dict, path: Path) -> None:
    """Write a PNG of 1200 × 630 pixels with the title and a dot for every finding's verdict."""
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="#0f2630")
    figure.set_layout_engine("none")  # whatever style is in use
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1200), ylim=(0, 630), aspect="equal")
    axes.axis("off")
    paper = "round,pad=0,rounding_size=20"
    axes.add_patch(FancyBboxPatch((80, 462), 90, 90, boxstyle=paper, fc="#0b7289", ec="none"))
    falling = Bezier([(98, 532), (104, 504), (117, 487), (153, 485)], [1, 4, 4, 4])
    axes.add_patch(PathPatch(falling, fc="none", ec="white", lw=5, capstyle="round"))
    axes.plot([131, 149, 140, 140, 131, 149], [524, 524, 524, 500, 500, 500], color="#ffc46b", lw=4)
    axes.text(80, 338, "Training Deep Networks,\nMeasured", color="white", size=48, weight="bold",
              va="center", linespacing=1.25)  # fmt: skip
    axes.text(80, 215, "The record decides. Every build repeats it.", color="#cfe3ea", size=26)
    findings = [claim for claim in claims["claims"] if has_seeds(claim)]
    for number, claim in enumerate(findings):
        column, row = number % 52, number // 52
        centre = (90 + 20 * column, 140 - 22 * row)
        axes.add_patch(Circle(centre, 7, color=_COLOURS[claim["verdict"]]))
    figure.savefig(path, format="png", metadata={"Software": None})

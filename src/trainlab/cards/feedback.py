"""What a learner is told about an answer, as text and as a card in light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

__all__ = ["Feedback"]

_MARKS = {"solved": "✓", "not yet right": "✗", "not solved yet": "…"}
# White text on each has a contrast above 4.5 : 1, on any page.
_COLOURS = {"solved": "#1a7f37", "not yet right": "#a8480b", "not solved yet": "#5f6873"}


@dataclass(frozen=True)
class Feedback:
    """The verdict on one answer.

    Args:
        exercise: The exercise's id, as "02.tanh-step".
        verdict: "solved", "not yet right" or "not solved yet".
        message: What is right or wrong about it, in a sentence or two.
    """

    exercise: str
    verdict: str
    message: str

    def __str__(self) -> str:
        return f"{_MARKS[self.verdict]} {self.verdict}  {self.exercise}\n  {self.message}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/plain": str(self), "text/html": self._as_html()}

    def _as_html(self) -> str:
        colour = _COLOURS[self.verdict]
        return (
            '<div class="exercise-card" role="group" '
            f'aria-label="Exercise {self.exercise}: {self.verdict}" style="'
            f"border:1px solid rgba(128,128,128,.4);border-left:5px solid {colour};"
            "border-radius:6px;background:rgba(128,128,128,.07);padding:.7em 1em;margin:.6em 0;"
            'max-width:46em;line-height:1.5;overflow-wrap:anywhere"><div style="font-size:.9em">'
            f'<span style="background:{colour};color:#fff;border-radius:4px;padding:.1em .55em;'
            f'font-weight:600;white-space:nowrap">{_MARKS[self.verdict]} {self.verdict}</span> '
            f"<code>{self.exercise}</code></div>"
            f'<div style="margin-top:.45em">{escape(self.message)}</div></div>'
        )

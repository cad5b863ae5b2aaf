"""What a learner is told about an answer, as text and as a card in light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from trainlab.cards import GREEN, GREY, ORANGE, badge, card

__all__ = ["Feedback"]

_MARKS = {"solved": "✓", "not yet right": "✗", "not solved yet": "…"}
_COLOURS = {"solved": GREEN, "not yet right": ORANGE, "not solved yet": GREY}


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

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/plain": str(self), "text/html": self._as_html()}

    def _as_html(self) -> str:
        colour = _COLOURS[self.verdict]
        label = badge(f"{_MARKS[self.verdict]} {self.verdict}", colour)
        return card(
            "exercise",
            f"Exercise {self.exercise}: {self.verdict}",
            f'<div style="font-size:.9em">{label} <code>{self.exercise}</code></div>'
            f'<div style="margin-top:.45em">{escape(self.message)}</div>',
            padding=".7em 1em",
            edge=colour,
        )

"""Questions with feedback on every answer, in HTML that needs neither script nor style sheet.

Each answer is a `details` element: it opens by mouse, touch and keyboard, reads whole where
nothing can be opened, and works on the site, in Jupyter and in Colab.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from html import escape

from trainlab.cards import GREEN, ORANGE, badge, card

__all__ = ["Quiz"]

_RIGHT, _WRONG = badge("✓ right", GREEN), badge("✗ not this one", ORANGE)


@dataclass(frozen=True)
class Quiz:
    """A few questions, shown as a card each.

    Args:
        questions: A list of mappings with the keys "question", the text; "answers", a mapping
            from each answer to what to say about it; and "right", the right answer.

    Raises:
        ValueError: A question lacks a key, has fewer than 2 answers, an answer without feedback,
            or a right answer that is not among its answers.

    Example:
        >>> quiz = Quiz(
        ...     [
        ...         {
        ...             "question": "What is 1 + 1?",
        ...             "answers": {"2": "Count on your fingers.", "11": "That is text."},
        ...             "right": "2",
        ...         }
        ...     ]
        ... )
    """

    questions: list[dict]

    def __post_init__(self) -> None:
        for number, asked in enumerate(self.questions, start=1):
            if set(asked) != {"question", "answers", "right"}:
                raise ValueError(
                    f"Question {number} has the keys {', '.join(asked)}; it needs question, "
                    "answers and right."
                )
            answers = asked["answers"]
            if len(answers) < 2 or asked["right"] not in answers:
                raise ValueError(
                    f"Question {number} needs two answers or more, and the right one, "
                    f"{asked['right']!r}, among them; it has {list(answers)}."
                )
            for answer, reply in answers.items():
                if not reply:
                    raise ValueError(f"Question {number}: the answer {answer!r} has no feedback.")

    def __str__(self) -> str:
        lines = []
        for number, asked in enumerate(self.questions, start=1):
            lines.append(f"{number}. {asked['question']}")
            for letter, (answer, reply) in zip("abcdefgh", asked["answers"].items(), strict=False):
                mark = "✓" if answer == asked["right"] else "✗"
                lines += [f"   {letter}) {answer}", f"      {mark} {reply}"]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        cards = [
            _question_card(number, **asked) for number, asked in enumerate(self.questions, start=1)
        ]
        return {"text/plain": str(self), "text/html": "".join(cards)}


def _question_card(number: int, question: str, answers: dict, right: str) -> str:
    # One name for all answers of a question: opening one closes the others.
    name = "quiz-" + sha256(question.encode()).hexdigest()[:10]
    items = "".join(
        f'<details name="{name}" style="border-top:1px solid rgba(128,128,128,.4);margin:0">'
        f'<summary style="cursor:pointer;padding:.5em 0">{escape(answer)}</summary>'
        f'<div style="padding:0 0 .7em 1.1em">{_RIGHT if answer == right else _WRONG} '
        f"{escape(reply)}</div></details>"
        for answer, reply in answers.items()
    )
    asked = f'<div style="font-weight:600;margin-bottom:.5em">{number}. {escape(question)}</div>'
    return card("quiz", f"Question {number}", asked + items, padding=".7em 1em .2em")

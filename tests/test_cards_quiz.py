import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from trainlab.cards.quiz import Quiz

CHAPTERS = sorted(Path(__file__).parents[1].glob("chapters/[0-9]*.ipynb"))
QUESTION = {
    "question": "Is 1 < 2 & 2 < 3?",
    "answers": {"yes": "It is.", "no": "2 > 1 & 3 > 2."},
    "right": "yes",
}


def elements_of(quiz):
    html = quiz._repr_mimebundle_()["text/html"]
    return ElementTree.fromstring(f"<body>{html}</body>")


def test_every_answer_opens_without_a_script_and_has_feedback():
    body = elements_of(Quiz([QUESTION]))
    answers = list(body.iter("details"))
    assert [answer.find("summary").text for answer in answers] == ["yes", "no"]
    replies = ["".join(answer.find("div").itertext()) for answer in answers]
    assert replies == ["✓ right It is.", "✗ not this one 2 > 1 & 3 > 2."]
    assert not list(body.iter("script"))


def test_answers_of_one_question_close_each_other_and_not_those_of_another():
    body = elements_of(Quiz([QUESTION, QUESTION | {"question": "Is 3 < 4?"}]))
    names = [[answer.get("name") for answer in card.iter("details")] for card in body]
    assert len(set(names[0])) == len(set(names[1])) == 1
    assert names[0] != names[1]


def test_text_is_escaped_and_repeats_exactly():
    first, second = (Quiz([QUESTION])._repr_mimebundle_() for _ in range(2))
    assert first == second
    assert "1 &lt; 2 &amp; 2 &lt; 3" in first["text/html"]
    assert "2 &gt; 1 &amp; 3 &gt; 2." in first["text/html"]
    assert "1. Is 1 < 2 & 2 < 3?\n   a) yes\n      ✓ It is." in first["text/plain"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"right": "perhaps"}, "the right one, 'perhaps', among them"),
        ({"answers": {"yes": "It is."}}, "two answers or more"),
        ({"answers": {"yes": "It is.", "no": ""}}, "'no' has no feedback"),
        ({"points": 3}, "has the keys question, answers, right, points"),
    ],
)
def test_faulty_question_raises(change, message):
    with pytest.raises(ValueError, match=message):
        Quiz([QUESTION | change])


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_has_a_quiz_of_three_questions(path):
    (cell,) = (
        cell
        for cell in nbformat.read(path, as_version=4).cells
        if "quiz" in cell.metadata.get("tags", [])
    )
    call = ast.parse(cell.source).body[-1].value
    quiz = Quiz(ast.literal_eval(call.args[0]))
    assert len(quiz.questions) >= 3
    assert len(quiz._repr_mimebundle_()["text/html"]) < 2_400 * len(quiz.questions)
    # Nobody should learn that the right answer is always the second.
    places = {list(asked["answers"]).index(asked["right"]) for asked in quiz.questions}
    assert len(places) > 1
    assert re.search(r"^# @title Quiz \{ display-mode: \"form\" \}", cell.source)

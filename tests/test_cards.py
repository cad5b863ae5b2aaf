"""The box and the label that all cards are made of."""

from xml.etree import ElementTree

import pytest

from trainlab import cards
from trainlab.cards.claim import COLOURS
from trainlab.cards.feedback import Feedback
from trainlab.cards.quiz import Quiz

QUIZ = Quiz([{"question": "?", "answers": {"a": "Yes.", "b": "No."}, "right": "a"}])


def declarations(element):
    return dict(each.split(":", 1) for each in element.get("style").split(";"))


def test_card_says_what_it_holds_and_brings_its_own_style():
    html = cards.card("quiz", "Is 1 < 2?", "<p>x</p>", padding="1em")
    card = ElementTree.fromstring(html)
    assert (card.get("class"), card.get("role")) == ("quiz-card", "group")
    assert card.get("aria-label") == "Is 1 < 2?" and card.get("id") is None
    assert card.find("p").text == "x"
    style = declarations(card)
    assert style["padding"] == "1em" and style["overflow-wrap"] == "anywhere"
    # Transparent grey on whatever the page is, and the page's own text colour.
    assert style["background"].startswith("rgba(") and "color" not in style


def test_card_has_an_anchor_an_edge_and_whole_words_where_they_are_asked_for():
    options = {"anchor": "claim-02-a", "edge": cards.BLUE, "breaks": False}
    card = ElementTree.fromstring(cards.card("claim", "x", "", padding="1em", **options))
    assert card.get("id") == "claim-02-a"
    assert declarations(card)["border-left"] == f"5px solid {cards.BLUE}"
    assert "overflow-wrap" not in declarations(card)


def test_badge_is_white_on_its_colour_and_in_one_line():
    badge = ElementTree.fromstring(cards.badge("✓ right", cards.GREEN))
    style = declarations(badge)
    assert badge.text == "✓ right" and style["white-space"] == "nowrap"
    assert (style["background"], style["color"]) == (cards.GREEN, "#fff")


@pytest.mark.parametrize("colour", [cards.BLUE, cards.GREEN, cards.GREY, cards.ORANGE])
def test_white_text_is_legible_on_each_colour(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_right_and_wrong_have_the_colours_of_supported_and_refuted_on_every_card():
    shown = QUIZ._repr_mimebundle_()["text/html"]
    assert cards.badge("✓ right", COLOURS["supported"]) in shown
    assert cards.badge("✗ not this one", COLOURS["refuted"]) in shown
    for verdict, mark, colour in (
        ("solved", "✓", COLOURS["supported"]),
        ("not yet right", "✗", COLOURS["refuted"]),
        ("not solved yet", "…", COLOURS["inconclusive"]),
    ):
        html = Feedback("02.a", verdict, "<m> & n")._repr_mimebundle_()["text/html"]
        assert cards.badge(f"{mark} {verdict}", colour) in html
        card = ElementTree.fromstring(html)
        assert declarations(card)["border-left"] == f"5px solid {colour}"
        assert card.get("aria-label") == f"Exercise 02.a: {verdict}"
        assert card.findall("div")[1].text == "<m> & n"

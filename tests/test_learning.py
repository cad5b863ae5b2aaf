"""Exercises, quizzes and interactive figures on the built pages, driven by keyboard."""

import browser as site
import pytest

pytestmark = pytest.mark.parametrize("chapter", site.CHAPTERS)


@pytest.fixture(scope="module")
def opened():
    """A function that opens a new context of the browser at the site."""
    with site.serve() as address, site.chromium() as chromium:
        yield lambda **options: chromium.new_context(
            base_url=address, viewport={"width": 1280, "height": 900}, **options
        )


@pytest.fixture
def page(opened, chapter):
    context = opened()
    page = context.new_page()
    page.goto(f"chapters/{chapter}.html")
    yield page
    context.close()


def test_starters_are_shown_unsolved(page):
    unsolved = page.get_by_text("not solved yet")
    assert unsolved.count() >= 3


def test_solutions_are_folded_and_open_by_keyboard(page):
    folds = page.locator("details").filter(has_text="Show the solution")
    assert folds.count() >= 3
    for number in range(folds.count()):
        fold = folds.nth(number)
        assert fold.get_attribute("open") is None
        code = fold.locator("pre").first
        assert not code.is_visible()
        fold.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert code.is_visible() and "exercises.check" in fold.inner_text()


def test_quiz_answers_by_keyboard(page):
    cards = page.locator(".quiz-card")
    assert cards.count() >= 3
    for number in range(cards.count()):
        answers = cards.nth(number).locator("details")
        assert answers.count() >= 2
        for choice in (0, 1):
            answers.nth(choice).locator("summary").focus()
            page.keyboard.press("Enter")
            assert answers.nth(choice).get_attribute("open") is not None
        assert answers.nth(0).get_attribute("open") is None  # one answer at a time


def test_slider_moves_by_keyboard_and_its_figure_changes(page, chapter):
    widgets = page.locator(".widget")
    if chapter == "02_vanishing_gradients":
        assert widgets.count() >= 1
    for widget in widgets.all():
        slider = widget.locator("input[type=range]").first
        before = widget.locator("svg").first.inner_html(), widget.locator("output").inner_text()
        # A race begins at its end, where there is no way to the right.
        at_end = slider.evaluate("slider => slider.value === slider.max")
        slider.focus()
        for _ in range(3):
            page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        after = widget.locator("svg").first.inner_html(), widget.locator("output").inner_text()
        assert after[0] != before[0] and after[1] != before[1]


def test_interactive_figure_shows_a_still_picture_without_scripts(opened, chapter):
    context = opened(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"chapters/{chapter}.html")
    for widget in page.locator(".widget").all():
        assert widget.locator("svg").first.is_visible()
        assert widget.locator("svg path, svg polyline").count() > 0
        assert not widget.locator("input").first.is_visible()
    context.close()

"""Which words of a page become links to the glossary."""

from types import SimpleNamespace

import pytest
from docutils import nodes

from trainlab.book.site import glossary

ANCHORS = {
    "gradient": "term-g",
    "gradient clipping": "term-c",
    "fan-in": "term-f",
    "fan-out": "term-f",
}


def linked(text, terms=None):
    """Return a text with what is linked in brackets."""
    terms = terms or glossary.Terms(ANCHORS, "glossary.html")
    paragraph = nodes.paragraph("", "", nodes.Text(text))
    terms.link(paragraph[0])
    assert paragraph.astext() == text
    return "".join(
        f"[{node.astext()}]" if isinstance(node, nodes.reference) else node.astext()
        for node in paragraph.children
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A gradient.", "A [gradient]."),
        ("Gradients grow.", "[Gradients] grow."),
        ("gradient clipping clips a gradient", "[gradient clipping] clips a [gradient]"),
        ("a gradient, a gradient", "a [gradient], a gradient"),
        (
            "gradient clipping, then gradient clipping",
            "[gradient clipping], then [gradient] clipping",
        ),
        ("fan-in and fan-out", "[fan-in] and fan-out"),
        ("gradientless non-gradient gradient-free", "gradientless non-gradient gradient-free"),
        ("a fan-in-like thing", "a fan-in-like thing"),
        ("nothing", "nothing"),
    ],
)
def test_first_use_of_a_term_is_linked(text, expected):
    assert linked(text) == expected


def test_a_term_is_linked_once_in_a_page():
    terms = glossary.Terms(ANCHORS, "glossary.html")
    assert linked("a gradient", terms) == "a [gradient]"
    assert linked("a gradient and a fan-out", terms) == "a gradient and a [fan-out]"


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("fan-in, fan-out (입력 수)", ["fan-in", "fan-out"]),
        ("ReLU (렐루)", ["relu"]),
        ("epoch", ["epoch"]),
    ],
)
def test_english_names(entry, names):
    assert glossary.english_names(entry) == names


def page(*children):
    document = nodes.document(SimpleNamespace(), SimpleNamespace())
    document.extend(children)
    return document


def application(objects):
    domain = SimpleNamespace(get_objects=lambda: objects)
    return SimpleNamespace(
        env=SimpleNamespace(get_domain=lambda name: domain),
        builder=SimpleNamespace(get_relative_uri=lambda start, end: f"../{end}.html"),
    )


OBJECTS = [
    ("gradient (그레이디언트)", "", "term", "pages/glossary", "term-gradient", 1),
    ("bound", "", "term", "pages/glossary", "term-bound", 1),
    ("epoch", "", "label", "pages/glossary", "epoch", 1),
    ("batch", "", "term", "pages/other", "batch", 1),
]


def test_chapters_are_linked_outside_titles_code_and_mathematics():
    document = page(
        nodes.title("", "gradient"),
        nodes.paragraph("", "", nodes.literal("", "gradient"), nodes.math("", "gradient")),
        nodes.paragraph("", "", nodes.reference("", "gradient", refuri="#")),
        nodes.paragraph("", "A bound, an epoch, a batch, a gradient, a gradient."),
    )
    glossary.link_terms(application(OBJECTS), document, "chapters/03")
    links = [link for link in document.findall(nodes.reference) if "term" in link["classes"]]
    assert [link.astext() for link in links] == ["gradient"]
    assert links[0]["refuri"] == "../pages/glossary.html#term-gradient"
    assert links[0].parent is document[3]


def test_other_pages_and_an_empty_glossary_stay_as_they_are():
    for docname, objects in (("pages/how_to_use", OBJECTS), ("chapters/03", [])):
        document = page(nodes.paragraph("", "A gradient."))
        glossary.link_terms(application(objects), document, docname)
        assert not list(document.findall(nodes.reference))

"""The bars of generated pages: their lengths, their words and that they stay inside the picture."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from trainlab.book import charts

SVG = "{http://www.w3.org/2000/svg}"


def drawn(values, **options):
    html = charts.bars(values, **{"title": "Time", "unit": "s"} | options)
    return ElementTree.fromstring(html)


def texts_of(svg):
    return [text.text for text in svg.iter("text")]


def test_bars_are_as_long_as_their_values_and_begin_at_zero():
    bars = list(drawn({"a": 50, "b": 200, "c": 0}).iter("rect"))
    assert [float(bar.get("x")) for bar in bars] == [0, 0, 0]
    assert [float(bar.get("width")) for bar in bars] == [75, 300, 0]


def test_each_bar_stands_beneath_its_label_and_beside_its_value():
    svg = drawn({"first": 1234.4, "second": 5.6})
    assert texts_of(svg) == ["Time", "first", "1,234 s", "second", "6 s"]
    _, *texts = svg.iter("text")
    for bar, label, value in zip(svg.iter("rect"), texts[::2], texts[1::2], strict=True):
        top, bottom = float(bar.get("y")), float(bar.get("y")) + float(bar.get("height"))
        assert float(label.get("y")) < top < float(value.get("y")) < bottom
        assert float(value.get("x")) > float(bar.get("width"))


def test_rows_do_not_overlap_and_fit_into_the_picture():
    svg = drawn({f"chapter {number}": number for number in range(1, 12)})
    width, height = map(float, svg.get("viewBox").split()[2:])
    assert (svg.get("width"), svg.get("height")) == (f"{width:g}", f"{height:g}")
    places = [float(text.get("y")) for text in svg.iter("text")]
    labels = places[1::2]
    assert all(after - before > 32 for before, after in itertools.pairwise(labels))
    assert max(places) < height and all(place > 0 for place in places)
    assert all(float(bar.get("width")) <= width for bar in svg.iter("rect"))


def test_whoever_listens_hears_title_and_values():
    svg = drawn({"one": 1, "two": 2000}, title="Memory", unit="MB")
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == "Memory: one 1 MB; two 2,000 MB"


def test_names_are_text_and_never_markup():
    html = charts.bars({'<b> & "c"': 1}, title="<i>", unit="s")
    assert ElementTree.fromstring(html).get("aria-label") == '<i>: <b> & "c" 1 s'
    assert not re.search(r"<b>|<i>", html)


@pytest.mark.parametrize("values", [{"a": 0}, {"a": 0.0, "b": 0.0}])
def test_zeros_alone_have_bars_without_length(values):
    assert {bar.get("width") for bar in drawn(values).iter("rect")} == {"0.0"}

"""Axes in, axes out; figures that follow the reader's theme."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

from trainlab import plotting


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        plotting.use_style()
        yield


DRAWINGS = {
    "curves": lambda ax: plotting.curves({"a": np.ones((3, 5)), "b": np.arange(5)}, ax=ax),
    "dots": lambda ax: plotting.dots({"a": np.ones((3, 5)), "b": [2.0]}, ax=ax),
    "histograms": lambda ax: plotting.histograms({"layer 1": np.ones(9)}, range=(0, 2), ax=ax),
    "log_heatmap": lambda ax: plotting.log_heatmap(
        np.array([[1e-9, 0.5, 1.0], [1.0, 1e9, np.inf]]), x=[0.1, 1, 10], y=[1, 2], band=10, ax=ax
    ),
    "table_heatmap": lambda ax: plotting.table_heatmap(
        np.array([[1, 0.0], [np.inf, 2]]), rows=["a", "b"], columns=["c", "d"], ax=ax
    ),
    "flow_chart": lambda ax: plotting.flow_chart(
        {"a": (0, 0, "deep?"), "b": (1, 1, "stop")}, [("a", "b", "yes")], ax=ax
    ),
    "log_ticks": lambda ax: plotting.log_ticks(ax, [1, 10]),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_returns_the_axes_it_was_given(name):
    _, ax = plt.subplots()
    assert DRAWINGS[name](ax) is ax


def test_drawing_makes_its_own_axes():
    assert plotting.curves({"a": [1, 2]}).figure.get_size_inches().tolist() == [7.2, 3.6]


def test_images_draws_each_under_its_title():
    ax = plotting.images(np.zeros((3, 28, 28)), titles=list("abc"), columns=3)
    assert [each.get_title() for each in ax] == ["a", "b", "c"]


def test_learning_curves_draws_both_parts_a_panel():
    histories = {
        name: {"loss": np.full((2, 3), low), "val_loss": np.full((2, 3), low + 1)}
        for name, low in (("few", 1.0), ("many", 5.0))
    }
    ax = np.ravel(plotting.learning_curves(histories))
    assert [each.get_title(loc="left") for each in ax] == ["few", "many"]
    assert [[line.get_ydata()[0] for line in each.lines] for each in ax] == [[1, 2], [5, 6]]
    assert [line.get_label() for line in ax[0].lines] == ["training", "validation"]
    assert ax[0].get_ylim() == ax[1].get_ylim()
    assert ax[0].get_ylabel() == "loss" and ax[1].get_ylabel() == ""


def test_learning_curves_draws_another_metric_on_given_axes():
    _, ax = plt.subplots()
    history = {"accuracy": [0.1, 0.2], "val_accuracy": [0.3, 0.4]}
    assert plotting.learning_curves({"": history}, metric="accuracy", ax=ax) is ax
    assert ax.lines[1].get_ydata().tolist() == [0.3, 0.4]
    with pytest.raises(ValueError, match="longer"):
        plotting.learning_curves({"a": history, "b": history}, metric="accuracy", ax=ax)


def test_curves_draws_median_and_range():
    ax = plotting.curves({"a": np.array([[1.0], [2.0], [9.0]])})
    assert ax.lines[0].get_ydata().tolist() == [2.0]
    extents = ax.collections[0].get_paths()[0].get_extents()
    assert (extents.ymin, extents.ymax) == (1, 9)


def test_svg_is_whole_deterministic_and_carries_both_themes():
    def draw():
        return plotting.as_adaptive_svg(plotting.curves({"a": [1, 2]}).figure)

    first = draw()
    ElementTree.fromstring(first)
    assert first == draw()
    assert "prefers-color-scheme:dark" in first
    # Every colour of the style is a variable, so that none stays behind in the other theme.
    body = first.split("</style>", 1)[1]
    for colour in plotting._DARK:
        assert not re.search(rf"(?<!, ){colour}", body)


def test_theme_colours_keep_their_contrast():
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a, b):
        high, low = sorted([luminance(a), luminance(b)], reverse=True)
        return (high + 0.05) / (low + 0.05)

    papers = ("#fefefe", plotting._DARK["#fefefe"])
    for light, dark in plotting._DARK.items():
        if light not in ("#fefefe", "#dfe3e8"):
            assert contrast(light, papers[0]) >= 3 and contrast(dark, papers[1]) >= 3, light


def test_dots_draw_every_value_and_the_median():
    ax = plotting.dots({"a": [[1, 2], [3, 10]], "b": [5]})
    cloud, bar, *_ = ax.lines
    assert cloud.get_xdata().tolist() == [1, 2, 3, 10]
    assert list(bar.get_xdata()) == [2.5, 2.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_flow_chart_draws_every_box_and_label_apart():
    boxes = {"a": (0, 0, "deep?"), "b": (0, 1, "no net"), "c": (1, 1, "a net")}
    ax = plotting.flow_chart(boxes, [("a", "b", "no"), ("a", "c", "yes")])
    texts = {text.get_text().strip() for text in ax.texts}
    assert {"deep?", "no net", "a net", "no", "yes"} <= texts
    colours = {text.get_text(): text.get_bbox_patch().get_edgecolor() for text in ax.texts[:3]}
    assert colours["deep?"] != colours["no net"] == colours["a net"]


def test_flow_chart_names_a_box_that_is_missing():
    with pytest.raises(ValueError, match="name the boxes z; known are a"):
        plotting.flow_chart({"a": (0, 0, "x")}, [("a", "z", "")])

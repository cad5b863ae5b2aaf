"""Axes in, axes out; figures that follow the reader's theme."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import BoxStyle

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
    with pytest.raises(ValueError, match="name the boxes y, z; known are a"):
        plotting.flow_chart({"a": (0, 0, "x")}, [("a", "z", ""), ("y", "a", "")])


def test_curves_have_their_names_numbers_and_labels():
    ax = plotting.curves(
        {"a": [3.0, 1.0], "b": [[5.0, 4.0]]}, xlabel="epoch", ylabel="loss", title="T"
    )
    assert [line.get_label() for line in ax.lines] == ["a", "b"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2], [1, 2]]
    assert not ax.collections  # one seed has no range
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("epoch", "loss", "T")
    assert (ax.get_yscale(), ax.get_legend() is not None) == ("linear", True)
    ax = plotting.curves({"a": [3.0, 1.0]}, x=[0.1, 0.2], log=True, legend=False)
    assert list(ax.lines[0].get_xdata()) == [0.1, 0.2]
    assert (ax.get_yscale(), ax.get_legend()) == ("log", None)


def test_dots_of_one_name_stay_in_its_row_the_first_at_the_top():
    ax = plotting.dots({"a": np.arange(12), "b": [5, 6]})
    for row, cloud, bar in ((0, *ax.lines[:2]), (1, *ax.lines[2:])):
        assert np.abs(cloud.get_ydata() + row).max() < 0.36
        assert list(bar.get_ydata()) == [-row - 0.36, -row + 0.36]
    assert ax.get_yticks().tolist() == [0, -1]
    assert len(set(ax.lines[0].get_ydata()[:5])) == 5  # neighbours in value lie apart


def test_histograms_count_what_lies_beyond_at_the_ends_and_fill_their_row():
    ax = plotting.histograms(
        {"layer 1": [-9.0, -0.5, 0.5, 0.6, 9.0, 9.5], "layer 2": [0.5]}, range=(-1, 1), bins=4
    )
    first, second = (patch.get_data() for patch in ax.patches)
    np.testing.assert_allclose(first.edges, [-1, -0.5, 0, 0.5, 1])
    # -9 lies in the first bar and 9 in the last one, beside 0.5 and 0.6.
    np.testing.assert_allclose(first.values, np.array([1, 1, 0, 4]) * 0.85 / 4)
    np.testing.assert_allclose(second.values, -1 + np.array([0, 0, 0, 1]) * 0.85)
    assert (first.baseline, second.baseline) == (0, -1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["layer 1", "layer 2"]
    assert ax.get_xlim() == (-1, 1)


def drawn_map(values, **options):
    values = np.array(values)
    rows, columns = (np.arange(1, n + 1) for n in values.shape)
    ax = plotting.log_heatmap(values, x=columns, y=rows, **options)
    return ax, ax.collections[0]


def test_log_heatmap_draws_powers_of_ten_each_at_its_place():
    _, mesh = drawn_map([[1e-9, 0.01, 1.0], [10.0, 1e9, np.inf], [0.0, np.nan, 1e-6]])
    expected = [[-6, -2, 0], [1, 6, 6], [-6, 6, -6]]
    np.testing.assert_allclose(np.reshape(mesh.get_array(), (3, 3)), expected)
    assert mesh.get_clim() == (-6, 6)


def test_log_heatmap_ends_its_colours_at_the_limit_and_labels_them():
    ax, mesh = drawn_map([[1e-9, 1e9]], limit=4, ticks=[1, 2], label="gain")
    np.testing.assert_allclose(np.ravel(mesh.get_array()), [-4, 4])
    assert mesh.get_clim() == (-4, 4)
    bar = mesh.colorbar.ax
    assert [text.get_text() for text in bar.get_yticklabels()] == [
        f"$10^{{{power}}}$" for power in (-4, -2, 0, 2, 4)
    ]
    assert bar.get_ylabel() == "gain" and ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2"]


def test_log_heatmap_outlines_what_lies_within_the_band():
    values = 10.0 ** np.linspace(-4, 4, 9) * np.ones((3, 1))
    ax, _ = drawn_map(values, band=100)
    (outline,) = (each for each in ax.collections if hasattr(each, "levels"))
    assert list(outline.levels) == [-2, 2]
    across = sorted(
        {round(float(x), 6) for path in outline.get_paths() for x in path.vertices[:, 0]}
    )
    assert across == [3, 7]  # where 0.01 and 100 stand
    assert not [each for each in drawn_map(values)[0].collections if hasattr(each, "levels")]


def test_table_heatmap_writes_each_number_and_colours_its_power_of_ten():
    values = np.array([[1.0, 0.0, 1e-2], [np.inf, 1234.0, 10.0]])
    ax = plotting.table_heatmap(values, rows=["a", "b"], columns=["c", "d", "e"], label="gain")
    texts = {tuple(map(int, text.get_position())): text for text in ax.texts}
    told = [[texts[column, row].get_text() for column in range(3)] for row in range(2)]
    assert told == [["1", "0", "0.01"], ["∞", "1.2e+03", "10"]]
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), [[0, -3, -2], [3, 3, 1]])
    assert image.get_clim() == (-3, 3)
    # Light on the dark ends of the colours, dark on what lies between.
    light = [
        [texts[column, row].get_color() == "#ffffff" for column in range(3)] for row in range(2)
    ]
    assert light == [[False, True, True], [True, True, False]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "d", "e"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_xlabel() == "gain"


def test_table_heatmap_marks_what_is_no_number_as_beyond_the_limit():
    ax = plotting.table_heatmap(np.array([[np.nan, 1e9]]), rows=["a"], columns=["b", "c"], limit=2)
    assert [text.get_text() for text in ax.texts] == ["∞", "1e+09"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[2, 2]])


def test_images_fill_rows_of_the_given_length():
    pictures = np.arange(6)[:, None, None] * np.ones((6, 28, 28))
    ax = plotting.images(pictures, titles=list("abcdef"), columns=3)
    assert ax.shape == (2, 3)
    assert [each.images[0].get_array()[0, 0] for each in np.ravel(ax)] == list(range(6))
    assert [each.get_title() for each in np.ravel(ax)] == list("abcdef")


def test_flow_chart_draws_rows_downwards_and_everything_inside_the_axes():
    boxes = {"a": (1, 0, "deep?"), "b": (1, 1, "no net"), "c": (3, 2, "a net")}
    ax = plotting.flow_chart(boxes, [])
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {"deep?": (1, 0), "no net": (1, -1), "a net": (3, -2)}
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left < 1 < 3 < right and bottom < -2 < 0 < top
    assert left > 0 and right < 4 and bottom > -3 and top < 1


def test_flow_chart_draws_arrows_from_box_to_box_each_label_in_the_middle():
    boxes = {"a": (0, 0, "x"), "b": (1, 1, "y"), "c": (1, 2, "z"), "d": (3, 2, "a long text")}
    ax = plotting.flow_chart(boxes, [("b", "c", "down"), ("b", "d", "aside"), ("a", "b", "")])
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [arrow.xyann for arrow in arrows] == [(1, -1), (1, -1), (0, 0)]
    assert arrows[0].xy == (1, -2)
    # Into a box beside it where the box begins, and safely on it.
    patch = next(t.get_bbox_patch() for t in ax.texts if t.get_text() == "a long text")
    (start, _), (end, _) = ax.transData.inverted().transform(patch.get_window_extent())
    assert arrows[1].xy == (pytest.approx(start + 0.06), -2) and start + 0.06 < 3 < end
    labels = {t.get_text(): t.get_position() for t in ax.texts if t.get_text() in ("down", "aside")}
    assert labels["down"] == (1, -1.5)
    assert labels["aside"] == (pytest.approx((1 + arrows[1].xy[0]) / 2), -1.5)


def test_flow_chart_draws_arrows_into_the_nearer_side_of_a_box():
    boxes = {"a": (0, 0, "x"), "left": (-2, 1, "a long text"), "right": (2, 1, "a long text")}
    ax = plotting.flow_chart(boxes, [("a", "left", ""), ("a", "right", "")])
    left, right = (text.xy[0] for text in ax.texts if getattr(text, "arrow_patch", None))
    assert -2 < left < 0 < right < 2
    assert left == pytest.approx(-right)


def test_flow_chart_draws_a_question_round_and_in_another_colour():
    ax = plotting.flow_chart({"a": (0, 0, "deep?"), "b": (0, 1, "stop")}, [])
    for text, colour, style in zip(
        ax.texts, ("#d55e00", "#0072b2"), (BoxStyle.Round4, BoxStyle.Square), strict=True
    ):
        patch = text.get_bbox_patch()
        assert to_hex(patch.get_edgecolor()) == colour
        assert isinstance(patch.get_boxstyle(), style)


FIGURES = {
    "dots": lambda n: plotting.dots({str(row): [1.0] for row in range(n)}),
    "table_heatmap": lambda n: plotting.table_heatmap(
        np.ones((n, 2)), rows=list(map(str, range(n))), columns=["a", "b"]
    ),
    "images": lambda n: plotting.images(np.zeros((2 * n, 28, 28)), titles="x" * 2 * n, columns=2),
    "flow_chart": lambda n: plotting.flow_chart({str(row): (0, row, "x") for row in range(n)}, []),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_grows_with_its_rows(name):
    heights = [np.ravel(FIGURES[name](n))[0].figure.get_size_inches()[1] / n for n in (2, 8, 32)]
    # Every row has its room, beside what the axis and its title take.
    assert heights[0] >= heights[1] >= heights[2] > 0.4
    assert heights[0] - heights[2] < 0.7


def test_histograms_name_the_row_that_they_draw():
    ax = plotting.histograms({"layer 1": [0.5], "layer 2": [0.5]}, range=(0, 1))
    assert ax.get_yticks().tolist() == [0, -1]


def test_table_heatmap_writes_dark_on_the_border_of_the_dark_colours():
    ax = plotting.table_heatmap(np.array([[1e3, 1.1e3]]), rows=["a"], columns=["b", "c"], limit=5)
    assert [text.get_color() for text in ax.texts] == ["#000000", "#ffffff"]

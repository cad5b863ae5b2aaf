"""Sizes of images: by hand for each way in which a picture says its own."""

import pytest
from PIL import Image

from trainlab.book.site.images import size_of, sized


def drawn(folder, name, tag):
    path = folder / name
    path.write_text(f'<?xml version="1.0"?>\n{tag}<rect width="1" height="2"/></svg>')
    return path


@pytest.mark.parametrize(
    ("tag", "size"),
    [
        ('<svg width="72pt" height="36.4pt" viewBox="0 0 9 9">', (96, 49)),
        ('<svg width="10px" height="20px">', (10, 20)),
        ('<svg height="20" width="10.6">', (11, 20)),
        ('<svg viewBox="-5 0 300 150.4" width="100%">', (300, 150)),
    ],
)
def test_drawing_says_its_size(tmp_path, tag, size):
    assert size_of(drawn(tmp_path, "a.svg", tag)) == size


def test_drawing_without_a_size_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"a\.svg has neither a width and a height nor a viewBox"):
        size_of(drawn(tmp_path, "a.svg", '<svg width="50%">'))


def test_photograph_says_its_size(tmp_path):
    Image.new("RGB", (7, 5)).save(tmp_path / "a.png")
    assert size_of(tmp_path / "a.png") == (7, 5)


def test_image_gets_its_size_and_waits(tmp_path):
    Image.new("RGB", (7, 5)).save(tmp_path / "a.png")
    page = '<p><img alt="A" src="a.png" style="width: 80%" width="1"></p>'
    expected = (
        '<p><img width="7" height="5" loading="lazy" decoding="async" alt="A" src="a.png"></p>'
    )
    assert sized(page, tmp_path) == expected
    logo = '<img src="a.png" class="logo__image only-light">'
    assert sized(logo, tmp_path) == f'<img width="7" height="5"{logo.removeprefix("<img")}'


@pytest.mark.parametrize(
    "tag", ['<img src="data:image/png;base64,AA">', '<img src="https://a.b/c.png">', "<img>"]
)
def test_images_from_elsewhere_stay(tmp_path, tag):
    assert sized(tag, tmp_path) == tag

"""Say how large each image of a page is, so that nothing moves while it loads."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

__all__ = ["size_of", "sized"]

_IMAGE = re.compile(r"<img\b[^>]*>")
_SOURCE = re.compile(r'src="([^"]*)"')
_LAYOUT = re.compile(r'\s(width|height|style)="[^"]*"')
_UNITS = {"pt": 4 / 3, "px": 1.0, "": 1.0}


def size_of(path: Path) -> tuple[int, int]:
    """Return an image's width and height in CSS pixels.

    Raises:
        ValueError: An SVG says neither its size nor its view box.
    """
    if path.suffix != ".svg":
        with Image.open(path) as image:
            return image.size
    found = re.search(r"<svg[^>]*>", path.read_text())
    tag = found[0] if found else ""
    width, height = (
        re.search(rf'\s{side}="([\d.]+)(pt|px|)"', tag) for side in ("width", "height")
    )
    if width and height:
        return _pixels(width), _pixels(height)
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', tag)
    if box is None:
        raise ValueError(f"{path} has neither a width and a height nor a viewBox.")
    return round(float(box[1])), round(float(box[2]))


def _pixels(side: re.Match[str]) -> int:
    return round(float(side[1]) * _UNITS[side[2]])


def sized(page: str, folder: Path) -> str:
    """Return a page that tells the browser each image's size, and to fetch it when near.

    Args:
        page: Its HTML.
        folder: Where it lies, which the addresses of its images are relative to.
    """

    def mended(match: re.Match[str]) -> str:
        tag = match[0]
        source = _SOURCE.search(tag)
        if source is None or source[1].startswith(("data:", "http")):
            return tag
        width, height = size_of(folder / source[1])
        # The logo stands at the top of every page; what is in the text may wait.
        later = "" if "logo__image" in tag else ' loading="lazy" decoding="async"'
        start = f'<img width="{width}" height="{height}"{later}'
        return _LAYOUT.sub("", tag).replace("<img", start, 1)

    return _IMAGE.sub(mended, page)

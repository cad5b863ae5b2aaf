"""Mend finished pages: weight, accessibility and what search engines and social networks read.

The theme's templates stay as they are. Each function takes the text of a page and returns it with
one fault mended; `mend` applies all of them.
"""

from __future__ import annotations

import posixpath
import re
from html import escape
from pathlib import Path

from PIL import Image

__all__ = ["card_tags", "mend", "size_of", "with_absolute_links"]

# The theme reads the mode before it knows one, says so on the console, and paints the page before
# it has a colour scheme. This decides first; without scripts the style sheet's default holds.
_THEME_SCRIPT = """<script>
    (() => {
      const page = document.documentElement.dataset, known = ["light", "dark", "auto"];
      let mode = "auto";
      try { mode = localStorage.getItem("mode"); } catch { }
      page.mode = known.includes(mode) ? mode : "auto";
      const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      page.theme = page.mode === "auto" ? dark : page.mode;
    })();
  </script>"""

# A script is kept where a page has what it serves, given as a piece of the page's HTML.
_NEEDED_WHERE = {
    "clipboard": 'class="highlight',
    "copybutton": 'class="highlight',
    "design-tabs": "sd-tab-set",
    "searchtools": 'id="search-results"',
    "language_data": 'id="search-results"',
    "searchindex": 'id="search-results"',
    # Icons are in icons.css, live code is not offered, and folding needs no script here.
    "fontawesome": None,
    "sphinx-thebe": None,
    "togglebutton": None,
}


def mend(page: str, folder: str, root: Path) -> str:
    """Return a finished page mended.

    Args:
        page: Its HTML.
        folder: Where it lies in the site, "" or "chapters" for example.
        root: The folder of the whole site.
    """
    page = _scripts(_head(page), root)
    page = _sized_images(page, root / folder)
    return _accessible(page)


def _head(page: str) -> str:
    page = re.sub(
        r'<script data-cfasync="false">.*?</script>', _THEME_SCRIPT, page, flags=re.DOTALL
    )
    # The theme writes the viewport three times, once for each template that it inherits from.
    first, *_ = viewports = re.findall(r'<meta name="viewport"[^>]*>', page)
    for viewport in viewports:
        page = page.replace(viewport, "", 1)
    page = page.replace("<title>", f"{first}\n    <title>", 1)
    # Pages of this book link one another and no page of an index that does not exist.
    return re.sub(r'\s*<meta name="docsearch:[^>]*>', "", page)


def _scripts(page: str, root: Path) -> str:
    # Live code is not offered, so neither is its configuration.
    page = re.sub(r'<script type="text/x-thebe-config">.*?</script>', "", page, flags=re.DOTALL)
    page = re.sub(
        r"<script>\s*(kernelName|const THEBE_|let toggle|var toggle).*?</script>", "", page
    )
    options = (root / "_static" / "documentation_options.js").read_text()

    def mended(match):
        source = match["source"]
        if "documentation_options" in source:
            return f"<script>{options}</script>"
        for name, mark in _NEEDED_WHERE.items():
            if name in source and (mark is None or mark not in page):
                return ""
        return match[0] if "defer" in match[0] else match[0].replace(" src=", " defer src=", 1)

    return re.sub(r'<script[^>]* src="(?P<source>[^"]*)"[^>]*></script>', mended, page)


def size_of(path: Path) -> tuple[int, int]:
    """Return an image's width and height in CSS pixels.

    Raises:
        ValueError: An SVG says neither its size nor its view box.
    """
    if path.suffix != ".svg":
        with Image.open(path) as image:
            return image.size
    tag = re.search(r"<svg[^>]*>", path.read_text())[0]
    units = {"pt": 4 / 3, "px": 1, "": 1}
    sides = [re.search(rf'\s{side}="([\d.]+)(pt|px|)"', tag) for side in ("width", "height")]
    if all(sides):
        return tuple(round(float(side[1]) * units[side[2]]) for side in sides)
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', tag)
    if box is None:
        raise ValueError(f"{path} has neither a width and a height nor a viewBox.")
    return round(float(box[1])), round(float(box[2]))


def _sized_images(page: str, folder: Path) -> str:
    """Tell the browser each image's size, so that nothing moves, and to fetch it when near."""

    def mended(match):
        tag = match[0]
        source = re.search(r'src="([^"]*)"', tag)[1]
        if source.startswith(("data:", "http")):
            return tag
        width, height = size_of(folder / source)
        tag = re.sub(r'\s(width|height|style)="[^"]*"', "", tag)
        size = f' width="{width}" height="{height}"'
        # The logo stands at the top of every page; what is in the text may wait.
        later = "" if "logo__image" in tag else ' loading="lazy" decoding="async"'
        return tag.replace("<img", f"<img{size}{later}", 1)

    return re.sub(r"<img\b[^>]*>", mended, page)


def _accessible(page: str) -> str:
    # A button's name must contain what can be read on it: "Search Ctrl+K".
    page = re.sub(
        r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"',
        r"\1",
        page,
    )
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    # All of a page belongs to a landmark.
    page = page.replace(
        '<div id="pst-skip-link" class="skip-link d-print-none">',
        '<div id="pst-skip-link" class="skip-link d-print-none" role="navigation" '
        'aria-label="Skip">',
    )
    page = page.replace(
        '<div id="pst-primary-sidebar" ',
        '<div id="pst-primary-sidebar" role="region" aria-label="Sidebar" ',
    )
    # Buttons that show an icon only are named by their title, which touch screens do not show.
    page = re.sub(
        r"(<button(?![^>]*aria-label)[^>]*title=\"([^\"]+)\")", r'\1 aria-label="\2"', page
    )
    # Readers of wide tables scroll them in a frame that the theme's script makes focusable.
    page = re.sub(
        r"(?<!container\">)<table\b.*?</table>",
        r'<div class="pst-scrollable-table-container">\g<0></div>',
        page,
        flags=re.DOTALL,
    )
    # These roles were withdrawn; an entry of a bibliography is an item of a list.
    page = page.replace('role="doc-biblioentry"', 'role="listitem"')
    # The empty bars above and below the page are landmarks without content.
    page = re.sub(r'<footer class="bd-footer">\s*</footer>', "", page)
    return page


def card_tags(*, title: str, description: str, address: str, image: str) -> str:
    """Return the tags that search engines and social networks read."""
    named = {"description": description, "twitter:card": "summary_large_image"}
    properties = {
        "og:type": "article",
        "og:title": title,
        "og:description": description,
        "og:url": address,
        "og:image": image,
        "og:image:alt": "Training Deep Networks, Measured",
    }
    return "\n".join(
        f'    <meta {attribute}="{name}" content="{escape(content)}" />'
        for attribute, group in (("name", named), ("property", properties))
        for name, content in group.items()
    )


def with_absolute_links(page: str, base: str) -> str:
    """Return a page whose links work from any address, as the page for missing pages must."""

    def mended(match):
        return f'{match[1]}="{posixpath.join(base, match[2])}"'

    return re.sub(r'\b(href|src|action|data-content_root)="(?!#|[a-z]+:|/)([^"]*)"', mended, page)

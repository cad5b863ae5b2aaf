"""Mend finished pages: weight, accessibility and what search engines and social networks read.

The theme's templates stay as they are. Each `Mending` corrects one fault in the text of a page;
`mend` applies all of them.
"""

from __future__ import annotations

import posixpath
import re
from html import escape
from pathlib import Path

from trainlab.book.site import images
from trainlab.book.site.mending import Mending, MendingError

__all__ = ["card_tags", "mend", "with_absolute_links"]

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

_SCRIPT = re.compile(r'<script[^>]* src="(?P<source>[^"]*)"[^>]*></script>')
_VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>')
_RELATIVE = re.compile(r'\b(href|src|action|data-content_root)="(?!#|[a-z]+:|/)([^"]*)"')


_HEAD = (
    Mending(
        "a mode chosen before the page is painted",
        r'<script data-cfasync="false">.*?</script>',
        _THEME_SCRIPT,
    ),
    # Pages of this book link one another and no page of an index that does not exist.
    Mending("no index of a search service", r'\s*<meta name="docsearch:[^>]*>', ""),
)
# Live code is not offered, so neither is its configuration.
_LIVE_CODE = (
    Mending(
        "no settings of live code",
        r'<script type="text/x-thebe-config">.*?</script>',
        "",
        where="dropdown-download-buttons",
    ),
    Mending(
        "no variables of live code",
        r"<script>\s*(kernelName|const THEBE_|let toggle|var toggle)[^\n]*?</script>",
        "",
    ),
)
_ACCESSIBLE = (
    Mending(
        'a button whose name contains what can be read on it: "Search Ctrl+K"',
        r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"',
        r"\1",
    ),
    Mending(
        "a folded cell named by what can be read on it",
        '<summary aria-label="Toggle hidden content">',
        "<summary>",
        where='<details class="admonition hide',
    ),
    Mending(
        "a link over the navigation that belongs to a landmark",
        '<div id="pst-skip-link" class="skip-link d-print-none">',
        '<div id="pst-skip-link" class="skip-link d-print-none" role="navigation" '
        'aria-label="Skip">',
    ),
    Mending(
        "a sidebar that is a landmark",
        '<div id="pst-primary-sidebar" ',
        '<div id="pst-primary-sidebar" role="region" aria-label="Sidebar" ',
    ),
    # Their titles are what a touch screen does not show.
    Mending(
        "buttons with nothing but an icon, named by their title",
        r"(<button(?![^>]*aria-label)[^>]*title=\"([^\"]+)\")",
        r'\1 aria-label="\2"',
    ),
    # The theme's script makes the frame focusable.
    Mending(
        "wide tables in a frame that readers can scroll",
        r"(?<!container\">)<table\b.*?</table>",
        r'<div class="pst-scrollable-table-container">\g<0></div>',
        where='<table class="table ledger',
    ),
    # These roles were withdrawn; an entry of a bibliography is an item of a list.
    Mending(
        "entries of a bibliography as items of a list",
        'role="doc-biblioentry"',
        'role="listitem"',
        where='class="citation-list"',
    ),
    Mending("no landmark without content", r'<footer class="bd-footer">\s*</footer>', ""),
)


def mend(page: str, name: str, root: Path) -> str:
    """Return a finished page mended.

    Args:
        page: Its HTML.
        name: Its path in the site, such as "chapters/01_keras_workflow.html".
        root: The folder of the whole site.

    Raises:
        MendingError: The theme's HTML has changed, so that a fault is not where it was.
    """
    for mending in (*_HEAD, *_LIVE_CODE):
        page = mending(page, name)
    page = _deferred(_one_viewport(page, name), name, root)
    page = images.sized(page, (root / name).parent)
    for mending in _ACCESSIBLE:
        page = mending(page, name)
    return page


def _one_viewport(page: str, name: str) -> str:
    """Keep one of the viewports, of which the theme writes one for each template it inherits."""
    found = _VIEWPORT.findall(page)
    if not found or "<title>" not in page:
        raise MendingError(
            f"{name} has {len(found)} viewports and {page.count('<title>')} titles; expected are "
            "one title and at least one viewport, to be put before it."
        )
    return _VIEWPORT.sub("", page).replace("<title>", f"{found[0]}\n    <title>", 1)


def _deferred(page: str, name: str, root: Path) -> str:
    """Let no script hold up the page, and leave out those that nothing on it needs."""
    options = (root / "_static" / "documentation_options.js").read_text()
    wanted = {"documentation_options", *_NEEDED_WHERE}

    def mended(match: re.Match[str]) -> str:
        source = match["source"]
        if "documentation_options" in source:
            wanted.discard("documentation_options")
            return f"<script>{options}</script>"
        for script, mark in _NEEDED_WHERE.items():
            if script in source:
                wanted.discard(script)
                if mark is None or mark not in page:
                    return ""
        return match[0] if "defer" in match[0] else match[0].replace(" src=", " defer src=", 1)

    mended_page = _SCRIPT.sub(mended, page)
    if wanted:
        raise MendingError(
            f"{name}: the theme brings no script {' or '.join(sorted(wanted))} any more; take it "
            "out of the lists of `trainlab.book.site.pages`."
        )
    return mended_page


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

    return _RELATIVE.sub(lambda match: f'{match[1]}="{posixpath.join(base, match[2])}"', page)

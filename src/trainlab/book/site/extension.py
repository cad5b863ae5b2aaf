"""A Sphinx extension: what jupyter-book's parts lack or get wrong on our pages.

It links glossary terms, describes every page, adds the page for missing addresses, and when all
pages are written mends them, joins their style sheets and writes the map for search engines.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx

from trainlab.book.site import glossary, pages, policy, styles
from trainlab.book.site.mending import MendingError

__all__ = ["setup"]

_MISSING = """<section><h1>No page here</h1>
<p>This address leads nowhere: the page was moved, or a letter is wrong. The
<a href="index.html">map of the course</a> has all pages, and the search finds terms in them.</p>
</section>"""

# What the theme brings and no page of ours asks for.
_UNUSED = ["vendor", "locales", "scripts/fontawesome.js", "sphinx-thebe.js", "togglebutton.js"]

_TAG = re.compile(r"<[^>]*>")
_SHEET = re.compile(r'\s*<link[^>]* href="([^"]*_static/[^"?]*\.css)[^"]*"[^>]*>')


def _missing_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    yield "404", {"title": "No page here", "body": _MISSING, "parents": []}, "page.html"


def _describe(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add a description and a social card, from the first sentences of the page itself."""
    description = str(context.get("title", "")) + " in " + app.config.html_title
    if doctree is not None:
        paragraphs = [
            paragraph.astext().replace("\n", " ")
            for paragraph in doctree.findall(nodes.paragraph)
            if len(paragraph.astext()) > 60
        ]
        if paragraphs:
            description = _shortened(paragraphs[0])
    title = _TAG.sub("", str(context.get("title", app.config.html_title)))
    context["metatags"] = context.get("metatags", "") + pages.card_tags(
        title=title,
        description=description,
        address=f"{app.config.html_baseurl}{pagename}.html",
        image=f"{app.config.html_baseurl}_static/card.png",
    )


def _shortened(text: str, length: int = 180) -> str:
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def _finish(app: Sphinx, exception: Exception | None) -> None:
    """Mend all pages, once they are written."""
    if exception is not None or app.builder.format != "html":
        return
    root = Path(app.outdir)
    for path in root.rglob("*.html"):
        name = path.relative_to(root).as_posix()
        if name.startswith("_static/"):
            path.unlink()
            continue
        path.write_text(pages.mend(path.read_text(), name, root))
    _drop_unused(root / "_static")
    _bundle_styles(root)
    missing = root / "404.html"
    base = urlsplit(app.config.html_baseurl).path
    missing.write_text(pages.with_absolute_links(missing.read_text(), base))
    for path in root.rglob("*.html"):
        path.write_text(policy.with_policy(path.read_text()))
    _write_site_map(app, root)


def _drop_unused(static: Path) -> None:
    for name in _UNUSED:
        path = static / name
        if not path.exists():
            raise MendingError(
                f"The theme brings no {name} into {static} any more; take it out of the list of "
                "what is not used."
            )
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in [*static.rglob("*.map"), *static.rglob("*.LICENSE.txt")]:
        path.unlink()


def _bundle_styles(root: Path) -> None:
    """Put one style sheet, without the rules that match nothing, in place of the theme's many."""
    pages = {path: path.read_text() for path in root.rglob("*.html")}
    scripts = [path.read_text() for path in (root / "_static").rglob("*.js")]
    # Every page links the same sheets, except that some have no notebook and hence fewer.
    most = max(pages.items(), key=lambda item: len(_SHEET.findall(item[1])))
    linked = [(most[0].parent / source).resolve() for source in _SHEET.findall(most[1])]
    target = root / "_static" / "book.css"
    target.write_text(
        styles.bundle(linked, root / "_static", styles.words_in([*pages.values(), *scripts]))
    )
    for path, page in pages.items():
        first = _SHEET.search(page)
        if first is None:
            raise MendingError(
                f"{path.relative_to(root)} links no style sheet of {root / '_static'}; expected "
                "are the theme's, in whose place one is put."
            )
        prefix = first[1][: first[1].index("_static/")]
        page = page[: first.start()] + "@@book.css@@" + page[first.start() :]
        page = _SHEET.sub("", page)
        path.write_text(
            page.replace(
                "@@book.css@@", f'\n  <link rel="stylesheet" href="{prefix}_static/book.css" />'
            )
        )
    for sheet in (root / "_static").rglob("*.css"):
        if sheet != target:
            sheet.unlink()


def _write_site_map(app: Sphinx, root: Path) -> None:
    """Tell search engines which pages there are."""
    base = app.config.html_baseurl
    addresses = "".join(
        f"  <url><loc>{base}{'' if name == 'index' else f'{name}.html'}</loc></url>\n"
        for name in sorted(app.env.found_docs)
    )
    (root / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{addresses}</urlset>\n"
    )
    (root / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-collect-pages", _missing_page)
    app.connect("html-page-context", _describe, priority=900)
    app.connect("doctree-resolved", glossary.link_terms)
    app.connect("build-finished", _finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Link each glossary term of a chapter at its first use, as chapters hold plain Markdown only."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from docutils import nodes
from sphinx.application import Sphinx

__all__ = ["Terms", "english_names", "link_terms"]

PAGE = "pages/glossary"

# Names of claims' kinds that are common words too: in a chapter "a bound" is seldom the claim.
_COMMON_WORDS = {"bound", "contrast", "identity", "claim", "edition", "record", "verdict"}
_NOT_INSIDE = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.raw)


def english_names(entry: str) -> list[str]:
    """Return the names in a glossary entry: "fan-in, fan-out (입력 수)" has two."""
    return [name.strip().lower() for name in entry.split("(")[0].split(",")]


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn the first use of every term in a chapter into a link to its entry."""
    if not docname.startswith("chapters/"):
        return
    anchors = {
        name: anchor
        for entry, _, kind, page, anchor, _ in app.env.get_domain("std").get_objects()
        if kind == "term" and page == PAGE
        for name in english_names(entry)
        if name not in _COMMON_WORDS
    }
    if not anchors:
        return
    terms = Terms(anchors, app.builder.get_relative_uri(docname, PAGE))
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in list(paragraph.findall(nodes.Text)):
            if _is_plain(text):
                terms.link(text)


def _is_plain(text: nodes.Text) -> bool:
    node = text.parent
    while node is not None:
        if isinstance(node, _NOT_INSIDE) or node.tagname.startswith("math"):
            return False
        node = node.parent
    return True


class Terms:
    """The terms of a glossary that a page has not used yet.

    Args:
        anchors: Each name, in small letters, and the anchor of its entry.
        address: The glossary's, as seen from the page.
    """

    def __init__(self, anchors: Mapping[str, str], address: str) -> None:
        self._anchors, self._address = dict(anchors), address
        # The longest name wins where two begin at the same place: "gradient clipping".
        self._names = sorted(anchors, key=len, reverse=True)
        self._any, self._alone = _expressions(tuple(self._names))

    def link(self, text: nodes.Text) -> None:
        """Replace a text by text and links; what is linked now is not linked again."""
        pieces: list[nodes.Node] = []
        whole, done, at = str(text), 0, 0
        while self._anchors and (found := self._any.search(whole, at)) is not None:
            name, end = self._unused_at(whole, found.start())
            if name is None:
                at = found.start() + 1
                continue
            anchor = self._anchors[name]
            self._anchors = {one: to for one, to in self._anchors.items() if to != anchor}
            use = whole[found.start() : end]
            link = nodes.reference("", use, internal=True, refuri=f"{self._address}#{anchor}")
            link["classes"].append("term")
            pieces += [nodes.Text(whole[done : found.start()]), link]
            done = at = end
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(whole[done:])])

    def _unused_at(self, whole: str, start: int) -> tuple[str | None, int]:
        for name in self._names:
            if name in self._anchors and (found := self._alone[name].match(whole, start)):
                return name, found.end()
        return None, start


@functools.cache
def _expressions(names: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, re.Pattern[str]]]:
    """Return an expression for any of the names, singular or plural, and one for each."""
    escaped = {name: re.escape(name) for name in names}
    one_of_them = re.compile(
        rf"(?<![\w-])(?:{'|'.join(escaped.values())})s?(?![\w-])", re.IGNORECASE
    )
    alone = {name: re.compile(rf"{one}s?(?![\w-])", re.IGNORECASE) for name, one in escaped.items()}
    return one_of_them, alone

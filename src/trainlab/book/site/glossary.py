"""Link each glossary term of a chapter at its first use, as chapters hold plain Markdown only."""

from __future__ import annotations

import re

from docutils import nodes

__all__ = ["english_names", "link_terms"]

PAGE = "pages/glossary"

# Names of claims' kinds that are common words too: in a chapter "a bound" is seldom the claim.
_COMMON_WORDS = {"bound", "contrast", "identity", "claim", "edition", "record", "verdict"}
_NOT_INSIDE = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.raw)


def english_names(entry: str) -> list[str]:
    """Return the names in a glossary entry: "fan-in, fan-out (입력 수)" has two."""
    return [name.strip().lower() for name in entry.split("(")[0].split(",")]


def link_terms(app, doctree, docname: str) -> None:
    """Turn the first use of every term in a chapter into a link to its entry."""
    if not docname.startswith("chapters/"):
        return
    anchors = {
        name: anchor
        for (kind, entry), (page, anchor) in app.env.get_domain("std").objects.items()
        if kind == "term" and page == PAGE
        for name in english_names(entry)
        if name not in _COMMON_WORDS
    }
    address = app.builder.get_relative_uri(docname, PAGE)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in list(paragraph.findall(nodes.Text)):
            if _is_plain(text):
                _link(text, anchors, address)


def _is_plain(text) -> bool:
    node = text.parent
    while node is not None:
        if isinstance(node, _NOT_INSIDE) or node.tagname.startswith("math"):
            return False
        node = node.parent
    return True


def _link(text, anchors: dict[str, str], address: str) -> None:
    """Replace one text by text and links; remove the linked terms from `anchors`."""
    pieces, rest = [], str(text)
    while anchors:
        # The longest name wins where two begin at the same place: "gradient clipping".
        names = sorted(anchors, key=len, reverse=True)
        plural = "|".join(re.escape(name) for name in names)
        match = re.search(rf"(?<![\w-])({plural})s?(?![\w-])", rest, re.IGNORECASE)
        if match is None:
            break
        anchor = anchors[match[1].lower()]
        for name in [name for name, other in anchors.items() if other == anchor]:
            del anchors[name]
        link = nodes.reference("", match[0], internal=True, refuri=f"{address}#{anchor}")
        link["classes"].append("term")
        pieces += [nodes.Text(rest[: match.start()]), link]
        rest = rest[match.end() :]
    if pieces:
        text.parent.replace(text, [*pieces, nodes.Text(rest)])

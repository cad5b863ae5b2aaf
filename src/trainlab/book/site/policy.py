"""A content-security policy for each page: it runs the site's own scripts and nothing else.

What a chapter prints, a claim's statement for example, is escaped where a page is made. Should
something slip through, the browser refuses it: no script runs whose text was not on the page when
the book was built, and nothing is fetched from, or sent to, another host.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

__all__ = ["policy", "with_policy"]


class _Scripts(HTMLParser):
    """Collects the text of each inline script and of each attribute that is one, as onclick."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: set[str] = set()
        self.handlers: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handlers |= {text for name, text in attributes if name.startswith("on") and text}
        self._inside = tag == "script" and "src" not in dict(attributes)

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.add(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def policy(page: str) -> str:
    """Return the policy that a page needs, with a hash of each script written into it."""
    found = _Scripts()
    found.feed(page)
    found.close()
    allowed = ["'self'", *sorted(map(_hash, found.scripts))]
    if found.handlers:
        allowed += ["'unsafe-hashes'", *sorted(map(_hash, found.handlers))]
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(allowed)}",
            # Mathematics is typeset with a style on nearly every element.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'self'",
        ]
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def with_policy(page: str) -> str:
    """Return a finished page with its policy, before anything that it rules.

    Raises:
        ValueError: The page has no head to put it in.
    """
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy(page)}">'
    page, count = re.subn(r"<head>", lambda match: f"{match[0]}\n    {tag}", page, count=1)
    if not count:
        raise ValueError(f"The page has no <head>; it begins with {page[:60]!r}.")
    return page

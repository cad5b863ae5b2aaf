"""Corrections of the theme's HTML that say so when there is nothing left to correct."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Mending", "MendingError"]


class MendingError(RuntimeError):
    """The theme's HTML is not what a mending was written for."""


@dataclass(frozen=True)
class Mending:
    """One fault of finished pages: where it is, and what stands there afterwards.

    Args:
        what: The fault or its cure, for the message.
        pattern: An expression for it, in which "." matches line ends too.
        replacement: As for `re.sub`.
        where: A piece of HTML that only pages with the fault have; "" if all pages have it.
    """

    what: str
    pattern: str
    replacement: str
    where: str = ""

    def __call__(self, page: str, name: str) -> str:
        """Return the page mended.

        Args:
            page: Its HTML.
            name: Its path in the site, for the message.

        Raises:
            MendingError: The page should have the fault and has not.
        """
        mended, count = re.subn(self.pattern, self.replacement, page, flags=re.DOTALL)
        if not count and self.where in page:
            raise MendingError(
                f"{name}: {self.what}: expected to find {self.pattern!r}, and found it nowhere. "
                "The theme writes other pages than before: look at this one without the "
                "extension, then change the mending, or remove it if the fault is gone."
            )
        return mended

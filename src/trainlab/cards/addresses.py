"""Where a claim's card stands on its page, and where the page on reading a card is."""

from __future__ import annotations

import functools
from importlib import metadata

__all__ = ["anchor", "guide_address"]


def anchor(claim_id: str) -> str:
    """Return the id of the claim's element on its page."""
    return "claim-" + claim_id.replace(".", "-")


@functools.cache
def guide_address() -> str | None:
    """Return the address of the published page on reading a card.

    It follows the repository's address in the installed package; None if that is not installed.
    """
    try:
        listed = metadata.metadata("trainlab").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    addresses = dict(entry.split(", ", 1) for entry in listed)
    if "Repository" not in addresses:
        return None
    _, owner, name = addresses["Repository"].rstrip("/").removesuffix(".git").rsplit("/", 2)
    return f"https://{owner.lower()}.github.io/{name}/pages/evidence.html"

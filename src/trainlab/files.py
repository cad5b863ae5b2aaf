"""Files that are there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its final name, then rename it.

    Whoever reads `path` finds what was there before or all of the new content, never a part of it,
    also after a full disk or a kill in the middle.

    Args:
        path: The file, in a folder that is there.
        content: Text, which is written as UTF-8, or bytes.
    """
    partial = path.with_name(f"{path.name}.part")
    try:
        if isinstance(content, bytes):
            partial.write_bytes(content)
        else:
            partial.write_text(content, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

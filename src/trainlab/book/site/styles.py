"""Join a site's style sheets into one and leave out the rules that none of its pages can match."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["bundle", "only_used", "words_in"]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_IMPORT = re.compile(r'@import\s+(?:url\()?["\']?([^"\')]+)["\']?\)?\s*;')
_URL = re.compile(r"url\((['\"]?)(?!data:|#|https?:)([^'\")]+)\1\)")
_WORD = re.compile(r"[\w-]+")
_NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")


def words_in(texts: Iterable[str]) -> set[str]:
    """Return all that could be the name of a class or an id in pages and scripts."""
    return {word for text in texts for word in _WORD.findall(text)}


def bundle(sheets: list[Path], root: Path, words: set[str]) -> str:
    """Return one style sheet, for a file directly in `root`, in place of several.

    Args:
        sheets: The files, in the order in which pages link them.
        root: The folder that the addresses inside the result are relative to.
        words: What `words_in` found in the pages and scripts that use them.
    """
    return "\n".join(only_used(_read(sheet, root), words) for sheet in sheets)


def _read(sheet: Path, root: Path) -> str:
    """Return a sheet with what it imports, its addresses made relative to `root`."""
    text = _COMMENT.sub("", sheet.read_text())
    folder = sheet.parent.relative_to(root).as_posix()
    text = _URL.sub(
        lambda match: f'url("{posixpath.normpath(posixpath.join(folder, match[2]))}")', text
    )
    return _IMPORT.sub(lambda match: _read((sheet.parent / match[1]).resolve(), root), text)


def only_used(css: str, words: set[str]) -> str:
    """Return a style sheet without the rules that need a class or an id not among `words`.

    Fonts of the icon script, which this site replaces by `icons.css`, are left out too.
    """
    kept = []
    for prelude, body in _blocks(css):
        if body is None:
            kept.append(f"{prelude};")
        elif prelude.startswith(("@media", "@supports", "@container", "@layer")):
            if inner := only_used(body, words):
                kept.append(f"{prelude}{{{inner}}}")
        elif prelude.startswith("@"):
            if "Font Awesome" not in body.replace("\\", ""):
                kept.append(f"{prelude}{{{body}}}")
        else:
            selectors = [each for each in _split(prelude) if _can_match(each, words)]
            if selectors and body.strip():
                kept.append(f"{','.join(selectors)}{{{body.strip()}}}")
    return "\n".join(kept)


def _blocks(css: str) -> Iterator[tuple[str, str | None]]:
    """Yield every rule as (what stands before its braces, what stands between them)."""
    start = position = 0
    while position < len(css):
        character = css[position]
        if character in "\"'":
            position = css.index(character, position + 1)
        elif character == ";":
            if prelude := css[start:position].strip():
                yield prelude, None
            start = position + 1
        elif character == "{":
            end = _closing(css, position)
            yield css[start:position].strip(), css[position + 1 : end]
            position, start = end, end + 1
        position += 1


def _closing(css: str, position: int) -> int:
    depth = 0
    while True:
        character = css[position]
        if character in "\"'":
            position = css.index(character, position + 1)
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return position
        position += 1


def _split(selectors: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in selectors:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]


def _can_match(selector: str, words: set[str]) -> bool:
    # What stands in brackets can be an alternative or an exclusion, so it decides nothing here.
    plain = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", re.sub(r"\([^()]*\)", "", selector))
    return "\\" in selector or all(name in words for name in _NAME.findall(plain))

"""Draw the folders of the package, their imports as arrows: `python -m trainlab.book.house`.

Writes the drawing into CONTRIBUTING.md, between two marks, as a Mermaid graph.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import grimp

__all__ = ["arrows", "drawing", "floors", "rooms", "with_drawing"]

BEGIN, END = "<!-- house: made by python -m trainlab.book.house -->", "<!-- /house -->"
# Folders inside a folder that are rooms of their own.
_INNER = ("book.site",)


def _room(module: str) -> str:
    """Return the room of a module such as "trainlab.training.loop"; "" for the package itself."""
    inside = module.partition(".")[2]
    for inner in _INNER:
        if inside == inner or inside.startswith(f"{inner}."):
            return inner
    return inside.split(".")[0]


def rooms(modules: frozenset[str] | set[str]) -> set[str]:
    """Return the rooms of modules: every module or folder right under the package."""
    return {_room(module) for module in modules} - {""}


def arrows(package: str = "trainlab") -> dict[str, set[str]]:
    """Return for each room the rooms that it imports.

    Args:
        package: Name of an importable package.
    """
    graph = grimp.build_graph(package, cache_dir=None)
    found: dict[str, set[str]] = {room: set() for room in rooms(graph.modules)}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            source, target = _room(module), _room(imported)
            if source and target and source != target:
                found[source].add(target)
    return found


def floors(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms from the ground up: each imports rooms of lower floors only.

    Raises:
        graphlib.CycleError: Rooms import each other in a circle, which the message names.
    """
    sorter = TopologicalSorter(imports)
    sorter.prepare()
    built = []
    while sorter.is_active():
        floor = sorter.get_ready()
        built.append(sorted(floor))
        sorter.done(*floor)
    return built


def drawing(imports: dict[str, set[str]]) -> str:
    """Return a Mermaid graph whose arrows point down, from what imports to what is imported.

    Rooms that neither import another room nor are imported stand in a box of their own.
    """
    used = {room for targets in imports.values() for room in targets}
    alone = sorted(room for room, targets in imports.items() if not targets and room not in used)
    lines = ["```mermaid", "flowchart TD"]
    for floor in reversed(floors(imports)):
        lines += [f'    {room}["{room.replace(".", "/")}"]' for room in floor if room not in alone]
    for source in sorted(imports):
        lines += [f"    {source} --> {target}" for target in sorted(imports[source])]
    if alone:
        lines.append('    subgraph alone["import nothing of the package"]')
        lines += [f"        {room}" for room in alone]
        lines.append("    end")
    return "\n".join([*lines, "```"])


def with_drawing(page: str, drawn: str) -> str:
    """Return a page with another drawing between its two marks.

    Raises:
        ValueError: The page does not have both marks once, in this order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"The page must hold {BEGIN!r} and after it {END!r}, each once.")
    return f"{before}{BEGIN}\n{drawn}\n{END}{after}"


if __name__ == "__main__":
    path = Path("CONTRIBUTING.md")
    path.write_text(with_drawing(path.read_text(), drawing(arrows())))

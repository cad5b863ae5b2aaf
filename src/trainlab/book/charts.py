"""Draw the charts of generated pages as inline SVG in the colours of the page."""

from __future__ import annotations

from html import escape

__all__ = ["bars"]


def bars(values: dict[str, float], *, title: str, unit: str) -> str:
    """Return horizontal bars, one a name, each with its value written beside it.

    Args:
        values: Mapping from a label to a value that is not negative.
        title: What the values are; it stands above the bars and names the drawing.
        unit: Written after each value.
    """
    longest = max(values.values()) or 1
    height = 34 + 44 * len(values)
    parts = [f'<text x="0" y="16" font-size="15" font-weight="600">{escape(title)}</text>']
    for row, (label, value) in enumerate(values.items()):
        top = 34 + 44 * row
        width = round(300 * value / longest, 1)
        parts.append(
            f'<text x="0" y="{top + 11}" font-size="13">{escape(label)}</text>'
            f'<rect x="0" y="{top + 17}" width="{width}" height="14" rx="3" class="bar"/>'
            f'<text x="{width + 8}" y="{top + 29}" font-size="13">{value:,.0f} {unit}</text>'
        )
    summary = "; ".join(f"{label} {value:,.0f} {unit}" for label, value in values.items())
    return (
        f'<svg class="chart" viewBox="0 0 400 {height}" width="400" height="{height}" role="img" '
        f'aria-label="{escape(f"{title}: {summary}")}" fill="currentColor">{"".join(parts)}</svg>'
    )

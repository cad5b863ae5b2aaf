"""Draw what was measured. Every function takes data and an optional `ax`, and returns the axes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import ArrayLike

__all__ = [
    "as_adaptive_svg",
    "curves",
    "dots",
    "flow_chart",
    "histograms",
    "images",
    "learning_curves",
    "log_heatmap",
    "log_ticks",
    "table_heatmap",
    "use_style",
]

# The style's colours and what each becomes on a dark page. All keep a contrast of at least 3 : 1
# with their paper and differ for the common kinds of colour blindness (after Okabe & Ito, 2008).
_DARK = {
    "#fefefe": "#14181e",
    "#24292e": "#e6e8eb",
    "#5c6570": "#9aa4b0",
    "#dfe3e8": "#2f3742",
    "#0072b2": "#5ab4f0",
    "#d55e00": "#ff9a52",
    "#00795a": "#45d6a6",
    "#a3478a": "#eb9ccb",
    "#8a6d00": "#e8cd55",
    "#4b5563": "#c3cad3",
}


def use_style() -> None:
    """Give figures the course's style and, in a notebook, show them as SVG in both themes."""
    plt.style.use(Path(__file__).with_name("trainlab.mplstyle"))
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is None or "inline" not in plt.get_backend():
        return
    # Loading the inline backend registers its own PNG formatter, so ours must come after it.
    plt.switch_backend(plt.get_backend())
    formatters = shell.display_formatter.formatters
    for name, formatter in formatters.items():
        if name.startswith("image/") or name == "application/pdf":
            formatter.pop(Figure, None)
    formatters["image/svg+xml"].for_type(Figure, as_adaptive_svg)


def as_adaptive_svg(figure: Figure) -> str:
    """Return a figure as an SVG that follows the reader's light or dark theme.

    The style's colours become CSS variables with a second value for dark schemes. The paper is
    part of the drawing, so that it stays legible where the scheme cannot be known.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    names = {colour: f"--c{number}" for number, colour in enumerate(_DARK)}
    for colour, name in names.items():
        svg = svg.replace(colour, f"var({name}, {colour})")
    light = ";".join(f"{name}:{colour}" for colour, name in names.items())
    dark = ";".join(f"{name}:{_DARK[colour]}" for colour, name in names.items())
    sheet = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    start = svg.index(">", svg.index("<svg")) + 1
    return svg[svg.index("<svg") : start] + sheet + svg[start:]


def curves(
    by_name: Mapping[str, ArrayLike],
    *,
    x: ArrayLike | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    log: bool = False,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw one curve a name: the median over seeds, and the range of all seeds as a band.

    Args:
        by_name: Mapping from a label to an array of shape (points,) or (seeds, points).
        x: Values of the horizontal axis, of shape (points,); 1, 2, … by default.
        log: Draw the vertical axis in powers of ten.
        ax: Axes to draw on; a new figure by default.
    """
    if ax is None:
        _, ax = plt.subplots()
    for name, values in by_name.items():
        values = np.atleast_2d(values)
        at = np.arange(1, values.shape[1] + 1) if x is None else x
        (line,) = ax.plot(at, np.median(values, axis=0), label=name)
        if len(values) > 1:
            ax.fill_between(
                at, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, lw=0
            )
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if legend:
        ax.legend()
    return ax


def learning_curves(
    histories: Mapping[str, Mapping[str, ArrayLike]],
    *,
    metric: str = "loss",
    xlabel: str = "epoch",
    ax: Axes | np.ndarray | None = None,
) -> Axes | np.ndarray:
    """Draw training and validation curves, one panel a setting, on one vertical scale.

    Each line is the median over seeds and each band the range of all seeds.

    Args:
        histories: Mapping from a panel's title to a history, a mapping that holds `metric` and
            "val_" + `metric` as arrays of shape (epochs,) or (seeds, epochs).
        metric: What to draw.
        xlabel: Label of the horizontal axes.
        ax: One axes a setting; a new row of panels by default.
    """
    if ax is None:
        _, ax = plt.subplots(1, len(histories), sharey=True, squeeze=False, figsize=(7.2, 3.2))
    panels = [ax] if isinstance(ax, Axes) else list(np.ravel(ax))
    for axes, (title, history) in zip(panels, histories.items(), strict=True):
        by_part = {"training": history[metric], "validation": history[f"val_{metric}"]}
        curves(by_part, xlabel=xlabel, title=title, legend=False, ax=axes)
    panels[0].set_ylabel(metric)
    panels[0].legend()
    return ax


def dots(
    by_name: Mapping[str, ArrayLike], *, xlabel: str = "", title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw every single value as a dot, one row a name, with the median as a bar.

    Args:
        by_name: Mapping from a label to an array of values of any shape; the first is at the top.
        ax: Axes to draw on; a new figure by default.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 0.5 * len(by_name) + 1.1))
    for row, values in enumerate(by_name.values()):
        values = np.sort(np.ravel(values))
        # Neighbours in value get different heights, so that they do not hide each other.
        heights = -row + np.resize([0, 0.2, -0.2, 0.1, -0.1], values.shape)
        ax.plot(values, heights, "o", color="#0072b2", markersize=4, alpha=0.55)
        middle = np.median(values)
        ax.plot([middle] * 2, [-row - 0.36, -row + 0.36], "-", color="#24292e", linewidth=2.5)
    ax.set_yticks(-np.arange(len(by_name)), list(by_name))
    ax.set(xlabel=xlabel, title=title)
    ax.grid(axis="y", visible=False)
    return ax


def log_ticks(ax: Axes, values: Sequence[float]) -> Axes:
    """Make the horizontal axis logarithmic and label it at the given values only."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(values))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in values]))
    ax.xaxis.set_minor_locator(NullLocator())
    return ax


def histograms(
    by_layer: Mapping[str, ArrayLike],
    *,
    range: tuple[float, float],
    xlabel: str = "output",
    title: str = "",
    bins: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of each layer's outputs, first layer at the top.

    Args:
        by_layer: Mapping from a layer's label to an array of outputs of any shape.
        range: Left and right end of the horizontal axis.
        bins: Bars between the two ends.
    """
    if ax is None:
        _, ax = plt.subplots()
    edges = np.linspace(*range, bins + 1)
    for row, outputs in enumerate(by_layer.values()):
        counts, _ = np.histogram(np.clip(outputs, *range), edges)
        height = 0.85 * counts / counts.max()
        ax.stairs(-row + height, edges, baseline=-row, fill=True, color="#0072b2", alpha=0.85)
    ax.set_yticks(-np.arange(len(by_layer)), list(by_layer))
    ax.set(xlabel=xlabel, title=title, xlim=range)
    ax.grid(axis="y", visible=False)
    return ax


def log_heatmap(
    values: ArrayLike,
    *,
    x: ArrayLike,
    y: ArrayLike,
    limit: int = 6,
    band: float | None = None,
    ticks: Sequence[float] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a map of positive values on a scale of powers of ten, white where they are 1.

    Args:
        values: Array of shape (len(y), len(x)); 0 and infinity take the end colours.
        x, y: Coordinates of columns and rows; `x` is drawn on a logarithmic axis.
        limit: Powers of ten at which the colours end.
        band: Outline where values lie within this factor of 1.
        ticks: Where to label the horizontal axis.
        label: What the colours mean.
    """
    if ax is None:
        _, ax = plt.subplots()
    with np.errstate(divide="ignore"):
        exponent = np.clip(np.nan_to_num(np.log10(values), nan=limit), -limit, limit)
    mesh = ax.pcolormesh(
        x, y, exponent, vmin=-limit, vmax=limit, shading="nearest", rasterized=True
    )
    if band is not None:
        edges = np.log10(band)
        ax.contour(x, y, exponent, levels=[-edges, edges], colors="#000000", linewidths=1.2)
    ax.set_xscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.grid(visible=False)
    if ticks is not None:
        log_ticks(ax, ticks)
    bar = ax.figure.colorbar(mesh, ax=ax, label=label)
    powers = range(-limit, limit + 1, 2)
    bar.set_ticks(powers, labels=[f"$10^{{{power}}}$" for power in powers])
    return ax


def table_heatmap(
    values: np.ndarray,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    limit: int = 3,
    title: str = "",
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of positive values: the number in each cell, its power of ten as the colour.

    Args:
        values: Array of shape (len(rows), len(columns)).
        rows, columns: Their labels.
        limit: Powers of ten at which the colours end.
        label: What the numbers mean.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 0.55 * len(rows) + 1.2))
    with np.errstate(divide="ignore"):
        exponent = np.clip(np.nan_to_num(np.log10(values), nan=limit), -limit, limit)
    ax.imshow(exponent, vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark_cell = abs(exponent[row, column]) > 0.6 * limit
        ax.text(
            column, row, f"{value:.2g}" if np.isfinite(value) else "∞", ha="center", va="center",
            color="#ffffff" if dark_cell else "#000000",
        )  # fmt: skip
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(title=title, xlabel=label)
    ax.grid(visible=False)
    return ax


def images(
    arrays: Sequence[np.ndarray],
    *,
    titles: Sequence[str],
    columns: int = 10,
    ax: Axes | np.ndarray | None = None,
) -> Axes | np.ndarray:
    """Draw images of shape (n, 28, 28) side by side, each under its title."""
    rows = -(-len(arrays) // columns)
    if ax is None:
        _, ax = plt.subplots(rows, columns, figsize=(7.2, 0.95 * rows + 0.1))
    panels = [ax] if isinstance(ax, Axes) else list(np.ravel(ax))
    for axes, image, title in zip(panels, arrays, titles, strict=True):
        axes.imshow(image, cmap="gray_r")
        axes.set_title(title, fontsize=8, loc="center")
        axes.axis("off")
    return ax


def flow_chart(
    boxes: Mapping[str, tuple[float, float, str]],
    arrows: Sequence[tuple[str, str, str]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw boxes with text and arrows between them, narrow enough for a telephone.

    Args:
        boxes: Mapping from a key to (column, row, text); rows count downwards from 0. A text that
            ends with a question mark is drawn as a question, with round corners and in colour.
        arrows: List of (from key, to key, label).
        ax: Axes to draw on; a new figure by default.

    Raises:
        ValueError: An arrow names a box that is not there.
    """
    unknown = {key for start, end, _ in arrows for key in (start, end)} - set(boxes)
    if unknown:
        raise ValueError(
            f"Arrows name the boxes {', '.join(sorted(unknown))}; known are {', '.join(boxes)}."
        )
    columns = [column for column, _, _ in boxes.values()]
    rows = [row for _, row, _ in boxes.values()]
    if ax is None:
        _, ax = plt.subplots(figsize=(4.4, 0.72 * (max(rows) + 1)))
    drawn = {}
    for key, (column, row, text) in boxes.items():
        asks = text.endswith("?")
        style = {
            "boxstyle": f"{'round4' if asks else 'square'},pad=0.45",
            "facecolor": "#fefefe",
            "edgecolor": "#d55e00" if asks else "#0072b2",
            "linewidth": 1.4,
        }
        drawn[key] = ax.text(column, -row, text, ha="center", va="center", fontsize=9, bbox=style)
    ax.set(xlim=(min(columns) - 0.55, max(columns) + 0.55), ylim=(-max(rows) - 0.5, 0.5))
    ax.axis("off")
    ax.figure.canvas.draw()  # only now the boxes have their sizes
    for start, end, label in arrows:
        (x0, y0, _), (x1, y1, _) = boxes[start], boxes[end]
        patch = drawn[end].get_bbox_patch()
        assert patch is not None  # every text was drawn in a box
        (left, _), (right, _) = ax.transData.inverted().transform(patch.get_window_extent())
        x1 = np.clip(x0, left + 0.06, right - 0.06)  # straight down where the box is wide enough
        ax.annotate(
            "", (x1, -y1), (x0, -y0),
            arrowprops={
                "arrowstyle": "->", "color": "#5c6570", "linewidth": 1.2, "shrinkA": 0,
                "patchA": drawn[start].get_bbox_patch(), "patchB": patch,
            },
        )  # fmt: skip
        if label:
            ax.text(
                (x0 + x1) / 2, -(y0 + y1) / 2, label, fontsize=8.5, ha="center", va="center",
                bbox={"boxstyle": "square,pad=0.15", "facecolor": "#fefefe", "linewidth": 0},
            )  # fmt: skip
    return ax

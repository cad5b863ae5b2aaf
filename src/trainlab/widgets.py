"""Figures that answer to a slider, without a server: SVG, a range input and a few lines of script.

Each function takes what a chapter measured and returns a `Widget`. The still picture of its first
position is drawn here, so that the page is whole where scripts are off; the script moves it on.
Colours are mixed with the colour of the page's text, which makes them follow light and dark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["LIMIT", "Widget", "function_and_slope", "paths_on_surface", "scale_and_depth"]

LIMIT = 40_000  # bytes that one widget may add to its page

# The style's colours: 3 : 1 or more on white; a third of the text's colour lifts them on dark.
_COLOURS = ("#0072b2", "#d55e00", "#00795a", "#a3478a", "#8a6d00", "#4b5563")
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 4", "4 4")
_WIDTH, _HEIGHT = 480, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 34, 46

# Every widget with this content that is not yet alive comes alive; ids, which could collide, are
# not needed. `show` is what the kind does at a position.
_SCRIPT = """(d=>{const key='[data-widget="%s"]:not([data-live])';
for(const root of document.querySelectorAll(key)){root.dataset.live='';
const $=s=>root.querySelector(s),all=s=>root.querySelectorAll(s),say=$('output'),range=$('input');
const line=(x,y)=>x.map((v,i)=>(i?'L':'M')+v+' '+y[i]).join('');
const put=(e,a)=>{for(const k in a)e.setAttribute(k,a[k])};
%s
const move=()=>{const t=show(+range.value);if(say.textContent!==t)say.textContent=t;
range.setAttribute('aria-valuetext',t.split(/[,:]/)[0])};
for(const e of all('input,select'))e.addEventListener('input',move);
for(const e of all('[hidden]'))e.hidden=false;
move()}})(%s)"""


@dataclass(frozen=True)
class Widget:
    """An interactive figure.

    Args:
        html: The whole figure, for the site, Jupyter and Colab.
        svg: Its still picture, for readers that show no HTML.
        caption: What the still picture shows.
    """

    html: str
    svg: str
    caption: str

    def __str__(self) -> str:
        return self.caption

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/html": self.html, "image/svg+xml": self.svg, "text/plain": self.caption}


def scale_and_depth(
    scales: ArrayLike,
    depths: ArrayLike,
    signals: Mapping[str, ArrayLike],
    *,
    start: float | None = None,
    label: str = "",
) -> Widget:
    """Show how signals fare with depth; the slider chooses the scale of the initialization.

    Used in chapter 02.

    Args:
        scales: Scales of the initialization, in rising order, of shape (scales,).
        depths: Numbers of layers, of shape (depths,).
        signals: Mapping from a signal's name ("forward", "backward") to its size relative to its
            start, an array of shape (depths, scales).
        start: The scale that the still picture shows; the one nearest to 1 by default.
        label: What the figure shows, for readers who cannot see it.

    Returns:
        A `Widget` with one curve a signal on a scale of powers of ten.

    Raises:
        ValueError: An array has the wrong shape, or the figure would weigh 40 KB or more.
    """
    scales, depths = np.asarray(scales, dtype=float), np.asarray(depths, dtype=float)
    limit = 8
    decades = {}
    for name, values in signals.items():
        values = _of_shape(values, (len(depths), len(scales)), name)
        with np.errstate(divide="ignore"):
            exponent = np.nan_to_num(np.log10(values), nan=99, posinf=99, neginf=-99)
        decades[name] = exponent
    at = int(np.argmin(np.abs(np.log(scales / (1 if start is None else start)))))
    axes = _Axes(
        (0, depths[-1]),
        (-limit, limit),
        xlabel="layers",
        xticks={value: f"{value:g}" for value in np.linspace(0, depths[-1], 6)},
        yticks={value: _power(value) for value in range(-limit, limit + 1, 4)},
    )
    x = _rounded(axes.x(depths))
    y = {name: [_rounded(row) for row in axes.y(values.T)] for name, values in decades.items()}
    captions = []
    for column, scale in enumerate(scales):
        ends = (f"{name} {_size(values[-1, column], limit)}" for name, values in decades.items())
        captions.append(f"Scale {scale:.2f}, after {depths[-1]:g} layers: {', '.join(ends)}")
    band = axes.y(np.array([1, -1]))
    drawing = [
        f'<rect x="{_LEFT}" y="{band[0]:.1f}" width="{_WIDTH - _LEFT - _RIGHT}" '
        f'height="{band[1] - band[0]:.1f}" fill="currentColor" fill-opacity=".1"/>',
        axes.draw(),
    ]
    curves = []
    for number, name in enumerate(y):
        curves += [
            _path(_line(x, row), number, "stroke-width:1;stroke-opacity:.25;stroke-dasharray:none")
            for row in y[name][:: max(1, len(scales) // 8)]
        ]
        curves.append(_path(_line(x, y[name][at]), number, "stroke-width:3", "d"))
    drawing += [axes.clipped("".join(curves)), _legend(list(y))]
    show = (
        "const paths=all('.d'),show=i=>{d.y.forEach((y,k)=>"
        "put(paths[k],{d:line(d.x,y[i])}));return d.t[i]};"
    )
    slider = _slider("Scale of the initialization", 0, len(scales) - 1, at, captions[at])
    data = {"x": x, "y": list(y.values()), "t": captions}
    return _widget(
        "".join(drawing), slider, captions[at], show, data,
        label or f"Size of the {' and the '.join(y)} signal against depth; shaded: within ten.",
    )  # fmt: skip


def function_and_slope(
    z: ArrayLike, functions: Mapping[str, tuple[ArrayLike, ArrayLike]]
) -> Widget:
    """Show a function with its tangent, and its slope; choose the function, move the point.

    Made for chapter 04.

    Args:
        z: Inputs in rising order, of shape (points,).
        functions: Mapping from a function's name to the pair (values, slopes), each of shape
            (points,).

    Returns:
        A `Widget` that draws the function solid and its slope dashed.

    Raises:
        ValueError: An array has the wrong shape, or the figure would weigh 40 KB or more.
    """
    z = np.asarray(z, dtype=float)
    pairs = {
        name: [_of_shape(values, z.shape, name) for values in pair]
        for name, pair in functions.items()
    }
    top, bottom = 3.0, -2.0
    axes = _Axes(
        (z[0], z[-1]),
        (bottom, top),
        xlabel="z",
        xticks={value: _signed(value) for value in np.linspace(z[0], z[-1], 5)},
        yticks={value: _signed(value) for value in range(int(bottom), int(top) + 1)},
    )
    first, at = next(iter(pairs)), len(z) * 5 // 8
    value, slope = (array[at] for array in pairs[first])
    caption = _function_caption(first, z[at], value, slope)
    x = _rounded(axes.x(z))
    curves = []
    for number, values in enumerate(pairs[first]):
        y = _rounded(axes.y(values))
        curves.append(_path(_line(x, y), number, "stroke-width:2.5", "d"))
    for number, height in enumerate((value, slope)):
        curves.append(_dot(x[at], axes.y(height), number))
    curves.append(
        f'<path class="t" d="{_tangent(axes, z[at], value, slope)}" '
        'stroke="currentColor" stroke-width="1.5" fill="none"/>'
    )
    parts = [axes.draw(), axes.clipped("".join(curves)), _legend(["function", "its slope"])]
    # The same formulas as below in _tangent, axes.x and axes.y: a test runs both and compares.
    show = (
        "const p=all('.d'),o=all('.o'),s=$('select'),"
        "X=v=>+(d.b[0]+(v-d.r[0])*d.b[1]).toFixed(1),Y=v=>+(d.b[2]-(v-d.r[1])*d.b[3]).toFixed(1),"
        "n=(v,k)=>v.toFixed(k).replace('-','−'),"
        "show=i=>{const f=d.f[s.value],v=f[0][i],m=f[1][i],z=d.z[i];"
        "f.forEach((a,k)=>{put(p[k],{d:line(d.x,a.map(Y))});put(o[k],{cx:d.x[i],cy:Y(a[i])})});"
        "const h=1.2/Math.hypot(1,m);"
        "put($('.t'),{d:line([X(z-h),X(z+h)],[Y(v-m*h),Y(v+m*h)])});"
        "return s.value+' at z = '+n(z,2)+': value '+n(v,3)+', slope '+n(m,3)};"
    )
    options = "".join(f"<option>{escape(name)}</option>" for name in pairs)
    controls = (
        '<label style="display:block;margin:.3em 0">Function '
        f'<select style="font:inherit;min-height:24px">{options}</select></label>'
        + _slider("Input z", 0, len(z) - 1, at, caption)
    )
    data = {
        "x": x,
        "z": np.round(z, 3).tolist(),
        "f": {name: [_rounded(a, 3) for a in pair] for name, pair in pairs.items()},
        "r": [z[0], bottom],
        "b": [_LEFT, axes.x_unit, _HEIGHT - _BOTTOM, axes.y_unit],
    }
    return _widget(
        "".join(parts), controls, caption, show, data,
        "An activation function, drawn solid, and its slope, dashed, against the input z.",
    )  # fmt: skip


def paths_on_surface(
    x: ArrayLike,
    y: ArrayLike,
    loss: ArrayLike,
    paths: Mapping[str, ArrayLike],
    losses: Mapping[str, ArrayLike],
    *,
    label: str = "",
) -> Widget:
    """Show optimizers walking over a surface; the slider chooses the step.

    Made for chapter 07.

    Args:
        x, y: Coordinates of the surface's columns and rows, in rising order.
        loss: Heights of the surface, of shape (len(y), len(x)); drawn as lines of equal height.
        paths: Mapping from an optimizer's name to its positions, of shape (steps + 1, 2).
        losses: Mapping from the same names to the loss at each position, of shape (steps + 1,).
        label: What the figure shows, for readers who cannot see it.

    Returns:
        A `Widget` with one path an optimizer.

    Raises:
        ValueError: An array has the wrong shape, the names differ, there are more than 6 paths, or
            the figure would weigh 40 KB or more.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    loss = _of_shape(loss, (len(y), len(x)), "loss")
    if list(paths) != list(losses) or not 1 <= len(paths) <= len(_COLOURS):
        raise ValueError(
            f"`paths` names {list(paths)} and `losses` {list(losses)}; both need the same names, "
            f"1 to {len(_COLOURS)} of them."
        )
    points = len(np.asarray(next(iter(losses.values()))))
    axes = _Axes(
        (x[0], x[-1]),
        (y[0], y[-1]),
        xlabel="first weight",
        xticks={value: _signed(value) for value in np.linspace(x[0], x[-1], 5)},
        yticks={value: _signed(value) for value in np.linspace(y[0], y[-1], 5)},
    )
    walks, heights = {}, {}
    for name in paths:
        walk = _of_shape(paths[name], (points, 2), name)
        heights[name] = _of_shape(losses[name], (points,), name)
        walks[name] = [_rounded(axes.x(walk[:, 0])), _rounded(axes.y(walk[:, 1]))]
    at = points - 1
    caption = _race_caption(at, {name: values[at] for name, values in heights.items()})
    lines = [_contours(axes, x, y, loss)]
    for number, (across, down) in enumerate(walks.values()):
        lines.append(_path(_line(across, down), number, "stroke-width:2.5", "d"))
        lines.append(_dot(across[at], down[at], number))
    parts = [axes.draw(), axes.clipped("".join(lines)), _legend(list(walks))]
    # The still picture is the whole race, so the script takes the positions from it.
    show = (
        "const p=all('.d'),o=all('.o'),w=[...p].map(e=>e.getAttribute('d').split(/[ML]/).slice(1)),"
        "show=i=>{w.forEach((a,k)=>{const [x,y]=a[i].split(' ');"
        "put(p[k],{d:'M'+a.slice(0,i+1).join('L')});put(o[k],{cx:x,cy:y})});"
        "return 'Step '+i+', loss: '+d.n.map((n,k)=>n+' '+d.l[k][i]).join(', ')};"
    )
    data = {
        "n": list(walks),
        "l": [[_short(value) for value in values] for values in heights.values()],
    }
    slider = _slider("Step", 0, at, at, caption)
    return _widget(
        "".join(parts), slider, caption, show, data,
        label or f"Paths of {', '.join(walks)} over lines of equal loss.",
    )  # fmt: skip


class _Axes:
    """The frame of a drawing: from data to units of the drawing, ticks and labels."""

    def __init__(
        self,
        xlim: tuple[float, float],
        ylim: tuple[float, float],
        *,
        xlabel: str,
        xticks: Mapping[Any, str],
        yticks: Mapping[Any, str],
    ) -> None:
        self.xlim, self.ylim = xlim, ylim
        self.x_unit = (_WIDTH - _LEFT - _RIGHT) / (xlim[1] - xlim[0])
        self.y_unit = (_HEIGHT - _TOP - _BOTTOM) / (ylim[1] - ylim[0])
        self.xlabel, self.xticks, self.yticks = xlabel, xticks, yticks

    # What lies outside the frame is cut off there; far outside, numbers need not be exact.
    def x(self, value: Any) -> Any:
        return np.clip(_LEFT + (value - self.xlim[0]) * self.x_unit, -999, 999)

    def y(self, value: Any) -> Any:
        return np.clip(_HEIGHT - _BOTTOM - (value - self.ylim[0]) * self.y_unit, -999, 999)

    def clipped(self, drawing: str) -> str:
        """Return a drawing that ends at the frame: an svg inside an svg cuts, and needs no id."""
        x, y, width, height = _LEFT, _TOP, _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return (
            f'<svg x="{x}" y="{y}" width="{width}" height="{height}" overflow="hidden" '
            f'viewBox="{x} {y} {width} {height}">{drawing}</svg>'
        )

    def draw(self) -> str:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = ['<g stroke="currentColor" stroke-opacity=".25">']
        for value in self.yticks:
            y = f"{self.y(value):.1f}"
            parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}"/>')
        parts.append('</g><g fill="currentColor" font-size="14">')
        for value, text in self.yticks.items():
            y = self.y(value) + 5
            parts.append(f'<text x="{_LEFT - 8}" y="{y:.1f}" text-anchor="end">{text}</text>')
        for value, text in self.xticks.items():
            parts.append(
                f'<text x="{self.x(value):.1f}" y="{bottom + 19}" text-anchor="middle">'
                f"{text}</text>"
            )
        middle = (_LEFT + right) / 2
        parts.append(
            f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(self.xlabel)}'
            "</text></g>"
        )
        return "".join(parts)


def _widget(drawing: str, controls: str, caption: str, show: str, data: dict, label: str) -> Widget:
    held = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    key = sha256((drawing + controls + show + held).encode()).hexdigest()[:12]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}" width="{_WIDTH}" height="{_HEIGHT}" '
        'style="{}" font-family="sans-serif">' + drawing + "</svg>"
    )
    html = (
        f'<div class="widget" data-widget="{key}" role="group" aria-label="Interactive figure" '
        'style="max-width:36em;margin:.6em 0;line-height:1.5">'
        + svg.format("display:block;width:100%;height:auto")
        + f"<div hidden>{controls}</div>"
        f'<output style="display:block;min-height:3em">{escape(caption)}</output></div>'
        f"<script>{_SCRIPT % (key, show, held)}</script>"
    )
    size = len(html.encode())
    if size >= LIMIT:
        raise ValueError(
            f"The figure would weigh {size:,} bytes, and a page gives it less than {LIMIT:,}. "
            "Pass fewer points: every second one, say."
        )
    # By itself the picture cannot know its page, so it brings its own paper.
    return Widget(html, svg.format("background:#fff;color:#24292e"), caption)


def _slider(name: str, low: int, high: int, value: int, text: str) -> str:
    now = escape(re.split("[,:]", text)[0])
    return (
        f'<label style="display:block;margin:.3em 0">{escape(name)}<input type="range" '
        f'min="{low}" max="{high}" value="{value}" aria-valuetext="{now}" '
        'style="display:block;width:100%;min-height:28px;margin:0"></label>'
    )


def _ink(number: int) -> str:
    return f"color-mix(in srgb,{_COLOURS[number]} 68%,currentColor)"


def _path(points: str, number: int, style: str, css_class: str | None = None) -> str:
    # The attribute is for readers that do not know color-mix.
    named = f'class="{css_class}" ' if css_class else ""
    return (
        f'<path {named}d="{points}" fill="none" stroke="{_COLOURS[number]}" '
        f'stroke-dasharray="{_DASHES[number]}" stroke-linejoin="round" '
        f'style="stroke:{_ink(number)};{style}"/>'
    )


def _dot(x: float, y: float, number: int) -> str:
    return (
        f'<circle class="o" cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{_COLOURS[number]}" '
        f'style="fill:{_ink(number)}"/>'
    )


def _legend(names: Sequence[str]) -> str:
    """Draw the legend above the axes, in two rows where one is too short."""
    places: list[tuple[float, int]] = []
    x, row = float(_LEFT), 0
    for name in names:
        width = 40 + 7.8 * len(name)  # of the line and of letters of 14 pixels
        if x + width > _WIDTH and x > _LEFT:
            x, row = _LEFT, row + 1
        places.append((x, row))
        x += width
    parts = []
    for number, (name, (x, line)) in enumerate(zip(names, places, strict=True)):
        y = 15 if row == 0 else (7, 24)[line % 2]
        parts.append(_path(f"M{x:.1f} {y}h22", number, "stroke-width:3"))
        parts.append(
            f'<text x="{x + 27:.1f}" y="{y + 5}" font-size="14" fill="currentColor">'
            f"{escape(name)}</text>"
        )
    return "".join(parts)


def _contours(axes: _Axes, x: np.ndarray, y: np.ndarray, loss: np.ndarray) -> str:
    """Draw lines of equal loss at levels that hold equal shares of the map."""
    from contourpy import contour_generator

    generator = contour_generator(x, y, loss)
    lines = []
    for level in np.quantile(loss, np.linspace(0.05, 0.95, 9)):
        for line in map(np.asarray, generator.lines(level)):
            thinned = line[:: max(1, len(line) // 48)]
            across, down = np.vstack([thinned, line[-1:]]).T
            lines.append(_line(_rounded(axes.x(across)), _rounded(axes.y(down))))
    return f'<path d="{"".join(lines)}" fill="none" stroke="currentColor" stroke-opacity=".35"/>'


def _tangent(axes: _Axes, z: float, value: float, slope: float) -> str:
    half = 1.2 / np.hypot(1, slope)
    ends = np.array([-half, half])
    return _line(_rounded(axes.x(z + ends)), _rounded(axes.y(value + slope * ends)))


def _line(x: Iterable[float], y: Iterable[float]) -> str:
    return "".join(
        f"{'L' if i else 'M'}{a:g} {b:g}" for i, (a, b) in enumerate(zip(x, y, strict=True))
    )


def _rounded(values: np.ndarray, digits: int = 1) -> list[float]:
    rounded = (np.round(values, digits) + 0.0).tolist()
    return [int(value) if value.is_integer() else value for value in rounded]


def _of_shape(values: ArrayLike, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.shape != tuple(shape):
        raise ValueError(f"{name!r} has shape {array.shape}; the figure needs {tuple(shape)}.")
    return array


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")


def _power(exponent: int) -> str:
    digits = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "1" if exponent == 0 else f"10{digits}"


def _size(exponent: float, limit: int) -> str:
    if abs(exponent) > limit:
        return ("over " if exponent > 0 else "under ") + _power(limit if exponent > 0 else -limit)
    value = 10.0**exponent
    if 0.01 <= value < 1000:
        return f"× {value:.2g}" if value < 100 else f"× {value:.0f}"
    return f"× 10^{exponent:.1f}".replace("-", "−")


def _function_caption(name: str, z: float, value: float, slope: float) -> str:
    at, height, steepness = (
        f"{v:.{digits}f}".replace("-", "−") for v, digits in ((z, 2), (value, 3), (slope, 3))
    )
    return f"{name} at z = {at}: value {height}, slope {steepness}"


def _race_caption(step: int, losses: Mapping[str, float]) -> str:
    return f"Step {step}, loss: " + ", ".join(f"{n} {_short(v)}" for n, v in losses.items())

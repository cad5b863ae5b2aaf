"""A progress bar that is gone when the work is done."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["ProgressBar"]

_REDRAW_SECONDS = 0.1


class ProgressBar:
    """Shows how far a sweep is, to somebody who looks on, and leaves nothing behind.

    In a terminal it is one line of stderr, wiped at the end; nothing is written where stderr is a
    file. In a notebook it is a display of its own, so that the cell's other outputs stay, and empty
    at the end. A notebook that papermill, nbclient or nbval executes shows no bar at all: they do
    not let a cell ask for input, which is how they differ from a person's Jupyter or Colab.

    Args:
        total: Number of units of work.
        label: What is being done.
        visible: Whether to show anything.
    """

    def __init__(self, total: int, label: str, visible: bool = True) -> None:
        self.total, self.label = max(total, 1), label
        self._display = _notebook_display() if visible else None
        self._terminal = visible and self._display is None and sys.stderr.isatty()
        self._handle: Any = None
        self._drawn = float("-inf")

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        if self._handle is not None:
            self._handle.update(_Html(""))

    def update(self, done: int, note: str = "") -> None:
        """Redraws the bar, at most ten times a second."""
        now = time.monotonic()
        if now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        text = f"{self.label}  {note}  {done / self.total:.0%}"
        if self._terminal:
            filled = round(24 * done / self.total)
            sys.stderr.write(f"\r{'━' * filled}{'╌' * (24 - filled)}  {text}\x1b[K")
            sys.stderr.flush()
        elif self._display is not None:
            bar = _Html(
                f'<label><progress value="{done}" max="{self.total}"></progress> '
                f"{html.escape(text)}</label>"
            )
            if self._handle is None:
                self._handle = self._display(bar, display_id=True)
            else:
                self._handle.update(bar)


class _Html:
    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


def _notebook_display() -> Callable[..., Any] | None:
    """IPython's `display` if a person watches this notebook, else `None`."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return None
    request = kernel.get_parent().get("content", {})
    return display if request.get("allow_stdin") else None

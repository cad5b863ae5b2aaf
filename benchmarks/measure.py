"""Interleaved pairs, medians, spread."""

import dataclasses
import json
import os
import statistics
import sys
import time
from pathlib import Path


@dataclasses.dataclass
class Row:
    """One line of the table: `ours_s` against `reference_s`, both medians, in seconds.

    `ratio` is the median over the pairs of reference / ours: above 1 where ours is faster. `bar`
    says what the ratio must reach, `None` where nothing was promised.
    """

    name: str
    ours_s: float
    reference: str
    reference_s: float
    ratio: float
    bar: str | None = None
    pairs: int = 1
    ours_spread_s: float = 0.0
    reference_spread_s: float = 0.0
    unit: str = "s"
    note: str = ""


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def pair(name, ours, reference, *, against, pairs, warm=True, bar=None, note=""):
    """Times two functions in turns, so that a busy machine slows both alike."""
    if warm:
        ours()
        reference()
    mine, theirs = [], []
    for turn in range(pairs):
        order = [(ours, mine), (reference, theirs)]
        for function, times in order if turn % 2 == 0 else reversed(order):
            times.append(seconds(function))
            report(f"{name}: pair {turn + 1} of {pairs}")
    return row(name, mine, theirs, against=against, bar=bar, note=note)


def row(name, mine, theirs, *, against, bar=None, unit="s", note=""):
    return Row(
        name=name,
        ours_s=statistics.median(mine),
        reference=against,
        reference_s=statistics.median(theirs),
        ratio=statistics.median(b / a for a, b in zip(mine, theirs, strict=True)),
        bar=bar,
        pairs=len(mine),
        ours_spread_s=max(mine) - min(mine),
        reference_spread_s=max(theirs) - min(theirs),
        unit=unit,
        note=note,
    )


def report(text=""):
    """One line of progress on a terminal, gone when the next one comes."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


def line(row):
    ours, reference = (
        f"{value:8.2f} ±{spread / 2:5.2f} {row.unit:2}"
        for value, spread in (
            (row.ours_s, row.ours_spread_s),
            (row.reference_s, row.reference_spread_s),
        )
    )
    bar = f"  {row.bar}" if row.bar else ""
    note = f"  {row.note}" if row.note else ""
    return f"{row.name:50} {ours}  {row.reference:26} {reference}  {row.ratio:6.2f}{bar}{note}"


def write(rows, path):
    """Writes the rows beside the final name and renames: nobody sees half of them."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
    beside.replace(path)

"""Interleaved pairs, medians, spread."""

import dataclasses
import json
import os
import statistics
import sys
import time
from pathlib import Path

QUIET_CORES = 0.15
patience = 0.0


@dataclasses.dataclass
class Row:
    """One line of the table: `ours_s` against `reference_s`, both medians, in seconds.

    `ratio` is the median over the pairs of reference / ours: above 1 where ours is faster. `bar`
    says what the ratio must reach, `None` where nothing was promised. `foreign_cores` is how many
    cores other processes kept busy meanwhile.
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
    foreign_cores: float = 0.0
    note: str = ""


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def pair(name, ours, reference, *, against, pairs, warm=True, bar=None, note=""):
    """Times two functions in turns, so that a busy machine slows both alike.

    With `patience` set, waits until other processes are quiet before each turn and measures a pair
    again that they disturbed, until the patience, in seconds, is used up.
    """
    if warm:
        ours()
        reference()
    mine, theirs, others = [], [], []
    until = time.monotonic() + patience
    while len(mine) < pairs:
        report(f"{name}: pair {len(mine) + 1} of {pairs}")
        _wait_for_quiet(until)
        before = _cpu_seconds()
        took = {}
        order = (ours, reference) if len(mine) % 2 == 0 else (reference, ours)
        for function in order:
            took[function] = seconds(function)
        disturbed = _foreign_cores(before)
        if disturbed > QUIET_CORES and time.monotonic() < until:
            continue
        mine.append(took[ours])
        theirs.append(took[reference])
        others.append(disturbed)
    found = row(name, mine, theirs, against=against, bar=bar, note=note)
    return dataclasses.replace(found, foreign_cores=statistics.median(others))


def _cpu_seconds():
    """Wall clock, seconds of all cores at work, seconds of them for this process."""
    try:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split()[1:9]]
    except OSError:  # not Linux: nothing is known about the others
        return None
    busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return time.monotonic(), busy, sum(os.times()[:4])


def _foreign_cores(before):
    """How many cores other processes used since `before`, on average."""
    after = _cpu_seconds()
    if before is None or after is None:
        return 0.0
    wall, busy, own = (b - a for a, b in zip(before, after, strict=True))
    return max(busy - own, 0.0) / wall


def _wait_for_quiet(until):
    while time.monotonic() < until:
        before = _cpu_seconds()
        time.sleep(0.5)
        if _foreign_cores(before) < QUIET_CORES:
            return


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
    if row.foreign_cores > QUIET_CORES:
        note += f"  (disturbed: {row.foreign_cores:.1f} cores busy elsewhere)"
    return f"{row.name:50} {ours}  {row.reference:26} {reference}  {row.ratio:6.2f}{bar}{note}"


def write(rows, path):
    """Writes the rows beside the final name and renames: nobody sees half of them."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
    beside.replace(path)

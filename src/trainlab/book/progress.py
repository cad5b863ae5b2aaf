"""What a build tells whoever waits for it: what is done, what failed, how long it will take.

Snakemake's own lines go into a file. It calls this module's handler for each of them, and what a
reader wants to know is drawn from them: a line for each chapter that is done or has failed, on a
terminal a bar for the whole, and at the end where the site is or what to do.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

__all__ = ["Cells", "Narrator", "expected_seconds"]

_EXECUTE = "execute_"
# What Snakemake adds once a job has failed, of which the job itself has said why.
_ECHOES = ("RuleException", "WorkflowError", "Exiting because a job execution failed")
# Seconds for a chapter that was never executed here.
_UNKNOWN = 60.0


def expected_seconds(report: Path) -> dict[str, float]:
    """Return how long each chapter took in the last whole build, {} if there was none."""
    try:
        chapters = json.loads(report.read_text(encoding="utf-8"))["chapters"]
        return {run["chapter"]: float(run["seconds"]) for run in chapters}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


class Cells:
    """A file for papermill's bar that keeps how many cells are done: "12 80".

    Args:
        path: Where the two numbers go.
    """

    FORMAT = "{n_fmt} {total_fmt}"

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # papermill goes to another folder

    def write(self, text: str) -> int:
        numbers = text.split()
        if len(numbers) == 2 and all(number.isdigit() for number in numbers):
            with contextlib.suppress(OSError):
                self._path.write_text(text.strip(), encoding="utf-8")
        return len(text)

    def flush(self) -> None:
        """Do nothing: each write is whole."""


class Narrator(logging.Handler):
    """Turns Snakemake's events into what a reader wants to know.

    Args:
        build: The folder of the edition, in whose `logs/` each chapter leaves what it said
            (`.said`), how many cells are done (`.cells`) and its own log.
        cores: How many chapters may run at a time, None if that is not known.
        again: The command that goes on where this build stops.
        console: Where to say it, standard error unless given.
    """

    def __init__(
        self, build: Path, cores: int | None, *, again: str, console: Console | None = None
    ) -> None:
        super().__init__(level=logging.INFO)
        self._build, self._logs = build, build / "logs"
        self._cores, self._again = cores or 1, again
        self._console = console or Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._expected = expected_seconds(build / "report.json")
        self._planned: list[str] = []
        self._jobs: dict[int, str] = {}
        self._failed: list[str] = []
        self._whole = False
        self._bars: _Bars | None = None
        self._log: logging.Handler | None = None

    def follow(self, logger: logging.Logger, *, alone: bool) -> None:
        """Listen to a logger.

        Args:
            logger: Snakemake's.
            alone: Whether what else writes the logger's lines to the terminal is to be silent.
        """
        for handler in list(logger.handlers):
            if alone and getattr(handler, "stream", None) in (sys.stdout, sys.stderr):
                logger.removeHandler(handler)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one event of Snakemake's; none of its own faults may end a build."""
        try:
            self._keep(record)
            event = getattr(getattr(record, "event", None), "value", None)
            if event == "run_info":
                self._begin(getattr(record, "stats", {}))
            elif event == "job_info":
                self._start(record.__dict__["jobid"], record.__dict__["rule_name"])
            elif event == "progress":
                self._whole = record.__dict__["done"] == record.__dict__["total"]
            elif record.getMessage().startswith("Nothing to be done"):
                self._whole = True
            elif event == "job_finished":
                self._finish(record.__dict__["job_id"])
            elif record.levelno >= logging.ERROR:
                self._fail(record.__dict__.get("rule_name"), record.getMessage())
        except Exception:
            self.handleError(record)

    def _keep(self, record: logging.LogRecord) -> None:
        if self._log is None:
            self._logs.mkdir(parents=True, exist_ok=True)
            self._log = logging.FileHandler(self._logs / "snakemake.log", "w", encoding="utf-8")
        self._log.emit(record)

    def _begin(self, stats: Mapping[str, int]) -> None:
        self._planned = [rule.removeprefix(_EXECUTE) for rule in stats if rule.startswith(_EXECUTE)]
        for chapter in self._planned:
            for kind in ("said", "cells"):
                (self._logs / f"{chapter}.{kind}").unlink(missing_ok=True)
        if not self._planned:
            return
        self._cores = min(self._cores, len(self._planned))
        beside = f", {self._cores} at a time" if self._cores > 1 else ""
        self._say(f"… executing {_counted(self._planned)}{beside}: about "
                  f"{_minutes(self._seconds_of(self._planned))}; logs in {self._logs}")  # fmt: skip
        if self._console.is_terminal:
            self._bars = _Bars(self._console, self._logs, self._shares(), self._cores)

    def _seconds_of(self, chapters: list[str]) -> float:
        shares = [self._shares()[chapter] for chapter in chapters]
        return max([sum(shares) / self._cores, *shares])

    def _shares(self) -> dict[str, float]:
        return {chapter: self._expected.get(chapter, _UNKNOWN) for chapter in self._planned}

    def _start(self, job: int, rule: str) -> None:
        self._jobs[job] = rule
        if self._bars is not None and rule.startswith(_EXECUTE):
            self._bars.start(rule.removeprefix(_EXECUTE))

    def _finish(self, job: int) -> None:
        self._ended(self._jobs.get(job, ""))

    def _fail(self, rule: str | None, message: str) -> None:
        if rule is not None:
            if rule not in self._failed:
                self._failed.append(rule)
                self._ended(rule, otherwise="✗ {chapter} ended without a word: killed, or out of "
                                            "memory? What its kernel said: {log}")  # fmt: skip
        elif not message.startswith(_ECHOES):
            self._close()
            self._say(f"\n✗ {message}\n")
            self._failed.append("")

    def _ended(self, rule: str, otherwise: str = "") -> None:
        if not rule.startswith(_EXECUTE):
            return
        chapter = rule.removeprefix(_EXECUTE)
        if self._bars is not None:
            self._bars.end(chapter)
        path = self._logs / f"{chapter}.said"
        said = path.read_text(encoding="utf-8").rstrip("\n") if path.exists() else ""
        said = said or otherwise.format(chapter=chapter, log=path.with_suffix(".log"))
        if said:
            self._say(said)
        self._planned = [each for each in self._planned if each != chapter]
        if not self._planned:
            self._close()

    def _close(self) -> None:
        if self._bars is not None:
            self._bars.close()
            self._bars = None

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def conclude(self, chosen: list[str]) -> None:
        """Say in one last line how the build ended.

        Args:
            chosen: The chapters that were asked for, [] for the whole book.
        """
        self._close()
        failed = [rule.removeprefix(_EXECUTE) for rule in self._failed if rule]
        if self._failed:
            what = {"ledger": "the claims' check", "site": "the site"}
            names = ", ".join(what.get(each, each) for each in failed)
            self._say(
                f"✗ {f'Not built: {names}' if names else 'Nothing was built'}. The reason stands "
                f"above, more in {self._logs}. What is done is kept: {self._again} goes on."
            )
        elif not self._whole:
            pass  # stopped, which was said
        elif chosen:
            paths = ", ".join(str(self._build / "executed" / f"{each}.ipynb") for each in chosen)
            self._say(f"✓ Executed and checked: {paths}. `make book` makes the pages.")
        else:
            index = self._build / "site" / "index.html"
            self._say(f"✓ The course is in {index}; `make serve` shows it in a browser.")


class _Bars:
    """On a terminal: one bar for all chapters, and beneath it one for each that runs."""

    def __init__(
        self, console: Console, logs: Path, shares: Mapping[str, float], cores: int
    ) -> None:
        self._logs, self._shares, self._cores = logs, shares, cores
        self._progress = Progress(
            TextColumn("{task.description:28}"), BarColumn(), TextColumn("{task.fields[note]}"),
            console=console, transient=True,
        )  # fmt: skip
        self._whole = self._progress.add_task("all", total=sum(shares.values()), note="")
        self._running: dict[str, tuple[TaskID, float]] = {}
        self._done = 0.0
        self._closed = Event()
        self._progress.start()
        Thread(target=self._follow, daemon=True).start()

    def start(self, chapter: str) -> None:
        task = self._progress.add_task(chapter, total=self._shares[chapter], note="")
        self._running[chapter] = task, time.monotonic()

    def end(self, chapter: str) -> None:
        if chapter in self._running:
            self._progress.remove_task(self._running.pop(chapter)[0])
        self._done += self._shares.get(chapter, 0.0)

    def close(self) -> None:
        self._closed.set()
        self._progress.stop()

    def _follow(self) -> None:
        while not self._closed.wait(0.5):
            self._update()

    def _update(self) -> None:
        seconds = 0.0
        for chapter, (task, since) in list(self._running.items()):
            share, note = self._share_of(chapter), f"{time.monotonic() - since:.0f} s"
            completed = share * self._shares[chapter]
            self._progress.update(task, completed=completed, note=note)
            seconds += completed
        done = self._done + seconds
        left = (sum(self._shares.values()) - done) / self._cores
        self._progress.update(self._whole, completed=done, note=f"{_minutes(left)} left")

    def _share_of(self, chapter: str) -> float:
        try:
            done, total = map(int, (self._logs / f"{chapter}.cells").read_text().split())
        except (OSError, ValueError):
            return 0.0
        return done / max(total, 1)


def _counted(chapters: list[str]) -> str:
    return f"{len(chapters)} chapters" if len(chapters) > 1 else chapters[0]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"

"""The record: the evidence that ships with the course, one data file an edition.

For every claim it holds the values of each seed, the criterion and the verdict, for every search
for a learning rate the choice and the losses it was made by. `make record` measures it
(`trainlab.book.record`), claims are judged by it (`trainlab.claims`), and a run of the course says
whether it repeats it (`trainlab.record.agreement`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from trainlab import editions

__all__ = [
    "Record", "RecordError", "Tuning", "claim", "digest", "load", "note_tuning", "path_of", "read",
    "tuning",
]  # fmt: skip

FOLDER = Path(__file__).parent
# Set by `make record`: searches are then made anew, and noted in the file that it names.
NOTES = "TRAINLAB_RECORD_NOTES"


class RecordError(RuntimeError):
    """The record cannot be read; the message says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Tuning:
    """One search for a learning rate.

    Args:
        label: The chapter's number and a name, as "05 sigmoid, BatchNorm".
        setting: What was tuned, as a short text that differs between nets and budgets.
        rate: The rate that was chosen.
        trials: Rate to the validation losses of the tuning seeds, NaN where a run diverged.
    """

    label: str
    setting: str
    rate: float
    trials: dict[float, tuple[float, ...]]

    def as_json(self) -> dict:
        """Return the search as JSON data, in which a run that diverged has no loss."""
        return {
            "setting": self.setting,
            "rate": self.rate,
            "rates": list(self.trials),
            "losses": [
                [None if loss != loss else loss for loss in losses]
                for losses in self.trials.values()
            ],
        }

    @classmethod
    def from_json(cls, label: str, data: dict) -> Tuning:
        """Return the search that `as_json` described."""
        losses = [
            tuple(float("nan") if loss is None else loss for loss in row) for row in data["losses"]
        ]
        trials = dict(zip(data["rates"], losses, strict=True))
        return cls(label, data["setting"], data["rate"], trials)


@dataclass(frozen=True)
class Record:
    """The contents of one edition's file, as JSON data.

    Args:
        edition: The edition whose budgets were measured.
        chapters: Chapter to how it was measured: commit, date, device, versions.
        claims: Claim id to its entry.
        tunings: Label to the search for a learning rate.
    """

    edition: str
    chapters: dict
    claims: dict
    tunings: dict


def path_of(edition: str) -> Path:
    """Return where an edition's record lies."""
    return FOLDER / f"{edition}.json"


def digest(data: dict) -> str:
    """Return the checksum of a record's contents, which its field "sha256" holds."""
    contents = {name: value for name, value in data.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> Record | None:
    """Read a record; None if there is no such file.

    Raises:
        RecordError: The file is damaged, was changed by hand or is of another kind.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    mend = (
        "Restore the file with `git checkout`, install the package again, or measure it anew with "
        f"`make record EDITION={path.stem}`."
    )
    try:
        data = json.loads(text)
    except ValueError as error:
        raise RecordError(f"The record {path} is not whole: {error}. {mend}") from error
    fields = {"edition", "chapters", "claims", "tunings", "sha256"}
    if not isinstance(data, dict) or set(data) != fields:
        received = ", ".join(sorted(data)) if isinstance(data, dict) else type(data).__name__
        raise RecordError(
            f"{path} is not a record: received {received}; expected {', '.join(sorted(fields))}. "
            f"{mend}"
        )
    if data["sha256"] != digest(data):
        raise RecordError(
            f"The record {path} was changed after it was measured: its contents have the checksum "
            f"{digest(data)[:12]}…, expected {str(data['sha256'])[:12]}…. {mend}"
        )
    tunings = {label: Tuning.from_json(label, entry) for label, entry in data["tunings"].items()}
    return Record(data["edition"], data["chapters"], data["claims"], tunings)


@functools.cache
def load(edition: str) -> Record | None:
    """Return the record of an edition that ships with the package, None if there is none yet."""
    return read(path_of(edition))


def claim(id: str, edition: str) -> dict | None:
    """Return the entry of a claim in an edition's record, None where it has none."""
    record = load(edition)
    return None if record is None else record.claims.get(id)


def tuning(label: str) -> Tuning | None:
    """Return the recorded search of that label in the current edition.

    None where there is none, and while `make record` measures a new one.
    """
    if os.environ.get(NOTES):
        return None
    record = load(editions.current().name)
    return None if record is None else record.tunings.get(label)


def note_tuning(found: Tuning) -> None:
    """Note a search for the record that `make record` is measuring; nothing otherwise."""
    if path := os.environ.get(NOTES):
        note = {"label": found.label, "cell": _running_cell(), **found.as_json()}
        with Path(path).open("a", encoding="utf-8") as notes:
            notes.write(json.dumps(note) + "\n")


def _running_cell() -> int | None:
    """Return the execution count of the notebook's cell that runs, None outside a notebook.

    The shell's own count is already the next cell's.
    """
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else len(shell.user_ns["In"]) - 1

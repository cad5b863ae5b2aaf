"""Seeds that came out otherwise than on record, by more than other arithmetic explains."""

from __future__ import annotations

from dataclasses import dataclass

from trainlab import record
from trainlab.record import agreement

__all__ = ["MOVED_SHARE", "Moved", "moved"]

# Which share of the findings that are compared seed by seed may have moved. Arithmetic that the
# record does not know moves up to one in fifteen, and runs that are other runs altogether move half
# of them (the tests measure both from the record), so that the line lies between.
MOVED_SHARE = 1 / 5


@dataclass(frozen=True)
class Moved:
    """What a comparison with the record seed by seed found.

    Args:
        compared: How many findings were compared in chapters that ran with the record's versions
            and kind of device.
        seeds: Claim id to its seeds whose values differ by more than arithmetic, of all chapters.
        elsewhere: The claims among them whose chapter ran with other versions or another kind of
            device, where that says nothing about the course.
    """

    compared: int
    seeds: dict[str, list[str]]
    elsewhere: frozenset[str]

    def __str__(self) -> str:
        text = f"seed by seed: {self.compared} findings compared with the record, "
        if not self.seeds:
            return f"{text}none moved"
        listed = ", ".join(f"{id} (seeds {', '.join(seeds)})" for id, seeds in self.seeds.items())
        text += f"{len(self.seeds)} moved by more than arithmetic explains: {listed}"
        if self.elsewhere:
            text += f"; {len(self.elsewhere)} of them with other versions or another kind of device"
        return text


def moved(claims: list[dict], runs: dict[str, dict]) -> Moved:
    """Compare a run with the record seed by seed, where the record knows other arithmetic.

    Args:
        claims: What `claims_of` returned, of all chapters.
        runs: Chapter to what `run_of` returned.
    """
    compared = 0
    seeds: dict[str, list[str]] = {}
    elsewhere: set[str] = set()
    for claim in claims:
        run = runs[claim["chapter"]]
        entry = record.claim(claim["id"], run["edition"]) if claim["repeat"] else None
        if entry is None or not entry.get("arithmetic"):
            continue
        measured = agreement.measured(claim)
        if agreement.by_seed(entry).keys().isdisjoint(measured):
            continue
        known = record.load(run["edition"])
        same = known is not None and _as_recorded(run, known.chapters.get(claim["chapter"]))
        compared += same
        if found := agreement.moved_seeds(entry, measured):
            seeds[claim["id"]] = found
            if not same:
                elsewhere.add(claim["id"])
    return Moved(compared, seeds, frozenset(elsewhere))


def _as_recorded(run: dict, chapter: dict | None) -> bool:
    """Return whether a chapter ran with the record's versions, on its kind of device."""
    if chapter is None:
        return False
    names = ("tensorflow", "keras", "numpy")
    same = all(run["versions"].get(name) == chapter["versions"].get(name) for name in names)
    return same and run["device"].startswith("CPU") == chapter["device"].startswith("CPU")

"""Records made up for tests, small enough to be read."""

import json

import numpy as np

from trainlab import record
from trainlab.record import agreement

__all__ = ["contents", "entry", "normal", "put", "tuning"]

_LIMITS = ("sides", "low", "high", "share", "grain")


def entry(claim, **more):
    """Return what a record would hold of a claim that was measured with its seeds."""
    shown = claim.as_json()
    values = shown["values"]
    kept = {name: shown[name] for name in ("kind", "statement", "criterion", "unit", "estimate")}
    kept |= {"fingerprint": "0" * 16, "verdict": shown["verdict"]}
    if claim.kind == "identity":
        return kept | {name: values[name] for name in ("numbers_compared", "rtol")} | more
    sides = ["a", "b"] if claim.kind == "contrast" else ["by_seed"]
    kept |= {name: shown[name] for name in ("n_seeds", "ci_low", "ci_high")}
    kept |= {name: values[name] for name in _LIMITS if name in values}
    kept["seeds"] = [int(seed) for seed in values[sides[0]]]
    kept["values"] = {side: list(values[side].values()) for side in sides}
    kept |= {"tunings": [], "rule": "mean", **more}
    return kept | {"notices": agreement.noticeable(kept, 3)}


def contents(edition, claims=None, tunings=None, chapters=None):
    """Return a record's data as its file holds them."""
    data = {
        "edition": edition,
        "chapters": chapters or {},
        "claims": claims or {},
        "tunings": tunings or {},
    }
    return {**data, "sha256": record.digest(data)}


def put(folder, edition, claims=None, tunings=None):
    """Write a record, so that the package reads it from now on."""
    path = folder / f"{edition}.json"
    path.write_text(json.dumps(contents(edition, claims, tunings)))
    record.load.cache_clear()
    return path


def tuning(rates=(0.01, 0.1, 1.0), losses=(2.0, 1.0, 3.0), rate=0.1, setting="net"):
    """Return a search for a learning rate as a record holds it."""
    spread = (-0.01, 0.0, 0.01)
    return {
        "setting": setting,
        "rate": rate,
        "rates": list(rates),
        "losses": [[loss + each for each in spread] for loss in losses],
    }


def normal(n, mean=0.0, spread=1.0, *, seed=0):
    """Return n values whose mean and standard deviation are the given ones exactly."""
    values = np.random.default_rng(seed).normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    return [float(value) for value in mean + spread * values]

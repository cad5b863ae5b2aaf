"""Training as fast as the machine allows: an epoch, many seeds, many rates as one program."""

from trainlab.training.fitting import fit, sweep
from trainlab.training.templates import Sweep, SweepFailed, Template
from trainlab.training.tuning import TUNING_SEEDS, Tuned, tuned_sweep

__all__ = [
    "TUNING_SEEDS",
    "Sweep",
    "SweepFailed",
    "Template",
    "Tuned",
    "fit",
    "sweep",
    "tuned_sweep",
]

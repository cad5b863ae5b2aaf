"""Training as fast as the machine allows: an epoch, many seeds, many rates as one program."""

from trainlab.training.fitting import fit
from trainlab.training.sweeping import Sweep, SweepFailed, sweep
from trainlab.training.templates import Template
from trainlab.training.tuning import TUNING_SEEDS, Tuned, tuned_sweep, validation_loss

__all__ = [
    "TUNING_SEEDS",
    "Sweep",
    "SweepFailed",
    "Template",
    "Tuned",
    "fit",
    "sweep",
    "tuned_sweep",
    "validation_loss",
]

"""What the chapters of *Training Deep Networks, Measured* import.

Import this package before Keras: it chooses the TensorFlow backend and silences TensorFlow's
start-up log, both of which are read once, when Keras and TensorFlow are imported. A variable
KERAS_BACKEND that names another backend counts for nothing here.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

__all__ = [
    "arithmetic",
    "cards",
    "claims",
    "compression",
    "datasets",
    "diagnostics",
    "editions",
    "exercises",
    "few_labels",
    "files",
    "leaderboard",
    "models",
    "plotting",
    "record",
    "runtime",
    "schedules",
    "stopwatch",
    "training",
    "widgets",
]

import os
from pathlib import Path

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import pytest
from hypothesis import configuration, settings
from hypothesis.internal.conjecture import providers

from trainlab import claims, editions, record

ROOT = Path(__file__).parents[1]

# Here, and not for the kernels that tests start: those show their figures as a notebook does.
matplotlib.use("agg")

# The same cases at every run, on any machine: what fails here fails for everybody.
settings.register_profile(
    "trainlab", derandomize=True, database=None, deadline=None, max_examples=50
)
settings.load_profile("trainlab")
configuration.set_hypothesis_home_dir(ROOT / "_build" / "hypothesis")
# It also tries numbers that stand in modules which happen to be loaded, and so other cases where
# other tests ran before. No setting turns that off.
assert callable(providers._get_local_constants)
providers._get_local_constants = lambda: providers._local_constants


@pytest.fixture
def root():
    """The repository."""
    return ROOT


@pytest.fixture(autouse=True)
def quick_edition():
    """Every test starts in the quick edition, whatever the one before it chose."""
    editions.use("quick")


@pytest.fixture(autouse=True)
def readers_notebook(monkeypatch):
    """Claims do not raise, as outside the pipeline, where a test does not ask for it."""
    monkeypatch.delenv(claims.DISAGREEMENTS, raising=False)


@pytest.fixture
def full_edition():
    return editions.use("full")


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder from which the package reads its records; see `records.put`."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setattr(record, "FOLDER", folder)
    record.load.cache_clear()
    yield folder
    record.load.cache_clear()


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")

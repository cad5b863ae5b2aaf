"""Editions, seeds and what a chapter is told about its machine."""

import gc
import json
import os
import random
import subprocess
import sys

import keras
import pytest

from trainlab import arithmetic, editions, runtime


@pytest.mark.parametrize("name", ["tiny", "", "Quick"])
def test_unknown_edition_names_the_known_ones(name):
    with pytest.raises(ValueError, match=r"'quick', 'full'.*EDITION=full"):
        runtime.setup(name)


def test_full_edition_has_at_least_five_seeds_and_all_images():
    full = editions.edition_named("full")
    assert len(full.seeds) >= 5 and full.images == "full"


def test_setup_chooses_the_edition_and_seeds_everything(capsys):
    draws = []
    for _ in range(2):
        assert runtime.setup("full") is editions.current()
        draws.append([random.random(), float(keras.random.normal(()))])
    assert draws[0] == draws[1]
    assert "full edition · seeds 0, 1, 2, 3, 4" in capsys.readouterr().out


def test_setup_takes_the_libraries_from_the_garbage_collector():
    gc.unfreeze()
    runtime.setup("quick")
    assert gc.get_freeze_count() > len(gc.get_objects())


@pytest.fixture
def gpus(monkeypatch):
    """A function that gives this process so many GPUs, and a list of what is asked of them."""
    asked, config = [], runtime.tf.config

    def own(n):
        devices = [f"GPU:{number}" for number in range(n)]
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: devices)

    experimental = config.experimental
    monkeypatch.setattr(
        experimental, "set_memory_growth", lambda gpu, grows: asked.append((gpu, grows))
    )
    monkeypatch.setattr(
        experimental, "enable_op_determinism", lambda: asked.append("deterministic")
    )
    monkeypatch.setattr(
        experimental, "get_device_details", lambda gpu: {"device_name": f"NVIDIA {gpu}"}
    )
    return own, asked


def test_gpus_compute_deterministically_and_take_memory_as_they_need_it(gpus, capsys):
    own, asked = gpus
    own(2)
    runtime.setup("quick")
    assert asked == [("GPU:0", True), ("GPU:1", True), "deterministic"]
    assert capsys.readouterr().out.endswith("· NVIDIA GPU:0, NVIDIA GPU:1\n")


def test_without_a_gpu_nothing_is_asked_of_one(gpus, capsys):
    own, asked = gpus
    own(0)
    runtime.setup("quick")
    assert asked == [] and "· CPU (" in capsys.readouterr().out


def test_seed_of_setup_is_the_one_that_is_given():
    draws = []
    for seed in (0, 7, 7):
        runtime.setup("quick", seed=seed)
        draws.append((random.random(), float(keras.random.normal(()))))
    assert draws[0] != draws[1] == draws[2]


def test_edition_chooses_its_setting():
    assert editions.edition_named("quick").choose(quick=1, full=2) == 1
    assert editions.edition_named("full").choose(quick=1, full=2) == 2


def test_describe_names_device_cores_and_versions():
    found = runtime.describe()
    assert found["cores"] >= 1 and found["device"] and found["processor"]
    assert found["versions"]["keras"] == keras.__version__


def test_describe_names_the_arithmetic_of_this_process(monkeypatch):
    before = runtime.describe()["arithmetic"]
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")
    assert before != runtime.describe()["arithmetic"] == arithmetic.signature()


def test_start_is_quiet():
    finished = subprocess.run(
        [sys.executable, "-c", "from trainlab import runtime"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert finished.stdout == finished.stderr == ""


def test_failed_start_is_not_hidden():
    code = "import sys, trainlab; sys.modules['tensorflow'] = None\nfrom trainlab import runtime"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode != 0 and "tensorflow" in finished.stderr


SHOW = """
import numpy as np
from trainlab import runtime
runtime.setup("quick")
import keras, matplotlib
layer = keras.layers.Dense(3)
out = layer(np.ones((2, 4)))
print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon(), layer.compute_dtype)
print(keras.config.image_data_format(), np.asarray(out).tobytes().hex())
print(matplotlib.rcParams["lines.markersize"], matplotlib.rcParams["image.interpolation"])
"""


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True
    )


def test_settings_of_the_machine_change_nothing(tmp_path):
    settings = {
        "floatx": "float64",
        "epsilon": 0.1,
        "image_data_format": "channels_first",
        "backend": "jax",
    }
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    (tmp_path / "matplotlibrc").write_text("lines.markersize: 40\nimage.interpolation: bilinear\n")
    rc = str(tmp_path / "matplotlibrc")
    there = python(SHOW, KERAS_HOME=str(tmp_path), MATPLOTLIBRC=rc, KERAS_BACKEND="torch")
    assert there.returncode == 0, there.stderr
    assert "\ntensorflow float32 1e-07 float32\nchannels_last " in there.stdout
    assert there.stdout == python(SHOW).stdout


def test_another_backend_of_keras_gives_way_to_tensorflow():
    code = "from trainlab import runtime; print(runtime.keras.config.backend())"
    assert python(code, KERAS_BACKEND="torch").stdout == "tensorflow\n"


def test_keras_that_runs_on_another_backend_already_says_what_to_unset():
    # No other backend is installed here, so Keras only says that it runs on one.
    code = "import keras; keras.config.backend = lambda: 'jax'\nfrom trainlab import runtime"
    finished = python(code)
    assert finished.returncode == 1
    assert "ImportError: Keras runs on 'jax'" in finished.stderr
    assert "Unset the environment variable KERAS_BACKEND" in finished.stderr


def test_heavy_packages_stay_out():
    code = (
        "import sys; from trainlab import runtime, claims, plotting, diagnostics, models, training"
    )
    code += "; print([m for m in ('pandas', 'sklearn') if m in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"

"""requirements.txt: every package pinned and hashed, and nothing that slows Keras down."""

import itertools
import re
import tomllib

import pytest


@pytest.fixture
def pins(root):
    text = (root / "requirements.txt").read_text()
    return re.findall(r"^([\w.-]+)==[^\\\n]+((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)*)", text, re.M)


def test_every_package_has_its_hashes(pins):
    assert len(pins) > 100
    assert [name for name, hashes in pins if not hashes] == []


def test_direct_dependencies_are_locked(root, pins):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *itertools.chain(*project["dependency-groups"].values()),
    ]
    names = {re.match(r"[\w.-]+", requirement).group() for requirement in wanted}
    assert names <= {name for name, _ in pins}


def test_nothing_makes_keras_slow_to_import(pins):
    # Keras imports both when they are there, which costs each notebook seconds.
    assert not {"pandas", "scikit-learn"} & {name for name, _ in pins}

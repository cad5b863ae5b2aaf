"""A plugin of pytest: chapters run again as they were executed, and digits where they can repeat.

nbval runs executed chapters again and compares what the checked cells show, to the last digit. On
another processor, or with other versions, sums are rounded otherwise. There every cell still runs,
and a claim that does not repeat the record still raises, but digits are not compared. The kernel is
the one that executed: this interpreter, out of reach of the surroundings.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Generator
from unittest import mock

import nbformat
import pytest
from nbval.plugin import IPyNbCell

# Nothing here imports NumPy: it would read its number of threads before tests/conftest.py sets it.
from trainlab import arithmetic, editions
from trainlab.book import kernels

__all__ = [
    "pytest_configure",
    "pytest_itemcollected",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
]

# With this property a cell's report says, from whichever worker, to which notebook it belongs.
_ELSEWHERE = "executed elsewhere"
# As in `trainlab.claims`.
_DISAGREEMENTS = "TRAINLAB_DISAGREEMENTS"

_signature_here = functools.cache(arithmetic.signature)


def pytest_configure(config: pytest.Config) -> None:
    """Let nbval start this interpreter, whatever kernel a notebook names."""
    config.option.nbval_current_env = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Give a notebook's kernel, which starts before its first cell, the course's environment."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    with mock.patch.dict(os.environ, kernels.environment(), clear=True):
        return (yield)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Turn the comparison off for a cell of a notebook that was executed elsewhere."""
    if not isinstance(item, IPyNbCell):
        return
    executed_under = _signature_of(item.parent.nb)
    if executed_under in (None, _signature_here()):
        return
    item.options["check"] = False
    item.user_properties.append((_ELSEWHERE, item.path.name))
    # Otherwise nothing at all would be checked. The kernels inherit it.
    os.environ.setdefault(_DISAGREEMENTS, "stop")


def _signature_of(notebook: nbformat.NotebookNode) -> str | None:
    """Return the signature that `runtime.setup` recorded, None where it did not."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            run = output.get("data", {}).get(editions.MIME_TYPE)
            if run is not None:
                return run.get("arithmetic")
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which notebooks were executed elsewhere."""
    names = {
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == _ELSEWHERE
    }
    if names:
        terminalreporter.write_line(
            "Executed on another machine, and so compared by agreement with the record: "
            + ", ".join(sorted(names))
        )

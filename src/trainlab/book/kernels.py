"""The kernel of a chapter: this interpreter, whatever else the machine has set up.

A chapter's metadata may name a kernel, and folders on Jupyter's path may offer others of the same
name; variables and start-up files of the surroundings change what Python, IPython, Keras and
Matplotlib do. None of it may change what a chapter shows.
"""

from __future__ import annotations

import functools
import os
import re
import tempfile
from typing import Any

from ipykernel import kernelspec
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

__all__ = ["CourseKernel", "environment", "kept_variables"]

# What of the surroundings stays outside. KERAS_HOME is also where data are downloaded to, so it
# passes, and `runtime.setup` undoes the settings that lie there; its variables for arithmetic
# (TF_…, XLA_FLAGS) are among what a run records.
_FOREIGN = re.compile(
    r"PYTHON(?!DONTWRITEBYTECODE|PYCACHEPREFIX).*"
    r"|KERAS_(?!HOME).*|MPLBACKEND|MATPLOTLIBRC"
    r"|LC_.*|LANG|LANGUAGE"
    r"|PIP_(USER|TARGET|PREFIX)|JUPYTER_PATH"
)


class CourseKernel(AsyncKernelManager):
    """Starts this interpreter as the kernel, whatever name it is asked for."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """What is started: this interpreter."""
        return KernelSpec(resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict())

    # The parents call the same name once a coroutine, once a function.
    async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
        """Start it in an environment that the surroundings do not reach."""
        await super().start_kernel(**{**options, "env": environment()})


def kept_variables() -> dict[str, str]:
    """Return this process' variables without those of the surroundings.

    No locale is named then, and without one Python writes UTF-8 on every system.
    """
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    return kept | {"KERAS_BACKEND": "tensorflow"}


def environment() -> dict[str, str]:
    """Return the variables that a chapter's process is started with."""
    # IPython's profile may hold code that every kernel runs when it starts.
    return kept_variables() | {"IPYTHONDIR": _empty_folder().name}


@functools.cache
def _empty_folder() -> tempfile.TemporaryDirectory:
    """Return a folder that ends with this process."""
    return tempfile.TemporaryDirectory(prefix="trainlab-ipython-")

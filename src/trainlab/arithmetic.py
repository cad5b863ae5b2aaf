"""What decides how numbers are rounded here: the processor, the versions and some settings.

Two runs agree to the last digit only where all of it is the same. Elsewhere the order and the
width of sums differ, and training magnifies that. So an executed notebook carries the `signature`
of where it was executed, and `trainlab.book.replay` compares digits only under the same one.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

__all__ = ["processor", "signature"]

_CPUINFO = Path("/proc/cpuinfo")
# Of x86 and of ARM. The size of a cache decides in which blocks a matrix product is summed.
_FIELDS = {
    "vendor_id", "cpu family", "model", "model name", "cache size", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features",
}  # fmt: skip
_SETTINGS = (
    "XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS", "OPENBLAS_CORETYPE",
    "CUDA_VISIBLE_DEVICES",
)  # fmt: skip
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
# cuDNN is there where TensorFlow was installed for a GPU.
_PACKAGES = ("tensorflow", "keras", "numpy", "nvidia-cudnn-cu12")


def processor() -> str:
    """Return the processor's name, as "AMD EPYC 7763 64-Core Processor"."""
    (name,) = _cpuinfo().get("model name", [""])[:1]
    return name or platform.processor() or platform.machine()


def signature() -> str:
    """Return 16 hexadecimal digits that change when what decides rounding does.

    These are the processor with its instruction sets and caches, the GPUs, the versions of
    TensorFlow, Keras and NumPy, the number of threads and the variables that choose another
    arithmetic. No library is imported for it.
    """
    all_cores = f"all of {os.cpu_count()}"
    decisive = {
        "processor": _cpuinfo() or [platform.processor(), platform.machine()],
        "gpus": _gpus(),
        "settings": {name: os.environ.get(name, "") for name in _SETTINGS},
        "threads": {name: os.environ.get(name) or all_cores for name in _THREADS},
        "versions": {name: _version(name) for name in _PACKAGES},
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _cpuinfo() -> dict[str, list[str]]:
    """Return what Linux says of the processor, each field with its different values."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return {}
    found: dict[str, set[str]] = {}
    for line in lines:
        name, _, value = map(str.strip, line.partition(":"))
        if name in _FIELDS and value:
            found.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in found.items()}


def _gpus() -> list[str]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    asked = subprocess.run(
        [command, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True
    )
    return asked.stdout.splitlines() if asked.returncode == 0 else []


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

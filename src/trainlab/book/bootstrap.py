"""Make the course's environment, or leave it alone: `python -I src/trainlab/book/bootstrap.py`.

This runs before anything is installed, with whatever Python the system has. So it imports nothing
but the standard library, and even a Python that is too old can read it and say what is needed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["BootstrapError", "index_variables", "main", "refusal", "wanted"]

OLDEST, NEWEST = (3, 11), (3, 13)
# GB, measured with the packages of requirements.txt on Linux: what comes over the network, what
# .venv then holds, and what both take while they are unpacked.
DOWNLOAD, INSTALLED, NEEDED = 0.9, 3.2, 5.0
WITH_CUDA = 4.0
ON, OFF = ("1", "on", "yes", "true"), ("0", "off", "no", "false")

# pip's settings that name where packages come from, and what uv calls them.
_INDEXES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}


class BootstrapError(Exception):
    """The environment cannot be made; the message says what was found and what is needed."""


def refusal(version: Sequence[int], system: str, machine: str, libc: str, free: float) -> str:
    """Return why the course cannot be installed here, "" if it can.

    Args:
        version: Python's, as (3, 12).
        system: `platform.system()`, as "Linux".
        machine: `platform.machine()`, as "x86_64".
        libc: The C library's name, "glibc" where TensorFlow's packages run.
        free: Bytes that are free where the environment goes.
    """
    supported = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",)}
    if system == "Windows":
        return "TensorFlow has no packages for Windows itself; use WSL (Windows' own Linux)."
    if machine not in supported.get(system, ()):
        return (
            "TensorFlow has packages for Linux on x86_64 and aarch64 and for Macs with Apple's own "
            f"processors, and none for {system} on {machine}."
        )
    if system == "Linux" and libc != "glibc":
        return (
            "TensorFlow's packages need glibc, and this Linux has another C library (Alpine's "
            "musl?). Use Debian, Ubuntu, Fedora or the like, or a container of one."
        )
    if not OLDEST <= tuple(version) <= NEWEST:
        return (
            f"The course needs Python {_dotted(OLDEST)} to {_dotted(NEWEST)} and found "
            f"{_dotted(version)}. Name another one: make PYTHON=python3.12 …"
        )
    if free < NEEDED * 1e9:
        return (
            f"The environment needs {NEEDED:.0f} GB while it is made, and {free / 1e9:.1f} GB are "
            "free here. Free some space, then run again."
        )
    return ""


def _dotted(version: Sequence[int]) -> str:
    return ".".join(str(number) for number in version)


def wanted(root: Path, gpu: bool) -> dict[str, str]:
    """Return what the environment is made of, told by content and place.

    Args:
        root: The folder of the course.
        gpu: Whether TensorFlow brings CUDA along.

    Returns:
        A dictionary of texts: "kind", "packages", "place".
    """
    locks = ["requirements.txt"] + (["requirements-gpu.txt"] if gpu else [])
    digest = hashlib.sha256()
    for name in locks:
        digest.update((root / name).read_bytes())
    # What an installed package knows of pyproject.toml, which the tools' settings are not.
    kept = False
    for line in (root / "pyproject.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kept = re.match(r"\[(build-system|project|tool\.flit)\b", line) is not None
        if kept:
            digest.update(line.encode() + b"\n")
    return {
        "kind": "gpu" if gpu else "cpu",
        "packages": digest.hexdigest()[:16],
        "place": str(root.resolve()),
    }


def index_variables(listed: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return uv's variables for where pip looks for packages.

    Args:
        listed: What `pip config list` prints.
        environment: The variables that are set. What they say to uv itself stands.
    """
    found: dict[str, dict[str, str]] = {}
    for line in listed.splitlines():
        name, sign, value = line.partition("=")
        section, _, setting = name.rpartition(".")
        if sign and setting in _INDEXES and section in ("global", "install", ":env:"):
            try:
                text = str(ast.literal_eval(value))
            except (SyntaxError, ValueError):
                continue
            found[setting] = {**found.get(setting, {}), section: text}
    variables = {}
    for setting, by_section in found.items():
        # As pip does: variables before what stands for `install`, and that before what is global.
        texts = (by_section.get(section, "") for section in (":env:", "install", "global"))
        parts = next(filter(None, texts), "").split()
        separator = "," if setting == "find-links" else " "
        if parts and _INDEXES[setting] not in environment:
            variables[_INDEXES[setting]] = separator.join(parts)
    if {"UV_INDEX_URL", "UV_DEFAULT_INDEX"} & set(environment):
        variables.pop("UV_DEFAULT_INDEX", None)
    if "UV_INDEX" in variables and "UV_INDEX_STRATEGY" not in environment:
        # As pip, which trusts all indexes alike. What is installed is known by its checksum.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return variables


def _asked_for_gpu(text: str, noted: Mapping[str, str]) -> bool:
    if text == "":
        return noted.get("kind") == "gpu"
    if text.lower() in ON + OFF:
        return text.lower() in ON
    raise BootstrapError(f"GPU={text} is not known; expected GPU=1 or GPU=0.")


def _noted(ready: Path) -> dict[str, str]:
    """Return what `.venv/.ready` says, {} if it says nothing that can be read."""
    try:
        noted = json.loads(ready.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _version(python: Path) -> str:
    """Return "3.12" for a Python that works, "" for one that does not."""
    code = "import sys, encodings; print('%d.%d' % sys.version_info[:2])"
    try:
        said = subprocess.run(
            [str(python), "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return ""
    return said.stdout.decode().strip() if said.returncode == 0 else ""


def _base() -> str:
    """Return the system's Python, also where this one belongs to an environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _free(place: Path) -> int:
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(str(place)).free


def _cache(environment: Mapping[str, str], venv: Path) -> Path | None:
    """Return a folder that uv can write, None for its own."""
    caches = Path(environment.get("XDG_CACHE_HOME") or "~/.cache")
    own = Path(environment.get("UV_CACHE_DIR") or caches / "uv")
    try:
        own = own.expanduser()
        own.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(own)):
            return None
    except (OSError, RuntimeError):  # there may be no home at all
        return venv / ".cache"


def _run(command: Sequence[str | Path], what: str, **options: Any) -> None:
    if subprocess.run([str(part) for part in command], **options).returncode != 0:
        raise BootstrapError(f"{what}; the lines above say why. Mend it, then run again.")


def _make(root: Path, venv: Path, gpu: bool, anew: bool) -> None:
    """Make the environment anew, or bring the one that is there up to date."""
    python = venv / "bin" / "python"
    if venv.is_symlink():
        venv.unlink()
    elif venv.exists() and not (venv / "pyvenv.cfg").exists():
        raise BootstrapError(f"{venv} is no environment of Python; move it away, then run again.")
    if anew or not _version(python) or _noted(venv / ".place").get("place") != str(root.resolve()):
        if venv.exists():
            print(
                "… .venv was made elsewhere or with another Python, so it is made anew", flush=True
            )
            shutil.rmtree(str(venv))
        _run(
            [_base(), "-I", "-m", "venv", venv],
            "No environment could be made (on Debian and Ubuntu: apt install python3-venv)",
        )
    (venv / ".place").write_text(json.dumps({"place": str(root.resolve())}), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    listed = subprocess.run(
        [str(python), "-I", "-m", "pip", "config", "list"], stdout=subprocess.PIPE, env=environment
    )
    environment.update(index_variables(listed.stdout.decode(errors="replace"), environment))
    cache = _cache(environment, venv)
    if cache is not None:
        environment.update(UV_CACHE_DIR=str(cache), PIP_NO_CACHE_DIR="1")
    lock = (root / "requirements.txt").read_text(encoding="utf-8")
    own = re.search(r"^uv==.*\n(?:[ \t].*\n)*", lock, re.MULTILINE)
    if own is None:
        raise BootstrapError("requirements.txt does not hold uv; `git restore requirements.txt`.")
    (venv / "uv.txt").write_text(own.group(), encoding="utf-8")
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    pip: list[str | Path] = [
        python,
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    _run([*pip, "--require-hashes", "-r", venv / "uv.txt"], "uv is missing", env=environment)
    uv: list[str | Path] = [venv / "bin" / "uv", "pip"]
    to: list[str | Path] = [*quiet, "--python", python]
    # Compiled once: where Python may write no bytecode, each process would compile all of it.
    sync = [*uv, "sync", *to, "--compile-bytecode", "--require-hashes", root / "requirements.txt"]
    _run(sync, "The packages could not be installed", env=environment)
    if gpu:
        cuda = [*uv, "install", *to, "--require-hashes", "-r", root / "requirements-gpu.txt"]
        _run(cuda, "CUDA's packages could not be installed", env=environment)
    # With the build backend of the lock, so that nothing comes whose checksum is not known.
    editable = [*uv, "install", *to, "--no-deps", "--no-build-isolation", "--editable", root]
    _run(editable, "The course's own package could not be installed", env=environment)
    if cache is not None:
        shutil.rmtree(str(cache), ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Bring `.venv` up to date if it is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", default="")
    parser.add_argument("--chosen", action="store_true", help="this Python and no other")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    venv = root / ".venv"
    ready = venv / ".ready"
    noted = _noted(ready)
    gpu = _asked_for_gpu(options.gpu, noted)
    python = _version(venv / "bin" / "python")
    if options.chosen and python != _dotted(sys.version_info[:2]):
        python = ""
    target = wanted(root, gpu)
    if python and noted == {**target, "python": python}:
        return
    version = tuple(map(int, python.split("."))) if python else sys.version_info[:2]
    libc = platform.libc_ver()[0]
    free = _free(venv) if not python else float("inf")
    reason = refusal(version, platform.system(), platform.machine(), libc, free)
    if reason:
        raise BootstrapError(reason)
    more = WITH_CUDA if gpu else 0
    print(
        f"… installing the course's environment into .venv: about {DOWNLOAD + more / 2:.1f} GB to "
        f"download, {INSTALLED + more:.0f} GB on the disk, a few minutes",
        flush=True,
    )
    if options.dry_run:
        return
    for mark in (ready, venv / ".lab"):
        if mark.exists():
            mark.unlink()
    _make(root, venv, gpu, anew=not python)
    ready.write_text(
        json.dumps({**target, "python": _version(venv / "bin" / "python")}), encoding="utf-8"
    )


if __name__ == "__main__":
    try:
        main()
    except BootstrapError as error:
        sys.exit(f"✗ {error}")
    except KeyboardInterrupt:
        sys.exit("✗ Stopped. Run again to go on.")

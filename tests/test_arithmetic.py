"""The signature of a machine's arithmetic: what changes it, and that all processes share it."""

import os
import platform
import subprocess
import sys

import pytest

from trainlab import arithmetic, runtime

X86 = """processor	: 0
vendor_id	: AuthenticAMD
model name	: AMD EPYC 7763
cpu MHz		: 2445.4
cache size	: 512 KB
flags		: fpu sse4_2 avx2

processor	: 1
vendor_id	: AuthenticAMD
model name	: AMD EPYC 7763
cpu MHz		: 3243.9
cache size	: 512 KB
flags		: fpu sse4_2 avx2
"""
ARM = """processor	: 0
BogoMIPS	: 50.00
Features	: fp asimd sve
CPU implementer	: 0x41
CPU part	: 0xd40
"""


@pytest.fixture
def cpuinfo(tmp_path, monkeypatch):
    """A function that makes the processor the one that a text describes."""

    def become(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text)
        monkeypatch.setattr(arithmetic, "_CPUINFO", path)
        return arithmetic.signature()

    return become


def test_signature_is_short_and_stable():
    found = arithmetic.signature()
    assert len(found) == 16 and int(found, 16) >= 0 and found == arithmetic.signature()


@pytest.mark.parametrize(
    ("before", "after"),
    [("7763", "9654"), ("avx2", "avx2 avx512f"), ("512 KB", "1024 KB")],
    ids=["model", "instruction sets", "cache"],
)
def test_another_processor_has_another_signature(cpuinfo, before, after):
    assert cpuinfo(X86) != cpuinfo(X86.replace(before, after))


def test_one_processor_of_another_kind_matters_and_their_order_does_not(cpuinfo):
    first, second = X86.split("\n\n")
    other = second.replace("7763", "9654")
    assert len({cpuinfo(X86), cpuinfo(f"{first}\n\n{other}"), cpuinfo(other)}) == 3
    assert cpuinfo(f"{first}\n\n{other}") == cpuinfo(f"{other}\n\n{first}")


def test_clock_and_number_of_processors_do_not_matter(cpuinfo):
    assert cpuinfo(X86) == cpuinfo(X86.partition("\n\n")[0].replace("2445.4", "1500.0"))


def test_instruction_sets_of_arm_matter(cpuinfo):
    assert cpuinfo(ARM) != cpuinfo(ARM.replace(" sve", ""))


@pytest.mark.parametrize(
    "name",
    [
        "XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS", "OPENBLAS_CORETYPE",
        "CUDA_VISIBLE_DEVICES",
        "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS",
    ],
)  # fmt: skip
def test_setting_changes_the_signature(monkeypatch, name):
    monkeypatch.delenv(name, raising=False)
    before = arithmetic.signature()
    monkeypatch.setenv(name, "7")
    assert arithmetic.signature() != before


@pytest.mark.parametrize(("given", "same"), [("", False), ("3", True)])
def test_threads_left_to_the_machine_are_its_processors(monkeypatch, given, same):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, given)
    found = []
    for count in (2, 64):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        found.append(arithmetic.signature())
    assert (found[0] == found[1]) is same


def test_signature_does_not_depend_on_how_python_orders_sets(tmp_path):
    first, second = X86.split("\n\n")
    (tmp_path / "cpuinfo").write_text(f"{first}\n\n{second.replace('7763', '9654')}")
    code = (
        "import sys, pathlib; from trainlab import arithmetic; "
        "arithmetic._CPUINFO = pathlib.Path(sys.argv[1]); print(arithmetic.signature())"
    )
    found = set()
    for seed in range(5):
        finished = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "cpuinfo")],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.add(finished.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("package", ["tensorflow", "keras", "numpy", "nvidia-cudnn-cu12"])
def test_version_changes_the_signature(monkeypatch, package):
    before, version = arithmetic.signature(), arithmetic.metadata.version
    monkeypatch.setattr(
        arithmetic.metadata, "version", lambda name: "0.0" if name == package else version(name)
    )
    assert arithmetic.signature() != before


def test_gpu_changes_the_signature(tmp_path, monkeypatch):
    found = []
    for script in ("exit 9", "echo NVIDIA A100", "echo NVIDIA H100"):
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        found.append(arithmetic.signature())
    assert len(set(found)) == 3


def test_processor_has_a_name(cpuinfo, tmp_path, monkeypatch):
    cpuinfo(X86)
    assert arithmetic.processor() == "AMD EPYC 7763"
    monkeypatch.setattr(arithmetic, "_CPUINFO", tmp_path / "none")
    assert arithmetic.processor() == (platform.processor() or platform.machine())


def test_kernel_and_tests_find_the_same_without_tensorflow():
    """nbval's plugin asks for it in pytest's process, `runtime.describe` in a kernel."""
    code = "import sys; from trainlab import arithmetic; print(arithmetic.signature())"
    code += "; assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == runtime.describe()["arithmetic"] == arithmetic.signature()

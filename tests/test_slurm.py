"""`make book EXECUTOR=slurm` on a real Slurm: one machine, its daemons started by the test."""

import getpass
import os
import shutil
import site
import socket
import subprocess
import sys
import time
import venv

import kills
import pytest
import tiny

DAEMONS = ("munged", "slurmctld", "slurmd")
PLUGIN = "snakemake-executor-plugin-slurm"

CONFIGURATION = """
ClusterName=tiny
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=6000
PartitionName=all Nodes=ALL Default=YES
"""

# What this Slurm needs beyond the profile: it keeps no accounts, and its jobs are short.
PROFILE = """
slurm-no-account: true
slurm-status-command: squeue
slurm-init-seconds-before-status-checks: 2
seconds-between-status-checks: 2
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def plugin(tmp_path):
    """A folder with Snakemake's plugin, which brings pandas: no part of the environment."""
    folder = tmp_path / "plugin"
    installed = subprocess.run(
        [
            *(tiny.BIN / "uv", "pip", "install", "--quiet", "--python", tiny.BIN / "python"),
            *("--constraint", tiny.ROOT / "requirements.txt", "--target", folder, PLUGIN),
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    assert installed.returncode == 0, f"{PLUGIN} cannot be installed: {installed.stderr:.300}"
    return folder


@pytest.fixture
def slurm(tmp_path):
    """Run Slurm on this machine; return the environment that its commands need."""
    # slurmd starts jobs in other users' names, which is root's right alone.
    if os.geteuid() != 0:
        pytest.skip("needs root, who starts Slurm's daemons")
    missing = [name for name in (*DAEMONS, "srun") if shutil.which(name) is None]
    # `make test` installs them where there is apt; other systems have no packages of these names.
    if missing:
        pytest.skip(
            f"needs {', '.join(missing)}: apt-get install --no-install-recommends munge slurmctld "
            "slurmd slurm-client"
        )
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder, host=socket.gethostname().split(".")[0], user=getpass.getuser(),
            controller_port=free_port(), node_port=free_port(),
        )
    )  # fmt: skip
    # A job's step knows no SLURM_CONF: the plugin passes on what identifies the job and no more.
    (folder / "bin").mkdir()
    (folder / "bin" / "srun").write_text(
        f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
    )
    (folder / "bin" / "srun").chmod(0o755)
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o600)
    environment = {
        **os.environ,
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    commands = [
        [
            *("munged", "--foreground", "--force", f"--socket={folder}/munge.socket"),
            *(f"--key-file={folder}/key", f"--pid-file={folder}/munge.pid"),
            *(f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"),
        ],
        ["slurmctld", "-D"],
        ["slurmd", "-D"],
    ]
    daemons = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.log").open("w") as log:
                daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(0.5)
        _wait_until_idle(environment, folder)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=20)


def _wait_until_idle(environment, folder):
    for _ in range(200):
        shown = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True
        )
        if shown.stdout.strip() == "idle":
            return
        time.sleep(0.1)
    logs = "\n".join((folder / f"{name}.log").read_text()[-2000:] for name in DAEMONS)
    pytest.fail(f"Slurm's node does not become idle: {shown.stdout}{shown.stderr}\n{logs}")


def environment_with(folder, place):
    """Make an environment at a place: the one that the tests run in, and a folder of packages."""
    venv.create(place, symlinks=True)
    (packages,) = (place / "lib").glob("python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (packages / "course.pth").write_text("".join(lines) + f"{folder}\n")
    for name in ("snakemake", "jupyter-book"):
        script = (tiny.BIN / name).read_text().replace(sys.executable, f"{place}/bin/python")
        (place / "bin" / name).write_text(script)
        (place / "bin" / name).chmod(0o755)


def test_book_on_slurm(tmp_path, plugin, slurm):
    folder = tmp_path / "book"
    folder.mkdir()
    book = kills.course(folder)
    with (folder / "profiles" / "slurm" / "config.yaml").open("a") as profile:
        profile.write(PROFILE)
    (book.folder / ".venv").unlink()
    environment_with(plugin, book.folder / ".venv")
    book.environment |= slurm
    finished = book.make("EXECUTOR=slurm")
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said
    lines = (book.build / "logs" / "snakemake.log").read_text()
    assert "has been submitted with SLURM jobid" in lines
    kills.refuse_partial(book, book.claims(), book.site())
    assert [claim["id"] for claim in book.claims()] == ["04.same"]

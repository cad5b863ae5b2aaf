"""A Sphinx extension that makes sphinxcontrib-katex fast, and reliable on a busy machine.

Its rendering server is taken for ready when its socket exists, before it listens; on a busy machine
the first connection is then refused and the build fails. Here the connection is tried again until
the server answers.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from sphinx.application import Sphinx
from sphinxcontrib import katex

__all__ = ["setup", "start_server"]

SECONDS = 120.0
# An address of a Unix socket has 108 bytes on Linux and 104 on macOS, one of them for its end.
_LONGEST_ADDRESS = 103


def start_server(rundir: Path, timeout: float) -> tuple[Popen[bytes], socket.socket]:
    """Start KaTeX' server and connect to it.

    Over a Unix socket, where a formula takes a millisecond. Over a local port it would take a
    hundred: there the two parts of each message wait for one another's acknowledgement.

    Args:
        rundir: A folder that this user alone can enter.
        timeout: Seconds to wait for the server.

    Raises:
        katex.KaTeXError: The server ended, or did not answer in time.
    """
    address = rundir / "katex.sock"
    if len(os.fsencode(address)) > _LONGEST_ADDRESS:
        return katex.KaTeXServer.start_network_socket(rundir, timeout)
    command = katex.KaTeXServer.build_command(socket=address)
    process = Popen(command, stdin=PIPE, stdout=PIPE, cwd=rundir)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
        else:
            return process, connection
        if process.poll() is not None:
            raise katex.KaTeXError(
                f"KaTeX' server ended with code {process.returncode} before it answered; it was "
                f"started as {' '.join(command)}."
            )
        time.sleep(0.001)
    process.kill()
    raise katex.KaTeXServer.timeout_error(timeout)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = SECONDS
    katex.KaTeXServer.start_server_process = start_server
    return {"parallel_read_safe": True, "parallel_write_safe": True}

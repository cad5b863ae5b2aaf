"""A Sphinx extension that makes sphinxcontrib-katex reliable on a busy machine.

Its rendering server is taken for ready when its socket exists, before it listens; on a busy machine
the first connection is then refused and the build fails. Its connection over a local port waits
properly, so that one is used instead, and given time.
"""

from __future__ import annotations

from sphinxcontrib import katex

__all__ = ["setup"]

SECONDS = 120.0


def setup(app):
    """Register with Sphinx."""
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = SECONDS
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    return {"parallel_read_safe": True, "parallel_write_safe": True}

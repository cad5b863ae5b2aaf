"""The site on this machine: no site, a taken port, and a page."""

import contextlib
import threading
import urllib.request

import pytest

from trainlab.book import serve


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("the course")
    return tmp_path


@contextlib.contextmanager
def running(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_site_is_shown_on_the_first_free_port(site):
    server = serve.server_for(site, None)
    assert server.server_address[0] == "127.0.0.1"
    with running(server) as address:
        assert urllib.request.urlopen(address).read() == b"the course"
        with running(serve.server_for(site, None)) as another:
            assert another != address
            assert urllib.request.urlopen(another).read() == b"the course"


def test_a_port_that_was_named_and_is_taken_is_an_error(site):
    with running(serve.server_for(site, 0)) as address:
        port = int(address.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(serve.ServeError, match=rf"Port {port} is taken.*PORT=8123"):
            serve.server_for(site, port)


def test_what_is_no_port_is_an_error(site):
    with pytest.raises(serve.ServeError, match="PORT=70000 is no port"):
        serve.server_for(site, 70000)


def test_without_a_site_says_what_to_build(tmp_path):
    with pytest.raises(serve.ServeError, match=r"There is no site in .* make book"):
        serve.server_for(tmp_path, None)

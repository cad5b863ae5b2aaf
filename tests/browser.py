"""The built site, served as GitHub Pages serves it, and a browser that reaches nothing else."""

import contextlib
import functools
import gzip
import http.server
import mimetypes
import shutil
import threading
from pathlib import Path
from urllib.parse import urlsplit

from trainlab.book import contents, repository

__all__ = ["BASE", "CHAPTERS", "CHROMIUM", "PAGES", "ROOT", "SITE", "chromium", "serve"]

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "quick" / "site"
# The folder of the address at which the site will be published.
BASE = urlsplit(repository.site_address(ROOT)).path
CHAPTERS = contents.chapters_in_toc(ROOT)
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@functools.cache
def _packed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes())


class _Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = SITE / urlsplit(self.path).path.removeprefix(BASE)
        found = self.path.startswith(BASE) and (path.is_file() or (path / "index.html").is_file())
        if not found:
            path = SITE / "404.html"
        elif path.is_dir():
            path /= "index.html"
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        packed = path.suffix in {".html", ".css", ".js", ".svg", ".xml", ".txt", ".ipynb"}
        body = _packed(path) if packed else path.read_bytes()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if packed else kind)
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Keep quiet."""


@contextlib.contextmanager
def serve():
    """Serve the site on this machine and yield its address, with a slash at its end."""
    assert SITE.is_dir(), f"{SITE} is not there; run `make book` first."
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{BASE}"
    server.shutdown()


@contextlib.contextmanager
def chromium():
    """Start the system's Chromium."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "no Chromium found; `make test` installs Debian's (tests/apt.txt)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()

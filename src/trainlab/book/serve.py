"""Show the built site in a browser: `make serve`."""

from __future__ import annotations

import argparse
import errno
import functools
import http.server
from collections.abc import Sequence
from pathlib import Path

from trainlab.book import failures

__all__ = ["ServeError", "main", "server_for"]

FIRST, TRIED = 8000, 20


class ServeError(RuntimeError):
    """There is nothing to show, or no port to show it on."""


class _Pages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet: a page is some thirty files."""


def server_for(site: Path, port: int | None) -> http.server.ThreadingHTTPServer:
    """Return a server of a site on this machine alone.

    Args:
        site: The folder of its pages.
        port: On which port; None for the first one that is free from 8000 on.

    Raises:
        ServeError: No site was built, or the port is taken.
    """
    if not (site / "index.html").is_file():
        raise ServeError(f"There is no site in {site}. Build it first: make book")
    ports = range(FIRST, FIRST + TRIED) if port is None else [port]
    pages = functools.partial(_Pages, directory=str(site))
    for each in ports:
        try:
            return http.server.ThreadingHTTPServer(("127.0.0.1", each), pages)
        except OverflowError:
            raise ServeError(f"PORT={each} is no port; expected 1 to 65535.") from None
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    tried = f"{ports[0]} to {ports[-1]} are" if len(ports) > 1 else f"{ports[0]} is"
    raise ServeError(
        f"Port {tried} taken, or not yours to take. Name another: make serve PORT=8123"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a site until Ctrl+C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("port", type=int, nargs="?")
    options = parser.parse_args(arguments)
    with failures.explained(ServeError):
        server = server_for(options.site, options.port)
        print(f"The course is at http://127.0.0.1:{server.server_port}/ until you press Ctrl+C.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()

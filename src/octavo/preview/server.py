"""Show the board in a browser of this machine: a page, the paper's files as they are, and what is new as it comes.

Each address is one of a handful; none is a path of a file. Events are server-sent events, which browsers take up again
by themselves.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from octavo.errors import UsageError
from octavo.preview.board import Board

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
PAGES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/live.js": ("live.js", "text/javascript; charset=utf-8"),
    "/live.css": ("live.css", "text/css; charset=utf-8"),
}
FILES = {"/paper.html": "text/html; charset=utf-8", "/paper.pdf": "application/pdf"}
EVENTS = "/events"
ALIVE = 15.0  # seconds after which a word is said, so that a browser that is gone is found out
# Nothing but what comes from here; the paper's own page has styles, pictures and fonts inside, and no script.
SHELL = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'"
PAPER = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Server(ThreadingHTTPServer):
    """Serves a board at one port of this machine, to this machine."""

    daemon_threads = True

    def __init__(self, port: int, board: Board) -> None:
        self.board = board
        super().__init__((HOST, port), Handler)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    server_version = "octavo"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer with a page, a file of the paper, or events."""
        # A page of somebody else's may have its own name lead here, and would then be allowed to read the paper.
        if self.headers.get("Host") not in {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}:
            self._say(HTTPStatus.FORBIDDEN, "Octavo answers to 127.0.0.1 and localhost alone.")
            return
        path = self.path.partition("?")[0]
        if path == EVENTS:
            self._events()
        elif path in PAGES:
            name, kind = PAGES[path]
            self._send((PAGE / name).read_bytes(), kind, SHELL)
        elif path in FILES and (data := self.server.board.state.files.get(path.removeprefix("/"))):
            self._send(data, FILES[path], PAPER if path.endswith(".html") else "")
        elif path in FILES:
            self._say(HTTPStatus.NOT_FOUND, "It has not been made yet.")
        else:
            self._say(HTTPStatus.NOT_FOUND, "There is nothing here. The paper is at / and at /paper.pdf.")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal is for what is made."""

    def _events(self) -> None:
        self._head(HTTPStatus.OK, "text/event-stream; charset=utf-8")
        number = -1
        with suppress(OSError):  # the browser is gone
            while True:
                state = self.server.board.wait(number, ALIVE)
                news = b"data: %b\n\n" % state.told() if state.number != number else b": still here\n\n"
                number = state.number
                self.wfile.write(news)

    def _send(self, data: bytes, kind: str, policy: str = "", status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(status, kind, {"Content-Length": str(len(data)), "Content-Security-Policy": policy})
        with suppress(OSError):
            self.wfile.write(data)

    def _say(self, status: HTTPStatus, text: str) -> None:
        self._send(f"{text}\n".encode(), "text/plain; charset=utf-8", status=status)

    def _head(self, status: HTTPStatus, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **HEADERS, **(more or {})}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving(port: int, board: Board) -> Iterator[Server]:
    """Yield a server at a port (0: one that is free). Raises UsageError where the port cannot be had."""
    try:
        server = Server(port, board)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"Port {port} is taken, perhaps by another `octavo serve`."
            raise UsageError(what, hint="Take another one: octavo serve --port 0 takes one that is free.") from error
        what = f"Port {port} cannot be had: {error.strerror}."
        raise UsageError(what, hint="Take one above 1023: octavo serve --port 8017") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()

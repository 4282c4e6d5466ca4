"""jupyter-book at work in a folder: in a process of its own, or in one that is warm because it has parsed before.

Both are ``parser.mjs``, which runs jupyter-book's own command; a warm one only has no more to load.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from octavo import tools
from octavo.errors import BuildError

LONGEST = 180.0  # seconds for one document
STARTING = 30.0  # seconds that a warm parser may take to load
ENVIRONMENT = {"NO_COLOR": "1", "FORCE_COLOR": "0", "MYST_LANG": "PYTHON"}  # the last as jupyter-book's own script does


def build(folder: Path, warm: Path | None = None) -> str:
    """Have jupyter-book build the site of ``folder``; return its log. The warm parser at the socket ``warm`` does it.

    Where that does not answer, a new one does. Raises BuildError when jupyter-book is missing or does not end.
    """
    if warm:
        with contextlib.suppress(OSError, ValueError):
            return _ask(warm, folder)
        shutil.rmtree(folder / "_build", ignore_errors=True)
    done = tools.run("node", _arguments(), cwd=folder, env=ENVIRONMENT, timeout=LONGEST, stdin=_request(folder))
    try:
        return str(json.loads(done.stdout))
    except ValueError:  # it broke down
        return done.stderr.decode(errors="replace")


class Warm:
    """A parser that waits at ``socket`` for folders. It ends with this process, whatever ends that."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, where it is not at work; it may end by itself when it has become large, or broke down."""
        if self.process and self.process.poll() is None and self.socket.exists():
            return
        self.stop()
        self.socket.unlink(missing_ok=True)
        arguments = [*_arguments(), str(self.socket)]
        self.process = tools.begin("node", arguments, cwd=self.socket.parent, env=ENVIRONMENT)

    def ready(self) -> Path:
        """Return its socket, once it has loaded. Raises BuildError when it does not start."""
        self.start()
        assert self.process
        end = time.monotonic() + STARTING
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise BuildError(
                    "The parser does not start.", hint="Run `octavo build paper`, which says why [or report it]."
                )
            time.sleep(0.01)
        return self.socket

    def stop(self) -> None:
        """End it."""
        if self.process:
            tools.end(self.process)


@contextlib.contextmanager
def warm(socket: Path) -> Iterator[Warm]:
    """Yield a parser that is being started, for as long as it is needed."""
    found = Warm(socket)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def _ask(warm: Path, folder: Path) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LONGEST)
        connection.connect(str(warm))
        connection.sendall(_request(folder))
        parts = []
        try:
            while part := connection.recv(1 << 16):
                parts.append(part)
        except TimeoutError as error:
            warm.unlink(missing_ok=True)  # nobody asks it again, and who started it starts another
            raise BuildError(
                f"'jupyter-book' did not end within {LONGEST:.0f} s.",
                hint="Run the same command again; if it stops there again, report it.",
            ) from error
    return str(json.loads(b"".join(parts)))


def _request(folder: Path) -> bytes:
    return json.dumps(str(folder)).encode() + b"\n"


def _arguments() -> list[str]:
    found = find_spec("jupyter_book")
    bundle = Path(found.origin).parent / "dist" / "jupyter-book.cjs" if found and found.origin else None
    if not bundle or not bundle.is_file():
        raise BuildError("The program 'jupyter-book' was not found.", hint=tools.WAYS_OUT["jupyter-book"])
    return [str(Path(__file__).with_name("parser.mjs")), str(bundle)]

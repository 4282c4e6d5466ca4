"""Texts for tests, parsed by a warm parser, which says what a new one does: see document/test_document_parser.py."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from octavo.document import parser, source
from octavo.document.source import Content


def parse(path: Path, root: Path, bibliography: Path | None, work: Path) -> Content:
    """Parse as ``source.parse`` does, twenty times as fast: what a parser loads is loaded once in this process."""
    return source.parse(path, root, bibliography, work, warm=_warm().ready())


def end() -> None:
    """End the parser, if there is one."""
    if _warm.cache_info().currsize:
        _warm().stop()
        shutil.rmtree(_warm().socket.parent, ignore_errors=True)
        _warm.cache_clear()


@functools.cache
def _warm() -> parser.Warm:
    atexit.register(end)  # where tests/conftest.py does not
    return parser.Warm(Path(tempfile.mkdtemp(prefix="o")) / "parser")  # a short path: it is a socket

"""Digests and keys. SHA-256 everywhere, in hexadecimal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec

MISSING = "missing"
TICK = 20_000_000  # nanoseconds: file systems tell times no finer than this

FileDigest = Callable[[Path], str]
Opening = Callable[[Path], AbstractContextManager[object]]


def of(*items: object) -> str:
    """Return the digest of plain values (numbers, texts, lists, dicts), independent of the order of dict keys."""
    return hashlib.sha256(msgspec.json.encode(items, order="deterministic")).hexdigest()


def of_file(path: Path, opening: Opening = nullcontext) -> str:
    """Return the digest of a file's bytes, of the names in a folder (hidden ones apart), or ``missing``.

    ``opening`` is entered while the file is opened.
    """
    try:
        with opening(path):
            file = path.open("rb")
        with file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except IsADirectoryError:
        with opening(path):
            names = os.listdir(path)  # noqa: PTH208
        return of(sorted(name for name in names if not name.startswith((".", "__"))))
    except (FileNotFoundError, NotADirectoryError):
        return MISSING


def of_files(paths: Iterable[Path], root: Path, digest: FileDigest = of_file) -> str:
    """Return one digest of several files: their names from ``root`` and their bytes, in sorted order."""
    named = {p.relative_to(root).as_posix() if p.is_relative_to(root) else str(p): p for p in paths}
    return of([(name, digest(named[name])) for name in sorted(named)])


def remembering(of_file: FileDigest = of_file) -> FileDigest:
    """Return an ``of_file`` that reads each file once, for the length of one command."""
    known: dict[Path, str] = {}

    def digest(path: Path) -> str:
        if path not in known:
            known[path] = of_file(path)
        return known[path]

    return digest


def of_task(parts: Mapping[str, str], upstream: Mapping[str, str]) -> str:
    """Return the key of a task: all that can change its result, apart from what was traced while it ran."""
    return of(dict(parts), dict(upstream))

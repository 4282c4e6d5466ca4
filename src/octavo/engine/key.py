"""Digests and keys. SHA-256 everywhere, in hexadecimal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

MISSING = "missing"
TICK = 20_000_000  # nanoseconds: file systems tell times no finer than this

FileDigest = Callable[[Path], str]


def of(*items: object) -> str:
    """Return the digest of plain values (numbers, texts, lists, dicts), independent of the order of dict keys."""
    return hashlib.sha256(msgspec.json.encode(items, order="deterministic")).hexdigest()


def of_file(path: Path) -> str:
    """Return the digest of a file's bytes, of the names in a folder (hidden ones apart), or ``missing``."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except IsADirectoryError:
        return of(sorted(p.name for p in path.iterdir() if not p.name.startswith((".", "__"))))
    except (FileNotFoundError, NotADirectoryError):
        return MISSING


def of_files(paths: Iterable[Path], root: Path, digest: FileDigest = of_file) -> str:
    """Return one digest of several files: their names from ``root`` and their bytes, in sorted order."""
    named = {p.relative_to(root).as_posix() if p.is_relative_to(root) else str(p): p for p in paths}
    return of([(name, digest(named[name])) for name in sorted(named)])


def remembering() -> FileDigest:
    """Return a ``of_file`` that reads each file once, for the length of one command."""
    known: dict[Path, str] = {}

    def digest(path: Path) -> str:
        if path not in known:
            known[path] = of_file(path)
        return known[path]

    return digest


def of_task(parts: Mapping[str, str], upstream: Mapping[str, str]) -> str:
    """Return the key of a task: all that can change its result, apart from what was traced while it ran."""
    return of(dict(parts), dict(upstream))

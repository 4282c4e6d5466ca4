"""Digests and keys. SHA-256 everywhere, in hexadecimal."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec

from octavo.filenames import FILE, FOLDER, MISSING, counts, decoded, encodable, presence

UNREADABLE = "unreadable"
TICK = 20_000_000  # nanoseconds: file systems tell times no finer than this

FileDigest = Callable[[Path], str]
Opening = Callable[[Path], AbstractContextManager[object]]


def of(*items: object) -> str:
    """Return the digest of plain values (numbers, texts, lists, dicts), independent of the order of dict keys."""
    try:
        text = msgspec.json.encode(items, order="deterministic")
    except UnicodeEncodeError:
        text = msgspec.json.encode(_encodable(items), order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _encodable(item: object) -> object:
    """Return plain values with their texts as JSON can have them."""
    if isinstance(item, str):
        return encodable(item)
    if isinstance(item, Mapping):
        return {_encodable(name): _encodable(value) for name, value in item.items()}
    return [_encodable(value) for value in item] if isinstance(item, list | tuple) else item


def of_file(path: Path, opening: Opening = nullcontext) -> str:
    """Return the digest of a file's bytes, of the names in a folder (hidden ones apart), ``missing`` or ``unreadable``.

    What cannot be a file (its name is too long, its links go in a circle) is missing. ``opening`` is entered while the
    file is opened.
    """
    try:
        return _of_content(path, opening)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except PermissionError:
        return UNREADABLE
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return MISSING
        raise


def _of_content(path: Path, opening: Opening) -> str:
    try:
        with opening(path):
            file = path.open("rb")
        with file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except IsADirectoryError:
        with opening(path):
            names = [there.name for there in path.iterdir()]
        return of(sorted(filter(counts, names)))


def of_files(paths: Iterable[Path], root: Path, digest: FileDigest = of_file) -> str:
    """Return one digest of several files: their names from ``root`` and their bytes, in sorted order."""
    named = {p.relative_to(root).as_posix() if p.is_relative_to(root) else str(p): p for p in paths}
    return of([(name, digest(named[name])) for name in sorted(named)])


def is_so(path: Path, was: str, digest: FileDigest = of_file) -> bool:
    """Whether what a run read is as it was: its digest, or, where only that counted, that it is there."""
    return (presence(path) if was in (FILE, FOLDER) else digest(path)) == was


def are_so(reads: Mapping[str, str], root: Path, digest: FileDigest) -> bool:
    """Whether all that a run read is as it was; names start from ``root`` and are as JSON has them."""
    return all(is_so(root / decoded(name), was, digest) for name, was in reads.items())


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

"""The store of results: one folder for each key and what was traced, complete or not there at all.

    .octavo/store/KEY/TRACE/entry.json, out/, log/

A result is written in a temporary folder, flushed to disk, and renamed into place, so a kill, a full disk or a power
loss leaves either all of it or nothing. Two results may share a key and differ in the files that they read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from octavo.engine import key as keys
from octavo.engine.task import Entry, Memory
from octavo.errors import BuildError

ENTRY = "entry.json"
OUT = "out"
LOG = "log"


@dataclass(frozen=True)
class Store:
    """The store below ``state``; ``root`` is the project that the names of read files start from."""

    state: Path
    root: Path

    def find(self, key: str, digest: keys.FileDigest) -> tuple[Path, Entry] | None:
        """Return the result of a key whose traced files are as they were, with its folder."""
        folder = self._of(key)
        if not folder.is_dir():
            return None
        for candidate in sorted(folder.iterdir()):
            entry = _load(candidate)
            unchanged = entry and all(digest(self.root / name) == was for name, was in entry.reads.items())
            if entry and unchanged and _whole(candidate, entry):
                return candidate, entry
        return None

    def folder(self, entry: Entry) -> Path | None:
        """Return the folder of a result, or None where it is gone."""
        place = self._of(entry.key) / _trace(entry.reads)
        return place if place.is_dir() else None

    def put(
        self, key: str, made: Path, reads: Iterable[Path], seconds: float, *, anew: bool = False
    ) -> tuple[Path, Entry]:
        """Take over the finished folder ``made`` as the result of ``key``; it is gone from its place afterwards.

        Where that result is there in full (two tasks of one key ran side by side), the first one stays, unless it was
        made ``anew`` on purpose.

        Raises OSError when the disk does not take it; then nothing is kept.
        """
        traced = {self._name(path): keys.of_file(path) for path in sorted(set(reads))}
        files = sorted(p for p in made.rglob("*") if p.is_file())
        outputs = {p.relative_to(made).as_posix(): (p.stat().st_size, keys.of_file(p)) for p in files}
        entry = Entry(key, outputs, traced, round(seconds, 3))
        (made / ENTRY).write_bytes(msgspec.json.encode(entry))
        for path in [*files, made / ENTRY, made]:
            _flush(path)
        place = self._of(key) / _trace(traced)
        place.parent.mkdir(parents=True, exist_ok=True)
        there = _load(place)
        if there and _whole(place, there) and not anew:
            shutil.rmtree(made)
            return place, there
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)
        _flush(place.parent)
        return place, entry

    @contextlib.contextmanager
    def temporary(self) -> Iterator[Path]:
        """Yield a folder for unfinished results, on the same disk; what dead builds left there is removed first."""
        folder = self.state / "tmp"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store for one build at a time.

        Raises BuildError when another build of this project is at work.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as file:
            if not _lock(file.fileno()):
                raise BuildError(
                    "Another build of this project is at work.",
                    hint="Wait for it to end, or stop it with Ctrl-C.",
                )
            yield

    def memory(self) -> dict[str, Memory]:
        """Return what is remembered of each task's last result; a damaged file counts as none."""
        try:
            return msgspec.json.decode((self.state / "last.json").read_bytes(), type=dict[str, Memory])
        except (OSError, msgspec.DecodeError):
            return {}

    def remember(self, memory: dict[str, Memory]) -> None:
        """Keep what is remembered, for the next build."""
        write_atomically(self.state / "last.json", msgspec.json.encode(memory, order="deterministic"))

    def _of(self, key: str) -> Path:
        return self.state / "store" / key

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def _trace(reads: Mapping[str, str]) -> str:
    return keys.of(reads)[:16]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _load(folder: Path) -> Entry | None:
    """Return the entry of a folder; a damaged one counts as none."""
    try:
        return msgspec.json.decode((folder / ENTRY).read_bytes(), type=Entry)
    except (OSError, msgspec.DecodeError):
        return None


def _whole(folder: Path, entry: Entry) -> bool:
    """Whether every file of a result is there and holds what was put into it; the length, quickly told, comes first."""
    try:
        sizes = {name: (folder / name).stat().st_size for name in entry.outputs}
    except OSError:
        return False
    if any(sizes[name] != size for name, (size, _) in entry.outputs.items()):
        return False
    return all(keys.of_file(folder / name) == digest for name, (_, digest) in entry.outputs.items())


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: no lock; not a supported platform yet
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

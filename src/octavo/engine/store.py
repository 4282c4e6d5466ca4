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
from octavo.engine import locks
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
        place = self.folder_of(entry)
        return place if place.is_dir() else None

    def folder_of(self, entry: Entry) -> Path:
        """Return where a result lies, or lay."""
        return self._of(entry.key) / trace_of(entry.reads)

    def state_of(self, folder: Path, entry: Entry) -> str:
        """Return what the system tells of a result's files without reading them; empty where one is missing."""
        try:
            found = [os.stat(f"{folder}/{name}") for name in (ENTRY, *entry.outputs)]  # noqa: PTH116 (10,000 times)
        except OSError:
            return ""
        return keys.of([(s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in found])

    def put(
        self, key: str, made: Path, reads: Iterable[Path], seconds: float, *, anew: bool = False, memory: int = 0
    ) -> tuple[Path, Entry]:
        """Take over the finished folder ``made`` as the result of ``key``; it is gone from its place afterwards.

        Where that result is there in full (two tasks of one key ran side by side), the first one stays, unless it was
        made ``anew`` on purpose.

        Raises OSError when the disk does not take it; then nothing is kept.
        """
        traced = {self._name(path): keys.of_file(path) for path in sorted(set(reads))}
        files = sorted(p for p in made.rglob("*") if p.is_file())
        outputs = {p.relative_to(made).as_posix(): (p.stat().st_size, keys.of_file(p)) for p in files}
        return self.adopt(made, Entry(key, outputs, traced, round(seconds, 3), memory), anew=anew)

    def adopt(self, made: Path, entry: Entry, *, anew: bool = False) -> tuple[Path, Entry]:
        """Take over the folder ``made``, which holds what ``entry`` tells of, as ``put`` does. Raises OSError."""
        (made / ENTRY).write_bytes(msgspec.json.encode(entry))
        for path in [*(made / name for name in entry.outputs), made / ENTRY, made]:
            _flush(path)
        place = self.folder_of(entry)
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
        folder = self.state / "tmp" / str(os.getpid())
        with locks.held(self.state / "tmp.lock"):
            for other in self.state.glob("tmp/*"):
                if lock := locks.take(other):  # its build is dead
                    shutil.rmtree(other, ignore_errors=True)
                    lock.release()
            folder.mkdir(parents=True)
            mine = locks.take(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if mine:
                mine.release()
            with contextlib.suppress(OSError):
                folder.parent.rmdir()

    def claim(self, key: str) -> locks.Lock | None:
        """Return the right to make the result of a key, or None where another build is making it.

        Raises OSError when the disk does not take it.
        """
        folder = self.state / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        return locks.take(folder / key)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Use the store, beside other builds; what needs it alone is waited for."""
        self.state.mkdir(parents=True, exist_ok=True)
        lock = locks.take(self.state / "lock", shared=True, wait=True)
        try:
            yield
        finally:
            if lock:
                lock.release()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store alone. Raises BuildError when a build of this project is at work."""
        self.state.mkdir(parents=True, exist_ok=True)
        lock = locks.take(self.state / "lock")
        if lock is None:
            raise BuildError("A build of this project is at work.", hint="Wait for it to end, or stop it with Ctrl-C.")
        try:
            yield
        finally:
            lock.release()

    def memory(self) -> dict[str, Memory]:
        """Return what is remembered of each task's last result; a damaged file counts as none."""
        try:
            return msgspec.json.decode((self.state / "last.json").read_bytes(), type=dict[str, Memory])
        except (OSError, msgspec.DecodeError):
            return {}

    def remember(self, changed: Mapping[str, Memory]) -> None:
        """Keep what is remembered of some tasks, for the next build; of others, what is there stays."""
        with locks.held(self.state / "last.lock"):
            memory = {**self.memory(), **changed}
            write_atomically(self.state / "last.json", msgspec.json.encode(memory, order="deterministic"))

    def _of(self, key: str) -> Path:
        return self.state / "store" / key

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def trace_of(reads: Mapping[str, str]) -> str:
    """Return by what the results of one key are told apart: the digest of what they read."""
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

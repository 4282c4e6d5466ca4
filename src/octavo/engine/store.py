"""The store of results: one folder for each key and what was traced, complete or not there at all.

    .octavo/store/KEY/TRACE/entry.json, out/, log/

A result is written in a temporary folder, flushed to disk, and renamed into place, so a kill, a full disk or a power
loss leaves either all of it or nothing. Two results may share a key and differ in the files that they read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from octavo.engine import key as keys
from octavo.engine import locks
from octavo.engine.task import Doubts, Entry, Memory
from octavo.errors import BuildError
from octavo.filenames import encodable, presence

ENTRY = "entry.json"
OUT = "out"
KEPT = "kept"
LOG = "log"
DOUBTS = "doubts.json"
MARKS = "marks"
NO_DOUBTS = Doubts()
CHANGED = "changed while it ran"  # no digest: such a result serves the build that made it, and no other
UNFINISHED = ".new"  # what the name of a file ends with while it is written
Content = TypeVar("Content")


@dataclass(frozen=True)
class Store:
    """The store below ``state``; ``root`` is the project that the names of read files start from."""

    state: Path
    root: Path

    def find(self, key: str, digest: keys.FileDigest) -> tuple[Path, Entry] | None:
        """Return the result of a key whose traced files are as they were, with its folder."""
        found = self.look_up(key, digest)
        return found[:2] if found else None

    def look_up(self, key: str, digest: keys.FileDigest) -> tuple[Path, Entry, str] | None:
        """Return what ``find`` does, and the state of its files before they were read (see ``state_of``)."""
        folder = self._of(key)
        if not folder.is_dir():
            return None
        found = [(candidate, entry) for candidate in sorted(folder.iterdir()) if (entry := load(candidate))]
        for candidate, entry in sorted(found, key=lambda known: bool(known[1].shared)):  # the exact ones first
            state = self.state_of(candidate, entry) if keys.are_so(entry.reads, self.root, digest) else ""
            if state and _whole(candidate, entry):
                return candidate, entry, state
        return None

    def successor(self, folder: Path, entry: Entry) -> tuple[Entry, str] | None:
        """Return what another build put in the place of a result, on purpose, and its state; None where none is whole.

        That has read the same files.
        """
        there = load(folder)
        if there is None or there == entry:
            return None
        state = self.state_of(folder, there)
        return (there, state) if state and _whole(folder, there) else None

    def digest(self, path: Path) -> str:
        """Return the digest of a file (see keys.of_file), marked as opened by Octavo and not by what it runs."""
        return keys.of_file(path, self.opening)

    @contextlib.contextmanager
    def opening(self, path: Path) -> Iterator[None]:
        """Have a mark of a file while Octavo opens it: who watches the project then knows who it was.

        There is one if a build has made the folder of marks (see ``make_marks``). It is named for the file's real path,
        and for this process and thread; a link, so that to make it opens nothing.
        """
        name = hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=16).hexdigest()
        mark = self.state / MARKS / f"{name}.{os.getpid()}.{threading.get_native_id()}"
        with contextlib.suppress(OSError):
            mark.symlink_to(".")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                mark.unlink()

    def make_marks(self) -> None:
        """Make the folder of marks, where there is none."""
        (self.state / MARKS).mkdir(parents=True, exist_ok=True)

    def folder(self, entry: Entry) -> Path | None:
        """Return the folder of a result, or None where it is gone."""
        place = self.folder_of(entry)
        return place if place.is_dir() else None

    def whole(self, entry: Entry) -> Path | None:
        """Return the folder of a result, or None where it is gone or damaged."""
        place = self.folder_of(entry)
        return place if load(place) == entry and _whole(place, entry) else None

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

    def damaged(self, folder: Path, entry: Entry) -> list[str]:
        """Return the artifacts of a result that do not hold any more what was put into them, by reading them."""
        read = (f"{OUT}/", f"{KEPT}/")
        return [n for n, (_, was) in entry.outputs.items() if n.startswith(read) and keys.of_file(folder / n) != was]

    def touch(self, folder: Path, names: Iterable[str]) -> None:
        """Touch files of a result: the next build reads it whole, and makes it again if it is damaged."""
        for name in names:
            with contextlib.suppress(OSError):
                os.utime(folder / name)

    def put(
        self,
        key: str,
        made: Path,
        reads: Iterable[Path],
        seconds: float,
        *,
        anew: bool = False,
        memory: int = 0,
        doubts: Doubts = NO_DOUBTS,
    ) -> tuple[Path, Entry]:
        """Take over the finished folder ``made`` as the result of ``key``; it is gone from its place afterwards.

        Where that result is there in full (two tasks of one key ran side by side), the first one stays, unless it was
        made ``anew`` on purpose. ``doubts`` says what is not certain of ``reads``.

        Raises OSError when the disk does not take it; then nothing is kept.
        """
        asked = set(doubts.presence)
        named = {self._name(path): path for path in sorted(set(reads))}
        traced = {name: presence(p) if name in asked else self.digest(p) for name, p in named.items()}
        traced |= dict.fromkeys(doubts.changed, CHANGED)
        files = sorted(p for p in made.rglob("*") if p.is_file())
        outputs = {p.relative_to(made).as_posix(): (p.stat().st_size, keys.of_file(p)) for p in files}
        perhaps, notes, now = doubts.perhaps, doubts.notes, int(time.time())
        took = round(seconds, 3)
        entry = Entry(key, outputs, traced, took, memory, perhaps, notes, ran=now, writes=doubts.writes)
        kept = self.adopt(made, entry, anew=anew)
        if anew:
            self._remove_others(kept[0], made)
        return kept

    def _remove_others(self, place: Path, made: Path) -> None:
        """Remove the results of a key that would be taken for the files as they are now, but for the one at ``place``.

        That was made on purpose, in ``made``, and may have read more than they did: as soon as such a file changes they
        would be taken again.
        """
        for other in sorted(place.parent.iterdir()):
            there = load(other) if other != place else None
            if there and keys.are_so(there.reads, self.root, self.digest):
                aside = made.with_name(f"{made.name}.{other.name}.old")
                with contextlib.suppress(OSError):
                    other.rename(aside)  # all of it at once: another build may be reading it
                shutil.rmtree(aside, ignore_errors=True)

    def adopt(self, made: Path, entry: Entry, *, anew: bool = False) -> tuple[Path, Entry]:
        """Take over the folder ``made``, which holds what ``entry`` tells of, as ``put`` does. Raises OSError."""
        (made / ENTRY).write_bytes(sealed(entry))
        folders = {folder for name in entry.outputs for folder in (made / name).parents if folder.is_relative_to(made)}
        for path in [*(made / name for name in entry.outputs), made / ENTRY, *sorted(folders, reverse=True)]:
            _flush(path)
        place = self.folder_of(entry)
        if not place.parent.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            _flush(place.parent.parent)
        there = load(place)
        if there and _whole(place, there) and there.shared == entry.shared and not anew:
            shutil.rmtree(made)
            return place, there
        aside = made.with_name(f"{made.name}.old")
        if place.exists():
            place.rename(aside)  # all of it at once: another build may be reading it
        made.rename(place)
        shutil.rmtree(aside, ignore_errors=True)
        _flush(place.parent)
        return place, entry

    @contextlib.contextmanager
    def temporary(self) -> Iterator[Path]:
        """Yield a folder for unfinished results, on the same disk; what dead builds left in the store is removed."""
        # Builds in two containers may have one process id; the claim is a file, since NFS locks no folders.
        folder = self.state / "tmp" / f"{os.getpid()}-{os.urandom(4).hex()}"
        if self.state.is_dir() and not os.access(self.state, os.W_OK):  # a build that needs nothing made goes on
            yield folder
            return
        with locks.held(self.state / "tmp.lock"):
            for other in self.state.glob("tmp/*"):
                if not self.at_work(other):
                    shutil.rmtree(other, ignore_errors=True)
            for claim in self.state.glob("claims/*"):
                if lock := locks.take(claim, create=False):
                    lock.release(remove=True)
            mine = self.claim(folder.name)
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if mine:
                mine.release(remove=True)
            with contextlib.suppress(OSError), locks.held(self.state / "tmp.lock"):  # one that begins has just made it
                folder.parent.rmdir()

    def at_work(self, unfinished: Path) -> bool:
        """Whether the build is alive that a folder for unfinished results is of."""
        claim = self.state / "claims" / unfinished.name
        lock = locks.take(claim, create=False)
        if lock:
            lock.release()
        return lock is None and claim.exists()

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
        lock = self._lock(shared=True, wait=True)
        try:
            yield
        finally:
            if lock:
                lock.release()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store alone. Raises BuildError when a build of this project is at work."""
        lock = self._lock()
        if lock is None:
            raise BuildError("A build of this project is at work.", hint="Wait for it to end, or stop it with Ctrl-C.")
        try:
            yield
        finally:
            lock.release()

    def _lock(self, *, shared: bool = False, wait: bool = False) -> locks.Lock | None:
        while True:
            self.state.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # who held it has taken the whole folder away
                return locks.take(self.state / "lock", shared=shared, wait=wait)

    def memory(self) -> dict[str, Memory]:
        """Return what is remembered of each task's last result; a damaged file counts as none.

        Raises OSError where it cannot be read: what it holds is not to be written over.
        """
        try:
            return unsealed((self.state / "last.json").read_bytes(), dict[str, Memory])
        except (FileNotFoundError, ValueError):  # not JSON, or not even text
            return {}
        except OSError as error:
            if error.errno == errno.EIO:  # the disk has lost it
                return {}
            raise

    def remember(self, changed: Mapping[str, Memory]) -> None:
        """Keep what is remembered of some tasks, for the next build; of others, what is there stays."""
        with locks.held(self.state / "last.lock"):
            memory = {**self.memory(), **changed}
            write_atomically(self.state / "last.json", sealed(memory))

    def _of(self, key: str) -> Path:
        return self.state / "store" / key

    def _name(self, path: Path) -> str:
        name = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        return encodable(name)


def trace_of(reads: Mapping[str, str]) -> str:
    """Return by what the results of one key are told apart: the digest of what they read."""
    return keys.of(reads)[:16]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part.

    The unfinished one has a name of its own (see ``UNFINISHED``): what a killed process left there is taken over.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}{UNFINISHED}")
    lock = locks.take(unfinished, wait=True)
    try:
        unfinished.write_bytes(content)
        _flush(unfinished)
        unfinished.replace(path)
        _flush(path.parent)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        if lock:
            lock.release()


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record with the digest of its text: a flipped bit may well leave another record that can be read."""

    digest: str
    content: msgspec.Raw


def sealed(content: object) -> bytes:
    """Return a record as it is written to a file; see ``unsealed``."""
    text = msgspec.json.encode(content, order="deterministic")
    return msgspec.json.encode(Sealed(hashlib.sha256(text).hexdigest(), msgspec.Raw(text)))


def unsealed(data: bytes, kind: type[Content]) -> Content:
    """Return the record that a file holds. Raises ValueError where it is not as it was written."""
    found = msgspec.json.decode(data, type=Sealed)
    if hashlib.sha256(found.content).hexdigest() != found.digest:
        raise ValueError("The digest does not fit.")
    return msgspec.json.decode(found.content, type=kind)


def load(folder: Path) -> Entry | None:
    """Return the entry of a result's folder; a damaged one, or one that belongs elsewhere, counts as none."""
    try:
        entry = unsealed((folder / ENTRY).read_bytes(), Entry)
    except (OSError, ValueError):  # not JSON, or not even text
        return None
    return entry if (entry.key, trace_of(entry.reads)) == (folder.parent.name, folder.name) else None


def _whole(folder: Path, entry: Entry) -> bool:
    """Whether every file of a result is there and holds what was put into it; the length, quickly told, comes first."""
    try:
        sizes = {name: (folder / name).stat().st_size for name in entry.outputs}
    except OSError:
        return False
    if any(sizes[name] != size for name, (size, _) in entry.outputs.items()):
        return False
    try:
        return all(keys.of_file(folder / name) == digest for name, (_, digest) in entry.outputs.items())
    except OSError:  # the disk cannot read it any more
        return False


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Outside the kernel: which files of the project are opened while a run goes on, by whichever process.

Python's audit hook (trace.py) does not see what a compiled library or a child process opens. The system does: inotify
tells of each file that is opened in a folder, but not by whom; fanotify tells the process too, and needs a privilege
(CAP_SYS_ADMIN). Both on Linux alone. Folders are watched, not their files, so this costs little.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import select
import struct
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

# Of inotify(7); fanotify(7) has the same numbers for the ones that are used of it.
MODIFY, CLOSED_UNWRITTEN, OPEN, MOVED_TO, CREATE, DELETE = 0x2, 0x10, 0x20, 0x80, 0x100, 0x200
OVERFLOW, FOLDER, FROM_CHILD = 0x4000, 0x40000000, 0x08000000
EVENT = struct.Struct("iIII")
FANOTIFY_EVENT = struct.Struct("IBBHQii")
FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
CLOSE_ON_EXEC, NOT_BLOCKING, UNLIMITED = 0x1, 0x2, 0x10 | 0x20  # of fanotify_init
HERE = -100  # AT_FDCWD
PYTHON = ".python"
MOST = 50_000  # folders; more are not watched
CHUNK = 1 << 16


class Folder(msgspec.Struct, frozen=True):
    """A folder: when its list of names last changed, the folders in it, the symbolic links to files in it."""

    when: int
    folders: tuple[str, ...]
    links: tuple[str, ...]


Folders = dict[str, Folder]


@dataclass(frozen=True)
class Opened:
    """What was opened while a run went on. Paths are real ones (no symbolic link in them).

    ``own``: by a process of the run for certain; ``perhaps``: by it or by another. ``changed`` are those of both that
    were written to after they had been read, by whomever. ``gap`` says why the list is not complete, if it is not.
    """

    own: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    gap: str = ""

    def without(self, others: tuple[Path, ...]) -> Opened:
        """Return the same without what lies in ``others``, as far as it may have been opened by another process.

        Without the folders, too, in which Octavo's own processes look for modules.
        """
        if not self.perhaps:
            return self
        places = tuple(map(os.path.realpath, others))
        searched = {os.path.realpath(entry) for entry in sys.path_importer_cache}
        left = (p for p in self.perhaps - searched if not any(p == q or p.startswith(f"{q}/") for q in places))
        return replace(self, perhaps=frozenset(left))


@dataclass
class _File:
    """What happened to a file, in order."""

    opened: int = 0
    reopened: int = 0  # after it was written to
    closed: int = 0  # by those who could only read
    written: bool = False

    def take(self, mask: int) -> None:
        if mask & OPEN:
            self.opened += not self.written
            self.reopened += self.written
        self.closed += bool(mask & CLOSED_UNWRITTEN)
        self.written |= bool(mask & (MODIFY | CREATE | MOVED_TO))

    @property
    def read(self) -> bool:
        """Whether it was opened before anyone wrote to it, and not by the one who then wrote."""
        return self.opened > 0 and (not self.written or self.closed > self.reopened)


class Watch:
    """Watches folders (see ``find``) from its creation until ``end``.

    In the folder ``marks`` there is a mark (see ``mark``) while Octavo itself opens a file of the project's. Another,
    with the suffix ``.python``, comes and goes just before Python opens one in a kernel, whose own trace has it.
    ``by_process`` may be set to False where opens are not to be told apart by process.
    """

    def __init__(self, folders: Folders, marks: Path | None = None, *, by_process: bool = True) -> None:
        self.files: dict[str, _File] = {}
        self.by: dict[str, set[int]] = {}
        self.mine: dict[int, bool] = {os.getpid(): False}  # what this process opens is not the notebook's
        self.ancestor = os.getpid()  # of the notebook's processes
        self.names: dict[int, str] = {}
        self.gap = (
            "" if sys.platform == "linux" else "what compiled libraries and child processes open is seen on Linux"
        )
        self.inotify = self.fanotify = -1
        self.thread: threading.Thread | None = None
        self.over, self.ending = os.pipe()
        if self.gap:
            return
        self.system = ctypes.CDLL(None, use_errno=True)
        self.inotify = self.system.inotify_init1(FLAGS)
        if self.inotify < 0:
            self.gap = f"the system gives no inotify: {os.strerror(ctypes.get_errno())} (fs.inotify.max_user_instances)"
            return
        if by_process:
            kind = CLOSE_ON_EXEC | NOT_BLOCKING | UNLIMITED
            self.fanotify = self.system.fanotify_init(kind, os.O_RDONLY | os.O_CLOEXEC)
        if marks:
            self._add(str(marks), CREATE | DELETE)
        self.marks = next(iter(self.names), -1)
        self.marked: dict[str, int] = {}
        self.explained: dict[tuple[str, int], int] = {}  # by a mark that is there, of the opens that a folder tells of
        self.announced: dict[str, int] = {}
        for path in (p for folder, found in folders.items() for p in (folder, *found.links)):
            if not self._add(path):
                break

    def begin(self, ancestor: int) -> None:
        """Take events in as they come: the queues of the system are short. Starts a thread.

        The notebook's processes are those that descend from ``ancestor``.
        """
        self.ancestor = ancestor
        if self.inotify >= 0:
            self.thread = threading.Thread(target=self._listen, daemon=True)
            self.thread.start()

    def end(self) -> Opened:
        """Watch no more; return what was opened."""
        os.close(self.ending)
        if self.thread:
            self.thread.join()
        self._take()
        # The system takes 8 ms to give up its watches.
        threading.Thread(target=_close, args=((self.inotify, self.fanotify, self.over),), daemon=True).start()
        read = {path for path, file in self.files.items() if file.read}
        own = frozenset(p for p in read if any(self.mine.get(pid) for pid in self.by.get(p, ())))
        # With fanotify, a file that only other processes opened is not the run's. One that is gone already may be.
        perhaps = frozenset(p for p in read - own if self.fanotify < 0 or any(map(self._unknown, self.by.get(p, (0,)))))
        changed = frozenset(p for p in read if self.files[p].written)
        return Opened(own, perhaps, changed, self.gap)

    def _unknown(self, pid: int) -> bool:
        return pid not in self.mine

    def _add(self, path: str, mask: int = OPEN | MODIFY | CREATE | MOVED_TO | CLOSED_UNWRITTEN) -> bool:
        number = self.system.inotify_add_watch(self.inotify, os.fsencode(path), mask)
        if number < 0:
            fault = ctypes.get_errno()
            if fault not in (2, 13, 20, 40):  # gone, not to be entered, no folder any more, a link to itself
                self.gap = f"not all folders are watched: {os.strerror(fault)} (fs.inotify.max_user_watches)"
            return not self.gap
        self.names[number] = os.path.realpath(path)
        if len(self.names) > MOST:
            self.gap = f"not all folders are watched: the project has more than {MOST}"
            return False
        if self.fanotify >= 0:
            seen = ctypes.c_uint64(OPEN | FOLDER | FROM_CHILD)
            self.system.fanotify_mark(self.fanotify, 1, seen, HERE, os.fsencode(path))
        return True

    def _listen(self) -> None:
        poll = select.poll()
        for descriptor in (self.over, self.inotify, self.fanotify):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        while all(descriptor != self.over for descriptor, _ in poll.poll()):
            self._take()

    def _take(self) -> None:
        if self.fanotify >= 0:  # first: a process that opened may be gone in a moment
            for mask, descriptor, pid in _fanotify_events(self.fanotify):
                if mask & OVERFLOW:
                    self.gap = "more files were opened at once than the system remembers"
                    continue
                if pid not in self.mine and (known := _descends(pid, self.ancestor)) is not None:
                    self.mine[pid] = known
                with suppress(OSError):
                    self.by.setdefault(os.readlink(f"/proc/self/fd/{descriptor}"), set()).add(pid)  # noqa: PTH115
                os.close(descriptor)
        if self.inotify >= 0:
            for number, mask, name in _inotify_events(self.inotify):
                if mask & OVERFLOW:
                    self.gap = "more files were opened at once than the system remembers"
                elif number == self.marks:
                    self._take_mark(mask, name)
                elif number in self.names:
                    path = f"{self.names[number]}/{name}" if name else self.names[number]
                    if not (mask & OPEN and self._is_explained(mark(path), number)):
                        self.files.setdefault(path, _File()).take(mask)

    def _take_mark(self, mask: int, name: str) -> None:
        of = name.partition(".")[0]
        if name.endswith(PYTHON):
            self.announced[of] = self.announced.get(of, 0) + bool(mask & CREATE)
        elif mask & CREATE:
            self.marked[of] = self.marked.get(of, 0) + 1
        elif mask & DELETE:
            self.marked[of] = max(0, self.marked.get(of, 0) - 1)
            for one in [one for one in self.explained if one[0] == of]:
                self.explained[one] = max(0, self.explained[one] - 1)

    def _is_explained(self, name: str, number: int) -> bool:
        """Whether it is Octavo that opens the file of this mark, which it does once, or Python, which said so before.

        The notebook may open the same file in the same moment: then there is one more open than marks. Of one open
        each watch may tell, that of the folder and that of a link to the file.
        """
        if self.explained.get((name, number), 0) < self.marked.get(name, 0):
            self.explained[name, number] = self.explained.get((name, number), 0) + 1
            return True
        waiting = self.announced.get(name, 0)
        self.announced[name] = max(0, waiting - 1)
        return waiting > 0


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        if descriptor >= 0:
            os.close(descriptor)


def find(root: Path, ignored: tuple[Path, ...], known: Folders | None = None) -> Folders:
    """Return the folders below ``root``, with what lies in them as far as watching goes.

    ``ignored`` are folders that hold no sources; those whose names begin with a dot, and environments, are left out
    too. Folders that are as ``known`` has them are not opened: other runs would take that for a read.
    """
    todo, found, seen = [str(root)], dict[str, Folder](), {os.path.realpath(p) for p in ignored}
    while todo and len(found) <= MOST:
        path = todo.pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        with suppress(OSError):
            when = os.stat(path).st_mtime_ns  # noqa: PTH116
            there = (known or {}).get(path)
            found[path] = there if there and there.when == when else _listed(path, when)
            todo += [*found[path].folders, *filter(_is_entered, found[path].links)]  # those may dangle for a while
    return found


def mark(path: str) -> str:
    """Return how the marks of a file begin, by its real path. The engine's store names its marks in the same way.

    Two files must not share it: what one is said to be opened by would explain the open of the other.
    """
    return hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()


def recall(file: Path) -> Folders | None:
    """Return the folders that ``remember`` kept in ``file``, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Folders)
    except (OSError, ValueError):  # not JSON, or not even text
        return None


def _is_entered(path: str) -> bool:
    """Whether there is a folder that is no environment. An entry of scandir raises OSError of a link to itself."""
    return os.path.isdir(path) and not os.path.exists(f"{path}/pyvenv.cfg")  # noqa: PTH110, PTH112


def _listed(path: str, when: int) -> Folder:
    folders, links = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_entered(entry.path):
                folders.append(entry.path)
            elif entry.is_symlink() and not os.path.isdir(entry.path):  # noqa: PTH112 (it may dangle as yet)
                links.append(entry.path)
    return Folder(when, tuple(sorted(folders)), tuple(sorted(links)))


def _inotify_events(descriptor: int) -> Iterator[tuple[int, int, str]]:
    """Yield the number of the watch, the kind of event and the name in the folder."""
    with suppress(BlockingIOError):
        while data := os.read(descriptor, CHUNK):
            place = 0
            while place < len(data):
                number, mask, _, length = EVENT.unpack_from(data, place)
                place += EVENT.size + length
                yield number, mask, os.fsdecode(data[place - length : place].rstrip(b"\0"))


def _fanotify_events(descriptor: int) -> Iterator[tuple[int, int, int]]:
    """Yield the kind of event, a descriptor of the file, which is to be closed, and the process."""
    with suppress(BlockingIOError):
        while data := os.read(descriptor, CHUNK):
            place = 0
            while place < len(data):
                length, _, _, _, mask, file, pid = FANOTIFY_EVENT.unpack_from(data, place)
                place += length
                yield mask, file, pid


def _descends(pid: int, ancestor: int) -> bool | None:
    """Whether a process is a descendant of another; None where it is gone."""
    try:
        while pid > 1 and pid != ancestor:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
                pid = int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError):
        return None
    return pid == ancestor

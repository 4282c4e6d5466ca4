"""The shared store: a second level behind the store of this machine, at any address that fsspec reaches.

    octavo.json                       says that this is a store, and which
    results/PLATFORM/KEY/TRACE.json   what a result consists of; written last, so that what it names is there
    objects/AB/ABCD…                  files by their SHA-256, as they are

What is fetched is believed only where every byte has the digest that its entry tells, and goes through the store of
this machine. Whatever the place does, a build goes on without it: a fault is told once.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import platform
import queue
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from octavo.engine import key as keys
from octavo.engine import remote
from octavo.engine.events import Listener, Noted
from octavo.engine.locks import held
from octavo.engine.remote import Absent, Away, Remote
from octavo.engine.store import CHANGED, ENTRY, KEPT, LOG, OUT, Store, trace_of, write_atomically
from octavo.engine.task import Entry

LAYOUT = 1
MARK = "octavo.json"
LANES = 6  # connections at once
MOST_ENTRIES = 50  # of one key; each stands for other files read
LARGEST_ENTRY = 16 << 20
LATEST = 1 << 35  # seconds since 1970, in the year 3058
SMALL = 64 << 10  # bytes; a smaller object is sent rather than asked for
DIGEST = re.compile("[0-9a-f]{64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
TRACE = re.compile(r"[0-9a-f]{16}\.json")
UNFIT = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)  # faults of names, not of the disk
FETCH, SEND = 0, 1  # what a build waits for comes first


class Refused(Exception):
    """What the shared store holds is not what it says, or not what it may be."""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``octavo.json``: the layout, and a name by which a store is known from another at the same address."""

    octavo: int
    name: str


class Offered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A result as the shared store tells of it: its entry, and when it ran (seconds since 1970)."""

    entry: Entry
    ran: int


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``.octavo/shared.json``: which results are known to be in the shared store of that address and name."""

    address: str = ""
    name: str = ""
    results: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where the shared store is. ``where`` names the line that says so; ``wait`` is how many seconds a build waits at
    its end for what is still to be sent."""

    address: str
    writes: bool = True
    wait: float = 120.0
    where: str = ""


class Shared:
    """The shared store, for the length of one command."""

    def __init__(self, place: Place, store: Store, listen: Listener, patience: float = remote.PATIENCE) -> None:
        self.place = place
        self.store = store
        self.listen = listen
        self.patience = patience
        self.fetched: set[str] = set()
        self.off = False
        self._writes = place.writes
        self._guard = threading.RLock()
        self._first = threading.Lock()
        self._told: set[str] = set()
        self._asked: dict[str, Future[None]] = {}
        self._damaged: set[str] = set()
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[Remote], None], Future[None]]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._to_send: list[Future[None]] = []
        self._lanes = 0
        self._mark: Mark | None = None
        self._sent = _read_sent(store.state, place.address)
        self._known = set(self._sent.results)
        self._checked = False

    def ask(self, name: str, key: str, digest: keys.FileDigest, folder: Path) -> Future[None] | None:
        """Look for the result of a key and fetch it into the store, in the background.

        Returns what ends when that is done, whether it was there or not, and None where nothing is to be waited for
        any more. ``name`` is the task's, for messages; ``folder`` takes what is unfinished. Raises UsageError.
        """
        self.check()
        asked = self._asked.get(key)
        if self.off or (asked and asked.done()):
            return None
        if asked is None:
            asked = self._begin(FETCH, lambda lane: self._fetch(lane, name, key, digest, folder))
            self._asked[key] = asked
        return asked

    def forget(self, key: str) -> None:
        """Have a key asked for anew: another build was at work on it, and may have ended without a result."""
        self._asked.pop(key, None)

    def look(self, name: str, key: str, digest: keys.FileDigest) -> Future[Entry | None]:
        """Look for the result of a key, and fetch only what tells of it. Raises UsageError."""
        self.check()
        answer: Future[Entry | None] = Future()

        def look(lane: Remote) -> None:
            offered = self._find(lane, name, key, digest)
            answer.set_result(offered.entry if offered else None)

        job = self._begin(FETCH, look)
        job.add_done_callback(lambda _: None if answer.done() else answer.set_result(None))
        return answer

    def offer(self, name: str, folder: Path, entry: Entry, *, made: bool) -> None:
        """Send a result there in the background, unless it is known to be there. Raises UsageError."""
        known = f"{folder.parent.name}/{folder.name}" in self._known and not made
        if not self._writes or self.off or known or CHANGED in entry.reads.values():
            return
        self.check()
        outside = sorted(read for read in entry.reads if not _of_project(read))
        if outside:
            self._tell(
                "outside",
                f"{name} is not shared, since it read {outside[0]}, which lies outside the project. "
                "So it is with all results that do.",
            )
            return
        self._to_send.append(self._begin(SEND, lambda lane: self._send(lane, folder, entry, made)))

    def check(self) -> None:
        """Raise UsageError where the address cannot be one; once."""
        if not self._checked:
            remote.check(self.place.address, self.place.where)
            self._checked = True

    def wait(self) -> None:
        """Wait for what is still to be sent, as long as that may take."""
        begun = time.monotonic()
        pending = wait(self._to_send, 0).not_done
        while pending and not self.off and (waited := time.monotonic() - begun) < self.place.wait:
            if waited > 2:
                self._tell("sending", f"The last results are sent to the shared store {self.place.address}.")
            pending = wait(pending, 0.1).not_done
        if pending and not self.off:
            late = f"{len(pending)} result(s) were not sent in {self.place.wait:.0f} seconds."
            self._tell("left", f"{late} The next build sends them.")

    def close(self) -> None:
        """Begin nothing more, and keep which results are known to be there, where the disk takes it."""
        self.off = True
        with suppress(OSError):  # else the next build asks for them; what ends this one is not to be hidden
            self._remember()

    # What follows runs in the lanes.

    def _begin(self, rank: int, job: Callable[[Remote], None]) -> Future[None]:
        future: Future[None] = Future()
        self._jobs.put((rank, next(self._numbers), job, future))
        if self._lanes < LANES:
            self._lanes += 1
            # Daemons: what hangs there must not hold up the end of the process.
            threading.Thread(target=self._lane, daemon=True).start()
        return future

    def _lane(self) -> None:
        """Do one job after another over a connection of its own; after a fault none any more."""
        lane: Remote | None = None
        while True:
            _, _, job, future = self._jobs.get()
            try:
                if not self.off:
                    lane = lane or self._connected()
                    job(lane)
            except Away as error:
                self._turn_off(str(error))
            except OSError as error:
                self._turn_off(f"its results cannot be kept here: {error.strerror or error}")
            except Exception as error:  # a build never breaks here
                self._turn_off(f"{type(error).__name__}: {error} [this is a bug in Octavo]")
            finally:
                future.set_result(None)

    def _connected(self) -> Remote:
        """Return a connection; the first one finds out what stands there."""
        with self._first:
            if self.off:
                raise Away("it is off already")
            try:
                lane = Remote(self.place.address, self.patience)
                self._mark = self._mark or self._read_mark(lane)
            except Away as error:
                self._turn_off(str(error))  # before the next lane waits for the same
                raise
            if self._mark.name != self._sent.name:  # another store than last time
                self._known -= set(self._sent.results)
                self._sent = Sent(self.place.address, self._mark.name)
        return lane

    def _read_mark(self, lane: Remote) -> Mark:
        """Read what says that this is a store, or write it. Raises Away where it is none."""
        try:
            mark = msgspec.json.decode(b"".join(lane.read(MARK, 200)), type=Mark)
        except Absent:
            if not self._writes:
                raise Away("there is no store of Octavo's yet, and this build only reads") from None
            import secrets

            mark = Mark(LAYOUT, secrets.token_hex(8))
            lane.write(MARK, msgspec.json.encode(mark))
        except ValueError:
            raise Away(f"its {MARK} is not Octavo's") from None
        if mark.octavo != LAYOUT:
            raise Away("another version of Octavo made it")
        return mark

    def _find(self, lane: Remote, name: str, key: str, digest: keys.FileDigest) -> Offered | None:
        """Return the first sound entry of a key whose traced files are as they are here."""
        folder = f"results/{_platform()}/{key}"
        names = {n: size for n, size in lane.names(folder).items() if TRACE.fullmatch(n)}
        for file in sorted(names)[:MOST_ENTRIES]:
            try:
                offered = _sound(lane, f"{folder}/{file}", names[file], key)
            except Refused as error:
                self._refuse(name, str(error))
                continue
            with self._guard:
                if keys.are_so(offered.entry.reads, self.store.root, digest):
                    return offered
        return None

    def _fetch(self, lane: Remote, name: str, key: str, digest: keys.FileDigest, folder: Path) -> None:
        claim = self.store.claim(key)
        if claim is None:  # another build makes or fetches it: that one is waited for
            return
        try:
            if offered := self._find(lane, name, key, digest):
                self._take(lane, offered, folder / f"shared-{next(self._numbers)}")
                self.fetched.add(key)
        except Refused as error:
            self._refuse(name, str(error))
        finally:
            claim.release(remove=True)

    def _take(self, lane: Remote, offered: Offered, made: Path) -> None:
        """Fetch the files of a result and put it into the store of this machine. Raises Refused, Away, OSError."""
        entry = offered.entry
        try:
            for file, (size, digest) in entry.outputs.items():
                self._object(lane, made / file, size, digest, file)
            _, kept = self.store.adopt(made, msgspec.structs.replace(entry, origin=self.place.address, ran=offered.ran))
        except OSError as error:
            if error.errno in UNFIT:
                raise Refused(f"its files cannot lie beside each other here: {error.strerror}") from error
            raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
        if kept.origin:
            os.utime(self.store.folder_of(kept) / ENTRY, (offered.ran, offered.ran))
        self._known.add(_name_of(entry))

    def _object(self, lane: Remote, target: Path, size: int, digest: str, file: str) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = hashlib.sha256()
        try:
            with target.open("xb") as out:
                for chunk in lane.read(_object_name(digest), size):
                    found.update(chunk)
                    out.write(chunk)
        except Absent as error:
            self._damaged.add(digest)
            raise Refused(f"{file} is not there") from error
        if found.hexdigest() != digest or target.stat().st_size != size:
            self._damaged.add(digest)
            raise Refused(f"{file} does not have the bytes that its entry tells of")

    def _send(self, lane: Remote, folder: Path, entry: Entry, made: bool) -> None:
        result = f"results/{_platform()}/{_name_of(entry)}.json"
        if not self._writes:
            return
        if not made and (_name_of(entry) in self._known or lane.size(result) is not None):
            self._known.add(_name_of(entry))
            return
        try:
            ran = entry.ran or int((folder / ENTRY).stat().st_mtime)
            if any(keys.of_file(folder / file) != digest for file, (_, digest) in entry.outputs.items()):
                return  # damaged, or removed meanwhile: the next build finds out
        except OSError:
            return
        try:
            outputs = {file: what for file, what in sorted(entry.outputs.items()) if _of_result(file)}
            for file, (size, digest) in outputs.items():
                self._put(lane, folder / file, size, digest)
            offered = Offered(msgspec.structs.replace(entry, outputs=outputs, origin="", ran=0), ran)
            lane.write(result, msgspec.json.encode(offered))
        except Away as error:
            self._writes = False
            self._tell("unwritable", f"Nothing more is sent to the shared store {self.place.address}: {error}.")
            return
        self._known.add(_name_of(entry))

    def _put(self, lane: Remote, file: Path, size: int, digest: str) -> None:
        name = _object_name(digest)
        if not size:
            return
        if size < SMALL or digest in self._damaged or lane.size(name) != size:
            lane.write(name, file)

    def _refuse(self, name: str, why: str) -> None:
        self._tell(
            "refused",
            f"A result in the shared store was refused: of {name}, {why}. Such results are made here; "
            "further ones are not told.",
        )

    def _turn_off(self, why: str) -> None:
        with self._guard:
            if not self.off:
                self.off = True
                self._tell("off", f"The build goes on without the shared store {self.place.address}: {why}.")

    def _tell(self, about: str, text: str) -> None:
        with self._guard:
            if about not in self._told:
                self._told.add(about)
                self.listen(Noted(text))

    def _remember(self) -> None:
        """Keep which results are there, if that has changed; those that are gone here are forgotten."""
        if self._mark is None or self._known == set(self._sent.results):
            return
        with held(self.store.state / "shared.lock"):
            before = _read_sent(self.store.state, self.place.address)
            others = set(before.results) if before.name == self._mark.name else set()
            known = sorted(name for name in self._known | others if (self.store.state / "store" / name).is_dir())
            sent = Sent(self.place.address, self._mark.name, tuple(known))
            write_atomically(self.store.state / "shared.json", msgspec.json.encode(sent))


def _sound(lane: Remote, path: str, size: int, key: str) -> Offered:
    """Read an entry. Raises Refused where it is not one of that key, or names what it must not."""
    if not 0 < size <= LARGEST_ENTRY:
        raise Refused(f"its entry has {size} bytes")
    try:
        offered = msgspec.json.decode(b"".join(lane.read(path, size)), type=Offered)
    except Absent:
        raise Refused("its entry is gone") from None
    except ValueError as error:
        raise Refused(f"its entry cannot be read: {error}") from None
    if fault := _fault(offered, key, PurePosixPath(path).stem):
        raise Refused(fault)
    return offered


def _fault(offered: Offered, key: str, trace: str) -> str:
    """Return what an entry must not say, whoever wrote it; empty where all is well."""
    entry = offered.entry
    wrong = [file for file in entry.outputs if not _of_result(file)]
    wrong += [name for name in (*entry.reads, *entry.writes) if not _of_project(name)]
    if wrong:
        return f"its entry names {wrong[0]!r}, where nothing of it may lie"
    if any(size < 0 or not DIGEST.fullmatch(digest) for size, digest in entry.outputs.values()):
        return "its entry has a size or a digest that is none"
    if entry.key != key or trace_of(entry.reads) != trace:
        return "its entry belongs to another result"
    if (
        not set(entry.shared) <= entry.reads.keys()
        or not 0 <= offered.ran < LATEST
        or min(entry.seconds, entry.memory) < 0
    ):
        return "its entry has numbers or names that do not fit together"
    if any(CONTROL.search(text) for text in entry.notes):
        return "its entry has notes that would not print as they are"
    return ""


def _inside(name: str) -> bool:
    """Whether a name with slashes stays below the folder that it starts from, on any system."""
    parts = name.split("/")
    return all(part.strip(".") and len(part) <= 255 for part in parts) and not ("\\" in name or CONTROL.search(name))


def _of_result(file: str) -> bool:
    return _inside(file) and file.partition("/")[0] in (OUT, KEPT, LOG)


def _of_project(read: str) -> bool:
    return read == "." or _inside(read)  # the project's own folder may have been listed


def _name_of(entry: Entry) -> str:
    return f"{entry.key}/{trace_of(entry.reads)}"


def _object_name(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _platform() -> str:
    """Return the kind of machine, under which entries lie: a key holds it too, but cannot be read."""
    return f"{sys.platform}-{platform.machine()}"


def _read_sent(state: Path, address: str) -> Sent:
    try:
        sent = msgspec.json.decode((state / "shared.json").read_bytes(), type=Sent)
    except (OSError, ValueError):  # not JSON, or not even text
        return Sent()
    return sent if sent.address == address else Sent()


@contextmanager
def sharing(shared: Shared | None) -> Iterator[Shared | None]:
    """Yield the shared store, if there is one, and wait at the end for what is still to be sent; not after Ctrl-C."""
    try:
        yield shared
        if shared:
            shared.wait()
    finally:
        if shared:
            shared.close()

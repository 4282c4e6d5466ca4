"""Locks between processes, held as long as their holder lives: the system takes them back when it dies, by whatever."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


class Lock:
    """A lock that is held: the file that stands for it, and the descriptor that holds it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor: int | None = descriptor

    def release(self, *, remove: bool = False) -> None:
        """Let go, once; ``remove`` takes the file away as well, for locks of which there would be many."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is None:
            return
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(descriptor)


def take(path: Path, *, shared: bool = False, wait: bool = False, create: bool = True) -> Lock | None:
    """Return the lock of a file or a folder, or None where another has it; ``wait`` waits for that one.

    Any number can hold it ``shared`` at once. A file is made where there is none, unless not to be ``create``d: then
    None is returned. Raises OSError where the file cannot be made.
    """
    while True:
        folder, new = path.is_dir(), os.O_CREAT if create else 0
        try:
            descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR | new, 0o666)
        except FileNotFoundError:
            if create:
                raise
            return None
        if not _lock(descriptor, shared, wait):
            os.close(descriptor)
            return None
        if _is(path, descriptor):
            return Lock(path, descriptor)
        os.close(descriptor)  # who held it took the file away: nobody else would meet us there


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a file for a moment, after whoever has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = take(path, wait=True)
    try:
        yield
    finally:
        if lock:
            lock.release()


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, shared: bool, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: no lock; not a supported platform yet
        return True
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

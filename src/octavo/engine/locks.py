"""Locks between processes, held as long as their holder lives: the system takes them back when it dies, by whatever."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

READ_ONLY = (errno.EROFS, errno.EACCES)  # what a place says that takes no writes


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
    None is returned. Raises OSError where the file cannot be made, or its disk has no locks.
    """
    while True:
        try:
            descriptor = _open(path, create)
        except FileNotFoundError:
            if create:
                raise
            return None
        try:
            got = _lock(descriptor, shared, wait)
        except OSError as error:
            os.close(descriptor)
            raise OSError(error.errno, error.strerror, str(path)) from error
        if not got:
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


def _open(path: Path, create: bool) -> int:
    """Open a file or a folder to be locked; for that it need not be writable, if it is there."""
    if path.is_dir():
        return os.open(path, os.O_RDONLY)
    try:
        return os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o666)
    except OSError as error:
        if error.errno not in READ_ONLY or not path.is_file():
            raise
        return os.open(path, os.O_RDONLY)


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

"""The worker processes of this machine: how they are started, where their temporary files are, what they do."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from octavo.engine import locks, orphans
from octavo.engine.room import DEVICES
from octavo.engine.store import OUT
from octavo.engine.task import Action
from octavo.errors import BuildError, OctavoError

ExecutorMaker = Callable[[], Executor]
DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG
MAKING = 60.0  # seconds after which a folder that has not got its name will not get it any more
SCRATCH = "octavo-run-"  # in the temporary folder; sockets have no room for the longer names of a project


@contextmanager
def processes(jobs: int) -> Iterator[tuple[ExecutorMaker, str]]:
    """Yield a maker of executors with ``jobs`` worker processes, started fresh (no fork of this process).

    With it, the folder of their temporary files: what workers and their kernels leave there is gone afterwards, also
    when they were killed.
    """
    context = multiprocessing.get_context("spawn")
    with _scratch() as scratch:
        initial = (scratch, os.getpid())

        def make() -> Executor:
            return ProcessPoolExecutor(jobs, mp_context=context, initializer=_enter_worker, initargs=initial)

        yield make, scratch


@contextmanager
def _scratch() -> Iterator[str]:
    """Yield a folder for temporary files, held as long as this build lives; those of killed builds are removed."""
    for left in _left():
        if os.access(left, os.W_OK) and (lock := locks.take(left, create=False)):  # its build was killed
            shutil.rmtree(left, ignore_errors=True)
            lock.release()
    made = Path(tempfile.mkdtemp(prefix=f".{SCRATCH}"))
    mine = locks.take(made, shared=True)
    # It has its name only now, when it is held: until then another build that begins would take it for a dead one's.
    scratch = made.rename(made.with_name(f"{SCRATCH}{made.name[1:]}"))
    try:
        yield str(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if mine:
            mine.release()


def _left() -> Iterator[Path]:
    """Yield folders that builds made for temporary files; those that are being made just now are left out."""
    place = Path(tempfile.gettempdir())
    yield from place.glob(f"{SCRATCH}*")
    for unnamed in place.glob(f".{SCRATCH}*"):
        with suppress(FileNotFoundError):
            if time.time() - unnamed.stat().st_mtime > MAKING:
                yield unnamed


class Performed(NamedTuple):
    """What a worker tells of a task: the files it read, its seconds, the bytes of memory it took beyond its own."""

    reads: tuple[Path, ...]
    seconds: float
    memory: int = 0


def perform(
    name: str, action: Action, folder: Path, upstream: Mapping[str, Path], device: str | None = None
) -> Performed:
    """Run an action in a worker, which may use the graphics device ``device``; return what there is to tell of it.

    Raises OctavoError for the user's faults, OSError for the disk's; anything else is a bug and says so.
    """
    start = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / OUT).mkdir(parents=True)
    if device:
        os.environ[DEVICES] = device
    try:
        reads = action(folder, upstream)
        return Performed(reads, time.perf_counter() - start, _memory_of_children())
    except (OctavoError, OSError):
        raise
    except Exception as error:  # the one place where a bug in an action becomes a message
        detail = "".join(traceback.format_exception(error))
        raise BuildError(
            f"{type(error).__name__}: {error} [this is a bug in Octavo]", where=name, hint=detail
        ) from error
    finally:
        orphans.end()


def _memory_of_children() -> int:
    """Return the bytes that the largest process begun here took, beyond those that it shared with this one."""
    try:
        import resource
    except ImportError:
        return 0
    children, own = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return int(max(0, children - own) * (1 if sys.platform == "darwin" else 1024))


def _enter_worker(scratch: str, runner: int) -> None:
    """Leave the terminal's process group, so that Ctrl-C is the runner's alone; end when the runner is gone."""
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    if hasattr(os, "setsid"):
        os.setsid()
    orphans.adopt()
    if sys.platform == "linux":  # a thread gets no turn while a cell of the worker's own is deep in C
        import ctypes

        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
    if os.getppid() != runner:
        os._exit(1)  # it died before it could be noticed

    def watch() -> None:
        while os.getppid() == runner:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

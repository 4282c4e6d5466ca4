"""In a process forked from one that has the imports loaded: become a kernel as good as one that was just started."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

MEMORY = "octavo_memory"  # in a kernel's answer to what it is: bytes that it took beyond those that it was forked with
LIFELINE = 5  # the descriptor whose other end the worker holds: when the worker is gone, so is the kernel


def become_kernel(
    arguments: Sequence[str], requests: int, messages: int, output: int, errors: int, lifeline: int
) -> NoReturn:
    """Tell ``lifeline`` this process's id, then be a kernel on these pipes until ``requests`` ends.

    Nothing of the process that it was forked from stays open.
    """

    def run() -> None:
        _take_descriptors(requests, messages, output, errors, lifeline)
        _end_with_worker()
        os.write(LIFELINE, b"%d\n" % os.getpid())
        as_new()
        from octavo.notebooks.kernel import run

        run(3, 4, arguments)

    to_its_end(run)


def to_its_end(run: Callable[[], None]) -> NoReturn:
    """Run a kernel, then end as an interpreter does."""
    code = 1
    try:
        run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        _finish(code)


def _finish(code: int) -> NoReturn:
    """End as an interpreter does: threads that must be waited for, what was registered for the end, then nothing."""
    import atexit

    # Each may raise, or be a user's: the others are done all the same.
    with suppress(BaseException):
        threading._shutdown()  # type:ignore[attr-defined]
    with suppress(BaseException):
        atexit._run_exitfuncs()
    with suppress(BaseException):
        sys.stdout.flush()
    with suppress(BaseException):
        sys.stderr.flush()
    os._exit(code)


def _take_descriptors(requests: int, messages: int, output: int, errors: int, lifeline: int) -> None:
    """Put requests at 3, messages at 4, the lifeline at 5, output and errors at their places; close everything else."""
    high = [os.dup(d) for d in (output, errors, requests, messages, lifeline)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    moved = [os.dup2(h, 100 + i) for i, h in enumerate((nothing, *high))]
    for place, descriptor in enumerate(moved):
        os.dup2(descriptor, place, inheritable=place < 3)
    os.closerange(LIFELINE + 1, 65536)


def _end_with_worker() -> None:
    """Have the system kill this process when the worker is gone: a cell may be deep in C, or ignore other signals."""
    fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(LIFELINE, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(LIFELINE, fcntl.F_SETFL, fcntl.fcntl(LIFELINE, fcntl.F_GETFL) | os.O_ASYNC)


def as_new(arguments: Sequence[str] = ()) -> None:
    """Undo what having been imported long ago makes different from a kernel just started with ``arguments``."""
    import builtins

    import __main__

    sys.argv[:] = [launcher(), *arguments]
    extra = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    sys.path[:] = [*extra, *(p for p in sys.path if p not in extra)]
    __main__.__dict__.clear()
    __main__.__dict__.update(__name__="__main__", __builtins__=builtins)
    sys.modules.pop("matplotlib_inline.backend_inline", None)  # hooks itself into the shell when it is imported
    _thread_numbers()
    if process := sys.modules.get("multiprocessing.process"):
        vars(process)["ORIGINAL_DIR"] = str(Path.cwd())  # where processes that are spawned look for modules
    if matplotlib := sys.modules.get("matplotlib"):
        backend = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"
        matplotlib.rcParams["backend"] = backend
    other_random_numbers()


def other_random_numbers() -> None:
    """Draw other random numbers, wherever nobody gave a seed, than all that is forked from the same process."""
    if random := sys.modules.get("numpy.random"):
        random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()
    if standin := sys.modules.get("octavo.notebooks.standin"):
        standin.UNSEEDED.renew()


@cache
def launcher() -> str:
    """Return the path of the program that a kernel is, when it is started."""
    import importlib.util

    found = importlib.util.find_spec("ipykernel_launcher")
    return found.origin if found and found.origin else "ipykernel_launcher"


def _thread_numbers() -> None:
    """Give numerical libraries, which were loaded with one thread each, what the environment says."""
    if not (warm := sys.modules.get("octavo.notebooks.warm")):
        return
    cores = len(os.sched_getaffinity(0))
    openmp = _number("OMP_NUM_THREADS") or cores
    blas = _number("OPENBLAS_NUM_THREADS") or _number("MKL_NUM_THREADS") or openmp
    warm.THREADS.limit(limits={"blas": blas, "openmp": openmp})


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "").split(",")[0]
    return int(text) if text.isdigit() else None

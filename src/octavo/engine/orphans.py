"""No process stays behind: what a worker's own processes began becomes the worker's when these end, and ends with it.

A notebook may begin programs that leave its session and its process group. On Linux a process can ask to be given the
orphans among its descendants; elsewhere such programs are not found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

SET_SUBREAPER, GET_SUBREAPER = 36, 37  # of prctl(2)
PATIENCE = 2.0  # seconds for which killed processes are waited for


def adopt() -> None:
    """Be given the orphans among all that this process begins, from now on."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(SET_SUBREAPER, 1, 0, 0, 0)


def adopts() -> bool:
    """Whether this process is given the orphans among its descendants."""
    if sys.platform != "linux":
        return False
    import ctypes

    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(GET_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


def end() -> None:
    """End all processes that this one began or was given, and those that these began, where it adopts them."""
    if not adopts():
        return
    last = time.monotonic() + PATIENCE
    while kill(()) and time.monotonic() < last:  # what the killed ones began is given to this process next
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.001)


def kill(spared: Collection[int]) -> int:
    """Kill the children of this process but those that are ``spared``; return how many there were."""
    pids = [pid for pid in _children() if pid not in spared]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def _children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            found += map(int, thread.read_text().split())
    return found

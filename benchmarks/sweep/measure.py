"""Run commands and say what they took: seconds, processor time of all that they started, memory, notebooks executed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # comes with ipykernel

LIMIT = 3600.0  # seconds that a command may take
KIB = 1024 / 1e6  # in MB
CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl


class Failed(Exception):
    """A command failed; the message holds its last words."""


@dataclass(frozen=True)
class Taken:
    """What a command took: ``seconds`` by the clock, ``processor`` seconds (user and system), peak ``memory`` (MB)."""

    seconds: float
    processor: float
    memory: float


@dataclass(frozen=True)
class Counted:
    """What was executed: points, summaries, and how many results the last summary read (None: it did not run)."""

    points: int
    summaries: int
    read: int | None


def adopt() -> None:
    """Become the parent of what outlives its own parent (a zygote, a server), so that its processor time is seen."""
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Taken:
    """Run a command to its end; what it prints goes to ``log``. Raises Failed when it fails or takes too long."""
    _reap()
    before = processor_seconds()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as printed:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _ended_with(process):
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        words = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise Failed(f"`{' '.join(command)}` in {folder} ended with {process.returncode} (log: {log}):\n{words}")
    # ru_maxrss counts this process as well, which is copied to start the command: keep it small.
    return Taken(round(seconds, 3), round(processor_seconds() - before, 2), round(used.ru_maxrss * KIB, 1))


@contextlib.contextmanager
def _ended_with(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a command and its children when we are interrupted, or when it takes too long."""

    def late(_number: int, _frame: object) -> None:
        raise Failed(f"It took longer than {LIMIT:.0f} s: {process.args!r}")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def processor_seconds() -> float:
    """Return the processor time that all our children ever took, with those that still live."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])  # own user and system, and those of its ended children
    return total


def end_all() -> None:
    """End whatever of our commands is still there: a server that did not end with the tool that started it."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def _reap() -> None:
    """Take note of adopted processes that ended meanwhile, before the next measurement begins."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def counted(count: Path) -> Counted:
    """Read what the executed notebooks added to the count file."""
    lines = [line.split() for line in count.read_text(encoding="utf-8").splitlines()] if count.is_file() else []
    read = [int(line[1]) for line in lines if line[0] == "summary"]
    return Counted(sum(line[0] == "point" for line in lines), len(read), read[-1] if read else None)


def proportional(process: psutil.Process) -> float:
    """Return the PSS of a process in MB: what it holds alone, and its part of what it shares."""
    for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIB
    raise Failed(f"/proc/{process.pid}/smaps_rollup has no line Pss.")

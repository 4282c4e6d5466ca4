"""Where a worker gets its kernel from: a process forked with the notebooks' imports loaded, which waits for a call.

Who forks is not known here: whoever begins the worker says it (``use``). In a worker that was told nothing, the kernel
is started.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol


class Forked(Protocol):
    """A process with the imports loaded, for one kernel."""

    def begin(self, call: Callable[..., object], arguments: Sequence[Any], files: Sequence[int]) -> None:
        """Have it do a call, with this process's environment, folder and these open files. Raises OSError."""
        ...

    def close(self) -> None:
        """Need it no more. One that was given no call ends."""
        ...


TOLD: ContextVar[Forked | None] = ContextVar("TOLD", default=None)  # papermill, which is between, has no place for it


def use(forked: Forked) -> None:
    """Make the kernel of this process of ``forked``."""
    TOLD.set(forked)


def told() -> Forked | None:
    """Return what the kernel of this process is made of; None where it is started."""
    return TOLD.get()

"""Where the workers of a build get their kernels from: a process with the notebooks' imports loaded, which forks them.

Who forks is not known here: whoever begins the worker says it (``use``). In a worker that was told nothing, kernels are
started.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Forks(Protocol):
    """Forks processes with the imports loaded."""

    def connect(self) -> socket.socket:
        """Return a connection to a process just forked, which waits for a call. Raises OSError."""
        ...

    def begin(
        self, connection: socket.socket, call: Callable[..., object], arguments: Sequence[Any], files: Sequence[int]
    ) -> None:
        """Have the process do a call, with this process's environment, folder and these open files. Raises OSError."""
        ...


_told: list[Forks] = []


def use(forks: Forks) -> None:
    """Fork the kernels of this process with ``forks`` from now on."""
    _told[:] = [forks]


def told() -> Forks | None:
    """Return what forks the kernels of this process; None where they are started."""
    return _told[0] if _told else None

"""What there is to see of the paper: written by the one who makes it, read by those who show it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

import msgspec

from octavo.errors import OctavoError, Problems


class Fault(msgspec.Struct, frozen=True):
    """An error as it is shown: what, where, and the way out."""

    what: str
    where: str
    hint: str


class State(msgspec.Struct, frozen=True):
    """What there is to see. ``number`` grows with every change; ``files`` are the last good ones, by name.

    ``working``: something was saved, and is not shown yet. ``stale`` tells of each notebook whose results are older
    than it is, and why.
    """

    number: int = 0
    working: bool = True
    errors: tuple[Fault, ...] = ()
    stale: Mapping[str, str] = msgspec.field(default_factory=dict)
    files: Mapping[str, bytes] = msgspec.field(default_factory=dict)

    def told(self) -> bytes:
        """Return the state as JSON, the files by their digests."""
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        return msgspec.json.encode(msgspec.structs.asdict(self) | {"files": digests})


class Board:
    """Where the state is; any number of threads may wait for the next one."""

    def __init__(self) -> None:
        self.state = State()
        self._changed = threading.Condition()

    def show(self, **changes: object) -> None:
        """Change some of the state."""
        with self._changed:
            self.state = msgspec.structs.replace(self.state, number=self.state.number + 1, **changes)
            self._changed.notify_all()

    def wait(self, number: int, seconds: float) -> State:
        """Return the state once it is another than that of ``number``, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.state.number != number, seconds)
            return self.state


def faults(errors: tuple[OctavoError, ...]) -> tuple[Fault, ...]:
    """Return errors as they are shown, each once."""
    each = (p for error in errors for p in (error.problems if isinstance(error, Problems) else (error,)))
    return tuple(dict.fromkeys(Fault(p.what, p.where, p.hint) for p in each))

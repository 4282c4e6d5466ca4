"""The records of the engine: a task, what its action is given, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from octavo.errors import OctavoError

# Every part of a key, in the order in which a change of it is given as the reason. What stands in LAST is asked for
# after the results that a task depends on, which say more of the same change.
REASONS = ("code", "parameter", "data file", "module", "environment", "kernel", "tool")
LAST = ("sweep", "notebooks")


class Action(Protocol):
    """What a task does, in a process of its own. It must be picklable.

    It writes its artifacts below ``folder/out``, what is only for tasks that ask for it below ``folder/kept``, and what
    is only for a reader (an executed notebook) below ``folder/log``, and returns the files that it was seen to read.
    ``upstream`` has the ``out`` folder of every task that it depends on; ``kept`` lies beside that.
    """

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]: ...


@dataclass(frozen=True)
class Task:
    """One piece of work. ``parts`` maps a reason of REASONS or LAST to the digest of what stands behind it.

    ``retries`` is how often it is tried again when its worker or kernel was lost; with ``retry_errors``, also when it
    failed in another way. With ``kept`` it also depends on what the tasks before it keep beside their artifacts,
    and runs it: of results that were fetched, only of those from the address that it ``trusts``.
    """

    name: str
    parts: Mapping[str, str]
    action: Action
    after: tuple[str, ...] = ()
    device: bool = False  # it needs a graphics device for itself
    retries: int = 1
    retry_errors: bool = False
    kept: bool = False
    trusts: str = ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the store keeps beside the files of a result.

    ``outputs`` maps every file (relative, with slashes) to its size and SHA-256; ``reads`` maps what was read while it
    ran to its SHA-256 (relative to the project where it lies inside), or to whether it was there, where only that
    counts (see filenames.presence); ``seconds`` is the time that it took; ``memory``
    is the bytes that it needed (0: not known). Of ``reads``, those in ``shared`` were perhaps read by another task
    that ran beside it. ``writes`` are files of the project that it left there, of which the store keeps nothing.
    ``notes`` are sentences for the user. ``origin`` is the address of the shared store that it was fetched from (empty:
    it was made here). ``ran`` is when it was made, in seconds since 1970 (0: not known): the time of its file is
    another once the store was copied.
    """

    key: str
    outputs: dict[str, tuple[int, str]]
    reads: dict[str, str]
    seconds: float
    memory: int = 0
    shared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    origin: str = ""
    ran: int = 0
    writes: tuple[str, ...] = ()


class Doubts(msgspec.Struct, frozen=True):
    """What an action may leave in ``folder/doubts.json``: what is to be known of the files that it says it read.

    Names are as in ``Entry.reads``. ``perhaps``: another task that ran beside it may have read them; ``changed``: they
    were written to after they had been read; ``presence``: of these only counts whether they are there (see
    filenames.presence); ``writes``: files of the project that it left there; ``notes``: sentences for the user.
    ``memory``: bytes that processes took which the worker's own did not begin.
    """

    perhaps: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    presence: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    memory: int = 0


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered of a task's last result, to say why it is stale and how long it may take.

    ``state`` tells its files as they were when they were last read whole: while it is the same, they still are.
    """

    parts: dict[str, str]
    upstream: dict[str, str]
    entry: Entry
    state: str = ""


class Status(StrEnum):
    """What became of a task."""

    STORED = "stored"
    RAN = "ran"
    FAILED = "failed"
    HELD = "held"


@dataclass(frozen=True)
class Outcome:
    """The end of a task. ``folder`` and ``entry`` are there when it has a result.

    ``reason`` says why it ran, or, for a task that was held back, which one it waited for; ``tries`` how often it was
    begun. ``fetched``: its result came from the shared store in this build. ``state`` tells its files as they were just
    before they were read whole, or when they were made.
    """

    task: Task
    status: Status
    folder: Path | None = None
    entry: Entry | None = None
    reason: str = ""
    seconds: float = 0.0
    error: OctavoError | None = None
    upstream: Mapping[str, str] = field(default_factory=dict)
    tries: int = 1
    fetched: bool = False
    state: str = ""

    @property
    def done(self) -> bool:
        """Whether there is a result to use."""
        return self.status in (Status.STORED, Status.RAN)

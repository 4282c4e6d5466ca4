"""Typed events that leave the runner. Printing them is the command line's work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from octavo.engine.task import Outcome


@dataclass(frozen=True)
class Planned:
    """The run begins: so many tasks in all."""

    total: int


@dataclass(frozen=True)
class Started:
    """A task was given to a worker, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Ended:
    """A task came to its end: from the store, run, failed, or held back."""

    outcome: Outcome


@dataclass(frozen=True)
class Noted:
    """Something that the user may want to know, in a sentence; nothing is wrong."""

    text: str


Event = Planned | Started | Ended | Noted
Listener = Callable[[Event], None]

"""How a build shows itself: a live line on a terminal, plain lines elsewhere, nothing with ``--json``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from octavo.engine.events import Ended, Event, Listener, Noted, Planned, Started
from octavo.engine.task import Outcome, Status

if TYPE_CHECKING:
    from rich.progress import Progress


class Counts:
    """What is known of a build so far, and how long it may still take. A command's next build is counted anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._begin()

    def _begin(self) -> None:
        self.begun = self.clock()
        self.total = 0
        self.running: dict[str, str] = {}
        self.ended: dict[Status, int] = dict.fromkeys(Status, 0)
        self.fetched = 0

    def note(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, Planned):
            if self.done:
                self._begin()
            self.total = event.total
        elif isinstance(event, Started):
            self.running[event.name] = event.reason
        elif isinstance(event, Ended):
            self.running.pop(event.outcome.task.name, None)
            self.ended[event.outcome.status] += 1
            self.fetched += event.outcome.fetched

    @property
    def done(self) -> int:
        """How many tasks came to an end, of whatever kind."""
        return sum(self.ended.values())

    def seconds_left(self) -> float | None:
        """Return a guess from the pace so far; None while nothing ran."""
        ran = self.ended[Status.RAN] + self.ended[Status.FAILED]
        if not ran:
            return None
        return (self.clock() - self.begun) / ran * (self.total - self.done)

    def words(self) -> str:
        """Return the state in one line."""
        parts = [f"{self.done}/{self.total} done", f"{len(self.running)} running"]
        names = {Status.STORED: "from the store", Status.FAILED: "failed", Status.HELD: "held back"}
        parts += [f"{self.ended[status]} {name}" for status, name in names.items() if self.ended[status]]
        left = self.seconds_left()
        return " · ".join([*parts, f"about {_duration(left)} left"] if left and self.done < self.total else parts)


@contextmanager
def shown(*, quiet: bool) -> Iterator[tuple[Listener, Counts]]:
    """Yield a listener that shows a build while it runs."""
    counts = Counts()
    if quiet:
        yield counts.note, counts
    elif sys.stderr and sys.stderr.isatty():
        with _live() as progress:
            yield _live_listener(progress, counts), counts
    else:
        yield _plain_listener(counts), counts


def line(outcome: Outcome) -> str:
    """Return the line that tells of a task's end."""
    name = outcome.task.name
    if outcome.status is Status.RAN:
        return f"ran     {name}  {outcome.seconds:.1f} s  ({outcome.reason})"
    if outcome.status is Status.FAILED:
        return f"FAILED  {name}"
    return f"held    {name}  ({outcome.reason})"


def _plain_listener(counts: Counts) -> Listener:
    def listen(event: Event) -> None:
        counts.note(event)
        if isinstance(event, Ended) and event.outcome.status is not Status.STORED:
            print(f"[{counts.done}/{counts.total}] {line(event.outcome)}", file=sys.stderr, flush=True)
        elif isinstance(event, Noted):
            print(event.text, file=sys.stderr, flush=True)

    return listen


@contextmanager
def _live() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=30), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as progress:
        yield progress


def _live_listener(progress: Progress, counts: Counts) -> Listener:
    task = progress.add_task("", total=None, words="")

    def listen(event: Event) -> None:
        counts.note(event)
        progress.update(task, total=counts.total, completed=counts.done, words=counts.words())
        if isinstance(event, Ended) and event.outcome.status in (Status.FAILED, Status.HELD):
            progress.console.print(line(event.outcome), markup=False, highlight=False)
        elif isinstance(event, Noted):
            progress.console.print(event.text, markup=False, highlight=False)

    return listen


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"

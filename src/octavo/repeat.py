"""Execute points again, in ordinary kernels and into a store of their own, and compare what they record with the store.

It finds what a key cannot know: a clock, a network, a seed that was not set, a library that counts on another order.
"""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from octavo import pipeline
from octavo.engine.events import Ended, Event, Listener, Started
from octavo.engine.graph import needed
from octavo.engine.room import measure
from octavo.engine.runner import build
from octavo.engine.store import Store
from octavo.engine.task import Outcome, Status
from octavo.figures import accepted, compare
from octavo.model import Results, Source, Verdict
from octavo.planning import Plan

AGAIN = "again"  # why a point ran


@dataclass(frozen=True)
class Repeated:
    """What came of executing ``points`` again, of ``total``: a verdict for each result, and the runs that failed."""

    points: tuple[str, ...]
    total: int
    verdicts: tuple[Verdict, ...]
    failed: tuple[Outcome, ...]


def choose(points: Sequence[str], share: float | None) -> tuple[str, ...]:
    """Return all points, or a random ``share`` of them, at least one, in their order."""
    if share is None:
        return tuple(points)
    chosen = set(random.sample(list(points), max(1, math.ceil(share * len(points))))) if points else set()
    return tuple(point for point in points if point in chosen)


def repeat(whole: Plan, outcomes: Mapping[str, Outcome], share: float | None, listen: Listener) -> Repeated:
    """Execute the points of a plan again, or a random ``share``, and compare with their ``outcomes`` in the store."""
    every = [name for names in whole.points.values() for name in names if outcomes.get(name) and outcomes[name].done]
    points = choose(every, share)
    project = msgspec.structs.replace(whole.project, kernels="ordinary", executor="local", on="")
    tasks = needed(whole.tasks, whole.with_drawings(points))
    chosen = set(whole.with_drawings(points))
    listen = _again(listen)
    with tempfile.TemporaryDirectory(dir=project.state, prefix="repeat-", ignore_cleanup_errors=True) as folder:
        store = Store(Path(folder), project.root)
        for task in tasks:
            if task.name not in chosen:  # what the chosen ones read, and is not in doubt
                _copy(outcomes[task.name], store)
        with pipeline.place(replace(whole, project=project), whole.jobs(), listen) as make_executor:
            again = build(
                tasks,
                store,
                make_executor=make_executor,
                jobs=whole.jobs(),
                listen=listen,
                room=measure(project.gpus),
            )
        ended = [name for name in points if all(again[task].done for task in whole.with_drawings([name]))]
        then, now = (_snapshot(whole, found, ended) for found in (outcomes, again))
        verdicts = _compared(then, now, project.tolerances)
    failed = tuple(again[task] for task in whole.with_drawings(points) if not again[task].done)
    return Repeated(points, len(every), verdicts, failed)


def _again(listen: Listener) -> Listener:
    """Return a listener that hears of points as run again: to the store of their own, all of them are new."""

    def hear(event: Event) -> None:
        if isinstance(event, Started):
            event = replace(event, reason=AGAIN)
        elif isinstance(event, Ended) and event.outcome.status is not Status.HELD:
            event = Ended(replace(event.outcome, reason=AGAIN))
        listen(event)

    return hear


def _copy(outcome: Outcome, store: Store) -> None:
    assert outcome.folder and outcome.entry
    shutil.copytree(outcome.folder, store.folder_of(outcome.entry))


def _snapshot(whole: Plan, outcomes: Mapping[str, Outcome], points: Sequence[str]) -> accepted.Snapshot:
    nowhere = Source("", {}, "")
    found = {name: pipeline.result_of(whole, outcomes[name], outcomes, nowhere) for name in points}
    return accepted.snapshot(Results(found))


def _compared(then: accepted.Snapshot, now: accepted.Snapshot, tolerances: Mapping[str, float]) -> tuple[Verdict, ...]:
    names = [*then.values, *then.tables, *then.figures]
    known = {name: t for name, t in tolerances.items() if name == compare.DEFAULT or name.partition(":")[0] in names}
    return compare.compare(now, accepted.take(None, then, names, "what the store has"), known)

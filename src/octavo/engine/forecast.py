"""What a build would do, before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from octavo.engine.graph import ordered
from octavo.engine.run import Run
from octavo.engine.shared import Shared
from octavo.engine.staleness import Decision
from octavo.engine.store import Store
from octavo.engine.task import Entry, Outcome, Status, Task


@dataclass(frozen=True)
class Forecast:
    """What a build would do: why each ``stale`` task would run; which would come from the shared store (``offered``);
    which came from it before (``fetched``); the results of the others (``known``)."""

    stale: Mapping[str, str]
    offered: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    known: Mapping[str, Outcome] = field(default_factory=dict)


def plan(tasks: Sequence[Task], store: Store, forced: Collection[str] = ()) -> dict[str, str]:
    """Return why each stale task would run, by name, before anything runs. A task not named is up to date."""
    return dict(forecast(tasks, store, forced).stale)


def forecast(
    tasks: Sequence[Task], store: Store, forced: Collection[str] = (), shared: Shared | None = None
) -> Forecast:
    """Return what a build would do, before anything runs. The shared store is asked only where it is given."""
    run = Run(store, {}, forced=forced)
    stale: dict[str, str] = {}
    order = ordered(tasks)
    left: Sequence[Task] = order
    while left:
        asked: list[_Asked] = []
        unsettled, later = set[str](), list[Task]()
        for task in left:
            if unsettled.intersection(task.after):
                later.append(task)
            elif question := _foresee(run, task, stale, shared):
                asked.append(question)
            else:
                continue
            unsettled.add(task.name)
        for task, decision, answer in asked:
            if entry := answer.result():
                run.end(Outcome(task, Status.STORED, None, entry, upstream=run.upstream(task)))
            else:
                stale[task.name] = decision.reason
        left = later
    known = [run.outcomes[task.name] for task in order if task.name in run.outcomes]
    return Forecast(
        {task.name: stale[task.name] for task in order if task.name in stale},
        tuple(outcome.task.name for outcome in known if not outcome.folder),
        tuple(outcome.task.name for outcome in known if outcome.folder and outcome.entry and outcome.entry.origin),
        {outcome.task.name: outcome for outcome in known if outcome.folder},
    )


_Asked = tuple[Task, Decision, Future[Entry | None]]


def _foresee(run: Run, task: Task, stale: dict[str, str], shared: Shared | None) -> _Asked | None:
    """Note what would become of a task, or return what the shared store was asked about it."""
    waiting = [name for name in task.after if name in stale]
    if waiting:
        stale[task.name] = run.own_reason(task) or f"upstream: {waiting[0]} will run"
        return None
    decision = run.decide(task)
    if decision.stored:
        run.end(run.stored(task, decision))
    elif shared and task.name not in run.forced:
        return task, decision, shared.look(task.name, decision.key, run.digest)
    else:
        stale[task.name] = decision.reason
    return None

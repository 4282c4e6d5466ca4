"""The order of tasks: what must come before what."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from octavo.engine.task import Task
from octavo.errors import UsageError


def ordered(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Return the tasks so that each comes after all of them that it depends on, else in the order given.

    Raises UsageError when tasks wait for each other in a circle.
    """
    by_name = {task.name: task for task in tasks}
    sorter = TopologicalSorter({name: [n for n in task.after if n in by_name] for name, task in by_name.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise UsageError(
            f"These wait for each other: {circle}.", hint="Take one octavo.sweep(…) out of one of them."
        ) from error
    rank = {name: position for position, name in enumerate(by_name)}
    result: list[Task] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=rank.__getitem__)
        result += [by_name[name] for name in ready]
        sorter.done(*ready)
    return tuple(result)


def needed(tasks: Iterable[Task], wanted: Iterable[str]) -> tuple[Task, ...]:
    """Return the wanted tasks with all that they depend on, at any depth, in the order given."""
    by_name = {task.name: task for task in tasks}
    todo, seen = list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += by_name[name].after
    return tuple(task for name, task in by_name.items() if name in seen)

"""Which task comes next: of those that wait for nothing any more, the one of the highest rank."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from octavo.engine.task import Task


class Schedule:
    """The tasks that are still to be begun. Taking one and ending one cost the same for ten tasks and for a million."""

    def __init__(self, tasks: Sequence[Task], seconds: Mapping[str, float]) -> None:
        """Take tasks, each after all that it depends on; ``seconds`` is how long they took last time.

        What is not among them is waited for by nobody.
        """
        order = sorted(range(len(tasks)), key=lambda index: -seconds.get(tasks[index].name, 0.0))
        self.tasks = [tasks[index] for index in order]
        self.rank = {task.name: rank for rank, task in enumerate(self.tasks)}
        self.missing = {task.name: len(self.rank.keys() & set(task.after)) for task in self.tasks}
        self.readers: dict[str, list[str]] = {}
        for task in self.tasks:
            for name in set(task.after):
                self.readers.setdefault(name, []).append(task.name)
        self.ready = [rank for rank, task in enumerate(self.tasks) if not self.missing[task.name]]
        self.left = len(self.tasks)

    def take(self) -> Task | None:
        """Return the next task that waits for nothing, and take it out."""
        if not self.ready:
            return None
        self.left -= 1
        return self.tasks[heapq.heappop(self.ready)]

    def put_back(self, task: Task) -> None:
        """Have a task that was taken wait again, in its old place."""
        self.left += 1
        heapq.heappush(self.ready, self.rank[task.name])

    def end(self, name: str) -> None:
        """Note that a task has come to its end: those that waited for it alone can begin."""
        for reader in self.readers.get(name, ()):
            self.missing[reader] -= 1
            if not self.missing[reader]:
                heapq.heappush(self.ready, self.rank[reader])

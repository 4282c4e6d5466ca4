"""What many tasks cost the runner: a fake cluster that runs nothing and answers at once. Processor time and memory.

python -m benchmarks.many [--tasks 20000] [--room 2000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from octavo.engine.pool import Performed
from octavo.engine.runner import build
from octavo.engine.store import Store
from octavo.engine.task import Task

RECORD = b'{"values":{"att":{"number":1794.34,"se":632.85,"unit":"USD"}},"tables":{},"figures":{}}'


class Fake(Executor):
    """A cluster with room for so many tasks: when it is full, the one that it was given first comes to its end."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.given: list[tuple[Future[Any], Path]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append((future, args[2]))
        if args[0] in ("last", "summary"):
            self.answer(len(self.given))
        elif len(self.given) >= self.places:
            self.answer(1)
        return future

    def answer(self, number: int) -> None:
        """End the oldest tasks."""
        for future, folder in self.given[:number]:
            (folder / "out").mkdir(parents=True)
            (folder / "out" / "record.json").write_bytes(RECORD)
            future.set_result(Performed((), 10.0))
        self.given = self.given[number:]


class Nothing:
    """An action that is never called."""

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        raise AssertionError


def main() -> None:
    """Build ``--tasks`` fake points and a summary that reads them all, then once more with nothing to do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--room", type=int, default=2_000)
    given = parser.parse_args()
    names = [f"point/seed={n}" for n in range(given.tasks - 1)] + ["last"]
    tasks = [Task(name, {"code": "1", "parameter": name}, Nothing()) for name in names]
    tasks.append(Task("summary", {"code": "2"}, Nothing(), tuple(names)))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / ".octavo", Path(folder))
        for what in ("clean", "nothing to do"):
            begun = time.process_time()
            build(tasks, store, make_executor=lambda: Fake(given.room), jobs=given.room, listen=lambda event: None)
            seconds = time.process_time() - begun
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            each = 1000 * seconds / len(tasks)
            print(
                f"{what}: {seconds:.1f} s of processor time, {each:.2f} ms a task, {memory:.0f} MB at most", flush=True
            )


if __name__ == "__main__":
    main()

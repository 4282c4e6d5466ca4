"""A project of many points whose results are all in the store: what does a build cost that has nothing to do?

``python -m benchmarks.sweep.scale FOLDER COUNT`` writes such a project. Kernels are not run for it: the engine builds
its tasks as ever, with an action that writes what a trivial notebook would have recorded.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from benchmarks.sweep import work

PROJECT = """\
[tool.octavo]

[tool.octavo.sweeps.trivial]
notebook = "notebooks/trivial.ipynb"
grid = {{ n = {{ count = {count} }} }}
"""
CELLS = [("parameters", "n = 0"), ("code", 'import octavo\noctavo.value("twice", 2 * n)')]


@dataclasses.dataclass(frozen=True)
class Recorded:
    """The action of a trivial point that does not run: it leaves the same files as one that does."""

    n: int
    executed: str

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        """Write the record and the executed notebook; nothing was read."""
        import msgspec

        from octavo.model import Record, Value

        (folder / "log").mkdir()
        record = Record(values={"twice": Value(number=2 * self.n)})
        (folder / "out" / "record.json").write_bytes(msgspec.json.encode(record))
        (folder / "log" / "notebook.ipynb").write_text(self.executed, encoding="utf-8")
        return ()


class Here(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of a call that is done."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def seed(folder: Path, count: int) -> None:
    """Write a project of ``count`` points and fill its store."""
    from octavo import planning, project
    from octavo.engine import runner

    (folder / "notebooks").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(count=count), encoding="utf-8")
    executed = work.notebook(CELLS)
    (folder / "notebooks" / "trivial.ipynb").write_text(executed, encoding="utf-8")
    whole = planning.make_plan(project.read(folder))
    actions = {name: Recorded(int(given["n"]), executed) for name, given in whole.parameters.items()}  # type: ignore[arg-type]
    tasks = [dataclasses.replace(task, action=actions[task.name]) for task in whole.tasks]
    runner.build(tasks, whole.store(), make_executor=Here, jobs=1, listen=lambda event: None)


if __name__ == "__main__":
    seed(Path(sys.argv[1]), int(sys.argv[2]))

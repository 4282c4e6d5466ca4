"""Make the paper anew, as `octavo build paper` does, by processes that stay: what they have loaded is not loaded again.

Notebooks are not run: their last results are taken, and it is told which of them are stale.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octavo import pipeline, planning, project
from octavo.document import parser
from octavo.engine import upkeep
from octavo.engine.events import Ended, Event
from octavo.engine.forecast import forecast
from octavo.engine.graph import needed
from octavo.engine.pool import perform, processes
from octavo.engine.runner import build
from octavo.engine.store import OUT
from octavo.engine.task import Outcome, Status, Task
from octavo.errors import BuildError, OctavoError, UsageError, disk_error, raise_all
from octavo.outputs import WriteDocument
from octavo.planning import Plan
from octavo.preview import watch

CONTENT, PDF, HTML = "paper.content", "paper.pdf", "paper.html"
DOCUMENTS = (CONTENT, PDF, HTML)
LATER = 5  # by how much the page gives way to the PDF, which is waited for, where others are at work (see nice(1))
Finished = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Basis:
    """What notebooks gave for the paper. ``settled`` are their last results, by task; ``stale`` tells which notebooks
    have changed since, and why; ``missing`` have no result at all."""

    settled: Mapping[str, Outcome]
    stale: Mapping[str, str]
    missing: tuple[str, ...]

    def same(self, other: Basis) -> bool:
        """Whether nothing else could come of it."""
        return (self._keys(), self.stale, self.missing) == (other._keys(), other.stale, other.missing)

    def _keys(self) -> dict[str, tuple[str, Mapping[str, tuple[int, str]]]]:
        return {n: (o.entry.key, o.entry.outputs) for n, o in self.settled.items() if o.entry}


@dataclass(frozen=True)
class Made:
    """What came of it: the ``files`` that were made, by name, the ``errors``, the ``stale`` notebooks."""

    files: Mapping[str, bytes]
    errors: tuple[OctavoError, ...]
    stale: Mapping[str, str]


def notebooks(whole: Plan) -> list[str]:
    """Return the tasks of notebooks that the paper needs. Raises UsageError where there is no paper."""
    if whole.project.paper is None:
        hint = 'Name it in pyproject.toml: [tool.octavo.paper], source = "paper/paper.md".'
        raise UsageError("This project has no paper, so there is nothing to serve.", hint=hint)
    before = {name for task in whole.tasks if task.name in DOCUMENTS for name in task.after}
    return [task.name for task in whole.tasks if task.name in before and task.name not in DOCUMENTS]


def basis(whole: Plan) -> Basis:
    """Return the last results of the notebooks that the paper needs; nothing is run."""
    names, store = notebooks(whole), whole.store()
    tasks = {task.name: task for task in needed(whole.tasks, names)}
    seen, memory = forecast(tuple(tasks.values()), store), store.memory()
    settled = {name: seen.known[name] for name in names if name in seen.known}
    for name in names:
        last = memory.get(name)
        if name not in settled and last and (folder := store.folder(last.entry)):
            settled[name] = Outcome(tasks[name], Status.STORED, folder, last.entry, upstream=last.upstream)
    stale: dict[str, str] = {}
    for name, reason in seen.stale.items():
        stale.setdefault(name.partition("@")[0].partition("/")[0], reason)
    missing = (name for name in names if name not in settled)
    return Basis(settled, stale, tuple(dict.fromkeys(name.partition("@")[0] for name in missing)))


class Maker:
    """Makes the paper of the project at ``root`` whenever it is asked; see ``making``."""

    def __init__(self, root: Path, make_workers: Callable[[], Executor], warm: parser.Warm, scratch: Path) -> None:
        self.root = root
        self.warm, self.scratch = warm, scratch
        self.workers = Workers(make_workers)
        self.whole: Plan | None = None
        self.basis: Basis | None = None
        self.own: dict[str, Path] = {}  # the last result of each task that was made here
        self.spent: list[Path] = []  # results that were made here before

    def watched(self) -> watch.Watched:
        """Return what has to be looked at, to see that the paper is to be made anew."""
        if not self.whole:
            return watch.unplanned(self.root)
        memory = self.whole.store().memory()
        tasks = needed(self.whole.tasks, notebooks(self.whole))
        return watch.watched(self.whole, [memory[task.name] for task in tasks if task.name in memory])

    def forget(self) -> None:
        """Read the whole project again next time."""
        self.whole = None

    def concerns(self) -> bool:
        """Whether other results are the last ones by now than those that the paper was made from."""
        return not (self.whole and self.basis and basis(self.whole).same(self.basis))

    def make(self, finished: Finished) -> Made:
        """Bring the paper up to date, and `build/` with it; ``finished`` hears of each file when it is there."""
        self.basis = None
        try:
            known = self.whole if self.whole and _is_there(self.whole) else None
            whole = known or planning.make_plan(project.read(self.root))  # which tells what is not there
            self.whole = whole = planning.with_documents(whole)
            found = self.basis = basis(whole)
            raise_all([_missing(whole, name) for name in found.missing])
            outcomes = self._documents(whole, found, finished)
        except OctavoError as error:
            return Made({}, (error,), self.basis.stale if self.basis else {})
        except OSError as error:
            return Made({}, (disk_error(error),), {})
        errors = tuple(outcome.error for outcome in outcomes.values() if outcome.error)
        return Made({} if errors else _files(outcomes), errors, found.stale)

    def begin(self) -> None:
        """Have the processes load what they need, by making the paper once for nobody."""
        if not (self.whole and self.basis) or self.basis.missing:
            return
        store, found = self.whole.store(), {name: o.folder for name, o in self.basis.settled.items()}
        memory = store.memory()
        for task in self._tasks(self.whole):
            last = memory.get(task.name)
            folders = {n: found.get(n) or (store.folder(memory[n].entry) if n in memory else None) for n in task.after}
            upstream = {name: folder / OUT for name, folder in folders.items() if folder}
            if last and len(upstream) == len(task.after):
                self.workers.submit(perform, task.name, task.action, self.scratch / task.name, upstream)

    def tidy(self) -> None:
        """Remove what was made here for earlier sentences: a day of writing is a thousand papers."""
        spent = [folder for folder in self.spent if folder not in self.own.values()]  # a sentence may have come back
        if not (self.whole and spent):
            return
        store = self.whole.store()
        with suppress(BuildError), store.locked():  # another build is at work: next time
            upkeep.discard(store, spent)
            self.spent = []

    def _documents(self, whole: Plan, found: Basis, finished: Finished) -> dict[str, Outcome]:
        store = whole.store()

        def listen(event: Event) -> None:
            if isinstance(event, Ended) and event.outcome.done:
                for name, data in _files({event.outcome.task.name: event.outcome}).items():
                    finished(name, data)

        with store.in_use():
            outcomes = build(
                self._tasks(whole),
                store,
                make_executor=self.workers.ready,
                jobs=2,
                listen=listen,
                settled=found.settled,
            )
            pipeline.publish(whole, outcomes, whole_build=False)
        for name, outcome in outcomes.items():
            if outcome.folder and outcome.folder != self.own.get(name, outcome.folder):
                self.spent.append(self.own.pop(name))
            if outcome.folder and outcome.status is Status.RAN:
                self.own[name] = outcome.folder
        return outcomes

    def _tasks(self, whole: Plan) -> tuple[Task, ...]:
        tasks = (task for task in whole.tasks if task.name in DOCUMENTS)
        return tuple(self._warmed(task) if task.name == CONTENT else task for task in tasks)

    def _warmed(self, task: Task) -> Task:
        assert isinstance(task.action, WriteDocument)
        with suppress(BuildError):  # where it does not start, each document has a parser of its own
            return replace(task, action=replace(task.action, warm=self.warm.ready()))
        return task


class Workers(Executor):
    """Two processes that stay from one build to the next: one parses and makes the PDF, the other makes the page.

    Each finds what it did last time where it left it: fonts, and what Typst remembers of the paper.
    """

    def __init__(self, make: Callable[[], Executor]) -> None:
        self.make = make
        self.both: tuple[Executor, ...] = ()

    def ready(self) -> Workers:
        """Return them at work; those that were lost are begun again."""
        if not self.both:
            self.both = (self.make(), self.make())
            with _deaf():
                self.both[1].submit(os.nice, LATER)
        return self

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        worker = self.ready().both[args[0] == HTML]
        with _deaf():
            future: Future[Any] = worker.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let them wait for the next build; where a build was broken off (``cancel_futures``), end them."""
        if cancel_futures:
            for executor in self.both:
                executor.shutdown(wait=wait, cancel_futures=True)
            self.both = ()


@contextmanager
def making(root: Path) -> Iterator[Maker]:
    """Yield a maker of the paper; its processes end with it."""
    with processes(1) as (make_workers, scratch), parser.warm(Path(scratch) / "parser") as warm:
        maker = Maker(root, make_workers, warm, Path(scratch))
        try:
            yield maker
        finally:
            for process in multiprocessing.active_children():  # whatever they are at
                process.kill()
            maker.workers.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Begin processes that hear no Ctrl-C: it is this one's, and would cut them while they load, in Python's words."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_there(whole: Plan) -> bool:
    """Whether the paper's files are where pyproject.toml has them."""
    return bool(whole.project.paper and all(path.is_file() for path in whole.project.paper.files()))


def _files(outcomes: Mapping[str, Outcome]) -> dict[str, bytes]:
    found = {name: outcomes[name].folder for name in (PDF, HTML) if name in outcomes}
    return {name: (folder / OUT / name).read_bytes() for name, folder in found.items() if folder}


def _missing(whole: Plan, name: str) -> OctavoError:
    sweep = next(sweep for sweep in whole.project.sweeps if sweep.name == name.partition("/")[0])
    where = whole.project.relative(sweep.notebook)
    hint = f"Run `octavo build {sweep.name}` in another terminal: the page shows it then."
    return BuildError(f"The paper needs what '{name}' records, which has no result.", where=where, hint=hint)

"""Bring tasks up to date: take from the store what is good, run the rest in worker processes, keep what is finished.

The runner knows an executor (concurrent.futures) and nothing of where it runs: here, processes of this machine.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from octavo.engine import key as keys
from octavo.engine.events import Ended, Event, Listener, Planned, Started
from octavo.engine.forked import Lost
from octavo.engine.graph import ordered
from octavo.engine.staleness import Decision, decide, outputs_digest
from octavo.engine.store import OUT, Store
from octavo.engine.task import Action, Memory, Outcome, Status, Task
from octavo.errors import BuildError, OctavoError, Unreachable

ExecutorMaker = Callable[[], Executor]
FORCED = "forced"
LOST = 2  # a task that was with a lost worker so many times is given up


@contextmanager
def processes(jobs: int) -> Iterator[tuple[ExecutorMaker, str]]:
    """Yield a maker of executors with ``jobs`` worker processes, started fresh (no fork of this process).

    With it, the folder of their temporary files: what workers and their kernels leave there is gone afterwards, also
    when they were killed.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="octavo-", ignore_cleanup_errors=True) as scratch:

        def make() -> Executor:
            return ProcessPoolExecutor(jobs, mp_context=context, initializer=_enter_worker, initargs=(scratch,))

        yield make, scratch


def plan(tasks: Sequence[Task], store: Store, forced: Collection[str] = ()) -> dict[str, str]:
    """Return why each stale task would run, by name, before anything runs. A task not named is up to date."""
    run = _Run(store, {}, forced=forced)
    stale: dict[str, str] = {}
    for task in ordered(tasks):
        waiting = [name for name in task.after if name in stale]
        if waiting:
            stale[task.name] = f"upstream: {waiting[0]} will run"
            continue
        decision = run.decide(task)
        if decision.stored:
            run.end(run.stored(task, decision))
        else:
            stale[task.name] = decision.reason
    return stale


def build(
    tasks: Sequence[Task],
    store: Store,
    *,
    make_executor: ExecutorMaker,
    jobs: int,
    listen: Listener,
    forced: Collection[str] = (),
    fail_fast: bool = False,
) -> dict[str, Outcome]:
    """Bring every task up to date and return what became of each, by name.

    A task that fails holds back those that depend on it; the others go on, or with ``fail_fast`` none is begun any
    more. Tasks named in ``forced`` run in any case. What is finished is in the store at once, also when the build is
    stopped. Raises KeyboardInterrupt after Ctrl-C, with the workers stopped.
    """
    run = _Run(store, {}, listen, forced, fail_fast)
    listen(Planned(len(tasks)))
    try:
        with store.temporary() as folder:
            _loop(run, run.longest_first(ordered(tasks)), folder, make_executor, jobs)
    finally:
        run.remember()
    return run.outcomes


class _Run:
    """The state of one run: what is done so far, and the questions asked of it."""

    def __init__(
        self,
        store: Store,
        outcomes: dict[str, Outcome],
        listen: Listener | None = None,
        forced: Collection[str] = (),
        fail_fast: bool = False,
    ) -> None:
        self.store = store
        self.forced = forced
        self.fail_fast = fail_fast
        self.outcomes = outcomes
        self.listen: Callable[[Event], None] = listen or (lambda event: None)
        self.memory = store.memory()
        self.digest = keys.remembering()
        self.unreachable: Unreachable | None = None  # where nothing more can run, why

    def upstream(self, task: Task) -> dict[str, str]:
        """Return the digest of each result that a task depends on."""
        found = {name: self.outcomes[name].entry for name in task.after}
        return {name: outputs_digest(entry) for name, entry in found.items() if entry}

    def longest_first(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks in the order in which to begin them: those that took longest last time before all others."""
        seconds = {name: memory.entry.seconds for name, memory in self.memory.items()}
        return sorted(tasks, key=lambda task: -seconds.get(task.name, 0.0))

    def decide(self, task: Task) -> Decision:
        decision = decide(task, self.upstream(task), self.store, self.memory.get(task.name), self.digest)
        if task.name in self.forced:
            return Decision(decision.key, None, decision.reason or FORCED)
        return decision

    def stopped(self) -> bool:
        """Whether no task is to be begun any more."""
        return self.fail_fast and any(o.status is Status.FAILED for o in self.outcomes.values())

    def stored(self, task: Task, decision: Decision) -> Outcome:
        assert decision.stored
        folder, entry = decision.stored
        return Outcome(task, Status.STORED, folder, entry, upstream=self.upstream(task))

    def keep(self, task: Task, decision: Decision, made: Path, future: Future[Performed]) -> Outcome:
        """Put what a worker made into the store; a fault of the user's or the disk's becomes a failed outcome."""
        upstream = self.upstream(task)
        try:
            reads, seconds = future.result()
            anew = task.name in self.forced
            folder, entry = self.store.put(decision.key, made, reads, seconds, anew=anew)
        except OctavoError as error:
            if isinstance(error, Unreachable):
                self.unreachable = error
            return Outcome(task, Status.FAILED, reason=decision.reason, error=error)
        except OSError as error:
            return Outcome(task, Status.FAILED, reason=decision.reason, error=disk_error(error))
        return Outcome(task, Status.RAN, folder, entry, decision.reason, seconds, upstream=upstream)

    def end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.task.name] = outcome
        self.listen(Ended(outcome))

    def remember(self) -> None:
        """Keep the memory, if it changed: a build with nothing to do writes nothing."""
        memory = dict(self.memory)
        for name, outcome in self.outcomes.items():
            if outcome.entry:
                memory[name] = Memory(dict(outcome.task.parts), dict(outcome.upstream), outcome.entry)
        if memory != self.memory:
            self.store.remember(memory)


Performed = tuple[tuple[Path, ...], float]
InFlight = dict[Future[Performed], tuple[Task, Decision, Path]]


def _loop(run: _Run, waiting: list[Task], folder: Path, make_executor: ExecutorMaker, jobs: int) -> None:
    executor: Executor | None = None
    flying: InFlight = {}
    lost: dict[str, int] = {}
    begun = 0
    try:
        while waiting or flying:
            # What was with a lost worker runs again alone: so only the one that loses workers is given up.
            suspected = any(name not in run.outcomes for name in lost)
            while len(flying) < (1 if suspected else getattr(executor, "room", jobs)) and (
                found := _next(run, waiting)
            ):
                task, decision = found
                executor = executor or make_executor()
                made = folder / str(begun)
                begun += 1
                run.listen(Started(task.name, decision.reason))
                flying[_submit(executor, task, made, run)] = (task, decision, made)
            if not flying:
                continue
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            if any(_broken(future) for future in done):
                waiting[:0] = _survivors(run, flying, lost)
                _stop(executor)
                executor, flying = None, {}
                continue
            for future in done:
                task, decision, made = flying.pop(future)
                if isinstance(future.exception(), Lost):
                    waiting[:0] = _lost(run, task, decision, lost)
                    continue
                run.end(run.keep(task, decision, made, future))
            if run.unreachable:
                raise run.unreachable
    except BaseException:
        _stop(executor)
        raise
    if executor:
        executor.shutdown()


def _next(run: _Run, waiting: list[Task]) -> tuple[Task, Decision] | None:
    """Take the first task that can begin; on the way, end those that are held back or stand in the store."""
    for task in list(waiting):
        if any(name not in run.outcomes for name in task.after):
            continue
        waiting.remove(task)
        blocked = [name for name in task.after if not run.outcomes[name].done]
        if blocked:
            run.end(Outcome(task, Status.HELD, reason=f"waits for {blocked[0]}"))
            continue
        decision = run.decide(task)
        if decision.stored:
            run.end(run.stored(task, decision))
        elif run.stopped():
            run.end(Outcome(task, Status.HELD, reason="not begun after a failure"))
        else:
            return task, decision
    return None


def _submit(executor: Executor, task: Task, made: Path, run: _Run) -> Future[Performed]:
    folders = {name: run.outcomes[name].folder for name in task.after}
    upstream = {name: folder / OUT for name, folder in folders.items() if folder}
    try:
        return executor.submit(perform, task.name, task.action, made, upstream)
    except BrokenExecutor as error:  # a worker was lost while it was idle
        broken: Future[Performed] = Future()
        broken.set_exception(error)
        return broken


def _broken(future: Future[Performed]) -> bool:
    return future.done() and isinstance(future.exception(), BrokenExecutor)


def perform(name: str, action: Action, folder: Path, upstream: Mapping[str, Path]) -> Performed:
    """Run an action in a worker; return the files that it read and the seconds that it took.

    Raises OctavoError for the user's faults, OSError for the disk's; anything else is a bug and says so.
    """
    start = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / OUT).mkdir(parents=True)
    try:
        reads = action(folder, upstream)
    except (OctavoError, OSError):
        raise
    except Exception as error:  # the one place where a bug in an action becomes a message
        detail = "".join(traceback.format_exception(error))
        raise BuildError(
            f"{type(error).__name__}: {error} [this is a bug in Octavo]", where=name, hint=detail
        ) from error
    return reads, time.perf_counter() - start


def disk_error(error: OSError) -> BuildError:
    """Turn a fault of the disk into words."""
    where = str(error.filename or "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Free some space and run the same command again."
        return BuildError(f"The disk takes no more: {error.strerror}.", where=where, hint=hint)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return BuildError("This cannot be written to.", where=where, hint="Make the folder writable and run again.")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return BuildError("A file stands where a folder must be.", where=where, hint="Move it away and run again.")
    return BuildError(f"{error.strerror or error}.", where=where)


def _survivors(run: _Run, flying: InFlight, lost: dict[str, int]) -> list[Task]:
    """After a worker was lost: keep what other workers finished, give up what was lost too often, return the rest."""
    again = []
    for future, (task, decision, made) in flying.items():
        if future.done() and not _broken(future):
            run.end(run.keep(task, decision, made, future))
            continue
        again += _lost(run, task, decision, lost)
    return again


def _lost(run: _Run, task: Task, decision: Decision, lost: dict[str, int]) -> list[Task]:
    """Return the task to be run again, or give it up when it was with a lost worker too often."""
    lost[task.name] = lost.get(task.name, 0) + 1
    if lost[task.name] < LOST:
        return [task]
    error = BuildError(
        "The process that ran this was killed, twice.",
        where=task.name,
        hint="Memory may have run out: set `jobs = 1` in [tool.octavo] of pyproject.toml.",
    )
    run.end(Outcome(task, Status.FAILED, reason=decision.reason, error=error))
    return []


def _stop(executor: Executor | None) -> None:
    if executor is None:
        return
    for child in multiprocessing.active_children():
        child.kill()
    executor.shutdown(wait=False, cancel_futures=True)


def _enter_worker(scratch: str) -> None:
    """Leave the terminal's process group, so that Ctrl-C is the runner's alone; end when the runner is gone."""
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    if hasattr(os, "setsid"):
        os.setsid()
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

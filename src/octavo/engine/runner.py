"""Bring tasks up to date: take from the store what is good, run the rest in worker processes, keep what is finished.

The runner knows an executor (concurrent.futures) and nothing of where it runs: here, processes of this machine.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any

from octavo.engine.events import Listener, Noted, Planned, Started
from octavo.engine.forked import Lost
from octavo.engine.graph import ordered
from octavo.engine.locks import Lock
from octavo.engine.pool import ExecutorMaker, Performed, perform
from octavo.engine.room import Room
from octavo.engine.run import Flight, Run
from octavo.engine.schedule import Schedule
from octavo.engine.shared import Shared
from octavo.engine.staleness import Decision
from octavo.engine.store import OUT, Store
from octavo.engine.task import Outcome, Status, Task
from octavo.errors import KernelError, OctavoError

ASKED = 64  # questions to the shared store that are under way at once
SOME = ""  # a graphics device: which one, whoever runs the task says
SPARE = 256  # open files for all else than claims
POLL = 0.1  # seconds between looks at what another build is at work on


def build(
    tasks: Sequence[Task],
    store: Store,
    *,
    make_executor: ExecutorMaker,
    jobs: int,
    listen: Listener,
    forced: Collection[str] = (),
    fail_fast: bool = False,
    room: Room = Room(None),  # noqa: B008 (frozen)
    shared: Shared | None = None,
    settled: Mapping[str, Outcome] = MappingProxyType({}),
) -> dict[str, Outcome]:
    """Bring every task up to date and return what became of each, by name.

    A task that fails holds back those that depend on it; the others go on, or with ``fail_fast`` none is begun any
    more. Tasks named in ``forced`` run in any case. What is finished is in the store at once, also when the build is
    stopped. What another build of the same store is at work on is waited for. ``room`` bounds what runs side by side
    beside ``jobs``. What the store does not have is fetched from the ``shared`` one, and what is made is sent there.
    Tasks that are no part of this build but needed by it are ``settled``: their outcomes are taken as they are.
    Raises KeyboardInterrupt after Ctrl-C, with the workers stopped, and UsageError when the shared store's address is
    none.
    """
    run = Run(store, dict(settled), listen, forced, fail_fast, shared)
    listen(Planned(len(tasks)))
    try:
        with store.temporary() as folder:
            _Loop(run, ordered(tasks), folder, make_executor, jobs, room).go()
    finally:
        run.remember(settled)
    return {name: outcome for name, outcome in run.outcomes.items() if name not in settled}


class _Loop:
    """Begin what can begin, keep what has ended, until nothing is left."""

    def __init__(
        self,
        run: Run,
        tasks: Sequence[Task],
        folder: Path,
        make_executor: ExecutorMaker,
        jobs: int,
        room: Room,
    ) -> None:
        self.run = run
        self.schedule = Schedule(tasks, run.seconds())
        self.folder = folder
        self.make_executor = make_executor
        self.jobs = jobs
        self.room = room
        self.executor: Executor | None = None
        self.keeper = ThreadPoolExecutor(1)  # a signal interrupts no thread but the main one
        self.flying: dict[Future[Performed], Flight] = {}
        self.needed = 0  # bytes of memory, of what flies
        self.ended: list[tuple[Future[Performed], Flight]] = []  # and not stored yet
        self.tries: dict[str, int] = {}  # of tasks that did not come to an end at once
        self.suspected: set[str] = set()  # they lost a worker or a kernel
        self.elsewhere: list[Task] = []  # another build is at work on them
        self.parked: deque[Task] = deque()  # they wait for a device
        self.asking: dict[Future[None], list[Task]] = {}  # the shared store is asked for their results
        self.done: SimpleQueue[Future[Any]] = SimpleQueue()  # of what flies and is asked, what has come to its end
        self.begun = 0
        self.most = _most()
        self.told: set[str] = set()

    def go(self) -> None:
        try:
            while self.schedule.left or self.flying or self.elsewhere or self.parked or self.asking:
                self.fill()
                self.wait()
                if self.ended and not self.run.fail_fast:
                    self.fill()  # before what has ended is stored, so that no worker waits for the disk
                while self.ended:
                    self.keep(*self.ended.pop(0))
                if self.run.unreachable:
                    raise self.run.unreachable
        except BaseException:
            self.stop()
            raise
        finally:
            self.keeper.shutdown()
        if self.executor:
            self.executor.shutdown()

    def stop(self) -> None:
        """End the workers; what they had finished is kept."""
        _stop(self.executor)
        every = [*self.ended, *self.flying.items()]
        for future, flight in every:
            if _good(future) and not self.run.outdated(flight.task):
                self.store(future, flight)
        for _, flight in every:
            flight.claim.release(remove=True)

    def fill(self) -> None:
        """Begin tasks as long as there is room; end those that are held back or stand in the store."""
        # What was with a lost worker runs again alone: so only the one that loses workers is given up, and it has
        # all the memory there is.
        suspected = any(name not in self.run.outcomes for name in self.suspected)
        while (
            len(self.flying) < (1 if suspected or self.is_alone() else self.places())
            and len(self.asking) < ASKED
            and (task := self.take())
        ):
            if (decision := self.decided(task)) and not self.begin(task, decision):
                break

    def take(self) -> Task | None:
        """Return the next task that waits for nothing, not for a device either."""
        if self.parked and self.free_device():
            return self.parked.popleft()
        while (task := self.schedule.take()) and task.device and self.room.devices and not self.free_device():
            self.parked.append(task)
        return task

    def decided(self, task: Task) -> Decision | None:
        """Return why a task must run, or end it and return None."""
        run = self.run
        blocked = [name for name in task.after if not run.outcomes[name].done]
        if blocked:
            self.end(Outcome(task, Status.HELD, reason=f"waits for {blocked[0]}"))
            return None
        decision = run.decide(task)
        if decision.stored:
            self.end(run.stored(task, decision))
        elif run.stopped():
            self.end(Outcome(task, Status.HELD, reason="not begun after a failure"))
        elif question := self.question(task, decision):
            if question not in self.asking:
                question.add_done_callback(self.done.put)
            self.asking.setdefault(question, []).append(task)
        else:
            return decision
        return None

    def question(self, task: Task, decision: Decision) -> Future[None] | None:
        """Return what ends when the shared store was asked; None where there is nothing to ask any more."""
        shared = self.run.shared
        if shared is None:
            return None
        shared.check()
        if task.name in self.run.forced:
            return None
        return shared.ask(task.name, decision.key, self.run.digest, self.folder)

    def begin(self, task: Task, decision: Decision) -> bool:
        """Give a task to a worker, unless another build is at work on it; False where there is no memory for it."""
        run = self.run
        alone = run.alone(task, decision)
        if alone and (self.flying or self.ended):  # to store what has ended opens files too
            self.schedule.put_back(task)  # once nothing else runs
            return False
        if not self.room.has_memory(run.need(task), self.needed if self.flying else None):
            self.tell("Memory is short: fewer points run side by side than could.")
            self.schedule.put_back(task)
            return False
        claim = run.store.claim(decision.key)
        if claim is None:
            ours = (*self.flying.values(), *(flight for _, flight in self.ended))
            if not any(flight.decision.key == decision.key for flight in ours):  # else it is a twin of ours
                self.tell("Another build of this project is at work: what both need runs once.")
            if run.shared:
                run.shared.forget(decision.key)
            self.elsewhere.append(task)
            return True
        if task.name not in run.forced and run.store.find(decision.key, run.digest):
            claim.release(remove=True)  # another build ended it between the question and the claim
            self.schedule.put_back(task)
            return True
        if self.spoiled(task, decision):
            claim.release(remove=True)
        else:
            self._fly(task, decision, claim, alone)
        return True

    def spoiled(self, task: Task, decision: Decision) -> bool:
        """Whether a task cannot read what was looked up for it: it is ended, or decided anew where that is new."""
        run = self.run
        damaged = run.damaged(task)
        if damaged:
            time.sleep(POLL)  # another build may be about to put another one there
        lost = {name: files for name, files in damaged.items() if not run.renew(name)}
        faults = [run.distrust(name, files, task) for name, files in lost.items()]
        if damaged and not lost:
            self.schedule.put_back(task)
        elif fault := faults[0] if faults else run.distrusted(task):
            self.end(Outcome(task, Status.FAILED, reason=decision.reason, error=fault))
        else:
            return False
        return True

    def _fly(self, task: Task, decision: Decision, claim: Lock, alone: bool) -> None:
        """Give a task whose result is claimed to a worker."""
        run = self.run
        self.executor = self.executor or self.make_executor()
        flight = Flight(
            task,
            decision,
            self.folder / str(self.begun),
            claim,
            (self.free_device() or SOME) if task.device else None,
            alone,
        )
        self.begun += 1
        run.listen(Started(task.name, decision.reason))
        future = _submit(self.executor, flight, run)
        self.flying[future] = flight
        self.needed += run.need(task)
        future.add_done_callback(self.done.put)
        if len(self.flying) > 1:
            # Of more than two, all but the last were noted before.
            run.beside |= {task.name} if len(self.flying) > 2 else {f.task.name for f in self.flying.values()}

    def wait(self) -> None:
        """Wait until something ends; what a lost worker had is begun again."""
        awaited = bool(self.flying or self.asking)
        if not awaited and self.elsewhere:
            time.sleep(POLL)
        done = self.come_to_its_end(POLL if self.elsewhere else None) if awaited else set()
        for question in done & self.asking.keys():
            for task in self.asking.pop(question):
                self.schedule.put_back(task)
        done &= self.flying.keys()
        for task in self.elsewhere:
            self.schedule.put_back(task)
        self.elsewhere = []
        if any(_broken(future) for future in done):
            self.replace_executor()
            return
        self.ended = [(future, self.flying.pop(future)) for future in done]
        self.needed -= sum(self.run.need(flight.task) for _, flight in self.ended)

    def come_to_its_end(self, seconds: float | None) -> set[Future[Any]]:
        """Wait for whatever ends, at most for some seconds; return all that has ended.

        Not concurrent.futures.wait: it goes through everything each time, and on a cluster thousands are at work.
        """
        done: set[Future[Any]] = set()
        with suppress(Empty):
            done.add(self.done.get(timeout=seconds))
            while True:
                done.add(self.done.get_nowait())
        return done

    def keep(self, future: Future[Performed], flight: Flight) -> None:
        """Store what a worker made, and let others begin that waited for it."""
        error = future.exception()
        if isinstance(error, Lost):
            self.try_again(flight, _killed(flight))
        elif isinstance(error, KernelError) or (flight.task.retry_errors and isinstance(error, OctavoError)):
            self.try_again(flight, error)
        elif self.run.outdated(flight.task):
            flight.claim.release(remove=True)
            self.schedule.put_back(flight.task)  # it may have read the old one, or half of it
        else:
            self.store(future, flight)

    def store(self, future: Future[Performed], flight: Flight) -> None:
        """Put what a worker made into the store, all of it whatever signal comes meanwhile: the rest would be lost."""
        kept = self.keeper.submit(self.run.keep, flight, future)
        try:
            wait([kept])
        finally:
            self.end(kept.result())

    def end(self, outcome: Outcome) -> None:
        self.run.end(replace(outcome, tries=self.tries.get(outcome.task.name, 0) + 1))
        self.schedule.end(outcome.task.name)

    def replace_executor(self) -> None:
        """After a worker took all others with it: keep what these had finished, run the rest again."""
        for future, flight in self.flying.items():
            if future.done() and not _broken(future):
                self.keep(future, flight)
            else:  # beside others, another may have been at fault
                self.try_again(flight, _killed(flight), forgiven=len(self.flying) > 1)
        _stop(self.executor)
        self.executor, self.flying, self.needed = None, {}, 0

    def try_again(self, flight: Flight, error: OctavoError, *, forgiven: bool = False) -> None:
        """Have a task run again that came to no good end, or give it up when that happened too often.

        What may have lost its worker runs alone. The first time is ``forgiven`` whatever ``retries`` says.
        """
        task = flight.task
        flight.claim.release(remove=True)
        tries = self.tries.get(task.name, 0) + 1
        if tries <= max(task.retries, int(forgiven)) and not self.run.stopped():
            self.tries[task.name] = tries
            if isinstance(error, KernelError):
                self.suspected.add(task.name)
            self.schedule.put_back(task)
            self.run.listen(Noted(f"{task.name} is tried again: {error.what.splitlines()[0]}"))
            return
        told = error if tries == 1 else type(error)(error.what, where=error.where, hint=_tried(error, tries))
        self.end(Outcome(task, Status.FAILED, reason=flight.decision.reason, error=told))

    def is_alone(self) -> bool:
        """Whether nothing is to be begun beside what is at work."""
        return len(self.flying) == 1 and next(iter(self.flying.values())).alone

    def places(self) -> int:
        """Return how many tasks to give to the workers at once; those of a cluster come and go."""
        places = int(getattr(self.executor, "places", self.jobs))
        if self.executor and places > self.most:
            self.tell(f"No more than {self.most} tasks are at work at once: each takes an open file (`ulimit -n`).")
        return min(places, self.most)

    def free_device(self) -> str | None:
        return self.room.device([flight.device for flight in self.flying.values() if flight.device is not None])

    def tell(self, text: str) -> None:
        """Say something once."""
        if text not in self.told:
            self.told.add(text)
            self.run.listen(Noted(text))


def _most() -> int:
    """Return how many tasks may be at work at once: each holds an open file, its claim, and others are needed too."""
    try:
        import resource
    except ImportError:
        return sys.maxsize
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(files // 4, files - SPARE)


def _submit(executor: Executor, flight: Flight, run: Run) -> Future[Performed]:
    task = flight.task
    folders = {name: run.outcomes[name].folder for name in task.after}
    upstream = {name: folder / OUT for name, folder in folders.items() if folder}
    try:
        return executor.submit(perform, task.name, task.action, flight.made, upstream, flight.device)
    except BrokenExecutor as error:  # a worker was lost while it was idle
        broken: Future[Performed] = Future()
        broken.set_exception(error)
        return broken


def _killed(flight: Flight) -> KernelError:
    return KernelError(
        "The process that ran this was killed.",
        where=flight.task.name,
        hint="Memory may have run out: set `jobs = 1` in [tool.octavo] of pyproject.toml.",
    )


def _tried(error: OctavoError, tries: int) -> str:
    return "\n  ".join(line for line in (f"It was tried {tries} times.", error.hint) if line)


def _good(future: Future[Performed]) -> bool:
    return future.done() and not future.cancelled() and not future.exception()


def _broken(future: Future[Performed]) -> bool:
    return future.done() and isinstance(future.exception(), BrokenExecutor)


def _stop(executor: Executor | None) -> None:
    if executor is None:
        return
    for child in multiprocessing.active_children():
        child.kill()
    executor.shutdown(wait=False, cancel_futures=True)

"""Bring tasks up to date: take from the store what is good, run the rest in worker processes, keep what is finished.

The runner knows an executor (concurrent.futures) and nothing of where it runs: here, processes of this machine.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from octavo.engine import key as keys
from octavo.engine import locks, orphans
from octavo.engine.events import Ended, Event, Listener, Noted, Planned, Started
from octavo.engine.forked import Lost
from octavo.engine.graph import ordered
from octavo.engine.locks import Lock
from octavo.engine.room import DEVICES, Room
from octavo.engine.schedule import Schedule
from octavo.engine.shared import Shared
from octavo.engine.staleness import SHARED, Decision, decide, outputs_digest
from octavo.engine.store import DOUBTS, KEPT, NO_DOUBTS, OUT, Store
from octavo.engine.task import Action, Doubts, Entry, Memory, Outcome, Status, Task
from octavo.errors import BuildError, KernelError, OctavoError, Unreachable

ExecutorMaker = Callable[[], Executor]
FORCED = "forced"
ASKED = 64  # questions to the shared store that are under way at once
SOME = ""  # a graphics device: which one, whoever runs the task says
SPARE = 256  # open files for all else than claims
POLL = 0.1  # seconds between looks at what another build is at work on
DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG
MAKING = 60.0  # seconds after which a folder that has not got its name will not get it any more
SCRATCH = "octavo-run-"  # in the temporary folder; sockets have no room for the longer names of a project


@contextmanager
def processes(jobs: int) -> Iterator[tuple[ExecutorMaker, str]]:
    """Yield a maker of executors with ``jobs`` worker processes, started fresh (no fork of this process).

    With it, the folder of their temporary files: what workers and their kernels leave there is gone afterwards, also
    when they were killed.
    """
    context = multiprocessing.get_context("spawn")
    with _scratch() as scratch:

        def make() -> Executor:
            return ProcessPoolExecutor(jobs, mp_context=context, initializer=_enter_worker, initargs=(scratch,))

        yield make, scratch


@contextmanager
def _scratch() -> Iterator[str]:
    """Yield a folder for temporary files, held as long as this build lives; those of killed builds are removed."""
    for left in _left():
        if os.access(left, os.W_OK) and (lock := locks.take(left, create=False)):  # its build was killed
            shutil.rmtree(left, ignore_errors=True)
            lock.release()
    made = Path(tempfile.mkdtemp(prefix=f".{SCRATCH}"))
    mine = locks.take(made, shared=True)
    # It has its name only now, when it is held: until then another build that begins would take it for a dead one's.
    scratch = made.rename(made.with_name(f"{SCRATCH}{made.name[1:]}"))
    try:
        yield str(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if mine:
            mine.release()


def _left() -> Iterator[Path]:
    """Yield folders that builds made for temporary files; those that are being made just now are left out."""
    place = Path(tempfile.gettempdir())
    yield from place.glob(f"{SCRATCH}*")
    for unnamed in place.glob(f".{SCRATCH}*"):
        with suppress(FileNotFoundError):
            if time.time() - unnamed.stat().st_mtime > MAKING:
                yield unnamed


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
    run = _Run(store, {}, forced=forced)
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


def _foresee(run: _Run, task: Task, stale: dict[str, str], shared: Shared | None) -> _Asked | None:
    """Note what would become of a task, or return what the shared store was asked about it."""
    waiting = [name for name in task.after if name in stale]
    if waiting:
        stale[task.name] = f"upstream: {waiting[0]} will run"
        return None
    decision = run.decide(task)
    if decision.stored:
        run.end(run.stored(task, decision))
    elif shared and task.name not in run.forced:
        return task, decision, shared.look(task.name, decision.key, run.digest)
    else:
        stale[task.name] = decision.reason
    return None


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
    run = _Run(store, dict(settled), listen, forced, fail_fast, shared)
    listen(Planned(len(tasks)))
    try:
        with store.temporary() as folder:
            _Loop(run, ordered(tasks), folder, make_executor, jobs, room).go()
    finally:
        run.remember(settled)
    return {name: outcome for name, outcome in run.outcomes.items() if name not in settled}


class _Run:
    """The state of one run: what is done so far, and the questions asked of it."""

    def __init__(
        self,
        store: Store,
        outcomes: dict[str, Outcome],
        listen: Listener | None = None,
        forced: Collection[str] = (),
        fail_fast: bool = False,
        shared: Shared | None = None,
    ) -> None:
        self.store = store
        self.shared = shared
        self.forced = forced
        self.fail_fast = fail_fast
        self.outcomes = outcomes
        self.failed = any(outcome.status is Status.FAILED for outcome in outcomes.values())
        self.listen: Callable[[Event], None] = listen or (lambda event: None)
        self.memory = store.memory()
        self.digest = keys.remembering(store.digest)
        self.rotten: set[str] = set()  # whose results turned out to be damaged
        self.beside: set[str] = set()  # tasks while which others ran
        self.unreachable: Unreachable | None = None  # where nothing more can run, why

    def upstream(self, task: Task) -> dict[str, str]:
        """Return the digest of each result that a task depends on."""
        found = {name: self.outcomes[name].entry for name in task.after}
        return {name: outputs_digest(entry, kept=task.kept) for name, entry in found.items() if entry}

    def seconds(self) -> dict[str, float]:
        """Return what each task took last time."""
        return {name: memory.entry.seconds for name, memory in self.memory.items()}

    def need(self, task: Task) -> int:
        """Return the bytes of memory that a task took last time; 0 where that is not known."""
        memory = self.memory.get(task.name)
        return memory.entry.memory if memory else 0

    def decide(self, task: Task) -> Decision:
        decision = decide(task, self.upstream(task), self.store, self.memory.get(task.name), self.digest)
        if task.name in self.forced:
            return Decision(decision.key, None, decision.reason or FORCED)
        return decision

    def stopped(self) -> bool:
        """Whether no task is to be begun any more."""
        return self.fail_fast and self.failed

    def stored(self, task: Task, decision: Decision) -> Outcome:
        assert decision.stored
        folder, entry = decision.stored
        fetched = self.shared is not None and decision.key in self.shared.fetched
        upstream, state = self.upstream(task), decision.state
        return Outcome(task, Status.STORED, folder, entry, upstream=upstream, fetched=fetched, state=state)

    def keep(self, flight: Flight, future: Future[Performed]) -> Outcome:
        """Put what a worker made into the store; a fault of the user's or the disk's becomes a failed outcome."""
        task, decision = flight.task, flight.decision
        upstream = self.upstream(task)
        try:
            done = future.result()
            anew, doubts = task.name in self.forced, self.doubts(task, flight.made)
            folder, entry = self.store.put(
                decision.key,
                flight.made,
                done.reads,
                done.seconds,
                anew=anew,
                memory=max(done.memory, doubts.memory),
                doubts=doubts,
            )
        except OctavoError as error:
            if isinstance(error, Unreachable):
                self.unreachable = error
            return Outcome(task, Status.FAILED, reason=decision.reason, error=error)
        except OSError as error:
            return Outcome(task, Status.FAILED, reason=decision.reason, error=disk_error(error))
        finally:
            flight.claim.release(remove=True)
        state = self.store.state_of(folder, entry)
        return Outcome(task, Status.RAN, folder, entry, decision.reason, done.seconds, upstream=upstream, state=state)

    def damaged(self, task: Task) -> dict[str, list[str]]:
        """Return the stored results that a task reads and that are not any more what was put into them: which files."""
        found = [self.outcomes[name] for name in task.after]
        read = {
            outcome.task.name: self.store.damaged(outcome.folder, outcome.entry)
            for outcome in found
            if outcome.status is Status.STORED and outcome.folder and outcome.entry
        }
        return {name: files for name, files in read.items() if files}

    def renew(self, name: str) -> bool:
        """Take what another build has put in the place of a result, on purpose; False where that is not whole."""
        found = self.outcomes[name]
        assert found.folder and found.entry
        there = self.store.successor(found.folder, found.entry)
        if there:
            self.outcomes[name] = replace(found, entry=there[0], state=there[1])
        return bool(there)

    def distrust(self, name: str, files: Sequence[str], task: Task) -> BuildError:
        """Have the next build make a damaged result again; return what to tell of it."""
        folder = self.outcomes[name].folder
        assert folder
        self.store.touch(folder, files)
        self.rotten.add(name)
        hint = "Run the same command again: it will be made anew."
        return BuildError(f"'{files[0]}' of {name} was damaged in the store.", where=task.name, hint=hint)

    def distrusted(self, task: Task) -> BuildError | None:
        """Return the fault where a task would run what somebody else kept."""
        for name in task.after if task.kept else ():
            entry = self.outcomes[name].entry
            fetched = entry and entry.origin not in ("", task.trusts)
            if entry and fetched and any(file.startswith(f"{KEPT}/") for file in entry.outputs):
                what = f"What it needs of '{name}' was fetched from {entry.origin}, and would run code"
                return BuildError(
                    f"{what} that was kept there.",
                    where=task.name,
                    hint=f"Make it here, `octavo build --force {name}`, or say `trusted = true` of that store.",
                )
        return None

    def doubts(self, task: Task, made: Path) -> Doubts:
        """Take what an action left to say of its trace. What it is known to have read itself is shared with nobody."""
        try:
            doubts = msgspec.json.decode((made / DOUBTS).read_bytes(), type=Doubts)
        except FileNotFoundError:
            return NO_DOUBTS
        (made / DOUBTS).unlink()
        memory = self.memory.get(task.name)
        before = memory.entry if memory and memory.parts == dict(task.parts) else None
        own = before.reads.keys() - before.shared if before else ()
        perhaps = [name for name in doubts.perhaps if name not in own] if task.name in self.beside else ()
        return msgspec.structs.replace(doubts, perhaps=tuple(perhaps))

    def alone(self, task: Task, decision: Decision) -> bool:
        """Whether a task must run with nothing beside it, to see whether it was itself that read what changed.

        There is no need where all tasks of the same code whose traces are their own read it.
        """
        memory = self.memory.get(task.name)
        if memory is None or not decision.reason.startswith(SHARED):
            return False
        entry = memory.entry
        changed = {name for name in entry.shared if self.digest(self.store.root / name) != entry.reads[name]}
        now = {name: outcome.entry for name, outcome in self.outcomes.items()}
        code = memory.parts.get("code")
        like = [now.get(name) or m.entry for name, m in self.memory.items() if m.parts.get("code") == code]
        exact = [entry.reads.keys() for entry in like if not entry.shared]
        return not exact or not all(changed <= reads for reads in exact)

    def end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.task.name] = outcome
        self.failed = self.failed or outcome.status is Status.FAILED
        if self.shared and outcome.folder and outcome.entry:
            self.shared.offer(outcome.task.name, outcome.folder, outcome.entry, made=outcome.status is Status.RAN)
        self.listen(Ended(outcome))

    def ran(self) -> bool:
        """Whether any task ran."""
        return any(outcome.status is Status.RAN for outcome in self.outcomes.values())

    def remember(self, apart: Collection[str]) -> None:
        """Keep the memory, if it changed: a build with nothing to do writes nothing. What is ``apart`` is left out."""
        settled = time.monotonic_ns() + keys.TICK
        changed = {}
        for name, outcome in list(self.outcomes.items()):
            if not (outcome.entry and outcome.folder) or name in apart:
                continue
            if self.store.state_of(outcome.folder, outcome.entry) != outcome.state and self.renew(name):
                outcome = self.outcomes[name]
            assert outcome.entry
            # Not what the files are like now: what was done to them since they were read is to be noticed.
            state = "" if name in self.rotten else outcome.state
            memory = Memory(dict(outcome.task.parts), dict(outcome.upstream), outcome.entry, state)
            if memory != self.memory.get(name):
                changed[name] = memory
        if changed:
            try:
                self.store.remember(changed)
            except OSError as error:  # a copy that takes no writes: it is read whole again next time
                if error.errno in locks.READ_ONLY and not self.ran():
                    return
                raise
            # A file that is changed within one tick of the clock looks unchanged: none is, after this.
            time.sleep(max(0, settled - time.monotonic_ns()) / 1e9)


class Performed(NamedTuple):
    """What a worker tells of a task: the files it read, its seconds, the bytes of memory it took beyond its own."""

    reads: tuple[Path, ...]
    seconds: float
    memory: int = 0


@dataclass(frozen=True)
class Flight:
    """A task that is at work: why, where its result is made, the claim on its key, its device if it needs one."""

    task: Task
    decision: Decision
    made: Path
    claim: Lock
    device: str | None = None
    alone: bool = False  # nothing may run beside it


class _Loop:
    """Begin what can begin, keep what has ended, until nothing is left."""

    def __init__(
        self,
        run: _Run,
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
        if self.executor:
            self.executor.shutdown()

    def stop(self) -> None:
        """End the workers; what they had finished is kept."""
        _stop(self.executor)
        done = [(future, flight) for future, flight in self.flying.items() if future.done() and not future.exception()]
        for future, flight in [*self.ended, *done]:
            self.run.end(self.run.keep(flight, future))
        for flight in self.flying.values():
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
            if not any(flight.decision.key == decision.key for flight in self.flying.values()):  # a twin of ours
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
        else:
            self.end(self.run.keep(flight, future))

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


def _submit(executor: Executor, flight: Flight, run: _Run) -> Future[Performed]:
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


def _broken(future: Future[Performed]) -> bool:
    return future.done() and isinstance(future.exception(), BrokenExecutor)


def perform(
    name: str, action: Action, folder: Path, upstream: Mapping[str, Path], device: str | None = None
) -> Performed:
    """Run an action in a worker, which may use the graphics device ``device``; return what there is to tell of it.

    Raises OctavoError for the user's faults, OSError for the disk's; anything else is a bug and says so.
    """
    start = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / OUT).mkdir(parents=True)
    if device:
        os.environ[DEVICES] = device
    try:
        reads = action(folder, upstream)
        return Performed(reads, time.perf_counter() - start, _memory_of_children())
    except (OctavoError, OSError):
        raise
    except Exception as error:  # the one place where a bug in an action becomes a message
        detail = "".join(traceback.format_exception(error))
        raise BuildError(
            f"{type(error).__name__}: {error} [this is a bug in Octavo]", where=name, hint=detail
        ) from error
    finally:
        orphans.end()


def _memory_of_children() -> int:
    """Return the bytes that the largest process begun here took, beyond those that it shared with this one."""
    try:
        import resource
    except ImportError:
        return 0
    children, own = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return int(max(0, children - own) * (1 if sys.platform == "darwin" else 1024))


def disk_error(error: OSError) -> BuildError:
    """Turn a fault of the disk into words."""
    where = str(error.filename or "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Free some space and run the same command again."
        return BuildError(f"The disk takes no more: {error.strerror}.", where=where, hint=hint)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return BuildError("This cannot be written to.", where=where, hint="Make the folder writable and run again.")
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        hint = "Its file system has no locks. Put the project, or .octavo alone by a link, on a disk of this machine."
        return BuildError(f"This cannot be locked: {error.strerror}.", where=where, hint=hint)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return BuildError("A file stands where a folder must be.", where=where, hint="Move it away and run again.")
    return BuildError(f"{error.strerror or error}.", where=where)


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
    orphans.adopt()
    parent = os.getppid()
    if sys.platform == "linux":  # a thread gets no turn while a cell of the worker's own is deep in C
        import ctypes

        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

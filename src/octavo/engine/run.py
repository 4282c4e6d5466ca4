"""What is known in the course of one run: the outcomes so far, and the questions asked of them and of the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from octavo.engine import key as keys
from octavo.engine import locks
from octavo.engine.events import Ended, Event, Listener
from octavo.engine.locks import Lock
from octavo.engine.pool import Performed
from octavo.engine.shared import Shared
from octavo.engine.staleness import SHARED, Decision, decide, outputs_digest, own_reason
from octavo.engine.store import DOUBTS, KEPT, NO_DOUBTS, Store
from octavo.engine.task import Doubts, Entry, Memory, Outcome, Status, Task
from octavo.errors import BuildError, OctavoError, Unreachable, disk_error

FORCED = "forced"


@dataclass(frozen=True)
class Flight:
    """A task that is at work: why, where its result is made, the claim on its key, its device if it needs one."""

    task: Task
    decision: Decision
    made: Path
    claim: Lock
    device: str | None = None
    alone: bool = False  # nothing may run beside it


class Run:
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
        return {name: _digest_for(task, entry) for name, entry in found.items() if entry}

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

    def own_reason(self, task: Task) -> str:
        """Return why a task must run, whatever becomes of those that it depends on; empty where it depends on that."""
        return own_reason(task, self.store, self.memory.get(task.name), self.digest)

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

    def outdated(self, task: Task) -> bool:
        """Whether another build has put another result, on purpose, in the place of one that a task read meanwhile."""
        found = {name: self.outcomes[name] for name in task.after}
        replaced = [
            name
            for name, outcome in found.items()
            if outcome.folder
            and outcome.entry
            and self.store.state_of(outcome.folder, outcome.entry) != outcome.state
            and self.renew(name)
        ]
        before = {name: outcome.entry for name, outcome in found.items()}
        return any(_digest_for(task, self.outcomes[name].entry) != _digest_for(task, before[name]) for name in replaced)

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
        root, reads = self.store.root, entry.reads
        changed = {name for name in entry.shared if not keys.are_so({name: reads[name]}, root, self.digest)}
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


def _digest_for(task: Task, entry: Entry | None) -> str:
    """Return the digest of what a task takes from another's result."""
    assert entry
    return outputs_digest(entry, kept=task.kept)

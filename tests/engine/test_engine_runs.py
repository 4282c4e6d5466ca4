"""Whole builds of the engine without kernels or sleep: an executor that runs at once, actions that are fakes."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from octavo.engine import forecast, pool, runner
from octavo.engine import key as keys
from octavo.engine import store as store_module
from octavo.engine.events import Ended, Event, Noted, Planned, Started
from octavo.engine.forked import Lost
from octavo.engine.store import Store
from octavo.engine.task import LAST, REASONS, Outcome, Status, Task
from octavo.errors import BuildError, KernelError, NotebookError, OctavoError


class AtOnce(Executor):
    """An executor that runs what it is given at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            future.set_exception(error)
        return future


@dataclass
class Write:
    """An action that writes a text and, for every task that it depends on, what that wrote; it counts its runs."""

    text: str = "x"
    reads: tuple[Path, ...] = ()
    error: BaseException | None = None
    log: str = ""
    runs: list[Path] = field(default_factory=list)

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        self.runs.append(folder)
        if self.error:
            raise self.error
        below = [(path / "text").read_text() for _, path in sorted(upstream.items())]
        (folder / "out" / "text").write_text("".join([self.text, *below]))
        if self.log:
            (folder / "log").mkdir()
            (folder / "log" / "seen").write_text(self.log)
        return self.reads


def task(name: str, action: Write | None = None, *after: str, **parts: str) -> Task:
    return Task(
        name, {"code": name, **{k.replace("_", " "): v for k, v in parts.items()}}, action or Write(name), after
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".octavo", tmp_path)


def build(
    store: Store,
    *tasks: Task,
    events: list[Event] | None = None,
    executor: Executor | None = None,
    jobs: int = 2,
    **options: Any,
) -> dict[str, Outcome]:
    heard = events if events is not None else []
    made = executor or AtOnce()
    return runner.build(tasks, store, make_executor=lambda: made, jobs=jobs, listen=heard.append, **options)


def statuses(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {name: outcome.status.value for name, outcome in sorted(outcomes.items())}


def test_what_is_made_is_stored_and_not_made_again(store: Store) -> None:
    """The second build takes all from the store, and `plan` says beforehand that it will."""
    action = Write("a")
    tasks = [task("a", action), task("b", Write("b"), "a")]
    assert forecast.plan(tasks, store) == {"a": "new", "b": "new"}
    first = build(store, *tasks)
    assert first["b"].folder and (first["b"].folder / "out/text").read_text() == "ba"
    assert forecast.plan(tasks, store) == {}
    assert statuses(build(store, *tasks)) == {"a": "stored", "b": "stored"}
    assert len(action.runs) == 1


def test_a_second_build_writes_nothing(store: Store) -> None:
    """With nothing to do, not even the memory of the last build is written again."""
    tasks = [task("a")]
    build(store, *tasks)
    before = {p: p.stat().st_mtime_ns for p in store.state.rglob("*") if p.is_file()}
    build(store, *tasks)
    assert {p: p.stat().st_mtime_ns for p in store.state.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("part", [*REASONS, *LAST])
def test_every_part_of_a_key_reruns_and_is_the_reason(store: Store, part: str) -> None:
    """A key is complete: whichever part changes, the task runs again and says which part it was."""
    before, after = Task("a", {part: "1"}, Write()), Task("a", {part: "2"}, Write())
    build(store, before)
    assert forecast.plan([after], store) == {"a": f"{part} changed"}
    assert statuses(build(store, after)) == {"a": "ran"}
    assert statuses(build(store, before)) == {"a": "stored"}, "what was made before is still good"


def test_the_first_reason_in_the_fixed_order_is_given(store: Store, tmp_path: Path) -> None:
    """Of several reasons, the first of the fixed order is told, of what was named and of what was read alike."""
    files = {"data file data.txt": tmp_path / "data.txt", "module lib.py": tmp_path / "lib.py"}
    every = [*REASONS, "upstream: below", *LAST]
    for name in files:
        every.insert(every.index(name.rpartition(" ")[0]) + 1, name)

    def tasks(changed: list[str]) -> tuple[Task, Task]:
        parts = {part: "2" if part in changed else "1" for part in (*REASONS, *LAST)}
        for name, file in files.items():
            file.write_text("2" if name in changed else "1")
        below = task("below", Write("other"), code="2") if "upstream: below" in changed else task("below")
        return below, Task("a", parts, Write("a", tuple(files.values())), ("below",))

    made = build(store, *tasks([]))["a"]
    build(store, tasks(["upstream: below"])[0])  # its other result is known, but not what `a` makes of it
    for first in range(len(every)):
        assert forecast.plan(tasks(every[first:]), store) == {"a": f"{every[first]} changed"}
    assert made.folder
    (made.folder / "out/text").unlink()
    assert forecast.plan(tasks([]), store) == {"a": "missing output"}


def test_what_is_foretold_is_the_reason_that_the_build_gives(store: Store, tmp_path: Path) -> None:
    """What waits for a task that will run is told its own reason first: only that is certain."""
    data = tmp_path / "data.txt"
    data.write_text("1")

    def tasks(below: str, code: str) -> tuple[Task, ...]:
        reading, other = Write("b", (data,)), Write("c")
        return task("a", Write(below), code=below), task("b", reading, "a", code=code), task("c", other, "a")

    build(store, *tasks("1", "1"))
    waits = "upstream: a will run"
    assert forecast.plan(tasks("2", "1"), store) == {"a": "code changed", "b": waits, "c": waits}
    data.write_text("2")
    foretold = forecast.plan(tasks("2", "1"), store)
    assert foretold == {"a": "code changed", "b": "data file data.txt changed", "c": waits}
    foretold = forecast.plan(tasks("2", "2"), store)
    assert foretold == {"a": "code changed", "b": "code changed", "c": waits}
    made = build(store, *tasks("2", "2"))
    assert {name: outcome.reason for name, outcome in made.items()} == foretold | {"c": "upstream: a changed"}


def test_a_traced_file_counts_for_what_it_holds(store: Store, tmp_path: Path) -> None:
    """A file that a run read belongs to its result: changed or gone it is stale, restored it is good again."""
    data, module = tmp_path / "data.txt", tmp_path / "lib.py"
    data.write_text("1")
    module.write_text("1")
    wanted = task("a", Write("a", (data, module)))
    build(store, wanted)
    module.write_text("2")
    assert forecast.plan([wanted], store) == {"a": "module lib.py changed"}
    data.unlink()
    assert forecast.plan([wanted], store) == {"a": "data file data.txt is gone"}
    data.write_text("1")
    module.write_text("1")
    assert forecast.plan([wanted], store) == {}


def test_results_that_stayed_the_same_cause_nothing_further(store: Store) -> None:
    """Early cut-off: a task that ran again and gave the same artifacts does not rerun its readers; its log is free."""
    reader = Write("b")
    build(store, task("a", Write("same", log="1")), task("b", reader, "a"))
    outcomes = build(store, task("a", Write("same", log="2"), code="edited"), task("b", reader, "a"))
    assert statuses(outcomes) == {"a": "ran", "b": "stored"}
    outcomes = build(store, task("a", Write("other"), code="edited again"), task("b", reader, "a"))
    assert statuses(outcomes) == {"a": "ran", "b": "ran"}
    assert outcomes["b"].reason == "upstream: a changed"


def test_upstream_results_that_come_and_go_are_named(store: Store) -> None:
    """A reader runs again when a result that it reads is new or gone, and says which."""
    build(store, task("a"), task("b"), task("r", Write("r"), "a", "b"))
    assert forecast.plan([task("a"), task("r", Write("r"), "a")], store) == {"r": "upstream: b is gone"}
    three = [task("a"), task("b"), task("c")]
    build(store, *three)
    assert forecast.plan([*three, task("r", Write("r"), "a", "b", "c")], store) == {"r": "upstream: c is new"}


def test_a_lost_output_is_made_again(store: Store) -> None:
    """A result of which a file is gone, cut short or damaged is not believed, and made again."""
    wanted = task("a")
    for damage in ("gone", "short", "other", "entry"):
        folder = build(store, wanted)["a"].folder
        assert folder
        if damage == "gone":
            (folder / "out/text").unlink()
        elif damage == "short":
            (folder / "out/text").write_text("")
        elif damage == "other":
            (folder / "out/text").write_text("b")  # as long as before
        else:
            (folder / "entry.json").write_text('{"key": "')
        assert forecast.plan([wanted], store) == {"a": "missing output"}
    assert statuses(build(store, wanted)) == {"a": "ran"}


def test_a_failed_task_holds_back_its_readers_and_no_others(store: Store) -> None:
    """One failure: those that depend on it wait, at any depth, the others go on; the next build begins there."""
    broken = Write("a", error=NotebookError("It is wrong.", where="a"))
    tasks = [task("a", broken), task("b", Write("b"), "a"), task("c", Write("c"), "b"), task("d")]
    outcomes = build(store, *tasks)
    assert statuses(outcomes) == {"a": "failed", "b": "held", "c": "held", "d": "ran"}
    assert (str(outcomes["a"].error), outcomes["c"].reason) == ("a: It is wrong.", "waits for b")
    broken.error = None
    assert statuses(build(store, *tasks)) == {"a": "ran", "b": "ran", "c": "ran", "d": "stored"}


def test_fail_fast_begins_nothing_after_a_failure(store: Store) -> None:
    """With it, tasks that could still run are held back and say why; what was finished before is kept."""
    tasks = [task("a"), task("b", Write(error=NotebookError("no"))), task("c"), task("d", None, "b")]
    outcomes = build(store, *tasks, jobs=1, fail_fast=True)
    assert statuses(outcomes) == {"a": "ran", "b": "failed", "c": "held", "d": "held"}
    assert outcomes["c"].reason == "not begun after a failure"
    assert statuses(build(store, *tasks, jobs=1)) == {"a": "stored", "b": "failed", "c": "ran", "d": "held"}


def test_what_is_forced_runs_and_the_same_results_cause_nothing_further(store: Store) -> None:
    """A forced task runs though it is up to date; its new result takes the place of the old one."""
    action = Write("a", log="first")
    tasks = [task("a", action), task("b", Write("b"), "a")]
    build(store, *tasks)
    assert forecast.plan(tasks, store, ["a"]) == {"a": "forced", "b": "upstream: a will run"}
    action.log = "second"
    outcomes = build(store, *tasks, forced=["a"])
    assert statuses(outcomes) == {"a": "ran", "b": "stored"} and outcomes["a"].reason == "forced"
    assert outcomes["a"].folder and (outcomes["a"].folder / "log/seen").read_text() == "second"
    assert statuses(build(store, *tasks)) == {"a": "stored", "b": "stored"}


def test_the_longest_begin_first(store: Store) -> None:
    """Once it is known what tasks take, those that take longest begin first."""
    slow = {"a": 0.0, "b": 0.02, "c": 0.01}
    clock = iter([t for seconds in slow.values() for t in (0.0, seconds)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("octavo.engine.runner.time.perf_counter", lambda: next(clock))
        build(store, *map(task, slow), jobs=1)
    events: list[Event] = []
    build(store, *(task(name, code=f"new {name}") for name in slow), events=events, jobs=1)
    assert [e.name for e in events if isinstance(e, Started)] == ["b", "c", "a"]


def test_a_failure_is_not_stored(store: Store) -> None:
    """A task that failed runs again in the next build."""
    broken = Write("a", error=NotebookError("It is wrong."))
    build(store, task("a", broken))
    build(store, task("a", broken))
    assert len(broken.runs) == 2


def test_events_tell_the_whole_story(store: Store) -> None:
    """Planned with the total, Started with the reason, Ended for every task, also for stored and held ones."""
    build(store, task("stored"))
    events: list[Event] = []
    broken = Write("x", error=NotebookError("No."))
    build(store, task("stored"), task("bad", broken), task("held", Write(), "bad"), events=events)
    assert events[0] == Planned(3)
    assert [e for e in events if isinstance(e, Started)] == [Started("bad", "new")]
    ended = {e.outcome.task.name: e.outcome.status for e in events if isinstance(e, Ended)}
    assert ended == {"stored": Status.STORED, "bad": Status.FAILED, "held": Status.HELD}


def test_a_bug_in_an_action_says_that_it_is_one(store: Store) -> None:
    """An exception that nobody foresaw becomes a message that admits the bug, and the build goes on."""
    outcomes = build(store, task("a", Write(error=ZeroDivisionError("oops"))), task("b"))
    assert statuses(outcomes) == {"a": "failed", "b": "ran"}
    assert "ZeroDivisionError: oops [this is a bug in Octavo]" in str(outcomes["a"].error)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "The disk takes no more"), (errno.EROFS, "This cannot be written to."), (errno.EIO, "error")],
)
def test_faults_of_the_disk_are_told_in_words(store: Store, number: int, words: str) -> None:
    """A full or read-only disk is a message with a way out; what was finished before is kept."""
    outcomes = build(store, task("a"), task("b", Write(error=OSError(number, "Some error", "out/text"))))
    assert statuses(outcomes) == {"a": "ran", "b": "failed"}
    assert words in str(outcomes["b"].error)
    assert forecast.plan([task("a")], store) == {}


def test_ctrl_c_keeps_what_was_finished(store: Store) -> None:
    """Stopped in the middle: what ended is in the store and remembered, the temporary folder is gone."""
    tasks = [task("a"), task("b", Write(error=KeyboardInterrupt()))]
    with pytest.raises(KeyboardInterrupt):
        build(store, *tasks, jobs=1)
    assert forecast.plan(tasks, store) == {"b": "new"}
    assert not (store.state / "tmp").exists()


def test_ctrl_c_while_a_result_is_stored_keeps_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """To hash and flush gigabytes takes a while: what was made is whole in the store before the build ends."""
    flush, handler = store_module._flush, signal.signal(signal.SIGUSR1, signal.default_int_handler)

    def interrupted(path: Path) -> None:
        if path.name == "text":
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.1)
        flush(path)

    monkeypatch.setattr(store_module, "_flush", interrupted)
    events: list[Event] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            build(store, task("a"), events=events)
    finally:
        signal.signal(signal.SIGUSR1, handler)
    assert [event.outcome.status for event in events if isinstance(event, Ended)] == [Status.RAN]
    assert forecast.plan([task("a")], store) == {}
    assert not list((store.state / "claims").iterdir())


class Together(AtOnce):
    """An executor whose tasks end all at once: those named ``lost`` lose their workers."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.given: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append((future, fn, args))
        if len(self.given) == self.number:
            for future, call, given in self.given:
                if given[0].startswith("lost"):
                    future.set_exception(Lost("a worker was killed"))
                else:
                    future.set_result(call(*given))
        return self.given[-1][0]


def test_ctrl_c_after_a_lost_worker_is_ctrl_c(store: Store) -> None:
    """A signal goes to the workers as well: that they are lost does not hide it, and what others made is kept."""

    def listen(event: Event) -> None:
        if isinstance(event, Noted):
            raise KeyboardInterrupt

    tasks = [task("lost1"), task("good"), task("lost2")]
    for _ in range(6):  # what has ended is a set: its order is any
        with pytest.raises(KeyboardInterrupt):
            runner.build(tasks, store, make_executor=lambda: Together(3), jobs=3, listen=listen, forced=["good"])
        assert forecast.plan([tasks[1]], store) == {}
        assert not list((store.state / "claims").iterdir())


class Fragile(AtOnce):
    """An executor that breaks when a certain action is given to it, as a pool does when its worker is killed."""

    def __init__(self, fatal: Write, times: int) -> None:
        self.fatal, self.times, self.broken = fatal, times, False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if args[1] is self.fatal and self.times:
            self.times -= 1
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor("a worker was killed"))
            return future
        return super().submit(fn, *args, **kwargs)


def test_a_lost_worker_is_forgiven_once(store: Store) -> None:
    """A worker that was killed once: its task runs again; what another worker had finished is kept, not run again."""
    fatal, other = Write("a"), Write("b")
    outcomes = build(store, task("b", other), task("a", fatal), executor=Fragile(fatal, 1))
    assert statuses(outcomes) == {"a": "ran", "b": "ran"}
    assert len(other.runs) == 1


def test_only_the_task_that_loses_workers_is_given_up(store: Store) -> None:
    """A task that loses its worker every time is given up with a hint; those beside it are not."""
    fatal = Write("a")
    names = ("b", "c", "d")
    outcomes = build(store, task("a", fatal), *map(task, names), executor=Fragile(fatal, 9), jobs=4)
    assert statuses(outcomes) == {"a": "failed", **dict.fromkeys(names, "ran")}
    assert str(outcomes["a"].error).splitlines()[:2] == [
        "a: The process that ran this was killed.",
        "  It was tried 2 times.",
    ]
    assert "jobs = 1" in str(outcomes["a"].error) and outcomes["a"].tries == 2


class Fails:
    """An action that raises some times, then makes its result; run here, so that it remembers."""

    def __init__(self, error: OctavoError, times: int) -> None:
        self.error, self.times, self.runs = error, times, 0

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        self.runs += 1
        if self.runs <= self.times:
            raise self.error
        return ()


@pytest.mark.parametrize(
    ("error", "times", "retries", "errors_too", "runs", "end"),
    [
        (KernelError("died"), 1, 1, False, 2, "ran"),
        (KernelError("died"), 2, 1, False, 2, "failed"),
        (KernelError("died"), 3, 3, False, 4, "ran"),
        (KernelError("died"), 1, 0, False, 1, "failed"),
        (NotebookError("raised"), 1, 3, False, 1, "failed"),
        (NotebookError("raised"), 2, 3, True, 3, "ran"),
        (NotebookError("raised"), 9, 3, True, 4, "failed"),
    ],
)
def test_what_is_tried_again(
    store: Store, error: OctavoError, times: int, retries: int, errors_too: bool, runs: int, end: str
) -> None:
    """A lost kernel is worth another try, as often as is asked for; an error of a cell only where that is asked for."""
    action = Fails(error, times)
    tried = Task("a", {"code": "1"}, action, retries=retries, retry_errors=errors_too)
    outcomes = build(store, tried, task("b"))
    assert (action.runs, outcomes["a"].tries, statuses(outcomes)) == (runs, runs, {"a": end, "b": "ran"})
    if end == "failed":
        assert ("It was tried" in str(outcomes["a"].error)) == (runs > 1)


class Idle(AtOnce):
    """An executor that turns out to be broken when it is used the first time."""

    broken = True

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.broken:
            self.broken = False
            raise BrokenExecutor("a worker was killed while idle")
        return super().submit(fn, *args, **kwargs)


def test_a_worker_lost_while_idle_does_not_stop_the_build(store: Store) -> None:
    """A pool that broke between two tasks is replaced."""
    assert statuses(build(store, task("a"), task("b"), executor=Idle())) == {"a": "ran", "b": "ran"}


def test_errors_cross_from_a_worker_whole() -> None:
    """Where, what and hint survive the way from another process."""
    error = NotebookError("It is wrong.", where="a.ipynb", hint="Mend it.")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.hint) == (NotebookError, str(error), "Mend it.")


def test_real_processes_run_tasks_and_survive_one_that_dies(store: Store) -> None:
    """With real workers: a task that kills its worker fails by name, the others are made."""
    tasks = [Task(name, {"code": name}, Die() if name == "dies" else Write(name)) for name in ("a", "dies", "b")]
    with pool.processes(2) as (make_executor, _):
        outcomes = runner.build(tasks, store, make_executor=make_executor, jobs=2, listen=lambda event: None)
    assert statuses(outcomes) == {"a": "ran", "b": "ran", "dies": "failed"}
    assert isinstance(outcomes["dies"].error, BuildError)


class Die:
    """An action whose process ends at once, as when memory runs out."""

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        import os

        os._exit(9)


def test_keys_know_kinds_and_order() -> None:
    """A digest tells 1 from 1.0, True and '1', a list from its parts, and does not depend on the order of dicts."""
    different = [keys.of(x) for x in (1, 1.0, True, "1", [1], None, "")]
    assert len(set(different)) == len(different)
    assert keys.of("ab", "c") != keys.of("a", "bc")
    assert keys.of({"a": 1, "b": 2}) == keys.of({"b": 2, "a": 1})
    assert keys.of_task({"code": "1"}, {}) != keys.of_task({}, {"code": "1"})


@dataclass
class During:
    """An action while which something else happens."""

    happens: Callable[[], object]

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        self.happens()
        (folder / "out" / "text").write_text("during")
        return ()


def test_of_two_tasks_of_one_key_one_runs_and_no_other_build_is_told_of(store: Store) -> None:
    """The second one begins when the first has ended and is not stored yet: what holds it back is of this build."""
    events: list[Event] = []
    twins = [Task(name, {"code": "same"}, Write("x"), ()) for name in ("a", "b")]
    outcomes = build(store, *twins, jobs=1, events=events)
    assert sorted(statuses(outcomes).values()) == ["ran", "stored"]
    assert not [event for event in events if isinstance(event, Noted)]


def test_what_another_build_makes_anew_on_purpose_is_taken(store: Store) -> None:
    """A result is forced while a build is at work that found the old one: that build goes on with the new one."""
    now, slow = Write("before", log="1"), task("slow", code="1")
    build(store, task("now", now), slow)

    def force() -> None:
        now.text = "after"
        assert statuses(build(store, task("now", now), forced=["now"])) == {"now": "ran"}

    during = Task("slow", {"code": "2"}, During(force))
    outcomes = build(store, task("now", now), during, task("reader", Write("r"), "now", "slow"), jobs=1)
    assert statuses(outcomes) == {"now": "stored", "slow": "ran", "reader": "ran"}
    folder, entry = outcomes["now"].folder, outcomes["now"].entry
    assert folder and entry and store.damaged(folder, entry) == []
    assert (folder / "out/text").read_text() == "after"
    assert not list((store.state / "store").glob("*/*.old"))
    assert statuses(build(store, task("now", now))) == {"now": "stored"}


@pytest.mark.parametrize("ran", [False, True])
def test_what_read_a_result_that_is_made_anew_meanwhile_runs_again(store: Store, ran: bool) -> None:
    """Another build forces a result while a task reads it: what was made of the old one is not kept."""
    now, runs = Write("before"), []
    if not ran:
        build(store, task("now", now))

    def reader(folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        text = (upstream["now"] / "text").read_text()
        runs.append(text)
        if len(runs) == 1:
            now.text = "after"
            build(store, task("now", now), forced=["now"])
        (folder / "out" / "text").write_text(text)
        return ()

    both = task("now", now), Task("reader", {"code": "r"}, reader, ("now",))
    outcomes = build(store, *both, jobs=1)
    assert runs == ["before", "after"]
    assert statuses(outcomes) == {"now": "ran" if ran else "stored", "reader": "ran"}
    folder = outcomes["reader"].folder
    assert folder and (folder / "out/text").read_text() == "after"
    assert statuses(build(store, *both)) == {"now": "stored", "reader": "stored"}


def test_ctrl_c_lets_go_of_what_another_build_has_overtaken(store: Store) -> None:
    """What was made of a result that another build replaced is not kept; nobody waits for who would have made it."""
    now = Write("before")

    def reader(folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        text = (upstream["now"] / "text").read_text()
        if text == "before":
            now.text = "after"
            build(store, task("now", now), forced=["now"])
        (folder / "out" / "text").write_text(text)
        return ()

    both = task("now", now), Task("reader", {"code": "r"}, reader, ("now",))
    with pytest.raises(KeyboardInterrupt):
        build(store, *both, task("stopped", Write(error=KeyboardInterrupt())), jobs=1)
    assert len(list((store.state / "claims").iterdir())) == 1  # of the one that was being begun
    outcomes = build(store, *both)
    assert statuses(outcomes) == {"now": "stored", "reader": "ran"}
    folder = outcomes["reader"].folder
    assert folder and (folder / "out/text").read_text() == "after"


def test_a_forced_result_is_published_as_it_is_now(store: Store) -> None:
    """Also where no task reads it: what a build says of its results is true of the files at its end."""
    now = Write("a", log="1")
    build(store, task("now", now))

    def force() -> None:
        now.log = "2"
        build(store, task("now", now), forced=["now"])

    outcomes = build(store, task("now", now), Task("slow", {"code": "2"}, During(force)), jobs=1)
    folder, entry = outcomes["now"].folder, outcomes["now"].entry
    assert folder and entry and entry.outputs["log/seen"][1] == keys.of_file(folder / "log/seen")


def test_damage_while_a_build_is_at_work_is_seen_by_the_next(store: Store) -> None:
    """A result was read and then damaged before the build ended: it is not remembered as whole."""
    build(store, task("fit"))
    (store.state / "last.json").unlink()
    (file,) = (store.state / "store").glob("*/*/out/text")
    statuses(build(store, task("fit"), Task("slow", {"code": "1"}, During(lambda: file.write_text("fIt"))), jobs=1))
    assert forecast.plan([task("fit")], store) == {"fit": "missing output"}


class Both(AtOnce):
    """A pool in which, the first time, one kernel dies and another task's worker takes the pool with it."""

    def __init__(self) -> None:
        self.errors = {"dies": KernelError("It died."), "breaks": BrokenExecutor("killed")}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if error := self.errors.pop(args[0], None):
            future: Future[Any] = Future()
            future.set_exception(error)
            return future
        return super().submit(fn, *args, **kwargs)


def test_a_kernel_that_dies_beside_a_broken_pool_is_tried_again(store: Store) -> None:
    """What else ended in that moment makes no difference to it."""
    assert statuses(build(store, task("dies"), task("breaks"), executor=Both())) == {"dies": "ran", "breaks": "ran"}


def test_a_folder_of_a_build_killed_at_its_beginning_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not so one that is being made just now."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = tmp_path / ".octavo-run-old", tmp_path / ".octavo-run-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))
    with pool.processes(1) as (_, scratch):
        assert sorted(tmp_path.iterdir()) == [new, Path(scratch)]

"""Files that one of several tasks read that ran side by side: whose, is sorted out when such a file changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from octavo.engine import forecast, runner
from octavo.engine.events import Ended, Event, Started
from octavo.engine.store import Store
from octavo.engine.task import Entry, Outcome, Task


class AtOnce(Executor):
    """An executor that runs what it is given at once; the runner hears of it later, so tasks seem to overlap."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass
class Read:
    """An action that reads ``own``, and while which ``beside`` are opened too, by whomever, when others run."""

    root: Path
    own: tuple[str, ...]
    beside: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        (folder / "out" / "text").write_text("x")
        files = sorted({*self.own, *self.beside})
        (folder / "doubts.json").write_text(json.dumps({"perhaps": files, "changed": self.changed, "notes": ["said"]}))
        return tuple(self.root / name for name in files)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for name in "fgh":
        (tmp_path / name).write_text("1")
    return Store(tmp_path / ".octavo", tmp_path)


def build(store: Store, *tasks: Task, jobs: int = 3) -> tuple[dict[str, Outcome], list[str]]:
    """Return the outcomes, and what was begun and ended in which order."""
    heard: list[Event] = []
    outcomes = runner.build(tasks, store, make_executor=AtOnce, jobs=jobs, listen=heard.append)
    return outcomes, [told for event in heard if (told := _told(event))]


def _told(event: Event) -> str:
    if isinstance(event, Started):
        return f"+{event.name}"
    return f"-{event.outcome.task.name}" if isinstance(event, Ended) and event.outcome.reason else ""


def entry(outcomes: Mapping[str, Outcome], name: str) -> Entry:
    found = outcomes[name].entry
    assert found
    return found


def two(store: Store) -> tuple[Task, Task]:
    """Two tasks that each see what the other reads."""
    root = store.root
    return Task("a", {"code": "a"}, Read(root, ("f",), ("g",))), Task("b", {"code": "b"}, Read(root, ("g",), ("f",)))


def alone(store: Store) -> tuple[Task, Task]:
    """The same two, that nothing is opened beside."""
    root = store.root
    return Task("a", {"code": "a"}, Read(root, ("f",))), Task("b", {"code": "b"}, Read(root, ("g",)))


def test_what_was_opened_beside_others_is_shared(store: Store) -> None:
    """It is in the trace and marked; the note is kept; a task that ran alone shares with nobody."""
    outcomes, _ = build(store, *two(store))
    assert (entry(outcomes, "a").shared, sorted(entry(outcomes, "a").reads)) == (("f", "g"), ["f", "g"])
    assert entry(outcomes, "a").notes == ("said",)
    outcomes, _ = build(store, Task("c", {"code": "c"}, Read(store.root, ("f",))), jobs=1)
    assert (entry(outcomes, "c").shared, sorted(entry(outcomes, "c").reads)) == ((), ["f"])


def test_a_shared_file_that_changes_has_each_run_alone(store: Store) -> None:
    """The reason says so; nothing runs beside them; afterwards each trace is its own, and stays so side by side."""
    build(store, *two(store))
    (store.root / "f").write_text("2")
    reason = "shared trace: f changed"
    assert forecast.plan(two(store), store) == {"a": reason, "b": reason}
    outcomes, order = build(store, *alone(store))
    assert order in (["+a", "-a", "+b", "-b"], ["+b", "-b", "+a", "-a"])
    assert [list(entry(outcomes, name).reads) for name in "ab"] == [["f"], ["g"]]
    (store.root / "f").write_text("3")
    assert forecast.plan(two(store), store) == {"a": "data file f changed"}
    (store.root / "g").write_text("3")
    outcomes, order = build(store, *two(store))
    assert sorted(order[:2]) == ["+a", "+b"], "what they are known to read is no reason to run alone"
    assert (entry(outcomes, "a").shared, entry(outcomes, "b").shared) == (("g",), ("f",))


def test_one_of_a_sweep_runs_alone_for_all(store: Store) -> None:
    """Where the first of several tasks of one code did read the file, the others need not run one by one."""
    points = [Task(f"p{n}", {"code": "p", "parameter": str(n)}, Read(store.root, ("f",))) for n in range(3)]
    outcomes, _ = build(store, *points)
    assert all(entry(outcomes, task.name).shared for task in points)
    (store.root / "f").write_text("2")
    _, order = build(store, *points)
    assert order[0][1:] == order[1][1:], "whichever took longest last time"
    assert [told[0] for told in order[:4]] == ["+", "-", "+", "+"]


def test_of_two_results_the_one_of_its_own_trace_is_taken(store: Store) -> None:
    """A file changed and changed back: the result that was made alone serves, whatever the other file holds."""
    build(store, *two(store))
    (store.root / "g").write_text("2")
    build(store, *alone(store))
    (store.root / "g").write_text("1")
    outcomes, order = build(store, *two(store))
    assert (order, entry(outcomes, "a").shared) == ([], ())


def test_what_changed_after_it_was_read_serves_one_build(store: Store) -> None:
    """Nobody knows any more what was read: the next build runs it again."""
    task = Task("a", {"code": "a"}, Read(store.root, ("f",), changed=("f",)))
    build(store, task)
    assert forecast.plan([task], store) == {"a": "data file f changed"}


def test_what_was_forced_is_not_followed_by_what_was_there_before(store: Store) -> None:
    """A first run that was seen to read nothing would be taken again as soon as a file changes that the second read."""
    forced = [Task("a", {"code": "a"}, Read(store.root, ("f",)), ())]
    build(store, Task("a", {"code": "a"}, Read(store.root, ()), ()))
    runner.build(forced, store, make_executor=AtOnce, jobs=1, listen=lambda _: None, forced=["a"])
    assert forecast.plan(forced, store) == {}
    (store.root / "f").write_text("2")
    assert forecast.plan(forced, store) == {"a": "data file f changed"}
    build(store, *forced)
    (store.root / "f").write_text("1")
    assert forecast.plan(forced, store) == {}, "what was made of other files stays"

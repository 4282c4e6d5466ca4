"""What begins next: what waits for nothing, the longest first; and only where there is room for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from octavo.engine import pool, runner
from octavo.engine.events import Event, Noted
from octavo.engine.graph import ordered
from octavo.engine.remote import within
from octavo.engine.room import DEVICES, Room, available_memory, measure
from octavo.engine.schedule import Schedule
from octavo.engine.store import Store
from octavo.engine.task import Action, Status, Task
from octavo.errors import NotebookError


def task(name: str, *after: str, **options: Any) -> Task:
    return Task(name, {"code": name}, lambda folder, upstream: (), after, **options)


def test_the_longest_of_what_can_begin_comes_first() -> None:
    """A task comes when all that it waits for has ended; one that is put back keeps its place."""
    tasks = ordered([task("a"), task("b"), task("c", "a", "b"), task("d", "a")])
    schedule = Schedule(tasks, {"b": 2.0, "c": 9.0})
    first = schedule.take()
    assert first and first.name == "b"
    schedule.put_back(first)
    assert [t.name for t in (schedule.take(), schedule.take(), schedule.take()) if t] == ["b", "a"]
    schedule.end("a")
    assert [t.name for t in (schedule.take(), schedule.take()) if t] == ["d"]
    schedule.end("b")
    last = schedule.take()
    assert last and last.name == "c" and schedule.left == 0


class Watched(Executor):
    """Threads that note which calls are at work at once, and with which device."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(8)
        self.lock = threading.Lock()
        self.working: dict[str, str | None] = {}
        self.seen: list[dict[str, str | None]] = []
        self.together = threading.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def call() -> Any:
            with self.lock:
                self.working[args[0]] = args[4]
                self.seen.append(dict(self.working))
            self.together.wait(0.02)  # so that others can begin beside it
            try:
                return fn(*args[:4])
            finally:
                with self.lock:
                    del self.working[args[0]]

        return self.pool.submit(call)


def build(store: Store, tasks: list[Task], room: Room, jobs: int = 4) -> tuple[Watched, list[Event]]:
    watched, events = Watched(), list[Event]()
    done = runner.build(tasks, store, make_executor=lambda: watched, jobs=jobs, listen=events.append, room=room)
    assert all(outcome.done for outcome in done.values())
    return watched, events


class Hungry:
    """An action that says that it needs memory: what the runner measured of its process is replaced in the test."""

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        return ()


class Fails:
    """An action whose notebook raises."""

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        raise NotebookError("It raised.")


class Breaks(Executor):
    """A pool that breaks with whatever it is given."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise BrokenExecutor("its worker was killed")


def test_points_are_held_back_before_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needed 40 of 100 last time runs two at once, not four, and the build says so."""
    store = Store(tmp_path / ".octavo", tmp_path)
    monkeypatch.setattr(pool, "_memory_of_children", lambda: 40)
    names = "abcdef"
    first, _ = build(store, [Task(n, {"code": n + "1"}, Hungry()) for n in names], Room(100))
    assert max(map(len, first.seen)) > 2, "nothing is known of them yet"
    second, events = build(store, [Task(n, {"code": n + "2"}, Hungry()) for n in names], Room(100))
    assert max(map(len, second.seen)) == 2
    assert [e.text for e in events if isinstance(e, Noted)] == [
        "Memory is short: fewer points run side by side than could."
    ]
    alone, _ = build(store, [Task(n, {"code": n + "3"}, Hungry()) for n in names], Room(10))
    assert max(map(len, alone.seen)) == 1, "one runs in any case"


def test_a_graphics_device_is_used_by_one_point_at_a_time(tmp_path: Path) -> None:
    """Of points that need a device as many run as there are devices, each with its own; others go on beside them."""
    store = Store(tmp_path / ".octavo", tmp_path)
    tasks = [Task(f"gpu{n}", {"code": f"g{n}"}, Hungry(), device=True) for n in range(6)]
    tasks += [Task(f"cpu{n}", {"code": f"c{n}"}, Hungry()) for n in range(6)]
    watched, _ = build(store, tasks, Room(None, ("0", "1")))
    devices = [[d for d in seen.values() if d is not None] for seen in watched.seen]
    assert max(map(len, devices)) == 2
    assert all(len(set(used)) == len(used) for used in devices)
    assert any(name.startswith("cpu") and device is None for seen in watched.seen for name, device in seen.items())


@pytest.mark.parametrize("fast", [False, True])
def test_points_that_waited_for_a_device_all_come_to_an_end(tmp_path: Path, fast: bool) -> None:
    """Of points that wait for the one device some are stored, or held after a failure: the others wait no longer."""
    store = Store(tmp_path / ".octavo", tmp_path)
    room, names = Room(None, ("0",)), ("a", "b", "c", "d")
    tasks = [Task(name, {"code": name}, Hungry(), device=True) for name in names]

    def again(forced: str, action: Action) -> list[Status]:
        first = [replace(task, action=action) if task.name == forced else task for task in tasks]
        options = {"make_executor": Watched, "jobs": 4, "listen": lambda event: None, "room": room, "fail_fast": fast}
        done = within(20, lambda: runner.build(first, store, forced=[forced], **options))  # type: ignore[arg-type]
        return [done[name].status for name in names]

    build(store, tasks[1:] if fast else tasks, room)
    if fast:
        assert again("a", Fails())[0] is Status.FAILED
    for number, name in enumerate(names):
        assert again(name, Hungry())[number] is Status.RAN


def test_points_wait_for_a_device_also_after_their_pool_broke(tmp_path: Path) -> None:
    """The one at work took the pool with it: those that waited for its device run in the next pool."""
    store = Store(tmp_path / ".octavo", tmp_path)
    tasks = [Task(name, {"code": name}, Hungry(), device=True, retries=0) for name in ("a", "b", "c")]
    pools = iter((Breaks(), Watched()))
    done = within(
        20,
        lambda: runner.build(
            tasks,
            store,
            make_executor=lambda: next(pools),
            jobs=4,
            listen=lambda event: None,
            room=Room(None, ("0",)),
        ),
    )
    assert [outcome.status for outcome in done.values()] == [Status.FAILED, Status.RAN, Status.RAN]


class Wide(Watched):
    """A cluster with many threads."""

    places = 1200


def test_no_more_is_begun_than_files_can_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of any size is no reason to run out of open files: fewer are at work at once."""
    monkeypatch.setattr("resource.getrlimit", lambda kind: (16, 4096))
    store, events = Store(tmp_path / ".octavo", tmp_path), list[Event]()
    tasks = [Task(f"t{n}", {"code": str(n)}, Hungry()) for n in range(20)]
    wide = Wide()
    runner.build(tasks, store, make_executor=lambda: wide, jobs=1, listen=events.append)
    assert max(map(len, wide.seen)) == 4
    assert [e.text for e in events if isinstance(e, Noted)] == [
        "No more than 4 tasks are at work at once: each takes an open file (`ulimit -n`)."
    ]


def test_a_point_sees_its_device_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of the device is in the variable that its libraries read."""
    monkeypatch.setenv(DEVICES, "before")
    seen = []

    def look(folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        seen.append(os.environ[DEVICES])
        return ()

    pool.perform("a", look, tmp_path / "made", {}, "3")
    assert seen == ["3"]


def test_what_room_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free memory within the control group's limit; the devices that the user lets be seen, or that are there."""
    proc, groups, files = tmp_path / "proc", tmp_path / "groups", tmp_path / "dev"
    for path, text in {
        proc / "meminfo": "MemTotal: 9 kB\nMemAvailable: 4 kB\n",
        proc / "self/cgroup": "0::/mine\n",
        groups / "mine/memory.max": "max\n",
        groups / "mine/memory.current": "1024\n",
        files / "nvidia0": "",
        files / "nvidia1": "",
        files / "nvidiactl": "",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert available_memory(proc, groups) == 4096
    (groups / "mine/memory.max").write_text("3072\n")
    assert available_memory(proc, groups) == 2048
    assert available_memory(tmp_path / "none") is None
    monkeypatch.delenv(DEVICES, raising=False)
    assert measure(files=files).devices == ("0", "1") and measure(1, files).devices == ("0",)
    monkeypatch.setenv(DEVICES, "3,5")
    assert measure(files=files).devices == ("3", "5") and measure(1, files).devices == ("3",)

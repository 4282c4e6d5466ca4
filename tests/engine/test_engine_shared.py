"""The shared store: fetched by key, believed by digest alone, and never in the way of a build."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import msgspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.engine.test_engine_runs import AtOnce, Write, statuses, task

from octavo.engine import forecast, remote, runner
from octavo.engine.events import Event, Noted
from octavo.engine.shared import Place, Shared, sharing
from octavo.engine.store import DOUBTS, Store
from octavo.engine.task import Doubts, Outcome, Task
from octavo.errors import UsageError

REASONABLE = 30.0  # seconds; a test that takes them hangs


@dataclass
class Machine:
    """A project's folder on some machine, with a store of its own and what its last build said."""

    root: Path
    address: str
    writes: bool = True
    wait: float = REASONABLE
    patience: float = REASONABLE
    notes: list[str] = field(default_factory=list)

    def shared(self, events: list[Event]) -> Shared:
        place = Place(self.address, self.writes, self.wait, "pyproject.toml:2")
        return Shared(place, Store(self.root / ".octavo", self.root), events.append, self.patience)

    def build(self, *tasks: Task, executor: Executor | None = None, **options: Any) -> dict[str, Outcome]:
        """Build, wait for what is sent, and return the outcomes."""
        events: list[Event] = []
        made = executor or AtOnce()
        store = Store(self.root / ".octavo", self.root)
        try:
            with sharing(self.shared(events)) as shared:
                return runner.build(
                    tasks, store, make_executor=lambda: made, jobs=2, listen=events.append, shared=shared, **options
                )
        finally:
            self.notes = [event.text for event in events if isinstance(event, Noted)]


class Changing(Write):
    """An action whose file was written to while it ran."""

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        (folder / DOUBTS).write_bytes(msgspec.json.encode(Doubts(changed=("data.txt",))))
        return super().__call__(folder, upstream)


class Fickle(MemoryFileSystem):  # type: ignore[misc]
    """A place that does as it is told: ``fault`` is called with the operation and the path before each one."""

    protocol = "fickle"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    cachable = False
    fault: ClassVar[Callable[[str, str], object]] = staticmethod(lambda operation, path: None)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(f"memory://{path.rpartition('://')[2]}"))

    def ls(self, path: str, **options: Any) -> Any:
        type(self).fault("list", path)
        return super().ls(path, **options)

    def cat_file(self, path: str, **options: Any) -> Any:
        type(self).fault("read", path)
        return super().cat_file(path, **options)

    def put_file(self, source: str, path: str, **options: Any) -> None:
        type(self).fault("write", path)
        super().put_file(source, path, **options)

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        type(self).fault("write", path)
        super().pipe_file(path, value, **options)


@pytest.fixture
def fickle(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Fickle]]:
    fsspec.register_implementation("fickle", Fickle, clobber=True)
    monkeypatch.setattr(Fickle, "store", {})
    monkeypatch.setattr(Fickle, "pseudo_dirs", [""])
    yield Fickle
    Fickle.fault = staticmethod(lambda operation, path: None)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Machine]:
    """Return a maker of machines that share the folder ``shared``."""

    def make(name: str, address: str = "", **options: Any) -> Machine:
        (tmp_path / name).mkdir(exist_ok=True)
        return Machine(tmp_path / name, address or f"file://{tmp_path}/shared", **options)

    return make


def chain() -> tuple[list[Task], Write, Write]:
    """Two tasks, one of which reads the other, and their actions."""
    first, second = Write("a", log="seen"), Write("b")
    return [task("a", first), task("b", second, "a")], first, second


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def fetched(outcomes: Mapping[str, Outcome]) -> list[str]:
    return sorted(name for name, outcome in outcomes.items() if outcome.fetched)


@pytest.mark.parametrize("address", ["", "memory://lab/store"])
def test_what_one_machine_made_another_fetches(machine: Callable[..., Machine], address: str) -> None:
    """The second machine runs nothing, has the same bytes, knows where they came from and when they were made."""
    tasks, first, second = chain()
    made = machine("one", address).build(*tasks)
    assert (statuses(made), fetched(made)) == ({"a": "ran", "b": "ran"}, [])
    there = machine("two", address)
    got = there.build(*tasks)
    assert (statuses(got), fetched(got), there.notes) == ({"a": "stored", "b": "stored"}, ["a", "b"], [])
    assert (len(first.runs), len(second.runs)) == (1, 1)
    for name in ("a", "b"):
        one, two = made[name], got[name]
        assert one.folder and one.entry and two.folder and two.entry
        assert files(one.folder / "out") == files(two.folder / "out")
        assert (one.entry.origin, two.entry.origin) == ("", there.address)
        times = [int((folder / "entry.json").stat().st_mtime) for folder in (one.folder, two.folder)]
        assert times[0] == times[1]
    again = there.build(*tasks)
    assert (statuses(again), fetched(again)) == ({"a": "stored", "b": "stored"}, [])


def test_a_store_is_made_of_plain_files_each_once(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """Two results with the same bytes share an object, named by its digest; nothing unfinished is left."""
    machine("one").build(task("a", Write("x")), task("b", Write("x")), task("c", Write("y")))
    there = files(tmp_path / "shared")
    objects = [name for name in there if name.startswith("objects/")]
    results = [name for name in there if name.startswith("results/")]
    assert (len(objects), len(results), len(there)) == (2, 3, 6), sorted(there)
    assert sorted(there[name] for name in objects) == [b"x", b"y"]


class Pages(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def test_a_store_behind_a_web_server_is_read_as_far_as_it_lists(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """A listing that tells no sizes is enough; without any, nothing is there, and nothing is called a bug."""
    pytest.importorskip("aiohttp")
    one, two = task("a", Write("a")), task("b", Write("b"))
    machine("one").build(one)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(tmp_path / "shared"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        reader = machine("reader", address, writes=False)
        assert fetched(reader.build(one, two)) == ["a"] and reader.notes == []
        for entry in _entries(tmp_path / "shared"):
            (entry.parent / "index.html").write_text("Nothing to list.")
        reader = machine("other", address, writes=False)
        assert statuses(reader.build(one)) == {"a": "ran"} and reader.notes == []
        server.shutdown()


def test_only_what_a_build_needs_is_fetched(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """A build of one task leaves the others where they are."""
    tasks = [task("a", Write("a")), task("b", Write("b" * 10))]
    machine("one", "fickle://lab").build(*tasks)
    read: list[str] = []
    fickle.fault = staticmethod(lambda operation, path: read.append(path))
    assert fetched(machine("two", "fickle://lab").build(tasks[0])) == ["a"]
    assert len([path for path in read if "/objects/" in path]) == 1


def test_an_entry_is_written_after_all_that_it_names(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """A writer that dies at any step leaves no entry of what is not there: the next one is asked and runs."""
    for step in range(1, 7):
        fickle.store.clear()
        calls = iter(range(1, 99))

        def die(operation: str, path: str, calls: Iterator[int] = calls, step: int = step) -> None:
            if operation == "write" and next(calls) == step:
                raise ConnectionResetError("the writer died")

        fickle.fault = staticmethod(die)
        machine(f"one-{step}", "fickle://lab").build(task("a", Write("a", log="seen")))
        fickle.fault = staticmethod(lambda operation, path: None)
        action = Write("a", log="seen")
        other = machine(f"two-{step}", "fickle://lab")
        got = other.build(task("a", action))
        complete = step > 4  # the mark, two objects, the entry
        assert (fetched(got), len(action.runs)) == ((["a"], 0) if complete else ([], 1)), step
        assert other.notes == [], step


# What somebody, or a bad disk, may have done to the store. Each gets the folder of the shared store.
def _objects(shared: Path) -> list[Path]:
    return sorted((shared / "objects").rglob("*/*"))


def _entries(shared: Path) -> list[Path]:
    return sorted((shared / "results").rglob("*.json"))


def _flip(shared: Path) -> None:
    for path in _objects(shared):
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def _cut(shared: Path) -> None:
    for path in _objects(shared):
        path.write_bytes(path.read_bytes()[:-1])


def _empty(shared: Path) -> None:
    for path in _objects(shared):
        path.write_bytes(b"")


def _remove(shared: Path) -> None:
    for path in _objects(shared):
        path.unlink()


def _cut_entry(shared: Path) -> None:
    for path in _entries(shared):
        path.write_bytes(path.read_bytes()[:-2])


def _empty_entry(shared: Path) -> None:
    for path in _entries(shared):
        path.write_bytes(b"")


def _binary_entry(shared: Path) -> None:
    for path in _entries(shared):
        path.write_bytes(b"\xff" * 9)


def _list_entry(shared: Path) -> None:
    for path in _entries(shared):
        path.write_text("[]")


def _changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def damage(shared: Path) -> None:
        for path in _entries(shared):
            offered = json.loads(path.read_bytes())
            change(offered)
            path.write_text(json.dumps(offered))

    return damage


def _named(name: str) -> Callable[[Path], None]:
    def change(offered: dict[str, Any]) -> None:
        outputs = offered["entry"]["outputs"]
        outputs[name] = outputs.pop("out/text")

    return _changed(change)


def _with(**fields: Any) -> Callable[[Path], None]:
    return _changed(lambda offered: offered["entry"].update(fields))


def _size(size: int) -> Callable[[Path], None]:
    def change(offered: dict[str, Any]) -> None:
        outputs = offered["entry"]["outputs"]
        outputs |= {name: [size, digest] for name, (_, digest) in outputs.items()}

    return _changed(change)


def _file_in_file(offered: dict[str, Any]) -> None:
    outputs = offered["entry"]["outputs"]
    outputs["out/text/more"] = outputs["out/text"]


UNREADABLE, NOWHERE = "its entry cannot be read: ", "where nothing of it may lie"
DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit is flipped": (_flip, "does not have the bytes that its entry tells of"),
    "an object is cut": (_cut, "does not have the bytes that its entry tells of"),
    "an object is empty": (_empty, "does not have the bytes that its entry tells of"),
    "an object is gone": (_remove, "is not there"),
    "an entry is cut": (_cut_entry, UNREADABLE),
    "an entry is empty": (_empty_entry, "its entry has 0 bytes"),
    "an entry is no UTF-8": (_binary_entry, UNREADABLE),
    "an entry names a file above": (_named("../../../escaped"), NOWHERE),
    "an entry climbs out of out": (_named("out/../../../escaped"), NOWHERE),
    "an entry names an absolute file": (_named("/tmp/octavo-escaped"), NOWHERE),
    "an entry names a file of another kind": (_named("entry.json"), NOWHERE),
    "an entry names a folder only": (_named("out/"), NOWHERE),
    "an entry names a file on a drive": (_named("out\\..\\escaped"), NOWHERE),
    "an entry has a line break in a name": (_named("out/a\nb"), NOWHERE),
    "an entry has a file in a file": (_changed(_file_in_file), "cannot lie beside each other"),
    "an entry has a name of too many bytes": (_named(f"out/{'é' * 200}"), "cannot lie beside each other"),
    "an entry has more fields": (_with(run="rm"), UNREADABLE),
    "an entry has a field beside it": (_changed(lambda offered: offered.update(pickle="gASVAA==")), UNREADABLE),
    "an entry has another key": (_with(key="0" * 64), "its entry belongs to another result"),
    "an entry tells of other files read": (_with(reads={"a.txt": "missing"}), "its entry belongs to another result"),
    "an entry read a file above": (_with(reads={"../secret": "missing"}), NOWHERE),
    "a digest is a path": (_with(outputs={"out/text": [1, "../../../../../../etc/hostname"]}), "a digest that is none"),
    "a size is a little too large": (_size(99), "does not have the bytes that its entry tells of"),
    "a size is beyond all files": (_size(1 << 60), "does not have the bytes that its entry tells of"),
    "a size is negative": (_with(outputs={"out/text": [-1, "0" * 64]}), "its entry has a size or"),
    "a size is of another kind": (_with(outputs={"out/text": ["1", "0" * 64]}), UNREADABLE),
    "an entry speaks to the terminal": (_with(notes=["\x1b[2J"]), "its entry has notes that"),
    "an entry doubts what it did not read": (_with(shared=["a.txt"]), "that do not fit together"),
    "an entry is of no time": (_changed(lambda offered: offered.update(ran=-1)), "that do not fit together"),
    "an entry is of the far future": (
        _changed(lambda offered: offered.update(ran=1 << 60)),
        "that do not fit together",
    ),
    "an entry took less than no time": (_with(seconds=-1.0), "that do not fit together"),
    "an entry is a list": (_list_entry, UNREADABLE),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused_told_once_made_here_and_healed(
    machine: Callable[..., Machine], tmp_path: Path, damage: str
) -> None:
    """No trust without the hash: the points run here, nothing lands outside, and the next machine has it good."""
    tasks, first, second = chain()
    machine("one").build(*tasks)
    spoil, words = DAMAGES[damage]
    spoil(tmp_path / "shared")
    two = machine("two")
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "shared")}
    got = two.build(*tasks)
    assert (statuses(got), fetched(got)) == ({"a": "ran", "b": "ran"}, [])
    assert (len(first.runs), len(second.runs)) == (2, 2)
    assert len(two.notes) == 1 and words in two.notes[0], two.notes
    assert two.notes[0].startswith("A result in the shared store was refused: of a, ")
    new = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "shared")} - before
    assert all(path.is_relative_to(two.root / ".octavo") for path in new)
    assert not Path("/tmp/octavo-escaped").exists()
    three = machine("three")
    assert (fetched(three.build(*tasks)), three.notes) == (["a", "b"], [])


def test_a_large_object_is_healed_too(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """An object that is not sent again for its size alone is, once it was found damaged."""
    machine("one").build(task("a", Write("x" * 3_000_000)))
    (large,) = _objects(tmp_path / "shared")
    large.write_bytes(b"y" + large.read_bytes()[1:])
    two = machine("two")
    assert statuses(two.build(task("a", Write("x" * 3_000_000)))) == {"a": "ran"}
    assert fetched(machine("three").build(task("a", Write()))) == ["a"]


def test_a_result_holds_only_where_the_files_it_read_are_the_same(
    machine: Callable[..., Machine], fickle: type[Fickle]
) -> None:
    """What was traced is part of the key: with other data here nothing is fetched and the point runs."""
    asked: list[str] = []
    fickle.fault = staticmethod(lambda *what: asked.append(" ".join(what)))
    runs = []
    for name, content in (("one", "1"), ("two", "2"), ("three", "1")):
        at = machine(name, "fickle://lab")
        (at.root / "data.txt").write_text(content)
        action = Write("a", reads=(at.root / "data.txt", at.root / "absent.txt", at.root))
        asked.clear()
        got = at.build(task("a", action))
        read = [what for what in asked if what.startswith("read") and "/objects/" in what]
        runs.append((len(action.runs), fetched(got), len(read), at.notes))
    assert runs == [(1, [], 0, []), (1, [], 0, []), (0, ["a"], 1, [])]


def test_what_read_a_file_outside_the_project_stays_here(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """Files outside the project, and their names, do not travel; that is said."""
    outside = tmp_path / "elsewhere.csv"
    outside.write_text("1")
    one = machine("one")
    one.build(task("a", Write("a", reads=(outside,))), task("b", Write("b")))
    assert len(one.notes) == 1 and "a is not shared, since it read" in one.notes[0]
    assert all(b"elsewhere" not in content for content in files(tmp_path / "shared").values())
    two = machine("two")
    assert fetched(two.build(task("a", Write("a")), task("b", Write("b")))) == ["b"]


def test_what_is_certain_to_serve_nobody_is_not_sent(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """A result of a file that changed while it was read serves this build alone."""
    one = machine("one")
    (one.root / "data.txt").write_text("1")
    one.build(task("a", Changing(reads=(one.root / "data.txt",))), task("b", Write("b")))
    assert len(_entries(tmp_path / "shared")) == 1


def test_nothing_is_written_where_a_build_only_reads(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """In read mode no file there is made or changed, and what is there is used; a place that is no store is told."""
    early = machine("early", writes=False)
    assert statuses(early.build(task("a", Write("a")))) == {"a": "ran"}
    assert len(early.notes) == 1 and "there is no store of Octavo's yet" in early.notes[0]
    assert not (tmp_path / "shared").exists()
    machine("one").build(task("a", Write("a")))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "shared").rglob("*")}
    reader = machine("reader", writes=False)
    assert fetched(reader.build(task("a", Write("a")), task("b", Write("b")))) == ["a"]
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "shared").rglob("*")} == before


def test_what_was_made_before_is_sent_by_the_next_build(machine: Callable[..., Machine]) -> None:
    """Results made while there was no shared store, or while it was away, get there later; once is enough."""
    tasks, *_ = chain()
    alone = machine("one", "no store, so none is asked")
    runner.build(
        tasks,
        Store(alone.root / ".octavo", alone.root),
        make_executor=AtOnce,
        jobs=1,
        listen=lambda event: None,
    )
    one = machine("one")
    assert statuses(one.build(*tasks)) == {"a": "stored", "b": "stored"}
    assert fetched(machine("two").build(*tasks)) == ["a", "b"]
    known = (one.root / ".octavo/shared.json").stat()
    one.build(*tasks)
    assert (one.root / ".octavo/shared.json").stat().st_mtime_ns == known.st_mtime_ns


def test_a_build_with_nothing_to_do_asks_nothing(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """Where all is here and known to be there, the network is left alone."""
    tasks, *_ = chain()
    one = machine("one", "fickle://lab")
    one.build(*tasks)
    asked: list[str] = []
    fickle.fault = staticmethod(lambda operation, path: asked.append(path))
    one.build(*tasks)
    assert asked == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC])
def test_a_build_with_nothing_to_do_needs_no_disk(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """What is here already is good though the disk takes no word of what the shared store has; Ctrl-C stays Ctrl-C."""
    tasks, *_ = chain()
    one = machine("one")
    one.build(*tasks)
    (one.root / ".octavo/shared.json").unlink()

    def refused(path: Path, content: bytes) -> None:
        raise OSError(number, "no", str(path))

    monkeypatch.setattr("octavo.engine.shared.write_atomically", refused)
    assert statuses(one.build(*tasks)) == {"a": "stored", "b": "stored"}
    with pytest.raises(KeyboardInterrupt):
        one.build(*tasks, task("c", Write(error=KeyboardInterrupt())))


def test_another_store_at_the_same_address_is_filled_again(machine: Callable[..., Machine], tmp_path: Path) -> None:
    """What was sent to a store that somebody deleted is not believed to be in the one that took its place."""
    tasks, *_ = chain()
    one = machine("one")
    one.build(*tasks)
    (tmp_path / "shared").rename(tmp_path / "old")
    one.build(*tasks, task("c", Write("c")))  # something new, so the store is asked
    one.build(*tasks)
    assert fetched(machine("two").build(*tasks)) == ["a", "b"]


FAULTS: dict[str, tuple[str, BaseException]] = {
    "cannot be listed": ("list", PermissionError("Access Denied")),
    "cannot be read": ("read", PermissionError("Forbidden")),
    "connection is cut": ("read", ConnectionResetError("Connection reset by peer")),
    "is not there": ("write", FileNotFoundError("The specified bucket does not exist")),
    "raises anything": ("list", RuntimeError("unexpected EOF")),
    "times out by itself": ("list", TimeoutError()),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_place_that_fails_is_told_once_and_the_build_succeeds(
    machine: Callable[..., Machine], fickle: type[Fickle], what: str
) -> None:
    """Whatever the place raises, all points run here, and one note says why."""
    operation, error = FAULTS[what]

    def fail(asked: str, path: str) -> None:
        if asked == operation:
            raise error

    fickle.fault = staticmethod(fail)
    one = machine("one", "fickle://lab")
    got = one.build(*(task(str(n), Write(str(n))) for n in range(8)))
    assert set(statuses(got).values()) == {"ran"}
    assert len(one.notes) == 1 and "the shared store fickle://lab" in one.notes[0], one.notes
    words = str(error) or "no answer"
    assert words in one.notes[0]


def test_a_place_that_takes_nothing_is_still_read(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """Without the right to write, what is there is fetched all the same, and one note says that nothing is sent."""
    tasks, *_ = chain()
    machine("one", "fickle://lab").build(*tasks)

    def refuse(operation: str, path: str) -> None:
        if operation == "write":
            raise PermissionError("Access Denied")

    fickle.fault = staticmethod(refuse)
    two = machine("two", "fickle://lab")
    got = two.build(task("new", Write("new")), task("newer", Write("newer")), *tasks)
    assert fetched(got) == ["a", "b"]
    assert two.notes == ["Nothing more is sent to the shared store fickle://lab: Access Denied."]
    fickle.fault = staticmethod(lambda operation, path: None)
    two.build(task("new", Write("new")), task("newer", Write("newer")), *tasks)
    assert fetched(machine("three", "fickle://lab").build(task("new"), task("newer"))) == ["new", "newer"], (
        "it is made up"
    )


def test_a_place_that_hangs_costs_one_wait(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """No answer in time, and the place is out for the rest of the build, also for those who wait behind."""
    tasks = [task(str(n), Write(str(n))) for n in range(12)]
    hang = threading.Event()
    asked: list[str] = []

    def wait(operation: str, path: str) -> None:
        asked.append(operation)
        hang.wait(REASONABLE)

    fickle.fault = staticmethod(wait)
    one = machine("one", "fickle://lab", patience=0.3)
    begun = time.monotonic()
    try:
        got = one.build(*tasks)
    finally:
        hang.set()
    assert time.monotonic() - begun < REASONABLE / 2
    assert set(statuses(got).values()) == {"ran"}
    assert len(one.notes) == 1 and "no answer within" in one.notes[0] and asked == ["read"]


def test_a_place_that_dies_in_the_middle_costs_what_it_had_not_given(
    machine: Callable[..., Machine], fickle: type[Fickle]
) -> None:
    """What was fetched before is used, the rest runs here, and the next build sends it."""
    tasks = [task("first", Write("1")), *(task(f"n{n}", Write(str(n)), "first") for n in range(6))]
    machine("one", "fickle://lab").build(*tasks)
    dead = threading.Event()

    def die(operation: str, path: str) -> None:
        if dead.is_set():
            raise ConnectionRefusedError("Connection refused")
        if "/objects/" in path:
            dead.set()

    fickle.fault = staticmethod(die)
    two = machine("two", "fickle://lab")
    got = two.build(*tasks)
    assert fetched(got) == ["first"] and sorted(statuses(got).values()) == ["ran"] * 6 + ["stored"]
    assert len(two.notes) == 1 and "Connection refused" in two.notes[0]


def test_sending_does_not_hold_the_build_up_and_is_waited_for_in_bounds(
    machine: Callable[..., Machine], fickle: type[Fickle]
) -> None:
    """A slow place: all runs meanwhile, the end waits as long as declared, and the next build sends the rest."""
    tasks = [task(str(n), Write(str(n))) for n in range(3)]
    slow = threading.Event()

    def crawl(operation: str, path: str) -> None:
        if operation == "write" and "/objects/" in path:
            slow.wait(REASONABLE)

    fickle.fault = staticmethod(crawl)
    one = machine("one", "fickle://lab", wait=0.3)
    begun = time.monotonic()
    got = one.build(*tasks)
    assert time.monotonic() - begun < REASONABLE / 2
    assert set(statuses(got).values()) == {"ran"}
    assert one.notes == ["3 result(s) were not sent in 0 seconds. The next build sends them."]
    fickle.fault = staticmethod(lambda operation, path: None)
    slow.set()
    one.wait = REASONABLE
    one.build(*tasks)
    assert fetched(machine("two", "fickle://lab").build(*tasks)) == ["0", "1", "2"]


def test_several_writers_of_one_key_are_harmless(machine: Callable[..., Machine]) -> None:
    """Machines that make the same results at once leave one good store."""
    start = threading.Barrier(3)

    def run(at: Machine) -> None:
        start.wait(REASONABLE)
        at.build(*(task(str(n), Write(str(n) * 3)) for n in range(10)))

    machines = [machine(name) for name in ("one", "two", "three")]
    threads = [threading.Thread(target=run, args=[at]) for at in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(REASONABLE)
    assert [at.notes for at in machines] == [[], [], []]
    four = machine("four")
    assert len(fetched(four.build(*(task(str(n), Write(str(n) * 3)) for n in range(10))))) == 10
    assert four.notes == []


def test_what_another_build_gives_up_is_fetched_after_all(machine: Callable[..., Machine]) -> None:
    """While another build of the tree is at work on a key, it is waited for; when that one dies, the store is asked."""
    done = machine("one").build(task("a", Write("a")))
    two, action = machine("two"), Write("a")
    entry = done["a"].entry
    store = Store(two.root / ".octavo", two.root)
    claim = store.claim(entry.key) if entry else None
    assert claim
    threading.Timer(0.5, claim.release).start()
    assert (fetched(two.build(task("a", action))), len(action.runs)) == (["a"], 0)
    assert two.notes == ["Another build of this project is at work: what both need runs once."]


def test_tasks_of_one_key_are_fetched_once(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """Two tasks that are the same work share one answer."""
    twins = [Task(name, {"code": "same"}, Write("x")) for name in ("a", "b")]
    machine("one", "fickle://lab").build(*twins)
    asked: list[str] = []
    fickle.fault = staticmethod(lambda operation, path: asked.append(path))
    two = machine("two", "fickle://lab")
    assert (fetched(two.build(*twins)), two.notes) == (["a", "b"], [])
    assert len([path for path in asked if "/objects/" in path]) == 1


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 1])
def test_files_of_every_size_travel(machine: Callable[..., Machine], size: int) -> None:
    """Empty files, and those of several pieces, arrive as they were."""
    machine("one", f"memory://lab/{size}").build(task("a", Write("x" * size)))
    two = machine("two", f"memory://lab/{size}")
    got = two.build(task("a", Write()))
    assert (fetched(got), two.notes) == (["a"], [])
    assert got["a"].folder and (got["a"].folder / "out/text").read_text() == "x" * size


def test_a_forced_task_runs_and_is_sent(machine: Callable[..., Machine]) -> None:
    """`--force` means run: nothing is fetched for it, and its new result takes the place of the old one."""
    machine("one").build(task("a", Write("old")))
    two, action = machine("two"), Write("new")
    assert statuses(two.build(task("a", action), forced=["a"])) == {"a": "ran"}
    got = machine("three").build(task("a", Write()))
    assert fetched(got) == ["a"] and got["a"].folder and (got["a"].folder / "out/text").read_text() == "new"


def test_an_address_that_cannot_be_is_an_error_before_anything_runs(machine: Callable[..., Machine]) -> None:
    """An unknown scheme has the nearest one, a missing package the way to install it; no task is begun."""
    action = Write("a")
    fsspec.register_implementation("gone", "not_there.Files", clobber=True, errtxt="install it")
    with pytest.raises(UsageError, match=r"pyproject.toml:2: No store can be reached by 's4://'.\n  did you mean 's3'"):
        machine("one", "s4://lab").build(task("a", action))
    with pytest.raises(UsageError, match=r"Known are .*file, .*s3, .*sftp") as told:
        machine("one", "qqqqq://lab").build(task("a", action))
    assert "http" not in told.value.hint, "it takes nothing, and lists what it likes"
    with pytest.raises(UsageError, match=r"'gone://' needs the package not_there.*\n.*pip install not_there"):
        machine("one", "gone://lab").build(task("a", action), forced=["a"])
    assert action.runs == []


def test_connections_make_the_same_folders_at_once(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """A folder that another connection made in the same moment, at any depth, is no fault: all results are sent."""

    class Overtaken(fickle):  # type: ignore[misc, valid-type]
        protocol = "overtaken"
        made: ClassVar[set[str]] = set()

        def makedirs(self, path: str, exist_ok: bool = False) -> None:
            parts = path.split("/")
            for folder in ("/".join(parts[: n + 1]) for n in range(1, len(parts))):
                if folder not in self.made:
                    self.made.add(folder)
                    raise OSError("Failure")  # all that a server says by which it was refused

        def isdir(self, path: str) -> bool:
            return path in self.made

    fsspec.register_implementation("overtaken", Overtaken, clobber=True)
    one, two = (machine(name, "overtaken://lab") for name in ("one", "two"))
    tasks, *_ = chain()
    one.build(*tasks)
    assert one.notes == []
    assert [outcome.fetched for outcome in two.build(*tasks).values()] == [True, True]


class Forgetful(MemoryFileSystem):  # type: ignore[misc]
    """A place whose first connections are forgotten on the way; the third holds; ``made`` counts them."""

    protocol = "forgetful"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    cachable = False
    made = 0

    def __init__(self) -> None:
        super().__init__()
        Forgetful.made += 1
        self.number = Forgetful.made

    def info(self, path: str, **options: Any) -> Any:
        if self.number < 3:
            raise OSError("Socket is closed")
        return super().info(path, **options)


def test_a_connection_that_was_forgotten_is_made_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while without a call, as of a laptop that slept, a fault is the connection's; else it is the place's."""
    fsspec.register_implementation("forgetful", Forgetful, clobber=True)
    monkeypatch.setattr(Forgetful, "made", 0)
    lane = remote.Remote("forgetful://lab")
    with pytest.raises(remote.Away, match="Socket is closed"):
        lane.size("octavo.json")
    assert Forgetful.made == 1, "it was not idle"
    lane.used -= remote.IDLE + 1
    with pytest.raises(remote.Away, match="Socket is closed"):
        lane.size("octavo.json")
    assert Forgetful.made == 2, "once, not for ever"
    lane.used -= remote.IDLE + 1
    assert lane.size("octavo.json") is None and Forgetful.made == 3


def test_a_forecast_asks_only_when_told_to(machine: Callable[..., Machine], fickle: type[Fickle]) -> None:
    """Without the shared store a forecast is of this machine; with it, no object is read and no file is kept."""
    tasks, *_ = chain()
    machine("one", "fickle://lab").build(*tasks)
    asked: list[str] = []
    fickle.fault = staticmethod(lambda operation, path: asked.append(path))
    two = machine("two", "fickle://lab")
    store = Store(two.root / ".octavo", two.root)
    new = task("c", Write("c"), "b")
    seen = forecast.forecast([*tasks, new], store)
    assert (asked, seen.offered) == ([], ())
    assert seen.stale == {"a": "new", "b": "new", "c": "new"}
    seen = forecast.forecast([*tasks, new], store, shared=two.shared([]))
    assert (dict(seen.stale), seen.offered, seen.fetched) == ({"c": "new"}, ("a", "b"), ())
    assert not [path for path in asked if "/objects/" in path] and not (two.root / ".octavo").exists()
    two.build(*tasks)
    assert forecast.forecast(tasks, store).fetched == ("a", "b")

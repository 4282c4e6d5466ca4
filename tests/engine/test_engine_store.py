"""The store: complete or not there at all, whatever happens in between; and the order of tasks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from octavo.engine import key as keys
from octavo.engine import locks
from octavo.engine import store as store_module
from octavo.engine.graph import needed, ordered
from octavo.engine.store import Store, write_atomically
from octavo.engine.task import Entry, Memory, Task
from octavo.errors import BuildError, UsageError
from octavo.filenames import MISSING

DIGEST = keys.of_file


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".octavo", tmp_path)


def made(tmp_path: Path, name: str = "made") -> Path:
    """A finished folder of two artifacts."""
    folder = tmp_path / name
    (folder / "out").mkdir(parents=True)
    (folder / "out/one").write_text("1")
    (folder / "out/two").write_text("2")
    return folder


class Crash(BaseException):
    """The power is gone."""


def test_a_result_is_taken_over_whole(store: Store, tmp_path: Path) -> None:
    """What was made is found again under its key, with its files; the folder that it was made in is gone."""
    folder = made(tmp_path)
    place, entry = store.put("k1", folder, [], 1.5)
    assert not folder.exists()
    assert store.find("k1", DIGEST) == (place, entry)
    assert entry.outputs == {
        "out/one": (1, keys.of_file(place / "out/one")),
        "out/two": (1, keys.of_file(place / "out/two")),
    }
    assert store.find("k2", DIGEST) is None


@pytest.mark.parametrize("step", range(1, 8))
def test_a_crash_at_any_step_of_storing_leaves_nothing_to_believe(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Power loss between any two files: afterwards the result is there in full or not there at all."""
    flush, calls = store_module._flush, iter(range(1, 99))

    def crash(path: Path) -> None:
        if next(calls) == step:
            raise Crash
        flush(path)

    monkeypatch.setattr(store_module, "_flush", crash)
    with pytest.raises(Crash):
        store.put("k1", made(tmp_path), [], 0)
    monkeypatch.undo()
    found = store.find("k1", DIGEST)
    assert found is None if step < 7 else found and set(found[1].outputs) == {"out/one", "out/two"}
    store.put("k1", made(tmp_path, "again"), [], 0)
    assert store.find("k1", DIGEST)


def test_a_full_disk_while_storing_keeps_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk does not take it, nothing is believed."""

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(store_module, "_flush", full)
    with pytest.raises(OSError, match="No space"):
        store.put("k1", made(tmp_path), [], 0)
    assert store.find("k1", DIGEST) is None


def test_two_results_of_one_key_differ_in_what_they_read(store: Store, tmp_path: Path) -> None:
    """Going back to older data finds the older result; a file that lies outside is known by its full name."""
    data = tmp_path / "data.txt"
    places = []
    for content in ("1", "2"):
        data.write_text(content)
        places.append(store.put("k", made(tmp_path, content), [data], 0)[0])
    assert (store.find("k", DIGEST) or [None])[0] == places[1]
    data.write_text("1")
    assert (store.find("k", DIGEST) or [None])[0] == places[0]
    data.write_text("3")
    assert store.find("k", DIGEST) is None


def test_the_first_of_two_results_alike_stays(store: Store, tmp_path: Path) -> None:
    """Of two tasks of one key that ran side by side the first stays, as it may be read; a damaged one is replaced."""
    first, entry = store.put("k", made(tmp_path, "first"), [], 1)
    inode = (first / "out/one").stat().st_ino
    assert store.put("k", made(tmp_path, "second"), [], 2) == (first, entry)
    assert (first / "out/one").stat().st_ino == inode and not (tmp_path / "second").exists()
    (first / "out/one").write_text("")
    assert store.put("k", made(tmp_path, "third"), [], 3)[1].seconds == 3
    assert (first / "out/one").read_text() == "1"


def test_names_in_the_store_do_not_know_where_the_project_lies(store: Store, tmp_path: Path) -> None:
    """Files of the project are named from its root, so the store may move with it."""
    (tmp_path / "data").mkdir()
    data = tmp_path / "data/a.txt"
    data.write_text("1")
    place, entry = store.put("k", made(tmp_path), [data], 0)
    assert entry.reads == {"data/a.txt": keys.of_file(data)}
    assert str(tmp_path) not in (place / "entry.json").read_text()


def test_what_dead_builds_left_is_removed(store: Store) -> None:
    """The folder of unfinished results is empty when a build begins and gone when it ends."""
    (store.state / "tmp/0/out").mkdir(parents=True)
    with store.temporary() as folder:
        assert list((store.state / "tmp").iterdir()) == [folder] and list(folder.iterdir()) == []
    assert not folder.parent.exists()


def test_two_builds_with_one_process_id_have_a_folder_each(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In two containers, or one after the other: neither takes the other's folder, for its own or for a dead one's."""
    monkeypatch.setattr(os, "getpid", lambda: 7)
    with store.temporary() as one, store.temporary() as two:
        assert one.is_dir() and two.is_dir() and one != two
        with store.temporary():
            assert one.is_dir() and two.is_dir()
    assert not list((store.state / "claims").iterdir())


def test_a_build_that_ends_while_another_begins_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is gone in the moment in which the other looks whether it is alive."""
    left = store.state / "tmp/4711"
    left.mkdir(parents=True)
    take = locks.take

    def ended(path: Path, **options: bool) -> locks.Lock | None:
        if path.name == left.name and left.is_dir():
            left.rmdir()
        return take(path, **options)

    monkeypatch.setattr(locks, "take", ended)
    with store.temporary():
        assert not left.exists()
    assert not (store.state / "tmp").exists()


def test_a_build_begins_while_others_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is last to end takes the folder of all of them away only while nobody is about to use it."""
    mkdir, ended = Path.mkdir, store.temporary()
    folder = ended.__enter__()
    folder.rmdir()  # it has come so far, and another took the one above away
    folder.parent.rmdir()
    ending = threading.Thread(target=ended.__exit__, args=(None, None, None))

    def slowly(path: Path, *arguments: Any, **options: Any) -> None:
        mkdir(path, *arguments, **options)
        if path.name == "tmp":
            if not ending.ident:
                ending.start()
            ending.join(0.2)

    monkeypatch.setattr(Path, "mkdir", slowly)
    with store.temporary() as folder:
        assert folder.is_dir()
    ending.join()
    assert not folder.parent.exists()


def test_a_damaged_memory_counts_as_none(store: Store) -> None:
    """A memory that cannot be read costs reasons, not results."""
    entry = Entry("k", {}, {}, 1.0)
    store.remember({"a": Memory({"code": "1"}, {}, entry)})
    assert store.memory()["a"].entry == entry
    for damaged in (b'{"a": {', b'{"digest": "\xe5"}'):  # cut short; a flipped bit that leaves no text
        (store.state / "last.json").write_bytes(damaged)
        assert store.memory() == {}


def test_an_entry_with_a_flipped_bit_counts_as_none(store: Store, tmp_path: Path) -> None:
    """Whichever bit flips, also one that leaves no text: the result is not believed, and nothing falls over."""
    place, _ = store.put("k", made(tmp_path), [], 0)
    whole = (place / "entry.json").read_bytes()
    for position in range(0, len(whole), 7):
        for bit in (0, 5, 7):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            (place / "entry.json").write_bytes(damaged)
            assert store.find("k", DIGEST) is None, (position, bit)
    (place / "entry.json").write_bytes(whole)
    assert store.find("k", DIGEST)


def _held(state: Path) -> list[str]:
    """Say, from another process, whether a build, what needs the store alone, and a claim on a key are let in."""
    store = Store(state, state)
    said = []
    try:
        with store.locked():
            said.append("alone")
    except BuildError as error:
        said.append(str(error).splitlines()[0])
    with store.in_use():
        said.append("in use")
    if claim := store.claim("k"):
        said.append("claimed")
        claim.release(remove=True)
    return said


def test_builds_share_the_store_and_what_needs_it_alone_waits(store: Store) -> None:
    """Two builds at once are let in, but one alone may make the result of a key; nothing is removed meanwhile."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with store.in_use():
            claim = store.claim("k")
            assert claim
            assert pool.apply(_held, (store.state,)) == ["A build of this project is at work.", "in use"]
            claim.release(remove=True)
            assert pool.apply(_held, (store.state,))[1:] == ["in use", "claimed"]
        assert pool.apply(_held, (store.state,)) == ["alone", "in use", "claimed"]
    assert list((store.state / "claims").iterdir()) == [], "no file stays for each key that ever was"


def _die_holding(state: Path) -> None:
    store = Store(state, state)
    store.claim("k")
    with store.in_use(), store.temporary() as folder:
        (folder / "0").mkdir()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_build_holds_nothing(store: Store) -> None:
    """What a build held when it was killed is free at once, and what it left is removed by the next."""
    process = multiprocessing.get_context("spawn").Process(target=_die_holding, args=(store.state,))
    process.start()
    process.join()
    (left,) = (store.state / "tmp").iterdir()
    assert (left / "0").is_dir()
    claim = store.claim("k")
    assert claim
    claim.release(remove=True)
    with store.locked(), store.temporary() as folder:
        assert not left.exists() and folder.is_dir()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while writing leaves the old file and no litter."""
    file = tmp_path / "file"
    write_atomically(file, b"old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def tasks(**after: str) -> list[Task]:
    return [Task(name, {}, lambda folder, upstream: (), tuple(names.split())) for name, names in after.items()]


def test_tasks_come_after_what_they_need_else_in_the_order_given() -> None:
    """The order is the declared one, as far as it can be."""
    assert [t.name for t in ordered(tasks(paper="fit all", all="fit", fit="", other=""))] == [
        "fit",
        "other",
        "all",
        "paper",
    ]


def test_a_circle_is_named() -> None:
    """Tasks that wait for each other are an error that shows the circle."""
    with pytest.raises(UsageError, match=r"a → b → a|b → a → b"):
        ordered(tasks(a="b", b="a", c=""))


def test_what_a_target_needs_comes_with_it() -> None:
    """A selection holds all that it depends on, at any depth, and nothing else."""
    assert [t.name for t in needed(tasks(a="", b="a", c="b", d=""), ["c"])] == ["a", "b", "c"]


def test_files_with_one_content_and_other_names_differ(tmp_path: Path) -> None:
    """A digest of files holds their names, and knows a missing file from an empty one."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    (tmp_path / "empty").write_text("")
    one, two = keys.of_files([tmp_path / "a"], tmp_path), keys.of_files([tmp_path / "b"], tmp_path)
    assert one != two
    assert keys.of_files([tmp_path / "empty"], tmp_path) != keys.of_files([tmp_path / "none"], tmp_path)
    assert keys.of_file(tmp_path / "none") == MISSING
    before = keys.of_file(tmp_path)
    (tmp_path / ".hidden").touch()
    assert keys.of_file(tmp_path) == before != MISSING, "a folder counts for the names in it"
    (tmp_path / "c").touch()
    assert keys.of_file(tmp_path) != before

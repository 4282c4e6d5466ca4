"""What travels to a machine that does not see the project's files, and a build of many tasks, without Dask."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from octavo.engine import cluster, forecast, pool, remote, runner, travel
from octavo.engine import key as keys
from octavo.engine.store import Store
from octavo.engine.task import Task
from octavo.engine.travel import NOWHERE, Held, Mirror, Piece
from octavo.errors import Unreachable
from octavo.filenames import FOLDER, presence


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def sent(mirror: Mirror, root: Path, tree: Mapping[str, Held]) -> None:
    """Send all that a mirror lacks."""
    for name, held in tree.items():
        if held.digest in mirror.lacking([held.digest]):
            assert all(mirror.receive(piece) for piece in travel.pieces(held.digest, root / name))


def test_what_travels_and_what_stays(tmp_path: Path) -> None:
    """Sources travel; hidden folders, caches, environments and what was made stay, unless they are named."""
    root = write(tmp_path / "p", "a.txt", "data/b.txt", ".hidden", ".git/c", "lib/__pycache__/d", "build/e", "env/f")
    write(root, "env/pyvenv.cfg", ".secret/g", "data/.cache/h", "build/i")
    (root / "empty").mkdir()
    tree = travel.read_tree(root, (root / "build",), (root / ".secret/g",), keys.of_file)
    files = sorted(name for name, held in tree.items() if held.digest != FOLDER)
    assert files == [".hidden", ".secret/g", "a.txt", "data/b.txt"]
    assert sorted(set(tree) - set(files)) == ["build", "data", "empty", "env", "lib"], (
        "their names are seen in listings"
    )


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    """A link to data outside brings the data; a link to a folder above does not go round."""
    root, outside = write(tmp_path / "p", "a/b.txt"), write(tmp_path / "data", "big/x.csv")
    (root / "data").symlink_to(outside)
    (root / "file.csv").symlink_to(outside / "big/x.csv")
    (root / "a/up").symlink_to(root)
    (root / "gone").symlink_to(tmp_path / "nowhere")
    tree = travel.read_tree(root, (), (), keys.of_file)
    assert tree["data/big/x.csv"].digest == tree["file.csv"].digest == keys.of_file(outside / "big/x.csv")
    assert "a/up/a/b.txt" not in tree and tree["gone"] == Held(NOWHERE)


def test_a_tree_is_laid_out_as_it_was(tmp_path: Path) -> None:
    """What was received stands where it stood at home: bytes, programs, empty folders; further files beside it."""
    root = write(tmp_path / "p", "a.txt", "bin/run")
    (root / "bin/run").chmod(0o755)
    (root / "empty").mkdir()
    tree, mirror = travel.read_tree(root, (), (), keys.of_file), Mirror(tmp_path / "m")
    assert mirror.lacking(held.digest for held in tree.values()) == tuple(
        sorted(keys.of_file(root / name) for name in ("a.txt", "bin/run"))
    )
    sent(mirror, root, tree)
    further = {".octavo/store/k/out/r": tree["a.txt"]}
    with mirror.laid("t", tree, further) as there:
        assert keys.of_files(there.rglob("*.txt"), there) == keys.of_files(root.rglob("*.txt"), root)
        assert (there / "bin/run").stat().st_mode & 0o100 and (there / "empty").is_dir()
        assert (there / ".octavo/store/k/out/r").read_text() == "a.txt"


def test_what_a_run_writes_does_not_reach_what_was_received(tmp_path: Path) -> None:
    """A run that overwrites its data spoils its tree, not the content that other trees are made of."""
    root, mirror = write(tmp_path / "p", "a.txt"), Mirror(tmp_path / "m")
    tree = travel.read_tree(root, (), (), keys.of_file)
    sent(mirror, root, tree)
    with mirror.laid("t", tree, {}) as there:
        (there / "a.txt").write_text("spoilt")
    assert keys.of_file(mirror.place(tree["a.txt"].digest)) == tree["a.txt"].digest


def test_trees_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    """A worker keeps the tree of the last build, and those in which something runs."""
    root, mirror = write(tmp_path / "p", "a.txt"), Mirror(tmp_path / "m")
    tree = travel.read_tree(root, (), (), keys.of_file)
    sent(mirror, root, tree)
    with mirror.laid("first", tree, {}) as first, mirror.laid("second", tree, {}) as second:
        assert first.exists() and second.exists()
    with mirror.laid("third", tree, {}) as third:
        assert [p.name for p in third.parent.iterdir() if p.is_dir()] == ["third"]


def test_names_that_are_no_text_and_links_to_nothing_travel(tmp_path: Path) -> None:
    """A name in Latin-1, and a link whose data were not fetched: a folder has the same names there as here."""
    root = write(tmp_path / "p", "data/a.txt")
    odd = root / os.fsdecode(b"data/caf\xe9.txt")
    odd.write_text("x")
    (root / "data/gone").symlink_to(tmp_path / "nowhere")
    tree, mirror = travel.read_tree(root, (), (), keys.of_file), Mirror(tmp_path / "m")
    listing = msgspec.json.encode(tree)
    sent(mirror, root, {name: held for name, held in tree.items() if "a.txt" in name})
    assert all(map(mirror.receive, travel.pieces(keys.of_file(odd), odd)))
    with mirror.laid("t", msgspec.json.decode(listing, type=travel.Tree), {}) as there:
        for name in ("data", "data/gone", os.fsdecode(b"data/caf\xe9.txt")):
            assert keys.of_file(there / name) == keys.of_file(root / name) == travel.digest_in(tree, name), name


def test_a_tree_that_was_written_to_is_laid_out_anew(tmp_path: Path) -> None:
    """What a point left there is not read for ever: the next use of a spoilt tree finds it as it was sent."""
    root, mirror = write(tmp_path / "p", "a.txt"), Mirror(tmp_path / "m")
    tree = travel.read_tree(root, (), (), keys.of_file)
    sent(mirror, root, tree)
    with mirror.laid("t", tree, {}) as there:
        write(there, "cache.json")
        mirror.spoil("t")
        with mirror.laid("t", tree, {}) as same:
            assert (same / "cache.json").exists(), "it is in use"
    with mirror.laid("t", tree, {}) as there:
        assert [p.name for p in there.iterdir()] == ["a.txt"]
    assert not list((tmp_path / "m").rglob("*.spoilt"))


def test_a_tree_says_what_its_files_and_folders_are_like(tmp_path: Path) -> None:
    """What a worker finds otherwise than it was sent was written there: files, listed folders, what is not there."""
    root = write(tmp_path / "p", "a.txt", "data/b.txt", "data/in/c.txt", "data/.hidden", "data/__pycache__/x.pyc")
    (root / "empty").mkdir()
    tree = travel.read_tree(root, (), (), keys.of_file)
    for name in ("a.txt", "data", "data/b.txt", "data/in", "empty", ".", "no", "data/no"):
        assert travel.digest_in(tree, name) == keys.of_file(root / name), name
        assert name == "." or travel.presence_in(tree, name) == presence(root / name), name


def test_what_two_builds_send_at_the_same_time_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces of one content come from two builds, each in its order, in any order of both."""
    monkeypatch.setattr(travel, "PIECE", 3)
    file = tmp_path / "file"
    file.write_bytes(b"12345678")
    digest = keys.of_file(file)
    for number, order in enumerate(("AABABB", "ABABAB", "ABBBAA", "AABBAB")):
        mirror = Mirror(tmp_path / str(number))
        builds = {name: travel.pieces(digest, file) for name in "AB"}
        assert all(mirror.receive(next(builds[name])) for name in order), order
        assert mirror.place(digest).read_bytes() == b"12345678"


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that another one reads is laid out whole or not at all: the next point would take a part for it."""
    root, mirror = write(tmp_path / "p", "a.txt"), Mirror(tmp_path / "m")
    tree = travel.read_tree(root, (), (), keys.of_file)
    sent(mirror, root, tree)

    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:3])
        raise OSError(28, "No space left on device", str(target))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr("shutil.copyfile", full)
        with mirror.laid("t", {}, {"out/record.json": tree["a.txt"]}):
            pass
    with mirror.laid("t", {}, {"out/record.json": tree["a.txt"]}) as there:
        assert (there / "out/record.json").read_text() == "a.txt"


def test_content_that_is_not_what_it_should_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files travel in pieces; a file that changed on the way is told, not kept."""
    monkeypatch.setattr(travel, "PIECE", 3)
    mirror, file = Mirror(tmp_path / "m"), tmp_path / "file"
    file.write_bytes(b"12345678")
    parts = list(travel.pieces(keys.of_file(file), file))
    assert [(p.start, p.data) for p in parts] == [(0, b"123"), (3, b"456"), (6, b"78")]
    assert all(map(mirror.receive, parts)) and mirror.place(keys.of_file(file)).read_bytes() == b"12345678"
    assert not mirror.receive(Piece("0" * 64, 0, 1, b"x")) and mirror.lacking(["0" * 64])
    file.write_bytes(b"")
    assert all(map(mirror.receive, travel.pieces(keys.of_file(file), file))), "an empty file travels too"


class Faraway(Executor):
    """Plays a cluster: it answers so many tasks at a time, and then is out of reach, if it is told to be."""

    def __init__(self, places: int, last: int = 1 << 30) -> None:
        self.places, self.last = places, last
        self.given: list[tuple[Future[Any], tuple[Any, ...]]] = []
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append((future, args))
        self.most = max(self.most, len(self.given))
        if len(self.given) >= self.places:
            self._answer()
        return future

    def _answer(self) -> None:
        for future, (_, _, folder, *_) in self.given:
            self.last -= 1
            if self.last < 0:
                future.set_exception(Unreachable("The build lost it."))
                continue
            (folder / "out").mkdir(parents=True)
            (folder / "out" / "record.json").write_text("{}")
            future.set_result(pool.Performed((), 0.1))
        self.given = []


class Nothing:
    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        raise AssertionError("a fake cluster runs nothing")


def many(number: int) -> list[Task]:
    return [Task(f"t{n}", {"code": str(n)}, Nothing()) for n in range(number)]


def test_a_cluster_says_how_many_tasks_it_takes(tmp_path: Path) -> None:
    """What is given at once follows the cluster, not the cores of this machine."""
    far = Faraway(places=5)
    outcomes = runner.build(
        many(20), Store(tmp_path / "s", tmp_path), make_executor=lambda: far, jobs=1, listen=lambda event: None
    )
    assert far.most == 5 and all(outcome.done for outcome in outcomes.values())


def test_a_cluster_out_of_reach_ends_the_build_and_what_was_finished_is_kept(tmp_path: Path) -> None:
    """Where nothing more can run, the build ends with that error once, not with one for each task left."""
    store, tasks = Store(tmp_path / "s", tmp_path), many(20)
    with pytest.raises(Unreachable, match="The build lost it"):
        runner.build(tasks, store, make_executor=lambda: Faraway(5, last=8), jobs=1, listen=lambda event: None)
    assert len(forecast.plan(tasks, store)) == 12


@pytest.mark.proof
def test_a_task_costs_the_runner_little_however_many_there_are(tmp_path: Path) -> None:
    """Twice as many tasks cost at most thrice the processor time: nothing in the runner is quadratic."""

    def cost(number: int, again: int) -> float:
        store, far = Store(tmp_path / f"{number}-{again}", tmp_path), Faraway(places=50)
        begun = time.process_time()
        runner.build(many(number), store, make_executor=lambda: far, jobs=1, listen=lambda event: None)
        return time.process_time() - begun

    # The least of three: what other programs do at the same time only adds to it.
    few, many_more = (min(cost(number, again) for again in range(3)) for number in (400, 800))
    assert many_more < 3 * max(few, 0.05)


def test_a_fault_of_this_machine_is_not_told_as_a_lost_scheduler() -> None:
    """A file that cannot be read fails its task, by name; of anything else the kind is said."""
    executor = object.__new__(cluster.DaskExecutor)
    executor.address, executor.lost = "tcp://host:1", None
    unread, other = cluster.Flight(Future(), Any), cluster.Flight(Future(), Any)  # type: ignore[arg-type]
    executor._fail(unread, PermissionError(13, "Permission denied", "data.csv"))
    executor._fail(other, KeyError("x"))
    assert isinstance(unread.future.exception(), PermissionError)
    assert "KeyError: 'x'" in str(other.future.exception())


def test_a_bug_is_not_told_as_a_place_that_is_away() -> None:
    """What a shared store's place says is told as it is, a fault of the program with its kind."""
    assert remote._words(TypeError("no such argument")) == "TypeError: no such argument"
    assert remote._words(OSError("away")) == "away" and remote._words(TimeoutError()) == "TimeoutError"

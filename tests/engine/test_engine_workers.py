"""A build and the workers of a Dask cluster, with Dask's client played: what is sent, what is kept, what is told."""

from __future__ import annotations

import errno
import pickle
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from octavo.engine import cluster, cluster_worker, pool
from octavo.engine.cluster import DaskExecutor, Home
from octavo.engine.cluster_worker import Job, Made, Site, Vanished
from octavo.engine.forked import Unstarted
from octavo.engine.store import Store
from octavo.engine.travel import Mirror, read_tree
from octavo.errors import BuildError

REASONABLE = 30.0  # seconds; a test that takes them hangs


def nothing(*arguments: object) -> tuple[str, ...]:
    """Plays what a build tells of its environment, and what a process enters."""
    return ()


@dataclass(frozen=True)
class Copy:
    """An action that reads a file of the project, or the results of others, where it is done."""

    root: Path
    file: str = ""

    def moved(self, root: Path) -> Copy:
        return replace(self, root=root)

    def leaves(self) -> tuple[Path, ...]:
        return ()

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        read = [self.root / self.file] if self.file else []
        results = [path for out in upstream.values() for path in sorted(out.iterdir())]
        (folder / "out/text").write_text("".join(path.read_text() for path in [*read, *results]))
        return tuple(read)


@dataclass(eq=False)
class Answered:
    """Plays what Dask's client has of a task that has ended."""

    answer: Any
    status: str = "finished"

    def result(self) -> Any:
        return self.answer

    def release(self) -> None:
        pass

    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        call(self)


@dataclass
class Played:
    """Plays Dask's client: one worker does what it is given at once. It sees nothing of the project, and stays."""

    folder: Path
    address: str = "tcp://worker:1"
    answers: list[Answered] = field(default_factory=list)  # that come before its own

    @property
    def worker(self) -> Any:
        return SimpleNamespace(local_directory=str(self.folder), address=self.address)

    def run(self, call: Callable[..., Any], batch: Sequence[Any], **_: Any) -> dict[str, Any]:
        return {self.address: call(batch, self.worker)}

    def submit(self, call: Callable[..., Any], job: Job, **_: Any) -> Answered:
        return self.answers.pop(0) if self.answers else Answered(call(pickle.loads(pickle.dumps(job))))

    def nthreads(self) -> dict[str, int]:
        return {self.address: 1}

    def subscribe_topic(self, topic: str, hear: Callable[..., None]) -> None:
        pass

    def close(self, timeout: float) -> None:
        pass


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """A worker, as long-lived as they are, in whose process actions are done."""

    def run(action: Any, job: Job, site: Site, folder: Path, upstream: Mapping[str, Path], worker: Any) -> Made:
        return Made("far", job.call(job.name, action, folder, upstream), folder=folder)

    distributed = pytest.importorskip("distributed")
    made = Played(tmp_path / "worker")
    monkeypatch.setattr(cluster, "_connect", lambda where: made)
    monkeypatch.setattr(cluster_worker, "_run", run)
    monkeypatch.setattr(cluster_worker, "_sees", lambda site: False)
    monkeypatch.setattr(distributed, "get_worker", lambda: made.worker)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "home").mkdir()
    return Store(tmp_path / "home/.octavo", tmp_path / "home")


def executor(store: Store) -> DaskExecutor:
    """Return what one build has."""
    probe = store.state / "tmp/probe"
    probe.parent.mkdir(parents=True, exist_ok=True)
    site = Site(store.root, probe, "word", nothing, (), (), (), nothing, "", {}, {}, False)
    home = Home(store.root, store.state, (), ())
    return DaskExecutor(site, home, "tcp://scheduler:1", None, 1, "", lambda text: None, pytest.fail)


def submit(build: DaskExecutor, action: Copy, upstream: Mapping[str, Path] = {}) -> Future[Any]:
    """Submit a task, as the runner does."""
    made = build.home.state / "tmp" / str(time.monotonic_ns())
    return build.submit(pool.perform, "point", action, made, upstream, None)


def text(build: DaskExecutor, action: Copy, upstream: Mapping[str, Path] = {}) -> str:
    """Run a task, and return what it made."""
    before = set(build.home.state.glob("tmp/*"))
    submit(build, action, upstream).result(REASONABLE)
    (made,) = set(build.home.state.glob("tmp/*")) - before
    return (made / "out/text").read_text()


def made_upstream(store: Store, **files: str) -> Path:
    """Put a result into the store, in the place of the one before it; return its artifacts."""
    folder = store.state / "tmp/made"
    (folder / "out").mkdir(parents=True)
    for name, content in files.items():
        (folder / "out" / name).write_text(content)
    return store.put("a" * 64, folder, (), 1.0, anew=True)[0] / "out"


def test_a_worker_reads_the_results_that_there_are_now(store: Store, played: Played) -> None:
    """It outlives a build, and keeps what it was sent: a result that was made anew has its old place, not its bytes."""
    reads = Copy(store.root)
    assert text(executor(store), reads, {"a": made_upstream(store, one="first", two=" and more")}) == "first and more"
    assert text(executor(store), reads, {"a": made_upstream(store, one="second")}) == "second"
    assert text(executor(store), reads, {"a": made_upstream(store, one="first")}) == "first"


def test_a_file_that_is_changed_while_a_build_is_at_work_fails_no_point(store: Store, played: Played) -> None:
    """What an editor or a log wrote since the project was read is read again for a worker that comes later."""
    for name in ("text", "log", "swap", "same"):
        (store.root / name).write_text(name)
    result = made_upstream(store, one="log")  # the bytes of a file that changes
    build, reads = executor(store), Copy(store.root, "text")
    assert text(build, reads) == "text"
    (store.root / "log").write_text("a line more")
    (store.root / "swap").unlink()
    played.address, played.folder = "tcp://later:1", played.folder.with_name("later")
    together = [submit(build, reads, {"a": result}) for _ in range(4)]
    assert {future.result(REASONABLE).reads for future in together} == {(store.root / "text",)}
    assert text(build, reads, {"a": result}) == "textlog"


def test_a_file_that_is_changed_each_time_is_told(
    store: Store, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that grows faster than it can be sent fails the points that wait for it, by its name."""
    log = store.root / "log"

    def growing(*arguments: Any) -> Any:
        tree = read_tree(*arguments)
        log.write_text(f"{log.read_text()}+")
        return tree

    log.write_text("begun")
    monkeypatch.setattr(cluster, "read_tree", growing)
    with pytest.raises(BuildError, match="'log' was changed while the build was at work"):
        text(executor(store), Copy(store.root))
    assert log.read_text() == "begun+++"


def test_a_full_disk_of_a_worker_fails_the_points_that_it_was_given(
    store: Store, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told with the worker's name and the folder, and neither as a lost scheduler nor as a fault of this disk."""
    (store.root / "text").write_text("text")
    build, reads = executor(store), Copy(store.root, "text")

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")  # to write to an open file tells no name

    with monkeypatch.context() as patch, pytest.raises(BuildError, match="The disk takes no more") as told:
        patch.setattr(Mirror, "receive", full)
        text(build, reads)
    assert type(told.value) is BuildError and told.value.what.startswith(f"On {socket.gethostname()}: ")
    assert told.value.where == str(played.folder / "octavo")
    assert text(build, reads) == "text"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/tmp/octavo-1"),
        EOFError(),
        ConnectionResetError(),
        Unstarted("killed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_disk_without_room_for_temporary_files_is_no_lost_process(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Of a process that was lost memory is said, of a disk that takes nothing what the system says of it."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cluster_worker, "_scratch", fail)
    job = Job("", nothing, "point", Copy(Path()), Path("made"), {})
    answer = cluster_worker._run(job.action, job, SimpleNamespace(), job.folder, {}, None)  # type: ignore[arg-type]
    if type(error) is OSError:
        assert isinstance(answer, Made) and "The disk takes no more: No space left on device." in str(answer.error)
        assert answer.error and answer.error.where == "/tmp/octavo-1"
    else:
        assert isinstance(answer, Vanished)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + REASONABLE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


class Twice:
    """Plays a worker's part, in this process; ``slow`` is set once its second run may end."""

    slow = threading.Event()
    runs: ClassVar[list[str]] = []


def twice(job: Job) -> Made:
    Twice.runs.append(job.name)
    if len(Twice.runs) == 2:  # Dask's own try
        Twice.slow.wait(REASONABLE)
        time.sleep(0.5)
    folder = job.folder.with_name(f"made{len(Twice.runs)}")
    return Made("far", pool.perform(job.name, job.action, folder, {}), folder=folder)


def test_an_answer_that_is_lost_before_it_was_read_is_made_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker ends while another's answer is stored: what it had to say is asked for once more."""
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": None, "memory_limit": 0}
    with (
        cluster._quietly(),
        distributed.LocalCluster(n_workers=2, worker_dashboard_address=None, **options) as workers,
        distributed.Client(workers, set_as_default=False) as client,
    ):
        monkeypatch.setattr(cluster, "_connect", lambda where: client)
        monkeypatch.setattr(cluster, "work", twice)
        another = client.submit(nothing)
        another.add_done_callback(lambda _: Twice.slow.wait(REASONABLE))
        build = executor(store)
        answer = submit(build, Copy(store.root))
        until(lambda: all(remote.status == "finished" for remote in build.remotes))
        (remote,) = build.remotes
        (holder,) = client.who_has([remote])[remote.key]
        workers.sync(workers.scheduler.remove_worker, holder, stimulus_id="test")
        until(lambda: remote.status != "finished")
        Twice.slow.set()
        assert answer.result(REASONABLE).reads == ()

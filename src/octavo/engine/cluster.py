"""An executor whose tasks run on the workers of a Dask cluster. Finished results live in the store, not in workers."""

from __future__ import annotations

import hashlib
import logging
import pickle
import threading
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from octavo.engine import key as keys
from octavo.engine.cluster_worker import TREE, Answer, Job, Lacks, Made, Read, Refused, Site, Vanished, take, work
from octavo.engine.remote import within
from octavo.engine.store import KEPT, OUT, Store, load
from octavo.engine.travel import PIECE, Held, Piece, pieces, read_tree
from octavo.errors import BuildError, OctavoError, Unreachable, disk_error
from octavo.filenames import FOLDER, MISSING, decoded

if TYPE_CHECKING:
    from distributed import Client, LocalCluster
    from distributed import Future as DaskFuture

    Remote = DaskFuture[Any]

CONNECTING = 10.0  # seconds that a scheduler may take to answer
CLOSING = 5.0  # seconds that workers may take to hear that nothing is wanted any more
FRESH = 1.0  # seconds for which the number of the cluster's threads is believed
LEAST = 8  # tasks that are given to a cluster at once even if it has few workers, or none yet
SHOWN = 3  # differences of two environments that are told
LOST = 2  # a task whose process vanished so many times is given up
AGAIN = 0.5  # seconds until a task is given to the cluster again that went to a worker known not to fit
DEVICE = "GPU"  # what Dask's users call a graphics device among a worker's resources
NO_DEVICE = "Points that need one wait for a worker that is started with `--resources GPU=1`."
UNREAD = ("ModuleNotFoundError", "ImportError", "AttributeError")  # what says that Octavo is not there, or another
SILENT = "What it is given waits, until Dask gives it up (`distributed.scheduler.worker-ttl`, 5 minutes)."
ASKED = 6  # a worker that asks for so many times in turn does not keep what it is sent
RENEWED = 2  # how often the project is read again for a task, since a file was changed before it was sent


@dataclass
class Flight:
    """A task on its way: the runner's future, what is sent, and how often it vanished, a worker lacked something, or a
    file was changed before it was sent."""

    future: Future[Any]
    job: Job
    vanished: int = 0
    asked: int = 0
    renewed: int = 0
    address: str = ""


@dataclass(frozen=True)
class Home:
    """The project that a build is of. ``state`` has the store; it and ``apart`` are folders of what was made.

    Files in ``always`` travel wherever they lie.
    """

    root: Path
    state: Path
    apart: tuple[Path, ...]
    always: tuple[Path, ...]


class DaskExecutor(Executor):
    """Runs the runner's tasks on a Dask cluster: that of the scheduler at ``address``, or one within this process.

    Workers that do not fit are left out, and ``tell`` is told of each. An action whose ``stays`` holds depends on what
    is installed on this machine beside the environment: an executor of ``here`` does it.

    Raises Unreachable where the scheduler does not answer.
    """

    def __init__(
        self,
        site: Site,
        home: Home,
        address: str,
        limit: int | None,
        jobs: int,
        scratch: str,
        tell: Callable[[str], None],
        here: Callable[[], Executor],
    ) -> None:
        self.home = home
        self.tell = tell
        self.here = here
        self.local: Executor | None = None  # for what stays on this machine
        self.limit = limit
        self.site = pickle.dumps(site)
        self.probe = site.probe
        self.address = address
        self.cluster = None if address else _local(jobs, scratch)
        self.client = _connect(address or self.cluster)
        self.probe.parent.mkdir(exist_ok=True)
        self.probe.write_text(site.token, encoding="utf-8")
        self.contents: dict[str, Path | bytes] = {_digest(self.site): self.site}
        self.tree = ""
        self.names: Mapping[str, str] = {}  # of contents, to tell the user
        self.sent: dict[str, set[str]] = {}
        self.lock = threading.Lock()
        self.sending: dict[str, threading.Lock] = {}
        self.unfit: set[str] = set()  # addresses of workers with another environment
        self.remotes: set[Remote] = set()
        self.stopped = False
        self.lost: Unreachable | None = None
        self.asked = -FRESH  # when the scheduler last told what is ``known``: the threads of each worker
        self.known: Mapping[str, int] = {}
        self.looked = False
        self.alone = False
        self.client.subscribe_topic("all", self._hear)  # what its scheduler tells of itself
        self._greet()

    def _greet(self) -> None:
        """Tell the workers of the build; one that comes later asks. Raises Unreachable where none can understand."""
        digest = _digest(self.site)
        first = list(pieces(digest, self.site))
        try:
            with _quietly():
                said = within(CONNECTING, lambda: self.client.run(take, first, on_error="return"))
        except TimeoutError:  # the others ask
            self.tell(f"A worker of the cluster does not answer. {SILENT}")
            return
        deaf = {address: fault for address, answer in said.items() if (fault := _cannot_load(answer))}
        for address, fault in deaf.items():
            if len(deaf) == len(said):
                raise fault
            self.unfit.add(address)
            self.tell(f"The worker at {address} is left out. {fault.what} {fault.hint}")
        self.sent |= {address: {digest} for address, answer in said.items() if not isinstance(answer, BaseException)}

    @property
    def places(self) -> int:
        """How many tasks to give to the cluster at once: enough for all its threads to have the next one at hand."""
        if self.limit:
            return self.limit
        threads = self.workers()
        return max(LEAST, 2 * threads) if self.address else threads

    def workers(self) -> int:
        """Return the number of the cluster's threads; as last known, where it does not answer."""
        if time.monotonic() - self.asked > FRESH:
            with suppress(Exception):  # whatever Dask raises: that it is out of reach shows elsewhere, with words
                self.known = self.client.nthreads()
            self.asked = time.monotonic()
            self.unfit &= self.known.keys()  # one that comes back there may be another
        return sum(threads for address, threads in self.known.items() if address not in self.unfit)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Send a call of the runner's: the task's name, its action, the folder to fill, the folders to read."""
        if self.lost:
            raise self.lost
        name, action, folder, upstream, device = args
        if self.address and getattr(action, "stays", False):
            self.local = self.local or self.here()
            return self.local.submit(fn, *args)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        if self.address and device is not None:
            self._look_for_devices()
        self._begin(Flight(future, Job(_digest(self.site), fn, name, action, folder, upstream, device)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take back what is still on its way, and leave the cluster; that of this process ends."""
        self.stopped = True
        if self.local:
            self.local.shutdown(wait=False, cancel_futures=True)
        self.probe.unlink(missing_ok=True)
        with _quietly():
            if self.remotes:
                self.client.cancel(list(self.remotes), force=True)
            self.client.close(timeout=CLOSING)
            if self.cluster:
                self.cluster.close(timeout=CLOSING)

    def _begin(self, flight: Flight) -> None:
        job = flight.job
        if (tree := self.tree) and job.further is None:
            further, laid = self._further(job.upstream)
            job = flight.job = replace(job, tree=tree, further=further, laid=laid)
        # What a worker asked something for goes there again, before what was submitted meanwhile.
        wish: dict[str, Any] = {}
        if self.address and job.device is not None:  # alone: where wishes cannot be met, Dask drops this one as well
            wish = {"resources": {DEVICE: 1}}
        elif flight.address:
            wish = {"workers": [flight.address], "allow_other_workers": True, "priority": 1}
        elif self.unfit:  # a wish, not a condition: all the others may be lost meanwhile
            wish = {"workers": self._fit(), "allow_other_workers": True}
        try:
            remote = self.client.submit(work, job, key=f"octavo-{uuid.uuid4().hex}", pure=False, **wish)
        except Exception as error:  # Dask's client has no one kind of error for a scheduler that is gone
            self._give_up(flight, _lost(self.address, error))
            return
        self.remotes.add(remote)
        remote.add_done_callback(lambda done: self._heard(flight, done))

    def _heard(self, flight: Flight, remote: Remote) -> None:
        """Take what came of a task; this runs in a thread of Dask's."""
        self.remotes.discard(remote)
        try:
            if remote.status == "cancelled":
                self._give_up(flight, _unreachable(self.address, "The connection was lost."))
                return
            if remote.status in ("lost", "pending"):  # its worker ended before this thread came to it
                remote.release()  # else Dask runs it again as well
                self._begin(flight)
                return
            answer = remote.result() if remote.status == "finished" else _fault(flight.job.name, remote.exception())
            remote.release()
            self._answered(flight, answer)
        except Exception as error:
            self._give_up(flight, _lost(self.address, error))

    def _answered(self, flight: Flight, answer: Answer | OctavoError | None) -> None:
        match answer:
            case Lacks():
                threading.Thread(target=self._supply, args=(flight, answer), daemon=True).start()
            case Vanished():
                flight.vanished += 1
                if flight.vanished < LOST:
                    self._begin(flight)
                else:
                    flight.future.set_exception(_vanished(flight.job.name, answer.host))
            case Refused():
                self._leave_out(flight, answer)
            case Made():
                _settle(flight.future, lambda: self._take(flight.job, answer))
            case OctavoError():
                flight.future.set_exception(answer)
            case _:
                self._give_up(flight, _unreachable(self.address, "It took the task back."))

    def _leave_out(self, flight: Flight, answer: Refused) -> None:
        """Have a task run on another worker than one with another environment; give up where there is none."""
        known = answer.address in self.unfit
        self.unfit.add(answer.address)
        refused = _refused(answer)
        self.asked = -FRESH  # one that fits may just have come
        if not self._fit():
            self._give_up(flight, refused)
            return
        if not known:
            self.tell(f"The worker at {answer.address} is left out. {refused.what} {refused.hint}")
        flight.address = ""
        again = threading.Timer(AGAIN if known else 0, self._begin, [flight])
        again.daemon = True
        again.start()

    def _fit(self) -> list[str]:
        """Return the addresses of the workers that are not known to be unfit, as they were a moment ago."""
        self.workers()
        return sorted(self.known.keys() - self.unfit)

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take what the scheduler tells, in the thread that all of Dask's answers come by: none may be awaited here."""
        what = event[1]
        if isinstance(what, dict) and what.get("action") == "remove-worker" and self.address and not self.alone:
            threading.Thread(target=self._look_for_workers, daemon=True).start()

    def _look_for_workers(self) -> None:
        """Say once where the last worker is gone: what was given to it waits for another, without a word of Dask's."""
        self.asked = -FRESH
        if not (self.stopped or self.lost or self.alone or self.workers()):
            self.alone = True
            self.tell(
                f"The cluster at {self.address} has lost its last worker: see its log. The build waits for others."
            )

    def _look_for_devices(self) -> None:
        """Say once where no worker has a graphics device: Dask waits for one, without a word."""
        if self.looked:
            return
        self.looked = True
        with suppress(Exception):  # whatever Dask raises: that it is out of reach shows elsewhere, with words
            workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
            if not any(worker["resources"].get(DEVICE) for worker in workers):
                self.tell(f"No worker has a graphics device. {NO_DEVICE}")

    def _give_up(self, flight: Flight, error: Unreachable) -> None:
        """End the build with an error: nothing more can run."""
        self.lost = self.lost or error
        if not flight.future.done():
            flight.future.set_exception(self.lost)

    def _take(self, job: Job, made: Made) -> Any:
        """Put what a worker made where the runner looks for it; return what the runner's call returns, or raise it."""
        for name, content in (made.left or {}).items():
            _leave(self.home.root / name, content)
        if made.error:
            raise made.error
        for name, read in sorted((made.reads or {}).items()):
            if not self._is_so(self.home.root / name, read):
                raise _differs(job.name, name, made.host, there=read.digest != MISSING, seen=bool(made.folder))
        if made.folder:
            made.folder.rename(job.folder)
            return made.performed
        assert made.performed and made.files is not None and made.reads is not None
        (job.folder / OUT).mkdir(parents=True)
        for name, (data, program) in made.files.items():
            target = job.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            if program:
                target.chmod(0o755)
        return made.performed._replace(reads=tuple(self.home.root / name for name in made.reads))

    def _is_so(self, path: Path, read: Read) -> bool:
        """Whether what a task read on a worker is as it is here. Names may have come into the same folder since."""
        if read.inode and path.is_dir() and path.stat().st_ino == read.inode:
            return True
        return keys.is_so(path, read.digest, Store(self.home.state, self.home.root).digest)

    def _supply(self, flight: Flight, lacks: Lacks) -> None:
        """Send a worker what it lacks, then the task again."""
        try:
            flight.asked = flight.asked + 1 if flight.address in ("", lacks.address) else 1
            if flight.asked > ASKED:
                raise BuildError(f"The worker at {lacks.address} does not keep what it is sent.", where=flight.job.name)
            flight.address = lacks.address
            if lacks.digests == (TREE,):
                self._read_tree()
            elif changed := self._send(flight, lacks):
                self._renew(flight, changed)
            self._begin(flight)
        except OctavoError as error:
            flight.future.set_exception(error)
        except Exception as error:
            if (isinstance(error, OSError) and error.filename) or not self._is_gone(lacks.address):
                self._fail(flight, error)
            else:  # it was lost while it was sent to
                flight.address, flight.asked = "", 0
                self._begin(flight)

    def _is_gone(self, address: str) -> bool:
        """Whether a worker is lost, as the scheduler knows within some seconds."""
        end = time.monotonic() + CONNECTING
        while address in self.known and time.monotonic() < end:
            time.sleep(FRESH)
            self.workers()
        return address not in self.known

    def _fail(self, flight: Flight, error: Exception) -> None:
        """End a task with a fault of this machine's disk, or the build with whatever else it is."""
        if isinstance(error, OSError) and error.filename:  # Dask's own have no file
            flight.future.set_exception(error)
        else:
            self._give_up(flight, _lost(self.address, error))

    def _read_tree(self) -> None:
        with self.lock:
            if self.tree:
                return
            tree = read_tree(self.home.root, (self.home.state, *self.home.apart), self.home.always, keys.remembering())
            listing = msgspec.json.encode(tree, order="deterministic")
            self.names = {held.digest: name for name, held in tree.items()}
            self.contents |= {held.digest: self.home.root / decoded(name) for name, held in tree.items()}
            self.contents[_digest(listing)] = listing
            self.tree = _digest(listing)

    def _further(self, upstream: Mapping[str, Path]) -> tuple[dict[str, Held], dict[str, Path]]:
        """Return the files of the results that a task reads, by name from the root, and where each result is laid out.

        Its folder there is named by what it holds: a worker outlives a build, and here another result may have been
        made in the place of one that it was sent.
        """
        found: dict[str, Held] = {}
        laid: dict[str, Path] = {}
        for task, out in upstream.items():
            entry = load(out.parent)
            outputs = {name: digest for name, (_, digest) in (entry.outputs if entry else {}).items()}
            read = {name: digest for name, digest in outputs.items() if name.startswith((f"{OUT}/", f"{KEPT}/"))}
            self.contents |= {digest: out.parent / name for name, digest in read.items()}
            folder = out.parent.with_name(f"{out.parent.name}-{keys.of(read)[:16]}")
            laid[task] = folder / OUT
            start = folder.relative_to(self.home.root).as_posix()
            found |= {f"{start}/{name}": Held(digest) for name, digest in read.items()}
            found.setdefault(f"{start}/{OUT}", Held(FOLDER))
        return found, laid

    def _send(self, flight: Flight, lacks: Lacks) -> str:
        """Send contents to one worker, once for all tasks that wait for them there.

        Return the digest of one that is not here any more as it was read; empty where all are.
        """
        with self.lock:
            gate = self.sending.setdefault(lacks.address, threading.Lock())
            sent = self.sent.setdefault(lacks.address, set())
        with gate:
            again = flight.asked > ASKED // 2  # it was sent, and is not there: the worker lost it
            wanted = [digest for digest in lacks.digests if again or digest not in sent]
            for batch in _batches(piece for digest in wanted for piece in self._pieces(digest)):
                if wrong := self.client.run(take, batch, workers=[lacks.address])[lacks.address]:
                    return str(wrong[0])
            sent.update(wanted)
            return ""

    def _pieces(self, digest: str) -> Iterator[Piece]:
        """Yield the contents of a digest in pieces; a file that is gone is sent as an empty one, which it was not."""
        try:
            yield from pieces(digest, self.contents[digest])
        except (FileNotFoundError, NotADirectoryError):
            yield Piece(digest, 0, 0, b"")

    def _renew(self, flight: Flight, digest: str) -> None:
        """Have the project read again for a task: what it runs on is compared with what is here when it has ended.

        Raises BuildError where a file is changed each time.
        """
        flight.renewed += 1
        if flight.renewed > RENEWED:
            name = self.names.get(digest, "A file")
            hint = "Run the same command again."
            raise BuildError(f"'{name}' was changed while the build was at work.", where=name, hint=hint)
        with self.lock:
            if self.tree == flight.job.tree:  # else another task has had it read again
                self.tree = ""
        flight.job = replace(flight.job, tree="", further=None, laid=None)
        flight.asked = 0


def _settle(future: Future[Any], make: Callable[[], Any]) -> None:
    try:
        future.set_result(make())
    except Exception as error:
        future.set_exception(error)


def _batches(every: Iterable[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    for piece in every:
        if batch and sum(len(p.data) for p in batch) + len(piece.data) > PIECE:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _leave(path: Path, content: bytes | None) -> None:
    if content is None:
        if path.exists():
            path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def installed() -> bool:
    """Whether Dask is there."""
    from importlib.util import find_spec

    return find_spec("distributed") is not None


def _connect(where: str | LocalCluster | None) -> Client:
    from distributed import Client

    with _quietly():
        try:
            return Client(where, timeout=CONNECTING, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise Unreachable(
                f"No Dask scheduler answers at {where}.",
                hint="Start one with `dask scheduler`, or correct the address: --on, or `on` in [tool.octavo].",
            ) from error


def _local(jobs: int, scratch: str) -> LocalCluster:
    """Return a cluster within this process: tasks have processes of their own anyway, and no port is opened."""
    import dask.config

    # Dask would look at what its threads do a hundred times a second: they wait for processes.
    with _quietly(), dask.config.set({"distributed.worker.profile.enabled": False}):
        from distributed import LocalCluster

        loopback = "127.0.0.1:0"
        cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=jobs,
            processes=False,
            dashboard_address=loopback,
            worker_dashboard_address=loopback,
            memory_limit=0,
            local_directory=scratch,
        )
        for server in (cluster.scheduler, *cluster.workers.values()):
            server.http_server.stop()  # Dask starts one in any case
    return cluster


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what Dask warns of and logs off the user's terminal: what went wrong is told in our words."""
    import dask.config
    import distributed  # noqa: F401  (it sets its loggers up when it is imported)

    for name in {"distributed", "tornado", "asyncio", *logging.root.manager.loggerDict}:
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):  # Dask gives each of its loggers its level
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _lost(address: str, error: Exception) -> Unreachable:
    """Tell a fault of Dask's, which has no one kind of error: its name is said, for it may be one of ours as well."""
    return _unreachable(address, f"{type(error).__name__}: {error}")


def _unreachable(address: str, detail: str) -> Unreachable:
    where = f"the Dask scheduler at {address}" if address else "Dask"
    return Unreachable(
        f"The build lost {where}. {detail}".strip(),
        hint="What was finished is kept. See that it runs, then run the same command to go on.",
    )


def _fault(name: str, error: BaseException) -> OctavoError:
    """Turn what went wrong in a worker, around a task, into words."""
    if type(error).__name__ == "KilledWorker":
        return BuildError(
            "The workers that ran this were lost, one after the other.",
            where=name,
            hint="Memory may have run out on them, or they have no Octavo. Look at their logs.",
        )
    if isinstance(error, OSError):
        fault = disk_error(error)
        return BuildError(f"On the worker: {fault.what}", where=fault.where, hint=fault.hint)
    if unread := _cannot_load(error):
        return unread
    detail = "".join(traceback.format_exception(error))
    return BuildError(f"{type(error).__name__}: {error} [this is a bug in Octavo]", where=name, hint=detail)


def _cannot_load(answer: object) -> Unreachable | None:
    """Return what to say where a scheduler or a worker could not read what it was sent; None where it did."""
    error = answer if isinstance(answer, BaseException) else None
    while error and error.__cause__:  # a scheduler tells the reason behind a general error
        error = error.__cause__
    detail = f"{type(error).__name__}: {error}"
    if type(error) is Exception and str(error).startswith(UNREAD):  # a worker tells it as text
        detail = str(error)
    elif not isinstance(error, ImportError | AttributeError | pickle.UnpicklingError):
        return None
    return Unreachable(
        f"Octavo cannot be loaded on the cluster: {detail}.",
        hint="Give the scheduler and the workers the environment of requirements.lock, with this Octavo.",
    )


def _vanished(name: str, host: str) -> BuildError:
    return BuildError(
        f"The process that ran this was killed, twice; the second time on {host}.",
        where=name,
        hint="Memory may have run out: start workers with fewer threads (`--nthreads`).",
    )


def _refused(answer: Refused) -> Unreachable:
    def some(lines: tuple[str, ...]) -> str:
        more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        return ", ".join(lines[:SHOWN]) + more or "nothing else"

    return Unreachable(
        f"The worker on {answer.host} has another environment. Here: {some(answer.here)}. There: {some(answer.there)}.",
        hint="Give it the environment of requirements.lock, with this Octavo, and start it again.",
    )


def _differs(task: str, name: str, host: str, *, there: bool, seen: bool) -> BuildError:
    if seen:
        return BuildError(
            f"'{name}' is another on {host} than here.",
            where=task,
            hint="If it was changed meanwhile, run the same command again. A file on a disk of one machine must be the "
            "same on all: put it into the project's folder itself.",
        )
    if there:
        what = f"'{name}' changed while it ran, here or on {host}."
        return BuildError(what, where=task, hint="Run the same command again.")
    return BuildError(
        f"It looked for '{name}', which does not travel to {host}.",
        where=task,
        hint="Hidden folders, virtual environments and build/ stay here: name the file in the sweep's `inputs`.",
    )

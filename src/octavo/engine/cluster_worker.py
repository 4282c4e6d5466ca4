"""What happens in a Dask worker: a task is run in a process of its own, and what it made is handed back.

Nothing of the user's runs in the worker itself. A worker that sees the project's files uses them where they are; any
other asks for what it lacks, and runs the task in a mirror of the project.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import msgspec

from octavo.engine import key as keys
from octavo.engine.forked import AGAIN, Unstarted, Zygote, begin_beside, forkable, unread
from octavo.engine.pool import Performed
from octavo.engine.store import DOUBTS, Store
from octavo.engine.task import Action, Doubts
from octavo.engine.travel import Held, Mirror, Piece, Tree, digest_in, presence_in
from octavo.engine.zygote import Request, receive, send
from octavo.errors import BuildError, OctavoError, disk_error
from octavo.filenames import decoded, presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Worker

TREE = "tree"  # asked for by a worker that does not see the project's files
POLL = 0.2  # seconds after which a worker looks whether a task is still wanted


class Movable(Action, Protocol):
    """An action that can also be done where the project lies in another place."""

    def moved(self, root: Path) -> Movable:
        """Return the action as it is done with the project at ``root``."""
        ...

    def leaves(self) -> tuple[Path, ...]:
        """Return the files of the project that it writes or removes beside its result."""
        ...


@dataclass(frozen=True)
class Site:
    """What workers must know of a build, told to each of them once.

    ``facts`` says, line by line, what of the environment must be ``expected`` on the worker. ``probe`` is a file that
    holds ``token``: a worker that reads it there sees the project's files. ``workers``, ``identity`` and ``fixed`` are
    of the zygote that tasks are forked from; ``kernels`` is what that one imports which their kernels are forked from
    (nothing: they are started); ``enter`` is called with the call, its arguments, and a connection to a process forked
    from that one; ``variables`` are the environment variables that tasks depend on (None: not set). The worker is a
    part of the build's own process, whose environment is the user's, if it is ``within``.
    """

    root: Path
    probe: Path
    token: str
    facts: Callable[[], tuple[str, ...]]
    expected: tuple[str, ...]
    workers: tuple[str, ...]
    kernels: tuple[str, ...]
    enter: Callable[..., Any]
    identity: str
    fixed: Mapping[str, str]
    variables: Mapping[str, str | None]
    within: bool


@dataclass(frozen=True)
class Job:
    """A task on its way: what the runner calls, and digests of what it needs where files do not reach.

    It needs a graphics device where ``device`` is not None; empty means that of the worker. ``further`` has the files
    of the results that it reads, by name from the root, ``laid`` what ``upstream`` is where they are laid out.
    """

    site: str
    call: Callable[..., Any]
    name: str
    action: Movable
    folder: Path
    upstream: Mapping[str, Path]
    device: str | None = None
    tree: str = ""
    further: Mapping[str, Held] | None = None
    laid: Mapping[str, Path] | None = None


@dataclass(frozen=True)
class Lacks:
    """The worker at ``address`` needs the contents of these digests first."""

    address: str
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """The environment of the worker is another; ``here`` and ``there`` are the lines that one of the two lacks."""

    address: str
    host: str
    here: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True)
class Vanished:
    """The process that ran the task on ``host`` ended without an answer."""

    host: str


class Read(NamedTuple):
    """What a task read, as it is where it ran: its digest; of a folder that the build sees too, its inode."""

    digest: str
    inode: int = 0


@dataclass(frozen=True)
class Made:
    """What became of a task: ``performed`` (the runner's), or the error.

    ``reads`` tells what was read, by name from the root, or by its path where it lies elsewhere. Of a worker that sees
    the project's files, ``folder`` is where the result lies. Of another, ``files`` has its contents (and whether each
    is a program), ``left`` what the action wrote beside its result (None: it is to be removed).
    """

    host: str
    performed: Performed | None
    error: OctavoError | None = None
    folder: Path | None = None
    files: Mapping[str, tuple[bytes, bool]] | None = None
    reads: Mapping[str, Read] | None = None
    left: Mapping[str, bytes | None] | None = None


Answer = Lacks | Refused | Vanished | Made


def work(job: Job) -> Answer | None:
    """Run a job in this worker; None when nobody wants its result any more."""
    from distributed import get_worker

    worker = get_worker()
    mirror = _mirror(worker)
    if lacking := mirror.lacking([job.site]):
        return Lacks(worker.address, lacking)
    site: Site = pickle.loads(mirror.place(job.site).read_bytes())
    found = site.facts()
    if found != site.expected:
        here, there = set(site.expected), set(found)
        return Refused(worker.address, socket.gethostname(), tuple(sorted(here - there)), tuple(sorted(there - here)))
    if _sees(site):
        return _work_here(job, site, worker)
    if not job.tree or job.further is None:
        return Lacks(worker.address, (TREE,))
    if lacking := mirror.lacking([job.tree]):
        return Lacks(worker.address, lacking)
    tree = mirror.read(job.tree)
    if lacking := mirror.lacking(held.digest for held in (*tree.values(), *job.further.values())):
        return Lacks(worker.address, lacking)
    with mirror.laid(job.tree, tree, job.further) as root:
        answer = _work_apart(job, site, root, worker)
        if isinstance(answer, Made) and (name := _written_there(answer, tree)):
            mirror.spoil(job.tree)
            return replace(answer, performed=None, error=_stays_there(job.name, name, answer.host))
        return answer


def _written_there(made: Made, tree: Tree) -> str:
    """Return what was read and was not as it had been sent: it was written there. Empty where there is none."""
    reads = (made.reads or {}).items()
    other = (name for name, read in reads if read.digest not in (digest_in(tree, name), presence_in(tree, name)))
    return min(other, default="")


def _stays_there(task: str, name: str, host: str) -> BuildError:
    return BuildError(
        f"It read '{name}' as it, or another point before it, had written it on {host}.",
        where=task,
        hint="What a point writes beside its results stays on that worker. Have it written to a temporary folder, or "
        "before the build; or let the workers see the project's folder.",
    )


def take(pieces: Sequence[Piece], dask_worker: Worker) -> tuple[str, ...]:
    """Receive pieces of content in this worker; return the digests that what came does not have.

    Raises BuildError where its disk does not take them.
    """
    mirror = _mirror(dask_worker)
    try:
        return tuple(piece.digest for piece in pieces if not mirror.receive(piece))
    except OSError as error:
        raise _disk_error(error, mirror.folder) from None  # Dask has OSErrors of its own


def _mirror(worker: Worker) -> Mirror:
    """Return what a worker has received. What is opened there is told by its real path: no link may lead to it."""
    return Mirror(Path(worker.local_directory).resolve() / "octavo")


def _sees(site: Site) -> bool:
    """Whether the project's files are here, where they are at home; behind a link on this machine they are not."""
    try:
        return site.root.resolve() == site.root and site.probe.read_text(encoding="utf-8") == site.token
    except OSError:
        return False


def _work_here(job: Job, site: Site, worker: Worker) -> Answer | None:
    """Run a job on the project's own files, into a folder that no other worker has: one cut off may be at it still."""
    folder = _own(job.folder)
    answer = _run(job.action, job, site, folder, job.upstream, worker)
    if not isinstance(answer, Made) or answer.performed is None or site.within:
        return answer
    # Not all that it sees need be the same: there are links to disks of one machine, and files outside the project.
    doubts, digest = _doubts(folder), Store(site.probe.parent.parent, site.root).digest
    changed, alone = {site.root / decoded(name) for name in doubts.changed}, set(map(decoded, doubts.presence))
    read = {_name(path, site.root): path for path in answer.performed.reads if path not in changed}
    reads = {name: _read(path, presence if name in alone else digest) for name, path in read.items()}
    return replace(answer, reads=reads)


def _doubts(folder: Path) -> Doubts:
    with suppress(FileNotFoundError):
        return msgspec.json.decode((folder / DOUBTS).read_bytes(), type=Doubts)
    return Doubts()


def _read(path: Path, digest: keys.FileDigest) -> Read:
    return Read(digest(path), path.stat().st_ino if path.is_dir() else 0)


def _own(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-{uuid.uuid4().hex[:12]}")


def _work_apart(job: Job, site: Site, root: Path, worker: Worker) -> Answer | None:
    """Run a job in the mirror of the project at ``root``; hand the contents of what it made back."""

    def there(path: Path) -> Path:
        return root / path.relative_to(site.root)

    folder = there(_own(job.folder))
    action = job.action.moved(root)
    upstream = {name: there(path) for name, path in (job.laid or {}).items()}
    for path in action.leaves():
        path.unlink(missing_ok=True)
    try:
        answer = _run(action, job, site, folder, upstream, worker)
        if not isinstance(answer, Made):
            return answer
        left = {_name(p, root): p.read_bytes() if p.exists() else None for p in action.leaves()}
        if answer.performed is None:
            return Made(answer.host, None, answer.error, left=left)
        reads = answer.performed.reads
        outside = [str(path) for path in reads if not path.is_relative_to(root)]
        if outside:
            return Made(answer.host, None, _cannot_travel(job.name, outside[0]), left=left)
        files = {_name(p, folder): (p.read_bytes(), os.access(p, os.X_OK)) for p in _files(folder)}
        alone = set(map(decoded, _doubts(folder).presence))
        read = {_name(path, root): path for path in reads}
        found = {name: Read((presence if name in alone else keys.of_file)(path)) for name, path in read.items()}
        return Made(answer.host, answer.performed._replace(reads=()), files=files, reads=found, left=left)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cannot_travel(name: str, path: str) -> BuildError:
    return BuildError(
        f"It reads '{path}', which lies outside the project: workers that do not see its files cannot have it.",
        where=name,
        hint="Put it, or a link to it, into the project's folder; or let the workers see that folder.",
    )


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _run(
    action: Movable, job: Job, site: Site, folder: Path, upstream: Mapping[str, Path], worker: Worker
) -> Vanished | Made | None:
    """Run an action in a process forked for it alone; end that process when nobody wants the result any more."""
    host = socket.gethostname()
    try:
        for _ in range(AGAIN):
            with suppress(ConnectionError), _scratch() as scratch:  # who was sent it had ended just then
                environment = {**_environment(site), "TMPDIR": scratch}
                arguments = (job.call, (job.name, action, folder, upstream, job.device))
                found = _asked(Request(site.enter, arguments, environment, scratch, 0o022), site, worker)
                break
        else:
            return Vanished(host)
    except (EOFError, ConnectionError, Unstarted):
        return Vanished(host)
    except OSError as error:
        found = False, error
    if found is None:
        return None
    good, answer = found
    if good:
        return Made(host, answer, folder=folder)
    if isinstance(answer, OSError):
        answer = _disk_error(answer)
    return Made(host, None, cast(OctavoError, answer))


def _disk_error(error: OSError, place: Path | str = "") -> BuildError:
    """Turn a fault of this machine's disk, at ``place`` where it does not say, into words."""
    fault = disk_error(error)
    return BuildError(f"On {socket.gethostname()}: {fault.what}", where=fault.where or str(place), hint=fault.hint)


def _asked(request: Request, site: Site, worker: Worker) -> tuple[bool, Any] | None:
    """Return what a process answers; None when nobody wants that any more.

    Raises ConnectionError where nobody read what was sent, EOFError where who read it ended, OSError where none starts.
    """
    zygote, *others = zygotes(site)
    with ExitStack() as stack:
        begin_beside(others)
        connection = stack.enter_context(zygote.connect())
        kernels = [stack.enter_context(other.connect()) for other in others]
        send(connection, request, [kernel.fileno() for kernel in kernels])
        while not select.select([connection], [], [], POLL)[0]:
            if not _wanted(worker):
                return None
        good, answer = receive(connection)
        if not good and any(map(unread, kernels)):
            raise ConnectionError
        return good, answer


def zygotes(site: Site) -> list[Zygote]:
    """Return what tasks are forked from here, and what their kernels are forked from, unless these are started."""
    variables = {**_environment(site), **site.fixed}
    workers = Zygote("workers", site.workers, site.identity, variables)
    kernels = Zygote("kernels", site.kernels, site.identity, variables, tuple(sorted(site.variables)))
    return [workers, *([kernels] if site.kernels and forkable() else [])]


def _wanted(worker: Worker) -> bool:
    """Whether the scheduler still wants what this thread is at: it does not after Ctrl-C, or when the build is gone."""
    from distributed.worker import thread_state  # type: ignore[attr-defined]

    state = worker.state.tasks.get(thread_state.key)
    return state is not None and state.state in ("executing", "long-running")


@contextmanager
def _scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="octavo-", ignore_cleanup_errors=True) as folder:
        yield folder


def _environment(site: Site) -> dict[str, str]:
    """Return the worker's environment, without what Dask put there, with the variables that tasks depend on."""
    if site.within:
        return dict(os.environ)
    import dask.config

    dasks = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    found = {k: v for k, v in os.environ.items() if k not in dasks or v != str(dasks[k])}
    for name, value in site.variables.items():
        found.pop(name, None)
        if value is not None:
            found[name] = value
    return found

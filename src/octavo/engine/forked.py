"""An executor whose workers are forked from a zygote: one for each task, in milliseconds, with its imports loaded."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octavo.engine import locks
from octavo.engine.zygote import COMPILED, Request, receive, send
from octavo.errors import BuildError

STARTING = 60.0  # seconds that a zygote may take for its imports
# Variables that libraries read while they are imported: workers whose zygote saw others would not be as good as new.
READ_AT_IMPORT = ("PYTHON", "MPL", "OMP_", "OPENBLAS_", "MKL_", "LANG", "LC_", "LD_", "CUDA", "TZ", "VIRTUAL_ENV")
AGAIN = 5  # times that something is done once more where a zygote was ended just then


class Lost(Exception):
    """A worker ended without an answer; others go on."""


class Unstarted(OSError):
    """A zygote ended before it was ready."""


@dataclass(frozen=True)
class Zygote:
    """The zygote of an environment for one ``kind`` of processes.

    ``modules`` are what it imports, ``identity`` all else that makes it fit or not. ``declared`` are variables of the
    environment that what it forks depends on: a package may read them when it is imported.
    """

    kind: str
    modules: tuple[str, ...]
    identity: str
    environment: Mapping[str, str]
    declared: tuple[str, ...] = ()

    @functools.cached_property
    def address(self) -> Path:
        """The path of its socket: named for kind and environment, then for all that must be the same to be of use."""
        variables = self.environment.items()
        read = sorted((k, v) for k, v in variables if k.startswith(READ_AT_IMPORT) or k in self.declared)
        same = (sys.executable, self.modules, self.identity, read)
        return folder() / f"{self.environments}-{_digest(same)}"

    @functools.cached_property
    def environments(self) -> str:
        """What one that takes another's place has in common with it; two jobs of a batch system do not."""
        return f"{self.kind}-{_digest((sys.prefix, _limits()))}"

    def start(self) -> None:
        """Start the zygote, where there is none. Raises OSError when it does not start."""
        self.connect().close()

    def connect(self) -> socket.socket:
        """Return a connection to a worker of its; start the zygote where there is none. Raises OSError."""
        with contextlib.suppress(OSError):
            return self._connect()
        with locks.held(self.address.with_suffix(".lock")):
            for _ in range(AGAIN):
                with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                    return self._connect()
                self._start()  # it may be ended again at once, by who starts one with other imports
            return self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.address))
        except OSError:
            connection.close()
            raise
        return connection

    def _start(self) -> None:
        stop(self.environments)  # those of this environment that are of no use any more
        self.address.unlink(missing_ok=True)  # of one that was killed
        compiled = () if sys.dont_write_bytecode else (COMPILED,)  # its own environment is that of its workers
        process = subprocess.Popen(
            [sys.executable, "-m", "octavo.engine.zygote", str(self.address), *compiled],
            cwd="/",
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        assert process.stdin
        process.stdin.write("\n".join(self.modules))
        process.stdin.close()
        end = time.monotonic() + STARTING
        while not self.address.exists():
            if process.poll() == 0:  # it was ready, and was ended
                return
            if process.poll() is not None or time.monotonic() > end:
                raise Unstarted("The process that they are forked from did not start.")
            time.sleep(0.01)


def begin_beside(zygotes: Iterable[Zygote]) -> None:
    """Begin to start zygotes, each beside the others; who needs one waits for it, and hears where it does not start."""
    for zygote in zygotes:
        threading.Thread(target=_begun, args=(zygote,), daemon=True).start()


def _begun(zygote: Zygote) -> None:
    with contextlib.suppress(OSError):
        zygote.start()


class ForkedExecutor(Executor):
    """Runs each call in a worker forked for it alone; a worker that is lost takes no other with it.

    A worker does ``enter(call, arguments)``. Where ``wants(arguments)`` holds, a third argument is a connection to a
    process forked from ``beside``, which waits for a ``Request``. If there is none, ``tell`` is told why, once, and
    nobody asks for it again. Zygotes are started here: what a worker starts ends with it.
    """

    def __init__(
        self,
        zygote: Zygote,
        environment: Mapping[str, str],
        enter: Callable[..., Any],
        beside: Zygote,
        wants: Callable[[tuple[Any, ...]], bool],
        tell: Callable[[OSError], None],
    ) -> None:
        self.zygote, self.beside = zygote, beside
        self.environment = environment
        self.enter, self.wants, self.tell = enter, wants, tell
        self.missing = False  # ``beside`` does not start
        self.asking = threading.Lock()  # so that of those who wait for its start one alone hears that there is none
        self.connections: set[socket.socket] = set()
        self.stopped = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        threading.Thread(target=self._run, args=(future, fn, args), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: each is interrupted when its connection is closed."""
        self.stopped = True
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _run(self, future: Future[Any], call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        try:
            request = Request(self.enter, (call, arguments), self.environment, _current(), umask())
            good, answer = self._answered(request, arguments)
        except Exception as error:  # whatever it is: the build waits for this future
            future.set_exception(error)
        else:
            future.set_result(answer) if good else future.set_exception(answer)

    def _answered(self, request: Request, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """Return what a worker answers. Raises Lost where it ended without an answer.

        Where nobody read what was sent, since a zygote was ended just then, nothing has begun: it is sent again.
        """
        for _ in range(AGAIN):
            with self._second(arguments) as second, contextlib.suppress(ConnectionError):
                good, answer = self._asked(request, second)
                if good or not any(map(unread, second)):
                    return good, answer
            if self.stopped:
                break
        raise Lost("Nobody read what was sent.")

    def _asked(self, request: Request, second: Sequence[socket.socket]) -> tuple[bool, Any]:
        """Return what a worker answers. Raises ConnectionError where none read what it was sent, else Lost."""
        try:
            with self.zygote.connect() as connection:
                self.connections.add(connection)
                try:
                    if self.stopped:  # before there was this connection to close
                        raise EOFError
                    send(connection, request, [other.fileno() for other in second])
                    good, answer = receive(connection)
                finally:
                    self.connections.discard(connection)
        except (Unstarted, EOFError) as error:
            raise Lost(str(error)) from error
        return good, answer

    @contextlib.contextmanager
    def _second(self, arguments: tuple[Any, ...]) -> Iterator[list[socket.socket]]:
        """Yield what a worker is sent of the second zygote: a connection, or nothing."""
        with contextlib.ExitStack() as stack:
            connections = []
            if self.wants(arguments):
                with self.asking:
                    if not self.missing and (connection := self._beside()):
                        connections.append(stack.enter_context(connection))
            yield connections

    def _beside(self) -> socket.socket | None:
        try:
            return self.beside.connect()
        except OSError as error:
            self.missing = True
            self.tell(error)
            return None


def unread(connection: socket.socket) -> bool:
    """Whether the process at the other end was gone before it had read all that it was sent. Linux says so, once."""
    try:
        connection.recv(1, socket.MSG_DONTWAIT)
    except ConnectionResetError:
        return True
    except BlockingIOError:  # it is there
        pass
    return False


def _current() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError as error:
        hint = "Go to one that is there (`cd`) and run the same command again."
        raise BuildError("The current folder was removed.", hint=hint) from error


def umask() -> int:
    """Return this process's mask for new files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def _limits() -> tuple[object, ...]:
    """Return what a process inherits and cannot be given later.

    Limits, cores, priority, control group, privileges, namespaces: one that was started before a folder was mounted for
    this process alone would write elsewhere; one with a network would reach what this process cannot.
    """
    import resource

    kinds = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    limits = [(name, resource.getrlimit(getattr(resource, name))) for name in kinds]
    group = Path("/proc/self/cgroup")
    privileges = [n for n in Path("/proc/self/status").read_text().splitlines() if n.startswith(("CapEff", "CapBnd"))]
    there = group.read_text() if group.exists() else ""
    spaces = sorted(str(link.readlink()) for link in Path("/proc/self/ns").iterdir())
    return limits, sorted(os.sched_getaffinity(0)), os.nice(0), there, privileges, spaces


def folder() -> Path:
    """Return the folder of this user's sockets, which nobody else can enter. Raises OSError where it is another's."""
    found = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"octavo-{os.getuid()}"
    found.mkdir(mode=0o700, exist_ok=True)
    if found.stat().st_uid != os.getuid() or found.stat().st_mode & 0o077:
        raise OSError(f"{found} is not this user's alone.")
    return found


def stop(environment: str = "") -> int:
    """End the zygotes of an environment, or all of this user's; return how many. Their workers go on to their ends."""
    ended = 0
    for address in _addresses(environment):
        if pid := _waits_at(address):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
                ended += 1
        elif lock := locks.take(address.with_suffix(".lock")):  # else one is being started there
            if not _waits_at(address):  # it was killed
                address.unlink(missing_ok=True)
            lock.release(remove=True)
    return ended


def waiting(environment: str = "") -> list[tuple[Path, int]]:
    """Return the sockets and the processes of zygotes that wait for work."""
    found = [(address, _waits_at(address)) for address in _addresses(environment)]
    return [(address, pid) for address, pid in found if pid]


def _waits_at(address: Path) -> int:
    """Return the process of the zygote that waits at a socket; 0 where there is none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(address))
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])
    return 0


def _addresses(environment: str) -> list[Path]:
    """Return sockets, and no locks, nor those of zygotes that are not ready."""
    return [path for path in sorted(folder().glob(f"{environment}*")) if not path.suffix]


def forkable() -> bool:
    """Whether workers can be forked here: on macOS and Windows a fork without an exec is not safe, or not there.

    Kernels are held by descriptors of their processes: Linux has them since 5.3, and some sandboxes refuse them.
    """
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # a Python that was built where there are none
        return False
    return True


def _digest(thing: object) -> str:
    return hashlib.sha256(repr(thing).encode()).hexdigest()[:16]

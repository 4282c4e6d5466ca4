"""A process that has imported what tasks, or what they run, need, and forks a pristine worker for each.

It runs as ``python -m octavo.engine.zygote SOCKET``, with the names of the modules on its standard input. It imports
and does nothing else: no thread, no event loop, nothing of a user's runs in it, so what it forks is as good as new
(Linux only: elsewhere a fork without an exec is not safe). One connection to its socket is one worker, and its lifeline
as well: when the other side is gone, the worker is interrupted.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import pickle
import select
import selectors
import signal
import socket
import struct
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from octavo.engine import locks, orphans

IDLE = 600.0  # seconds without a worker after which a zygote ends
LENGTH = struct.Struct("!Q")
COMPILED = "--compiled"
MOST = 8  # open files that come with a request
# Read by numerical libraries when they are loaded: with one thread each, none has a pool when it is forked.
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Request(NamedTuple):
    """What a worker does, and the surroundings in which it does that.

    File descriptors that are sent with it (see ``send``) are further arguments of the call, as the worker's own.
    """

    call: Callable[..., object]
    arguments: tuple[Any, ...]
    environment: Mapping[str, str]
    folder: str
    umask: int


def serve(address: Path, modules: Sequence[str], compiled: bool) -> None:
    """Import ``modules``, then fork a worker for each connection to the socket ``address``, until idle for long.

    Who asks it to end (SIGTERM) interrupts no work: who is connected has a worker, and it ends after its last one, for
    what that leaves behind is ended here. Where ``compiled``, what had to be compiled for the imports is kept beside
    its source, as Python does by itself.
    """
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != Path.cwd()]
    gc.disable()  # what is imported stays: looking for garbage in it takes a quarter of the time
    sys.dont_write_bytecode, workers_do_not = not compiled, sys.dont_write_bytecode
    added = _import(modules)
    sys.dont_write_bytecode = workers_do_not
    _share_pages()
    wake = _hear_signals()
    listener = socket.socket(socket.AF_UNIX)
    unready = address.with_name(f"{address.name}.{os.getpid()}")
    listener.bind(str(unready))
    listener.listen(64)
    listener.setblocking(False)
    own = unready.stat()
    unready.rename(address)
    orphans.adopt()
    workers: set[int] = set()
    try:
        _loop(listener, wake, workers, added)
    finally:
        _remove(address, own)
    with contextlib.suppress(BlockingIOError):  # nobody else waits
        while True:
            workers.add(_fork(listener, added))
    listener.close()
    while workers:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        _reap(workers)


def _share_pages() -> None:
    """Keep workers from writing to what is here, where that serves nothing: pages that are written to are copied."""
    gc.freeze()  # a collection in a worker looks at nothing of it
    if sys.version_info < (3, 13):
        # What is put into the cache of attributes takes another's place, whose name, anywhere, is then counted down.
        sys._clear_type_cache()


def send(connection: socket.socket, thing: object, descriptors: Sequence[int] = ()) -> None:
    """Send a picklable thing, and open files with it."""
    data = pickle.dumps(thing)
    if descriptors:
        socket.send_fds(connection, [LENGTH.pack(len(data))], descriptors)
        connection.sendall(data)
    else:
        connection.sendall(LENGTH.pack(len(data)) + data)


def receive(connection: socket.socket) -> Any:
    """Return what the other end sent. Raises EOFError when it is gone."""
    (length,) = LENGTH.unpack(_exactly(connection, LENGTH.size))
    return pickle.loads(_exactly(connection, length))


def _receive_request(connection: socket.socket) -> tuple[Request, list[int]]:
    head, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, MOST)
    head += _exactly(connection, LENGTH.size - len(head))
    return pickle.loads(_exactly(connection, *LENGTH.unpack(head))), descriptors


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = connection.recv(min(length - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _import(modules: Sequence[str]) -> dict[str, str]:
    """Import modules and return the environment variables that they set when they are imported."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(SINGLE, "1"))
    with _installed_alone():
        for name in modules:
            # Whatever a module of the user's does when it is imported, the notebook that imports it will say so.
            with contextlib.suppress(Exception, SystemExit):
                importlib.import_module(name)
    return {name: value for name, value in os.environ.items() if name not in before and name not in SINGLE}


@contextlib.contextmanager
def _installed_alone() -> Iterator[None]:
    """Let nothing be imported but what is installed: a module that the user edits must be read anew by each kernel.

    What packages put into the lists of places and finders meanwhile stays there.
    """
    path, finders = sys.path[:], sys.meta_path[:]
    installed = list(filter(_is_installed, path))
    # Each builder of packages names its finder in a way of its own; all say the word.
    finding = [f for f in finders if "editable" not in str(getattr(f, "__module__", ""))]
    sys.path[:], sys.meta_path[:] = installed, finding
    try:
        yield
    finally:
        sys.path[:] = _with_added(path, installed, sys.path)
        sys.meta_path[:] = _with_added(finders, finding, sys.meta_path)


def _is_installed(entry: str) -> bool:
    """Whether a place of modules is Python's own, or one of packages: others below its prefix may be a user's."""
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    if any(entry == place or entry.startswith(f"{place}{os.sep}") for place in own):
        return True
    prefixes = tuple(f"{prefix}{os.sep}" for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix})
    return entry.startswith(prefixes) and Path(entry).name in ("site-packages", "dist-packages")


def _with_added(before: list[Any], meanwhile: list[Any], now: list[Any]) -> list[Any]:
    """Return what a list held ``before``, with what was put into what it held ``meanwhile``, in front or behind."""
    first = next((place for place, item in enumerate(now) if item in meanwhile), 0)
    return [*now[:first], *before, *(item for item in now[first:] if item not in meanwhile)]


def _hear_signals() -> int:
    """Have signals do nothing but be told by the descriptor that is returned: a byte for each, its number."""
    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return wake


def _loop(listener: socket.socket, wake: int, workers: set[int], added: Mapping[str, str]) -> None:
    """Fork workers until idle for long, or asked to end."""
    selector = selectors.PollSelector()  # has no descriptor that a worker would inherit
    selector.register(listener, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    while (events := selector.select(None if workers else IDLE)) or workers:
        for key, _ in events:
            with contextlib.suppress(BlockingIOError):
                if key.fileobj is listener:
                    workers.add(_fork(listener, added))
                elif signal.SIGTERM in os.read(wake, 4096):
                    return
        _reap(workers)


def _fork(listener: socket.socket, added: Mapping[str, str]) -> int:
    """Fork a worker for who has waited longest, and return its process id. Raises BlockingIOError where nobody does."""
    connection, _ = listener.accept()
    pid = os.fork()
    if pid == 0:
        listener.close()
        _become_worker(connection, added)
    connection.close()
    return pid


def _reap(workers: set[int]) -> None:
    """Take note of the workers that have ended, and end what they left."""
    if ended := set(_ended()):
        workers -= ended
        orphans.kill(workers)  # a worker that was killed leaves what its kernel began


def _ended() -> Iterator[int]:
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            yield pid


def _become_worker(connection: socket.socket, added: Mapping[str, str]) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        orphans.adopt()
        gc.enable()
        _answer(connection, added)
        code = 0
    except (EOFError, OSError, KeyboardInterrupt):
        pass  # nobody is there to be told
    finally:
        os._exit(code)


def _answer(connection: socket.socket, added: Mapping[str, str]) -> None:
    request, descriptors = _receive_request(connection)
    _enter(request, added)
    # The other end sends nothing more: what can still be read is its end, and that interrupts this process.
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETSIG, signal.SIGINT)
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([connection], [], [], 0)[0]:
        raise EOFError  # it was gone before that: no signal comes any more
    try:
        answer = (True, request.call(*request.arguments, *descriptors))
    except Exception as error:
        answer = (False, error)
    send(connection, answer)


def _enter(request: Request, added: Mapping[str, str]) -> None:
    """Take on the surroundings that a process started now would have had."""
    os.environ.clear()
    os.environ.update({**added, **request.environment})
    time.tzset()
    tempfile.tempdir = None  # asked for anew: the environment says where
    os.umask(request.umask)
    os.chdir(request.folder)


def _remove(address: Path, own: os.stat_result) -> None:
    """Remove the socket's file, unless another zygote has taken its place, or is about to, which replaces it."""
    with contextlib.suppress(OSError):  # the folder may be gone
        if lock := locks.take(address.with_suffix(".lock")):
            if address.exists() and os.path.samestat(address.stat(), own):
                address.unlink()
            lock.release(remove=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.read().split(), compiled=COMPILED in sys.argv)

"""A Jupyter kernel without sockets: ipykernel's own application, its messages as lines of JSON on a pipe.

It runs in a process that was forked from one that has the imports loaded, and starts in milliseconds. All that a
notebook sees (shell, magics, display, comms, the event loop) is ipykernel's; only what carries messages is ours. What
C code and child processes print goes to descriptors 1 and 2, which the other end reads as well.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import io
import itertools
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from types import ModuleType, SimpleNamespace
from typing import Any

from ipykernel import ipkernel
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core import shellapp
from jupyter_client.jsonutil import json_clean, json_default
from jupyter_client.session import Session
from traitlets import Any as AnyTrait
from traitlets import Unicode
from traitlets.config.loader import Config, DeferredConfigString

from octavo.notebooks.pristine import MEMORY

SHELL, IOPUB = "shell", "iopub"
WAIT = 0.2  # seconds until what was printed is sent
MUCH = 1 << 16  # characters that are sent at once
THREAD = 5  # the number of the first thread that a notebook begins: ipykernel itself has those before it


class PipeSession(Session):
    """Sends messages to a file instead of a socket, one line each; ``stream`` is the name of their channel.

    Each begins a line of its own: a process that the notebook forked, and that was killed, may have left half a line.
    """

    wire: Any = AnyTrait()
    lock: Any = AnyTrait()

    def send(  # type:ignore[override]
        self,
        stream: str,
        msg_or_type: dict[str, Any] | str,
        content: dict[str, Any] | None = None,
        parent: dict[str, Any] | None = None,
        ident: object = None,
        buffers: Sequence[bytes] | None = None,
        track: bool = False,
        header: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send a message; also from threads. Processes that the notebook forked say what they print, and no more.

        One that comes back from its cell would answer for the kernel else.
        """
        if isinstance(msg_or_type, str):
            message = self.msg(msg_or_type, content, parent, header, metadata)
        else:
            message = msg_or_type
        if os.getpid() != self.pid and message["msg_type"] != "stream":
            return message
        binary = [base64.b64encode(b).decode() for b in buffers or message.get("buffers", ())]
        line = self._line({**message, "channel": stream, "buffers": binary})
        with self.lock:
            _write(self.wire, line)
        return message

    def _line(self, message: dict[str, Any]) -> bytes:
        try:
            return b"\n" + bytes(self.pack(message)) + b"\n"
        except UnicodeEncodeError:  # half of a letter (a surrogate), which no notebook can hold
            text = json.dumps(json_clean(message), default=json_default, ensure_ascii=False)
            return f"\n{text}\n".encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


class Lock:
    """Excludes threads, and processes forked from this one: each opens the file anew, so that the lock is its own."""

    def __init__(self) -> None:
        self.threads = threading.RLock()
        with tempfile.TemporaryFile() as file:  # without a name from the beginning, where the disk can have that
            self.file = os.dup(file.fileno())
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.threads = threading.RLock()
        before, self.file = self.file, os.open(f"/proc/self/fd/{self.file}", os.O_RDWR)
        os.close(before)  # else this process held what another that was killed had locked

    def __enter__(self) -> None:
        self.threads.acquire()
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.threads.release()


class Timer(threading.Thread):
    """Calls what it is given after a while. It has a name: those that Python gives threads count, and are seen."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__(name="Printing", daemon=True)
        self.call = call
        self.cancelled = threading.Event()

    def run(self) -> None:
        if not self.cancelled.wait(WAIT):
            self.call()

    def cancel(self) -> None:
        self.cancelled.set()


class OutStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a notebook: what is printed becomes messages, in order with all others.

    Text waits until somebody flushes, a message is sent, it is much, or a fifth of a second has passed. A line of a
    process that the notebook forked does not wait: a pool ends its workers by a signal, before it would be sent.
    """

    encoding = "UTF-8"
    __module__ = "ipykernel.iostream"  # what click goes by: it leaves colours to a notebook

    def __init__(self, name: str, session: PipeSession, aside: int) -> None:
        self.name = name
        self.session = session
        self.aside = aside
        # What is answered: for a task of asyncio the cell that began it, for all else the latest.
        self.parents: ContextVar[Mapping[str, Any]] = ContextVar(f"parent of {name}")
        self.latest: Mapping[str, Any] = {}
        self.parent: Mapping[str, Any] = {}  # of the text that waits
        self.text: list[str] = []
        self.length = 0
        self.lock = threading.RLock()
        self.timer: Timer | None = None
        self.forked = False
        os.register_at_fork(after_in_child=self._forget)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        with self.lock:
            for start in range(0, len(text), MUCH):  # nobody has to hold a message of a gigabyte
                self._add(text[start : start + MUCH])
        return len(text)

    def _add(self, text: str) -> None:
        with self.lock:
            if self.parent is not (parent := self.parents.get(self.latest)):
                self.flush()
                self.parent = parent
            self.text.append(text)
            self.length += len(text)
            if self.length > MUCH or (self.forked and "\n" in text):
                self.flush()
            elif self.timer is None:
                self.timer = Timer(self.flush)
                self.timer.start()

    def flush(self) -> None:
        with self.lock:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            if self.text:
                content = {"name": self.name, "text": "".join(self.text)}
                self.text, self.length = [], 0
                self.session.send(IOPUB, "stream", content, parent=dict(self.parent))

    def fileno(self) -> int:
        """Return where a child process that is given this stream writes: as with ipykernel, not into the notebook."""
        return self.aside

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def set_parent(self, parent: Mapping[str, Any]) -> None:
        """Take the message that is answered from now on."""
        self.latest = parent
        self.parents.set(parent)

    def _forget(self) -> None:
        """In a process that the notebook forked: what waits here is the notebook's own to send."""
        self.lock = threading.RLock()
        self.text, self.length, self.timer = [], 0, None
        self.forked = True


class NoDebugger:
    """Nobody is there to debug with."""


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _no_modules(module: ModuleType) -> Iterator[None]:
    """Let a module of Jupyter's see no loaded modules.

    What is looked at is counted as used once more, so pages that all kernels share would become each one's own: 19 MB,
    where ipykernel asks thousands of modules for their files, for the debugger that is not here.
    """
    vars(module)["sys"] = SimpleNamespace(**{**vars(sys), "modules": {}})
    try:
        yield
    finally:
        vars(module)["sys"] = sys


class PipeKernel(IPythonKernel):
    """ipykernel's kernel, handed its requests as messages already read."""

    debugger_class = NoDebugger  # else ipykernel's own is imported to see that it is one
    _execute_sleep = 0.0  # after each cell, for what sockets deliver late: a pipe keeps the order
    _supports_kernel_subshells = False

    def __init__(self, **traits: Any) -> None:
        with _no_modules(ipkernel):
            super().__init__(**traits)
        self.forked_with = getrusage(RUSAGE_SELF).ru_maxrss  # KiB
        # Asked for the thread that awaits cells, so that an interrupt reaches them.
        self.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())

    def start(self) -> None:
        if self.shell:
            self.shell.exit_now = False

    def _publish_status(self, status: str, channel: str, parent: Any = None) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        super()._publish_status(status, channel, parent)

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Nothing is queued: the other end waits for each reply."""

    @property
    def kernel_info(self) -> dict[str, Any]:
        """What this is, and the bytes of memory that it and its children took beyond those that it was forked with."""
        own, others = (getrusage(who).ru_maxrss for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
        return {**super().kernel_info, MEMORY: max(0, max(own, others) - self.forked_with) * 1024}

    async def handle(self, message: dict[str, Any]) -> None:
        """Answer one request, as ``dispatch_shell`` does for what comes from a socket."""
        self.set_parent([], message, channel="shell")
        self._publish_status("busy", "shell")
        handler = self.shell_handlers[message["header"]["msg_type"]]
        self.pre_handler_hook()
        try:
            result = handler(SHELL, [], message)
            if result is not None:
                await result
        except KeyboardInterrupt:
            self.log.error("KeyboardInterrupt caught in kernel.")
        finally:
            self.post_handler_hook()
        self._publish_status("idle", "shell")


class PipeKernelApp(IPKernelApp):
    """ipykernel's application with the parts that make sockets and threads left out."""

    name = Unicode("ipython-kernel")

    def __init__(self, wire: int, **traits: Any) -> None:
        super().__init__(**traits)
        self.wire = wire
        self.kernel_class = PipeKernel

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Take ``--Class.trait=value`` as they stand: a parser of all that could be said takes longer to make."""
        given = Config()
        for argument in argv or ():
            name, _, value = argument.removeprefix("--").partition("=")
            section, _, trait = name.rpartition(".")
            given[section][trait] = DeferredConfigString(value)
        self.update_config(given)

    def init_connection_file(self) -> None: ...
    def init_heartbeat(self) -> None: ...
    def write_connection_file(self, **kwargs: Any) -> None: ...
    def log_connection_info(self) -> None: ...
    def init_poller(self) -> None: ...
    def init_session(self) -> None:
        self.session = PipeSession(parent=self, wire=self.wire, lock=Lock(), key=b"unused")

    def init_sockets(self) -> None:
        self.init_session()

    def init_io(self) -> None:
        aside = os.open(os.devnull, os.O_WRONLY)
        sys.stdout, sys.stderr = (OutStream(name, self.session, aside) for name in ("stdout", "stderr"))
        from ipykernel.displayhook import ZMQDisplayHook

        self.displayhook = ZMQDisplayHook(self.session, IOPUB)
        sys.displayhook = self.displayhook
        self.patch_io()

    def init_code(self) -> None:
        """Run the startup files of the user's profile; ``%reset`` spares what was loaded before the notebook began."""
        with _no_modules(shellapp):
            super().init_code()
        if self.shell and (warm := sys.modules.get("octavo.notebooks.warm")):
            self.shell._sys_modules_keys = warm.MODULES

    def init_kernel(self) -> None:
        self.kernel = PipeKernel.instance(
            parent=self,
            session=self.session,
            iopub_socket=IOPUB,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count


async def _serve(app: PipeKernelApp, wire: int) -> None:
    from tornado.ioloop import IOLoop

    app.kernel.io_loop = app.io_loop = IOLoop.current()
    reader = asyncio.StreamReader(limit=2**30)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(wire), "rb", 0))
    while (line := await reader.readline()).endswith(b"\n"):  # else the other end was gone before it had said all
        await app.kernel.handle(app.session.unpack(line))
        if os.getpid() != app.session.pid:  # it came back from a fork in the cell: requests are not its own
            os._exit(0)


def _do_without_debugger() -> None:
    """Let ipykernel find no debugger: to import its own takes 0.1 s."""
    module: Any = ModuleType("ipykernel.debugger")
    module._is_debugpy_available = False
    sys.modules.setdefault(module.__name__, module)
    os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")  # as when it has been imported


def run(requests: int, wire: int, arguments: Sequence[str]) -> None:
    """Be a kernel until ``requests`` ends: read requests there, send all messages to ``wire``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _do_without_debugger()
    vars(threading)["_counter"] = itertools.count(THREAD).__next__
    app = PipeKernelApp.instance(wire=wire)
    app.initialize(list(arguments))
    app.kernel.start()
    asyncio.run(_serve(app, requests))

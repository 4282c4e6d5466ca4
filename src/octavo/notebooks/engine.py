"""A papermill engine without sockets: the kernel is forked from this process, and its messages come through a pipe.

What happens to the messages (outputs, errors, tags, timeouts, widgets) is papermill's and nbclient's own client's work;
here is only what carries them.
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty
from typing import Any, NoReturn

from nbclient.exceptions import CellExecutionError, CellTimeoutError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from octavo.notebooks.environment import this_python

FORKING, STARTING = "octavo-forking", "octavo-starting"
CHUNK = 1 << 18
BUFFERED = 4  # chunks that may wait in a pipe, at most
PRINTED = 10_000_000  # characters that a cell may print; what is more is left out, and the notebook says so
LEFT_OUT = f"\n[Octavo kept {PRINTED // 1_000_000} MB of what this cell printed. The rest is left out.]\n"
DYING = 5.0  # seconds that a kernel may take to end by itself
INTERRUPTED = 1.0  # seconds that an interrupted cell may take to say where it was
UNSAVED = 1.0  # seconds for which what ran is not written yet
DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Kernel:
    """A forked kernel: its process, where its requests go, where its messages, its output and its errors come from."""

    pid: int
    requests: int
    messages: int
    streams: Mapping[int, str]

    @classmethod
    def fork(cls, arguments: Sequence[str]) -> Kernel:
        """Fork a kernel from this process, which must have no thread and no event loop yet."""
        requests, messages, output, errors = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            be_kernel(parent, lambda: _run(requests[0], messages[1], output[1], errors[1], arguments))
        for descriptor in (requests[0], messages[1], output[1], errors[1]):
            os.close(descriptor)
        return cls(pid, requests[1], messages[0], {output[0]: "stdout", errors[0]: "stderr"})

    def interrupt_kernel(self) -> None:
        """Interrupt the cell that runs; the name is what nbclient calls a manager's."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGINT)

    def end(self) -> None:
        """Let the kernel end by itself, as long as it may take; then end it, and all processes that it began."""
        os.close(self.requests)
        process = os.pidfd_open(self.pid)
        select.select([process], [], [], DYING)
        os.close(process)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for descriptor in (self.messages, *self.streams):
            os.close(descriptor)


class Channel:
    """A channel as nbclient asks it for messages."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message. Raises Empty after ``timeout`` seconds."""
        try:
            return await asyncio.wait_for(self.queue.get(), timeout)
        except TimeoutError:
            raise Empty from None

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the kernel (a widget's answer)."""
        self.client.send(message)


class Client:
    """A client of a forked kernel, as far as nbclient asks for one."""

    allow_stdin = False

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.session = self
        self.shell_channel, self.iopub_channel = Channel(self), Channel(self)
        self.alive = True
        self.parent: dict[str, Any] = {}
        self.rest: list[bytes] = []  # of a line that has not come to its end
        loop = asyncio.get_running_loop()
        loop.add_reader(kernel.messages, self._read)
        # A process that the notebook forked may hold the pipe open: that it is closed tells nothing of the kernel.
        self.process = os.pidfd_open(kernel.pid)
        loop.add_reader(self.process, self._ended)
        for descriptor in (kernel.messages, *kernel.streams):
            os.set_blocking(descriptor, False)
        for descriptor in kernel.streams:
            loop.add_reader(descriptor, self._read_stream, descriptor)

    def close(self) -> None:
        """Read no more."""
        loop = asyncio.get_running_loop()
        for descriptor in (self.process, self.kernel.messages, *self.kernel.streams):
            loop.remove_reader(descriptor)
        os.close(self.process)

    def execute(self, code: str, store_history: bool = True, stop_on_error: bool = True, **_: Any) -> str:
        """Ask for a cell's execution and return the request's id."""
        content = {"code": code, "store_history": store_history, "stop_on_error": stop_on_error, "silent": False}
        return self._ask("execute_request", {**content, "user_expressions": {}, "allow_stdin": False})

    def kernel_info(self) -> str:
        """Ask for what the kernel is and return the request's id."""
        return self._ask("kernel_info_request", {})

    def is_alive(self) -> bool:
        """Whether the kernel can still answer."""
        return self.alive

    def msg(self, msg_type: str, content: Mapping[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        """Return a message to the kernel."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": msg_type, "username": "", "session": "", "version": "5.3"}
        return {**header, "header": header, "parent_header": {}, "metadata": {}, "content": content or {}}

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to the kernel; a dead one is noticed elsewhere."""
        view = memoryview(json.dumps(message).encode() + b"\n")
        with suppress(BrokenPipeError):
            while view:
                view = view[os.write(self.kernel.requests, view) :]

    def _ask(self, msg_type: str, content: Mapping[str, Any]) -> str:
        message = self.msg(msg_type, content)
        self.parent = message["header"]
        self.send(message)
        return str(self.parent["msg_id"])

    def _read(self) -> None:
        try:
            data = os.read(self.kernel.messages, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._died()
            return
        first, *others = data.split(b"\n")
        self.rest.append(first)
        for following in others:
            line, self.rest = b"".join(self.rest), [following]
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        message["buffers"] = [base64.b64decode(b) for b in message["buffers"]]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            for descriptor in self.kernel.streams:  # what C code and child processes printed belongs to the cell
                self._read_stream(descriptor, BUFFERED)
        channel = self.shell_channel if message["channel"] == "shell" else self.iopub_channel
        channel.queue.put_nowait(message)

    def _read_stream(self, descriptor: int, times: int = 1) -> None:
        """Read so many chunks; no more, for who prints without end would let nothing else be heard."""
        with suppress(BlockingIOError):
            for _ in range(times):
                data = os.read(descriptor, CHUNK)
                if not data:
                    asyncio.get_running_loop().remove_reader(descriptor)
                    return
                content = {"name": self.kernel.streams[descriptor], "text": data.decode("utf-8", "replace")}
                message = self.msg("stream", content)
                self.iopub_channel.queue.put_nowait({**message, "parent_header": self.parent})

    def _ended(self) -> None:
        """After the kernel's process has ended: take what it still said, as much as a pipe may hold."""
        asyncio.get_running_loop().remove_reader(self.process)
        for _ in range(BUFFERED):
            self._read()
        self._died()

    def _died(self) -> None:
        self.alive = False
        asyncio.get_running_loop().remove_reader(self.kernel.messages)


class BoundedClient(PapermillNotebookClient):  # type:ignore[misc]
    """Papermill's client, which keeps what cells print as long as it is no more than a reader could want."""

    printed = (0, 0)  # which cell it was, and how much

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message in, unless the cell has printed too much."""
        if msg["msg_type"] == "clear_output":
            self.printed = (cell_index, 0)
        if msg["msg_type"] != "stream":
            return super().process_message(msg, cell, cell_index)
        before = self.printed[1] if self.printed[0] == cell_index else 0
        text = msg["content"]["text"]
        self.printed = (cell_index, before + len(text))
        if before > PRINTED:
            return None
        if before + len(text) > PRINTED:
            text = text[: PRINTED - before] + LEFT_OUT
        return super().process_message({**msg, "content": {**msg["content"], "text": text}}, cell, cell_index)


class NotebookClient(BoundedClient):
    """Papermill's client, on a forked kernel. ``forked`` is called once this process may have threads."""

    km: Any

    def __init__(self, *arguments: Any, forked: Callable[[], None], **traits: Any) -> None:
        super().__init__(*arguments, **traits)
        self.forked = forked

    def execute(self, **_: Any) -> Any:
        """Execute the notebook's cells, as papermill does."""
        self.reset_execution_trackers()
        kernel = Kernel.fork(self.extra_arguments)
        self.forked()
        save, self.nb_man.save = self.nb_man.save, _seldom(self.nb_man.save)
        try:
            with _stopped_at_once(kernel):
                asyncio.run(self._cells(kernel))
        finally:
            kernel.end()
            self.km = None
            save()
        return self.nb

    async def _cells(self, kernel: Kernel) -> None:
        self.kc, self.km = Client(kernel), kernel
        self.log.info(f"Executing notebook with kernel: {self.kernel_name}")
        try:
            for index, cell in enumerate(self.nb.cells):
                try:
                    self.nb_man.cell_start(cell, index)
                    await self.async_execute_cell(cell, index)
                except CellExecutionError as error:
                    self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                    break
                finally:
                    self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
            info = await self.async_wait_for_reply(self.kc.kernel_info())
            self.nb.metadata["language_info"] = info["content"]["language_info"]
            self.set_widgets_metadata()
        except CellTimeoutError:
            kernel.interrupt_kernel()  # so that the notebook shows what the cell was at, as with papermill's own engine
            listening = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait(listening, timeout=INTERRUPTED, return_when=asyncio.FIRST_COMPLETED)
            raise
        finally:
            self.kc.close()


class ForkingEngine(Engine):  # type:ignore[misc]
    """The engine under which papermill knows this."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute a notebook; options are those of papermill's own engine, and ``forked``."""
        given = remove_args(["input_path", "start_timeout", "execution_timeout"], **options)
        timeout = options.get("execution_timeout") or options.get("timeout")
        NotebookClient(nb_man, **merge_kwargs(given, timeout=timeout, kernel_name=kernel_name, log=logger)).execute()


class StartingEngine(Engine):  # type:ignore[misc]
    """Papermill's own engine, whose kernels are started, with what cells print bounded as well."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute a notebook; options are those of papermill's own engine, and ``forked``, as above."""
        options["forked"]()
        BoundedClient(
            nb_man,
            kernel_name=kernel_name,
            timeout=options["execution_timeout"],
            startup_timeout=options["start_timeout"],
            extra_arguments=options["extra_arguments"],
            config=options["config"],
            log_output=options["log_output"],
        ).execute()


@contextmanager
def _stopped_at_once(kernel: Kernel) -> Iterator[None]:
    """Have an interrupt, which says that the build was stopped, end the kernel and this process without more ado.

    Asyncio would cancel what runs and wait for it. Nbclient takes that for the kernel's death, or not at all.
    """

    def stop(*_: object) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(kernel.pid, signal.SIGKILL)
        os._exit(1)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _seldom(save: Callable[..., None]) -> Callable[..., None]:
    """Return papermill's ``save`` that writes once in a while: twice for each cell costs more than many a cell."""
    last = time.monotonic()

    def save_seldom(**options: Any) -> None:
        nonlocal last
        if time.monotonic() - last > UNSAVED:
            save(**options)
            last = time.monotonic()

    return save_seldom


def register() -> None:
    """Make the engines known to papermill, in this process."""
    papermill_engines.register(FORKING, ForkingEngine)
    papermill_engines.register(STARTING, StartingEngine)


def be_kernel(parent: int, run: Callable[[], None]) -> NoReturn:
    """In a process just forked from ``parent``: put it right, ``run`` the kernel, end as an interpreter does.

    When ``parent`` dies, the kernel does.
    """
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died before it could be noticed
        run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        _finish(code)


def _run(requests: int, messages: int, output: int, errors: int, arguments: Sequence[str]) -> None:
    _take_descriptors(requests, messages, output, errors)
    as_new()
    from octavo.notebooks.kernel import run

    run(3, 4, arguments)


def _finish(code: int) -> NoReturn:
    """End as an interpreter does: threads that must be waited for, what was registered for the end, then nothing."""
    import atexit

    with suppress(BaseException):
        threading._shutdown()  # type:ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _take_descriptors(requests: int, messages: int, output: int, errors: int) -> None:
    """Put requests at 3 and messages at 4, output and errors at their places; close everything else."""
    high = [os.dup(d) for d in (output, errors, requests, messages)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    moved = [os.dup2(h, 100 + i) for i, h in enumerate((nothing, *high))]
    for place, descriptor in enumerate(moved):
        os.dup2(descriptor, place, inheritable=place < 3)
    os.closerange(5, 65536)


def as_new(arguments: Sequence[str] = ()) -> None:
    """Undo what having been imported long ago makes different from a kernel just started with ``arguments``."""
    import builtins
    import importlib.util

    import __main__

    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv[:] = [launcher.origin if launcher and launcher.origin else "ipykernel_launcher", *arguments]
    extra = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    sys.path[:] = [*extra, *(p for p in sys.path if p not in extra)]
    __main__.__dict__.clear()
    __main__.__dict__.update(__name__="__main__", __builtins__=builtins)
    sys.modules.pop("matplotlib_inline.backend_inline", None)  # hooks itself into the shell when it is imported
    _thread_numbers()
    if matplotlib := sys.modules.get("matplotlib"):
        backend = os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline"
        matplotlib.rcParams["backend"] = backend
    if random := sys.modules.get("numpy.random"):
        random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()


def _thread_numbers() -> None:
    """Give numerical libraries, which were loaded with one thread each, what the environment says."""
    if not (warm := sys.modules.get("octavo.notebooks.warm")):
        return
    cores = len(os.sched_getaffinity(0))
    openmp = _number("OMP_NUM_THREADS") or cores
    blas = _number("OPENBLAS_NUM_THREADS") or _number("MKL_NUM_THREADS") or openmp
    warm.THREADS.limit(limits={"blas": blas, "openmp": openmp})


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "").split(",")[0]
    return int(text) if text.isdigit() else None


def executable_kernel(name: str) -> bool:
    """Whether the kernel ``name`` is ipykernel in this environment, so that it can be forked from this process."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        argv = KernelSpecManager().get_kernel_spec(name).argv
    except NoSuchKernel:
        return False
    return (argv[0] in ("python", "python3") or this_python(argv[0])) and "ipykernel_launcher" in argv

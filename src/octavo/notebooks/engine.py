"""A papermill engine without sockets: the kernel is forked (see forking.py), and its messages come through a pipe.

What happens to the messages (outputs, errors, tags, timeouts, widgets) is papermill's and nbclient's own client's work;
here is only what carries them.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import json
import os
import select
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty
from typing import Any

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from octavo.notebooks.environment import this_python
from octavo.notebooks.forking import Forked
from octavo.notebooks.pristine import MEMORY, become_kernel

FORKING, STARTING = "octavo-forking", "octavo-starting"
CHUNK = 1 << 18
BUFFERED = 4  # chunks that may wait in a pipe, at most
PRINTED = 10_000_000  # characters that a cell may print; what is more is left out, and the notebook says so
LEFT_OUT = f"\n[Octavo kept {PRINTED // 1_000_000} MB of what this cell printed. The rest is left out.]\n"
DYING = 5.0  # seconds that a kernel may take to end by itself
INTERRUPTED = 1.0  # seconds that an interrupted cell may take to say where it was
UNSAVED = 1.0  # seconds for which what ran is not written yet


@dataclass(frozen=True)
class Kernel:
    """A forked kernel: its process, where its requests go, where its messages, its output and its errors come from.

    ``process`` is a descriptor of the process: its id may be another's once it has ended. As long as ``lifeline`` is
    open, the kernel lives.
    """

    pid: int
    process: int
    lifeline: socket.socket
    requests: int
    messages: int
    streams: Mapping[int, str]

    @classmethod
    def of(cls, forked: Forked, arguments: Sequence[str]) -> Kernel:
        """Make a kernel of a forked process. Raises DeadKernelError where that is gone."""
        requests, messages, output, errors = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        lifeline, others = socket.socketpair()
        theirs = (requests[0], messages[1], output[1], errors[1])
        try:
            forked.begin(become_kernel, (tuple(arguments),), (*theirs, others.fileno()))
            others.close()
            pid = int(lifeline.recv(32))  # said once it has taken over all that it was sent
            process = os.pidfd_open(pid)
        except (OSError, ValueError) as error:
            raise DeadKernelError("It ended before it began.") from error
        finally:
            forked.close()
            others.close()
            for descriptor in theirs:
                os.close(descriptor)
        return cls(pid, process, lifeline, requests[1], messages[0], {output[0]: "stdout", errors[0]: "stderr"})

    def interrupt_kernel(self) -> None:
        """Interrupt the cell that runs; the name is what nbclient calls a manager's."""
        self.send_signal(signal.SIGINT)

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, and to what it began in its own process group."""
        if not select.select([self.process], [], [], 0)[0]:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def end(self) -> None:
        """Let the kernel end by itself, as long as it may take, or end it. What it began ends with it."""
        os.close(self.requests)
        if not select.select([self.process], [], [], DYING)[0]:
            self.send_signal(signal.SIGKILL)
            select.select([self.process], [], [])
        self.lifeline.close()
        for descriptor in (self.process, self.messages, *self.streams):
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
        self.unsent = bytearray()  # a kernel reads nothing while a cell runs: who waits for that may wait for ever
        decoder = codecs.getincrementaldecoder("utf-8")  # each keeps what has come of a letter so far
        self.decoders = {descriptor: decoder("replace") for descriptor in kernel.streams}
        loop = asyncio.get_running_loop()
        loop.add_reader(kernel.messages, self._read)
        # A process that the notebook forked may hold the pipe open: that it is closed tells nothing of the kernel.
        loop.add_reader(kernel.process, self._ended)
        for descriptor in (kernel.requests, kernel.messages, *kernel.streams):
            os.set_blocking(descriptor, False)
        for descriptor in kernel.streams:
            loop.add_reader(descriptor, self._read_stream, descriptor)

    def close(self) -> None:
        """Read and write no more."""
        loop = asyncio.get_running_loop()
        loop.remove_writer(self.kernel.requests)
        for descriptor in (self.kernel.process, self.kernel.messages, *self.kernel.streams):
            loop.remove_reader(descriptor)

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
        """Send a message to the kernel, once it reads; a dead one is noticed elsewhere."""
        self.unsent += json.dumps(message).encode() + b"\n"
        self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self.unsent:
                del self.unsent[: os.write(self.kernel.requests, self.unsent)]
        except BlockingIOError:
            loop.add_writer(self.kernel.requests, self._write)
            return
        except BrokenPipeError:
            self.unsent.clear()
        loop.remove_writer(self.kernel.requests)

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
            if line and (message := _message(line)):
                self._take(message)

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
                text = self.decoders[descriptor].decode(data, final=not data)
                if text:
                    message = self.msg("stream", {"name": self.kernel.streams[descriptor], "text": text})
                    self.iopub_channel.queue.put_nowait({**message, "parent_header": self.parent})
                if not data:
                    asyncio.get_running_loop().remove_reader(descriptor)
                    return

    def _ended(self) -> None:
        """After the kernel's process has ended: take what it still said, as much as a pipe may hold."""
        asyncio.get_running_loop().remove_reader(self.kernel.process)
        for _ in range(BUFFERED):
            self._read()
        self._died()

    def _died(self) -> None:
        self.alive = False
        asyncio.get_running_loop().remove_reader(self.kernel.messages)


def _message(line: bytes) -> dict[str, Any] | None:
    """Return the message of a line; None where a process was killed while it wrote it."""
    try:
        found: dict[str, Any] = json.loads(line.decode("utf-8", "replace"))  # names of files may be no text
    except ValueError:
        return None
    return found


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
    """Papermill's client, on a kernel that is made of ``forked``.

    ``begun`` is called with the process of the kernel when that has begun, ``took`` with the bytes of memory that it
    took at most, beyond what it was forked with, when its cells have run.
    """

    km: Any

    def __init__(
        self,
        *arguments: Any,
        forked: Forked,
        begun: Callable[[int], None],
        took: Callable[[int], None],
        **traits: Any,
    ) -> None:
        super().__init__(*arguments, **traits)
        self.forked, self.begun, self.took = forked, begun, took

    def execute(self, **_: Any) -> Any:
        """Execute the notebook's cells, as papermill does."""
        self.reset_execution_trackers()
        kernel = Kernel.of(self.forked, self.extra_arguments)
        self.begun(kernel.pid)
        try:
            with _stopped_at_once(kernel):
                asyncio.run(self._cells(kernel))
        finally:
            kernel.end()
            self.km = None
        return self.nb

    async def _cells(self, kernel: Kernel) -> None:
        self.kc, self.km = Client(kernel), kernel
        self.log.info(f"Executing notebook with kernel: {self.kernel_name}")
        cell: Any = None
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
            info = await self.async_wait_for_reply(self.kc.kernel_info(), cell)  # what that began may still go on
            self.took(info["content"][MEMORY])
            self.nb.metadata["language_info"] = info["content"]["language_info"]
            self.set_widgets_metadata()
        except CellTimeoutError:
            kernel.interrupt_kernel()  # so that the notebook shows what the cell was at, as with papermill's own engine
            listening = asyncio.all_tasks() - {asyncio.current_task()}
            if listening:
                await asyncio.wait(listening, timeout=INTERRUPTED, return_when=asyncio.FIRST_COMPLETED)
            raise
        finally:
            self.kc.close()


class SeldomWritten(Engine):  # type:ignore[misc]
    """An engine that leaves what ran to be written by papermill, once, at its end, or where a cell raised.

    Until then, and where it is stopped, what ran is written once in a while.
    """

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, **options: Any) -> Any:
        """Execute a notebook, as papermill asks for it."""
        return super().execute_notebook(nb, kernel_name, None, path=output_path, **options)

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, path: str | None, **options: Any) -> None:
        """Execute a notebook with its cells' state in ``nb_man``."""
        nb_man.output_path = path
        save, nb_man.save = nb_man.save, _seldom(nb_man.save)
        try:
            cls.run(nb_man, kernel_name, options)
        except BaseException:
            save()
            raise
        nb_man.output_path = None

    @classmethod
    def run(cls, nb_man: Any, kernel_name: str, options: dict[str, Any]) -> None:
        """Execute the cells."""
        raise NotImplementedError


class ForkingEngine(SeldomWritten):
    """The engine under which papermill knows this."""

    @classmethod
    def run(cls, nb_man: Any, kernel_name: str, options: dict[str, Any]) -> None:
        """Execute the cells; options are those of papermill's own engine, and those of NotebookClient."""
        given = remove_args(["input_path", "start_timeout", "execution_timeout"], **options)
        timeout = options.get("execution_timeout") or options.get("timeout")
        NotebookClient(nb_man, **merge_kwargs(given, timeout=timeout, kernel_name=kernel_name, log=logger)).execute()


class StartingEngine(SeldomWritten):
    """Papermill's own engine, whose kernels are started, with what cells print bounded as well."""

    @classmethod
    def run(cls, nb_man: Any, kernel_name: str, options: dict[str, Any]) -> None:
        """Execute the cells; options are those of papermill's own engine, and ``begun``, as above."""
        options["begun"](os.getpid())
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
        kernel.send_signal(signal.SIGKILL)
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


def executable_kernel(name: str) -> bool:
    """Whether the kernel ``name`` is ipykernel in this environment, so that it can be forked from this process."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return False
    argv = spec.argv
    if spec.env:  # of its own, which libraries may have read when they were imported
        return False
    return (argv[0] in ("python", "python3") or this_python(argv[0])) and "ipykernel_launcher" in argv

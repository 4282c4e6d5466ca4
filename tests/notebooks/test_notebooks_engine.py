"""The engine under papermill: when it writes what ran, and how it hears what is printed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from nbclient.exceptions import CellTimeoutError
from nbformat.notebooknode import from_dict
from papermill.engines import NotebookExecutionManager

from octavo.notebooks import engine
from octavo.notebooks.engine import SeldomWritten
from octavo.notebooks.execute import RunPoint
from octavo.notebooks.kernel import PipeSession


class Managed(SimpleNamespace):
    """In place of papermill's manager: counts how often it writes the notebook, and where its ``output_path`` says."""

    output_path: str | None = None
    written: list[str | None]

    def save(self, **options: Any) -> None:
        self.written.append(self.output_path)


class Cells(SeldomWritten):
    """Ten cells, for each of which papermill asks twice that the notebook be written; the last raises if ``raises``."""

    @classmethod
    def run(cls, nb_man: Any, kernel_name: str, options: dict[str, Any]) -> None:
        for _ in range(20):
            nb_man.save()
        if options["raises"]:
            raise ZeroDivisionError


def run(raises: bool = False) -> Managed:
    managed = Managed(written=[])
    try:
        Cells.execute_managed_notebook(managed, "python3", "there.ipynb", raises=raises)
    except ZeroDivisionError:
        assert raises
    return managed


def test_a_notebook_is_written_once_by_papermill_at_its_end() -> None:
    """Quick cells write nothing themselves, and papermill is left to write: no path is set behind its back."""
    managed = run()
    assert managed.written == [] and managed.output_path is None


def test_what_ran_is_written_where_the_run_is_stopped() -> None:
    """A run that ends early leaves what it did."""
    assert run(raises=True).written == ["there.ipynb"]


def test_what_ran_is_written_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of slow cells each one is found in the file, not only the last: the machine may fail."""
    clock = iter(range(0, 1000, 2))  # two seconds between one look at it and the next
    monkeypatch.setattr("octavo.notebooks.engine.time.monotonic", lambda: float(next(clock)))
    assert run().written == ["there.ipynb"] * 20


def test_what_ran_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    """Of a run that failed: a fault in the middle leaves what an earlier run left, and nothing else."""
    failed, executed = tmp_path / "build" / "one.failed.ipynb", tmp_path / "executed.ipynb"
    point: Any = SimpleNamespace(failed=failed, root=tmp_path)
    executed.write_text('{"cells": [], "metadata": {"papermill": 1}}')
    RunPoint._keep(point, executed)
    kept = failed.read_text()
    assert json.loads(kept) == {"cells": [], "metadata": {}}
    executed.write_text('{"cells": [')
    with pytest.raises(ValueError, match="Expecting value"):
        RunPoint._keep(point, executed)
    assert failed.read_text() == kept and list(failed.parent.iterdir()) == [failed]


class Ends(NamedTuple):
    """What a kernel would have: where it reads requests, where it writes messages and what is printed."""

    requests: int
    messages: int
    output: int


@contextmanager
def connected() -> Iterator[tuple[engine.Client, Ends]]:
    """Yield a client and the ends of its pipes that are a kernel's."""
    requests, messages, process, output = os.pipe(), os.pipe(), os.pipe(), os.pipe()
    lifeline, other = socket.socketpair()
    kernel = engine.Kernel(0, process[0], lifeline, requests[1], messages[0], {output[0]: "stdout"})
    client = engine.Client(kernel)
    yield client, Ends(requests[0], messages[1], output[1])
    client.close()
    for descriptor in (*requests, *messages, *process, *output):
        with suppress(OSError):  # a test may have closed its own
            os.close(descriptor)
    lifeline.close()
    other.close()


async def heard(pieces: list[bytes]) -> str:
    """Return what a client hears of a stream that comes in pieces."""
    told = []
    with connected() as (client, ends):
        for piece in [*pieces, b""]:
            if piece:
                os.write(ends.output, piece)
            else:
                os.close(ends.output)
            await asyncio.sleep(0.01)
            while not client.iopub_channel.queue.empty():
                told.append(client.iopub_channel.queue.get_nowait()["content"]["text"])
    return "".join(told)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([b"caf\xc3", b"\xa9"], "caf\xe9"),
        ([b"\xe2", b"\x82", b"\xac 5"], "\u20ac 5"),
        ([b"a\xff", b"b\xc3"], "a\ufffdb\ufffd"),
    ],
)
def test_a_letter_may_come_in_pieces(pieces: list[bytes], text: str) -> None:
    """What a child process prints is read as it comes: a letter of several bytes stays one; half of one is shown."""
    assert asyncio.run(heard(pieces)) == text


async def taken(sent: list[str]) -> tuple[bool, list[str]]:
    """Return whether a client can send messages to who reads nothing meanwhile, and what is read later."""
    going_on = threading.Event()

    def read(descriptor: int) -> tuple[bool, list[str]]:
        went_on = going_on.wait(5)
        with os.fdopen(descriptor, closefd=False) as file:
            return went_on, [json.loads(file.readline())["content"]["text"] for _ in sent]

    with connected() as (client, ends):
        reading = asyncio.create_task(asyncio.to_thread(read, ends.requests))
        await asyncio.sleep(0.01)
        for text in sent:
            client.send(client.msg("comm_msg", {"text": text}))
        going_on.set()
        return await reading


def test_nobody_waits_for_a_kernel_to_read() -> None:
    """A widget is told of each output, while its cell runs and the kernel reads nothing: they waited for each other."""
    sent = [letter * 100_000 for letter in "abc"]
    assert asyncio.run(taken(sent)) == (True, sent)


async def understood(half: bytes, said: list[str]) -> list[str]:
    """Return what a client hears of a kernel, before whose messages somebody wrote half a line."""
    with connected() as (client, ends):
        session = PipeSession(wire=ends.messages, lock=nullcontext(), key=b"unused")
        for text in said:
            os.write(ends.messages, half)
            session.send("iopub", "stream", {"name": "stdout", "text": text})
        return [(await client.iopub_channel.get_msg(1))["content"]["text"] for _ in said]


@pytest.mark.parametrize("half", [b"", b'{"header": {"msg_type": "stream", "text": "x', b"{\n{"])
def test_half_a_message_takes_no_other_with_it(half: bytes) -> None:
    """A process of a pool is killed while it prints: what the kernel says next is heard, else its cell never ended."""
    said = ["one", "half of a letter: \ud800", "three"]
    assert asyncio.run(understood(half, said)) == ["one", "half of a letter: \ufffd", "three"]


HOLDING = """
import fcntl, os, signal, time
from octavo.notebooks.kernel import Lock
lock = Lock()
if not (child := os.fork()):
    with lock:
        if not os.fork():
            time.sleep(5)
        os._exit(0)
os.waitpid(child, 0)
signal.alarm(3)  # the other one may have to get its turn first
fcntl.flock(lock.file, fcntl.LOCK_EX)
print("free")
os.killpg(0, 9)
"""


def test_what_a_killed_process_began_holds_nobody_up() -> None:
    """A process that the notebook forked ends in the middle of a message, and another that it had forked goes on."""
    command = [sys.executable, "-uc", HOLDING]
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    assert done.stdout == "free\n", done.stderr


class Deaf(engine.Kernel):
    """A kernel that answers nothing, and that no signal reaches."""

    def send_signal(self, number: int) -> None: ...


async def ended() -> None:
    """Execute a notebook whose cells are all done, on a kernel that does not answer."""
    metadata: dict[str, Any] = {"metadata": {"papermill": {}}}
    done = from_dict({**metadata, "cells": [{**metadata, "cell_type": "markdown", "source": "done"}]})
    manager = NotebookExecutionManager(done, progress_bar=False)
    told: Any = {"forked": None, "begun": print, "took": print}
    with connected() as (client, _):
        kernel = Deaf(**vars(client.kernel))
        await engine.NotebookClient(manager, timeout=1, shell_timeout_interval=1, **told)._cells(kernel)


def test_what_goes_on_after_the_last_cell_has_its_time() -> None:
    """A task that a cell began blocks the kernel for longer than ``timeout``: told, and no bug of Octavo's."""
    with pytest.raises(CellTimeoutError):
        asyncio.run(ended())


OLD_DISK = """
import errno, os
opened = os.open
def refuse(path, flags, *rest, **options):
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")
    return opened(path, flags, *rest, **options)
os.open = refuse
from octavo.notebooks.kernel import Lock
lock = Lock()
with lock:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
print("held")
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="the system has no files without names")
def test_a_kernel_lives_where_files_need_names() -> None:
    """Disks of a network have no files without a name: the lock of a kernel is another file there."""
    done = subprocess.run([sys.executable, "-c", OLD_DISK], capture_output=True, text=True, check=False)
    assert done.stdout == "held\n", done.stderr

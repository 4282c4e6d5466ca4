"""Workers forked from a zygote, where the second one that they need does not start."""

from __future__ import annotations

import importlib
import operator
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from octavo.engine.forked import ForkedExecutor, Zygote, forkable, stop, waiting
from octavo.engine.zygote import Request, receive, send
from octavo.errors import BuildError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")


@dataclass(frozen=True)
class Broken(Zygote):
    """One whose imports kill it, say."""

    tries: list[int] = field(default_factory=list)

    def connect(self) -> Any:
        self.tries.append(1)
        raise OSError("The process that they are forked from did not start.")


def test_a_second_zygote_that_does_not_start_is_tried_and_told_once() -> None:
    """All calls are made without it; nobody waits for it again, and the user reads one line, not one for each point."""
    variables = dict(os.environ)
    own = Zygote("workers", ("operator",), "test", variables)
    broken = Broken("kernels", (), "test", variables)
    told: list[OSError] = []
    executor = ForkedExecutor(own, variables, operator.call, broken, lambda arguments: True, told.append)
    assert [executor.submit(sum, n, 1).result(60) for n in range(4)] == [1, 2, 3, 4]
    assert (len(broken.tries), list(map(str, told))) == (1, ["The process that they are forked from did not start."])


def test_where_processes_have_no_descriptors_nothing_is_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Linux 5.3, or where a sandbox refuses them: kernels are started, and the notebooks run."""
    assert forkable()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", lambda pid: os.close(-1))
        assert not forkable()
    monkeypatch.delattr(os, "pidfd_open")
    assert not forkable()


@pytest.fixture
def own() -> Iterator[Zygote]:
    """A zygote of one test alone."""
    zygote = Zygote(f"own{os.getpid()}", ("operator",), "test", dict(os.environ))
    yield zygote
    stop(zygote.environments)


def test_a_worker_whose_build_is_gone_at_once_does_nothing(own: Zygote, tmp_path: Path) -> None:
    """A build is killed just as a point begins: the point does not run to its end, which may be hours away."""
    for number in range(5):
        with own.connect() as connection:
            made = tmp_path / str(number)
            send(connection, Request(os.mkdir, (str(made),), dict(os.environ), "/", 0o022))
            connection.shutdown(socket.SHUT_WR)
            with pytest.raises(EOFError):
                receive(connection)
            assert not made.exists()


class Unsent(Zygote):
    """One whose connection fails in a way that nobody foresaw."""

    def connect(self) -> Any:
        raise ZeroDivisionError


def test_whatever_goes_wrong_around_a_call_ends_it(
    own: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build never waits for a worker that nobody asked; and what is its own fault is not told as a lost worker."""
    variables = dict(os.environ)
    unsent = ForkedExecutor(Unsent("own", (), "", variables), variables, operator.call, own, lambda a: False, print)
    with pytest.raises(ZeroDivisionError):
        unsent.submit(sum, (1, 2)).result(20)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    executor = ForkedExecutor(own, variables, operator.call, own, lambda arguments: False, print)
    with pytest.raises(BuildError, match="The current folder was removed"):
        executor.submit(sum, (1, 2)).result(20)


def _process(zygote: Zygote) -> int:
    zygote.start()
    return waiting(zygote.environments)[0][1]


def test_a_zygote_that_is_asked_to_end_serves_who_waits(own: Zygote) -> None:
    """`octavo stop`, or a build with other imports, takes no worker away; what workers leave behind ends all the same.

    Who comes later has another zygote.
    """
    pid = _process(own)
    os.kill(pid, signal.SIGSTOP)
    waits = [own.connect() for _ in range(3)]
    for connection in waits:
        request = Request(os.posix_spawn, ("/bin/sleep", ["sleep", "60"], {}), dict(os.environ), "/", 0o022)
        send(connection, request)
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGCONT)
    answers = [receive(connection) for connection in waits]
    assert all(good for good, _ in answers)
    assert _gone([pid, *(left for _, left in answers)])
    assert _process(own) != pid
    for connection in waits:
        connection.close()


def _gone(pids: list[int]) -> bool:
    """Whether processes end within some seconds."""
    end = time.monotonic() + 10
    while (there := list(filter(_lives, pids))) and time.monotonic() < end:
        time.sleep(0.01)
    return not there


def _lives(pid: int) -> bool:
    """Whether there is a process that is more than an exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


HELPER = """
import contextlib, os, socket
from octavo.engine.zygote import Request, send
from octavo.errors import KernelError

def tell(descriptor):
    os.write(descriptor, b"here")

def ask(arguments, descriptor):
    heard, told = os.pipe()
    with socket.socket(fileno=descriptor) as connection, contextlib.suppress(OSError):
        send(connection, Request(tell, (), dict(os.environ), "/", 0o022), [told])
    os.close(told)
    if not (said := os.read(heard, 9)):
        raise KernelError("It died.")
    return said
"""


@pytest.mark.parametrize("killed", ["own", "beside"])
def test_what_nobody_took_is_sent_again(own: Zygote, tmp_path: Path, killed: str) -> None:
    """A zygote that is gone before it forked had begun nothing: the call is not lost, and counts as no try."""
    (tmp_path / "helper.py").write_text(HELPER)
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    own = replace(own, environment=variables)
    beside = replace(own, kind=f"beside{os.getpid()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        ask = importlib.import_module("helper").ask
    pids = {"own": _process(own), "beside": _process(beside)}
    executor = ForkedExecutor(own, variables, operator.call, beside, lambda arguments: True, print)
    os.kill(pids[killed], signal.SIGSTOP)
    future = executor.submit(ask)
    time.sleep(0.3)  # it is sent
    os.kill(pids[killed], signal.SIGKILL)
    assert future.result(30) == b"here"
    stop(beside.environments)


def test_a_zygote_leaves_alone_what_is_not_its_own(own: Zygote) -> None:
    """One that takes its place keeps its address, and so does one that is not ready yet."""
    pid = _process(own)
    own.address.rename(own.address.with_suffix(".moved"))
    own.address.touch()
    unready = own.address.with_name(f"{own.address.name}.{pid}")
    unready.touch()
    os.kill(pid, signal.SIGTERM)
    assert _gone([pid]) and own.address.exists()
    stop(own.environments)
    assert unready.exists() and not own.address.exists(), "nobody waits at that one: it is removed"
    unready.unlink()
    own.address.with_suffix(".moved").unlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_zygote_that_is_gone_leaves_nothing(own: Zygote, number: int) -> None:
    """Neither its socket stays nor its lock, of which there would be more with each study and each set of imports."""
    pid = _process(own)
    os.kill(pid, number)
    assert _gone([pid])
    stop(own.environments)  # what was killed takes nothing away
    assert not list(own.address.parent.glob(f"{own.address.name}*"))


@pytest.fixture
def compiling(tmp_path: Path) -> Iterator[Zygote]:
    """One that finds nothing compiled, and has the compiled code of what it imports below ``tmp_path``, if anywhere."""
    variables = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    zygote = Zygote(f"test{os.getpid()}", ("octavo.figures.record",), str(tmp_path), variables)
    yield zygote
    stop(zygote.environments)


@pytest.mark.parametrize("unwanted", [False, True])
def test_what_a_zygote_compiles_is_compiled_once(
    unwanted: bool, compiling: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Octavo lies uncompiled in a tree: each first build would compile it anew. Who wants no such files gets none."""
    monkeypatch.setattr(sys, "dont_write_bytecode", unwanted)
    compiling.start()
    assert bool(list(tmp_path.rglob("record.*.pyc"))) != unwanted


KILLED = """
import multiprocessing, os, signal
from octavo.engine.pool import processes
with processes(1) as (make, scratch):
    executor = make()
    executor.submit(abs, -1)
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_started_worker_whose_build_is_gone_at_once_ends(tmp_path: Path) -> None:
    """A build is killed while its worker starts, and does not know it yet: the worker ends, too."""
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    build = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=variables
    )
    assert build.stdout
    with build.stdout:
        worker = int(build.stdout.readline())
    build.wait()
    try:
        assert _gone([worker])
    finally:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)

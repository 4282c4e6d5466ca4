"""A kernel provisioner of jupyter_client's: kernels with sockets, forked from the process that a build forks from.

jupyter_client finds it by the name ``octavo``, so nbclient, papermill, ``jupyter execute`` and JupyterLab use it as
they are: with JUPYTER_DEFAULT_PROVISIONER_NAME=octavo in the environment, or named in the metadata of a kernel's
specification. What cannot be forked is started as ever.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from octavo import project
from octavo.engine.forked import forkable, umask
from octavo.engine.zygote import Request, receive, send
from octavo.errors import OctavoError
from octavo.notebooks.environment import this_python
from octavo.notebooks.provisioned import attend
from octavo.notebooks.source import load
from octavo.workers import FIXED, imports, zygote

STEP = 0.005  # seconds between two looks whether a kernel has ended
KNOWN = {"stdin", "stdout", "stderr", "env", "cwd", "independent"}  # of jupyter_client's launcher
DEFAULTS: Mapping[str, Any] = {"stdin": None, "stdout": 1, "stderr": 2}  # where a stream goes that nobody redirects


class Unfit(Exception):
    """A kernel that cannot be forked; it is started as ever. The text says why."""


class ForkedProcess:
    """A forked kernel as ``subprocess.Popen`` shows a started one; it lives as long as the connection."""

    stdin = stdout = stderr = None

    def __init__(self, connection: Any, pid: int) -> None:
        self.connection = connection
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and self._heard(0):
            try:
                good, answer = receive(self.connection)
                self.returncode = answer if good else 1
            except (EOFError, OSError):  # the process beside it was killed, and so was it
                self.returncode = -signal.SIGKILL
            self.connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises TimeoutExpired after ``timeout`` seconds."""
        if self.poll() is None:
            self._heard(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("the kernel", timeout or 0)
        return code

    def _heard(self, timeout: float | None) -> bool:
        """Whether there is an answer within ``timeout`` seconds; select() takes no descriptors from 1024 on."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class ForkedProvisioner(LocalProvisioner):
    """jupyter_client's own provisioner, with a forked kernel in place of a started one where it can be forked."""

    process: Any

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Launch a kernel, and return how to talk to it."""
        try:
            # In a thread: the process that it is forked from may have to be started first, which takes seconds.
            self.process = await asyncio.to_thread(_fork, cmd, options)
        except (Unfit, OSError, EOFError) as error:
            self.log.info("The kernel is started, not forked: %s", error)
            return await super().launch_kernel(cmd, **options)
        self.pid = self.pgid = self.process.pid
        self.cwd = options.get("cwd") or Path.cwd()
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and all that it began."""
        if self.process and self.process.poll() is None:
            await super().send_signal(signum)

    async def wait(self) -> int | None:
        """Wait for the end of the kernel, and return its exit code."""
        while await self.poll() is None:
            await asyncio.sleep(STEP)
        return await super().wait()


def _fork(command: Sequence[str], options: Mapping[str, Any]) -> ForkedProcess:
    """Fork a kernel. Raises Unfit; OSError or EOFError where the process that it would be forked from is not well."""
    arguments = _arguments(command)
    if unknown := sorted(options.keys() - KNOWN):
        raise Unfit(f"it asks for {', '.join(unknown)}")
    if options.get("independent"):
        raise Unfit("it shall outlive its manager")
    with suppress(ConnectionError, EOFError):  # it may have been ended just then: there is another one now
        return _asked(arguments, options)
    return _asked(arguments, options)


def _asked(arguments: Sequence[str], options: Mapping[str, Any]) -> ForkedProcess:
    """Have a process forked. Raises EOFError or ConnectionError where nobody heard."""
    folder = Path(options.get("cwd") or Path.cwd())
    environment = dict(options.get("env") or os.environ)
    opened: list[int] = []
    try:
        streams = [_stream(name, options.get(name), opened) for name in DEFAULTS]
        heard, told = os.pipe()
        opened += [heard, told]
        connection = zygote("kernels", *_imports(folder, {**FIXED, **environment})).connect()
        try:
            send(connection, Request(attend, (arguments,), environment, str(folder), umask()), [*streams, told])
            os.close(opened.pop())  # the other end alone holds it now: without an answer, reading ends
            pid = os.read(heard, 32)
            if not pid:
                raise EOFError("nothing was forked")
        except BaseException:
            connection.close()
            raise
        return ForkedProcess(connection, int(pid))
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _arguments(command: Sequence[str]) -> list[str]:
    """Return what ipykernel is given, where ``command`` starts it with this interpreter. Raises Unfit."""
    program, *rest = [part for part in command if part != "-Xfrozen_modules=off"]  # for debugging Python's own modules
    if not forkable():
        raise Unfit("that takes a Linux that allows pidfd_open (5.3 or later)")
    if not this_python(program):
        raise Unfit(f"{program} is another environment's")
    if rest[:2] not in (["-m", "ipykernel_launcher"], ["-m", "ipykernel"]):
        raise Unfit("it is not ipykernel")
    return rest[2:]


def _imports(folder: Path, variables: Mapping[str, str]) -> tuple[tuple[str, ...], Mapping[str, str], tuple[str, ...]]:
    """Return what the kernels of the project around ``folder`` import, in which environment, as its build has it.

    Last come the variables that its notebooks depend on. Raises Unfit.
    """
    try:
        found = project.read(project.find_root(folder.resolve()))
        if found.kernels == "ordinary":
            raise Unfit("the project says so")
        notebooks = (load(sweep.notebook, sweep.name) for sweep in found.sweeps)
        return imports(notebooks, found.root, (found.state, found.build)), variables, found.variables
    except OctavoError:  # no project, or one that is being edited
        return imports(()), variables, ()


def _stream(name: str, given: Any, opened: list[int]) -> int:
    """Return the descriptor that a standard stream becomes; what is opened for it is added to ``opened``."""
    given = DEFAULTS[name] if given is None else given
    if given is None or given == subprocess.DEVNULL:
        opened.append(os.open(os.devnull, os.O_RDWR))
        return opened[-1]
    descriptor = given if isinstance(given, int) else getattr(given, "fileno", lambda: -1)()
    if descriptor < 0:
        raise Unfit(f"its {name} goes to a pipe of the manager's")
    return int(descriptor)

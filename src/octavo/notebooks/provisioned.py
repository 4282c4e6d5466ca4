"""An ordinary ipykernel, with its sockets, in a process forked from one that has the imports loaded.

For whoever talks to kernels through jupyter_client: nbclient, papermill, JupyterLab. See octavo.provisioner.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG


def attend(arguments: Sequence[str], stdin: int, stdout: int, stderr: int, told: int) -> int:
    """Fork a kernel, write its process id to ``told``, wait for its end; return its exit code (-N: ended by signal N).

    When the manager of the kernel is gone, this process is interrupted; it ends the kernel and all that it began.
    """
    from octavo.notebooks.pristine import to_its_end  # not above: a manager that names this function does without

    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died before it could be noticed
        to_its_end(lambda: _run(arguments, (stdin, stdout, stderr)))
    try:
        os.write(told, b"%d\n" % pid)
        for descriptor in (stdin, stdout, stderr, told):
            os.close(descriptor)
        # Not reaped: nobody else gets its id as long as somebody may send it a signal.
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    assert ended
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _run(arguments: Sequence[str], streams: Sequence[int]) -> None:
    from octavo.notebooks.pristine import as_new

    _take_streams(streams)
    as_new(arguments)
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    _application(arguments)


def _take_streams(streams: Sequence[int]) -> None:
    """Put three descriptors at their places, and close everything else."""
    for place, descriptor in enumerate([os.dup2(stream, 100 + place) for place, stream in enumerate(streams)]):
        os.dup2(descriptor, place)
    os.closerange(3, 65536)


def _application(arguments: Sequence[str]) -> None:
    from ipykernel import kernelapp

    class IPKernelApp(kernelapp.IPKernelApp):
        """ipykernel's application, which ends its threads in an order in which none waits for another.

        ipykernel's own ends the one that publishes first. Where the one for control still wants to flush what was
        printed, it waits for seconds, until the kernel is killed.
        """

        def close(self) -> None:
            for thread in (self.control_thread, self.shell_channel_thread):
                if thread and thread.is_alive():
                    thread.stop()
                    thread.join()
            super().close()

    # What it is when nobody says: read from the environment when ipykernel was imported, of another process.
    IPKernelApp.launch_instance(list(arguments), parent_handle=os.getppid())

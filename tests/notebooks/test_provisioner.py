"""Kernels with sockets, forked: nbclient, papermill and whoever talks to kernels use them as they are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager
from tests.notebooks.test_forked_kernels import IMPORTS, STATES

from octavo import provisioner
from octavo.engine.forked import waiting
from octavo.engine.zygote import send

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
MADE_BY = (
    "import os\nfrom pathlib import Path\n"
    "print('octavo.engine.zygote' in Path(f'/proc/{os.getppid()}/cmdline').read_text())"
)


class Kernel:
    """A kernel by jupyter_client's own manager, whose specification names the provisioner."""

    def __init__(self, folder: Path, name: str = "octavo") -> None:
        self.folder = folder
        self.manager = KernelManager(transport="ipc", ip=str(folder / "socket"))
        assert self.manager.kernel_spec
        self.manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": name}

    def start(self, **options: Any) -> Kernel:
        environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        self.manager.start_kernel(cwd=str(self.folder), env=environment, **options)
        return self.connect()

    def connect(self) -> Kernel:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)
        return self

    def run(self, code: str) -> str:
        """Return what a cell prints, and the name of what it raises."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self.client.execute_interactive(code, timeout=30, output_hook=hear)
        return "".join(printed).strip() + str(reply["content"].get("ename", ""))

    def forked(self) -> bool:
        return self.run(MADE_BY) == "True"

    def zygote(self) -> int:
        """Return the process that the kernel's own parent was forked from."""
        return int(
            self.run("print(open(f'/proc/{__import__(\"os\").getppid()}/stat').read().rpartition(')')[2].split()[1])")
        )

    def end(self) -> int | None:
        """Wait for a kernel that ends by itself; return its exit code."""
        deadline = time.monotonic() + 20
        made = self.manager.provisioner
        while (code := made.process.poll()) is None and time.monotonic() < deadline:  # type: ignore[union-attr]
            time.sleep(0.02)
        return code  # type: ignore[no-any-return]


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Return a maker of kernels that are gone afterwards."""
    made: list[Kernel] = []

    def make(name: str = "octavo", **options: Any) -> Kernel:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Kernel(folder, name))
        return made[-1].start(**options)

    yield make
    for one in made:
        one.client.stop_channels()
        one.manager.shutdown_kernel(now=True)


def ended(pid: int) -> bool:
    """Whether a process is gone within five seconds, or but a name for its parent to read."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def execute(tool: str, folder: Path, name: str, **variables: str) -> dict[str, Any]:
    """Execute ``shown.ipynb`` with a tool in a process of its own, under a default provisioner; return the notebook."""
    python = (
        "import nbformat, nbclient\nbook = nbformat.read('shown.ipynb', 4)\n"
        "nbclient.NotebookClient(book, kernel_name='python3').execute()\nnbformat.write(book, 'out.ipynb')"
    )
    tools = {
        "papermill": ["-m", "papermill", "shown.ipynb", "out.ipynb", "-p", "a", "5", "--no-progress-bar"],
        "jupyter": ["-c", "from nbclient.cli import main; main()", "shown.ipynb", "--output", "out"],
        "nbclient": ["-c", python],
    }
    environment = {**os.environ, "JUPYTER_DEFAULT_PROVISIONER_NAME": name, **variables}
    environment.pop("PYTEST_CURRENT_TEST", None)
    said = subprocess.run(
        [sys.executable, *tools[tool]], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )
    assert said.returncode == 0, said.stderr
    book: dict[str, Any] = json.loads((folder / "out.ipynb").read_text())
    return book


def texts(book: dict[str, Any]) -> list[str]:
    """Return what each cell printed."""
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    return ["".join(t for o in c["outputs"] for t in o.get("text", ())).strip() for c in cells]


@pytest.mark.parametrize(
    "tool", ["papermill", *(pytest.param(t, marks=pytest.mark.proof) for t in ("jupyter", "nbclient"))]
)
def test_tools_use_it_as_they_are(tiny: Callable[..., Tiny], tool: str) -> None:
    """papermill, `jupyter execute` and nbclient need nothing but a variable."""
    project = tiny({"shown.ipynb": ["[parameters] a = 1", "print(a)", MADE_BY]})
    assert texts(execute(tool, project.root, "octavo"))[-2:] == ["5" if tool == "papermill" else "1", "True"]


@pytest.mark.proof
def test_what_a_notebook_sees_is_the_same(tiny: Callable[..., Tiny]) -> None:
    """State by state, as with a kernel that was started: environment, signals, threads, settings, shell."""
    probes = "\n".join(f"print({name!r}, repr({code}))" for name, code in STATES.items())
    program = "print([os.path.basename(a) for a in sys.argv[:2]], os.environ['JPY_PARENT_PID'] == str(os.getppid()))"
    project = tiny({"shown.ipynb": [IMPORTS, probes, program]})
    variables = {"MINE": "yes", "PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"}
    seen = [texts(execute("nbclient", project.root, name, **variables)) for name in ("octavo", "local-provisioner")]
    assert seen[0][1].splitlines() == seen[1][1].splitlines()
    assert seen[0][2] == seen[1][2] == "['ipykernel_launcher.py', '-f'] True"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os\nos._exit(3)", 3),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import ctypes\nctypes.string_at(0)", -11),
        ("exit()", 0),
    ],
)
def test_how_it_ended_is_known(kernel: Callable[..., Kernel], code: str, expected: int) -> None:
    """The exit code of the kernel, or the signal that ended it, is what a started one's would be."""
    one = kernel()
    one.client.execute(code)
    assert one.end() == expected
    assert not one.manager.is_alive()


def test_interrupt_restart_and_shutdown(kernel: Callable[..., Kernel]) -> None:
    """An interrupted kernel goes on; a restarted one is another process; after a shutdown none is left."""
    one = kernel()
    assert one.forked()
    one.client.execute("import time\nprint('begun', flush=True)\ntime.sleep(60)")
    while one.client.get_iopub_msg(timeout=10)["content"].get("text") != "begun\n":
        pass
    one.manager.interrupt_kernel()
    assert one.client.get_shell_msg(timeout=10)["content"]["ename"] == "KeyboardInterrupt"
    first = int(one.run("x = 1\nprint(os.getpid())") if one.run("import os") == "" else 0)
    one.manager.restart_kernel()
    one.client.wait_for_ready(timeout=30)
    assert one.run("x") == "NameError" and one.forked()
    assert one.run("import os\nprint(os.getpid())") != str(first) and ended(first)
    last = int(one.run("print(os.getpid())"))
    one.manager.shutdown_kernel()
    assert ended(last) and not one.manager.has_kernel


def test_signals_reach_what_the_kernel_began(kernel: Callable[..., Kernel]) -> None:
    """Terminating a kernel ends it and its children, and is harmless afterwards."""
    one = kernel()
    begun = "import os, subprocess\nchild = subprocess.Popen(['sleep', '600'])\nprint(os.getpid(), child.pid)"
    pids = [int(pid) for pid in one.run(begun).split()]
    one.manager.signal_kernel(signal.SIGTERM)
    assert one.end() == -signal.SIGTERM
    assert all(ended(pid) for pid in pids)
    one.manager.signal_kernel(signal.SIGTERM)


def test_it_ends_with_its_manager(tmp_path: Path) -> None:
    """When the manager is killed, the kernel and all that it began are gone."""
    code = f"""
import os, subprocess, sys, time
from pathlib import Path
from tests.notebooks.test_provisioner import Kernel
one = Kernel(Path({str(tmp_path)!r})).start()
print(one.run("import os, subprocess\\nprint(os.getpid(), subprocess.Popen(['sleep', '600']).pid)"), flush=True)
time.sleep(60)
"""
    root = Path(__file__).parents[2]
    manager = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert manager.stdout
        pids = [int(pid) for pid in manager.stdout.readline().split()]
        assert len(pids) == 2
    finally:
        manager.kill()
        manager.wait()
    assert all(ended(pid) for pid in pids)


def test_standard_streams_are_the_managers(kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    """What a kernel writes past the notebook goes where its manager said; standard input has nothing."""
    with (tmp_path / "said").open("w") as said:
        one = kernel(stdout=said, stderr=subprocess.DEVNULL)
        assert one.forked()
    aside = "import os, sys\nos.write(sys.stdout._original_stdstream_copy, b'aside')\nprint(repr(sys.__stdin__.read()))"
    assert one.run(aside) == "''"
    one.manager.shutdown_kernel()
    assert (tmp_path / "said").read_text() == "aside"


def test_a_killed_zygote_costs_nothing_that_runs(kernel: Callable[..., Kernel]) -> None:
    """The process that kernels are forked from is killed: the kernel goes on, and the next one gets another."""
    one = kernel()
    os.kill(one.zygote(), signal.SIGKILL)
    assert one.run("print(1)") == "1"
    assert kernel().forked()


def test_a_zygote_that_is_killed_while_it_is_asked_is_asked_no_more(kernel: Callable[..., Kernel]) -> None:
    """It was connected to and has read nothing: a kernel is forked from another all the same."""
    zygote = kernel().zygote()
    os.kill(zygote, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (zygote, signal.SIGKILL)).start()
    assert kernel().forked()


def test_no_code_of_a_user_runs_in_the_zygote(kernel: Callable[..., Kernel]) -> None:
    """Threads, open files and memory maps of the process that kernels are forked from are as before."""

    def state(pid: int) -> tuple[list[str], list[str]]:
        files = [str(f.readlink()) for f in Path(f"/proc/{pid}/fd").iterdir()]
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return sorted(files), sorted({line.split()[-1] for line in maps if "/" in line})

    kernel().manager.shutdown_kernel()
    zygotes = [pid for _, pid in waiting() if Path(f"/proc/{pid}/exe").samefile(sys.executable)]
    time.sleep(0.5)  # the connections just made are closed by now
    before = {pid: state(pid) for pid in zygotes}
    one = kernel()
    assert (
        one.run("import sqlite3, decimal, threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()")
        == ""
    )
    parent = one.zygote()
    assert parent in before
    one.manager.shutdown_kernel(now=True)
    end = time.monotonic() + 5
    while state(parent) != before[parent] and time.monotonic() < end:
        time.sleep(0.05)
    assert state(parent) == before[parent]


def test_no_thread_waits_for_another_at_the_end(kernel: Callable[..., Kernel]) -> None:
    """ipykernel stops publishing while control may still flush, and then waits for seconds: here, control is first."""
    slowly = """
def patch():
    import sys, threading, time
    from pathlib import Path
    from ipykernel.iostream import IOPubThread

    kind, order = type(sys.stdout), Path("order").open("ab", buffering=0)
    flush, stop = kind.flush, IOPubThread.stop

    def flush_late(stream):
        if threading.current_thread().name == "Control":
            time.sleep(0.2)
            order.write(b"flushed ")
        flush(stream)

    def stop_now(thread):
        order.write(b"stopped")
        stop(thread)

    kind.flush, IOPubThread.stop = flush_late, stop_now

patch()
"""
    one = kernel()
    assert one.run(slowly) == ""
    process = one.manager.provisioner.process  # type: ignore[union-attr]
    one.manager.shutdown_kernel()
    assert process.returncode == 0, "it ended by itself"
    assert (one.folder / "order").read_text() == "flushed flushed stopped"


def falls_back(one: Kernel, caplog: pytest.LogCaptureFixture, why: str) -> None:
    assert one.run("print(6 * 7)") == "42"
    assert not one.forked()
    assert re.search(f"The kernel is started, not forked: .*{re.escape(why)}", caplog.text), caplog.text


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What managers of kernels say."""
    import logging

    caplog.set_level(logging.INFO, "traitlets")
    return caplog


def test_where_it_cannot_fork_it_starts(
    kernel: Callable[..., Kernel], logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Other systems, pipes, kernels that shall live on, no process to fork from: a started kernel, and why."""
    falls_back(kernel(independent=True), logged, "it shall outlive its manager")
    falls_back(kernel(stderr=subprocess.PIPE), logged, "its stderr goes to a pipe of the manager's")
    falls_back(kernel(pass_fds=(0,)), logged, "it asks for pass_fds")
    with monkeypatch.context() as patch:
        patch.setattr(provisioner, "forkable", lambda: False)
        falls_back(kernel(), logged, "that takes a Linux that allows pidfd_open")
    with monkeypatch.context() as patch:
        (tmp_path / "file").write_text("")
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
        falls_back(kernel(), logged, "Not a directory")


def test_a_project_that_says_ordinary_is_heard(
    kernel: Callable[..., Kernel], logged: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """`kernels = "ordinary"` holds for this door as well."""
    (tmp_path / "pyproject.toml").write_text('[tool.octavo]\nkernels = "ordinary"\n')
    falls_back(kernel(), logged, "the project says so")


def test_another_environments_kernel_is_not_forked(tmp_path: Path) -> None:
    """Environments whose interpreters link to the same file are told apart; so are other kernels and options."""
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.symlink_to(os.path.realpath(sys.executable))
    asked = ["-m", "ipykernel_launcher", "-f", "file"]
    assert provisioner._arguments([sys.executable, "-Xfrozen_modules=off", *asked]) == ["-f", "file"]
    for command in ([str(other), *asked], [sys.executable, "-m", "another"], [sys.executable, "-O", *asked]):
        with pytest.raises(provisioner.Unfit):
            provisioner._arguments(command)


def test_it_shares_the_process_of_the_build(tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a project, kernels are forked from the very process that its build forks from: it has the imports."""
    files: dict[str, Content] = {"notebooks/one.ipynb": ["import octavo, sklearn.linear_model\noctavo.value('n', 1)"]}
    project = tiny({**files, "shown.ipynb": ["import sys\nprint('sklearn.linear_model' in sys.modules)", MADE_BY]})
    assert project.octavo("build").code == 0
    before = waiting()
    with contextlib.chdir(project.root):
        assert texts(execute("nbclient", project.root, "octavo")) == ["True", "True"]
    assert waiting() == before


def test_a_manager_may_have_many_files_open() -> None:
    """JupyterLab has a thousand: whether a kernel has ended is asked all the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, hard), hard))
    ours, theirs = socket.socketpair()
    try:
        with ours, theirs, socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 1100)) as high:
            process = provisioner.ForkedProcess(high, 0)
            assert process.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
            send(theirs, (True, 3))
            assert process.wait(5) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

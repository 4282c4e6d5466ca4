"""The server that JupyterLab stands on forks its kernels by the provisioner, as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone"),
]


@contextmanager
def server(root: Path) -> Iterator[Callable[..., Any]]:
    """Yield a function that asks a server on ``root`` (method, path, content); it stops afterwards."""
    environment = {**os.environ, "JUPYTER_DEFAULT_PROVISIONER_NAME": "octavo", "JUPYTER_RUNTIME_DIR": str(root / "run")}
    environment.pop("PYTEST_CURRENT_TEST", None)
    options = ["--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root", "--IdentityProvider.token=t"]
    command = [sys.executable, "-m", "jupyter_server", *options, f"--ServerApp.root_dir={root}"]
    process = subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not (found := sorted((root / "run").glob("jpserver-*.json"))) and time.monotonic() < end:
            time.sleep(0.1)
        url = json.loads(found[0].read_text())["url"]

        def ask(method: str, path: str, content: Any = None) -> Any:
            data = json.dumps(content).encode() if content is not None else None
            request = urllib.request.Request(f"{url}api/{path}", data, {"Authorization": "token t"}, method=method)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")

        yield ask
    finally:
        process.terminate()
        process.wait(20)


def kernels_in(folder: Path) -> list[tuple[int, str]]:
    """Return the processes that work in a folder and are forked kernels, each with what its parent runs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = process.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            line = Path(f"/proc/{parent}/cmdline").read_text()
            if process.joinpath("cwd").readlink() == folder and "octavo.engine.zygote" in line:
                found.append((int(process.name), parent))
        except OSError:
            continue
    own = {parent for _, parent in found}
    return [(pid, parent) for pid, parent in found if str(pid) not in own]


def test_sessions_begin_restart_and_end(tiny: Callable[..., Tiny]) -> None:
    """A session's kernel is forked in the notebook's folder; restarted, it is another; deleted, none is left."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]})
    folder = project.root / "notebooks"
    with server(project.root) as ask:
        kernel = {"name": "python3"}
        session = ask(
            "POST", "sessions", {"path": "notebooks/one.ipynb", "name": "", "type": "notebook", "kernel": kernel}
        )
        first = kernels_in(folder)
        assert len(first) == 1
        ask("POST", f"kernels/{session['kernel']['id']}/restart", {})
        second = kernels_in(folder)
        assert len(second) == 1 and second != first
        ask("POST", f"kernels/{session['kernel']['id']}/interrupt", {})
        ask("DELETE", f"sessions/{session['id']}")
        assert kernels_in(folder) == []
        ask("POST", "sessions", {"path": "notebooks/one.ipynb", "name": "", "type": "notebook", "kernel": kernel})
    assert project.still_working(5, "notebooks") == [], "the server's end is the kernels' end"

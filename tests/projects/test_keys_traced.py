"""What a run is found to have read, by the real command: which point it was, what is not certain, what is said."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import h5py
import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny

# Without the privilege that tells opens apart by process; who is not root does not have it anyway.
PLAIN = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-all") if os.geteuid() == 0 else ()

# Both wait for each other before they read and after, so that each is seen to be at work while the other reads.
MEET = """
import time
from pathlib import Path
import octavo
begun = time.monotonic()
def meet(name, other):
    Path('../../meet', name).touch()
    while not Path('../../meet', other).exists(): time.sleep(0.02)
"""
END = "with open('../../meet/times', 'a') as file: print(begun, time.monotonic(), file=file)"


def last(project: Tiny) -> dict[str, Any]:
    """Return what is known of the last results of the two notebooks."""
    return {name: json.loads(project.octavo("why", name, "--json").out) for name in ("one", "two")}


def stale(project: Tiny) -> dict[str, str]:
    found: dict[str, str] = json.loads(project.octavo("status", "--json").out)["stale"]
    return found


@pytest.mark.proof
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("setpriv"), reason="inotify without a privilege")
def test_a_shared_trace_becomes_a_points_own(tiny: Callable[..., Tiny]) -> None:
    """Two that ran at once may each have read what both read: said so, and sorted out by running alone."""
    child = "import subprocess\nn = int(subprocess.check_output(['cat', '../data/c.txt']))"
    compiled = "import h5py\nn = int(h5py.File('../data/x.h5')['n'][()])"
    project = tiny(
        {
            "pyproject.toml": '[tool.octavo]\njobs = 2\nkernels = "ordinary"\n',
            "data/c.txt": "3\n",
            "notebooks/one.ipynb": [MEET, f"meet('a', 'b')\n{child}\nmeet('c', 'd')", "octavo.value('n', n)", END],
            "notebooks/two.ipynb": [MEET, f"meet('b', 'a')\n{compiled}\nmeet('d', 'c')", "octavo.value('n', n)", END],
        }
    )
    (project.root.parent / "meet").mkdir()
    with h5py.File(project.root / "data/x.h5", "w") as file:
        file["n"] = 5
    assert project.octavo("build", under=PLAIN).code == 0
    both = ["data/c.txt", "data/x.h5"]
    assert {name: entry["shared"] for name, entry in last(project).items()} == {"one": both, "two": both}
    assert "shared       data/c.txt: opened while other points ran too" in project.octavo("why", "one").out

    project.write({"data/c.txt": "4\n"})
    reason = "shared trace: data/c.txt changed"
    assert stale(project) == {"one": reason, "two": reason}
    times = project.root.parent / "meet/times"
    times.unlink()
    assert project.octavo("build", under=PLAIN).code == 0
    (_, first_end), (second_begin, _) = sorted(tuple(map(float, line.split())) for line in times.open())
    assert first_end <= second_begin, "they ran one after the other"
    assert {name: (list(e["read"]), e["shared"]) for name, e in last(project).items()} == {
        "one": (["data/c.txt"], []),
        "two": (["data/x.h5"], []),
    }
    project.write({"data/c.txt": "5\n"})
    assert stale(project) == {"one": "data file data/c.txt changed"}


def test_whom_a_run_talked_to_is_said(tiny: Callable[..., Tiny]) -> None:
    """The result is kept; the build and `octavo why` name the address, since what came from there is in no key."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"7"), daemon=True).start()
        port = server.getsockname()[1]
        code = f"import socket\nwith socket.create_connection(('localhost', {port})) as s: n = int(s.recv(1))"
        project = tiny({"notebooks/one.ipynb": ["import octavo", code, "octavo.value('n', n)"]})
        said = project.octavo("build")
    note = f"it talked to localhost:{port}: what came from there is not in its key"
    assert (said.code, f"one: {note}.\n" in said.err) == (0, True)
    assert f"note         {note}\n" in project.octavo("why", "one.n").out + "\n"
    again = json.loads(project.octavo("build", "--json").out)
    assert (again["counts"]["ran"], again["notes"]) == (0, [])

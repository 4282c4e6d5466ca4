"""Stop it anywhere: what was finished is kept, nothing is left running, and the next build goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Tiny

# Point 0 ends at once, point 1 waits for the file `go`; that it is there leaves no trace.
WAITS = (
    "import time, octavo\nfrom pathlib import Path\n"
    "while a and not Path('../go').exists():\n    time.sleep(0.05)\noctavo.value('a', a)"
)
CONFIG = """[tool.octavo]
jobs = 2
[tool.octavo.sweeps.wait]
notebook = "notebooks/wait.ipynb"
grid = { a = { count = 2 } }
"""


@pytest.fixture
def waiting(
    tiny: Callable[..., Tiny], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Tiny, subprocess.Popen[str]]]:
    """A project and its build, of which one point has ended and one runs until it is let go."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    project = tiny({"pyproject.toml": CONFIG, "notebooks/wait.ipynb": ["[parameters] a = 0", WAITS]})
    build = project.begin("build")
    try:
        assert build.stderr
        assert "ran     wait/a=0" in build.stderr.readline()
        yield project, build
    finally:
        if build.poll() is None:
            os.killpg(build.pid, signal.SIGKILL)
        build.communicate()


needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc to see processes")


@needs_proc
def test_ctrl_c_stops_all_and_keeps_what_was_finished(
    waiting: tuple[Tiny, subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Ctrl-C: exit code 130, one message, no kernel left; the next build takes the finished point from the store."""
    project, build = waiting
    assert list(tmp_path.glob("octavo-*")), "kernels keep their sockets there"
    os.killpg(build.pid, signal.SIGINT)
    out, err = build.communicate(timeout=20)
    assert list(tmp_path.glob("octavo-*")) == [], "nothing stays in the temporary folder"
    assert (build.returncode, out) == (130, "")
    assert err.strip() == "Stopped. What was finished is kept; run the same command to go on."
    assert project.still_working(1) == []
    assert project.octavo("status").out.splitlines()[0] == "wait/a=1: new"
    project.write({"go": ""})
    said = project.octavo("build")
    assert (said.code, "1 ran, 1 from the store" in said.out) == (0, True)


@pytest.fixture
def heard() -> Iterator[None]:
    """Begin no command with SIGHUP ignored, as all are that somebody began under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_as_ctrl_c_does(
    heard: None, waiting: tuple[Tiny, subprocess.Popen[str]], number: signal.Signals
) -> None:
    """Sent to the command alone, as a scheduler does: its code is the signal's, and no kernel is left."""
    project, build = waiting
    build.send_signal(number)
    _, err = build.communicate(timeout=20)
    assert build.returncode == 128 + number
    assert err.splitlines()[-1] == "Stopped. What was finished is kept; run the same command to go on."
    assert project.still_working(1) == []


@needs_proc
def test_two_builds_at_once_run_each_point_once(waiting: tuple[Tiny, subprocess.Popen[str]]) -> None:
    """A second build of the same tree says that there is another, waits for its points, and uses their results."""
    project, first = waiting
    assert first.stderr
    second = project.begin("build")
    assert second.stderr
    assert "Another build of this project is at work: what both need runs once." in second.stderr.readline()
    assert project.octavo("status").code == 0, "to look is allowed"
    said = project.octavo("clean", "--all")
    assert (said.code, said.err.splitlines()[0]) == (3, "error: A build of this project is at work.")
    project.write({"go": ""})
    (out, _), (other, _) = (build.communicate(timeout=30) for build in (first, second))
    assert "2 ran, 0 from the store" in out
    assert "Nothing to do: all 2 results are up to date." in other


@needs_proc
def test_a_killed_build_leaves_no_lock_and_no_process(
    waiting: tuple[Tiny, subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A build that is killed takes its kernels with it; the one that waited for it goes on, and so does the next."""
    project, first = waiting
    second = project.begin("build")
    assert second.stderr
    assert "Another build" in second.stderr.readline()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    project.write({"go": ""})
    out, _ = second.communicate(timeout=30)
    assert (second.returncode, "1 ran, 1 from the store" in out) == (0, True)
    assert project.still_working(1) == []
    assert "Nothing to do" in project.octavo("build").out
    assert not (project.root / ".octavo/tmp").exists(), "what the dead build left is gone"
    assert list(tmp_path.glob("octavo-run-*")) == []


@needs_proc
def test_ctrl_c_ends_other_programs_too(tiny: Callable[..., Tiny]) -> None:
    """Stopped while jupyter-book parses: it ends with the build, its children as well."""
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo.slides]\nsource = 'slides/deck.md'\n",
            "slides/deck.md": "---\ntitle: A deck\n---\n\n# One\n\nWords.\n\n:::{notes}\nSpoken.\n:::\n",
        }
    )
    build = project.begin("build")
    end = time.monotonic() + 30
    while not any("jupyter" in c or "myst" in c for c in project.still_working()) and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(build.pid, signal.SIGINT)
    _, err = build.communicate(timeout=20)
    assert build.returncode == 130, err
    assert "Traceback" not in err
    assert project.still_working(2) == []

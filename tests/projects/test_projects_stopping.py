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
    assert project.still_working(5) == []
    assert project.octavo("status").out.splitlines()[0] == "wait/a=1: new"
    project.write({"go": ""})
    said = project.octavo("build")
    assert (said.code, "1 ran, 1 from the store" in said.out) == (0, True)


@needs_proc
def test_a_second_build_is_refused_and_a_killed_one_leaves_no_lock(
    waiting: tuple[Tiny, subprocess.Popen[str]],
) -> None:
    """While one build works another is told so; a killed one takes its kernels with it and leaves no lock."""
    project, build = waiting
    said = project.octavo("build")
    assert said.code == 3
    assert said.err == (
        "error: Another build of this project is at work.\n  Wait for it to end, or stop it with Ctrl-C.\n"
    )
    assert project.octavo("status").code == 0, "to look is allowed"
    os.killpg(build.pid, signal.SIGKILL)
    build.wait()
    assert project.still_working(8) == []
    project.write({"go": ""})
    said = project.octavo("build")
    assert (said.code, said.out.startswith("Built in")) == (0, True)
    assert not (project.root / ".octavo/tmp").exists(), "what the dead build left is gone"


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

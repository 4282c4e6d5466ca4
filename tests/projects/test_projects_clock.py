"""Clocks that are set back or forward, and a disk that takes its time: both are injected, the machine's own are not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

# Read by every interpreter when it starts. The clock is wrong by as many seconds as a file says at the moment.
CLOCK = """\
import os, time
right = time.time_ns
def wrong():
    with open(os.environ["TEST_CLOCK"]) as file:
        return right() + int(file.read() or 0) * 10**9
time.time_ns = wrong
time.time = lambda: wrong() / 1e9
"""
SLOW = """\
import os, time
flush = os.fsync
def slow(descriptor):
    time.sleep(0.15)
    flush(descriptor)
os.fsync = slow
"""
FILES: dict[str, Content] = {
    "pyproject.toml": """\
[tool.octavo]
title = "A clock"
jobs = 2
[tool.octavo.sweeps.fit]
notebook = "notebooks/fit.ipynb"
grid = { a = [1, 2, 3] }
environment = ["TEST_CLOCK"]
""",
    "data/n.txt": "7\n",
    # One point sets the clock back an hour while the others run.
    "notebooks/fit.ipynb": [
        "[parameters]\na = 1",
        "import os, octavo\nn = int(open('../data/n.txt').read())\noctavo.value('n', a * n)",
        "if a == 2:\n    with open(os.environ['TEST_CLOCK'], 'w') as file:\n        file.write('-3600')",
    ],
    "notebooks/all.ipynb": ["import octavo\noctavo.value('sum', int(octavo.sweep('fit').n.sum()))"],
}


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says by how many seconds the clock is wrong."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CLOCK)
    (tmp_path / "wrong").write_text("0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("TEST_CLOCK", str(tmp_path / "wrong"))
    return tmp_path / "wrong"


def date(project: Tiny, seconds: float) -> None:
    """Give all files of a project, the store among them, times that lie so far from now."""
    then = time.time() + seconds
    for path in project.root.rglob("*"):
        os.utime(path, (then, then))


def ran(project: Tiny) -> int:
    """Build; return how many results were made."""
    said = project.octavo("build")
    assert said.code == 0, said
    return 0 if said.out.startswith("Nothing to do") else int(said.out.split(": ")[1].split()[0])


def test_a_clock_that_is_set_back_during_a_build(tiny: Callable[..., Tiny], clock: Path) -> None:
    """The build ends as if nothing had been, in its time; what is edited afterwards, at an earlier hour, runs again."""
    project = tiny(FILES)
    begun = time.monotonic()
    assert ran(project) == 4
    assert clock.read_text() == "-3600" and time.monotonic() - begun < 60
    assert ran(project) == 0
    project.write({"data/n.txt": "8\n"})
    earlier = time.time() - 7200
    os.utime(project.root / "data/n.txt", (earlier, earlier))
    assert ran(project) == 4
    assert '"number":48' in project.read("build/results.json").replace(" ", "")


@pytest.mark.parametrize("days", [400, pytest.param(-400, marks=pytest.mark.proof)])
def test_files_from_another_time(tiny: Callable[..., Tiny], clock: Path, days: int) -> None:
    """A store that was filled before the clock was set back, or forward, is as good as any; what changed runs again."""
    project = tiny(FILES)
    assert ran(project) == 4
    date(project, days * 86_400)
    assert ran(project) == 0
    said = project.octavo("store", "gc", "--keep-days", "0")
    assert said.code == 0 and ran(project) == 0, "what is in use stays, of whatever age"
    project.replace("data/n.txt", "7", "8")
    assert ran(project) == 4
    clock.write_text(str(-days * 86_400))
    assert project.octavo("store", "gc", "--keep-days", "30").code == 0
    assert ran(project) == 0
    assert project.octavo("why", "all").code == 0


@pytest.mark.proof
def test_a_disk_that_takes_its_time(tiny: Callable[..., Tiny], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each flush takes long, points go on beside it, each runs once, and the end is the same byte for byte."""

    def built(project: Tiny) -> dict[str, bytes]:
        folder = project.root / "build"
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    files = {**FILES, "notebooks/fit.ipynb": FILES["notebooks/fit.ipynb"][:2]}
    good, project = tiny(files, "good"), tiny(files)
    monkeypatch.setenv("TEST_CLOCK", "")
    assert ran(good) == 4
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    said = project.octavo("build")
    assert said.code == 0 and ": 4 ran, 0 from the store" in said.out, said
    assert built(project) == built(good)
    assert ran(project) == 0

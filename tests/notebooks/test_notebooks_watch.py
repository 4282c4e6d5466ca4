"""What is opened in a project while a run goes on, as the system tells it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from octavo.engine.store import Store
from octavo.notebooks import watch
from octavo.notebooks.trace import Seen
from octavo.notebooks.watch import Opened, Watch, find, mark

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify")
H5 = f'exec {sys.executable} -I -c \'import h5py; print(h5py.File("x.h5")["n"][()])\''
ONE_PROCESS = "import ctypes; ctypes.CDLL(None).fopen(b'a.txt', b'r')"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    (folder / "deep/er").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "build").mkdir()
    (tmp_path / "outside").mkdir()
    for name in ("a.txt", "b.txt", "deep/er/c.txt", ".hidden/d.txt", "build/e.txt", "../outside/f.txt"):
        (folder / name).write_text("1\n")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "file").symlink_to(tmp_path / "outside/f.txt")
    with h5py.File(folder / "x.h5", "w") as file:
        file["n"] = 1
    yield folder


def opened(root: Path, command: str, *, by_process: bool = False, marks: Path | None = None) -> Opened:
    seen = Watch(find(root, (root / "build",)), marks, by_process=by_process)
    seen.begin(os.getpid())
    subprocess.run(["sh", "-c", command], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return seen.end()


def names(root: Path, paths: frozenset[str]) -> list[str]:
    return sorted(os.path.relpath(path, root) for path in paths)


@pytest.mark.parametrize(
    ("command", "read"),
    [
        ("cat a.txt deep/er/c.txt", ["a.txt", "deep/er/c.txt"]),
        (H5, ["x.h5"]),
        ("ls deep", ["deep"]),
        ("stat a.txt; test -f b.txt", []),
        ("cat .hidden/d.txt build/e.txt", []),
        ("cat linked/f.txt", ["../outside/f.txt"]),
        ("cat file", ["../outside/f.txt"]),
        ("echo 2 > b.txt; cat b.txt", []),
        ("echo 2 >> b.txt; cat b.txt", []),
        ("echo 2 > new.txt; cat new.txt", []),
        ("mkdir new; echo 2 > new/x; cat new/x", []),
        ("cat a.txt > /dev/null; echo 2 >> b.txt", ["a.txt"]),
    ],
)
def test_what_was_read_is_told_from_what_was_made(root: Path, command: str, read: list[str]) -> None:
    """Whatever opens it; what was written first is no input; questions, hidden folders and build/ are not seen."""
    found = opened(root, command)
    assert (names(root, found.perhaps), found.own, found.gap) == (read, frozenset(), "")


def test_what_is_read_and_then_written_is_told(root: Path) -> None:
    """Rewritten in place or replaced, at once or while the reader still holds it: what was read is there no more."""
    for command in ("cat a.txt; echo 2 > a.txt", "sed -i s/1/2/ a.txt", "exec 3< a.txt; echo 2 > a.txt; cat <&3"):
        (root / "a.txt").write_text("1\n")
        assert names(root, opened(root, command).changed) == ["a.txt"], command


def test_processes_of_others_are_told_apart_where_that_is_allowed(root: Path) -> None:
    """With fanotify, what a process of this one reads is its own, and what a stranger reads is not there at all."""
    stranger = subprocess.Popen(
        ["setsid", "--fork", "sh", "-c", "sleep 0.2; exec 3< b.txt; sleep 1"], cwd=root, start_new_session=True
    )
    stranger.wait()
    seen = Watch(find(root, ()))
    if seen.fanotify < 0:
        seen.end()
        pytest.skip("no privilege")
    seen.begin(os.getpid())
    subprocess.run([sys.executable, "-I", "-c", f"{ONE_PROCESS}; import time; time.sleep(0.5)"], cwd=root, check=True)
    found = seen.end()
    assert (names(root, found.own), names(root, found.perhaps)) == (["a.txt"], [])


def marked(marks: Path, file: Path, command: str, kind: str = "") -> str:
    """Return a command while which there is a mark of a file, or after it, if it is Python's."""
    name = f"{marks}/{mark(str(file))}.1.1{kind}"
    return f"ln -s . {name}; rm {name}; {command}" if kind else f"ln -s . {name}; {command}; rm {name}"


def test_octavo_and_python_say_what_they_open(root: Path, tmp_path: Path) -> None:
    """What was marked is explained; another open of the same file is not, be it in the same moment."""
    marks = tmp_path / "marks"
    marks.mkdir()
    held = marked(marks, root / "a.txt", "cat a.txt")
    announced = marked(marks, root / "b.txt", "cat b.txt", ".python")
    linked = marked(marks, tmp_path / "outside/f.txt", "cat file")  # which two watches tell of
    assert names(root, opened(root, f"{held}; {announced}; {linked}; {held}", marks=marks).perhaps) == []
    both = opened(root, f"{held}; cat a.txt; {announced} b.txt", marks=marks)
    assert names(root, both.perhaps) == ["a.txt", "b.txt"]
    beside = opened(root, marked(marks, root / "a.txt", "cat a.txt; cat a.txt"), marks=marks)
    assert names(root, beside.perhaps) == ["a.txt"], "one of them is not Octavo's"


def test_a_mark_is_of_one_file_alone(root: Path, tmp_path: Path) -> None:
    """Thousands of files that Python opens where nobody watches explain no open of another."""
    marks = tmp_path / "marks"
    Store(tmp_path, root).make_marks()
    for number in range(2000):
        (root / f"build/{number}").touch()
    seen = Watch(find(root, (root / "build",)), marks, by_process=False)
    seen.begin(os.getpid())
    trace = Seen(str(root), str(marks))
    for number in range(2000):
        trace._announce(str(root / f"build/{number}"))
    subprocess.run(["cat", "a.txt", "b.txt"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    assert names(root, seen.end().perhaps) == ["a.txt", "b.txt"]


def test_a_list_that_is_not_complete_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More events than the queue holds; more folders than are watched; no inotify left."""
    seen = Watch(find(root, ()), by_process=False)  # not begun: nobody empties the queue
    for _ in range(9000):
        for name in ("a.txt", "b.txt"):
            (root / name).open().close()
    assert seen.end().gap == "more files were opened at once than the system remembers"
    monkeypatch.setattr(watch, "MOST", 1)
    assert "not all folders are watched" in Watch(find(root, ()), by_process=False).end().gap
    code = (
        "import os, resource; from octavo.notebooks.watch import Watch\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "held = [os.open('/', os.O_RDONLY) for _ in range(64 - 2 - len(os.listdir('/proc/self/fd')) + 1)]\n"
        "print(Watch({}).end().gap)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("the system gives no inotify: Too many open files")


def test_known_folders_are_not_opened_again(root: Path) -> None:
    """Other runs would take that for a read: only a folder whose list of names changed is listed anew."""
    known = find(root, ())
    seen = Watch(known, by_process=False)
    assert find(root, (), known) == known
    assert seen.end().perhaps == frozenset()
    (root / "deep/more").mkdir()
    seen = Watch(known, by_process=False)
    assert str(root / "deep/more") in find(root, (), known)
    assert names(root, seen.end().perhaps) == ["deep", "deep/more"]


def test_a_link_that_leads_nowhere_is_watched_once_it_does(tmp_path: Path) -> None:
    """A disk that is mounted later changes no folder of the project; the file or the folder behind a link is seen."""
    project, disk = tmp_path / "project", tmp_path / "disk"
    project.mkdir()
    (project / "x.h5").symlink_to(disk / "x.h5")
    (project / "raw").symlink_to(disk / "raw")
    (project / "round").symlink_to("round")
    (tmp_path / "env").mkdir()
    (tmp_path / "env/pyvenv.cfg").touch()
    (project / "env").symlink_to(tmp_path / "env")  # never entered: it has thousands of folders
    before = find(project, ())
    (disk / "raw").mkdir(parents=True)
    (disk / "x.h5").touch()
    after = find(project, (), before)
    assert after == find(project, (), before) and after.keys() == {str(project), str(project / "raw")}
    seen = Watch(after)
    assert {str(disk / "x.h5"), str(disk / "raw")} <= {*seen.names.values()} and not seen.gap
    seen.end()

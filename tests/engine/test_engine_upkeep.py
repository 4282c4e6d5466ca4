"""`octavo store`: what is damaged is found and made anew, what nothing uses goes, what is used stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from octavo.engine import key, upkeep
from octavo.engine.store import Store

if TYPE_CHECKING:
    from tests.conftest import Said, Tiny

DAY = 86_400


def folder_of(project: Tiny, task: str) -> Path:
    """Return the folder of a task's result."""
    where: str = json.loads(project.octavo("why", task, "--json").out)["where"]
    return project.root / where


def flip(file: Path, position: int = -1) -> None:
    """Flip one bit of a file."""
    data = bytearray(file.read_bytes())
    data[position] ^= 1
    file.write_bytes(data)


def ran(said: Said) -> list[str]:
    """Return what ran in ``octavo build --json``."""
    assert said.code == 0, said.err
    return sorted(task["name"] for task in json.loads(said.out)["tasks"] if task["status"] == "ran")


def test_verify_finds_and_removes_what_is_damaged(study: Tiny) -> None:
    """Results whose record, entry or executed notebook changed by a bit: named, removed, made anew."""
    whole = study.octavo("store", "verify")
    assert whole.code == 0 and whole.out.startswith("All 7 results are whole: ")
    before = study.read("build/results.json")
    flip(folder_of(study, "fit/a=1") / "out/record.json")
    flip(folder_of(study, "fit/a=2") / "log/notebook.ipynb", 100)
    entry = folder_of(study, "all") / "entry.json"
    flip(entry, entry.read_bytes().index(b'"seconds":') + 12)  # a digit: it can still be read
    said = study.octavo("store", "verify")
    assert said.code == 1 and said.err == ""
    assert sorted(said.out.splitlines()[:-1]) == [
        "damaged  all: entry.json",
        "damaged  fit/a=1: out/record.json",
        "damaged  fit/a=2: log/notebook.ipynb",
    ]
    assert said.out.splitlines()[-1] == (
        "3 of 7 results were damaged; 3 were removed. `octavo build` makes anew what it needs of them."
    )
    assert study.octavo("store", "verify").code == 0, "they are gone"
    assert ran(study.octavo("build", "--json")) == ["all", "fit/a=1", "fit/a=2"]
    assert study.read("build/results.json") == before
    as_json = json.loads(study.octavo("store", "verify", "--json").out)
    assert (as_json["results"], as_json["damaged"]) == (7, [])


def test_verify_tells_json(study: Tiny) -> None:
    """For another program: the task, the folder, the files, whether it was removed."""
    folder = folder_of(study, "fit/a=3")
    (folder / "out/record.json").unlink()
    said = study.octavo("store", "verify", "--json")
    assert said.code == 1
    where = folder.relative_to(study.root).as_posix()
    assert json.loads(said.out)["damaged"] == [
        {"task": "fit/a=3", "folder": where, "files": ["out/record.json"], "removed": True}
    ]
    assert not folder.parent.exists()


def test_gc_removes_what_nothing_uses(study: Tiny) -> None:
    """After an edit the older results stay for their days, then go; what is used stays, and so does every output."""
    study.replace("notebooks/fit.ipynb", "(a) * n", "(a) * n + 0")
    assert len(ran(study.octavo("build", "--json"))) == 3, "the same values: nothing further runs"
    assert study.octavo("store", "gc").out == "Nothing to remove: every result is used, or younger than 30 days.\n"
    du = study.octavo("store", "du").out
    assert [line.split()[:3] for line in du.splitlines()[:4]] == [
        ["all", "4", "results"],
        ["fit", "3", "results"],
        ["not", "used", "any"],
        ["in", "all", "10"],
    ]
    assert du.endswith("`octavo store gc` would free 0 B.\n")
    assert study.octavo("store", "gc", "--keep-days", "nan").code == 2, "nothing is older than that"
    dry = study.octavo("store", "gc", "--keep-days", "0", "--dry-run")
    assert dry.code == 0 and dry.out.startswith("Would remove 3 results: ")
    assert json.loads(study.octavo("store", "du", "--json").out)["unused"]["results"] == 3, "nothing was removed"
    done = study.octavo("store", "gc", "--keep-days", "0")
    assert done.out == dry.out.replace("Would remove", "Removed")
    assert study.octavo("build").out.startswith("Nothing to do")
    study.replace("notebooks/fit.ipynb", "(a) * n + 0", "(a) * n")
    assert len(ran(study.octavo("build", "--json"))) == 3, "what was removed can be made again"


def test_gc_keeps_by_age(study: Tiny) -> None:
    """A result that nothing uses is kept as long as it is young; one of the future, after a clock was set back, too."""
    old = [folder_of(study, f"fit/a={a}") / "entry.json" for a in (1, 2, 3)]
    study.replace("notebooks/fit.ipynb", "(a) * n", "(a) * n + 0")
    assert study.octavo("build").code == 0
    for entry, age in zip(old, (31, 29, -400), strict=True):
        os.utime(entry, (time.time() - age * DAY,) * 2)
    assert study.octavo("store", "gc").out.startswith("Removed 1 result: ")
    assert [entry.exists() for entry in old] == [False, True, True]


def test_gc_keeps_the_last_results_of_what_is_stale(study: Tiny) -> None:
    """While a notebook is stale, what stands in build/ is not thrown away; of a notebook that is gone, it is."""
    study.replace("notebooks/fit.ipynb", "(a) * n", "(a) * n + 1")
    assert "fit/a=1: code changed" in study.octavo("status").out
    assert study.octavo("store", "gc", "--keep-days", "0").out.startswith("Nothing to remove")
    (study.root / "notebooks/all.ipynb").unlink()
    gone = json.loads(study.octavo("store", "gc", "--keep-days", "0", "--json").out)
    assert (len(gone["results"]), gone["removed"]) == (4, True) and gone["bytes"] > 0


def test_gc_takes_away_what_killed_builds_left(study: Tiny) -> None:
    """Unfinished results, claims and half-written files go; the sources and all else stay."""
    state = study.root / ".octavo"
    study.write(
        {
            ".octavo/tmp/123/0/out/big": "x" * 5000,
            ".octavo/claims/abc": "",
            ".octavo/.last.json.new": "{",
            "build/.index.html.new": "<",
            "notebooks/.mine.new": "mine",
        }
    )
    said = study.octavo("store", "gc", "--dry-run")
    assert said.out == "Would remove 0 results and 4 leftovers of killed builds: 5.0 kB.\n"
    assert study.octavo("store", "gc").out == "Removed 0 results and 4 leftovers of killed builds: 5.0 kB.\n"
    assert study.read("notebooks/.mine.new") == "mine"
    assert not (state / "tmp").exists() and not list((state / "claims").iterdir())
    assert study.octavo("store", "gc").out.startswith("Nothing to remove")
    assert study.octavo("build").out.startswith("Nothing to do")


HOLD = (
    "import sys\nfrom pathlib import Path\nfrom octavo.engine.store import Store\n"
    "store = Store(Path('.octavo').resolve(), Path.cwd())\n"
    "with store.in_use(), store.temporary() as folder:\n"
    "    claim = store.claim(sys.argv[1])\n    print('held', flush=True)\n    sys.stdin.read()"
)


def test_beside_a_build(study: Tiny) -> None:
    """While a build is at work gc removes nothing and says why; verify reads, and leaves what is being made anew."""
    folder = folder_of(study, "fit/a=1")
    flip(folder / "out/record.json")
    arguments = [sys.executable, "-c", HOLD, folder.parent.name]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=study.root, stdin=pipe, stdout=pipe, text=True) as build:
        assert build.stdout and build.stdout.readline() == "held\n"
        said = study.octavo("store", "gc", "--keep-days", "0")
        assert (said.code, said.err.splitlines()[0]) == (3, "error: A build of this project is at work.")
        assert study.octavo("store", "gc", "--dry-run").out.startswith("Nothing to remove")
        assert study.octavo("store", "du").code == 0
        said = study.octavo("store", "verify")
        assert said.code == 1 and "(not removed: a build is making it anew)" in said.out and folder.exists()
        build.communicate()
    assert "1 was removed" in study.octavo("store", "verify").out and not folder.exists()


def test_a_disk_that_cannot_read_a_file(study: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sector that is lost is damage as well, not the end of the search."""
    store = Store(study.root / ".octavo", study.root)
    folder = folder_of(study, "fit/a=1")
    read = key.of_file

    def lost(path: Path) -> str:
        if path.is_relative_to(folder):
            raise OSError(5, "Input/output error", str(path))
        return read(path)

    monkeypatch.setattr(key, "of_file", lost)
    seen = upkeep.verify(store)
    assert [(d.task, d.removed) for d in seen.damaged] == [("fit/a=1", True)]


@pytest.mark.parametrize("arguments", [("store",), ("store", "verify"), ("store", "gc"), ("store", "du")])
def test_help_of_each_part(tiny: object, study: Tiny, arguments: tuple[str, ...]) -> None:
    """Each tells what it does, and shows an example."""
    said = study.octavo(*arguments, "--help")
    assert said.code == 0 and f"  octavo {' '.join(arguments)}" in said.out


def test_an_empty_project(study: Tiny) -> None:
    """Where nothing was built yet there is nothing to say, and no error."""
    assert study.octavo("clean", "--all").code == 0
    assert study.octavo("store", "verify").out == "All 0 results are whole: 0 B were read.\n"
    assert study.octavo("store", "gc", "--dry-run").code == study.octavo("store", "gc").code == 0
    assert "in all        0 results       0 B" in study.octavo("store", "du").out

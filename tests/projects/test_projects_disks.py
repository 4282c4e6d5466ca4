"""Disks that are full or take no writes, for real: small file systems in memory that only the command sees."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

ALONE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
FILES: dict[str, Content] = {
    "pyproject.toml": """\
[tool.octavo]
title = "A disk"
jobs = 2

[tool.octavo.sweeps.fit]
notebook = "notebooks/fit.ipynb"
grid = { a = [1, 2, 3, 4, 5, 6] }
""",
    "notebooks/fit.ipynb": ["[parameters]\na = 1", "import octavo\nprint('x' * 20_000)\noctavo.value('n', a)"],
    "notebooks/all.ipynb": ["import octavo\noctavo.value('sum', int(octavo.sweep('fit').n.sum()))"],
}
# The store on a small disk; a build; more room; the same build twice.
FULL = """\
mount -t tmpfs -o {small} tmpfs .octavo || exit 99
"$@"; echo "first: $?"
mount -o remount,size=64m,nr_inodes=100000 .octavo
"$@"; echo "second: $?"
"$@"; echo "third: $?"
"""
READ_ONLY = 'mount --bind .octavo .octavo && mount -o remount,bind,ro .octavo && exec "$@"'


@pytest.fixture(autouse=True)
def mounts() -> None:
    """Skip where the kernel lets nobody mount a file system for themselves."""
    if not shutil.which("unshare") or subprocess.run([*ALONE, "true"], capture_output=True).returncode:
        pytest.skip("the kernel lets nobody mount a file system for themselves (unshare --user --mount)")


def built(project: Tiny) -> dict[str, bytes]:
    """Return what a build left for its user."""
    folder = project.root / "build"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.proof
@pytest.mark.parametrize("small", ["size=96k", "size=150k", "nr_inodes=40", "nr_inodes=52"])
def test_a_disk_that_is_full(tiny: Callable[..., Tiny], small: str) -> None:
    """It is said; what was finished is kept and not run again; the end is as on a large disk, byte for byte."""
    good, project = tiny(FILES, "good"), tiny(FILES)
    assert good.octavo("build").code == 0
    (project.root / ".octavo").mkdir()
    said = project.octavo("build", under=(*ALONE, FULL.format(small=small), "sh"))
    first, _, rest = said.out.partition("first: 3\n")
    assert rest and "Built" not in first, said
    # Octavo found it full, or a cell did: in what `octavo.value` writes.
    assert "No space left on device" in said.err and "\n  Free some space and run the same command" in said.err
    finished = {line.split()[2] for line in said.err.partition("error: ")[0].splitlines() if " ran " in line}
    anew = {line.split()[2] for line in said.err.rpartition("error: ")[2].splitlines() if " ran " in line}
    assert finished and not finished & anew and finished | anew == {*(f"fit/a={n}" for n in range(1, 7)), "all"}
    assert "second: 0\nNothing to do: all 7 results are up to date." in rest and rest.endswith("third: 0\n")
    assert built(project) == built(good)


def test_a_store_that_is_read_only(study: Tiny) -> None:
    """It matters where something is to be made: a build says so, once, and leaves the last good outputs.

    What only looks goes on; later nothing is missing.
    """
    before = built(study)
    idle = study.octavo("build", under=(*ALONE, READ_ONLY, "sh"))
    assert (idle.code, idle.err) == (0, "") and idle.out.startswith("Nothing to do: "), idle
    study.replace("notebooks/helper.py", "2 * x", "3 * x")
    said = study.octavo("build", under=(*ALONE, READ_ONLY, "sh"))
    assert (said.code, said.out) == (3, "") and said.err.count("error: ") == 1
    assert "/.octavo/" in said.err
    assert said.err.endswith(": This cannot be written to.\n  Make the folder writable and run again.\n")
    assert built(study) == before
    for words in (("status",), ("why", "all"), ("store", "verify"), ("store", "du")):
        looked = study.octavo(*words, under=(*ALONE, READ_ONLY, "sh"))
        assert (looked.code, looked.err) == (0, ""), words
    assert study.octavo("build").code == 0 and built(study) != before


@pytest.mark.proof
def test_outputs_on_a_disk_that_is_full(tiny: Callable[..., Tiny]) -> None:
    """What was computed is kept in the store, the outputs that stood there stay; with more room nothing runs again."""
    good, project = tiny(FILES, "good"), tiny(FILES)
    assert good.octavo("build").code == 0
    (project.root / "build").mkdir()
    said = project.octavo("build", under=(*ALONE, FULL.replace(".octavo", "build").format(small="size=64k"), "sh"))
    first, _, rest = said.out.partition("first: 3\n")
    assert rest and "Built" not in first, said
    assert "The disk takes no more: No space left on device.\n  Free some space and run" in said.err
    assert rest.startswith("Nothing to do: all 7 results are up to date."), said
    assert rest.count("Nothing to do") == 2 and rest.endswith("third: 0\n")


def test_a_folder_of_the_store_on_another_disk(tiny: Callable[..., Tiny]) -> None:
    """Results cannot be moved into a folder of .octavo that lies elsewhere: it says so, with the way out."""
    shared = Path("/dev/shm")
    project = tiny({"notebooks/one.ipynb": ["1"]})
    if not shared.is_dir() or shared.stat().st_dev == project.root.stat().st_dev:
        pytest.skip("there is no other disk at /dev/shm")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        (project.root / ".octavo").mkdir()
        (project.root / ".octavo/store").symlink_to(folder)
        said = project.octavo("build")
        assert said.code == 3
        assert "This lies on another disk than what is moved there.\n  Its folder is a link. Put .octavo on" in said.err
        (project.root / ".octavo/store").unlink()
        shutil.rmtree(project.root / ".octavo")
        (project.root / ".octavo").symlink_to(folder)
        assert project.octavo("build").code == 0

"""Digests of files that cannot be read as usual, and of names that are no text."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from octavo.engine import key
from octavo.filenames import MISSING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.conftest import Tiny


def test_what_cannot_be_a_file_is_missing(tmp_path: Path) -> None:
    """A run may ask for a name that is too long, or for a link to itself: what it got was no file."""
    (tmp_path / "circle").symlink_to("circle")
    assert {key.of_file(tmp_path / name) for name in ("x" * 300, "circle", "none", "none/more")} == {MISSING}


def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    """It is neither missing nor a fault of the build: whoever asked for it was refused too."""
    (tmp_path / "a.txt").write_text("1")

    def refused(path: Path) -> AbstractContextManager[None]:  # root, as whom tests may run, is refused nothing
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    assert key.of_file(tmp_path / "a.txt", refused) == key.UNREADABLE


def test_names_that_are_no_text_have_digests_of_their_own(tmp_path: Path) -> None:
    """Bytes of a name that are not UTF-8 count like letters, and never as another name does."""
    for number, name in enumerate((b"\xff", b"\xfe", b"ff", b"\\xff", b"\xc3\xa9")):
        folder = tmp_path / str(number)
        folder.mkdir()
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("1")
    folders = sorted(tmp_path.iterdir())
    assert len({key.of_file(folder) for folder in folders}) == 5
    assert len({key.of_files(folder.iterdir(), tmp_path) for folder in folders}) == 5


def test_a_run_may_ask_for_a_name_that_is_too_long(tiny: Callable[..., Tiny]) -> None:
    """It was told that there is none, and went on; a folder of any name beside it stops nothing either."""
    cell = "import octavo\ntry:\n    open('x' * 300)\nexcept OSError:\n    octavo.value('none', 1)"
    project = tiny({"notebooks/a.ipynb": [cell]})
    Path(os.fsdecode(os.fsencode(project.root) + b"/caf\xe9")).mkdir()
    assert project.octavo("build").code == 0
    assert "up to date" in project.octavo("status").out

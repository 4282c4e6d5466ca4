"""Tiny real projects, driven by the real command."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from tests import reading

from octavo.engine import forked

COMMAND = [sys.executable, "-c", "from octavo.cli import main; main()"]
CONFIG = "[tool.octavo]\n"
Content = str | bytes | list[str]


@dataclass(frozen=True)
class Said:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Tiny:
    """A project of a few files in a folder of its own."""

    root: Path

    def write(self, files: Mapping[str, Content]) -> Tiny:
        """Write files; a list of texts becomes a notebook (see ``notebook``)."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content if isinstance(content, str) else notebook(content), encoding="utf-8")
        return self

    def replace(self, name: str, old: str, new: str) -> Tiny:
        """Edit a file as a user would."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        (self.root / name).write_text(text.replace(old, new), encoding="utf-8")
        return self

    def read(self, name: str) -> str:
        """Return a file's text."""
        return (self.root / name).read_text(encoding="utf-8")

    def begin(
        self, *arguments: str, under: Sequence[str] = (), preexec_fn: Callable[[], object] | None = None
    ) -> subprocess.Popen[str]:
        """Start the command in the project, in a process group of its own; ``under`` is a command that starts it."""
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
        environment.pop("PYTEST_CURRENT_TEST", None)  # ipykernel does not watch the standard streams where it is set
        return subprocess.Popen(
            [*under, *COMMAND, *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment,
            preexec_fn=preexec_fn,
        )

    def octavo(
        self,
        *arguments: str,
        timeout: float = 120,
        under: Sequence[str] = (),
        preexec_fn: Callable[[], object] | None = None,
    ) -> Said:
        """Run the command in the project to its end. No command may ever show a traceback."""
        process = self.begin(*arguments, under=under, preexec_fn=preexec_fn)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert "Traceback" not in out + err, out + err
        return Said(process.returncode, out, err)

    def still_working(self, seconds: float = 0, below: str = "") -> list[str]:
        """Return the commands that work in a folder of the project, once none does or after some seconds."""
        end = time.monotonic() + seconds
        while (found := list(_working_in(self.root / below))) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def copy(self, root: Path) -> Tiny:
        """Return a copy in another folder, with its store and all that was built."""
        shutil.copytree(self.root, root)
        return Tiny(root)

    def files(self) -> dict[str, tuple[int, int]]:
        """Return the inode and the time of every file, locks apart: what a command that writes nothing leaves."""
        every = (p for p in sorted(self.root.rglob("*")) if p.is_file() and p.suffix != ".lock" and p.name != "lock")
        return {p.relative_to(self.root).as_posix(): (p.stat().st_ino, p.stat().st_mtime_ns) for p in every}


def _working_in(folder: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if process.joinpath("cwd").readlink().is_relative_to(folder):
                yield process.joinpath("cmdline").read_text().replace("\0", " ")


def notebook(cells: list[str]) -> str:
    """Return a notebook: ``[md]`` begins a Markdown cell, ``[parameters]`` the tagged cell, the others are code."""
    made = []
    for number, text in enumerate(cells):
        kind, body = re.match(r"(?s)(?:\[(md|parameters)\]\s+)?(.*)", text).groups()  # type: ignore[union-attr]
        cell = nbformat.v4.new_markdown_cell(body) if kind == "md" else nbformat.v4.new_code_cell(body)
        cell.metadata = nbformat.NotebookNode({"tags": ["parameters"]} if kind == "parameters" else {})
        cell.id = f"cell-{number}"
        made.append(cell)
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    return f"{nbformat.writes(nbformat.v4.new_notebook(cells=made, metadata={'kernelspec': kernel}))}\n"


@pytest.fixture(scope="session", autouse=True)
def own_sockets() -> Iterator[None]:
    """A place for sockets of these tests' own: they meet no process of another run's, and leave none behind."""
    # A short path. Processes that are told to end may still make a lock there while it is removed.
    place = tempfile.TemporaryDirectory(prefix="o", ignore_cleanup_errors=True)
    with place as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield
        reading.end()
        if forked.forkable():
            forked.stop()


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Tiny]:
    """Return a maker of projects: ``tiny({name: content, …})``; without a pyproject.toml it gets an empty one."""

    def make(files: Mapping[str, Content], folder: str = "project") -> Tiny:
        return Tiny(tmp_path / folder).write({"pyproject.toml": CONFIG, **files})

    return make


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, Content]], Tiny]:
    """Return a maker of projects that all tests of a module share."""
    return lambda files: Tiny(tmp_path_factory.mktemp("lasting") / "project").write(files)


STUDY: dict[str, Content] = {
    "pyproject.toml": """[tool.octavo]
title = "A study"
jobs = 2

[tool.octavo.media.column]
width = 3.35
formats = ["svg"]

[tool.octavo.sweeps.fit]
notebook = "notebooks/fit.ipynb"
grid = { a = [1, 2, 3] }
""",
    "data/n.txt": "7\n",
    "notebooks/helper.py": "def twice(x):\n    return 2 * x\n",
    "notebooks/fit.ipynb": [
        "[md] # One point",
        "[parameters] a = 0",
        "import octavo\nimport helper\nfrom pathlib import Path",
        "# the factor\nn = int(Path('../data/n.txt').read_text())\noctavo.value('twice', helper.twice(a) * n)",
    ],
    "notebooks/all.ipynb": [
        "import warnings\nimport octavo\nframe = octavo.sweep('fit')\nwarnings.warn('a path, a number')\nobject()",
        "octavo.value('sum', int(frame['twice'].sum()))\noctavo.table('rows', frame)",
        "octavo.figure('line', lambda fig: fig.subplots().plot(frame['a'], frame['twice']))",
    ],
}


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tiny, Said]:
    """A small study and what its first build said. Nobody changes it: take ``study``, a copy."""
    project = Tiny(tmp_path_factory.mktemp("once") / "study").write(STUDY)
    return project, project.octavo("build")


@pytest.fixture
def study(built_once: tuple[Tiny, Said], tmp_path: Path) -> Tiny:
    """A copy of the small study, built: three points of a sweep and a notebook that reads them."""
    assert built_once[1].code == 0, built_once[1]
    return built_once[0].copy(tmp_path / "study")

"""Loaded into the kernel as an IPython extension: notes which files a run reads, and which modules it imported.

Python's audit hook sees what Python opens, tries to open, or lists; it does not see what a compiled library opens by
itself (parquet through pyarrow, HDF5), what a child process reads, or who asks whether a file exists. Name such files
under ``inputs`` in the sweep's section.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from octavo.errors import NotebookError

TRACE = "OCTAVO_TRACE"
INSTALLED = (sys.prefix + os.sep, os.path.dirname(os.__file__) + os.sep)  # noqa: PTH120
State = list[int] | None  # of a file: when it was last written (ns) and its length; None where there was none


def load_ipython_extension(shell: Any) -> None:
    """Begin to trace; the result is written to the file that OCTAVO_TRACE names after every cell."""
    target = os.environ.get(TRACE)
    if not target:
        return
    seen = Seen()
    sys.addaudithook(seen.hear)
    shell.events.register("post_run_cell", lambda _result: seen.write(Path(target)))
    atexit.register(lambda: seen.write(Path(target)))


class Seen:
    """What a run was seen to do with files. The state of each is what it was when it was first read."""

    def __init__(self) -> None:
        self.read: dict[str, State] = {}
        self.written: set[str] = set()
        self.listed: set[str] = set()
        self.modules: dict[str, State] = {}
        self.known: set[str] = set()
        self.told: tuple[int, ...] = ()

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an event of the interpreter in. There are tens of thousands: the name first."""
        if event == "open":
            self._opened(*arguments)
        elif event == "sqlite3.connect":
            self._opened(arguments[0], "r", 0)
            self._opened(arguments[0], "w", 0)  # as may be: what the library does with it is not seen
        elif event in ("os.listdir", "os.scandir") and not _importing():
            folder = "." if arguments[0] is None else arguments[0]
            if isinstance(folder, str | bytes):
                self.listed.add(os.path.abspath(os.fsdecode(folder)))  # noqa: PTH100

    def _opened(self, file: object, mode: object, flags: object) -> None:
        if not isinstance(file, str | bytes):
            return
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100
        bits = flags if isinstance(flags, int) else 0
        if (isinstance(mode, str) and any(c in mode for c in "wax+")) or bits & (os.O_WRONLY | os.O_RDWR):
            self.written.add(path)
        elif path not in self.written:  # what a run wrote itself and then reads is no input of its
            self.read.setdefault(path, state(path))

    def write(self, target: Path) -> None:
        """Write what was seen so far, if there is more than last time."""
        size = (len(self.read), len(self.written), len(self.listed), len(sys.modules))
        if size == self.told:
            return
        self.told = size
        for name in sys.modules.keys() - self.known:  # thousands are installed ones, which the key knows already
            self.known.add(name)
            file = getattr(sys.modules.get(name), "__file__", None)
            if file and not file.startswith(INSTALLED):
                self.modules[file] = state(file)
        found = {"read": self.read, "written": self.written, "listed": self.listed, "modules": self.modules}
        target.write_text(json.dumps(found, default=sorted), encoding="utf-8")


def state(path: str) -> State:
    """Return when a file was last written and its length; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size]


def _importing() -> bool:
    """Whether it is Python's import that lists a folder: what it finds there is traced as modules."""
    return sys._getframe(2).f_code.co_filename.startswith("<frozen importlib")


def traced(file: Path, root: Path, ignored: tuple[Path, ...], where: str) -> tuple[Path, ...]:
    """Return what a run read, as far as its key must hold it: files and folders outside the environment and the system.

    Files of the project that were looked for and not found are among them. ``ignored`` are folders of the project that
    are not sources (the store, what was built). Raises NotebookError when a file changed while the run went on: what
    the run read is not what the file holds now.
    """
    if not file.exists():
        return ()
    found = json.loads(file.read_text(encoding="utf-8"))
    own = tuple(map(str, (*ignored, Path(sys.prefix), Path(__file__).parent.parent)))
    system = (*own, *map(str, _system()))
    temporary = (*system, "/tmp", tempfile.gettempdir())

    def counts(name: str, outside: tuple[str, ...] = temporary) -> bool:
        inside = _below(name, (str(root),))
        return (inside or os.path.exists(name)) and not _below(name, own if inside else outside)  # noqa: PTH110

    read = {name: was for name, was in found["read"].items() if not name.endswith(".pyc") and counts(name)}
    modules = {name: was for name, was in found["modules"].items() if counts(name, system)}
    for name, was in sorted({**modules, **read}.items()):
        if name not in found["written"] and state(name) != was:
            raise NotebookError(
                f"'{_named(name, root)}' changed while it ran.", where=where, hint="Run the same command again."
            )
    return tuple(sorted(map(Path, {*read, *modules, *filter(counts, found["listed"])})))


def _below(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or name.startswith(f"{folder}{os.sep}") for folder in folders)


def _named(name: str, root: Path) -> str:
    return Path(name).relative_to(root).as_posix() if _below(name, (str(root),)) else name


def _system() -> tuple[Path, ...]:
    home = Path.home()
    mine = (".cache", ".config", ".ipython", ".jupyter", ".local", ".matplotlib")
    fixed = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run", "/System", "/Library")
    return (Path(sys.base_prefix), *(home / name for name in mine), *map(Path, fixed))

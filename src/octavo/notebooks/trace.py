"""Loaded into the kernel as an IPython extension: notes which files a run reads, and which modules it imported.

Python's audit hook sees what Python opens; it does not see what a compiled library opens by itself (parquet through
pyarrow, HDF5) or what a child process reads. Name such files under ``inputs`` in the sweep's section.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

TRACE = "OCTAVO_TRACE"


def load_ipython_extension(shell: Any) -> None:
    """Begin to trace; the result is written to the file that OCTAVO_TRACE names after every cell."""
    target = os.environ.get(TRACE)
    if not target:
        return
    opened: set[str] = set()
    written: set[str] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        # Called for every event of the interpreter (tens of thousands): the name first.
        if event == "open" and isinstance(arguments[0], str | bytes):
            mode, flags = arguments[1], arguments[2] or 0
            writes = (isinstance(mode, str) and any(c in mode for c in "wax+")) or flags & (os.O_WRONLY | os.O_RDWR)
            (written if writes else opened).add(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100
        elif event == "sqlite3.connect" and isinstance(arguments[0], str | bytes):
            opened.add(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100

    told: tuple[int, ...] = ()

    def write() -> None:
        nonlocal told
        seen = (len(opened), len(written), len(sys.modules))
        if seen == told:
            return
        told = seen
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        found = {"opened": sorted(opened - written), "modules": sorted(m for m in modules if m)}
        Path(target).write_text(json.dumps(found), encoding="utf-8")

    sys.addaudithook(hook)
    shell.events.register("post_run_cell", lambda _result: write())
    atexit.register(write)


def traced(file: Path, root: Path, ignored: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return what a run read, as far as its key must hold it: regular files outside the environment and the system.

    ``ignored`` are folders of the project that are not sources (the store, what was built).
    """
    if not file.exists():
        return ()
    found = json.loads(file.read_text(encoding="utf-8"))
    inside = f"{root}{os.sep}"  # a thousand modules: paths are made of the few that lie in the project
    modules = {Path(name) for name in found["modules"] if name.startswith(inside)}
    paths = {Path(name) for name in found["opened"]} | modules
    own = (*ignored, Path(sys.prefix), Path(__file__).parent.parent)
    system = _system()

    def counts(path: Path) -> bool:
        outside = own if path.is_relative_to(root) else (*own, *system)
        return path.is_file() and path.suffix != ".pyc" and not any(map(path.is_relative_to, outside))

    return tuple(sorted(filter(counts, paths)))


def _system() -> tuple[Path, ...]:
    home = Path.home()
    mine = (".cache", ".config", ".ipython", ".jupyter", ".local", ".matplotlib")
    fixed = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/tmp", "/run", "/System", "/Library")
    return (Path(sys.base_prefix), Path(tempfile.gettempdir()), *(home / name for name in mine), *map(Path, fixed))

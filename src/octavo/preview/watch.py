"""Whether something was saved: the system is asked twenty times a second what it tells of some files.

Not inotify: it is Linux's alone, misses what another machine saves on a shared disk, and a paper has few files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from octavo.engine.task import Memory
from octavo.planning import Plan
from octavo.sections import CONFIG

PERIOD = 0.05  # seconds from one look to the next
SETTLED = 0.02  # seconds for which nothing more may be saved: an editor may write a file in two steps
SHARE = 0.1  # of the time, that looks may take where there are many files

States = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Seen:
    """What the system tells of the paper's ``sources``, of the ``rest`` of the project, and of its ``results``."""

    sources: States
    rest: States
    results: States


@dataclass(frozen=True)
class Watched:
    """What is looked at: the files of the paper, all else that a plan is made of, the list of the last results."""

    folder: Path | None
    apart: tuple[Path, ...]
    sources: tuple[Path, ...]
    rest: tuple[Path, ...]
    results: tuple[Path, ...]

    def look(self) -> Seen:
        beside = _below(self.folder, self.apart) if self.folder else ()
        return Seen(_states([*beside, *self.sources]), _states(self.rest), _states(self.results))


def unplanned(root: Path) -> Watched:
    """Return what is looked at as long as there is no plan: the files of which one is made."""
    folders = [root / CONFIG, root, root / "notebooks"]
    return Watched(None, (), (), (*folders, *sorted((root / "notebooks").glob("*"))), ())


def watched(whole: Plan, memory: Iterable[Memory]) -> Watched:
    """Return what is looked at for the paper of a plan; the last results tell what their runs read."""
    project = whole.project
    assert project.paper
    notebooks = [sweep.notebook for sweep in project.sweeps]
    folders = {notebook.parent for notebook in notebooks} | {project.root / "notebooks"}
    modules = [file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.py"))]
    inputs = [file for sweep in project.sweeps for file in sweep.inputs]
    read = {project.root / name for entry in memory for name in entry.entry.reads}
    styles = [project.root / medium.style for medium in project.media if medium.style]
    rest = {project.root / CONFIG, *folders, *notebooks, *modules, *inputs, *read, *styles}
    return Watched(
        folder=project.paper.source.parent,
        apart=(project.build, project.state),
        sources=tuple(filter(None, (project.paper.bibliography, project.paper.template))),
        rest=tuple(sorted(rest)),
        results=(project.state / "last.json",),
    )


def changed(
    watched: Watched,
    before: Seen,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Seen:
    """Wait until something was saved since ``before`` and nothing more is; return what is seen then."""
    while True:
        begun = clock()
        now = watched.look()
        if now != before:
            sleep(SETTLED)
            while (later := watched.look()) != now:
                now = later
                sleep(SETTLED)
            return now
        sleep(max(PERIOD, (clock() - begun) / SHARE))


def _below(folder: Path, apart: tuple[Path, ...]) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        place = Path(here)
        folders[:] = [name for name in folders if not name.startswith(".") and place / name not in apart]
        yield from (place / name for name in files if not name.startswith("."))


def _states(paths: Iterable[Path]) -> States:
    found: States = {}
    for path in paths:
        try:
            of = os.stat(path)  # noqa: PTH116 (often)
        except OSError:
            found[str(path)] = ()
        else:
            found[str(path)] = (of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns)
    return found

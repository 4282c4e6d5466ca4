"""The upkeep of the store: is every result still what was put into it, what is not used any more, what takes room."""

from __future__ import annotations

import errno
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from octavo.engine import key as keys
from octavo.engine import locks
from octavo.engine.graph import ordered
from octavo.engine.staleness import decide, outputs_digest
from octavo.engine.store import ENTRY, UNFINISHED, Store, load
from octavo.engine.task import Entry, Task

DAY = 86_400  # seconds


@dataclass(frozen=True)
class Damage:
    """A result that does not hold what was put into it: its task (empty: not known), its folder, which files.

    It is not ``removed`` where another build is making it anew.
    """

    task: str
    folder: Path
    files: tuple[str, ...]
    removed: bool


@dataclass(frozen=True)
class Verified:
    """What was read: so many results, so many bytes, and what is damaged."""

    results: int
    size: int
    damaged: tuple[Damage, ...]


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be: folders of results, other files and folders, and the bytes of both."""

    results: tuple[Path, ...]
    leftovers: tuple[Path, ...]
    size: int


@dataclass(frozen=True)
class Share:
    """What results of one task take; of a result that no task uses, ``task`` is empty."""

    task: str
    results: int
    size: int


def verify(store: Store) -> Verified:
    """Read every file of every result and remove the results that are damaged, so that the next build makes them anew.

    Builds may be at work meanwhile. Raises OSError where a file cannot be read for other reasons, or not be removed.
    """
    names = _names(store)
    size, number, damaged = 0, 0, []
    for folder in _results(store):
        number += 1
        size += _size(folder)
        if files := _faults(folder):
            damaged.append(Damage(names.get(folder, ""), folder, files, _removed(store, folder)))
    return Verified(number, size, tuple(damaged))


def used(store: Store, tasks: Sequence[Task]) -> dict[Path, str]:
    """Return the folders of the results that tasks have now, and of those they had last, with the names of the tasks.

    The last result of a task that is stale is what stands in ``build/``.
    """
    memory, digest = store.memory(), keys.remembering()
    current: dict[str, Entry] = {}
    found: dict[Path, str] = {}
    for task in ordered(tasks):
        was = memory.get(task.name)
        if was:
            found[store.folder_of(was.entry)] = task.name
        if all(name in current for name in task.after):
            upstream = {name: outputs_digest(current[name], kept=task.kept) for name in task.after}
            decision = decide(task, upstream, store, was, digest)
            if decision.stored:
                folder, current[task.name] = decision.stored
                found[folder] = task.name
    return found


def collect(
    store: Store, in_use: Mapping[Path, str], made: Path, *, days: float, now: float, dry: bool = False
) -> Collected:
    """Remove the results that are not ``in_use`` and older than so many ``days``, and what dead builds left.

    ``made`` is the folder of what is published. ``now`` is the time in seconds; a result of the future is young. The
    store must be held alone, unless it is a ``dry`` run, which removes nothing.
    """
    old = tuple(f for f in _results(store) if f not in in_use and now - _age_of(f) >= days * DAY)
    left = tuple(_leftovers(store, made))
    size = sum(_size(path) for path in (*old, *left))
    if not dry:
        for path in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        with store.temporary() as trash:
            for folder in old:
                _remove(folder, trash)
    return Collected(old, left, size)


def discard(store: Store, folders: Iterable[Path]) -> None:
    """Remove results that nobody wants any more, as far as they are there. The store must be held alone."""
    with store.temporary() as trash:
        for folder in folders:
            if folder.is_dir():
                _remove(folder, trash)


def shares(store: Store, in_use: Mapping[Path, str]) -> tuple[Share, ...]:
    """Return what each task's results take, by name; what nothing uses comes last."""
    found: dict[str, list[int]] = defaultdict(list)
    for folder in _results(store):
        found[in_use.get(folder, "")].append(_size(folder))
    return tuple(Share(n, len(found[n]), sum(found[n])) for n in sorted(found, key=lambda n: (not n, n)))


def _results(store: Store) -> Iterator[Path]:
    """Yield the folder of every result, whole or not."""
    yield from (folder for folder in sorted((store.state / "store").glob("*/*")) if folder.is_dir())


def _names(store: Store) -> dict[Path, str]:
    return {store.folder_of(memory.entry): name for name, memory in sorted(store.memory().items())}


def _faults(folder: Path) -> tuple[str, ...]:
    """Return the files of a result that do not hold what was put into it."""
    entry = load(folder)
    if entry is None:
        return (ENTRY,)
    return tuple(name for name, (_, was) in sorted(entry.outputs.items()) if _digest(folder / name) != was)


def _digest(file: Path) -> str:
    try:
        return keys.of_file(file)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return ""  # the disk has lost it


def _removed(store: Store, folder: Path) -> bool:
    """Remove a damaged result, unless a build is making it; whether it is gone, or whole by now."""
    claim = store.claim(folder.parent.name)
    if claim is None:
        return False
    try:
        if folder.exists() and _faults(folder):  # a build may have made it anew since it was read
            with store.temporary() as trash:
                _remove(folder, trash)
    finally:
        claim.release(remove=True)
    return True


def _remove(folder: Path, trash: Path) -> None:
    """Remove a result: all of it is gone at once, for who looks for it."""
    gone = trash / folder.parent.name
    folder.rename(gone)
    shutil.rmtree(gone)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()


def _leftovers(store: Store, made: Path) -> Iterator[Path]:
    """Yield what builds that are dead left behind: folders of unfinished results, claims, files half written."""
    yield from (path for path in sorted((store.state / "tmp").glob("*")) if not store.at_work(path))
    held = sorted((store.state / "claims").glob("*"))
    half = (*sorted(store.state.glob(f".*{UNFINISHED}")), *sorted(made.rglob(f".*{UNFINISHED}")))
    for path in (*held, *half):
        if lock := locks.take(path, create=False):
            lock.release()
            yield path


def _age_of(folder: Path) -> float:
    """Return when a result was made."""
    entry = folder / ENTRY
    return (entry if entry.exists() else folder).stat().st_mtime


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; of what is gone meanwhile, none."""
    try:
        return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    except FileNotFoundError:
        return 0

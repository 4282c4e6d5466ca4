"""Bring ``build/`` in line with the store: copy what differs, remove what is made no more, touch nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path

import msgspec

from octavo.engine.locks import READ_ONLY
from octavo.engine.store import sealed, unsealed, write_atomically
from octavo.errors import BuildError

FAILED = ".failed.ipynb"  # what the name of a notebook ends with, as far as it ran until it failed


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """A file in ``build/``: the key of what it shows, what the system tells of it without reading it, whose it is.

    ``task`` is empty for what is made of all results.
    """

    key: str
    state: tuple[int, ...] = ()
    task: str = ""


class Publication:
    """One publication to the folder ``build``; ``ledger`` is the file that remembers what was published.

    A file that is as it should be is not written again, so a build with nothing to do leaves the disk alone. Nor is it
    read, as long as nobody has touched it.
    """

    def __init__(self, build: Path, ledger: Path) -> None:
        self.build = build
        self.ledger = ledger
        self.before = _read(ledger)
        self.now: dict[str, Shown] = {}
        self.gone: set[str] = set()

    def add(self, source: Path, target: str, digest: str, task: str) -> None:
        """Show the file ``source`` of a task's result, whose SHA-256 is ``digest``, as ``build/target``.

        Raises BuildError when the file does not hold that any more.
        """
        self.add_made(target, digest, lambda: whole(source, digest), task)

    def add_made(self, target: str, key: str, make: Callable[[], bytes], task: str = "") -> None:
        """Show what ``make`` returns as ``build/target``; it is not called while ``key`` is as it was."""
        place = self.build / target
        state = _state(place)
        if not state or self.before.get(target) != Shown(key, state, task):
            content = make()
            if not place.is_file() or place.read_bytes() != content:
                write_atomically(place, content)
            state = _state(place)
        self.now[target] = Shown(key, state, task)

    def files(self) -> tuple[str, ...]:
        """Return what is shown in folders of ``build/``, with what was before and is not removed."""
        return tuple(sorted(name for name in (self.before.keys() - self.gone) | self.now.keys() if "/" in name))

    def remove(self, made_no_more: Callable[[str], bool]) -> None:
        """Remove what was published in folders before and is not now, as far as its task makes it no more."""
        left = {name: shown.task for name, shown in self.before.items() if "/" in name and name not in self.now}
        self.gone = {name for name, task in left.items() if made_no_more(task)}
        for target in sorted(self.gone):
            place = self.build / target
            if place.is_file() or place.is_symlink():  # what else stands there by now is not ours
                place.unlink()
            if place.parent != self.build and place.parent.is_dir() and not any(place.parent.iterdir()):
                place.parent.rmdir()

    def forget_failed(self, left: Container[str]) -> None:
        """Remove the notebooks that failed runs left of all points but those that are ``left``."""
        for failed in list(self.build.glob(f"notebooks/**/*{FAILED}")):
            target = failed.relative_to(self.build).as_posix()
            if target not in self.now and target.removeprefix("notebooks/").removesuffix(FAILED) not in left:
                failed.unlink()

    def remember(self) -> None:
        """Keep the list of what is published, if it changed."""
        known = {n: shown for n, shown in self.before.items() if n not in self.gone} | self.now
        if known != self.before:
            try:
                write_atomically(self.ledger, sealed(known))
            except OSError as error:
                if error.errno not in READ_ONLY:  # there, what is published is read next time
                    raise


def replace_files(folder: Path, before: Iterable[str], after: Mapping[str, bytes], *, last: str) -> None:
    """Bring files of ``folder`` from those named in ``before`` to ``after``; other files of the folder are left alone.

    The file ``last`` is written at the end: it vouches for the others, so a stop halfway is seen.
    """
    for name in sorted(after, key=lambda name: (name == last, name)):
        place = folder / name
        if not place.is_file() or place.read_bytes() != after[name]:
            write_atomically(place, after[name])
    for name in set(before) - after.keys():
        (folder / name).unlink(missing_ok=True)


def whole(file: Path, digest: str) -> bytes:
    """Return what a file of the store holds. Raises BuildError where that is not what was put into it."""
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        file.touch()  # a file that was touched is read whole by the next build, which then makes it again
        raise BuildError(
            f"'{file.name}' was damaged in the store.", where=file.parent.name, hint="Run the same command again."
        )
    return content


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = os.stat(file)  # noqa: PTH116 (10,000 times)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(ledger: Path) -> dict[str, Shown]:
    try:
        return unsealed(ledger.read_bytes(), dict[str, Shown])
    except (OSError, ValueError):  # not JSON, or not even text
        return {}

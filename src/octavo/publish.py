"""Bring ``build/`` in line with the store: copy what differs, remove what is made no more, touch nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from octavo.engine import key as keys
from octavo.engine.store import write_atomically


class Publication:
    """One publication to the folder ``build``; ``ledger`` is the file that remembers what was published.

    A file that is as it should be is not written again, so a build with nothing to do leaves the disk alone.
    """

    def __init__(self, build: Path, ledger: Path) -> None:
        self.build = build
        self.ledger = ledger
        self.before = _read(ledger)
        self.now: dict[str, str] = {}
        self.whole = False

    def add(self, source: Path, target: str, digest: str) -> None:
        """Show the file ``source``, whose SHA-256 is ``digest``, as ``build/target``."""
        place = self.build / target
        if keys.of_file(place) != digest:
            write_atomically(place, source.read_bytes())
        self.now[target] = digest

    def add_text(self, target: str, content: bytes) -> None:
        """Show ``content`` as ``build/target``."""
        place = self.build / target
        if not place.is_file() or place.read_bytes() != content:
            write_atomically(place, content)
        self.now[target] = ""

    def add_made(self, target: str, key: str, make: Callable[[], bytes]) -> None:
        """Show what ``make`` returns as ``build/target``; it is not called while ``key`` is as it was."""
        if self.before.get(target) != key or not (self.build / target).is_file():
            self.add_text(target, make())
        self.now[target] = key

    def files(self, complete: bool) -> tuple[str, ...]:
        """Return what is shown in folders of ``build/``; unless the publication is complete, with what was before."""
        return tuple(sorted(name for name in ({} if complete else self.before) | self.now if "/" in name))

    def finish(self) -> None:
        """Say that everything was added: what an earlier build published and this one did not is removed."""
        self.whole = True
        for failed in list(self.build.glob("notebooks/**/*.failed.ipynb")):
            failed.unlink()
        for target in sorted(self.before.keys() - self.now.keys()):
            place = self.build / target
            place.unlink(missing_ok=True)
            if place.parent != self.build and place.parent.is_dir() and not any(place.parent.iterdir()):
                place.parent.rmdir()

    def remember(self) -> None:
        """Keep the list of what is published, if it changed."""
        known = self.now if self.whole else {**self.before, **self.now}
        if known != self.before:
            write_atomically(self.ledger, msgspec.json.encode(known, order="deterministic"))


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


def _read(ledger: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(ledger.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}

"""Bring ``build/`` in line with the store: copy what differs, remove what is made no more, touch nothing else."""

from __future__ import annotations

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

    def finish(self) -> None:
        """Say that everything was added: what an earlier build published and this one did not is removed."""
        self.whole = True
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


def _read(ledger: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(ledger.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}

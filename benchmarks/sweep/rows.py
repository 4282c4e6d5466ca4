"""The rows that were measured: one line of JSON each, written when it is measured, never measured again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """The rows in a file. A row is known by its tool, its name, its round and the number of points of its plan."""

    file: Path

    def read(self) -> list[Row]:
        """Return all rows. A line that was cut off when the disk was full or the power went is left out."""
        if not self.file.is_file():
            return []
        found: list[Row] = []
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found

    def has(self, tool: str, row: str, number: int, points: int) -> bool:
        """Whether a row was measured."""
        return any(_known_by(found) == (tool, row, number, points) for found in self.read())

    def add(self, tool: str, row: str, number: int, points: int, measured: Mapping[str, object]) -> None:
        """Write a row at once."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        line = {"tool": tool, "row": row, "round": number, "points": points, **measured}
        cut = self.file.is_file() and not self.file.read_bytes().endswith(b"\n")
        with self.file.open("a", encoding="utf-8") as file:
            file.write("\n" * cut + json.dumps(line) + "\n")


def _known_by(row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("tool", "row", "round", "points"))

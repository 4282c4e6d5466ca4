"""The cells of a table of the syntax tree, placed: which column each begins in, and how the columns are aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from octavo.model import Align

Node = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A cell: its node, the column in which it begins (from 0), how many columns and rows it spans."""

    node: Node
    column: int
    align: Align
    colspan: int
    rowspan: int


Grid = Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """The rows of a table, the number of header rows among them, and the alignment of each column."""

    rows: tuple[Grid, ...]
    headers: int
    alignments: tuple[Align, ...]


def read_grid(table: Node) -> Table:
    """Return the placed cells of a table node."""
    busy: set[tuple[int, int]] = set()
    rows: list[Grid] = []
    alignments: dict[int, Align] = {}
    for number, row in enumerate(table["children"]):
        cells: list[Cell] = []
        column = 0
        for node in row["children"]:
            while (number, column) in busy:
                column += 1
            width, height = int(node.get("colspan") or 1), int(node.get("rowspan") or 1)
            busy |= {(number + down, column + right) for down in range(height) for right in range(width)}
            align: Align = node.get("align") or "left"
            cells.append(Cell(node, column, align, width, height))
            if width == 1 and (column not in alignments or not node.get("header")):
                alignments[column] = align
            column += width
        rows.append(cells)
    headers = 0
    while headers < len(rows) and all(cell.node.get("header") for cell in rows[headers]):
        headers += 1
    columns = max((column for _, column in busy), default=-1) + 1
    return Table(tuple(rows), headers, tuple(alignments.get(column, "left") for column in range(columns)))

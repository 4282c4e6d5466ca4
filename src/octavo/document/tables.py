"""The cells of a table of the syntax tree, placed: which column each begins in, and how the columns are aligned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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


def longest(table: Table, column: int) -> tuple[list[str], list[str]]:
    """Return the longest words and lines of a column: few are measured, and the widest is there."""
    lines = [_said(cell.node) for cell in single(table, column)]
    words = [word for line in lines for word in re.findall(r"[^\s-]{1,30}-?", line)]  # the templates break longer ones
    most, longest = (sorted(set(texts), key=lambda text: (-len(text), text))[:5] for texts in (words, lines))
    return most, longest


def formulas(table: Table, column: int) -> list[Node]:
    """Return the longest formulas of a column."""
    nodes = (node for cell in single(table, column) for node in _all(cell.node) if node["type"] == "inlineMath")
    found: dict[str, Node] = {str(node["value"]): node for node in nodes}
    return [found[tex] for tex in sorted(found, key=lambda tex: (-len(tex), tex))[:5]]


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("children", []):
        yield from _all(child)


def single(table: Table, column: int) -> list[Cell]:
    """Return the cells that stand in one column alone."""
    return [cell for row in table.rows for cell in row if cell.column == column and cell.colspan == 1]


def _said(node: Node) -> str:
    if node["type"] in ("text", "value", "inlineCode"):
        return str(node["value"])
    return "".join(_said(child) for child in node.get("children", []))

"""Put the results into a parsed document: values as text, tables as rows and cells, figures as their drawings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec

from octavo import printing
from octavo.document.lookup import Lookup
from octavo.document.placing import placed
from octavo.document.source import COLUMN, Content, included
from octavo.errors import nearest, raise_all
from octavo.model import SAVED, Drawing, Place, Result, Results, Table

Node = dict[str, Any]
WEB = "web"


def fill(content: Content, results: Results) -> Content:
    """Return the content with every value, table and figure of the results put in.

    A value becomes a node ``value`` with its ``name`` and text; a table gets rows; a figure becomes a node
    ``drawing`` with its ``files`` by format, its ``width`` and ``height`` in inches and its ``alt``; as ``narrow`` it
    has the same for one column, and as ``web`` for web pages, where it was drawn for these.
    Raises DocumentError (or Problems) for names that the results do not have, and media that were not drawn.
    """
    filler = _Filler(content.file, Lookup(results))
    parts = {name: filler.nodes(nodes, None) for name, nodes in content.parts.items()}
    filled = msgspec.structs.replace(content, parts=parts, nodes=filler.nodes(content.nodes, None))
    raise_all(filler.lookup.problems)
    return filled


class _Filler:
    def __init__(self, file: str, lookup: Lookup) -> None:
        self.file = file
        self.lookup = lookup

    def nodes(self, nodes: Sequence[Node], line: int | None) -> list[Node]:
        return [self.node(node, line) for node in nodes]

    def node(self, node: Node, line: int | None) -> Node:
        line = node.get("position", {}).get("start", {}).get("line") or line
        place = Place(self.file, line)
        name = node.get("data", {}).get("name", "") if isinstance(node.get("data"), dict) else ""
        if node["type"] == "octavoValue":
            return {**node, "type": "value", "value": self.lookup.value(node["name"], place) or ""}
        if node["type"] == "iframe" and name:
            return self.drawing(node, name, place)
        if node["type"] == "table" and name:
            table = self.lookup.table(name, place)
            return {**node, "children": rows(table)} if table else node
        if "children" not in node:
            return node
        outer = self.file
        if node["type"] == "include":
            self.file = included(outer, node)
        filled = {**node, "children": self.nodes(node["children"], line)}
        self.file = outer
        return filled

    def drawing(self, node: Node, name: str, place: Place) -> Node:
        found = self.lookup.figure(name, place)
        if found is None:
            return node
        figure, result = found
        medium = node["data"]["width"] or COLUMN
        media = self.lookup.results.media
        drawn = placed(figure, medium, media)
        if not drawn:
            known = sorted({drawing.medium for drawing in figure.drawings if drawing.medium not in (SAVED, WEB)})
            hint = nearest(medium, known) or f"Its media: {', '.join(known)} (see [tool.octavo.media])."
            self.lookup.problem(f"The figure '{name}' was not drawn for the width '{medium}'.", place, hint)
            return node
        made = {**node, "type": "drawing", "name": name, **_drawing(drawn, result, node["alt"] or figure.alt)}
        for use, other in (("narrow", COLUMN), ("web", WEB)):
            drawings = [drawing for drawing in figure.drawings if drawing.medium == other]
            if drawings:
                made[use] = {**made, **_drawing(drawings, result, made["alt"])}
        return made


def _drawing(drawn: Sequence[Drawing], result: Result, alt: str) -> Node:
    files = {drawing.format: str(result.path(drawing.file)) for drawing in drawn}
    first = drawn[0]
    return {"files": files, "medium": first.medium, "width": first.width, "height": first.height, "alt": alt}


def rows(table: Table) -> list[Node]:
    """Return a recorded table as rows of a syntax tree: spanning headers if it has any, headers, cells."""
    made = []
    if any(column.group for column in table.columns):
        spans = [(group, len(list(columns))) for group, columns in groupby(table.columns, lambda c: c.group)]
        made.append(_row([_cell(label, "center", header=True, colspan=span) for label, span in spans]))
    made.append(_row([_cell(column.label, column.align, header=True) for column in table.columns]))
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        made.append(_row([_cell(printing.cell(content, column), column.align) for content, column in cells]))
    return made


def _row(cells: list[Node]) -> Node:
    return {"type": "tableRow", "children": cells}


def _cell(text: str, align: str, *, header: bool = False, colspan: int = 1) -> Node:
    node: Node = {"type": "tableCell", "align": align, "children": [{"type": "text", "value": text}] if text else []}
    if header:
        node["header"] = True
    if colspan > 1:
        node["colspan"] = colspan
    return node

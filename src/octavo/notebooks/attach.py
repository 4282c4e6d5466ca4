"""Give an executed notebook the words of its source: what ran is the same, what stands around it may be newer.

An edit of a comment or of Markdown runs nothing. The executed notebook in ``build/`` shows it all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from octavo.model import MARK
from octavo.notebooks.neutral import MOMENT
from octavo.notebooks.source import has_code, text_of, words

INJECTED = "injected-parameters"
Cell = dict[str, Any]


def attach(executed: bytes, source: bytes) -> bytes:
    """Return the notebook ``source`` with the outputs, the counts and the injected parameters of ``executed``.

    Where the source says what it said then, that is ``executed`` itself; so it is where the code has changed meanwhile.
    """
    ran, given = json.loads(executed), json.loads(source)
    own = [cell for cell in ran["cells"] if not _injected(cell)]
    with_code = [cell for cell in own if has_code(cell)]
    if words({"cells": own}) == words(given) or len(with_code) != sum(map(has_code, given["cells"])):
        return executed
    injected = {_code_before(ran["cells"], place): c for place, c in enumerate(ran["cells"]) if _injected(c)}
    cells = [injected[0]] if 0 in injected else []
    done = 0
    for cell in given["cells"]:
        code = has_code(cell)
        cells.append(_filled(cell, with_code[done] if code else {}))
        done += code
        if code and done in injected:
            cells.append(injected[done])
    numbered = [{**cell, "id": f"cell-{place}"} if "id" in cell else cell for place, cell in enumerate(cells, 1)]
    return (json.dumps({**ran, "cells": numbered}, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def show(executed: bytes, drawings: Mapping[str, str]) -> bytes:
    """Return an executed notebook with ``drawings`` (SVG, by name) of its declared figures where these are declared."""
    book = json.loads(executed)
    for cell in book["cells"]:
        for output in cell.get("outputs", ()):
            name = output.get("metadata", {}).get(MARK, {}).get("figure")
            if name in drawings:
                output["data"]["image/svg+xml"] = drawings[name].splitlines(keepends=True)
    return (json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode() if drawings else executed


def _filled(cell: Cell, ran: Cell) -> Cell:
    """Return a cell of the source as it looks when it has run: with the outputs of ``ran``, if it has code."""
    metadata = {name: value for name, value in cell.get("metadata", {}).items() if name not in MOMENT}
    said = {**cell, "metadata": {"tags": [], **metadata}, "source": text_of(cell).splitlines(keepends=True)}
    if cell["cell_type"] != "code":
        return said
    return {**said, "outputs": ran.get("outputs", []), "execution_count": ran.get("execution_count")}


def _code_before(cells: list[Cell], place: int) -> int:
    """Return how many cells with code of the user's own stand before a place."""
    return sum(has_code(cell) and not _injected(cell) for cell in cells[:place])


def _injected(cell: Cell) -> bool:
    return INJECTED in cell["metadata"].get("tags", ())

"""The notebook that ``octavo debug`` opens: one point's, with its parameters set, to be run by hand."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from octavo.model import RESULTS, Scalar
from octavo.notebooks.source import code_of, has_code

TAG = "octavo-debug"
MADE = "octavo-debug"  # in the metadata of the notebook: the digest of its code as it was written
INJECTED = "injected-parameters"
# Where the notebook began is remembered by IPython, so the cell may be run again.
PLACE = """# By `octavo debug`: from here on, imports and files are found as in {folder}/.
import os
os.chdir(os.path.join(_dh[0], {way!r}))
os.environ["{variable}"] = os.path.join(_dh[0], {results!r})"""


def compose(source: Path, failed: Path, target: Path, results: Path, parameters: Mapping[str, Scalar]) -> bytes:
    """Return the notebook for ``target``: what is left of the failed run, or the source, with a first cell put in.

    ``failed`` counts when it is there and ran the code that ``source`` has now. ``results`` is what sweeps are read
    from. No path of this machine stands in it.
    """
    book = json.loads(failed.read_text(encoding="utf-8")) if ran(failed, source) else _with(source, parameters)
    way = Path(os.path.relpath(source.parent, target.parent)).as_posix()
    text = PLACE.format(folder=source.parent.name, way=way, variable=RESULTS, results=results.name)
    first: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {"tags": [TAG]}, "outputs": []}
    book["cells"].insert(0, {**first, "id": TAG, "source": text.splitlines(keepends=True)})
    if (book["nbformat"], book.get("nbformat_minor", 0)) < (4, 5):  # the first with ids of cells
        for cell in book["cells"]:
            cell.pop("id", None)
    book.setdefault("metadata", {})[MADE] = _digest(_code(book))
    return (json.dumps(book, indent=1, ensure_ascii=False) + "\n").encode()


def ran(executed: Path, source: Path) -> bool:
    """Whether ``executed`` is there, and its code, but for the cells that were put in, is the code of ``source``."""
    return executed.is_file() and code(executed.read_bytes()) == code(source.read_bytes())


def code(book: bytes) -> tuple[str, ...]:
    """Return the code of a notebook's own cells, without comments and layout."""
    return _code(json.loads(book))


def worked_on(book: bytes) -> bool:
    """Whether the code of a notebook that ``compose`` made is another by now."""
    found = json.loads(book)
    return bool(found["metadata"].get(MADE) != _digest(_code(found)))


def _digest(code: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def _code(book: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [cell for cell in book["cells"] if has_code(cell)]
    return tuple(code_of(c) for c in cells if not {TAG, INJECTED} & set(c.get("metadata", {}).get("tags", ())))


def _with(source: Path, parameters: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return a notebook with parameters where papermill puts them."""
    from octavo.notebooks.deferred import import_jsonschema

    import_jsonschema()
    import nbformat
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    book = load_notebook_node(str(source))
    if parameters:
        book = parameterize_notebook(book, dict(parameters), language="python")
    book.metadata.pop("papermill", None)
    for cell in book.cells:
        cell.metadata.pop("papermill", None)
        if INJECTED in cell.metadata.get("tags", ()):
            cell.id = INJECTED  # papermill's is random
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    made: dict[str, Any] = json.loads(nbformat.writes(book))  # type: ignore[no-untyped-call]
    return made

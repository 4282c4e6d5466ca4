"""The paper: one parsed source and the results, written to each format by a module of ``writers``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from octavo.document.fill import fill
from octavo.document.source import Content
from octavo.model import Results
from octavo.paper.lines import locate

WRITERS = {"pdf": "typst", "html": "html"}


def write(form: str, content: Content, results: Results, out: Path, *, root: Path, bibliography: Path | None) -> Path:
    """Write the paper as ``paper.FORM`` to ``out`` and return its path.

    ``form`` is one of WRITERS. Raises DocumentError (or Problems) for names that the results do not have, and all
    that the format cannot carry or would lose.
    """
    writer = import_module(f"octavo.paper.writers.{WRITERS[form]}")
    data: bytes = writer.write(fill(locate(content, root), results), root=root, bibliography=bibliography)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"paper.{form}"
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    return part.replace(path)

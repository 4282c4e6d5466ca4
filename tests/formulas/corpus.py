"""The formulas that are compared, and how they become a paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from octavo.document import source
from octavo.document.source import Content

FILE = Path(__file__).with_name("formulas.txt")
# What stands in a display alone: a paper has no such thing in its lines.
DISPLAYED = re.compile(r"\\begin\{(align|gather|alignat)\*?\}|\\tag")
INLINE = 1 / 4  # of all that can stand in a line; to set each twice would only take longer


@dataclass(frozen=True)
class Formula:
    """A formula as its author types it; ``refused`` when some output must refuse it."""

    tex: str
    topic: str
    line: int
    refused: bool


def read() -> tuple[list[Formula], dict[str, str]]:
    """Return the formulas, and the macros that they use."""
    made: list[Formula] = []
    macros: dict[str, str] = {}
    topic, refused = "", False
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("%def "):
            name, _, text = line.removeprefix("%def ").partition(" = ")
            macros[name] = text
        elif line.startswith("## "):
            topic = line.removeprefix("## ")
        elif line == "===":
            refused = True
        elif line.strip() and not line.startswith("%"):
            made.append(Formula(line.strip(), topic, number, refused))
    return made, macros


def parse(formulas: Sequence[Formula], macros: dict[str, str], folder: Path) -> Content:
    """Return a paper of these formulas, a display each, as jupyter-book reads it."""
    head = json.dumps({"title": "Formulas", "math": macros})  # JSON is YAML
    text = "\n\n".join(f"$$\n{formula.tex}\n$$" for formula in formulas)
    (folder / "paper").mkdir(parents=True)
    (folder / "work").mkdir()
    (folder / "paper/paper.md").write_text(f"---\n{head}\n---\n\n{text}\n", encoding="utf-8")
    return source.parse(folder / "paper/paper.md", folder, None, folder / "work")


def displays(content: Content) -> Iterator[source.Node]:
    """Yield the display formulas of a paper."""
    yield from (node for node, _ in source.walk(content) if node["type"] == "math")

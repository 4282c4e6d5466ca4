"""The lines of directives: mystmd drops the positions of most, and a fault must be told with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from octavo.document.source import Content, included

Node = dict[str, Any]
# How what has no position is written: by the type of its node.
WRITTEN: Mapping[str, str] = {
    "iframe": "iframe",
    "image": "figure|image",
    "mermaid": "mermaid",
    "raw": "raw",
    "tabSet": "tab-set",
    "aside": "aside|margin|sidebar|topic",
    "blockquote": "epigraph|pull-quote|blockquote",
    "card": "card",
    "grid": "grid",
    "div": "div",
    "embed": "embed",
    "glossary": "glossary",
    "bibliography": "bibliography",
    "toc": "toc|tableofcontents",
    "outputs": "code-cell",
    "code": "code|code-block|code-cell|literalinclude",
    "include": "include|literalinclude",
    "admonition": r"admonition|attention|caution|danger|error|important|hint|note|seealso|tip|warning|\.callout-\w+"
    r"|dropdown|details",
}
CONTAINERS: Mapping[str, str] = {
    "figure": "figure|result-figure|subfigure",
    "table": "table|list-table|csv-table",
    "code": "code|code-block|literalinclude",
    "": "figure",  # of HTML
}
HTML = {
    "div": "div",
    "admonition": "details",
    "container": "figure",
    "image": "(?:figure|img)",
}  # raw HTML that mystmd turns into nodes


def locate(content: Content, root: Path) -> Content:
    """Return the content with a line for every directive that has none and can be found in the source.

    Parts of the front matter, whose lines mystmd counts from their own first, get those of the file.
    """
    locator = _Locator(root)
    lines = locator.lines(content.file)
    parts = {name: _moved(nodes, _before(name, lines)) for name, nodes in content.parts.items()}
    return msgspec.structs.replace(content, parts=parts, nodes=locator.nodes(content.nodes, content.file))


def _before(part: str, lines: Sequence[str]) -> int | None:
    """Return the line of the front matter after which the text of a part begins."""
    begins = re.compile(rf"\s*{re.escape(part)}:\s*\|[-+]?\s*$")
    return next((number for number, text in enumerate(lines, 1) if begins.match(text)), None)


def _moved(nodes: Sequence[Node], by: int | None) -> list[Node]:
    """Return nodes with their lines moved down, or without any where nobody knows how far."""
    made = []
    for node in nodes:
        line = node.get("position", {}).get("start", {}).get("line")
        node = {key: value for key, value in node.items() if key != "position"}
        if line and by:
            node["position"] = {"start": {"line": line + by}}
        if "children" in node:
            node["children"] = _moved(node["children"], by)
        made.append(node)
    return made


class _Locator:
    """Walks a document in its order; ``at`` is, for each file, the line before which all is found already."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.texts: dict[str, list[str]] = {}
        self.at: dict[str, int] = {}

    def nodes(self, nodes: Sequence[Node], file: str) -> list[Node]:
        return [self.node(node, file) for node in nodes]

    def node(self, node: Node, file: str) -> Node:
        if node["type"] == "footnoteDefinition":
            return node  # stands anywhere
        line = node.get("position", {}).get("start", {}).get("line")
        if line is None and (line := self.search(node, file)):
            node = {**node, "position": {"start": {"line": line}}}
        if line:
            self.at[file] = max(self.at.get(file, 0), line)
        if "children" not in node:
            return node
        inner = included(file, node) if node["type"] == "include" else file
        return {**node, "children": self.nodes(node["children"], inner)}

    def search(self, node: Node, file: str) -> int | None:
        """Return the line after those found already where a node's directive begins."""
        names = WRITTEN.get(node["type"])
        if node["type"] == "container":
            names = CONTAINERS.get(node.get("kind", ""))
        elif node["type"] == "proof":
            names = f"(?:prf:)?{node.get('kind')}"
        if not names:
            return None
        begins = rf"[:`~]{{3,}}\s*\{{({names})\}}"
        if node["type"] in HTML:
            begins += rf"|<{HTML[node['type']]}\b"
        # A figure and the image in it are written by the same line; so are a cell and its outputs.
        first = max(self.at.get(file, 0) - (node["type"] in ("image", "outputs")), 0)
        found = (
            n for n, text in enumerate(self.lines(file), 1) if n > first and re.match(rf"[\s>*-]*({begins})", text)
        )
        return next(found, None)

    def lines(self, file: str) -> list[str]:
        if file not in self.texts:
            path = self.root / file
            self.texts[file] = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return self.texts[file]

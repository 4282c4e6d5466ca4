"""Numbers and link targets: counted once by mystmd, printed by every format; only the appendix is counted here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Node = dict[str, Any]
# What can be referred to.
TARGETS = ("heading", "container", "math", "proof", "admonition", "definitionTerm")
# What stands around the body has these.
RESERVED = ("references", "acknowledgments", "contributions", "funding", "refs", "footnotes")


class Numbering:
    """The numbers of a document. mystmd goes on counting in the appendix; papers begin there with A."""

    def __init__(self, blocks: Iterable[Node]) -> None:
        self.appendix: dict[str, str] = {}
        self.targets: dict[str, str] = {}
        self.nodes: dict[str, Node] = {}
        blocks = list(blocks)
        headings = [n for b in blocks if is_appendix(b) for n in _all([b]) if n["type"] == "heading"]
        self._letter(headings)
        for node in _all(blocks):
            identifier = node.get("identifier")
            if identifier and node["type"] in TARGETS:
                self.targets[identifier] = self._anchor(identifier)
                self.nodes[identifier] = node

    def _letter(self, headings: list[Node]) -> None:
        numbered = [heading for heading in headings if heading.get("enumerator")]
        if not numbered:
            return
        first = int(numbered[0]["enumerator"].split(".")[0])
        for heading in numbered:
            top, *rest = heading["enumerator"].split(".")
            self.appendix[heading["identifier"]] = ".".join([chr(ord("A") + int(top) - first), *rest])

    def _anchor(self, identifier: str) -> str:
        """Return the identifier as every format can spell it; ``fig:a`` and ``fig-a`` stay two."""
        made = re.sub(r"[^A-Za-z0-9_-]", "-", identifier)
        taken = {*RESERVED, *(anchor for other, anchor in self.targets.items() if other != identifier)}
        while made in taken:
            made += "-"
        return made

    def of(self, node: Node) -> str:
        """Return the number that is printed at a node, or nothing."""
        number = node.get("enumerator") if node.get("enumerated") is not False else None
        if node["type"] == "heading":
            return self.appendix.get(node.get("identifier", ""), number or "")
        return f"{node.get('parentEnumerator', '')}{number}" if number else ""

    @property
    def numbers(self) -> dict[str, str]:
        """The number of each target, by its anchor; of a panel with that of its figure."""
        return {self.targets[i]: self.of(node) for i, node in self.nodes.items() if self.of(node)}

    def target(self, node: Node) -> str | None:
        """Return the anchor of a node, or of what a reference leads to."""
        return self.targets.get(node.get("identifier", ""))

    def reference(self, node: Node) -> str:
        """Return the text of a reference; ``Section 7`` to an appendix becomes ``Appendix A``."""
        text = "".join(_texts(node))
        letter = self.appendix.get(node.get("identifier", ""))
        if letter and node.get("enumerator"):
            text = re.sub(rf"\b{re.escape(node['enumerator'])}$", letter, text)
            text = re.sub(r"^Section\b", "Appendix", text)
        # A number stays with its word.
        return re.sub(r" (?=\(?[\dA-Z][\d.a-z]*\)?$)", "\u00a0", text)


def is_appendix(block: Node) -> bool:
    """Whether a block of the document is (a part of) the appendix."""
    data = block.get("data")
    return isinstance(data, dict) and data.get("part") == "appendix"


def _texts(node: Node) -> Iterator[str]:
    if "value" in node:
        yield node["value"]
    for child in node.get("children", []):
        yield from _texts(child)


def _all(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.get("children", []))

"""What a stage of a paper shows. A review hides who wrote it: in each text, and in each field of each output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from octavo.document.source import Content

Node = dict[str, Any]
REVIEW, CAMERA_READY = "review", "camera-ready"
NOBODY = "Anonymous authors"
HIDDEN = "[hidden for review]"
THANKS = "acknowledgments"


def staged(content: Content, stage: str, own: Sequence[str]) -> Content:
    """Return a paper as a stage shows it; ``own`` are the addresses that tell who wrote it (``github.com/us/code``).

    What is hidden leaves the document before any output is written, so it is in none of them.
    """
    if stage != REVIEW:
        return content
    told = ("affiliations", "affiliation", "funding")
    matter = {key: value for key, value in content.frontmatter.items() if key not in told}
    if matter.get("authors"):
        matter["authors"] = [{"name": NOBODY}]
    hide = _hider(own)
    parts = {name: [hide(node) for node in nodes] for name, nodes in content.parts.items() if name != THANKS}
    return replace(content, frontmatter=matter, parts=parts, nodes=[hide(node) for node in content.nodes])


def _hider(own: Sequence[str]) -> Any:
    bare = [re.sub(r"^https?://", "", address).rstrip("/") for address in own]
    if not bare:
        return lambda node: node
    # With whatever stands before and behind it, up to the next space or bracket.
    address = re.compile(rf"(https?://)?(www\.)?({'|'.join(map(re.escape, bare))})[^\s)\]>,;]*", re.IGNORECASE)

    def hide(node: Node) -> Node:
        if node["type"] == "link" and address.search(str(node.get("url", ""))):
            return {"type": "text", "value": HIDDEN, **({"position": node["position"]} if "position" in node else {})}
        shown = dict(node)
        if node["type"] in ("text", "inlineCode", "code", "value"):
            shown["value"] = address.sub(HIDDEN, str(node["value"]))
        if "children" in node:
            shown["children"] = [hide(child) for child in node["children"]]
        return shown

    return hide

"""The other spellings of MyST, as the one that the writers know.

Public papers write ``[see @sec-data]``, ``@fig-both [b]``, quotations with their author, captions of two paragraphs,
``{dropdown}`` and pictures on lines of their own. What is written in another way here says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Node = dict[str, Any]


def plain(blocks: Sequence[Node]) -> list[Node]:
    """Return blocks of a parsed document with these constructs written as others."""
    panels = {
        (figure["identifier"], panel["enumerator"]): panel
        for figure in _all(blocks)
        if figure["type"] == "container" and figure.get("identifier")
        for panel in figure["children"]
        if panel.get("subcontainer") and panel.get("enumerator")
    }
    return [made for block in blocks for made in _plain(block, panels)]


def _plain(node: Node, panels: dict[tuple[str, str], Node]) -> list[Node]:
    if "children" in node:
        node = {**node, "children": [made for child in node["children"] for made in _plain(child, panels)]}
    match node["type"]:
        case "details":
            return [_box(node)]
        case "container" if node.get("kind") == "quote":
            return [_quotation(node)]
        case "container":
            return [_described(_captioned(node))]
        case "proof":
            return [{"kind": "proof", **node}]
        case "span" if not node.get("class") and not node.get("style"):  # of `{index}`
            return list(node["children"])
        case "paragraph" if [child["type"] for child in node["children"]] == ["image"]:
            return [{**node, **node["children"][0]}]
        case "crossReference" if node.get("suffix"):
            return [_panel(node, panels)]
        case "glossary":
            return list(node["children"])
        case "citeGroup":
            return list(_grouped(node))
    return [node]


def _box(node: Node) -> Node:
    """Return what a page folds up as a box that is open: paper has nothing to click on."""
    title = [{**child, "type": "admonitionTitle"} for child in node["children"] if child["type"] == "summary"]
    rest = [child for child in node["children"] if child["type"] != "summary"]
    return {**node, "type": "admonition", "kind": "note", "children": [*title, *rest]}


def _quotation(node: Node) -> Node:
    """Return a quotation with its author, whom MyST makes a caption of, in a last paragraph."""
    made: list[Node] = []
    for child in node["children"]:
        if child["type"] == "caption":
            words = [inner for paragraph in child["children"] for inner in paragraph.get("children", [])]
            made.append({"type": "paragraph", "children": [{"type": "text", "value": "\u2014 "}, *words]})
        else:
            made += child["children"] if child["type"] == "blockquote" else [child]
    return {**node, "type": "blockquote", "children": made}


def _captioned(node: Node) -> Node:
    """Return a figure whose caption has all its paragraphs: MyST calls the second and those that follow a legend."""
    legends = [child for child in node["children"] if child["type"] == "legend"]
    captions = [child for child in node["children"] if child["type"] == "caption"]
    more = [paragraph for legend in legends for paragraph in legend["children"]]
    if not more or len(captions) != 1 or any(child["type"] != "paragraph" for child in more):
        return node
    whole = {**captions[0], "children": [*captions[0]["children"], *more]}
    kept = [child for child in node["children"] if child["type"] != "legend"]
    return {**node, "children": [whole if child is captions[0] else child for child in kept]}


def _described(node: Node) -> Node:
    """Return a panel ``![words](file)`` with the words as its text too: mystmd says that it made them of the caption.

    The picture of a ``{figure}`` has no place of its own, and what mystmd makes of that caption says nothing new.
    """
    if not node.get("subcontainer"):
        return node
    shown = [
        {key: value for key, value in child.items() if key != "data"}
        if child["type"] == "image" and "position" in child
        else child
        for child in node["children"]
    ]
    return {**node, "children": shown}


def _panel(node: Node, panels: dict[tuple[str, str], Node]) -> Node:
    """Return ``@fig-both [b]`` as a reference to the panel, where the figure has one of that letter."""
    panel = panels.get((node["identifier"], str(node["suffix"]).strip(" ()")))
    if panel is None:
        return node
    words = [*node["children"], {"type": "text", "value": panel["enumerator"]}]
    kept = {key: value for key, value in node.items() if key != "suffix"}
    number = f"{node.get('enumerator', '')}{panel['enumerator']}"
    target = {"identifier": panel["identifier"], "label": panel["label"], "enumerator": number}
    return {**kept, **target, "children": words}


def _grouped(group: Node) -> Iterator[Node]:
    """Yield a bracket of citations; the references behind the last one stand in a bracket of their own."""
    children = group["children"]
    works = max((n for n, child in enumerate(children, 1) if child["type"] == "cite"), default=0)
    if works:
        yield {**group, "children": children[:works]}
    if works and children[works:]:
        yield {"type": "text", "value": " "}
    if children[works:]:
        yield from _bracketed(children[works:])


def _bracketed(references: Sequence[Node]) -> Iterator[Node]:
    """Yield ``[see @fig-a; @fig-b]`` as words and references: the brackets are not those of a citation."""
    yield {"type": "text", "value": "("}
    for position, reference in enumerate(references):
        if position:
            yield {"type": "text", "value": "; "}
        if reference.get("prefix"):
            yield {"type": "text", "value": f"{reference['prefix']} "}
        yield {key: value for key, value in reference.items() if key != "prefix"}
    yield {"type": "text", "value": ")"}


def _all(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.get("children", []))

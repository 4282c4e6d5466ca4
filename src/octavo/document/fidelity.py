"""Every word of the source is found again in every output, or the build stops with the word and its line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from octavo.document.source import Content, included
from octavo.errors import DocumentError, OctavoError, raise_all
from octavo.model import Frozen, Place

# Worded anew on the way: citations by citeproc, references and numbers by octavo.document.numbering.
REWORDED = {"cite", "captionNumber", "crossReference"}


class Leaf(Frozen, frozen=True):
    """A piece of text that must not be lost, and where the author wrote it."""

    text: str
    place: Place | None
    notes: bool = False


def leaves(content: Content) -> Iterator[Leaf]:
    """Yield every text of a document with its results put in; formulas are left out, no format can leave one out."""
    for node, place in _placed(content):
        if node["type"] in ("text", "value"):
            # Dashes are typed as hyphens; see octavo.document.pandoc.words.
            yield Leaf(node["value"].replace("---", "\u2014").replace("--", "\u2013"), place)
        elif node["type"] in ("inlineCode", "code"):
            yield Leaf(node["value"], place)


def formulas(content: Content, *kinds: str) -> Iterator[Leaf]:
    """Yield the TeX of every formula of these kinds (``math``, ``inlineMath``)."""
    yield from (Leaf(node["value"], place) for node, place in _placed(content) if node["type"] in kinds)


def _placed(content: Content) -> Iterator[tuple[dict[str, Any], Place]]:
    for nodes in (*content.parts.values(), content.nodes):
        yield from _of(nodes, content.file, None)


def _of(nodes: Iterable[dict[str, Any]], file: str, line: int | None) -> Iterator[tuple[dict[str, Any], Place]]:
    for node in nodes:
        here = node.get("position", {}).get("start", {}).get("line") or line
        if node["type"] in REWORDED:
            continue
        yield node, Place(file, here)
        inner = included(file, node) if node["type"] == "include" else file
        yield from _of(node.get("children", []), inner, here)


def check(wanted: Iterable[Leaf], text: str, medium: str) -> None:
    """Raise DocumentError (or Problems) for each piece that ``text``, all that an output says, has too seldom."""
    made = squash(text)
    pieces = [(leaf, squash(leaf.text)) for leaf in wanted]
    source = "\0".join(piece for _, piece in pieces)
    lost: dict[str, Leaf] = {}
    for leaf, piece in pieces:
        if piece and piece not in lost and made.count(piece) < source.count(piece):
            lost[piece] = leaf
    problems: list[OctavoError] = [
        DocumentError(
            f"'{leaf.text.strip()}' was lost on the way into {medium} [this is a bug].",
            where=str(leaf.place or ""),
            hint="Write it in another way for now, and report it with this line.",
        )
        for leaf in lost.values()
    ]
    raise_all(problems)


def squash(text: str) -> str:
    """Return what two formats of a text have in common: no white space, no marks of breaks, composed Unicode."""
    return re.sub(r"[\s\u00ad\u200b]+", "", unicodedata.normalize("NFC", text))

"""Every word of the source is found again in every output, or the build stops with the word and its line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from octavo.errors import DocumentError, OctavoError, raise_all
from octavo.model import Frozen, Place
from octavo.slides.deck import Deck, Inlines, Run, inlines_of


class Leaf(Frozen, frozen=True):
    """A piece of text that must not be lost, and where the author wrote it."""

    text: str
    place: Place | None
    notes: bool = False


def leaves(deck: Deck) -> Iterator[Leaf]:
    """Yield what the deck says: titles, text, values, cells of tables, captions and notes.

    Formulas are left out: each format has letters of its own for them, and none can leave one out.
    """
    for text in (*deck.authors, deck.date):
        yield Leaf(text, deck.place)
    yield from _of(deck.title + deck.subtitle)
    for block in deck.notes:
        for line in inlines_of(block):
            yield from _of(line, notes=True)
    for slide in deck.slides:
        yield from _of(slide.title)
        for line in (line for column in slide.columns for block in column for line in inlines_of(block)):
            yield from _of(line)
        for line in (line for block in slide.notes for line in inlines_of(block)):
            yield from _of(line, notes=True)
        if slide.shown and slide.shown.grid:
            grid = slide.shown.grid
            cells = [label for label, _ in grid.groups] + [*grid.head] + [cell for row in grid.rows for cell in row]
            yield from (Leaf(cell, slide.shown.place) for cell in cells)


def _of(inlines: Inlines, *, notes: bool = False) -> Iterator[Leaf]:
    for inline in inlines:
        if isinstance(inline, Run):
            yield Leaf(inline.text, inline.place, notes)


def check(wanted: Iterable[Leaf], text: str, medium: str) -> None:
    """Raise DocumentError (or Problems) for each piece that ``text``, all that an output says, has too seldom."""
    made = _squash(text)
    pieces = [(leaf, _squash(leaf.text)) for leaf in wanted]
    source = "\0".join(piece for _, piece in pieces)
    lost: dict[str, Leaf] = {}
    for leaf, piece in pieces:
        if piece and piece not in lost and made.count(piece) < source.count(piece):
            lost[piece] = leaf
    problems: list[OctavoError] = [
        DocumentError(
            f"'{leaf.text.strip()}' was lost on the way into {medium} [this is a bug].",
            where=str(leaf.place or ""),
            hint="Write it in another way for now, and report it with this line of the deck.",
        )
        for leaf in lost.values()
    ]
    raise_all(problems)


def _squash(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text))

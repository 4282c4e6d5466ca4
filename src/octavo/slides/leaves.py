"""What a deck says: every word of it must be found again in every output (octavo.document.fidelity)."""

from __future__ import annotations

from collections.abc import Iterator

from octavo.document.fidelity import Leaf
from octavo.slides.deck import Deck, Inlines, Run, inlines_of


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

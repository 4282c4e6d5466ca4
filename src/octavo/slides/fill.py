"""Put the results into the deck: values as printed text, tables as printed cells, figures as their drawings."""

from __future__ import annotations

from typing import Any

import msgspec

from octavo import printing
from octavo.document.lookup import Lookup
from octavo.document.placing import placed
from octavo.errors import raise_all
from octavo.model import Results, Table
from octavo.slides.deck import (
    Big,
    Block,
    Deck,
    Flow,
    Grid,
    Inline,
    Inlines,
    Listing,
    Paragraph,
    Picture,
    Run,
    Shown,
    Slide,
)
from octavo.slides.layout import INCH, Palette


def fill(deck: Deck, results: Results) -> Deck:
    """Return the deck with every value, table and figure of the results put in.

    Raises DocumentError (or Problems) for names that the results do not have, and figures not drawn for slides.
    """
    filler = _Filler(results, deck.palette)
    filled = filler.deck(deck)
    raise_all(filler.lookup.problems)
    return filled


class _Filler:
    def __init__(self, results: Results, palette: Palette) -> None:
        self.lookup = Lookup(results)
        self.palette = palette

    def deck(self, deck: Deck) -> Deck:
        return msgspec.structs.replace(
            deck,
            title=self.inlines(deck.title),
            subtitle=self.inlines(deck.subtitle),
            notes=tuple(self.flow(block) for block in deck.notes),
            slides=tuple(self.slide(slide) for slide in deck.slides),
        )

    def slide(self, slide: Slide) -> Slide:
        return msgspec.structs.replace(
            slide,
            title=self.inlines(slide.title),
            columns=tuple(tuple(self.block(block) for block in column) for column in slide.columns),
            notes=tuple(self.flow(block) for block in slide.notes),
        )

    def block(self, block: Block) -> Block:
        return self.shown(block) if isinstance(block, Shown) else self.flow(block)

    def flow(self, block: Flow) -> Flow:
        change: Any = msgspec.structs.replace
        if isinstance(block, Paragraph):
            made: Flow = change(block, inlines=self.inlines(block.inlines))
        elif isinstance(block, Listing):
            made = change(block, items=tuple(change(i, inlines=self.inlines(i.inlines)) for i in block.items))
        else:
            assert isinstance(block, Big)
            label = tuple(change(p, inlines=self.inlines(p.inlines)) for p in block.label)
            made = change(block, number=self.inlines(block.number), label=label)
        return made

    def inlines(self, inlines: Inlines) -> Inlines:
        return tuple(self.inline(inline) for inline in inlines)

    def inline(self, inline: Inline) -> Inline:
        if not isinstance(inline, Run) or not inline.value:
            return inline
        text = self.lookup.value(inline.value, inline.place)
        return inline if text is None else msgspec.structs.replace(inline, text=text)

    def shown(self, shown: Shown) -> Shown:
        filled = msgspec.structs.replace(shown, caption=self.inlines(shown.caption))
        if shown.kind == "figure":
            return self.figure(filled)
        table = self.lookup.table(shown.name, shown.place)
        return msgspec.structs.replace(filled, grid=grid(table)) if table else filled

    def figure(self, shown: Shown) -> Shown:
        found = self.lookup.figure(shown.name, shown.place)
        if found is None:
            return shown
        figure, result = found
        medium = self.palette.medium
        drawings = {d.format: d for d in placed(figure, medium, self.lookup.results.media)}
        lacking = sorted({"png", "svg"} - set(drawings))
        if lacking:
            self.lookup.problem(
                f"The figure '{shown.name}' was not drawn for slides as {' and '.join(lacking)}.",
                shown.place,
                f'Add [tool.octavo.media.{medium}] with formats = ["svg", "pdf", "png"] to pyproject.toml.',
            )
            return shown
        files = {str(kind): result.path(drawing.file) for kind, drawing in drawings.items()}
        drawing = drawings["svg"]
        picture = Picture(files, drawing.width * INCH, drawing.height * INCH)
        return msgspec.structs.replace(shown, picture=picture, alt=shown.alt or figure.alt)


def grid(table: Table) -> Grid:
    """Return a table as printed text, with its spanning headers."""
    groups: list[tuple[str, int]] = []
    for column in table.columns:
        if groups and groups[-1][0] == column.group and column.group:
            groups[-1] = (column.group, groups[-1][1] + 1)
        else:
            groups.append((column.group, 1))
    rows = tuple(
        tuple(printing.cell(cell, column) for cell, column in zip(row, table.columns, strict=True))
        for row in table.rows
    )
    return Grid(
        tuple(groups) if any(label for label, _ in groups) else (),
        tuple(column.label for column in table.columns),
        rows,
        tuple(column.align for column in table.columns),
    )

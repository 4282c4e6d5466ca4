"""Put the results into the deck: values as printed text, tables as printed cells, figures as their drawings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from octavo import printing
from octavo.errors import DocumentError, OctavoError, nearest, raise_all
from octavo.model import Place, Result, Results, Table
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
from octavo.slides.layout import INCH

MEDIUM = "slide"


def fill(deck: Deck, results: Results) -> Deck:
    """Return the deck with every value, table and figure of the results put in.

    Raises DocumentError (or Problems) for names that the results do not have, and figures not drawn for slides.
    """
    filler = _Filler(results)
    filled = filler.deck(deck)
    raise_all(filler.problems)
    return filled


class _Filler:
    def __init__(self, results: Results) -> None:
        self.results = results
        self.problems: list[OctavoError] = []

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
        notebook, name, field = (*inline.value.split(".", 2), "")[:3]
        result = self.result(notebook, inline.value, inline.place)
        if result is None:
            return inline
        if name not in result.record.values:
            self.missing("value", inline.value, notebook, result.record.values, inline.place)
            return inline
        try:
            text = printing.value(result.record.values[name], field)
        except ValueError as error:
            self.problem(f"'{inline.value}' cannot be printed: {error}.", inline.place, "Record it, or print another.")
            return inline
        return msgspec.structs.replace(inline, text=text)

    def shown(self, shown: Shown) -> Shown:
        notebook, _, name = shown.name.partition(".")
        filled = msgspec.structs.replace(shown, caption=self.inlines(shown.caption))
        result = self.result(notebook, shown.name, shown.place)
        if result is None:
            return filled
        if shown.kind == "table":
            return self.table(filled, notebook, name, result)
        return self.figure(filled, notebook, name, result)

    def table(self, shown: Shown, notebook: str, name: str, result: Result) -> Shown:
        if name not in result.record.tables:
            self.missing("table", shown.name, notebook, result.record.tables, shown.place)
            return shown
        return msgspec.structs.replace(shown, grid=grid(result.record.tables[name]))

    def figure(self, shown: Shown, notebook: str, name: str, result: Result) -> Shown:
        if name not in result.record.figures:
            self.missing("figure", shown.name, notebook, result.record.figures, shown.place)
            return shown
        figure = result.record.figures[name]
        drawings = {d.format: d for d in figure.drawings if d.medium == MEDIUM}
        lacking = sorted({"png", "svg"} - set(drawings))
        if lacking:
            self.problem(
                f"The figure '{shown.name}' was not drawn for slides as {' and '.join(lacking)}.",
                shown.place,
                'Add [tool.octavo.media.slide] with formats = ["svg", "pdf", "png"] to pyproject.toml.',
            )
            return shown
        files = {str(kind): result.folder / drawing.file for kind, drawing in drawings.items()}
        drawing = drawings["svg"]
        picture = Picture(files, drawing.width * INCH, drawing.height * INCH)
        return msgspec.structs.replace(shown, picture=picture, alt=shown.alt or figure.alt)

    def result(self, notebook: str, full: str, place: Place | None) -> Result | None:
        found = self.results.results.get(notebook)
        if found is None and notebook in self.results.sweeps:
            self.problem(
                f"'{full}' names a sweep, which has many results.",
                place,
                f"Gather the points in a notebook of one run, with octavo.sweep('{notebook}'), and quote that.",
            )
        elif found is None:
            known = sorted(self.results.results)
            self.problem(
                f"No notebook '{notebook}' has results for '{full}'.",
                place,
                nearest(notebook, known) or f"There are results of: {', '.join(known) or 'none'}.",
            )
        return found

    def missing(self, kind: str, full: str, notebook: str, known: Iterable[str], place: Place | None) -> None:
        names = [f"{notebook}.{name}" for name in sorted(known)]
        hint = nearest(full, names) or f"It recorded: {', '.join(names) or 'none'}."
        self.problem(f"The notebook '{notebook}' recorded no {kind} '{full}'.", place, hint)

    def problem(self, what: str, place: Place | None, hint: str) -> None:
        self.problems.append(DocumentError(what, where=str(place or ""), hint=hint))


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

"""The deck as frozen records: what slides/deck.md says, before any number is put in.

A level-one heading starts a slide; ``+++`` starts a column; a quotation that opens with a bold line is a key
number with its meaning beneath; ``:::{notes}`` holds what the speaker says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from octavo.model import Align, Frozen, Place
from octavo.slides.layout import PALETTES, SIZES, STAGE, Palette, Zone, columns

Script = Literal["", "sub", "super"]


class Run(Frozen, frozen=True):
    """A piece of text with one look. ``value`` is the full name of the result that it prints, if it is one."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    script: Script = ""
    link: str = ""
    value: str = ""
    place: Place | None = None


class Formula(Frozen, frozen=True):
    """A formula as presentation MathML, and the TeX that the author wrote."""

    mathml: str
    tex: str
    display: bool = False
    place: Place | None = None


Inline = Run | Formula
Inlines = tuple[Inline, ...]


class Paragraph(Frozen, frozen=True):
    """A paragraph, or a formula on a line of its own."""

    inlines: Inlines
    place: Place


class Item(Frozen, frozen=True):
    """An item of a list; ``level`` is 1 or 2."""

    inlines: Inlines
    level: int
    place: Place
    number: int = 0  # 0: a bullet


class Listing(Frozen, frozen=True):
    """A list of one or two levels, flattened to its items."""

    items: tuple[Item, ...]
    place: Place


class Big(Frozen, frozen=True):
    """A key number, set large, with what it means beneath."""

    number: Inlines
    label: tuple[Paragraph, ...]
    place: Place


class Picture(Frozen, frozen=True):
    """A figure's drawings for slides, by format, and its size in points."""

    files: dict[str, Path]
    width: float
    height: float


class Grid(Frozen, frozen=True):
    """A table as printed: a row of spanning headers (text, columns spanned) or none, the headers, the rows."""

    groups: tuple[tuple[str, int], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: tuple[Align, ...]


class Shown(Frozen, frozen=True):
    """A figure or a table of the results, by its full name, with its caption.

    ``picture`` or ``grid`` is there once the results are put in.
    """

    kind: Literal["figure", "table"]
    name: str
    caption: Inlines
    place: Place
    alt: str = ""
    picture: Picture | None = None
    grid: Grid | None = None


Flow = Paragraph | Listing | Big
Block = Flow | Shown


class Slide(Frozen, frozen=True):
    """A slide: its heading, its columns of blocks (one column is a plain slide) and its notes."""

    title: Inlines
    columns: tuple[tuple[Block, ...], ...]
    notes: tuple[Flow, ...]
    place: Place

    @property
    def shown(self) -> Shown | None:
        """The figure or table of the slide, if it has one."""
        return next((b for column in self.columns for b in column if isinstance(b, Shown)), None)

    @property
    def flow(self) -> tuple[Flow, ...]:
        """The blocks of the first column but for the figure or table."""
        return tuple(b for b in self.columns[0] if not isinstance(b, Shown))

    @property
    def flow_first(self) -> bool:
        """Whether the text stands above the figure or table."""
        return bool(self.columns[0]) and not isinstance(self.columns[0][0], Shown)

    @property
    def big(self) -> float:
        """The size of its key numbers in points."""
        return SIZES.big[len(self.columns) - 1]

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Where its columns stand; a figure has a little more room than text."""
        if self.shown and self.shown.kind == "figure":
            return (STAGE,)
        return columns(len(self.columns))

    @property
    def layout(self) -> str:
        """The name of the layout that the slide needs."""
        if self.shown:
            return f"Title and {self.shown.kind}"
        return ("Title and text", "Two columns", "Three columns")[len(self.columns) - 1]


class Deck(Frozen, frozen=True):
    """All slides in order, after the title slide that the front matter makes."""

    title: Inlines
    subtitle: Inlines
    authors: tuple[str, ...]
    date: str
    footer: str
    notes: tuple[Flow, ...]
    slides: tuple[Slide, ...]
    place: Place
    theme: str = "light"

    @property
    def palette(self) -> Palette:
        """The colours of its theme."""
        return PALETTES[self.theme]


def plain(inlines: Inlines) -> str:
    """Return the inlines as plain text; a formula as its TeX."""
    return "".join(i.text if isinstance(i, Run) else i.tex for i in inlines)


def inlines_of(block: Block) -> Iterator[Inlines]:
    """Yield every line of inlines that a block holds, in reading order."""
    if isinstance(block, Paragraph):
        yield block.inlines
    elif isinstance(block, Listing):
        yield from (item.inlines for item in block.items)
    elif isinstance(block, Big):
        yield block.number
        yield from (paragraph.inlines for paragraph in block.label)
    else:
        yield block.caption

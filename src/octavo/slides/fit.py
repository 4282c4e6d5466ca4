"""What does not fit on a slide stops the build: here it is said where, by how much, and the way out."""

from __future__ import annotations

from collections.abc import Iterable

from octavo.errors import DocumentError, OctavoError, raise_all
from octavo.model import Frozen
from octavo.slides import measure
from octavo.slides.deck import Big, Block, Deck, Grid, Shown, Slide, inlines_of, plain
from octavo.slides.layout import GAP, LEADING, SIZES

# A picture may be drawn this much smaller than it was made before its type is too small to pass.
LEAST_SCALE = 0.985


class TableFit(Frozen, frozen=True):
    """A table's measures in points: size of type, widths of columns, height of a row, space in a cell's sides."""

    size: float
    widths: tuple[float, ...]
    row: float
    head: float
    pad: float

    @property
    def width(self) -> float:
        """The width of the whole table."""
        return sum(self.widths)

    def height(self, grid: Grid) -> float:
        """The height of the whole table."""
        return self.row * (len(grid.rows) + bool(grid.groups)) + self.head


def name(deck: Deck, number: int) -> str:
    """Return how a message calls a slide; the title slide is number 1."""
    title = deck.title if number == 1 else deck.slides[number - 2].title
    return f"Slide {number}, '{plain(title)}',"


def too_tall(deck: Deck, number: int, part: str, height: float, room: float, medium: str) -> DocumentError:
    """Return the error for a part of a slide that needs more height than it has; both in points."""
    place = deck.place if number == 1 else deck.slides[number - 2].place
    return DocumentError(
        f"{name(deck, number)} does not fit in {medium}: its {part} is {height - room:.0f} points too tall "
        f"({height:.0f} of {room:.0f}).",
        where=str(place),
        hint="Shorten it, or start another slide with a new `# heading`. The type is not made smaller.",
    )


def table(grid: Grid, room: float, height: float) -> TableFit:
    """Return the table at the largest size that fits ``room`` by ``height`` points, else at the smallest."""
    # Headings of two lines are better than smaller type, and worse than headings of one line.
    fits = [_at(grid, size, room, fold) for size in SIZES.table for fold in (False, True)]
    return next((f for f in fits if f.width <= room and f.height(grid) <= height), fits[-1])


def _at(grid: Grid, size: float, room: float, fold: bool) -> TableFit:
    pad = size * 0.45
    rows = list(zip(*grid.rows, strict=True)) if grid.rows else [() for _ in grid.head]
    widths = [
        max([_head(head, size, fold), *(measure.width(cell, size) for cell in cells)]) + 2 * pad
        for head, cells in zip(grid.head, rows, strict=True)
    ]
    start = 0
    for label, span in grid.groups:
        lack = measure.width(label, size, bold=True) + 2 * pad - sum(widths[start : start + span])
        for i in range(start, start + span):
            widths[i] += max(lack, 0) / span
        start += span
    spare = min((room - sum(widths)) / len(widths), 64) if sum(widths) < room else 0
    deep = max(
        measure.lines(((head, True, False),), width + spare - 2 * pad, size)
        for head, width in zip(grid.head, widths, strict=True)
    )
    row = size * (LEADING + 0.5)
    return TableFit(size, tuple(w + spare for w in widths), row, row + (deep - 1) * size * LEADING, pad)


def _head(text: str, size: float, fold: bool) -> float:
    """Return the width that a heading needs, on one line or folded into two."""
    words = text.split(" ") if fold else [text]
    halves = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))] or [(text, "")]
    # A hair more, so that the same sum done elsewhere does not break the line once more.
    return min(max(measure.width(h, size, bold=True) for h in half) for half in halves) + 1


def rest(slide: Slide) -> float:
    """Return the height in points that the text of a slide leaves to its figure or table."""
    assert slide.shown is not None
    texts = [line for block in slide.flow for line in inlines_of(block)]
    texts += [slide.shown.caption] if slide.shown.caption else []
    text = sum(measure.height(((plain(line), False, False),), slide.zones[0].w, SIZES.caption) + GAP for line in texts)
    return slide.zones[0].h - text - gap(slide.shown) * bool(texts) + GAP * bool(texts)


def check_table(deck: Deck, number: int, shown: Shown, fitted: TableFit, room: float) -> list[DocumentError]:
    """Return the error for a table that is wider than its room at the smallest size, if it is."""
    if fitted.width <= room:
        return []
    return [
        DocumentError(
            f"{name(deck, number)} does not fit: its table '{shown.name}' is {fitted.width - room:.0f} points too "
            f"wide ({fitted.width:.0f} of {room:.0f}) at {fitted.size:.0f} points.",
            where=str(shown.place),
            hint="Record a table with fewer columns or shorter headings for the slide.",
        )
    ]


def check_picture(deck: Deck, number: int, shown: Shown, room: float, height: float) -> list[DocumentError]:
    """Return the error for a figure that would have to be made smaller, and its type with it."""
    picture = shown.picture
    if picture is None or min(room / picture.width, height / picture.height) >= LEAST_SCALE:
        return []
    return [
        DocumentError(
            f"{name(deck, number)} does not fit: its figure '{shown.name}' is {picture.width:.0f} by "
            f"{picture.height:.0f} points and has {room:.0f} by {height:.0f}; made smaller, its type would be "
            "too small to read.",
            where=str(shown.place),
            hint="Shorten the text beside it, or set a smaller `height` for the slide medium in pyproject.toml.",
        )
    ]


def check_numbers(deck: Deck, number: int, column: Iterable[Block], size: float, room: float) -> list[DocumentError]:
    """Return an error for each key number of a column that is wider than it at ``size`` points."""
    problems = []
    for big in column:
        if not isinstance(big, Big):
            continue
        wide = measure.width(plain(big.number), size, bold=True)
        if wide > room:
            problems.append(
                DocumentError(
                    f"{name(deck, number)} does not fit: its key number '{plain(big.number)}' is {wide - room:.0f} "
                    f"points too wide ({wide:.0f} of {room:.0f}).",
                    where=str(big.place),
                    hint="Print it shorter (`.number` leaves the unit out), or give it a slide or a column more room.",
                )
            )
    return problems


def check(deck: Deck) -> None:
    """Raise DocumentError (or Problems) for what is too wide, or too small, on Octavo's own canvas."""
    problems: list[OctavoError] = []
    for number, slide in enumerate(deck.slides, start=2):
        zones, shown = slide.zones, slide.shown
        if shown and shown.grid:
            fitted = table(shown.grid, zones[0].w, rest(slide))
            problems += check_table(deck, number, shown, fitted, zones[0].w)
        elif shown:
            problems += check_picture(deck, number, shown, zones[0].w, zones[0].h)
        for zone, column in zip(zones, slide.columns, strict=True):
            problems += check_numbers(deck, number, column, slide.big, zone.w)
    raise_all(problems)


def gap(shown: Shown) -> float:
    """Return the space between a figure or table and its text; a figure has its own margin."""
    return 0.0 if shown.kind == "figure" else 16.0


def scaled(shown: Shown, room: float, height: float) -> tuple[float, float]:
    """Return the width and height at which the figure is shown: never larger than it was drawn."""
    assert shown.picture is not None
    scale = min(1.0, room / shown.picture.width, height / shown.picture.height)
    return shown.picture.width * scale, shown.picture.height * scale

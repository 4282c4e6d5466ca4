"""How wide and how tall text is, in points, as Arial sets it.

PowerPoint wraps text itself, so its height must be known before. Helvetica's metrics, which matplotlib carries,
are Arial's; what they do not cover is taken wider than it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from octavo.slides.layout import LEADING

# The letters of a superscript stand at two thirds of the size.
SCRIPT = 0.67
# Hinting and kerning differ from program to program: a line is counted as full a little before it is.
CAUTION = 1.02

# A piece of text with one look: text, bold, set as sub- or superscript.
Piece = tuple[str, bool, bool]

_WIDE = {"—": 1.0, "…": 1.0, "\N{EM SPACE}": 1.0, "\N{THIN SPACE}": 0.2, "\N{NO-BREAK SPACE}": 0.278}
_UNKNOWN = 0.7


@cache
def _metrics(bold: bool) -> dict[str, float]:
    from matplotlib import get_data_path

    name = "Helvetica-Bold.afm" if bold else "Helvetica.afm"
    text = (Path(get_data_path()) / "fonts" / "pdfcorefonts" / name).read_text("ascii")
    widths = {}
    for line in text.splitlines():
        if line.startswith("C "):
            code, width = (field.split()[1] for field in line.split(";")[:2])
            if 32 <= int(code) <= 126:
                widths[chr(int(code))] = float(width) / 1000
    return widths | {"'": 0.24, "`": 0.34}  # the AFM's codes 39 and 96 are the curly quotes


def _advance(character: str, bold: bool) -> float:
    metrics = _metrics(bold)
    base = unicodedata.normalize("NFKD", character)[0]
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    return metrics.get(character) or _WIDE.get(character) or metrics.get(base) or _UNKNOWN


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text in points."""
    return sum(_advance(character, bold) for character in text) * size * CAUTION


def lines(pieces: Sequence[Piece], room: float, size: float) -> int:
    """Return how many lines the pieces take in ``room`` points, broken at spaces as PowerPoint breaks them."""
    count, used = 1, 0.0
    space = _advance(" ", False) * size
    for word in _words(pieces, size):
        if used and used + space + word > room:
            count, used = count + 1, 0.0
        elif used:
            used += space
        # A word wider than the room is broken between letters.
        count += int((used + word) // room) if word > room else 0
        used = (used + word) % room if word > room else used + word
    return count


def balanced(pieces: Sequence[Piece], room: float, size: float) -> float:
    """Return the least width, within ``room``, in which the pieces take no more lines: none is left much shorter."""
    count = lines(pieces, room, size)
    low, high = 0.0, room
    while high - low > 0.5:
        middle = (low + high) / 2
        fits = all(word <= middle for word in _words(pieces, size)) and lines(pieces, middle, size) <= count
        low, high = (low, middle) if fits else (middle, high)
    return high


def _words(pieces: Sequence[Piece], size: float) -> Iterable[float]:
    """Yield the widths of the words, which may run across pieces."""
    current = 0.0
    for text, bold, script in pieces:
        scale = size * (SCRIPT if script else 1.0)
        parts = text.replace("\n", " ").split(" ")
        for i, part in enumerate(parts):
            if i and current:
                yield current
                current = 0.0
            current += width(part, scale, bold=bold)
    if current:
        yield current


def height(pieces: Sequence[Piece], room: float, size: float) -> float:
    """Return the height in points of a paragraph set in ``room`` points."""
    return lines(pieces, room, size) * size * LEADING

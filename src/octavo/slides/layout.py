"""Where things stand on a slide and how large they are: one set of measures for the three formats.

All lengths are points on a canvas of 960 by 540, which is 13.333 by 7.5 inches and 1280 by 720 CSS pixels.
"""

from __future__ import annotations

from octavo.model import Frozen

WIDTH = 960.0
HEIGHT = 540.0
INCH = 72.0

# The least size of type on a slide, in points: readable from the last row.
SMALLEST = 18.0


class Zone(Frozen, frozen=True):
    """A rectangle on the canvas, in points from its top left corner."""

    x: float
    y: float
    w: float
    h: float


class Sizes(Frozen, frozen=True):
    """The sizes of type, in points. ``table`` is tried in order until the table fits its zone; ``big`` is by the
    number of columns."""

    cover: float = 46
    subtitle: float = 26
    byline: float = 20
    title: float = 30
    text: float = 24
    second: float = 20
    caption: float = 20
    table: tuple[float, ...] = (22, 20, 18)
    big: tuple[float, ...] = (88, 60, 44)
    foot: float = 18


SIZES = Sizes()

MARGIN = 66.0
TITLE = Zone(MARGIN, 19, WIDTH - 2 * MARGIN, 72)
BODY = Zone(MARGIN, 116, WIDTH - 2 * MARGIN, 386)
# A figure of 11.5 by 5.2 inches (828 by 374.4 points) fills this with one line of caption under it.
STAGE = Zone(MARGIN, 102, WIDTH - 2 * MARGIN, 400)
GUTTER = 42.0
GAP = 16.0  # between blocks
ITEM_GAP = 11.0  # between the items of a list
LEADING = 1.2  # height of a line of text, in sizes
FOOTER = Zone(MARGIN, 507, 640, 24)
STEP = 24.0  # indentation of a level of a list
NUMBER = Zone(WIDTH - MARGIN - 120, 507, 120, 24)

COVER_TITLE = Zone(96, 120, WIDTH - 96 - MARGIN, 150)
COVER_SUBTITLE = Zone(96, 286, WIDTH - 96 - MARGIN, 76)
COVER_BYLINE = Zone(96, 412, WIDTH - 96 - MARGIN, 60)


class Palette(Frozen, frozen=True):
    """Colours, as RRGGBB: behind all, text, quiet text, accent; six more that PowerPoint offers whoever edits a slide.

    ``medium`` is that of the figures which stand on such slides.
    """

    medium: str
    back: str
    raised: str
    ink: str
    quiet: str
    accent: str
    further: tuple[str, str, str, str, str]


# Okabe and Ito's colours; on dark, lighter ones of the same hues.
LIGHT = Palette(
    "slide", "FFFFFF", "F2F5F8", "17212B", "54616E", "0B5A8A", ("D55E00", "009E73", "CC79A7", "E69F00", "56B4E9")
)
DARK = Palette(
    "slide_dark", "14191F", "232B34", "F2F4F6", "B4BEC8", "6FB7E9", ("F58A3C", "3CC79A", "E3A0C6", "F0BE4A", "9AD2F5")
)
PALETTES = {"light": LIGHT, "dark": DARK}


def drop(room: float, tallest: float) -> float:
    """Return how far below the top of its room text begins: in the middle, or at the top if it is too tall."""
    return max(0.0, (room - tallest) / 2)


def columns(count: int) -> tuple[Zone, ...]:
    """Return the body divided into equal columns."""
    width = (BODY.w - GUTTER * (count - 1)) / count
    return tuple(Zone(BODY.x + i * (width + GUTTER), BODY.y, width, BODY.h) for i in range(count))

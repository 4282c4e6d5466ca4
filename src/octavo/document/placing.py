"""Which drawings of a figure a document shows: those for its medium, or what its notebook saved, scaled."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from octavo.model import SAVED, Drawing, Figure, Medium


def placed(figure: Figure, medium: str, media: Sequence[Medium]) -> tuple[Drawing, ...]:
    """Return the drawings of a figure for a medium, at the size at which they stand there.

    A figure that its notebook saved has no others: it is scaled to the medium, and not drawn again.
    """
    drawn = tuple(drawing for drawing in figure.drawings if drawing.medium == medium)
    place = next((known for known in media if known.name == medium), None)
    if drawn or not place:
        return drawn
    return tuple(_scaled(drawing, scale(drawing, place)) for drawing in figure.drawings if drawing.medium == SAVED)


def scale(drawing: Drawing, medium: Medium) -> float:
    """Return how much larger a saved drawing stands in a medium: it fills the width, if the height has room for it."""
    fits = medium.width / drawing.width
    return min(fits, medium.height / drawing.height) if medium.height else fits


def _scaled(drawing: Drawing, by: float) -> Drawing:
    width, height = round(drawing.width * by, 4), round(drawing.height * by, 4)
    return replace(drawing, width=width, height=height, dpi=round(drawing.dpi / by, 1))

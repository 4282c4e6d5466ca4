"""Which texts of a drawn figure lie on one another, or beyond its edge: by the boxes that they take up."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COVERED = 0.2  # of the smaller text: what of it another may cover
EDGE = 1.5  # points beyond the edge that nobody misses


def crowding(figure: Figure, dpi: float, *, has_edges: bool = True) -> tuple[str, ...]:
    """Return what is wrong, in words. Texts that are turned are left out: their boxes are larger than they are.

    ``dpi`` is the resolution at which the figure was drawn last: where its labels are, hangs on it. One that was saved
    with what it has around it, in a tight box, ``has_edges`` not.
    """
    before = figure.dpi
    figure.dpi = dpi
    try:
        return _crowding(figure, has_edges=has_edges)
    finally:
        figure.dpi = before


def _crowding(figure: Figure, *, has_edges: bool) -> tuple[str, ...]:
    edge = EDGE / 72 * figure.dpi
    boxes = [(text.get_text(), text.get_window_extent()) for text in _texts(figure)]
    boxes = [(words, box) for words, box in boxes if box.width > 0 and box.height > 0]
    cut = [f"'{words}' is cut off at the edge" for words, box in boxes if has_edges and _beyond(box, figure.bbox, edge)]
    upon = [f"'{a}' and '{b}' lie on one another" for (a, one), (b, two) in combinations(boxes, 2) if _covers(one, two)]
    return tuple(dict.fromkeys((*cut, *upon)))


def _beyond(box: Any, bounds: Any, spare: float) -> bool:
    return bool(min(box.x0, box.y0) < -spare or box.x1 > bounds.width + spare or box.y1 > bounds.height + spare)


def _texts(figure: Figure) -> list[Any]:
    """Return the texts that are seen: those of ticks beyond the limits are there, and not drawn."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    ticks: list[Any] = []
    hidden: set[int] = set()
    for axis in figure.findobj(Axis):
        labels = [label for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) for label in tick.findobj(Text)]
        hidden |= {id(label) for label in labels}
        low, high = sorted(axis.get_view_interval())
        spare = 1e-9 * (high - low)
        ticks += [
            label
            for tick in axis.get_major_ticks()
            if low - spare <= tick.get_loc() <= high + spare
            for label in (tick.label1, tick.label2)
            if axis.get_visible() and axis.axes.get_visible() and axis.axes.axison
        ]
    others = [text for text in figure.findobj(Text) if id(text) not in hidden]
    return [t for t in (*others, *ticks) if t.get_visible() and t.get_text().strip() and t.get_rotation() % 90 == 0]


def _covers(one: Any, two: Any) -> bool:
    width = min(one.x1, two.x1) - max(one.x0, two.x0)
    height = min(one.y1, two.y1) - max(one.y0, two.y0)
    smaller = min(one.width * one.height, two.width * two.height)
    return bool(width > 0 and height > 0 and width * height > COVERED * smaller)

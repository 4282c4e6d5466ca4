"""Which texts of a drawn figure lie on one another, or beyond its edge: by the boxes that they take up."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COVERED = 0.2  # of the smaller text: what of it another may cover
EDGE = 1.5  # points beyond the edge that nobody misses


def crowding(figure: Figure, dpi: float, *, has_edges: bool = True) -> tuple[str, ...]:
    """Return what is wrong, in words.

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
    boxes = [(text, text.get_window_extent()) for text in _texts(figure)]
    boxes = [(text, box) for text, box in boxes if box.width > 0 and box.height > 0]
    out = [text.get_text() for text, box in boxes if has_edges and _beyond(box, figure.bbox, edge)]
    upon = [
        f"'{a.get_text()}' and '{b.get_text()}' lie on one another"
        for (a, one), (b, two) in combinations(boxes, 2)
        if (_covers(one, two) if _is_straight(a) and _is_straight(b) else _cross(a, one, b, two))
    ]
    return tuple(dict.fromkeys((*(f"'{words}' is cut off at the edge" for words in out), *upon)))


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
    return [text for text in (*others, *ticks) if text.get_visible() and text.get_text().strip()]


def _is_straight(text: Any) -> bool:
    return bool(text.get_rotation() % 90 == 0)


def _cross(a: Any, one: Any, b: Any, two: Any) -> bool:
    """Whether two texts, of which one stands askew, lie on one another by more than their edges."""
    return bool(one.overlaps(two) and _outline(a, one).intersects_path(_outline(b, two), filled=True))


def _outline(text: Any, box: Any) -> Any:
    """Return the inner part of a text's own rectangle, turned as it is; it has the same middle as the box around it."""
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    angle = text.get_rotation()
    text.set_rotation(0)
    straight = text.get_window_extent()
    text.set_rotation(angle)
    inner = 1 - COVERED
    half_width, half_height = inner * straight.width / 2, inner * straight.height / 2
    corners = [
        (-half_width, -half_height),
        (half_width, -half_height),
        (half_width, half_height),
        (-half_width, half_height),
    ]
    turned = Affine2D().rotate_deg(angle).translate((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    return Path([*corners, corners[0]], closed=True).transformed(turned)


def _covers(one: Any, two: Any) -> bool:
    width = min(one.x1, two.x1) - max(one.x0, two.x0)
    height = min(one.y1, two.y1) - max(one.y0, two.y0)
    smaller = min(one.width * one.height, two.width * two.height)
    return bool(width > 0 and height > 0 and width * height > COVERED * smaller)

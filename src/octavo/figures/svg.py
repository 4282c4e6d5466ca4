"""What differs between two SVG drawings of matplotlib's, in words.

A drawing is read as a list of marks: each a shape or a text with its numbers, its style and the part of the figure
that it belongs to. Random identifiers have no part in it, and a shift that no eye can see is none.
"""

from __future__ import annotations

import base64
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from xml.etree import ElementTree

from octavo.model import Frozen

INVISIBLE = 0.05  # points; machines differ by far less, and a printer cannot show it
SHOWN = 4  # labels that are told one by one
NUMBER = re.compile(r"(?<![#\w])-?\d+(?:\.\d+)?(?:e-?\d+)?")
HREF = "{http://www.w3.org/1999/xlink}href"
GEOMETRY = ("d", "x", "y", "width", "height", "transform", "points", "r", "cx", "cy")
UNSEEN = ("metadata", "style", "defs")

# matplotlib's names for the parts of a figure, and what a reader calls one and many of them.
PARTS: Mapping[str, tuple[str, str]] = {
    "matplotlib.axis": ("mark of an axis", "marks of the axes"),
    "legend": ("shape of the legend", "shapes of the legend"),
    "line2d": ("curve or marker", "curves and markers"),
    "LineCollection": ("line", "lines"),
    "PathCollection": ("point of a scatter plot", "points of a scatter plot"),
    "FillBetweenPolyCollection": ("band", "bands"),
    "PolyCollection": ("area", "areas"),
    "QuadMesh": ("cell of a mesh", "cells of a mesh"),
    "patch": ("bar, frame or area", "bars, frames and areas"),
    "image": ("image", "images"),
    "text": ("label", "labels"),
    "clip": ("clipping area", "clipping areas"),
}
OTHER = ("shape", "shapes")


class Mark(Frozen, frozen=True):
    """A shape or a text: the kind of part it belongs to, its outline without numbers, its numbers, style and text."""

    part: str
    outline: str
    numbers: tuple[float, ...]
    style: str
    text: str = ""


class UnreadableDrawing(ValueError):
    """A drawing that is not well-formed XML."""


def differences(then: str, now: str) -> tuple[str, ...]:
    """Return what differs between two drawings as full sentences; none when they look the same.

    Raises UnreadableDrawing.
    """
    if then == now:
        return ()
    before, after = _parse(then), _parse(now)
    old, new = list(_marks(before)), list(_marks(after))
    found = [
        *_sizes(before, after),
        *_labels([m for m in old if m.part == "text"], [m for m in new if m.part == "text"]),
    ]
    for part in dict.fromkeys(mark.part for mark in (*old, *new)):
        found += _shapes(part, [m for m in old if m.part == part], [m for m in new if m.part == part])
    return tuple(found)


def _parse(svg: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(svg.encode())
    except ElementTree.ParseError as error:
        raise UnreadableDrawing(str(error)) from error


def _marks(root: ElementTree.Element) -> Iterator[Mark]:
    shapes = {f"#{e.get('id')}": e for e in root.iter() if e.get("id")}
    return _walk(root, "", shapes)


def _walk(element: ElementTree.Element, part: str, shapes: Mapping[str, ElementTree.Element]) -> Iterator[Mark]:
    for child in element:
        kind = child.tag.rpartition("}")[2]
        if kind == "defs":
            # Markers are read where they are used; areas to clip to are not used by any mark that says so.
            yield from (m for e in child if e.tag.endswith("clipPath") for m in _walk(e, "clip", shapes))
        elif kind == "text":
            yield _mark(child, "text", "".join(child.itertext()).strip())
        elif kind in ("g", "clipPath"):
            yield from _walk(child, _part(child, kind, part), shapes)
        elif kind not in UNSEEN:
            yield _mark(child, part, "", shapes.get(child.get(HREF, "")))


def _part(element: ElementTree.Element, kind: str, part: str) -> str:
    """Return the part that a group begins; those inside an axis or a legend stay a part of it."""
    if kind == "clipPath":
        return "clip"
    name = re.sub(r"_\d+$", "", element.get("id", ""))
    if part in ("matplotlib.axis", "legend", "clip") or not name or name in ("figure", "axes"):
        return part
    return name


def _mark(element: ElementTree.Element, part: str, text: str, used: ElementTree.Element | None = None) -> Mark:
    geometry = [element.get(name, "") for name in GEOMETRY]
    geometry += [used.get("d", "")] if used is not None else []
    joined = "|".join(" ".join(item.split()) for item in geometry)
    numbers = tuple(float(number) for number in NUMBER.findall(joined))
    styles = [e.get(name, "") for e in (element, used) if e is not None for name in ("style", "opacity")]
    picture = _pixels(element.get(HREF, ""))
    return Mark(part or "patch", NUMBER.sub("#", joined) + picture, numbers, "|".join(styles), text)


def _pixels(address: str) -> str:
    """Return an embedded image as its pixels: the same picture may be packed in other bytes elsewhere."""
    head, _, data = address.partition("base64,")
    if not head.startswith("data:image"):
        return ""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return f"{image.size}{image.convert('RGBA').tobytes().hex()}"


def _sizes(before: ElementTree.Element, after: ElementTree.Element) -> Iterator[str]:
    then, now = _inches(before), _inches(after)
    if then != now:
        yield f"It was {then} inches and is now {now} inches."


def _inches(root: ElementTree.Element) -> str:
    sizes = [float(root.get(name, "0").removesuffix("pt")) / 72 for name in ("width", "height")]
    return " × ".join(f"{size:.2f}" for size in sizes)


def _labels(old: Sequence[Mark], new: Sequence[Mark]) -> list[str]:
    """Tell which texts differ; those that only moved are told with the shapes."""
    then, now = [m.text for m in old], [m.text for m in new]
    told: list[str] = []
    for change, a, b, c, d in difflib.SequenceMatcher(None, then, now, autojunk=False).get_opcodes():
        if change != "equal":
            told += [_label(was, becomes) for was, becomes in zip_longest(then[a:b], now[c:d])]
    more = len(told) - SHOWN
    return told[:SHOWN] + ([f"{more} further {'label differs' if more == 1 else 'labels differ'}."] if more > 0 else [])


def _label(was: str | None, becomes: str | None) -> str:
    if was is None:
        return f"The label '{becomes}' is new."
    return f"The label '{was}' is gone." if becomes is None else f"The label '{was}' became '{becomes}'."


def _shapes(part: str, old: Sequence[Mark], new: Sequence[Mark]) -> Iterator[str]:
    one, many = PARTS.get(part, OTHER)
    if len(old) != len(new):
        if part != "text":  # told by their words already
            yield f"It had {_count(len(old), one, many)} and now has {len(new)}."
        return
    pairs = list(zip(old, new, strict=True))
    reshaped = [1 for a, b in pairs if a.outline != b.outline]
    moved = [shift for a, b in pairs if a.outline == b.outline and (shift := _shift(a, b)) > INVISIBLE]
    restyled = [1 for a, b in pairs if a.style != b.style]
    if reshaped:
        yield f"{_of(len(reshaped), len(old), one, many)} changed shape or number of points."
    if moved:
        yield f"{_of(len(moved), len(old), one, many)} moved, by up to {max(moved):.1f} points."
    if restyled:
        yield f"{_of(len(restyled), len(old), one, many)} changed colour or style."


def _shift(a: Mark, b: Mark) -> float:
    return max((abs(x - y) for x, y in zip(a.numbers, b.numbers, strict=True)), default=0.0)


def _of(count: int, total: int, one: str, many: str) -> str:
    if total == 1:
        return f"The {one}"
    return f"All {total} {many}" if count == total else f"{count} of {total} {many}"


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"

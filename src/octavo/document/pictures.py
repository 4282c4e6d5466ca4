"""How large a picture that lies beside a document is shown; what is too large to be opened at all is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml import etree

COLUMN, WIDE = 3.35, 7.0  # inches
MOST = 100_000_000  # pixels: a picture of this many takes 400 MB to show
SCREEN = 96.0  # pixels an inch, where a picture does not tell
UNITS = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72, "px": 1 / SCREEN, "": 1 / SCREEN}
SMALLER = "Save it smaller: 300 dots an inch are enough."
KINDS = (".svg", ".png", ".jpg", ".jpeg")


class Unfit(Exception):
    """A picture that cannot be shown; ``way_out`` says what to do."""

    def __init__(self, why: str, way_out: str) -> None:
        super().__init__(why)
        self.way_out = way_out


def size(file: Path, asked: str, room: float, high: str = "") -> tuple[float, float]:
    """Return width and height in inches: as ``asked`` (``50%`` of the room, ``3in``), or its own, within the ``room``.

    ``high`` is the height that is asked for, instead of a width.
    Raises Unfit.
    """
    if file.suffix.lower() not in KINDS:
        raise Unfit(f"it is {file.suffix[1:].upper()}", "Save it as SVG, PNG or JPEG: every output can show these.")
    width, height = _own(file)
    if high and (asked or high.strip().endswith("%")):
        raise Unfit(
            f"its height is '{high}'", "Give it a `:width:` alone, as 50%, 3in, 8cm or 300px: it keeps its shape."
        )
    wanted = _asked(asked, room) if asked else width
    if high:
        wanted = _asked(high, room) * width / height
    wanted = min(wanted, room)
    return round(wanted, 4), round(wanted * height / width, 4)


def _asked(asked: str, room: float) -> float:
    found = re.fullmatch(r"([0-9.]+) ?(%|in|cm|mm|pt|px|)", asked.strip())
    if not found or not float(found[1]):
        raise Unfit(f"its size is '{asked}'", "Write 50%, 3in, 8cm or 300px.")
    return float(found[1]) / 100 * room if found[2] == "%" else float(found[1]) * UNITS[found[2]]


def _own(file: Path) -> tuple[float, float]:
    return _of_lines(file) if file.suffix.lower() == ".svg" else _of_pixels(file)


def _of_pixels(file: Path) -> tuple[float, float]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:  # reads its head alone
            width, height = image.size
            dots = float((image.info.get("dpi") or (SCREEN, SCREEN))[0]) or SCREEN
    except Image.DecompressionBombError as error:
        raise Unfit("it has too many pixels to be opened", SMALLER) from error
    except (UnidentifiedImageError, OSError) as error:
        raise Unfit(f"it cannot be read ({type(error).__name__})", "Save it again.") from error
    if width * height > MOST:
        raise Unfit(f"it has {width} by {height} pixels", SMALLER)
    return width / dots, height / dots


def _of_lines(file: Path) -> tuple[float, float]:
    from lxml import etree

    try:
        root = etree.parse(str(file), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    except etree.XMLSyntaxError as error:
        raise Unfit("it is no SVG that can be read", "Save it again.") from error
    if root.prefix or etree.QName(root).localname != "svg":
        raise Unfit("it is no SVG that a page can hold", "Its first element must be a plain <svg>.")
    if any(_acts(element) for element in root.iter("*")):  # it would run in the page of whoever reads the paper
        raise Unfit("it holds a script or a piece of a web page", "Save it as a plain drawing, without them.")
    box = [float(number) for number in re.split(r"[\s,]+", root.get("viewBox", "").strip()) if number]
    sides = [_length(root.get(name, "")) for name in ("width", "height")]
    if all(sides):
        return sides[0], sides[1]
    if len(box) == 4 and box[2] > 0 and box[3] > 0:
        return box[2] / SCREEN, box[3] / SCREEN
    raise Unfit("it tells no size", "Give its <svg> a viewBox.")


def _acts(element: etree._Element) -> bool:
    """Tell whether part of a drawing can run code or show a page inside the page that holds it."""
    kind = str(element.tag).rpartition("}")[2].lower()
    return kind in ("script", "foreignobject", "handler") or any(
        str(name).lower().startswith("on") or re.sub(r"\s", "", str(value)).lower().startswith("javascript:")
        for name, value in element.attrib.items()
    )


def _length(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)(in|cm|mm|pt|px|)", text.strip())
    return float(found[1]) * UNITS[found[2]] if found else 0.0

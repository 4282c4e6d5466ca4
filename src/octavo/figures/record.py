"""The record of a figure: what it shows, as data. Figures are compared by it; it is a file that people can read.

Numbers have twelve significant digits. Positions on an axis of categories are numbers, 0 for the first; dates are days
since 1970. Nothing in a record tells of paths, users or times.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from octavo.errors import CheckError
from octavo.model import Frozen

VERSION = 1  # of the format; a reader refuses newer ones
Number = float | str | None  # texts are "inf" and "-inf", which JSON does not have; None is missing


class Blocks(Frozen, frozen=True):
    """A column too long to be kept: equal parts of it, in order, each by its digest, mean, least and most.

    ``missing`` counts what is missing in the whole column of ``count`` numbers.
    """

    count: int
    missing: int
    digests: tuple[str, ...]
    means: tuple[Number, ...]
    least: tuple[Number, ...]
    most: tuple[Number, ...]


Column = tuple[Number, ...] | Blocks


class Series(Frozen, frozen=True):
    """One artist, or those that belong together: a line, the bars of one colour, a band.

    ``kind`` is a word for a reader ("line", "bars"). ``name`` is that of the legend or the artist's label; where
    neither is there it is told by its ``colour``, or by its place among its like. ``columns`` have one length; the
    columns in ``at`` say where a row stands, and the others what it is worth there. ``ordered`` is false for points
    that mean the same in any order. ``facts`` are what a reader sees at once: the range of a colour map, a step.
    """

    kind: str
    name: str = ""
    colour: str = ""
    columns: dict[str, Column] = {}
    at: tuple[str, ...] = ()
    ordered: bool = True
    facts: dict[str, str | float] = {}


class Axis(Frozen, frozen=True):
    """One axis: its label, scale, limits (as drawn: the first may be larger), and the names of its categories.

    The limits are the author's where they are ``fixed``; else matplotlib found them, from the data and its margins.

    ``ticks`` are the labels that the figure's author gave, at these ``places``; those that matplotlib chose are no part
    of it.
    """

    label: str = ""
    scale: str = "linear"
    limits: tuple[float, float] = (0.0, 1.0)
    fixed: bool = False
    categories: tuple[str, ...] = ()
    dates: bool = False
    ticks: tuple[str, ...] = ()
    places: tuple[Number, ...] = ()


class Panel(Frozen, frozen=True):
    """One pair of axes. ``name`` counts: a, b, c; ``role`` is what it is to another panel ("twin of a", "inset of a").

    ``texts`` are what is written into it. ``not_compared`` names artists that nothing is known of.
    """

    name: str
    role: str = ""
    title: str = ""
    axes: dict[str, Axis] = {}
    legend: tuple[str, ...] = ()
    legend_title: str = ""
    texts: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()
    not_compared: tuple[str, ...] = ()


class FigureRecord(Frozen, frozen=True, omit_defaults=False):
    """All that a figure shows. ``texts`` are what stands outside of its panels: titles, common labels, legends."""

    panels: tuple[Panel, ...] = ()
    texts: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    version: Literal[1] = 1


def restless(first: FigureRecord, second: FigureRecord) -> tuple[str, ...]:
    """Return the series whose numbers differ from one drawing to the other, though they stand in the same places."""
    found: list[str] = []
    for a, b in zip(first.panels, second.panels, strict=False):
        if [s.kind for s in a.series] == [s.kind for s in b.series]:
            pairs = zip(a.series, b.series, strict=True)
            found += [f"{one.kind} {one.name}".strip() for one, two in pairs if _moved(one, two)]
    return tuple(dict.fromkeys(found))


def _moved(one: Series, two: Series) -> bool:
    placed = one.at and all(one.columns.get(name) == two.columns.get(name) for name in one.at)
    alike = one.name == two.name and one.columns.keys() == two.columns.keys()
    return bool(placed and alike and one.columns != two.columns)


class _Version(msgspec.Struct):
    version: int = VERSION


def write(record: FigureRecord) -> bytes:
    """Return a record as readable JSON: a line for each column of data, in a fixed order."""
    return (_lines(msgspec.to_builtins(record, order="deterministic"), "") + "\n").encode()


def read(data: bytes, where: str) -> FigureRecord:
    """Return a record. Raises CheckError where it is damaged, or of a newer Octavo."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise CheckError(
                f"This record of a figure is of a newer Octavo (format {version}, here {VERSION}).",
                where=where,
                hint="Update Octavo: install requirements.lock again.",
            )
        return msgspec.json.decode(data, type=FigureRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckError(
            f"This record of a figure cannot be read: {error}.",
            where=where,
            hint="Get it back from version control (`git checkout FILE`); `octavo accept` alone writes it.",
        ) from error


def _lines(content: Any, indent: str) -> str:
    """Return JSON with what holds nothing but plain values on one line."""
    inner = indent + " "
    if isinstance(content, dict) and any(isinstance(v, dict | list | tuple) and v for v in content.values()):
        fields = (f"{inner}{_plain(name)}: {_lines(value, inner)}" for name, value in content.items())
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(content, list | tuple) and any(isinstance(value, dict | list | tuple) for value in content):
        return "[\n" + ",\n".join(f"{inner}{_lines(value, inner)}" for value in content) + f"\n{indent}]"
    return _plain(content)


def _plain(content: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(content), indent=0).decode()

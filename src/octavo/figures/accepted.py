"""The accepted results: what the folder ``figures/`` holds, in files that a reader can compare line by line.

    accepted.json                  for every name: its kind, the reason given, and the digest of what was accepted
    values.json                    the values, a line each: as printed, and as recorded
    tables/NOTEBOOK.NAME.json      a table as printed, a line for each column and row
    NOTEBOOK.NAME.record.json      what a figure shows, as data
    NOTEBOOK.NAME.MEDIUM.svg       its drawing for a medium

Nothing in them tells who accepted, when or where, so the same results give the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from octavo import printing
from octavo.errors import CheckError
from octavo.figures import record as records
from octavo.figures.record import FigureRecord
from octavo.model import Align, Figure, Frozen, Result, Results, Scalar, Table, Value

LEDGER = "accepted.json"
VALUES = "values.json"
TABLES = "tables"
FIELDS = {"value": "", "se": "se", "low": "low", "high": "high"}  # as the files call them, and octavo.printing

Kind = Literal["value", "table", "figure"]
Read = TypeVar("Read")


class PrintedValue(Frozen, frozen=True):
    """A value as text, field by field (``value``, and ``se``, ``low``, ``high`` where recorded), and as recorded."""

    printed: dict[str, str]
    recorded: Value


class Header(Frozen, frozen=True):
    """What is printed above a column, and how its cells are aligned."""

    name: str
    label: str
    align: Align = "right"
    group: str = ""


class PrintedTable(Frozen, frozen=True):
    """A table as text; ``recorded`` has the numbers that were recorded in its rows, and nothing where there is none."""

    columns: tuple[Header, ...]
    rows: tuple[tuple[str, ...], ...]
    recorded: tuple[tuple[float | None, ...], ...] = ()


class Drawn(Frozen, frozen=True):
    """A figure as it can be compared: its alternative text, its SVG for each medium that has one, what it shows.

    ``record`` is None where the file of what it shows is missing.
    """

    alt: str
    drawings: dict[str, str]
    record: FigureRecord | None = None


Shown = PrintedValue | PrintedTable | Drawn


class Snapshot(Frozen, frozen=True):
    """Results as they are shown, by full name (``compare.att``)."""

    values: dict[str, PrintedValue] = {}
    tables: dict[str, PrintedTable] = {}
    figures: dict[str, Drawn] = {}

    def of(self, kind: Kind) -> Mapping[str, Shown]:
        """Return the results of one kind."""
        kinds: dict[Kind, Mapping[str, Shown]] = {"value": self.values, "table": self.tables, "figure": self.figures}
        return kinds[kind]


class Acceptance(Frozen, frozen=True):
    """A line of ``accepted.json``. ``alt`` and ``media`` are a figure's: its alternative text and its drawings."""

    kind: Kind
    because: str
    digest: str
    alt: str = ""
    media: tuple[str, ...] = ()


class Accepted(Frozen, frozen=True):
    """What the folder holds. ``edited`` maps a name to its file, where that is not as ``accept`` wrote it."""

    snapshot: Snapshot = Snapshot()
    acceptances: dict[str, Acceptance] = {}
    edited: dict[str, str] = {}


def snapshot(results: Results) -> Snapshot:
    """Return results as they are shown; the drawings are read from the folders of their runs."""
    values: dict[str, PrintedValue] = {}
    tables: dict[str, PrintedTable] = {}
    figures: dict[str, Drawn] = {}
    for notebook, result in results.results.items():
        record = result.record
        values.update({f"{notebook}.{name}": print_value(value) for name, value in record.values.items()})
        tables.update({f"{notebook}.{name}": print_table(table) for name, table in record.tables.items()})
        figures.update({f"{notebook}.{name}": _drawn(fig, result) for name, fig in record.figures.items()})
    return Snapshot(values, tables, figures)


def print_value(value: Value) -> PrintedValue:
    """Return a value as text, field by field."""
    recorded = {"se": value.se, "low": value.low, "high": value.high}
    fields = [name for name in FIELDS if name == "value" or recorded[name] is not None]
    return PrintedValue({name: printing.value(value, FIELDS[name]) for name in fields}, value)


def print_table(table: Table) -> PrintedTable:
    """Return a table as text."""
    headers = tuple(Header(c.name, c.label, c.align, c.group) for c in table.columns)
    cells = ((printing.cell(cell, c) for cell, c in zip(row, table.columns, strict=True)) for row in table.rows)
    recorded = tuple(tuple(_number(cell) for cell in row) for row in table.rows)
    some = any(number is not None for row in recorded for number in row)
    return PrintedTable(headers, tuple(tuple(row) for row in cells), recorded if some else ())


def _number(cell: Scalar) -> float | None:
    """Return a number of which a table prints no more than some digits."""
    return cell if isinstance(cell, float) else None


def read(folder: Path) -> Accepted | None:
    """Return what was accepted, or None when nothing ever was.

    Raises CheckError for a file that cannot be read. A file that is not as it was written is no error: see ``edited``.
    """
    if not (folder / LEDGER).is_file():
        return None
    acceptances = _load(folder / LEDGER, dict[str, Acceptance])
    values = _load(folder / VALUES, dict[str, PrintedValue]) if (folder / VALUES).is_file() else {}
    tables: dict[str, PrintedTable] = {}
    figures: dict[str, Drawn] = {}
    for name, acceptance in acceptances.items():
        if acceptance.kind == "table" and (file := folder / _table_file(name)).is_file():
            tables[name] = _load(file, PrintedTable)
            width = len(tables[name].columns)
            if any(len(row) != width for row in (*tables[name].rows, *tables[name].recorded)):
                raise _unreadable(file, "a row has more or fewer cells than columns")
        elif acceptance.kind == "figure":
            files = {medium: folder / _drawing_file(name, medium) for medium in acceptance.media}
            found = {medium: _text(file) for medium, file in files.items() if file.is_file()}
            shows = folder / _record_file(name)
            record = records.read(shows.read_bytes(), f"{folder.name}/{shows.name}") if shows.is_file() else None
            figures[name] = Drawn(acceptance.alt, found, record)
    held = Snapshot(values, tables, figures)
    return Accepted(held, acceptances, _edited(held, acceptances))


def take(accepted: Accepted | None, now: Snapshot, names: Iterable[str], because: str) -> Accepted:
    """Return what is accepted once ``names`` are taken over from ``now``; a name that is not made any more leaves."""
    before = accepted or Accepted()
    taken = set(names)

    def merged(then: dict[str, Read], made: dict[str, Read]) -> dict[str, Read]:
        kept = {name: shown for name, shown in then.items() if name not in taken}
        return {**kept, **{name: shown for name, shown in made.items() if name in taken}}

    held = Snapshot(
        merged(before.snapshot.values, now.values),
        merged(before.snapshot.tables, now.tables),
        merged(before.snapshot.figures, now.figures),
    )
    kinds: tuple[Kind, ...] = ("value", "table", "figure")
    new = {name: _acceptance(kind, now.of(kind)[name], because) for kind in kinds for name in now.of(kind)}
    acceptances = merged(before.acceptances, new)
    return Accepted(held, acceptances, _edited(held, acceptances))


def files(accepted: Accepted) -> dict[str, bytes]:
    """Return the files of what is accepted: their names in the folder, and their bytes."""
    held = accepted.snapshot
    written = {LEDGER: _lines(accepted.acceptances)}
    if held.values:
        written[VALUES] = _lines(held.values)
    for name, table in held.tables.items():
        written[_table_file(name)] = _table_lines(table)
    for name, drawn in held.figures.items():
        if drawn.record:
            written[_record_file(name)] = records.write(drawn.record)
        for medium, svg in drawn.drawings.items():
            written[_drawing_file(name, medium)] = svg.encode()
    return written


def _drawn(figure: Figure, result: Result) -> Drawn:
    drawings = {d.medium: _text(result.path(d.file)) for d in figure.drawings if d.format == "svg"}
    record = records.read(result.path(figure.data).read_bytes(), figure.data) if figure.data else None
    return Drawn(figure.alt, drawings, record)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")  # a checkout may have changed the ends of lines; they mean nothing
    except UnicodeDecodeError as error:
        raise _unreadable(file, error) from error


def _table_file(name: str) -> str:
    return f"{TABLES}/{name}.json"


def _drawing_file(name: str, medium: str) -> str:
    return f"{name}.{medium}.svg"


def _record_file(name: str) -> str:
    return f"{name}.record.json"


def _acceptance(kind: Kind, shown: Shown, because: str) -> Acceptance:
    if isinstance(shown, Drawn):
        return Acceptance(kind, because, digest(shown), shown.alt, tuple(sorted(shown.drawings)))
    return Acceptance(kind, because, digest(shown))


def digest(shown: Shown) -> str:
    """Return a short digest of what is shown; what is not printed of a value has no part in it."""
    content: object = shown
    if isinstance(shown, PrintedValue):
        content = shown.printed
    elif isinstance(shown, PrintedTable):
        content = replace(shown, recorded=())
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:16]


def _edited(held: Snapshot, acceptances: Mapping[str, Acceptance]) -> dict[str, str]:
    """Return the names whose file and line in ``accepted.json`` do not agree, each with that file."""
    edited: dict[str, str] = {name: VALUES for name in held.values if name not in acceptances}
    for name, acceptance in acceptances.items():
        shown = held.of(acceptance.kind).get(name)
        if shown is None or digest(shown) != acceptance.digest:
            lost = sorted(set(acceptance.media) - (shown.drawings.keys() if isinstance(shown, Drawn) else set()))
            figure = _drawing_file(name, lost[0]) if lost else _record_file(name)
            files = {"value": VALUES, "table": _table_file(name), "figure": figure}
            edited[name] = files[acceptance.kind]
    return edited


def _load(file: Path, kind: type[Read]) -> Read:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: object) -> CheckError:
    return CheckError(
        f"This file of the accepted results cannot be read: {error}.",
        where=f"{file.parent.name}/{file.name}",
        hint="Get it back from version control (`git checkout FILE`); `octavo accept` alone writes it.",
    )


def _lines(entries: Mapping[str, Any]) -> bytes:
    """Return a JSON object with an entry on each line, in the order of the names."""
    lines = [f" {_json(name)}: {_json(entries[name])}" for name in sorted(entries)]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode() if lines else b"{}\n"


def _table_lines(table: PrintedTable) -> bytes:
    parts: dict[str, tuple[object, ...]] = {"columns": table.columns, "rows": table.rows}
    if table.recorded:
        parts["recorded"] = table.recorded
    blocks = [f' "{name}": [\n' + ",\n".join(f"  {_json(row)}" for row in rows) for name, rows in parts.items()]
    return ("{\n" + "\n ],\n".join(blocks) + "\n ]\n}\n").encode()


def _json(content: object) -> str:
    spaced = msgspec.json.format(msgspec.json.encode(content, order="deterministic"), indent=0)
    return spaced.decode()

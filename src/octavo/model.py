"""The frozen records that rooms hand each other.

Every record is written to and read from JSON as it stands (msgspec: strict types, unknown fields refused),
so what one room records is what another room reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

Scalar = bool | int | float | str | None
Align = Literal["left", "right", "center"]
Format = Literal["svg", "pdf", "png"]
Digits = Annotated[int, msgspec.Meta(ge=0, le=30)]

RUN = "OCTAVO_RUN"  # the environment variable that names the folder of the run to a kernel
KEPT = "kept"  # beside the folder of a run: what is kept of it for drawing its figures; see octavo.engine.task.Action
SAVED = "saved"  # in the place of a medium: what a notebook saved or showed by itself
FAILED = "failed.json"  # in the folder of a run: of each figure that could not be drawn what, where, and the way out
MARK = "octavo"  # in the metadata of an output of a notebook: which figure stands there
RESULTS = "OCTAVO_RESULTS"  # the one that names the file from which a notebook run by hand reads sweeps


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every record: immutable, strict, defaults left out of the JSON."""


class Place(Frozen, frozen=True):
    """A spot in a source. ``file`` is relative to the project root, with slashes; ``line`` counts from 1."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Finding(Frozen, frozen=True):
    """What a check saw. ``rule`` is a stable id phrased as what should hold (``bib-key-unique``)."""

    rule: str
    severity: Literal["error", "warning"]
    message: str
    place: Place | None = None
    hint: str = ""


class Value(Frozen, frozen=True):
    """A number or a text that a run recorded.

    ``digits`` is the number of decimals printed. ``unit`` is printed after the number (before it for $, € and £).
    ``se`` is a standard error, ``low`` and ``high`` the ends of an interval, all in the same unit.
    """

    number: int | float | str
    se: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    digits: Digits = 2


class Column(Frozen, frozen=True):
    """A column of a table. ``digits`` is for its numbers; ``group`` is the spanning header above it, if any."""

    name: str
    label: str
    align: Align = "right"
    digits: Digits = 2
    group: str = ""


class Table(Frozen, frozen=True):
    """A table that a run recorded: numbers stay numbers, so that printing and comparing know the precision."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Scalar, ...], ...]


class Drawing(Frozen, frozen=True):
    """One file of a figure: the medium that it was drawn for, its format, its size in inches and its SHA-256.

    ``dpi`` is the resolution of a picture in dots an inch; 0 for what is made of lines.

    ``file`` is relative to the folder of the run that drew it (``figures/overlap.column.svg``).
    """

    medium: str
    format: Format
    file: str
    width: float
    height: float
    digest: str
    dpi: float = 0.0


class Figure(Frozen, frozen=True):
    """A figure that a run recorded, drawn once for each medium and format.

    Of one declared by ``octavo.figure`` a run keeps the drawing function, in the file ``declared`` of what it keeps; it
    is drawn afterwards, with its height divided by its width as ``aspect``.

    ``data`` is the file of what it shows (see octavo.figures.record), relative to the folder of the run. ``restless``
    names what came out otherwise when it was drawn with other random numbers; ``crowded`` says, by medium, which texts
    are cut off or lie on one another.
    """

    alt: str
    drawings: tuple[Drawing, ...]
    data: str = ""
    restless: tuple[str, ...] = ()
    crowded: dict[str, tuple[str, ...]] = {}
    declared: str = ""
    aspect: float = 0.0


class Record(Frozen, frozen=True):
    """All that one run of a notebook recorded, by name."""

    values: dict[str, Value] = {}
    tables: dict[str, Table] = {}
    figures: dict[str, Figure] = {}


class Medium(Frozen, frozen=True):
    """A place where figures are shown. Sizes in inches; ``style`` is a matplotlib style sheet of the project.

    Without ``height`` the figure's own aspect ratio (height divided by width) gives it. ``smallest`` is the height of
    type, in points, that is still read there.
    """

    name: str
    width: float
    style: str
    formats: tuple[Format, ...]
    height: float | None = None
    smallest: float = 6.0


class Point(Frozen, frozen=True):
    """One run of a notebook: its parameters in declared order and what it recorded."""

    parameters: dict[str, Scalar]
    record: Record


class ToDraw(Frozen, frozen=True):
    """The figures to draw: those that the run which left the folder ``point`` declared, for one medium.

    Of the ``first`` medium the drawings are read off as data, and looked at whether they are the same twice.
    """

    point: Path
    medium: Medium
    first: bool


class RunInputs(Frozen, frozen=True):
    """What a run is given: the project's root, the sweeps that its code names, the figures that it is to draw.

    ``draws``: the figures that it declares will be drawn; ``quoted``: documents can show what it records.
    """

    root: Path
    sweeps: dict[str, tuple[Point, ...]] = {}
    draws: bool = False
    quoted: bool = False
    drawing: ToDraw | None = None


class Doubts(Frozen, frozen=True):
    """What is to be known of a run's trace. Names are from the project root, or whole paths outside it.

    ``perhaps``: files that were opened while it ran, by it or by another; ``changed``: those that were read and then
    written to by whomever, so that what was read is not there any more; ``presence``: those of which only counts
    whether they are there, as a file or as a folder; ``writes``: files of the project that it left there; ``notes``:
    sentences for the user. ``memory``: the bytes that the run took, where the worker does not see that by itself.
    """

    perhaps: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    presence: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    memory: int = 0


class BuildResults(Frozen, frozen=True):
    """``build/results.json``: the points of every notebook, as the last build left them."""

    notebooks: dict[str, tuple[Point, ...]] = {}


class Source(Frozen, frozen=True):
    """Where a result came from, for whoever reviews it. ``digest`` is the key of the run, in hexadecimal."""

    notebook: str
    parameters: dict[str, Scalar]
    digest: str


class Result(Frozen, frozen=True):
    """Everything a notebook of one point recorded, and the folder of its run.

    ``places`` has the folders of those files of the record that were made afterwards.
    """

    record: Record
    folder: Path
    source: Source
    places: dict[str, Path] = {}

    def path(self, file: str) -> Path:
        """Return where a file lies that the record names."""
        return self.places.get(file, self.folder) / file


class Results(Frozen, frozen=True):
    """The results by notebook name: what the documents print. Names are ``notebook.name``.

    ``sweeps`` names the notebooks of several points, which documents cannot quote directly. ``media`` are those for
    which figures are drawn.
    """

    results: dict[str, Result] = {}
    sweeps: tuple[str, ...] = ()
    media: tuple[Medium, ...] = ()


class Shrunk(Frozen, frozen=True):
    """A table that was shrunk to its column: where it stands, the height of its type in points, what is left of it."""

    place: Place
    points: float
    share: float


class LatexLog(Frozen, frozen=True):
    """What LaTeX, or Typst, said of a paper that it set: the page on which the text ends, lines that are too wide.

    ``overfull``: for each the line of the source, the points that it is too wide, and some of its words; ``lacking``
    are the packages with the class's own typeface that are not installed. ``shrunk`` are tables that were too wide,
    ``tall`` floats that are higher than a page: the line of the source, and by how many points.
    """

    text_pages: int
    overfull: tuple[tuple[int, float, str], ...] = ()
    lacking: tuple[str, ...] = ()
    shrunk: tuple[Shrunk, ...] = ()
    tall: tuple[tuple[int, float], ...] = ()


State = Literal["same", "drift", "changed", "new", "missing", "not compared"]


class Verdict(Frozen, frozen=True):
    """What a comparison with the accepted results says of one result.

    ``name`` is its full name (``compare.att``). ``missing`` was accepted and is not made any more; ``new`` was never
    accepted; ``drift`` is beyond the tolerance, and not to be seen in print. ``differences`` are sentences. Where the
    result is the ``same`` they tell what else a reader may want to know: how its drawing differs. ``waived`` is the
    reason for which the project lets it pass all the same.
    """

    name: str
    kind: Literal["value", "table", "figure"]
    state: State
    differences: tuple[str, ...] = ()
    waived: str = ""

"""What runs inside a notebook's kernel: record values, tables and figures; read sweeps.

In a build, the environment variable OCTAVO_RUN names the folder of the run: ``run.json`` in it says what the run may
read, ``record.json`` is what it recorded. Without the variable nothing is recorded and everything is shown.
Nothing is kept in memory between calls, so a kernel that is forked or restarted cannot carry anything over.
"""

from __future__ import annotations

import math
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

import msgspec

from octavo.errors import NotebookError, UsageError, nearest
from octavo.model import (
    KEPT,
    MARK,
    RESULTS,
    RUN,
    Align,
    BuildResults,
    Column,
    Figure,
    Medium,
    Point,
    Record,
    RunInputs,
    Scalar,
    Table,
    Value,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

SHOWN = ("column", "wide")
INPUTS = "run.json"
UNFINISHED = "record.json.new"
THREADS = threading.Lock()  # where the system has no locks of files; it has no fork either, which would carry it over


def value(
    name: str,
    number: SupportsFloat | str,
    *,
    se: SupportsFloat | None = None,
    ci: tuple[SupportsFloat, SupportsFloat] | None = None,
    unit: str = "",
    digits: SupportsIndex | None = None,
) -> None:
    """Record a number (or a text) under ``name``, for the documents and for the notebooks that read this one.

    ``se`` is its standard error and ``ci`` its interval, in the same ``unit``. ``digits`` is the number of decimals
    printed: 0 for whole numbers and 2 for others, if not given. With the unit ``%`` the number is in per cent.
    Raises NotebookError when the name is taken in this run, a number is not finite, or they cannot be what they are
    called: a negative standard error, an interval that begins above its end.
    """
    words = f"the value '{name}'"
    plain = str(number) if isinstance(number, str) else _finite(words, number, "a number or a text")
    low, high = _interval(words, ci)
    recorded = Value(
        number=plain,
        se=_standard_error(words, se),
        low=low,
        high=high,
        unit=unit,
        digits=_decimals(words, digits, 0 if isinstance(plain, int) else 2),
    )
    if isinstance(plain, str) and (se is not None or ci is not None):
        raise NotebookError(
            f"The value '{name}' is a text: it has no standard error and no interval.",
            hint="Record the number itself; digits= and unit= say how it is printed.",
        )
    _record(name, "values", recorded)
    _say(f"{name} = {_words(recorded)}")


def table(
    name: str,
    frame: pd.DataFrame,
    *,
    digits: SupportsIndex | Mapping[str, SupportsIndex] | None = None,
    labels: Mapping[str, str] | None = None,
    align: Mapping[str, Align] | None = None,
    groups: Sequence[tuple[str, Sequence[str]]] = (),
) -> None:
    """Record a data frame as a table; its index is not part of it.

    ``digits`` is the decimals of all numbers or of each column; ``labels`` are the headers; ``groups`` are spanning
    headers with the columns below them. Missing cells stay empty.
    Times of a column that are all midnight are printed as dates.
    Raises NotebookError when an option names a column that the frame does not have.
    """
    if not (hasattr(frame, "iloc") and hasattr(frame, "columns")):
        raise NotebookError(
            f"The table '{name}' must be a data frame of pandas, not {_seen(frame)}.",
            hint="A series becomes one by .to_frame(), a list of rows by pd.DataFrame(rows).",
        )
    spans = {column: header for header, columns in groups for column in columns}
    per_column = digits if isinstance(digits, Mapping) else {}
    names = _columns_named(name, frame, digits=per_column, labels=labels, align=align, groups=spans)
    everywhere = None if isinstance(digits, Mapping) else digits
    columns, contents = [], []
    for position, column in enumerate(names):
        cells = _cells(frame.iloc[:, position], f"The column '{column}' of the table '{name}'")
        numeric = all(cell is None or isinstance(cell, int | float) for cell in cells)
        whole = all(cell is None or isinstance(cell, int) for cell in cells)
        decimals = _decimals(f"the table '{name}'", per_column.get(column, everywhere), 0 if whole else 2)
        side = (align or {}).get(column, "right" if numeric else "left")
        columns.append(Column(column, (labels or {}).get(column, column), side, decimals, spans.get(column, "")))
        contents.append(cells)
    _record(name, "tables", Table(tuple(columns), tuple(zip(*contents, strict=True))))


def _columns_named(table: str, frame: pd.DataFrame, **options: Mapping[str, object] | None) -> list[str]:
    """Return the names of a frame's columns.

    Raises NotebookError where two are the same, and where one of the options names a column that is not among them.
    """
    names = [str(column) for column in frame.columns]
    for column in dict.fromkeys(column for column in names if names.count(column) > 1):
        raise NotebookError(f"The table '{table}' has two columns '{column}'.", hint="Rename one of them in the frame.")
    for option, given in options.items():
        for column in given or {}:
            if column not in names:
                raise NotebookError(
                    f"The table '{table}' has no column '{column}', named in {option}=.",
                    hint=nearest(column, names) or f"Its columns: {', '.join(names)}.",
                )
    return names


def figure(
    name: str,
    draw: Callable[[MatplotlibFigure], object],
    *,
    aspect: float = 0.62,
    alt: str = "",
) -> None:
    """Declare a figure: ``draw(fig)`` is called once for every medium, with an empty figure of that medium's size.

    ``draw`` is kept with all that it uses, and called here once to see that it can be. It is drawn for the media after
    the notebook has run, and again when a medium or its style changes, without the notebook.
    ``aspect`` is height divided by width, where the medium does not give a height. ``alt`` tells a reader who cannot
    see the figure what it shows.
    Raises NotebookError when the name is taken in this run, the drawing stays empty, or it cannot be kept.
    """
    from octavo.figures.draw import declare, preview

    run = _run()
    if run is None:
        from IPython.display import Image, display

        root, media = _by_hand()
        shown = next((m for m in media if m.name in SHOWN), None)
        display(Image(preview(draw, shown or media[0], root, aspect=aspect)))  # type: ignore[no-untyped-call]
        return
    inputs = _inputs(run)
    _check_name(name, "figures", _read_record(run))
    if not inputs.draws:
        hint = "Name it in the notebook's own code: `import octavo`, then `octavo.figure(…)`."
        raise NotebookError(f"Octavo did not expect a figure, and will not draw '{name}'.", hint=hint)
    file = run.parent / KEPT / f"{name}.declaration"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(declare(name, draw, aspect))
    _record(name, "figures", Figure(alt, (), declared=file.name, aspect=aspect))
    _show(name)


def sweep(name: str) -> pd.DataFrame:
    """Return a notebook's points as a data frame, a row a point in declared order.

    The columns are the parameters, then what the points recorded: ``att``, and ``att_se``, ``att_low``, ``att_high``
    where they were given. A notebook without a sweep has one row. Write the name as a literal: that is how Octavo
    knows that this notebook depends on it.
    Raises NotebookError when the name is unknown, or nothing was built yet (by hand).
    """
    import pandas as pd

    run = _run()
    known = _inputs(run).sweeps if run else _last_build().notebooks
    if name not in known:
        raise NotebookError(
            f"There is no sweep '{name}' to read here.",
            hint=nearest(name, known)
            or 'Write octavo.sweep("name") in a cell, its name as a literal, and build it first.',
        )
    return pd.DataFrame([_row(name, point) for point in known[name]])


def _row(name: str, point: Point) -> dict[str, Scalar]:
    row = dict(point.parameters)
    for key, recorded in point.record.values.items():
        fields = {"": recorded.number, "_se": recorded.se, "_low": recorded.low, "_high": recorded.high}
        for suffix, number in fields.items():
            if suffix and number is None:
                continue
            if key + suffix in row:
                raise NotebookError(
                    f"The sweep '{name}' has both a parameter or value '{key + suffix}' and a value '{key}'.",
                    hint="Rename one of them in its notebook.",
                )
            row[key + suffix] = number
    return row


def _run() -> Path | None:
    folder = os.environ.get(RUN)
    return Path(folder) if folder else None


def _inputs(run: Path) -> RunInputs:
    return msgspec.json.decode((run / INPUTS).read_bytes(), type=RunInputs, dec_hook=_path)


def _path(kind: type, text: object) -> object:
    return kind(text)  # pathlib's paths are the one type of the records that JSON does not have


def _read_record(run: Path) -> Record:
    file = run / "record.json"
    return msgspec.json.decode(file.read_bytes(), type=Record) if file.exists() else Record()


def _check_name(name: str, kind: str, record: Record) -> None:
    if not name.isidentifier():
        raise NotebookError(
            f"'{name}' cannot name a result.", hint="Use letters, digits and underscores: all_estimates."
        )
    for taken in ("values", "tables", "figures"):
        if name in getattr(record, taken):
            other = "" if taken == kind else f" (as one of its {taken})"
            raise NotebookError(
                f"This run already recorded '{name}'{other}.",
                hint="A name stands for one result: choose another, or record it once.",
            )


def recorded(run: Path) -> dict[str, str]:
    """Return the names that a run has recorded so far, with their kinds."""
    record = _read_record(run)
    return {name: kind for kind in ("values", "tables", "figures") for name in getattr(record, kind)}


def this_run() -> tuple[Path, RunInputs]:
    """Return the folder of this run, and what it is given."""
    run = Path(os.environ[RUN])
    return run, _inputs(run)


def figures(run: Path) -> dict[str, Figure]:
    """Return the figures that the run which left a folder recorded."""
    return _read_record(run).figures


def is_quoted(run: Path) -> bool:
    """Whether documents can show what a run records."""
    return _inputs(run).quoted


def keep_figure(name: str, drawn: Figure) -> None:
    """Record a figure that the notebook saved or showed by itself; see octavo.saved."""
    _record(name, "figures", drawn)


def _record(name: str, kind: str, recorded: Value | Table | Figure) -> None:
    _check_types(name, recorded)
    run = _run()
    if run is None:
        return
    with _alone(run):
        record = _read_record(run)
        _check_name(name, kind, record)
        entries = {**getattr(record, kind), name: recorded}
        changed = msgspec.structs.replace(record, **{kind: entries})
        unfinished = run / UNFINISHED
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(changed), indent=1))
        unfinished.replace(run / "record.json")


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Let no other thread, and no other process of the run, record meanwhile.

    What is locked is the file of the run's inputs: it is there, and no output. It is opened anew each time, for a lock
    belongs to what was opened, and threads and forked processes would share that.
    """
    if sys.platform == "win32":
        with THREADS:
            yield
        return
    import fcntl

    try:
        descriptor = os.open(run / INPUTS, os.O_RDWR)  # to write: a lock on a network's disk asks for it
    except OSError:  # the run has ended, and a thread that it left still records
        yield
        return
    try:
        with suppress(OSError):  # the disk has no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):  # said, not left to the end of the file: a process forked meanwhile has it open too
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _check_types(name: str, recorded: Value | Table | Figure) -> None:
    """Raise NotebookError for what could not be read back: a unit that is no text, digits that are no whole number."""
    try:
        msgspec.convert(msgspec.to_builtins(recorded), type(recorded))
    except (msgspec.ValidationError, TypeError) as error:
        raise NotebookError(f"'{name}' cannot be recorded: {error}.") from error


def _finite(words: str, number: object, wanted: str = "a number") -> int | float:
    """Return a number of any library as Python's. ``words`` are what it is of, ``wanted`` what may stand there."""
    plain = _plain(number)
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise NotebookError(f"{_begun(words)} must be {wanted}, not {_seen(number)}.")
    if not math.isfinite(plain):
        raise NotebookError(
            f"{_begun(words)} is {number!r}, not a finite number.",
            hint="Mend the computation, or record a text that says what happened.",
        )
    return plain


def _plain(given: Any) -> Any:
    """Return a number of numpy's, say, as Python's; arrays and tensors of several are left as they are."""
    if hasattr(given, "item"):
        with suppress(TypeError, ValueError, RuntimeError):
            return given.item()
    return given


def _standard_error(words: str, se: object) -> float | None:
    if se is None:
        return None
    words = f"the standard error of {words}"
    plain = float(_finite(words, se))
    if plain < 0:
        raise NotebookError(f"{_begun(words)} is negative: {se!r}.", hint="Mend the computation.")
    return plain


def _interval(words: str, ci: object) -> tuple[float, float] | tuple[None, None]:
    if ci is None:
        return None, None
    words = f"the interval of {words}"
    if not (isinstance(ci, tuple | list) and len(ci) == 2):
        raise NotebookError(f"{_begun(words)} must be a pair: ci=(low, high).")
    low, high = (float(_finite(f"an end of {words}", end)) for end in ci)
    if low > high:
        raise NotebookError(f"{_begun(words)} begins above its end: {ci!r}.", hint="Write it as ci=(low, high).")
    return low, high


def _decimals(words: str, digits: object, usual: int) -> int:
    """Return the number of decimals: as given, a whole number of any library, or as usual."""
    if digits is None:
        return usual
    try:
        plain = -1 if isinstance(digits, bool) else operator.index(digits)  # type: ignore[arg-type]
    except TypeError:
        plain = -1
    if plain < 0:
        raise NotebookError(f"The digits= of {words} must be a whole number, 0 or more, not {_seen(digits)}.")
    return plain


def _begun(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _seen(given: object) -> str:
    """Return what was given, or, where that has no short words, what kind of thing it is."""
    text = repr(given)
    return text if len(text) <= 60 and "\n" not in text else f"a {type(given).__name__}"


def _cells(column: pd.Series[Any], words: str) -> tuple[Scalar, ...]:
    """Return the cells of a column as they are recorded: times that are all midnight are dates.

    Raises NotebookError, with ``words`` for the column, where a number is infinite.
    """
    times = [cell for cell in column if isinstance(cell, datetime) and not _is_missing(cell)]
    days = all(cell.tzinfo is None and cell.time() == time() and not getattr(cell, "nanosecond", 0) for cell in times)
    dated = [cell.date() if days and isinstance(cell, datetime) and not _is_missing(cell) else cell for cell in column]
    cells = tuple(map(_scalar, dated))
    for row, cell in enumerate(cells, 1):
        if isinstance(cell, float) and math.isinf(cell):
            hint = "Put a text in its place, or leave the cell empty (NaN)."
            raise NotebookError(f"{words} has {cell} in row {row}, which no table can hold.", hint=hint)
    return cells


def _is_missing(cell: object) -> bool:
    return (
        cell is None or (isinstance(cell, float) and math.isnan(cell)) or type(cell).__name__ in ("NAType", "NaTType")
    )


def _scalar(cell: Any) -> Scalar:
    """Turn numpy's and pandas' scalars into Python's; what is missing becomes None, anything else its text."""
    plain = _plain(cell)
    if _is_missing(plain):
        return None
    return plain if isinstance(plain, bool | int | float | str) else str(plain)


def _by_hand() -> tuple[Path, Sequence[Medium]]:
    from octavo import project

    try:
        found = project.read(project.find_root(Path.cwd()))
        return found.root, found.media
    except UsageError:
        plain = [Medium(name, m.width, "", ("png",), m.height) for name, m in project.DEFAULT_MEDIA.items()]
        return Path.cwd(), plain


def _last_build() -> BuildResults:
    from octavo.project import find_root

    given = os.environ.get(RESULTS)
    file = Path(given) if given else find_root(Path.cwd()) / "build" / "results.json"
    if not file.exists():
        raise NotebookError(
            "There are no results to read yet: build/results.json is missing.",
            hint="Run `make notebooks` once; then this notebook can be run by hand.",
        )
    return msgspec.json.decode(file.read_bytes(), type=BuildResults)


def _words(recorded: Value) -> str:
    from octavo import printing

    text = printing.value(recorded)
    if recorded.se is not None:
        text += f" (standard error {printing.value(recorded, 'se')})"
    if recorded.low is not None:
        text += f", interval {printing.value(recorded, 'ci')}"
    return text


def _say(text: str) -> None:
    print(text)


def _show(name: str) -> None:
    """Leave a mark in the executed notebook: in build/ the drawing stands there (see octavo.notebooks.attach)."""
    from IPython.display import display

    shown = {"text/plain": f"Figure '{name}'"}
    display(shown, raw=True, metadata={MARK: {"figure": name}})  # type: ignore[no-untyped-call]

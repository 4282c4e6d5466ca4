"""What runs inside a notebook's kernel: record values, tables and figures; read sweeps.

In a build, the environment variable OCTAVO_RUN names the folder of the run: ``run.json`` in it says what the run may
read, ``record.json`` is what it recorded. Without the variable nothing is recorded and everything is shown.
Nothing is kept in memory between calls, so a kernel that is forked or restarted cannot carry anything over.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def value(
    name: str,
    number: float | str,
    *,
    se: float | None = None,
    ci: tuple[float, float] | None = None,
    unit: str = "",
    digits: int | None = None,
) -> None:
    """Record a number (or a text) under ``name``, for the documents and for the notebooks that read this one.

    ``se`` is its standard error and ``ci`` its interval, in the same ``unit``. ``digits`` is the number of decimals
    printed: 0 for whole numbers and 2 for others, if not given. With the unit ``%`` the number is in per cent.
    Raises NotebookError when the name is taken in this run or a number is not finite.
    """
    if ci is not None and not (isinstance(ci, tuple | list) and len(ci) == 2):
        raise NotebookError(f"The interval of the value '{name}' must be a pair: ci=(low, high).")
    plain = str(number) if isinstance(number, str) else _finite(name, number)
    recorded = Value(
        number=plain,
        se=None if se is None else float(_finite(name, se)),
        low=None if ci is None else float(_finite(name, ci[0])),
        high=None if ci is None else float(_finite(name, ci[1])),
        unit=unit,
        digits=digits if digits is not None else (0 if isinstance(plain, int) else 2),
    )
    _record(name, "values", recorded)
    _say(f"{name} = {_words(recorded)}")


def table(
    name: str,
    frame: pd.DataFrame,
    *,
    digits: int | Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    align: Mapping[str, Align] | None = None,
    groups: Sequence[tuple[str, Sequence[str]]] = (),
) -> None:
    """Record a data frame as a table; its index is not part of it.

    ``digits`` is the decimals of all numbers or of each column; ``labels`` are the headers; ``groups`` are spanning
    headers with the columns below them. Missing cells stay empty.
    Raises NotebookError when an option names a column that the frame does not have.
    """
    spans = {column: header for header, columns in groups for column in columns}
    per_column = digits if isinstance(digits, Mapping) else {}
    names = _columns_named(name, frame, digits=per_column, labels=labels, align=align, groups=spans)
    everywhere = digits if isinstance(digits, int) else None
    columns = []
    for position, column in enumerate(names):
        cells = [_scalar(cell) for cell in frame.iloc[:, position]]
        numeric = all(cell is None or isinstance(cell, int | float) for cell in cells)
        whole = all(cell is None or isinstance(cell, int) for cell in cells)
        decimals = per_column.get(column, everywhere if everywhere is not None else (0 if whole else 2))
        side = (align or {}).get(column, "right" if numeric else "left")
        columns.append(Column(column, (labels or {}).get(column, column), side, decimals, spans.get(column, "")))
    rows = tuple(tuple(_scalar(cell) for cell in row) for row in frame.itertuples(index=False, name=None))
    _record(name, "tables", Table(tuple(columns), rows))


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
            hint=nearest(name, known) or 'Write its name as a literal, octavo.sweep("name"), and build it first.',
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
    return msgspec.json.decode((run / "run.json").read_bytes(), type=RunInputs, dec_hook=_path)


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
    record = _read_record(run)
    _check_name(name, kind, record)
    entries = {**getattr(record, kind), name: recorded}
    changed = msgspec.structs.replace(record, **{kind: entries})
    (run / "record.json").write_bytes(msgspec.json.format(msgspec.json.encode(changed), indent=1))


def _check_types(name: str, recorded: Value | Table | Figure) -> None:
    """Raise NotebookError for what could not be read back: a unit that is no text, digits that are no whole number."""
    try:
        msgspec.convert(msgspec.to_builtins(recorded), type(recorded))
    except (msgspec.ValidationError, TypeError) as error:
        raise NotebookError(f"'{name}' cannot be recorded: {error}.") from error


def _finite(name: str, number: object) -> int | float:
    plain = number.item() if hasattr(number, "item") else number
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise NotebookError(f"The value '{name}' must be a number or a text, not {number!r}.")
    if not math.isfinite(plain):
        raise NotebookError(
            f"The value '{name}' is {number!r}, not a finite number.",
            hint="Mend the computation, or record a text that says what happened.",
        )
    return plain


def _scalar(cell: Any) -> Scalar:
    """Turn numpy's and pandas' scalars into Python's; what is missing becomes None, anything else its text."""
    plain = cell.item() if hasattr(cell, "item") else cell
    if plain is None or (isinstance(plain, float) and math.isnan(plain)) or type(plain).__name__ == "NAType":
        return None
    if isinstance(plain, float) and math.isinf(plain):
        raise NotebookError(
            f"A table cannot hold {plain}.", hint="Put a text in its place, or leave the cell empty (NaN)."
        )
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

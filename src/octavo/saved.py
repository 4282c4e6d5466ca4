"""Runs in the kernel of a build: records every figure that a notebook saves or shows.

The hook sits where matplotlib prints a figure, which savefig, seaborn's grids and inline display all come to. What
``octavo.figure`` draws is left out: it is recorded there. A figure is called by its file, or by the cell that shows it.
Where documents can show it, it is printed for them as well: in the formats that they take, with text that is text.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from octavo.figures.draw import DATA, DECLARED, FIXED, METADATA, PNG_DPI, POINTS
from octavo.figures.record import FigureRecord, write
from octavo.model import RUN, SAVED, Drawing, Figure, Format

PRINTS = "matplotlib.backend_bases"  # the module whose canvases print figures
FORMATS: tuple[Format, ...] = ("svg", "pdf", "png")
FULL = (errno.ENOSPC, errno.EDQUOT)
PRINTED = ("facecolor", "edgecolor", "orientation", "bbox_inches", "pad_inches", "bbox_extra_artists")


class Cells:
    """Counts the cells with code that were begun: one of comments alone must not give a figure another name.

    IPython's own number is, with its version, that of this one or of the next.
    """

    def __init__(self, shell: Any) -> None:
        self.number = 0
        shell.events.register("pre_run_cell", self.begin)

    def begin(self, info: Any) -> None:
        """Count a cell that begins."""
        lines = map(str.strip, info.raw_cell.splitlines())
        self.number += any(line and not line.startswith("#") for line in lines)


def load_ipython_extension(shell: Any) -> None:
    """Hook into matplotlib, or into its import if nothing has imported it yet."""
    cells = Cells(shell)
    if PRINTS in sys.modules:
        hook(sys.modules[PRINTS], cells)
    else:
        sys.meta_path.insert(0, _Finder(lambda module: hook(module, cells)))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module as others do, and calls ``then`` once it is imported."""

    def __init__(self, then: Callable[[ModuleType], None]) -> None:
        self.then = then

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != PRINTS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_tell(module: ModuleType) -> None:
                execute(module)
                self.then(module)

            spec.loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec


def hook(module: ModuleType, cells: Cells) -> None:
    """Have every canvas note what it prints."""
    canvas = module.FigureCanvasBase
    printed = canvas.print_figure
    known: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()

    def print_figure(self: Any, filename: Any, *arguments: Any, **options: Any) -> Any:
        result = printed(self, filename, *arguments, **options)
        folder = os.environ.get(RUN)
        if folder and not DECLARED.get():
            data = write(_read(self.figure))
            if known.get(self.figure) != data:  # shown after it was saved, say
                known[self.figure] = data
                again = partial(printed, self, **{name: options[name] for name in PRINTED if name in options})
                _note(Printed(self.figure, filename, options.get("format"), again), data, Path(folder), cells.number)
        return result

    canvas.print_figure = print_figure


class Printed(NamedTuple):
    """A figure that was printed: to which file, or into what; ``again`` prints it once more, in a format, as then."""

    figure: Any
    filename: Any
    format: str | None
    again: partial[Any]

    def is_tight(self) -> bool:
        """Whether it was printed in the box that its artists take up, not in its own."""
        import matplotlib as mpl

        return bool((self.again.keywords.get("bbox_inches") or mpl.rcParams["savefig.bbox"]) == "tight")


def _note(printed: Printed, data: bytes, run: Path, cell: int) -> None:
    from octavo import recorder

    known = recorder.recorded(run)
    named = isinstance(printed.filename, str | os.PathLike)
    stem = Path(printed.filename).stem if named else f"cell{cell}"
    name, number = _identifier(stem), 1
    while (taken := known.get(name)) is not None:
        there = run / "figures" / f"{name}{DATA}"
        if taken == "figures" and there.is_file() and there.read_bytes() == data:
            return  # the same figure in another format
        number += 1
        name = f"{_identifier(stem)}_{number}"
    (run / "figures").mkdir(exist_ok=True)
    (run / "figures" / f"{name}{DATA}").write_bytes(data)
    figure = _for_documents(printed, name, run) if recorder.is_quoted(run) else None
    figure = figure or Figure("", tuple(_kept(printed, name, run)))
    recorder.keep_figure(name, replace(figure, data=f"figures/{name}{DATA}"))


def _for_documents(printed: Printed, name: str, run: Path) -> Figure | None:
    """Print a figure in the formats that documents take; None where its canvas knows them not.

    Raises OSError where the disk is full, and MemoryError: neither is the canvas's.
    """
    import matplotlib as mpl

    made: dict[Format, bytes] = {}
    declared = DECLARED.set(True)
    try:
        with mpl.rc_context():
            fixed: dict[Any, Any] = {**FIXED, "svg.hashsalt": f"{name}.{SAVED}"}
            mpl.rcParams.update(fixed)
            for kind in FORMATS:
                buffer = io.BytesIO()
                finely = {"dpi": PNG_DPI} if kind == "png" else {}
                printed.again(buffer, format=kind, metadata=METADATA[kind], **finely)
                made[kind] = buffer.getvalue()
        crowded = _crowded(printed)
    except MemoryError:
        raise
    except Exception as error:  # a canvas, or an artist, of whatever package: the file of the notebook's own is kept
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        return None
    finally:
        DECLARED.reset(declared)
    size = re.search(rb'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', made["svg"])  # what a tight box left of the figure
    width, height = (round(float(points) / POINTS, 4) for points in size.groups()) if size else (0.0, 0.0)
    drawings: list[Drawing] = []
    for kind, content in made.items():
        file = run / "figures" / f"{name}.{SAVED}.{kind}"
        file.write_bytes(content)
        dpi = float(PNG_DPI) if kind == "png" else 0.0
        digest = hashlib.sha256(content).hexdigest()
        drawings.append(Drawing(SAVED, kind, f"figures/{file.name}", width, height, digest, dpi))
    if not width or not height:
        return None
    return Figure("", tuple(drawings), crowded={SAVED: crowded} if crowded else {})


def _crowded(printed: Printed) -> tuple[str, ...]:
    """Return what is wrong with where things stand; nothing where that cannot be seen, and the drawings are kept."""
    from octavo.figures.crowding import crowding

    try:
        return crowding(printed.figure, PNG_DPI, has_edges=not printed.is_tight())
    except MemoryError:
        raise
    except Exception:  # an artist of whatever package
        return ()


def _read(figure: Any) -> FigureRecord:
    from octavo.figures.extract import record

    try:
        return record(figure)
    except Exception as error:  # an artist of whatever package: the notebook goes on, and the figure is not compared
        return FigureRecord(not_compared=(f"{type(error).__name__}: {error}",))


def _kept(printed: Printed, name: str, run: Path) -> list[Drawing]:
    """Keep what was printed, for whoever compares by eye; nothing where it went elsewhere than to a file or bytes."""
    filename, kind = printed.filename, printed.format
    if isinstance(filename, str | os.PathLike):
        file, kind = Path(filename), kind or Path(filename).suffix[1:]
        if not file.is_file():  # matplotlib put a suffix behind its name
            return []
        content = file.read_bytes()
    elif isinstance(filename, io.BytesIO):
        content = filename.getvalue()
    else:
        return []
    known: Format | None = next((form for form in FORMATS if form == kind), None)
    if known is None:
        return []
    file = run / "figures" / f"{name}.{SAVED}.{kind}"
    file.write_bytes(content)
    width, height = (round(float(length), 4) for length in printed.figure.get_size_inches())
    digest = hashlib.sha256(content).hexdigest()
    dots = (
        int.from_bytes(content[16:20], "big") / width if kind == "png" and width else 0.0
    )  # PNG tells its width there
    return [Drawing(SAVED, known, f"figures/{file.name}", width, height, digest, round(dots, 1))]


def _identifier(stem: str) -> str:
    """Return a name for a figure that a document can quote."""
    plain = re.sub(r"\W+", "_", stem).strip("_") or "figure"
    return plain if plain.isidentifier() else f"figure_{plain}"

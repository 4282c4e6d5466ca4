"""Runs in the kernel of a build: records every figure that a notebook saves or shows.

The hook sits where matplotlib prints a figure, which savefig, seaborn's grids and inline display all come to. What
``octavo.figure`` draws is left out: it is recorded there. A figure is called by its file, or by the cell that shows it.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from octavo.figures.draw import DATA, DECLARED
from octavo.figures.record import FigureRecord, write
from octavo.model import RUN, Drawing, Figure

PRINTS = "matplotlib.backend_bases"  # the module whose canvases print figures
SAVED = "saved"  # the medium of what a notebook saved itself
FORMATS = ("png", "svg", "pdf")


class Cells:
    """Counts the cells that were begun: IPython's own number is, with its version, that of this one or of the next."""

    def __init__(self, shell: Any) -> None:
        self.number = 0
        shell.events.register("pre_run_cell", self.begin)

    def begin(self, info: object) -> None:
        """Count a cell that begins."""
        self.number += 1


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
                _note(self.figure, data, filename, options.get("format"), Path(folder), cells.number)
        return result

    canvas.print_figure = print_figure


def _note(figure: Any, data: bytes, filename: Any, kind: str | None, run: Path, cell: int) -> None:
    from octavo import recorder

    known = recorder.recorded(run)
    named = isinstance(filename, str | os.PathLike)
    stem = Path(filename).stem if named else f"cell{cell}"
    name, number = _identifier(stem), 1
    while (taken := known.get(name)) is not None:
        there = run / "figures" / f"{name}{DATA}"
        if taken == "figures" and there.is_file() and there.read_bytes() == data:
            return  # the same figure in another format
        number += 1
        name = f"{_identifier(stem)}_{number}"
    (run / "figures").mkdir(exist_ok=True)
    (run / "figures" / f"{name}{DATA}").write_bytes(data)
    drawings = tuple(_kept(figure, filename, kind, name, run))
    recorder.keep_figure(name, Figure("", drawings, f"figures/{name}{DATA}"))


def _read(figure: Any) -> FigureRecord:
    from octavo.figures.extract import record

    try:
        return record(figure)
    except Exception as error:  # an artist of whatever package: the notebook goes on, and the figure is not compared
        return FigureRecord(not_compared=(f"{type(error).__name__}: {error}",))


def _kept(figure: Any, filename: Any, kind: str | None, name: str, run: Path) -> list[Drawing]:
    """Keep what was printed, for whoever compares by eye; nothing where it went elsewhere than to a file or bytes."""
    if isinstance(filename, str | os.PathLike):
        file, kind = Path(filename), kind or Path(filename).suffix[1:]
        if not file.is_file():  # matplotlib put a suffix behind its name
            return []
        content = file.read_bytes()
    elif isinstance(filename, io.BytesIO):
        content = filename.getvalue()
    else:
        return []
    if kind not in FORMATS:
        return []
    file = run / "figures" / f"{name}.{SAVED}.{kind}"
    file.write_bytes(content)
    width, height = (round(float(length), 4) for length in figure.get_size_inches())
    digest = hashlib.sha256(content).hexdigest()
    dots = (
        int.from_bytes(content[16:20], "big") / width if kind == "png" and width else 0.0
    )  # PNG tells its width there
    return [Drawing(SAVED, kind, f"figures/{file.name}", width, height, digest, round(dots, 1))]  # type: ignore[arg-type]


def _identifier(stem: str) -> str:
    """Return a name for a figure that a document can quote."""
    plain = re.sub(r"\W+", "_", stem).strip("_") or "figure"
    return plain if plain.isidentifier() else f"figure_{plain}"

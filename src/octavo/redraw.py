"""Runs in a kernel of its own: draws the figures that a point declared, for one medium, without its notebook."""

from __future__ import annotations

import traceback
from pathlib import Path

import msgspec

from octavo import recorder
from octavo.errors import BuildError, OctavoError
from octavo.figures.declaration import CELL
from octavo.figures.draw import draw_figure
from octavo.model import FAILED, KEPT, Figure, ToDraw


def redraw() -> None:
    """Draw what ``run.json`` asks for; record the figures with their drawings."""
    run, inputs = recorder.this_run()
    assert inputs.drawing
    failed: list[tuple[str, str, str]] = []
    for name, figure in recorder.figures(inputs.drawing.point).items():
        if not figure.declared:
            continue
        try:
            recorder.keep_figure(name, _drawn(name, figure, inputs.drawing, run, inputs.root))
        except OctavoError as error:
            failed.append((error.what, error.where, error.hint))
        except Exception as error:  # the user's own drawing function, whatever it raises
            failed.append((_words(name, inputs.drawing.medium.name, error), "", ""))
    if failed:
        (run / FAILED).write_bytes(msgspec.json.encode(failed))


def _drawn(name: str, figure: Figure, asked: ToDraw, run: Path, root: Path) -> Figure:
    file = asked.point.parent / KEPT / figure.declared
    try:
        kept = file.read_bytes()
    except OSError as error:
        hint = "Run `octavo store verify`, then `octavo build`."
        raise BuildError("A result was damaged in the store.", where=str(file), hint=hint) from error
    return draw_figure(name, kept, figure, asked.medium, first=asked.first, folder=run / "figures", root=root)


def _words(name: str, medium: str, error: Exception) -> str:
    """Say what a drawing function raised, and in which of its lines."""
    told = f"The figure '{name}' could not be drawn for the medium '{medium}': {type(error).__name__}: {error}"
    own = [line for line in traceback.extract_tb(error.__traceback__) if line.filename.startswith(CELL)]
    return (
        f"{told}\n  Its code, in {own[-1].name}, at line {own[-1].lineno} of the cell: {own[-1].line}" if own else told
    )

"""Draw the figures that a point declared, for one medium: a run of its own, in a kernel like the point's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from octavo.errors import NotebookError, raise_all
from octavo.model import FAILED, Drawing, Figure, Medium, Record, Result, RunInputs, Source, ToDraw
from octavo.notebooks.execute import EXECUTED, RunPoint

CODE = "from octavo.redraw import redraw\n\nredraw()"


@dataclass(frozen=True)
class DrawFigures(RunPoint):
    """The action that draws what the task ``point`` declared for ``medium``; see octavo.engine.task.Action.

    All else is as for the run of the point: kernel, folder, environment. ``first``: see octavo.model.ToDraw.
    """

    point: str
    medium: Medium
    first: bool

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        """Draw; leave the figures with their drawings in ``out``."""
        reads = super().__call__(folder, upstream)
        (folder / "log" / EXECUTED).unlink()
        failed = folder / "out" / FAILED
        if failed.exists():
            told = msgspec.json.decode(failed.read_bytes(), type=list[tuple[str, str, str]])
            raise_all([NotebookError(what, where=where or self.name, hint=hint) for what, where, hint in told])
        return reads

    def leaves(self) -> tuple[Path, ...]:
        """Return what it leaves beside its result: nothing."""
        return ()

    def _inputs(self, upstream: Mapping[str, Path]) -> RunInputs:
        return RunInputs(self.root, drawing=ToDraw(upstream[self.point], self.medium, self.first))

    def _take(self, source: Path) -> None:
        source.write_text(json.dumps(_notebook(self.kernel)), encoding="utf-8")

    def _imports(self) -> set[str]:
        return set()  # its own notebook has none but Octavo's

    def _raised(self, error: Any, executed: Path) -> NotebookError:
        return NotebookError(f"Its figures could not be drawn: {error.ename}: {error.evalue}", where=self.name)

    def _stopped(
        self, what: str, executed: Path, hint: str, kind: type[NotebookError] = NotebookError
    ) -> NotebookError:
        return kind(f"Drawing its figures for '{self.medium.name}' was stopped: {what}.", where=self.name, hint=hint)


def _notebook(kernel: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "draw",
        "metadata": {},
        "source": CODE,
        "outputs": [],
        "execution_count": None,
    }
    spec = {"name": kernel, "language": "python", "display_name": kernel}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": [cell]}


def gathered(record: Record, folder: Path, source: Source, drawn: Mapping[Path, Record]) -> Result:
    """Return what the run that left ``folder`` recorded, with the drawings that were made of its figures afterwards.

    ``drawn`` has what was recorded of them, by folder, in the order of the media.
    """
    figures, places = dict(record.figures), dict[str, Path]()
    for name, figure in record.figures.items():
        if not figure.declared:
            continue
        made = {place: one.figures[name] for place, one in drawn.items() if name in one.figures}
        figures[name] = _with_drawings(figure, list(made.values()))
        for place, one in made.items():
            places |= dict.fromkeys(
                [*(drawing.file for drawing in one.drawings), *([one.data] if one.data else [])], place
            )
    return Result(replace(record, figures=figures), folder, source, places)


def _with_drawings(figure: Figure, drawn: Sequence[Figure]) -> Figure:
    drawings: tuple[Drawing, ...] = tuple(drawing for one in drawn for drawing in one.drawings)
    crowded = {medium: texts for one in drawn for medium, texts in one.crowded.items()}
    restless = tuple(words for one in drawn for words in one.restless)
    data = next((one.data for one in drawn if one.data), "")
    return replace(figure, drawings=drawings, data=data, restless=restless, crowded=crowded)

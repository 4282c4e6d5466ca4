"""Figures for tests, drawn as a build draws them: of what is kept of the drawing function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from octavo.figures.declaration import Draw, keep
from octavo.figures.draw import draw_figure, try_out
from octavo.model import Figure, Medium, Record, Source
from octavo.notebooks.drawing import gathered


def drawn(
    name: str, draw: Draw, *, alt: str = "", aspect: float = 1, media: Sequence[Medium], folder: Path, root: Path
) -> Figure:
    """Return a figure that was declared and then drawn for all ``media`` into ``folder``."""
    kept = keep(name, draw, with_random=try_out(name, draw, aspect))
    figure = Figure(alt, (), declared=f"{name}.declaration", aspect=aspect)
    made = [
        draw_figure(name, kept, figure, medium, first=medium == media[0], folder=folder, root=root) for medium in media
    ]
    records = {Path(medium.name): Record(figures={name: one}) for medium, one in zip(media, made, strict=True)}
    result = gathered(Record(figures={name: figure}), folder, Source("", {}, ""), records)
    return result.record.figures[name]

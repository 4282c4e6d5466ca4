"""Figures that a notebook saves by itself: what documents take of them, and what is told where that cannot be made."""

from __future__ import annotations

import errno
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from octavo import saved
from octavo.figures import crowding


def printed(again: Any = None) -> saved.Printed:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return saved.Printed(figure, "a.svg", None, partial(again or figure.canvas.print_figure))


def failing(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), MemoryError()])
def test_a_full_disk_is_no_fault_of_a_canvas(tmp_path: Path, error: Exception) -> None:
    """It is told in the cell: without a word, documents would lose the figure."""
    with pytest.raises(type(error)):
        saved._for_documents(printed(failing(error)), "a", tmp_path)


def test_a_canvas_that_knows_no_format_loses_nothing_else(tmp_path: Path) -> None:
    """Whatever a canvas of another package raises: the file of the notebook's own is kept in its place."""
    assert saved._for_documents(printed(failing(ValueError())), "a", tmp_path) is None


def test_what_cannot_be_measured_is_taken_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An artist whose place cannot be asked leaves the figure in the documents."""
    monkeypatch.setattr(crowding, "crowding", failing(AttributeError()))
    (tmp_path / "figures").mkdir()
    figure = saved._for_documents(printed(), "a", tmp_path)
    assert figure and [drawing.format for drawing in figure.drawings] == ["svg", "pdf", "png"]

"""Comparing drawings: real ones of matplotlib's, told apart in words a reader of the figure knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.drawn import drawn

from octavo.figures.accepted import Drawn, Snapshot, take
from octavo.figures.compare import compare
from octavo.figures.record import FigureRecord
from octavo.figures.svg import UnreadableDrawing, differences
from octavo.model import Medium

Draw = Callable[..., str]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Return a maker of drawings: a curve with a label, and whatever else is asked for."""

    def make(more: Callable[[Any], object] = lambda axes: None, *, top: float = 2.0, width: float = 3.0) -> str:
        def onto(figure: Any) -> None:
            axes = figure.subplots()
            axes.plot([0, 1, 2], [0, 1, top])
            axes.set(xlim=(0, 3), ylim=(0, 3), title="0.2")
            more(axes)

        medium = Medium("column", width, "", ("svg",), 2.0)
        drawn("f", onto, alt="", aspect=1, media=(medium,), folder=tmp_path, root=tmp_path)
        return (tmp_path / "f.column.svg").read_text(encoding="utf-8")

    return make


def test_the_same_drawing_has_no_differences(draw: Draw) -> None:
    """Drawing again changes nothing."""
    assert differences(draw(), draw()) == ()


def test_random_names_and_invisible_shifts_are_no_differences(draw: Draw) -> None:
    """Another machine's last digits, and the identifiers that follow from them, are not seen."""
    then = draw()
    elsewhere = re.sub(r"#?\b([mp])([0-9a-f]{10})\b", lambda m: m[0].replace(m[1], m[1] + "0"), then)
    elsewhere = re.sub(r"(\d+\.\d{4,6})", lambda m: f"{float(m[1]) + 0.01:.6f}", elsewhere)
    assert elsewhere != then
    assert differences(then, elsewhere) == ()


def test_a_curve_that_moved_is_told_with_how_far(draw: Draw) -> None:
    """A change of three per cent in one point is seen."""
    (told,) = differences(draw(), draw(top=2.06))
    assert re.fullmatch(r"The curve or marker moved, by up to \d\.\d points\.", told)


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({}, {"title": "0.3"}, "The label '0.2' became '0.3'."),
        ({}, {"xlabel": "Earnings"}, "The label 'Earnings' is new."),
        ({"xlabel": "Earnings"}, {}, "The label 'Earnings' is gone."),
    ],
)
def test_a_changed_label_is_told(draw: Draw, then: dict[str, str], now: dict[str, str], told: str) -> None:
    """Texts are compared as texts."""
    assert told in differences(draw(lambda axes: axes.set(**then)), draw(lambda axes: axes.set(**now)))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (lambda axes: axes.plot([0, 1], [1, 1]), "It had 1 curve or marker and now has 2."),
        (lambda axes: axes.bar([1], [1]), "It had 6 bars, frames and areas and now has 7."),
        (lambda axes: axes.scatter([1, 2], [1, 2]), "It had 0 points of a scatter plot and now has 2."),
        (lambda axes: axes.lines[0].set_color("red"), "The curve or marker changed colour or style."),
        (lambda axes: axes.fill_between([0, 1], [0, 1], [1, 2]), "It had 0 bands and now has 1."),
        (lambda axes: axes.lines[0].set_data([0, 2], [0, 2]), "The curve or marker changed shape or number of points."),
    ],
)
def test_shapes_that_come_go_or_look_different_are_told(draw: Draw, more: Callable[[Any], object], told: str) -> None:
    """Every kind of shape has a name that a reader knows."""
    assert told in differences(draw(), draw(more))


def test_another_size_is_told_in_inches(draw: Draw) -> None:
    """The size of the drawing is part of it."""
    assert differences(draw(), draw(width=4.0))[0] == "It was 3.00 × 2.00 inches and is now 4.00 × 2.00 inches."


def test_a_picture_is_compared_by_its_pixels(draw: Draw) -> None:
    """One cell of an image that changes is seen; its bytes are not asked."""
    then = draw(lambda axes: axes.imshow([[1, 2], [3, 4]]))
    assert differences(then, draw(lambda axes: axes.imshow([[1, 2], [3, 3]]))) != ()
    assert differences(then, then.replace("data:image/png;base64,", "data:image/png;base64, ")) == ()


def test_a_drawing_that_is_no_xml_is_not_the_same() -> None:
    """A file that was cut off is an error, not a pass."""
    with pytest.raises(UnreadableDrawing):
        differences("<svg/>", "<svg>")


def test_a_figure_tells_of_every_medium(draw: Draw) -> None:
    """The words say in which drawing the difference was seen."""
    shows = FigureRecord()
    then = Snapshot(figures={"one.f": Drawn("Old.", {"column": draw(), "slide": draw(), "wide": draw()}, shows)})
    now = Snapshot(figures={"one.f": Drawn("New.", {"column": draw(top=2.5), "slide": draw()}, shows)})
    (verdict,) = compare(now, take(None, then, ["one.f"], "why"))
    assert verdict.state == "changed"
    assert verdict.differences[:2] == (
        "Its alternative text was 'Old.' and is now 'New.'.",
        "It is not drawn for the medium 'wide' any more.",
    )
    assert verdict.differences[2].endswith("(In the drawing for column.)")


def test_an_unreadable_accepted_drawing_is_not_compared() -> None:
    """The check does not fail with a traceback, and does not pass."""
    then = Snapshot(figures={"one.f": Drawn("", {"column": "<svg"}, FigureRecord())})
    now = Snapshot(figures={"one.f": Drawn("", {"column": "<svg/>"}, FigureRecord())})
    (verdict,) = compare(now, take(None, then, ["one.f"], "why"))
    assert verdict.state == "not compared"

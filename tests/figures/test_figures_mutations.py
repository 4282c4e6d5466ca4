"""Plant one change at a time in figures of all kinds: each is caught and named, and redrawing changes nothing."""

from __future__ import annotations

import copy
import functools
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tests.figures.figure_kinds import KINDS, Data
from tests.figures.figure_mutations import CHANGES, SAID, has, moved

from octavo.figures import record as records
from octavo.figures.difference import Difference, differences, not_compared
from octavo.figures.extract import record
from octavo.figures.record import FigureRecord


def drawn(kind: str, data: Data | None = None, dpi: float = 100) -> FigureRecord:
    """Return the record of a figure of a kind, drawn with these data."""
    figure = KINDS[kind].figure(data, dpi)
    FigureCanvasAgg(figure)
    figure.savefig(io.BytesIO(), format="png", dpi=dpi)
    return record(figure)


@functools.cache
def first(kind: str) -> FigureRecord:
    """Return the record of a figure of a kind with the data of its own, which many tests compare with."""
    return drawn(kind)


def differing(then: FigureRecord, now: FigureRecord, relative: float = 1e-6) -> list[Difference]:
    return differences(then, now, lambda series: relative)


def planted() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for change, (what, _) in CHANGES.items():
            if has(kind, what):
                yield kind, change


@pytest.mark.parametrize(("kind", "change"), [*planted()])
def test_a_change_is_caught_and_named(kind: str, change: str) -> None:
    """What a reader would see differently is `changed`, and told in words that name it."""
    then = first(kind)
    now = drawn(kind, CHANGES[change][1](copy.deepcopy(dict(KINDS[kind].data))))
    told = differing(then, now)
    assert told and told[0].degree == "changed", told
    assert any(words in difference.text for difference in told for words in SAID[change]), told


@pytest.mark.parametrize("kind", KINDS)
def test_a_tenth_of_a_percent_is_drift(kind: str) -> None:
    """Nobody sees it in print: drift beyond the tolerance of what is computed, the same within it."""
    then, now = first(kind), drawn(kind, moved(1.001)(copy.deepcopy(dict(KINDS[kind].data))))
    told = differing(then, now)
    assert {difference.degree for difference in told} <= {"drift"}, told
    assert not differing(then, now, 2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_again_it_is_the_same(kind: str) -> None:
    """Again, at another resolution, in another font: nothing differs, nothing is left out, the bytes are the same."""
    import matplotlib as mpl

    then = first(kind)
    assert then.panels and any(panel.series for panel in then.panels)
    assert not_compared(then) == []
    text = records.write(then)
    assert records.read(text, "record.json") == then
    assert records.write(drawn(kind)) == text
    with mpl.rc_context({"font.family": "DejaVu Serif", "font.size": 8}):
        assert differing(then, drawn(kind, dpi=55)) == []


def recorded(draw: Callable[[Any], object]) -> FigureRecord:
    """Return the record of whatever is drawn."""
    figure = Figure(figsize=(4, 3))
    draw(figure)
    figure.savefig(io.BytesIO(), format="png")
    return record(figure)


def test_what_is_odd_is_recorded_all_the_same() -> None:
    """Nothing at all, nothing but what is missing, an artist of one's own: a record each, and nothing in silence."""
    assert recorded(lambda fig: None) == FigureRecord()
    nothing = recorded(lambda fig: fig.subplots().plot([1, 2], [np.nan, np.nan]))
    assert nothing.panels[0].series[0].columns["y"] == (None, None)

    class Sculpture(Artist):
        def draw(self, renderer: Any) -> None:
            """Draw nothing that anybody knows."""

    strange = recorded(lambda fig: fig.subplots().add_artist(Sculpture()))
    assert not_compared(strange) == ["Not compared: Sculpture."]


@pytest.mark.proof
def test_ten_million_points_are_a_small_record_that_tells_one_that_moved() -> None:
    """By the parts of it, in seconds."""
    numbers = np.random.default_rng(0).normal(size=(2, 10_000_000))

    def cloud(x: Any, y: Any) -> FigureRecord:
        figure = Figure()
        figure.subplots().scatter(x, y, s=1)
        return record(figure)  # not drawn: to draw so many is matplotlib's business

    begun = time.perf_counter()
    then = cloud(*numbers)
    assert time.perf_counter() - begun < 20
    assert len(records.write(then)) < 20_000
    assert differing(then, cloud(*numbers)) == []
    numbers[1, 5_000_000] = 9.0
    told = differing(then, cloud(*numbers))
    assert told[0].degree == "changed" and "moved in part 33 of 64: the most of 'y'" in told[0].text, told

"""A small deck made by hand, with every kind of block, and results that no notebook had to make."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.slides.made_deck import GRID, MATHML, at, deck_of, slide, text

from octavo.slides import template
from octavo.slides.deck import (
    Big,
    Deck,
    Formula,
    Item,
    Listing,
    Picture,
    Run,
    Shown,
)


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """A figure drawn for the slide medium, in its three formats."""
    import matplotlib
    from matplotlib.figure import Figure

    folder = tmp_path_factory.mktemp("drawings")
    figure = Figure(figsize=(11.5, 5.2))
    figure.subplots().plot([1, 3, 2])
    files = {kind: folder / f"overlap.slide.{kind}" for kind in ("svg", "pdf", "png")}
    with matplotlib.rc_context({"svg.hashsalt": "made"}):
        figure.savefig(files["svg"], metadata={"Date": None})
        figure.savefig(files["pdf"], metadata={"CreationDate": None})
        figure.savefig(files["png"], dpi=60)
    return Picture(files, 828.0, 374.4)


@pytest.fixture(scope="session")
def deck(picture: Picture) -> Deck:
    """One slide of each layout."""
    value = Run("1,794\N{NO-BREAK SPACE}USD", value="compare.att", place=at(30))
    formula = Formula(MATHML, r"\hat{\tau}_i^2 = 3", place=at(12))
    items = Listing(
        (
            Item((Run("First point", place=at(13)),), 1, at(13)),
            Item((Run("Its detail", place=at(14)),), 2, at(14)),
            Item((Run("Second point, in ", place=at(15)), Run("bold", bold=True, place=at(15))), 1, at(15)),
        ),
        at(13),
    )
    steps = Listing(tuple(Item((Run(f"Step {n}", place=at(20)),), 1, at(20), n) for n in (1, 2)), at(20))
    shown = Shown("figure", "compare.overlap", (Run("What the figure shows."),), at(40), alt="Two lines that cross")
    return deck_of(
        slide("Text and a list", (text("See ", formula, " there."), items), line=10),
        slide("Two columns", (steps,), (text("The other side."),), line=19),
        slide("One number", (Big((value,), (text("is the answer."),), at(30)),), line=29),
        slide("Three numbers", *((Big((Run(n),), (text("label"),), at(33)),) for n in ("12%", "$5", "7")), line=32),
        slide("A figure", (msgspec.structs.replace(shown, picture=picture),), line=39),
        slide(
            "A table",
            (Shown("table", "compare.estimates", (Run("Standard errors."),), at(50), grid=GRID),),
            line=49,
        ),
        slide(
            "A table under its text",
            (text("Read this."), Shown("table", "compare.estimates", (), at(61), grid=GRID)),
            line=60,
        ),
    )


@pytest.fixture(scope="session")
def template_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as Octavo makes it."""
    path = tmp_path_factory.mktemp("template") / "template.pptx"
    path.write_bytes(template.make())
    return path

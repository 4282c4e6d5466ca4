"""A small deck made by hand, with every kind of block, and results that no notebook had to make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from octavo.model import Place
from octavo.slides import template
from octavo.slides.deck import (
    Big,
    Deck,
    Formula,
    Grid,
    Item,
    Listing,
    Paragraph,
    Picture,
    Run,
    Shown,
    Slide,
)

MATHML = (
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><msubsup><mover accent="true"><mi>τ</mi>'
    "<mo>^</mo></mover><mi>i</mi><mn>2</mn></msubsup><mo>=</mo><mn>3</mn></mrow>"
    r'<annotation encoding="application/x-tex">\hat{\tau}_i^2 = 3</annotation></semantics></math>'
)


def at(line: int) -> Place:
    """A place in the deck's file."""
    return Place(file="slides/deck.md", line=line)


def text(*parts: str | Run | Formula, line: int = 9) -> Paragraph:
    """A paragraph of strings and runs."""
    return Paragraph(tuple(Run(part, place=at(line)) if isinstance(part, str) else part for part in parts), at(line))


def slide(title: str, *columns: Any, line: int = 9, notes: str = "Spoken words.") -> Slide:
    """A slide of columns, each a tuple of blocks."""
    return Slide((Run(title, place=at(line)),), columns, (text(f"{notes} ({title})", line=line),), at(line))


def deck_of(*slides: Slide, title: str = "A deck of made slides") -> Deck:
    """A deck with the title slide before the given slides."""
    return Deck(
        (Run(title, place=at(1)),),
        (Run("Its subtitle", place=at(1)),),
        ("The Octavo contributors",),
        "November 2026",
        "Made slides",
        (text("Welcome.", line=5),),
        slides,
        at(1),
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


GRID = Grid(
    (("", 1), ("Experiment", 2), ("Survey", 2)),
    ("Estimator", "Estimate (USD)", "SE", "Estimate (USD)", "SE"),
    (("Difference in means", "1,794", "633", "−8,498", "712"), ("AIPW", "1,620", "650", "1,411", "980")),
    ("left", "right", "right", "right", "right"),
)


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

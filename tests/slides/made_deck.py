"""Parts of a deck made by hand, without a source."""

from __future__ import annotations

from typing import Any

from octavo.model import Place
from octavo.slides.deck import Deck, Formula, Grid, Paragraph, Run, Slide

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


GRID = Grid(
    (("", 1), ("Experiment", 2), ("Survey", 2)),
    ("Estimator", "Estimate (USD)", "SE", "Estimate (USD)", "SE"),
    (("Difference in means", "1,794", "633", "−8,498", "712"), ("AIPW", "1,620", "650", "1,411", "980")),
    ("left", "right", "right", "right", "right"),
)

"""The PDF by Typst has the measures of the venue's class in LaTeX: what is drawn for a column is as wide in both."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pdfplumber
import pytest
from tests.paper.conftest import CLASSES
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper
from octavo.paper.venues import SPARE, VENUES
from octavo.project import DEFAULT_MEDIA

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

WORDS = "Many words about pears and what they weigh, and why it matters to those who grow them. " * 60
TEXT = (
    HEAD.format("")
    + f"(s)=\n# One\n\n{WORDS}\n\n(u)=\n## Two\n\n"
    + f"{WORDS}\n\n" * 5
    + "See [](#s), [](#u), [](#t).\n"
)
TABLE = "\n:::{table} Words.\n:label: t\n\n| A | B |\n|:--|:--|\n| a | b |\n:::\n"
NEAR = 4.0  # points: a hyphen stands out, and LaTeX leaves a little above the first line


class Page(NamedTuple):
    """Where the columns of a page begin and end, in points from the left and the top; how high type and line are."""

    left: float
    left_end: float
    right: float
    right_end: float
    top: float
    bottom: float
    size: float
    line: float


def measured(file: Path) -> tuple[Page, int]:
    """Return the measures of the third page, which is full of words, and the number of pages."""
    with pdfplumber.open(file) as pdf:
        page, count = pdf.pages[2], len(pdf.pages)
        chars = [c for c in page.chars if c["text"].isalpha()]
        size = Counter(round(c["size"], 1) for c in chars).most_common(1)[0][0]
        body = [c for c in chars if abs(c["size"] - size) < 0.2]
        first, second = ([c for c in body if (c["x0"] > page.width / 2) is late] for late in (False, True))
        lines = sorted({round(c["matrix"][5], 1) for c in second}, reverse=True)
        steps = Counter(round(a - b, 1) for a, b in pairwise(lines))
        (left, left_end), (right, right_end) = (
            (min(c["x0"] for c in side), max(c["x1"] for c in side)) for side in (first, second)
        )
        top, bottom = page.height - lines[0], page.height - lines[-1]
        return Page(left, left_end, right, right_end, top, bottom, size, steps.most_common(1)[0][0]), count


@pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
@pytest.mark.parametrize("venue", CLASSES)
def test_typst_and_latex_have_the_same_page(sample: Sample, tmp_path: Path, venue: str) -> None:
    """Columns, text block, type and lines within four points, and nearly as many pages."""
    content = parsed(sample, tmp_path, TEXT + TABLE)
    made = []
    for form in ("pdf", "latex"):
        path = paper.write(form, content, sample.results, tmp_path, root=tmp_path, bibliography=None, venue=venue)
        made.append(measured(path))
    (typst, pages), (latex, others) = made
    far = {n: (a, b) for n, a, b in zip(Page._fields, typst, latex, strict=True) if abs(a - b) > NEAR}
    far.pop("bottom", None)  # a column ends at a whole line
    assert far == {} and abs(typst.bottom - latex.bottom) < 2 * latex.line
    assert abs(typst.size - latex.size) < 0.1 and abs(typst.line - latex.line) < 0.3
    assert abs(pages - others) <= 1


@pytest.mark.parametrize("venue", VENUES)
def test_figures_are_drawn_as_wide_as_a_column(venue: str) -> None:
    """The media that a project has without saying so fit every venue: drawings fill their column and are not shrunk."""
    layout = VENUES[venue].layout
    for medium, room in (("column", layout.column), ("wide", layout.width)):
        assert 0.95 * room < DEFAULT_MEDIA[medium].width < room + SPARE


def test_numbers_are_as_the_venue_has_them(sample: Sample, tmp_path: Path) -> None:
    """IEEE's sections and tables are Roman, where they stand and where they are referred to; the others are not."""
    content = parsed(sample, tmp_path, TEXT.replace(WORDS, "Words.") + TABLE)
    wanted = {
        "ieee": ("I. ONE", "A. Two", "TABLE I.", "See Section I, Section I-A, Table I."),
        "acm": ("1 ONE", "1.1 Two", "Table 1:", "See Section 1, Section 1.1, Table 1."),
        "article": ("1 One", "1.1 Two", "Table 1.", "See Section 1, Section 1.1, Table 1."),
    }
    for venue, pieces in wanted.items():
        path = paper.write("pdf", content, sample.results, tmp_path, root=tmp_path, bibliography=None, venue=venue)
        with pdfplumber.open(path) as pdf:
            said = "".join(char["text"] for page in pdf.pages for char in page.chars)
        assert [piece for piece in pieces if "".join(piece.split()) not in "".join(said.split())] == [], said[:600]

"""Tables that are too wide for their column: read they can be, or the check says where."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.paper.conftest import CLASSES
from tests.paper.test_paper_faults import HEAD, parsed

from octavo.document.fill import fill
from octavo.paper.lines import locate
from octavo.paper.venues import VENUES
from octavo.paper.writers import latex

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

    from octavo.model import LatexLog

pytestmark = pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")

NUMBERS = "|Estimator" + "|The column" * 8 + "|\n|:--" + "|--:" * 8 + "|\n|Regression" + "|1234.5678" * 8 + "|\n"
WORDS = """| Name | What it says | Why |
|:--|:--|--:|
| One | A rather long sentence that tells what was found in the survey of all orchards | Many people asked for it |
| Two | Another rather long sentence that ends with a formula $a^2 + b^2 = c^2$ | Nobody knows |
"""
NOTES = "| A | B[^a] |\n|:--|:--|\n| a | b[^b] |\n"


def table(rows: str, *options: str, caption: str = "A caption.") -> str:
    """Return a table with a caption."""
    return "\n".join([f":::{{table}} {caption}", *options, "", rows, ":::\n"])


def compiled(sample: Sample, root: Path, text: str, venue: str) -> tuple[str, LatexLog]:
    """Set a text by LaTeX; return what the PDF says, and what LaTeX said."""
    import pypdfium2

    content = fill(locate(parsed(sample, root, HEAD.format("") + text), root), sample.results)
    out = root / "latex"
    places = latex.write(content, out, venue=VENUES[venue], cited=None)
    data, log = latex.pdf(out, content, VENUES[venue], places)
    pages = pypdfium2.PdfDocument(data)
    return "".join(page.get_textpage().get_text_range() for page in pages), log


@pytest.mark.parametrize("venue", CLASSES)
def test_words_are_broken_into_lines_before_a_table_is_shrunk(sample: Sample, tmp_path: Path, venue: str) -> None:
    """A table of words keeps its type, and so does one of numbers that has the whole page, or stands in the text."""
    text = (
        table(WORDS, ":label: tab-a") + "\n" + table(NUMBERS, ":class: wide", ":label: tab-b") + f"\nWords.\n\n{WORDS}"
    )
    _, log = compiled(sample, tmp_path, text, venue)
    assert (log.shrunk, log.overfull) == ((), ())


@pytest.mark.parametrize("venue", CLASSES)
def test_a_table_that_is_shrunk_is_told_with_its_line(sample: Sample, tmp_path: Path, venue: str) -> None:
    """Its place, and how high its type became."""
    _, log = compiled(sample, tmp_path, "Words.\n\n" + table(NUMBERS, ":label: tab-a"), venue)
    (shrunk,) = log.shrunk
    assert str(shrunk.place) == "paper/paper.md:10"
    assert 4 < shrunk.points < VENUES[venue].smallest < 8 and 0.5 < shrunk.share < 0.75
    assert log.overfull == ()


@pytest.mark.parametrize("venue", CLASSES)
def test_footnotes_of_floats_and_their_captions_are_printed(sample: Sample, tmp_path: Path, venue: str) -> None:
    """LaTeX prints the mark of a footnote in a float, and drops its text without a word (promise 1)."""
    algorithm = ":::{prf:algorithm} Steps[^d]\n:label: alg-a\n1. One[^e].\n:::\n"
    notes = "".join(f"[^{sign}]: The footnote {sign}.\n\n" for sign in "abcde")
    text = f"Words[^c].\n\n{table(NOTES, ':label: tab-a')}\n{algorithm}\n{notes}"
    said, _ = compiled(sample, tmp_path, text, venue)
    assert [sign for sign in "abcde" if f"The footnote {sign}." not in said] == []
    for number, sign in enumerate("cabde", 1):  # in the order of the marks
        assert f"{number}\ufeff The footnote {sign}." in said.replace(f"{number}The", f"{number}\ufeff The"), said


@pytest.mark.parametrize("venue", VENUES)
def test_no_float_is_lost_behind_the_text(sample: Sample, tmp_path: Path, venue: str) -> None:
    """Balanced columns of acmart drop the floats of the last page, without a word."""
    tables = [
        table(NOTES.replace("[^a]", "").replace("[^b]", ""), f":label: tab-{n}", caption=f"No. {n}.") for n in (1, 2)
    ]
    text = "Words.\n\n" + table(NUMBERS, ":class: wide", ":label: tab-0") + "\n" + "\n".join(tables)
    said, _ = compiled(sample, tmp_path, text, venue)
    assert "no. 1." in said.casefold() and "no. 2." in said.casefold()

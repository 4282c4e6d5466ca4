"""Nothing is printed over something else or off the page: it is broken where it can be, or told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pdfplumber
import pytest
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper
from octavo.errors import Problems

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

CENTRED = ("A", "paper", "1")  # and the page number
LONG = "0123456789abcdef" * 5


def table(columns: int, rows: int, cell: str, option: str = "") -> str:
    lines = [["Estimate"] * columns, ["---"] * columns, *([[cell] * columns] * rows)]
    inside = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f":::{{table}} A caption\n{option}\n{inside}\n:::\n\n"


def test_what_has_no_room_is_told_with_its_line(sample: Sample, tmp_path: Path) -> None:
    """Seven columns in one of the page, a hundred rows and a long listing in one piece."""
    listing = "```{code} python\n:caption: A caption\n" + "x = 1\n" * 120 + "```\n"
    text = table(7, 1, "1,234,567.89") + table(2, 120, "1") + listing
    content = parsed(sample, tmp_path, HEAD.format("") + text)
    with pytest.raises(Problems) as caught:
        paper.write("pdf", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    wide = "The table is wider than its column: its cells would be printed over one another."
    tall = "This figure, table or listing is taller than a page: its end would be lost."
    assert [str(problem).partition("\n")[0] for problem in caught.value.problems] == [
        f"paper/paper.md:7: {wide}",
        f"paper/paper.md:12: {tall}",
        f"paper/paper.md:138: {tall}",
    ]


def test_long_words_and_wide_cells_stay_in_the_column(sample: Sample, tmp_path: Path) -> None:
    """A long word, code, a listing's line and an address are broken; a column keeps room for its longest word."""
    text = (
        f"A word {LONG}, `{'some_long_name.' * 8}`, `{LONG}` and <https://example.org/{'path/' * 20}>.\n\n"
        f"```python\n{LONG}{LONG} = 1\n```\n\n"
        + "| Longheaderwordofthetable | b |\n|---|---|\n| Longheaderwordofthetable | "
        + "many words " * 9
        + "|\n"
    )
    content = parsed(sample, tmp_path, HEAD.format("") + text)
    path = paper.write("pdf", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    with pdfplumber.open(path) as pdf:
        (page,) = pdf.pages
        words = page.extract_words()
        said = "".join(word["text"] for word in words)
    edge = 54 + 3.35 * 72 + 1
    assert [(word["text"], word["x1"]) for word in words if word["x1"] > edge and word["text"] not in CENTRED] == []
    assert said.count(LONG) >= 3, "a break puts nothing into the text"
    assert said.count("Longheaderwordofthetable") == 2

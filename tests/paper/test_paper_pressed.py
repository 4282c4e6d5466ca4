"""What is tight on a page of the PDF prints whole, and in its place (promise 1)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pdfplumber
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

FILLING = "Many words about pears and what they weigh, and why it matters to those who grow them. "


def words(sample: Sample, folder: Path, text: str) -> list[dict[str, Any]]:
    """Return the words of the PDF of a text, with their pages and places."""
    content = parsed(sample, folder, HEAD.format("") + text)
    path = paper.write("pdf", content, sample.results, folder / "out", root=folder, bibliography=None)
    with pdfplumber.open(path) as pdf:
        return [{**word, "page": n} for n, page in enumerate(pdf.pages, 1) for word in page.extract_words()]


def test_a_table_below_a_tall_one_keeps_its_rows_apart(sample: Sample, tmp_path: Path) -> None:
    """Where a table over both columns leaves too little room, one of a column goes on; its rows were printed on one."""
    tall = "".join(f"| tall{n} | b |\n" for n in range(48))
    short = "".join(f"| row{n} | b |\n" for n in range(15))
    table = ":::{{table}} Words.\n{}\n| A | B |\n|:--|:--|\n{}:::\n\n"
    text = FILLING * 30 + "\n\n" + table.format(":class: wide", tall) + table.format("", short) + FILLING * 10
    found = [word for word in words(sample, tmp_path, text) if word["text"].startswith("row")]
    assert [word["text"] for word in found] == [f"row{n}" for n in range(15)]
    steps = [after["top"] - before["top"] for before, after in pairwise(found)]
    assert min(steps) > 8, "points from row to row"


def test_a_formula_stands_beside_its_number_or_above_it(sample: Sample, tmp_path: Path) -> None:
    """One that is too wide for the middle moves to the left, a wider one has its number below; none is refused."""
    ten = " + ".join(f"x_{{{n}}}" for n in range(1, 11))
    sums = ["x + z", ten, f"{ten} + z"]
    found = words(sample, tmp_path, "".join(f"$$\n{tex}\n$$ (eq-{n})\n\n" for n, tex in enumerate(sums)))
    numbers = [next(word for word in found if word["text"] == f"({n})") for n in (1, 2, 3)]
    assert max(abs(number["x1"] - numbers[0]["x1"]) for number in numbers) < 1, "all at the margin"
    inside = [
        [w for w in found if w["page"] == 1 and w["x0"] < n["x0"] - 1 and 0 <= n["top"] - w["top"] < 4] for n in numbers
    ]
    assert inside[0] and inside[1] and not inside[2], "the third stands below its formula"
    assert max(word["x1"] for word in inside[1]) <= numbers[1]["x0"]


def test_a_term_stands_in_the_line_of_what_it_means(sample: Sample, tmp_path: Path) -> None:
    """Alone on a line it was left behind at the end of a column."""
    found = words(sample, tmp_path, "Term\n: Meaning of it\n\n  And more\n\nOther\n: - first\n  - second\n")
    tops = {word["text"]: word["top"] for word in found}
    assert abs(tops["Term"] - tops["Meaning"]) < 1
    assert tops["Meaning"] < tops["more"] < tops["Other"] <= tops["first"] < tops["second"]


def test_the_title_of_a_box_is_not_left_behind(sample: Sample, tmp_path: Path) -> None:
    """At the foot of a column it goes on with its text."""
    boxes = (f"{FILLING * (1 + n % 5)}\n\n:::{{note}} Heading{n}\n{f'Body{n} of it. ' * 9}\n:::\n\n" for n in range(40))
    found = words(sample, tmp_path, "".join(boxes))
    places = {w["text"]: (w["page"], round(w["x0"])) for w in reversed(found)}
    assert len({page for page, _ in places.values()}) > 2
    assert [n for n in range(40) if places[f"Heading{n}"] != places[f"Body{n}"]] == []

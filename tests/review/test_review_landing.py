"""The page that opens a build: all names, what differs first, nothing from elsewhere, the same bytes twice."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from octavo.model import Column, Drawing, Figure, Record, Result, Results, Source, Table, Value, Verdict
from octavo.review.landing import Accepted, Swept, page

OUTPUTS = (
    "figures/one.line.column.svg",
    "paper/jats/paper.xml",
    "paper/latex/paper.pdf",
    "paper/latex/paper.tex",
    "paper/paper.html",
    "paper/paper.pdf",
    "slides/deck.html",
    "slides/deck.pptx",
)
SAME = (Verdict("one.x", "value", "same"), Verdict("one.t", "table", "same"), Verdict("one.line", "figure", "same"))
CHANGED = Verdict("one.x", "value", "changed", ("It was 1 < 2 and is now 3.",))
VOID = ("meta", "img", "link", "br", "hr")


def drawing(medium: str, kind: str) -> Drawing:
    return Drawing(medium, kind, f"figures/line.{medium}.{kind}", 3.35, 2.08, "d")  # type: ignore[arg-type]


def results(folder: Path = Path("run")) -> Results:
    columns = (Column("name", "Name", "left"), Column("a", "A", group="Both"), Column("b", "B", group="Both"))
    record = Record(
        {"x": Value(1794.341, se=632.85, low=551.0, high=3038.0, unit="USD", digits=0)},
        {"t": Table(columns, (("<lasso>", 1402.4, None),))},
        {"line": Figure("A line that rises.", (drawing("slide", "png"), drawing("column", "svg")))},
    )
    return Results({"one": Result(record, folder, Source("notebooks/one.ipynb", {"n": 5}, "abcdef0123456789"))})


def built(verdicts: tuple[Verdict, ...] | None = SAME, **options: object) -> str:
    return page("A study", results(), verdicts, OUTPUTS, (Swept("fit", "notebooks/fit.ipynb", 60),), **options)  # type: ignore[arg-type]


class Read(HTMLParser):
    """Reads a page and holds it to be well nested; keeps its links, its ids and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [a[attribute] or "" for name, a in self.attributes if name == tag and attribute in a]


def test_every_result_is_on_the_page_with_where_it_came_from() -> None:
    """Names, numbers as printed, notebook, parameters, the key of the sources, sweeps and their points."""
    said = " ".join(Read(built()).said.split())
    for wanted in ("one.x", "one.t", "one.line", "1,794\u00a0USD", "551 to 3,038\u00a0USD", "1,402.40", "<lasso>"):
        assert wanted.replace("\u00a0", " ") in said.replace("\u00a0", " ")
    for wanted in ("A line that rises.", "notebooks/one.ipynb", "n = 5", "abcdef012345", "fit notebooks/fit.ipynb 60"):
        assert wanted in re.sub(r"\s+", " ", said) or wanted.replace(" ", "") in said.replace(" ", "")


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No address, no script: it opens without a network."""
    html = built((CHANGED,), accepted=Accepted({"one.line": "<svg/>"}, {"one.x": "first"}))
    assert "http" not in html
    assert "<script" not in html
    read = Read(html)
    outside = [link for link in (*read.all("a", "href"), *read.all("img", "src")) if link.startswith(("/", "..", "//"))]
    assert outside == []


def test_the_same_results_give_the_same_page() -> None:
    """No clock and no machine is on it."""
    assert built() == built()
    assert built().startswith("<!DOCTYPE html>")


def test_every_link_on_the_page_leads_somewhere() -> None:
    """Links inside the page have a target; links to files are those that were built."""
    read = Read(built((CHANGED,)))
    ids = {a["id"] for _, a in read.attributes if "id" in a}
    inside = {link[1:] for link in read.all("a", "href") if link.startswith("#")}
    assert inside <= ids
    files = {link for link in read.all("a", "href") if not link.startswith("#")}
    made = {"notebooks/one.ipynb", "figures/one.line.slide.png", "results.json"}
    assert files == {*OUTPUTS, *made}
    assert len([a for _, a in read.attributes if "id" in a]) == len(ids)


def test_a_vector_drawing_is_shown_before_a_raster_one() -> None:
    """Every picture has its alternative text."""
    read = Read(built())
    assert read.all("img", "src") == ["figures/one.line.column.svg"]
    assert read.all("img", "alt") == ["A line that rises."]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (SAME, "Nothing differs from the accepted results."),
        (None, "Nothing has been accepted yet."),
        ((CHANGED, *SAME), "Not as accepted: 1 changed; 3 as accepted."),
    ],
)
def test_the_page_begins_with_what_differs(verdicts: tuple[Verdict, ...] | None, said: str) -> None:
    """The verdict stands before any result."""
    read = Read(built(verdicts))
    assert said in read.said
    assert read.said.index(said) < read.said.index("A line that rises.")


def test_a_difference_is_told_in_words_that_are_escaped() -> None:
    """A sentence with a mark of HTML stays a sentence."""
    html = built((CHANGED,))
    assert "It was 1 &lt; 2 and is now 3." in html
    assert "It was 1 < 2 and is now 3." in Read(html).said


def test_a_changed_figure_stands_beside_what_was_accepted() -> None:
    """Both drawings are on the page, the accepted one inside it."""
    changed = Verdict("one.line", "figure", "changed", ("The curve moved.",))
    read = Read(built((changed,), accepted=Accepted({"one.line": '<svg><path id="p"/></svg>'})))
    assert "one.line as accepted" in read.all("svg", "aria-label")
    assert "then-one-line-p" in read.all("path", "id")


def test_a_changed_figure_is_laid_over_what_was_accepted(tmp_path: Path) -> None:
    """Old over new, and what differs between them, each with ids of its own: a browser shows both without help."""
    changed = Verdict("one.line", "figure", "changed", ("The curve moved.",), "it will be mended")
    drawn = '<svg><path id="p"/></svg>'
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/line.column.svg").write_text(drawn)
    held = Accepted({"one.line": drawn})
    read = Read(page("A study", results(tmp_path), (changed,), OUTPUTS, (), accepted=held))
    ids = read.all("path", "id")
    assert {"over-then-one-line-p", "minus-then-one-line-p"} <= set(ids) and len(ids) == len(set(ids)) > 5
    assert "What differs, in light" in read.said and "Waived: it will be mended" in read.said


def test_an_unfinished_build_and_an_unread_record_are_told() -> None:
    """The page does not pass off what is old as new, nor what was not compared as the same."""
    assert "This build did not finish." in Read(built(unfinished=("paper.pdf",))).said
    assert (
        "Nothing was compared. It is broken." in Read(built(None, problem="Nothing was compared. It is broken.")).said
    )


def test_spanning_headers_cover_their_columns() -> None:
    """A group of two columns has one header over both; numbers stand to the right."""
    read = Read(built())
    assert read.all("th", "colspan") == ["2"]
    assert "right" in read.all("td", "class")


def test_a_project_without_results_has_a_page() -> None:
    """Nothing recorded is no fault."""
    html = page("Empty", Results(), (), (), ())
    assert "Nothing differs from the accepted results." in Read(html).said


def test_all_outputs_of_the_paper_are_there_by_name() -> None:
    """PDF, web page, Word, LaTeX with the PDF that it makes, JATS: a reader knows which is which."""
    said = Read(built()).said
    assert all(name in said for name in ("PDF by LaTeX", "LaTeX", "JATS", "web page"))

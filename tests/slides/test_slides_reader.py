"""From the parsed deck to slides, and the results put in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from octavo.document.source import Content
from octavo.errors import OctavoError
from octavo.model import Column, Drawing, Figure, Record, Result, Results, Source, Table, Value
from octavo.slides.deck import Big, Deck, Listing, Paragraph, Run, Shown, plain
from octavo.slides.fill import fill
from octavo.slides.reader import read

Node = dict[str, Any]


def node(kind: str, /, *children: Node, line: int = 7, **fields: Any) -> Node:
    """A node of the parsed source."""
    return {"type": kind, "children": [*children], "position": {"start": {"line": line}}, **fields}


def text(value: str) -> Node:
    """A piece of text."""
    return {"type": "text", "value": value, "position": {"start": {"line": 7}}}


def para(*children: Node | str) -> Node:
    """A paragraph."""
    return node("paragraph", *(text(c) if isinstance(c, str) else c for c in children))


def heading(title: str, line: int = 10) -> Node:
    """The heading of a slide."""
    return node("heading", text(title), depth=2, line=line)


def notes(words: str = "Say this.") -> Node:
    """Speaker notes."""
    return {**node("div", para(words)), "class": "notes"}


def big(number: str, label: str) -> Node:
    """A key number as its author writes it."""
    return node("blockquote", para(node("strong", text(number))), para(label))


def deck(*blocks: list[Node]) -> Deck:
    """Read blocks as a deck; ``+++`` stands between two of them."""
    first, *rest = blocks
    nodes = [node("block", notes("Welcome."), *first), *(node("block", *block) for block in rest)]
    front = {"title": "A deck", "authors": [{"name": "The Octavo contributors"}], "date": "2026-11-23"}
    return read(Content(file="slides/deck.md", nodes=nodes, frontmatter=front, parts={}, references={}))


def test_a_heading_starts_a_slide() -> None:
    """Each heading of the first level is a slide, with its notes; what stands before it is the title slide's."""
    made = deck([heading("One"), para("a"), notes("n1"), heading("Two"), para("b"), notes("n2")])
    assert [plain(slide.title) for slide in made.slides] == ["One", "Two"]
    assert [plain(note.inlines) for s in made.slides for note in s.notes if isinstance(note, Paragraph)] == ["n1", "n2"]
    assert (plain(made.title), made.authors, made.date) == ("A deck", ("The Octavo contributors",), "23 November 2026")
    assert made.notes


def test_plus_signs_make_columns() -> None:
    """``+++`` begins a column; before a heading it begins nothing."""
    made = deck([heading("One"), para("a")], [para("b"), notes()], [heading("Two"), para("c"), notes()])
    assert [len(slide.columns) for slide in made.slides] == [2, 1]
    assert made.slides[0].layout == "Two columns"


def test_key_numbers_stand_side_by_side() -> None:
    """Quotations that open with a bold line are key numbers; several stand in columns."""
    made = deck([heading("Numbers"), big("12%", "a"), big("7", "b"), notes()])
    assert [[type(b) for b in column] for column in made.slides[0].columns] == [[Big], [Big]]


def test_a_list_of_two_levels() -> None:
    """Lists keep their levels and numbers."""
    inner = node("list", node("listItem", para("b")), ordered=False)
    outer = node("list", node("listItem", para("a"), inner), node("listItem", para("c")), ordered=True, start=3)
    listing = deck([heading("List"), outer, notes()]).slides[0].columns[0][0]
    assert isinstance(listing, Listing)
    assert [(plain(i.inlines), i.level, i.number) for i in listing.items] == [("a", 1, 3), ("b", 2, 0), ("c", 1, 4)]


def test_a_citation_is_its_short_form() -> None:
    """A citation is printed as author and year."""
    cites = [node("cite", text("LaLonde, 1986")), node("cite", text("Rubin, 1974"))]
    made = deck([heading("Cited"), para("So ", node("citeGroup", *cites, kind="parenthetical"), "."), notes()])
    block = made.slides[0].columns[0][0]
    assert isinstance(block, Paragraph)
    assert plain(block.inlines) == "So (LaLonde, 1986; Rubin, 1974)."


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([[heading("No notes", 41), para("a")]], r"slides/deck.md:41: The slide 'No notes' has no speaker notes"),
        ([[heading("Empty", 42), notes()]], r"slides/deck.md:42: The slide 'Empty' has nothing on it"),
        ([[para("early"), heading("One"), para("a"), notes()]], r"deck.md:7: Text stands before the first slide"),
        ([[heading("One"), node("admonition", line=51), notes()]], r"deck.md:51: A slide cannot carry 'admonition'"),
        ([[heading("One"), para(node("footnoteReference", line=52)), notes()]], r"deck.md:52: .*'footnoteReference'"),
        ([[heading("One"), node("blockquote", para("said"), line=53), notes()]], r"deck.md:53: A quotation .*number"),
        (
            [[heading("One"), para("a")], [para("b")], [para("c")], [para("d"), notes()]],
            r"at most 3 columns; here",
        ),
        ([[heading("One"), node("heading", text("x"), depth=3, line=54), notes()]], r"deck.md:54: .* carry 'heading'"),
    ],
)
def test_what_a_slide_cannot_carry(blocks: list[list[Node]], message: str) -> None:
    """Nothing in silence: each is an error with its file and line."""
    with pytest.raises(OctavoError, match=message):
        deck(*blocks)


def test_all_problems_at_once() -> None:
    """Problems are collected and reported once."""
    with pytest.raises(OctavoError) as caught:
        deck([heading("One"), para("a"), heading("Two"), para("b")])
    assert str(caught.value).count("has no speaker notes") == 2


def results(folder: Path, medium: str = "slide") -> Results:
    """Results that no notebook had to make."""
    columns = (Column("e", "Estimator", align="left"), Column("a", "Estimate", digits=0, group="Trial"))
    drawings = tuple(Drawing(medium, kind, f"o.{kind}", 11.5, 5.2, "0") for kind in ("svg", "png"))
    record = Record(
        {"att": Value(1794.34, low=551.4, high=3037.6, unit="USD", digits=0)},
        {"estimates": Table(columns, (("AIPW", -1620.4),))},
        {"overlap": Figure("Two lines", drawings)},
    )
    return Results({"compare": Result(record, folder, Source("notebooks/compare.ipynb", {}, "0"))}, ("estimate",))


def filled(run: Run | Shown, made: Results) -> Any:
    """Put the results into a deck of one value, figure or table, and return it."""
    base = deck([heading("One"), para("a"), notes()])
    import msgspec

    block = Paragraph((run,), base.place) if isinstance(run, Run) else run
    slide = msgspec.structs.replace(base.slides[0], columns=((block,),))
    out = fill(msgspec.structs.replace(base, slides=(slide,)), made).slides[0].columns[0][0]
    return out.inlines[0] if isinstance(out, Paragraph) else out


def value(name: str) -> Run:
    """A value in the text."""
    return Run("", value=name)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("compare.att", "1,794\N{NO-BREAK SPACE}USD"),
        ("compare.att.number", "1,794"),
        ("compare.att.ci", "551 to 3,038\N{NO-BREAK SPACE}USD"),
    ],
)
def test_values_are_put_in(name: str, printed: str, tmp_path: Path) -> None:
    """One fact, one place: a value prints what the run recorded, with its precision and unit, and keeps its name."""
    run = filled(value(name), results(tmp_path))
    assert (run.text, run.value) == (printed, name)


def test_a_table_is_put_in(tmp_path: Path) -> None:
    """A table prints its cells with the precision of their columns."""
    base = deck([heading("One"), para("a"), notes()])
    grid = filled(Shown("table", "compare.estimates", (), base.place), results(tmp_path)).grid
    assert grid.head == ("Estimator", "Estimate")
    assert grid.groups == (("", 1), ("Trial", 1))
    assert grid.rows == (("AIPW", "−1,620"),)


def test_a_figure_is_put_in(tmp_path: Path) -> None:
    """A figure brings its drawings for slides, its size in points and its alternative text."""
    base = deck([heading("One"), para("a"), notes()])
    shown = filled(Shown("figure", "compare.overlap", (), base.place), results(tmp_path))
    assert (shown.picture.width, shown.alt) == (828.0, "Two lines")
    assert shown.picture.files["png"] == tmp_path / "o.png"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("compare.atx", "did you mean 'compare.att'"),
        ("compere.att", "did you mean 'compare'"),
        ("compare.att.se", "no se was recorded"),
        ("compare.att.sd", "there is no field 'sd'"),
        ("estimate.att", "names a sweep"),
    ],
)
def test_unknown_names(name: str, message: str, tmp_path: Path) -> None:
    """A name that the results do not have is an error with the nearest name."""
    with pytest.raises(OctavoError, match=message):
        filled(value(name), results(tmp_path))


def test_a_figure_not_drawn_for_slides(tmp_path: Path) -> None:
    """A figure without a drawing for slides is an error that names the setting."""
    base = deck([heading("One"), para("a"), notes()])
    with pytest.raises(OctavoError, match=r"not drawn for slides as png and svg") as caught:
        filled(Shown("figure", "compare.overlap", (), base.place), results(tmp_path, "column"))
    assert "[tool.octavo.media.slide]" in str(caught.value)

"""Results put into a parsed document, without a parser: values as text, tables as cells, figures as drawings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from octavo.document.fill import fill, rows
from octavo.document.source import Content
from octavo.document.tables import read_grid
from octavo.errors import OctavoError, Problems
from octavo.model import Column, Drawing, Figure, Record, Result, Results, Source, Table, Value

Node = dict[str, Any]
FIGURE = Figure(
    "A line",
    (
        Drawing("column", "svg", "figures/line.column.svg", 3.35, 2.0, "aa"),
        Drawing("column", "pdf", "figures/line.column.pdf", 3.35, 2.0, "bb"),
        Drawing("wide", "svg", "figures/line.wide.svg", 7.0, 4.0, "cc"),
    ),
)
TABLE = Table(
    (
        Column("name", "Name", "left"),
        Column("a", "A", digits=1, group="Both"),
        Column("b", "B", digits=0, group="Both"),
    ),
    (("first", 1.25, -2), ("second", None, True)),
)
RECORD = Record({"n": Value(1794.34, se=632.8, unit="USD", digits=0)}, {"t": TABLE}, {"line": FIGURE})
RESULTS = Results({"one": Result(RECORD, Path("/run"), Source("notebooks/one.ipynb", {}, "ab"))}, ("swept",))


def at(line: int) -> Node:
    return {"start": {"line": line}}


def content(*nodes: Node) -> Content:
    return Content("paper/paper.md", {"title": "A"}, {}, list(nodes), {})


def value(name: str, line: int = 3) -> Node:
    return {"type": "octavoValue", "name": name, "position": at(line)}


def figure(name: str, width: str = "", alt: str = "") -> Node:
    return {"type": "iframe", "src": "", "alt": alt, "data": {"name": name, "width": width}, "position": at(7)}


def filled(node: Node) -> Node:
    """Return a node with the results put in."""
    (made,) = fill(content({"type": "paragraph", "children": [node]}), RESULTS).nodes
    (child,) = made["children"]
    return dict(child)


@pytest.mark.parametrize(
    ("name", "text"),
    [("one.n", "1,794\u00a0USD"), ("one.n.se", "633\u00a0USD"), ("one.n.number", "1,794")],
)
def test_a_value_becomes_its_text(name: str, text: str) -> None:
    """A value is printed with its precision and unit, a field of it likewise; its name is kept."""
    made = filled(value(name))
    assert (made["type"], made["value"], made["name"]) == ("value", text, name)


def test_a_figure_becomes_the_drawing_for_its_width() -> None:
    """Without a width the column's drawing is taken; the paper's own words for it go before the notebook's."""
    made = filled(figure("one.line"))
    assert made["files"] == {"svg": "/run/figures/line.column.svg", "pdf": "/run/figures/line.column.pdf"}
    assert (made["type"], made["medium"], made["width"], made["alt"]) == ("drawing", "column", 3.35, "A line")
    made = filled(figure("one.line", "wide", "In my words"))
    assert (made["files"], made["alt"]) == ({"svg": "/run/figures/line.wide.svg"}, "In my words")


def test_a_table_becomes_rows_with_spanning_headers() -> None:
    """Groups of columns have a header of their own; numbers have the column's decimals, what is missing is empty."""
    made = filled({"type": "table", "children": [], "data": {"name": "one.t"}})
    grid = read_grid(made)
    assert (grid.headers, grid.alignments) == (2, ("left", "right", "right"))
    assert [(cell.column, cell.colspan) for cell in grid.rows[0]] == [(0, 1), (1, 2)]
    texts = [["".join(c["value"] for c in cell.node["children"]) for cell in row] for row in grid.rows]
    assert texts == [["", "Both"], ["Name", "A", "B"], ["first", "1.2", "−2"], ["second", "", "yes"]]


def test_a_table_without_groups_has_one_header() -> None:
    """No empty row stands over the headers of a table without groups."""
    plain = Table((Column("a", "A"),), ((1,),))
    assert len(rows(plain)) == 2


def test_unknown_names_are_told_at_once_with_line_and_way_out() -> None:
    """Every name that the results do not have is told, with the nearest one or the ways out."""
    nodes = [value("one.m"), value("two.n", 4), value("swept.n", 5), figure("one.line", "wine"), figure("one.lines")]
    with pytest.raises(OctavoError) as caught:
        fill(content(*nodes), RESULTS)
    assert isinstance(caught.value, Problems)
    assert [(problem.where, problem.hint) for problem in caught.value.problems] == [
        ("paper/paper.md:3", "did you mean 'one.n'?"),
        ("paper/paper.md:4", "There are results of: one."),
        ("paper/paper.md:5", "Gather the points in a notebook of one run, with octavo.sweep('swept'), and quote that."),
        ("paper/paper.md:7", "did you mean 'wide'?"),
        ("paper/paper.md:7", "did you mean 'one.line'?"),
    ]


def test_a_result_of_another_kind_is_told_as_that() -> None:
    """A figure that is quoted as a number, and a value that is shown as a figure: what it is, and how it is shown."""
    with pytest.raises(Problems) as caught:
        fill(content(value("one.line"), figure("one.n", ""), value("one.t")), RESULTS)
    assert [f"{problem.what} {problem.hint}" for problem in caught.value.problems] == [
        "'one.line' is a figure, not a value. Show it with {result-figure}.",
        "'one.n' is a value, not a figure. Show it with {val}`…`.",
        "'one.t' is a table, not a value. Show it with {result-table}.",
    ]


def test_what_is_parsed_is_not_changed() -> None:
    """Filling returns new content: the parsed one serves for the next number."""
    node = value("one.n")
    parsed = content({"type": "paragraph", "children": [node]})
    fill(parsed, RESULTS)
    assert parsed.nodes == [{"type": "paragraph", "children": [value("one.n")]}]


def test_what_was_not_recorded_is_told_with_the_line_that_records_it() -> None:
    """A newcomer forgets octavo.figure, and the notebook's name before a value's."""
    results = Results({"one": Result(Record({"n": Value(1.0)}, {}, {}), Path("/run"), RESULTS.results["one"].source)})
    for node, hint in ((figure("one.line"), 'octavo.figure("line", …)'), (value("n"), "the notebook's: one.n.")):
        with pytest.raises(OctavoError) as caught:
            fill(content({"type": "paragraph", "children": [node]}), results)
        assert hint in str(caught.value)

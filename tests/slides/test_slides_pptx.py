"""The PowerPoint deck."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pptx.util import Pt
from tests.slides.made_deck import GRID, at, deck_of, slide, text

from octavo.errors import OctavoError
from octavo.slides import layout, measure, template
from octavo.slides.deck import Big, Deck, Formula, Grid, Run, Shown
from octavo.slides.writers import pptx

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def show(deck: Deck, template_file: Path) -> Any:
    """The deck written and opened again."""
    return Presentation(BytesIO(pptx.write(deck, template_file)))


def layout_of(show: Any, name: str) -> Any:
    """Return a layout of a template."""
    found = show.slide_layouts.get_by_name(name)
    assert found is not None, name
    return found


def test_one_slide_a_heading(show: Any, deck: Deck) -> None:
    """Nothing in silence: the title slide and each heading make one slide, in order, with its title."""
    titles = [slide.shapes.title.text_frame.text for slide in show.slides]
    assert titles == ["A deck of made slides", *(s.title[0].text for s in deck.slides)]  # type: ignore[union-attr]


def test_every_text_stands_in_a_placeholder(show: Any) -> None:
    """Every text is in a placeholder, so that the outline and a new template work."""
    assert all(shape.is_placeholder for slide in show.slides for shape in slide.shapes)


def test_no_placeholder_is_left_empty(show: Any) -> None:
    """No 'Click to edit' is left on a slide."""
    frames = [s.text_frame for slide in show.slides for s in slide.placeholders if s.has_text_frame]
    assert all(frame.text.strip() for frame in frames)


def test_notes_on_every_slide(show: Any) -> None:
    """Each slide carries its speaker notes."""
    notes = [slide.notes_slide.notes_text_frame.text for slide in show.slides]
    assert notes[0] == "Welcome."
    assert notes[1] == "Spoken words. (Text and a list)"
    assert all(notes)


def test_tables_are_native(show: Any) -> None:
    """A table of the results is a table of PowerPoint, cell by cell, with a header row."""
    table = next(shape.table for shape in show.slides[6].shapes if shape.has_table)
    cells = [[cell.text for cell in row.cells] for row in table.rows]
    assert cells[1] == list(GRID.head)
    assert cells[2:] == [list(row) for row in GRID.rows]
    assert table.first_row


def test_text_above_a_table_stays_above(show: Any) -> None:
    """The order of the source is the order on the slide."""
    shapes = {shape.placeholder_format.type.name: shape for shape in show.slides[7].placeholders}
    assert shapes["BODY"].top + shapes["BODY"].height <= shapes["TABLE"].top


def test_the_figure_has_its_alt_text_and_is_whole(show: Any) -> None:
    """A figure carries its alternative text, its own aspect ratio and no crop."""
    picture = next(s for s in show.slides[5].placeholders if s.placeholder_format.type.name == "PICTURE")
    label = picture._element.xpath(".//p:cNvPr")[0]
    assert (label.get("name"), label.get("descr")) == ("compare.overlap", "Two lines that cross")
    assert picture.width / picture.height == pytest.approx(11.5 / 5.2, rel=1e-3)
    assert (picture.crop_left, picture.crop_top, picture.crop_right, picture.crop_bottom) == (0, 0, 0, 0)


def test_no_type_under_18_points(show: Any) -> None:
    """No type on a slide is under 18 points: every run says its size, footers and tables too."""
    sizes = [
        int(properties.get("sz"))
        for slide in show.slides
        for properties in slide.shapes._spTree.iter("{*}rPr")
        if properties.getparent().tag.endswith(("}r", "}fld"))
    ]
    assert sizes
    assert min(sizes) >= 1800


def test_nothing_leaves_the_slide(show: Any) -> None:
    """No shape reaches over the edge of its slide."""
    for shape in (shape for page in show.slides for shape in page.shapes):
        assert shape.left >= 0
        assert shape.top >= 0
        assert shape.left + shape.width <= show.slide_width
        assert shape.top + shape.height <= show.slide_height


def test_slide_numbers(show: Any) -> None:
    """Each slide but the first shows its number and the footer, in the placeholders of its layout."""
    kinds = [{s.placeholder_format.type.name for s in slide.placeholders} for slide in show.slides]
    assert all({"FOOTER", "SLIDE_NUMBER"} <= kind for kind in kinds[1:])
    assert 'type="slidenum"' in show.slides[3].shapes._spTree.xml


def test_a_simple_formula_becomes_letters(show: Any) -> None:
    """A simple formula is italic letters and scripts, which every program shows."""
    body = show.slides[1].placeholders[1].text_frame.paragraphs[0]
    runs = [(run.text, run.font.italic, run._r.rPr.get("baseline")) for run in body.runs]
    assert ("τ\u0302", True, None) in runs
    assert ("i", True, "-25000") in runs
    assert ("2", None, "30000") in runs


def test_a_formula_that_needs_more_than_a_line_is_an_error(template_file: Path) -> None:
    """What a writer cannot carry stops the build with the formula, its file and line."""
    xml = "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>"
    made = deck_of(slide("Fraction", (text(Formula(xml, r"\frac{a}{b}", place=at(77))),)))
    with pytest.raises(OctavoError, match=r"slides/deck.md:77: The formula \$\\frac\{a\}\{b\}\$ cannot be"):
        pptx.write(made, template_file)


def test_text_alone_stands_in_the_middle(template_file: Path) -> None:
    """Text without a figure begins lower the less there is of it; columns begin at one height."""
    made = deck_of(slide("Short", (text("one"),), (text("two"), text("three"))), slide("Long", (text("word " * 100),)))
    short, long = list(Presentation(BytesIO(pptx.write(made, template_file))).slides)[1:]
    tops = {s.top for s in short.placeholders if s.placeholder_format.idx in (1, 2)}
    room = (layout.BODY.h - 2 * layout.SIZES.text * layout.LEADING - layout.GAP) / 2
    assert len(tops) == 1 and abs(min(tops) - Pt(layout.BODY.y + room)) < Pt(1)
    assert long.placeholders[1].top < min(tops)
    bottom = Pt(layout.BODY.y + layout.BODY.h)
    assert all(abs(s.top + s.height - bottom) < Pt(1) for s in short.placeholders if s.placeholder_format.idx == 1)


def test_no_word_of_a_title_is_left_alone(template_file: Path) -> None:
    """A title of two lines is kept from the right of its placeholder, so that it breaks near its middle."""
    title = "It is hard because few people in the survey resemble the trainees"
    made = deck_of(slide(title, (text("x"),)), slide("Short", (text("x"),)))
    wide, short = list(Presentation(BytesIO(pptx.write(made, template_file))).slides)[1:]
    room = layout.TITLE.w - wide.shapes.title.text_frame.margin_right / Pt(1)
    whole = measure.width(title, layout.SIZES.title, bold=True)
    assert whole / 2 < room < 0.65 * whole
    assert short.shapes.title._element.xpath(".//a:bodyPr/@rIns") == []


def test_same_bytes_twice(deck: Deck, template_file: Path) -> None:
    """Same sources, same bytes."""
    assert pptx.write(deck, template_file) == pptx.write(deck, template_file)


def test_the_shipped_template_is_the_made_one() -> None:
    """slides/template.pptx holds what template.py writes."""
    made, shipped = (Presentation(BytesIO(d)) for d in (template.make(), (ROOT / "slides/template.pptx").read_bytes()))
    assert shipped.slide_master.element.xml == made.slide_master.element.xml
    assert [x.element.xml for x in shipped.slide_layouts] == [x.element.xml for x in made.slide_layouts]


def test_too_much_text_is_an_error(template_file: Path) -> None:
    """An overflow stops the build with the slide's number, title and line, and by how much."""
    made = deck_of(slide("Short"), slide("Crowded", tuple(text("word " * 60) for _ in range(5)), line=88))
    made = deck_of(slide("Short", (text("x"),)), *made.slides[1:])
    with pytest.raises(OctavoError, match=r"slides/deck.md:88: Slide 3, 'Crowded', does not fit .* points too tall"):
        pptx.write(made, template_file)


def test_a_number_wider_than_its_column_is_an_error(template_file: Path) -> None:
    """A key number is never broken."""
    big = Big((Run("551 to 3,038 USD"),), (), at(8))
    made = deck_of(slide("Wide", (big,), (big,), (big,)))
    with pytest.raises(OctavoError, match=r"key number '551 to 3,038 USD' is .* points too wide"):
        pptx.write(made, template_file)


def test_a_table_too_wide_is_an_error(template_file: Path) -> None:
    """A table that does not fit at 18 points stops the build."""
    grid = Grid((), ("A rather long heading",) * 12, (("1,234,567.89",) * 12,), ("right",) * 12)
    made = deck_of(slide("Wide", (Shown("table", "a.b", (), at(9), grid=grid),)))
    with pytest.raises(OctavoError, match=r"table 'a.b' is .* points too wide"):
        pptx.write(made, template_file)


def test_a_missing_layout_is_an_error(deck: Deck, tmp_path: Path, template_file: Path) -> None:
    """A template without a layout that the deck needs is named, with what it needs and the nearest name."""
    show = Presentation(str(template_file))
    layout_of(show, "Two columns").element.cSld.set("name", "Two colums")
    show.save(str(tmp_path / "mine.pptx"))
    with pytest.raises(OctavoError, match=r"mine.pptx: The template has no layout named 'Two columns'") as caught:
        pptx.write(deck, tmp_path / "mine.pptx")
    assert "did you mean 'Two colums'?" in str(caught.value)


def test_a_layout_without_a_placeholder_is_an_error(deck: Deck, tmp_path: Path, template_file: Path) -> None:
    """A layout that lacks a placeholder is named, with the placeholders that it needs."""
    show = Presentation(str(template_file))
    layout = layout_of(show, "Title and figure")
    picture = next(p for p in layout.placeholders if p.placeholder_format.type.name == "PICTURE")
    picture._element.getparent().remove(picture._element)
    show.save(str(tmp_path / "mine.pptx"))
    with pytest.raises(OctavoError, match="'Title and figure' of the template lacks a placeholder: picture"):
        pptx.write(deck, tmp_path / "mine.pptx")


def test_a_template_that_is_none(deck: Deck, tmp_path: Path) -> None:
    """A file that is no .pptx is an error in words."""
    (tmp_path / "mine.pptx").write_text("not a package")
    with pytest.raises(OctavoError, match=r"cannot be opened as a .pptx file"):
        pptx.write(deck, tmp_path / "mine.pptx")


def test_a_template_of_ones_own(deck: Deck, tmp_path: Path, template_file: Path) -> None:
    """Layouts are found by name, sample slides are left out, and the places are the template's."""
    show = Presentation(str(template_file))
    show.slides.add_slide(show.slide_layouts[1])
    layout = layout_of(show, "Title and text")
    body = next(p for p in layout.placeholders if p.placeholder_format.type.name == "BODY")
    body.left = Pt(90)
    show.save(str(tmp_path / "mine.pptx"))
    made = Presentation(BytesIO(pptx.write(deck, tmp_path / "mine.pptx")))
    assert len(made.slides) == len(deck.slides) + 1
    assert made.slides[1].placeholders[1].left == Pt(90)

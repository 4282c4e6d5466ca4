"""The deck as one HTML file and as a PDF."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from lxml import html
from pypdf import PdfReader
from tests.slides.made_deck import GRID, MATHML, at, deck_of, slide, text

from octavo.errors import OctavoError
from octavo.slides import layout
from octavo.slides.deck import Deck, Formula, Run, Shown
from octavo.slides.formula import typst
from octavo.slides.writers import pdf, reveal


@pytest.fixture(scope="module")
def page(deck: Deck) -> str:
    """The deck as HTML."""
    return reveal.write(deck)


def test_one_section_a_heading(page: str, deck: Deck) -> None:
    """Nothing in silence: each heading makes one slide, with its title and its notes."""
    sections = html.fromstring(page).xpath("//section/section")
    assert len(sections) == len(deck.slides) + 1
    assert [s.xpath("string(.//h1|.//h2)") for s in sections[:2]] == ["A deck of made slides", "Text and a list"]
    assert all(s.xpath("string(.//aside[@class='notes'])").strip() for s in sections)


def test_the_file_needs_nothing_beside_it(page: str) -> None:
    """Offline: no address is loaded, by an element, a style sheet or a script."""
    tree = html.fromstring(page)
    loads = tree.xpath("//script/@src | //link/@href | //img/@src | //iframe/@src | //source/@src")
    assert all(load.startswith("data:") for load in loads)
    styles = "".join(tree.xpath("//style/text()"))
    assert set(re.findall(r"url\(['\"]?(.{5})", styles)) == {"data:"}
    assert styles.count("@font-face") == 4
    assert "@import" not in styles
    assert not re.search(r"cdnjs|unpkg|jsdelivr|MathJax|require\.min|jquery", page, re.IGNORECASE)


def test_the_notes_view_is_inside(page: str) -> None:
    """Key S opens the notes: the plugin and the page of its window are in the file."""
    assert "plugins: [RevealNotes]" in page
    assert "reveal.js - Speaker View" in page


def test_values_keep_their_names(page: str) -> None:
    """One fact, one place: a value in the page says which result it is."""
    found = html.fromstring(page).xpath("//data[@class='value']")
    assert [(v.get("data-name"), v.text) for v in found] == [("compare.att", "1,794\N{NO-BREAK SPACE}USD")]


def test_formulas_are_mathml(page: str) -> None:
    """A formula is MathML, which browsers set themselves."""
    assert page.count("<math") == 1
    assert "msubsup" in page


def test_letters_of_formulas_are_those_of_their_alphabets() -> None:
    """Browsers know no ``mathvariant``: the real numbers were shown as R."""
    formula = Formula('<math><mi mathvariant="double-struck">R</mi></math>', r"\mathbb{R}")
    made = deck_of(slide("Letters", (text(formula),)))
    assert "<math><mi>ℝ</mi></math>" in reveal.write(made)


def test_figures_have_their_alt_text(page: str) -> None:
    """A figure carries its alternative text."""
    assert html.fromstring(page).xpath("//figure/svg/@aria-label") == ["Two lines that cross"]


def test_table_cells(page: str) -> None:
    """A table of the results is a table, with its header."""
    table = html.fromstring(page).xpath("(//table)[1]")[0]
    assert [cell.text for cell in table.xpath(".//tr[@class='head']/th")] == list(GRID.head)
    assert [[cell.text for cell in row.xpath("td")] for row in table.xpath("tbody/tr")] == [list(r) for r in GRID.rows]


def test_same_page_twice(deck: Deck, page: str) -> None:
    """Same sources, same bytes."""
    assert reveal.write(deck) == page


def test_no_size_is_under_18_points() -> None:
    """No type on a slide is under 18 points."""
    for name in layout.SIZES.__struct_fields__:
        size = getattr(layout.SIZES, name)
        assert min(size if isinstance(size, tuple) else (size,)) >= layout.SMALLEST


def test_the_pdf_has_a_page_a_slide(deck: Deck) -> None:
    """The PDF has one page of 16:9 a slide, its text as text, and no notes."""
    reader = PdfReader(BytesIO(pdf.write(deck)))
    assert len(reader.pages) == len(deck.slides) + 1
    assert {(float(p.mediabox.width), float(p.mediabox.height)) for p in reader.pages} == {(960.0, 540.0)}
    words = " ".join(page.extract_text() for page in reader.pages)
    assert "Difference in means" in words
    assert "Spoken words" not in words


def lines_of(made: Deck) -> list[tuple[float, str]]:
    """Return the lines of text of the first slide in the PDF, each with the height of its middle from the top."""
    import pdfplumber

    with pdfplumber.open(BytesIO(pdf.write(made))) as document:
        lines = document.pages[1].extract_text_lines()
    return [((line["top"] + line["bottom"]) / 2, line["text"]) for line in lines]


def test_text_alone_stands_in_the_middle() -> None:
    """Above and below a slide's text there is as much room; columns begin at one height."""
    made = deck_of(slide("Short", (text("one"),), (text("two"), text("three"))))
    heights = {line: height for height, line in lines_of(made)}
    middle = layout.BODY.y + layout.BODY.h / 2
    assert (heights["one two"] + heights["three"]) / 2 == pytest.approx(middle, abs=4)
    assert html.fromstring(reveal.write(made)).xpath("//div[contains(@class, 'middle')]/div/@class") == ["flow", "flow"]


def test_no_word_of_a_title_is_left_alone() -> None:
    """A title of two lines is broken near its middle."""
    title = "It is hard because few people in the survey resemble the trainees"
    first, second = [line for height, line in lines_of(deck_of(slide(title, (text("x"),)))) if height < 100]
    assert abs(len(first) - len(second)) < 10


def test_same_pdf_twice(deck: Deck) -> None:
    """Same sources, same bytes."""
    assert pdf.write(deck) == pdf.write(deck)


def test_too_much_text_is_an_error_in_the_pdf() -> None:
    """An overflow stops the build with the slide's number, title and line, and by how much."""
    made = deck_of(slide("Short", (text("x"),)), slide("Crowded", tuple(text("word " * 60) for _ in range(5)), line=88))
    with pytest.raises(OctavoError, match=r"slides/deck.md:88: Slide 3, 'Crowded', does not fit in the PDF"):
        pdf.write(made)


def test_a_title_of_three_lines_is_an_error() -> None:
    """The title is measured too."""
    made = deck_of(slide("A heading that goes on and on " * 6, (text("x"),)))
    with pytest.raises(OctavoError, match=r"its title is .* points too tall"):
        pdf.write(made)


def test_a_figure_is_never_made_smaller(deck: Deck) -> None:
    """A figure that would have to shrink, and its type with it, stops the build."""
    import msgspec

    shown = deck.slides[4].shown
    assert shown is not None
    assert shown.picture is not None
    tall = msgspec.structs.replace(shown, picture=msgspec.structs.replace(shown.picture, height=500.0))
    with pytest.raises(OctavoError, match=r"figure 'compare.overlap' is 828 by 500 points and has 828 by"):
        pdf.write(deck_of(slide("Tall", (tall,))))


def test_characters_of_markup_are_text() -> None:
    """What means something to HTML or Typst is text on the slide."""
    odd = 'a < b & "c" \\ #d $e$ *f* @g [h]'
    made = deck_of(slide("Odd", (text(odd),)))
    assert odd in " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf.write(made))).pages)
    assert html.fromstring(reveal.write(made)).xpath("string((//section/section)[2]//p)") == odd


def test_a_caption_that_overflows_under_a_figure(deck: Deck) -> None:
    """Text under a figure is measured with it."""
    import msgspec

    shown = deck.slides[4].shown
    assert shown is not None
    long = msgspec.structs.replace(shown, caption=(Run("word " * 80, place=at(40)),))
    assert isinstance(long, Shown)
    with pytest.raises(OctavoError, match="points too tall"):
        pdf.write(deck_of(slide("Long caption", (long,))))


def test_a_character_that_no_font_has() -> None:
    """A character that would become an empty box stops the build, with its line."""
    far = "\N{ETHIOPIC SYLLABLE HA}"
    made = deck_of(slide("Plain", (text("x"),)), slide("Far", (text(f"a {far} b", line=70),)))
    with pytest.raises(OctavoError, match=f"slides/deck.md:70: No font has the character '{far}'"):
        pdf.write(made)


def test_letters_of_other_scripts_are_shown() -> None:
    """What the paper may say in Chinese, Japanese, Korean, Russian and Greek, the deck may say too."""
    said = "王小明 さくら 홍길동 Борис Ελλάς"
    read = PdfReader(BytesIO(pdf.write(deck_of(slide("Letters", (text(said),)))))).pages[1].extract_text()
    assert set(said) <= set(read)


def test_mathematical_signs_are_shown() -> None:
    """Signs that the typeface lacks come from the fonts of Typst."""
    assert pdf.write(deck_of(slide("Signs", (text("a ≤ b, x ⊥ y, τ, 𝔼, ∈"),))))


def test_a_loose_accent() -> None:
    """An accent that Typst would set without its letter stops the build."""
    with pytest.raises(OctavoError, match="has an accent that is a character of its own"):
        pdf.write(deck_of(slide("Loose", (text("the τ\N{COMBINING CIRCUMFLEX ACCENT} of it"),))))


def test_a_formula_in_the_pdf() -> None:
    """A simple formula is a formula of Typst, and is said in words."""
    assert typst(Formula(MATHML, r"\hat a", place=at(3))) == (
        r'#math.equation(alt: "tau hat sub i squared equals 3", $hat(τ)_(i)^(2) \= 3$.body);'
    )

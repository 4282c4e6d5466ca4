"""The page of a paper as a file: one file that needs no network, well made for browsers and their readers."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree
from lxml import html as lxml_html

ORCID = "0000-0002-1825-0097"  # that of ORCID's own example
GIVEN = {"https://example.org/page?a=1&b=2", "https://doi.org/10.1000/lalonde", f"https://orcid.org/{ORCID}"}
NAMES = {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
# The elements of MathML Core: what browsers show.
CORE = set(
    re.findall(
        r"\w+",
        "annotation math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace "
        "msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics",
    )
)


@pytest.fixture(scope="session")
def page(html: Path) -> str:
    """The text of the page."""
    return html.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tree(page: str) -> lxml_html.HtmlElement:
    """The page, read."""
    return lxml_html.fromstring(page)


def test_one_file_without_script_or_foreign_address(page: str, html: Path) -> None:
    """The page is one file that runs nothing and fetches nothing; its addresses are the author's own."""
    assert [path.name for path in html.parent.iterdir()] == ["paper.html"]
    assert "<script" not in page.lower() and not re.search(r"\son\w+\s*=", page)
    addresses = {found.replace("&amp;", "&") for found in re.findall(r"https?://[^\s\"'<>)]+", page)}
    assert addresses - NAMES - {address for given in GIVEN for address in (given, f"{given}.")} == set()
    assert not re.search(r"@import|url\((?![\"']?(data:|#))|<link|<iframe|<img", page)


def test_the_page_begins_as_pages_should(tree: lxml_html.HtmlElement, page: str) -> None:
    """Document type, language, character set, a title without markup, a view that fits phones."""
    assert page.startswith("<!DOCTYPE html>")
    root = tree.getroottree().getroot()
    assert root.get("lang") == "en"
    assert root.findtext("head/title") == "Apples", "the short title"
    assert root.xpath("head/meta[@charset='utf-8']") and root.xpath("head/meta[@name='viewport']")


def test_ids_are_unique_and_links_find_them(tree: lxml_html.HtmlElement) -> None:
    """No id is given twice, in the text or in drawings, and every inner link has its target."""
    ids = Counter(tree.xpath("//@id"))
    assert not [name for name, count in ids.items() if count > 1]
    links = {str(link)[1:] for link in tree.xpath("//@href | //@*[name() = 'xlink:href']") if str(link)[0] == "#"}
    assert len(links) > 25
    assert links - set(ids) == set()


def test_formulas_are_mathml_that_browsers_show(page: str) -> None:
    """Every formula is well-formed MathML of the elements and attributes that MathML Core has."""
    formulas = re.findall(r"<math.*?</math>", page, re.DOTALL)
    assert len(formulas) == 11
    for formula in formulas:
        root = etree.fromstring(formula)
        assert {str(e.tag).rpartition("}")[2] for e in root.iter()} <= CORE
        assert not root.xpath("//@mathvariant[. != 'normal']")
    assert "𝔼" in page


def test_drawings_are_inside_with_words_for_those_who_cannot_see_them(tree: lxml_html.HtmlElement) -> None:
    """Each figure is an SVG in the page with its alt text, its text as text, and a caption."""
    drawings = tree.xpath("//*[local-name() = 'svg']")
    assert [drawing.get("aria-label") for drawing in drawings] == [
        "A line that goes up and down",  # over the whole page, and
        "A line that goes up and down",  # the same in one column, for phones
        "The left panel in words",
        "A line that goes up and down",
        "A line that goes up and down",
    ]
    assert all(drawing.get("role") == "img" for drawing in drawings)
    assert all("Weight (g)" in drawing.text_content() for drawing in drawings)
    assert len(tree.xpath("//figure[.//*[local-name() = 'svg']]/figcaption")) == len(drawings)


def test_on_a_phone_a_wide_figure_is_the_drawing_of_one_column(tree: lxml_html.HtmlElement, page: str) -> None:
    """Shrunk to a phone, the words of a wide drawing cannot be read: the style sheet shows the narrow one there."""
    (figure,) = tree.xpath("//figure[.//*[contains(@class, 'on-wide')]]")
    wide, narrow = figure.xpath(".//span[contains(@class, 'drawing')]")
    assert (wide.get("class"), narrow.get("class")) == ("drawing on-wide", "drawing on-narrow")
    assert len({svg.get("viewbox") for svg in figure.xpath(".//*[local-name() = 'svg']")}) == 2
    assert "max-width: 600px) { figure .on-narrow { display: block; } figure .on-wide { display: none; }" in page


def test_a_caption_does_not_scroll_with_its_table(tree: lxml_html.HtmlElement) -> None:
    """On a phone a wide table scrolls; its caption stands outside and names it."""
    tables = tree.xpath("//div[@class = 'tabled']")
    assert tables and not tree.xpath("//table/caption")
    for table in tables:
        caption, scrolled = table.xpath("*")
        assert (caption.get("class"), scrolled.get("class")) == ("caption", "scrolled")
        assert scrolled.xpath("table/@aria-labelledby") == [caption.get("id")]
        assert caption.text_content().strip().startswith("Table")


def test_what_html_alone_can_say(tree: lxml_html.HtmlElement) -> None:
    """Abbreviations explain themselves, values name their source, tables have headers, notes lead back."""
    assert tree.xpath("//abbr[@title = 'difference in means']/text()") == ["DIM"]
    assert "1,794\u00a0USD" in tree.xpath("//*[@data-name = 'fruit.effect']/text()")
    assert tree.xpath("//th[@colspan = '2']/text()") == ["Survey"]
    assert tree.xpath("//a[@role = 'doc-backlink']/@href") == ["#fnref1"]
    assert tree.xpath("//ol/@start") == ["3"]


def test_what_is_written_against_a_formula_stays_with_it(page: str) -> None:
    """Browsers break the line there: a comma would begin the next one."""
    after = re.findall(r"</math>([^\s<]+)(.{7})", page, re.DOTALL)
    assert after and {rest for _, rest in after} == {"</span>"}
    assert page.count('<span class="kept">') >= len(after) and ".kept { white-space: nowrap; }" in page

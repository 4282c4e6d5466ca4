"""The PDF of a paper as a file: two columns on US letter, for all readers, with nothing borrowed."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from octavo.document import typst


def elements(node: Any) -> Iterator[DictionaryObject]:
    """Yield every element of the structure of a PDF."""
    node = node.get_object() if isinstance(node, IndirectObject) else node
    if isinstance(node, ArrayObject):
        for child in node:
            yield from elements(child)
    elif isinstance(node, DictionaryObject):
        yield node
        if "/K" in node:
            yield from elements(node["/K"])


@pytest.fixture(scope="session")
def reader(pdf: Path) -> PdfReader:
    """The sample, read."""
    return PdfReader(pdf)


@pytest.fixture(scope="session")
def structure(reader: PdfReader) -> list[DictionaryObject]:
    """The elements of its structure."""
    root: Any = reader.trailer["/Root"]
    return list(elements(root["/StructTreeRoot"]["/K"]))


def test_the_pdf_says_what_it_is(reader: PdfReader) -> None:
    """Tagged, with a language, a title that viewers show, the authors and the key words; no date, so no clock."""
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    metadata: Any = reader.metadata
    assert metadata["/Title"] == "Apples and pears: a sample"
    assert metadata["/Author"] == "Ann Author, Ben Other"
    assert metadata["/Keywords"] == "apples, pears"
    assert "/CreationDate" not in metadata and "/ModDate" not in metadata


def test_pictures_and_formulas_have_words_for_those_who_cannot_see_them(structure: list[DictionaryObject]) -> None:
    """Each figure has its alt text, its own where the paper gives one; each formula is said in words."""
    figures = [str(e["/Alt"]) for e in structure if e.get("/S") == "/Figure"]
    assert figures == [
        "A line that goes up and down",
        "The left panel in words",
        "A line that goes up and down",
        "A line that goes up and down",
    ]
    formulas = [str(e.get("/Alt", "")) for e in structure if e.get("/S") == "/Formula"]
    assert "a squared" in formulas and all(formulas)
    assert "double-struck capital E open bracket a close bracket equals b" in formulas


def test_the_structure_names_headings_tables_lists_notes_and_code(structure: list[DictionaryObject]) -> None:
    """A reader's machine is told what is a heading, a table with headers, a list, a footnote, a quotation, code."""
    tags = [str(e["/S"]) for e in structure if "/S" in e]
    assert tags.count("/H1") == 7 and tags.count("/H2") == 2
    assert tags.count("/Table") == 2 and tags.count("/TH") == 3 + 2 + 3
    assert {"/L", "/LI", "/Note", "/BlockQuote", "/Code", "/Link"} <= set(tags)


def test_fonts_are_embedded(reader: PdfReader) -> None:
    """Every font is in the file."""
    borrowed = []
    for page in reader.pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            made = font.get_object()
            kin = made["/DescendantFonts"][0].get_object() if "/DescendantFonts" in made else made
            if not any(key.startswith("/FontFile") for key in kin["/FontDescriptor"].get_object()):
                borrowed.append(made["/BaseFont"])
    assert not borrowed


def test_two_columns_on_us_letter(pdf: Path) -> None:
    """Every page is US letter; lines of text begin in two columns and none runs over the edge or into the gutter."""
    import pdfplumber

    with pdfplumber.open(pdf) as opened:
        assert {(page.width, page.height) for page in opened.pages} == {(612, 792)}
        words = [word for page in opened.pages for word in page.extract_words()]
        assert all(word["x0"] >= 52 and word["x1"] <= 612 - 52 for word in words)  # a hyphen hangs a little
        first = opened.pages[0]
        body = [w for w in first.extract_words() if w["top"] > 630 and w["bottom"] < 740]
        assert {w["x0"] > 306 for w in body} == {True, False}
        gutter = (306 - 8, 306 + 8)
        assert not [w["text"] for w in body if w["x0"] < gutter[1] and w["x1"] > gutter[0]]


def test_figures_are_drawn_with_their_own_text(pdf: Path) -> None:
    """Drawings are lines and text, no pixels: the words of an axis can be found, once for each drawing."""
    import pdfplumber

    with pdfplumber.open(pdf) as opened:
        assert not [image for page in opened.pages for image in page.images]
        text = "".join(page.extract_text() for page in opened.pages)
    assert text.count("Weight (g)") == 4


def test_links_lead_somewhere(reader: PdfReader) -> None:
    """Every link goes to a place in the paper or to an address that the author or the bibliography gave."""
    addresses = set()
    inside = 0
    for page in reader.pages:
        for annotation in page.annotations or []:
            link: Any = annotation.get_object()
            if "/A" in link and "/URI" in link["/A"]:
                addresses.add(str(link["/A"]["/URI"]))
            else:
                inside += 1
    assert addresses == {
        "https://example.org/page?a=1&b=2",
        "https://doi.org/10.1000/lalonde",
        "https://orcid.org/0000-0002-1825-0097",
        "mailto:ann@example.org",
    }
    assert inside > 25


def test_formulas_in_figures_keep_their_typeface(tmp_path: Path) -> None:
    """matplotlib sets them in DejaVu Sans; in another font they ran into one another, or stood out."""
    svg = tmp_path / "drawing.of.a.figure.svg"
    words = "<text x='9' y='20' style=\"font-family: 'DejaVu Sans'\">10 β</text>"
    svg.write_text(f"<svg xmlns='http://www.w3.org/2000/svg' width='90' height='30'>{words}</svg>", encoding="utf-8")
    for _ in range(2):  # in the same folder
        data = typst.picture(svg, "pdf", 2.0, tmp_path)
    fonts: Any = PdfReader(BytesIO(data)).pages[0]["/Resources"]
    names = [str(font.get_object()["/BaseFont"]) for font in fonts["/Font"].values()]
    assert [name.partition("+")[2] for name in names] == ["DejaVuSans"]

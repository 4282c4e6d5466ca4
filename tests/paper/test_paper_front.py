"""The front matter: every field has its place in every output, and each author the own address below the name."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pdfplumber
import pypdf
import pytest
from lxml import etree, html
from tests.paper.conftest import CLASSES, PDFS, needs_tex
from tests.paper.test_paper_faults import parsed

from octavo import paper
from octavo.document import pandoc
from octavo.document.source import Content
from octavo.errors import OctavoError, Problems
from octavo.paper.venues import VENUES
from octavo.paper.writers import docx

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

FRONT = """---
title: "Pears & a `code` with \\"quotes\\", *at large*"
subtitle: Seen from below
short_title: Pears_in short
date: 31 Jan 2026
keywords: [ferns & moss, "*lichen*"]
authors:
  - {name: Ann Other, email: ann@example.org}
  - name: Ben Second
---
# One

Words.
"""
TITLE = "Pears & a code with “quotes”, at large"


def written(sample: Sample, root: Path, form: str, venue: str = "article", text: str = FRONT) -> Path:
    """Write a text in a format; return its file."""
    content = parsed(sample, root, text)
    return paper.write(form, content, sample.results, root / "out", root=root, bibliography=None, venue=venue)


def test_a_page_says_it_in_the_text_and_of_itself(sample: Sample, tmp_path: Path) -> None:
    """The keywords without an abstract; tabs have the short title; catalogues find title, authors, date, keywords."""
    page = html.parse(str(written(sample, tmp_path, "html"))).getroot()
    said = " ".join(page.find("body").text_content().split())
    assert [t for t in (TITLE, "Seen from below", "2026-01-31", "ferns & moss, lichen") if t not in said] == []
    named = {meta.get("name"): meta.get("content") for meta in page.iter("meta") if meta.get("name")}
    assert named.pop("viewport") and named == {
        "citation_title": f"{TITLE}: Seen from below",
        "citation_author": "Ben Second",
        "citation_publication_date": "2026-01-31",
        "keywords": "ferns & moss, lichen",
    }
    assert [meta.get("content") for meta in page.iter("meta") if meta.get("name") == "citation_author"] == [
        "Ann Other",
        "Ben Second",
    ]
    assert page.findtext(".//title") == "Pears_in short"


def test_word_says_it_in_the_text_and_in_the_properties(sample: Sample, tmp_path: Path) -> None:
    """Title, authors, date in this order; the properties have the short title as well."""
    data = written(sample, tmp_path, "docx").read_bytes()
    said = docx.texts(data)
    spots = [said.index(t) for t in (TITLE, "Seen from below", "Ann Other", "2026-01-31", "ferns & moss, lichen")]
    assert spots == sorted(spots)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        core = etree.fromstring(package.read("docProps/core.xml"))
    fields = {etree.QName(element).localname: element.text for element in core}
    assert {key: fields[key] for key in ("title", "creator", "keywords", "subject")} == {
        "title": TITLE,
        "creator": "Ann Other; Ben Second",
        "keywords": "ferns & moss, lichen",
        "subject": "Seen from below",
    }
    assert {"Pears_in short", "2026-01-31"} <= set(docx.properties(data).split("\0"))


def test_jats_has_an_element_for_each(sample: Sample, tmp_path: Path) -> None:
    """The date in parts, the short title as running head."""
    root = etree.parse(str(written(sample, tmp_path, "jats"))).getroot()
    meta = root.find("front/article-meta")
    assert [child.tag for child in meta] == ["title-group", "contrib-group", "pub-date", "kwd-group"]
    assert meta.findtext("title-group/alt-title[@alt-title-type='running-head']") == "Pears_in short"
    date = meta.find("pub-date")
    assert date.get("iso-8601-date") == "2026-01-31"
    assert [date.findtext(part) for part in ("year", "month", "day")] == ["2026", "01", "31"]


def test_a_pdf_says_it_on_the_page_and_of_itself(sample: Sample, tmp_path: Path) -> None:
    """The date that the author gave is in the PDF; the short title heads the pages after the first."""
    more = FRONT + "\n" + "Many words about pears. " * 900
    reader = pypdf.PdfReader(written(sample, tmp_path, "pdf", text=more))
    said = [" ".join(page.extract_text().split()) for page in reader.pages]
    assert [t for t in (TITLE, "Seen from below", "2026-01-31", "ferns & moss, lichen") if t not in said[0]] == []
    assert "Pears_in short" in said[1]
    metadata: Any = reader.metadata
    assert (metadata["/Title"], metadata["/Author"]) == (TITLE, "Ann Other, Ben Second")
    assert metadata["/CreationDate"].startswith("D:20260131")


@needs_tex
@pytest.mark.parametrize("venue", CLASSES)
def test_latex_prints_what_its_class_prints(sample: Sample, tmp_path: Path, venue: str) -> None:
    """What a class does not print is in the list of its venue, with the reason; everything else is on the page."""
    more = FRONT + "\n" + "Many words about pears. " * 900
    reader = pypdf.PdfReader(written(sample, tmp_path, "latex", venue, more))
    said = " ".join(" ".join(page.extract_text().split()) for page in reader.pages).replace("\u2019\u2019", "”")
    printed = {"date": "2026-01-31", "short_title": "Pears_in short", "keywords": "ferns & moss, lichen"}
    assert {name for name, text in printed.items() if text not in said} == set(VENUES[venue].silent)
    assert all(VENUES[venue].silent.values())
    metadata: Any = reader.metadata
    assert metadata["/Title"].replace("``", "“").replace("''", "”") == TITLE
    assert metadata["/Author"] == "Ann Other, Ben Second" and "ferns & moss" in metadata["/Keywords"]
    if venue == "acm":  # its package puts them into the XMP, too
        xmp: Any = reader.xmp_metadata
        assert xmp.dc_creator == ["Ann Other", "Ben Second"] and "ferns & moss" in str(xmp.pdf_keywords)


FIELDS = {"Seen from below": 3, "Pears_in short": 4, "Pears\\_in short": 4, "2026-01-31": 5, "ferns": 6, "lichen": 6}


@pytest.mark.parametrize("form", ["html", "jats", "tex", "pdf"])
@pytest.mark.parametrize("lost", FIELDS)
def test_a_field_that_gets_lost_stops_the_output(
    sample: Sample, tmp_path: Path, form: str, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a template to leave a field out, the build would say so, with its line (promise 1)."""
    made = pandoc.write
    found = []

    def without(*arguments: Any, **options: Any) -> str:
        text = made(*arguments, **options)
        found.append(lost in text)
        return text.replace(lost, "")

    content = parsed(sample, tmp_path, FRONT)
    monkeypatch.setattr(pandoc, "write", without)
    caught: OctavoError | None = None
    try:
        paper.write(form, content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    except OctavoError as error:
        caught = error
    assert bool(caught) is found[0] and (found[0] or "_" in lost)
    problems = caught.problems if isinstance(caught, Problems) else [caught] if caught else []
    assert all(f"paper/paper.md:{FIELDS[lost]}: '" in str(problem) for problem in problems)


NAMES = ("Ann One", "Ben Two", "Cleo Three", "Dan Four", "Eve Five", "Fay Six", "Gus Seven", "Hal Eight", "Ida Nine")
LONG = "School of Orchards and of the Sciences of Trees and their Neighbours"


def crowd(count: int, *, places: bool) -> Content | str:
    """Return a paper by so many authors, each with an address; with the places, some of them long."""
    authors = [
        f"  - {{name: {name}, email: {name.split()[0].lower()}@example.org"
        + (f", affiliations: [{'long' if number % 3 == 1 else 'lab'}]}}" if places else "}")
        for number, name in enumerate(NAMES[:count])
    ]
    known = (
        f"affiliations:\n  - {{id: long, name: {LONG}, country: Norway}}\n  - {{id: lab, name: Lab, city: Oslo}}\n"
        if places
        else ""
    )
    used = known if count > 1 else known.replace(known.splitlines()[1] + "\n", "") if places else ""
    return "---\ntitle: Pears\nauthors:\n" + "\n".join(authors) + f"\n{used}---\n# One\n\nWords.\n"


def boxes(page: Any) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield the words of a page with their left, right, upper and lower ends."""
    for word in page.extract_words(x_tolerance=1.5):
        yield word["text"], word["x0"], word["x1"], word["top"], word["bottom"]


@pytest.mark.parametrize(("count", "places"), [(2, False), (9, True)])
@pytest.mark.parametrize(("form", "venue"), PDFS)
def test_each_address_stands_below_its_author(
    sample: Sample, tmp_path: Path, form: str, venue: str, count: int, places: bool
) -> None:
    """One author, many, with and without affiliations: nothing over the margin, nothing under another's name."""
    path = written(sample, tmp_path, form, venue, str(crowd(count, places=places)))
    with pdfplumber.open(path) as pdf:
        words = list(boxes(pdf.pages[0]))
    assert all(left > 36 and right < 612 - 36 for _, left, right, _, _ in words)
    for name in NAMES[:count]:
        first, last = name.split()
        (_, left, _, top, _) = next(word for word in words if word[0] == first)
        (_, _, right, _, _) = next(word for word in words if word[0] == last and abs(word[3] - top) < 2)
        address = next(word for word in words if word[0] == f"{first.lower()}@example.org")
        below = [w for w in words if w[3] > top + 2 and re.fullmatch(r"\S+@example.org", w[0])]
        assert abs((left + right) - (address[1] + address[2])) < 4, f"{name} and the address have one middle"
        assert address[3] == min(w[3] for w in below if abs((left + right) - (w[1] + w[2])) < 4)


def test_a_block_of_an_author_begins_with_no_empty_line(sample: Sample, tmp_path: Path) -> None:
    """IEEE's, of an author who has an address and no place."""
    source = written(sample, tmp_path, "tex", "ieee").read_text(encoding="utf-8")
    assert "\\IEEEauthorblockA{\\href{mailto:ann@example.org}" in source
    assert "\\IEEEauthorblockN{Ben Second}}" in source

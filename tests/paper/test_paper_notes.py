"""Footnotes: every output prints them all, under the same numbers, in the order of reading."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

FORMS = [
    "pdf",
    "html",
    "docx",
    "jats",
    pytest.param("latex", marks=pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed")),
]
# The marks in the order of reading: the caption of a figure stands below it, that of a table above.
TEXT = """# One

Mark a[^a].

::::{figure}
:label: fig-both
:class: CLASS

:::{result-figure} fruit.line
:label: fig-left
Mark b[^b].
:::

:::{result-figure} fruit.line
:label: fig-right
Mark c[^c].
:::

Mark d[^d].
::::

Mark e[^e].

:::{table} Mark f[^f].
:label: tab-one
:class: CLASS

| Left | Right |
|:--|:--|
| Mark g[^g]. | none |

Mark h[^h].
:::

:::{result-figure} fruit.line
:label: fig-one
:class: CLASS
Mark i[^i].

Mark j[^j].
:::

Mark k[^k].

"""
SIGNS = "abcdefghijk"
NOTES = "".join(f"[^{sign}]: The footnote {sign}.\n\n" for sign in SIGNS)


def of_text(text: str) -> dict[str, str]:
    """Return the number of each mark and of each note, by their words."""
    marks = re.findall(r"(Mark \w)\s*(\d+)", text)
    return {**dict(marks), **{words: number for number, words in re.findall(r"(\d+)\s*(The footnote \w)\.", text)}}


def of_page(path: Path) -> dict[str, str]:
    """Return them as a page has them, whose notes are a list."""
    from lxml import html

    root = html.parse(path).getroot()
    notes = [li.text_content() for li in root.xpath("//section[contains(@class, 'footnotes')]//li")]
    listed = "\n".join(f"{number} {note}" for number, note in enumerate(notes, 1))
    return of_text(root.text_content().partition("The footnote a")[0] + "\n" + listed)


def of_word(path: Path) -> dict[str, str]:
    """Return them as Word numbers them: by the order of the marks."""
    from lxml import etree

    name = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    with zipfile.ZipFile(path) as package:
        body, notes = (etree.fromstring(package.read(f"word/{part}.xml")) for part in ("document", "footnotes"))
    texts = {note.get(f"{name}id"): "".join(note.itertext()).strip() for note in notes}
    said = []
    for number, mark in enumerate(body.iter(f"{name}footnoteReference"), 1):
        mark.text = str(number)
        said.append(f"{number} {texts[mark.get(f'{name}id')]}")
    return of_text("".join(body.itertext()) + "\n" + "\n".join(said))


def of_pdf(path: Path) -> dict[str, str]:
    """Return them as a PDF prints them."""
    import pypdfium2

    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path)]
    return of_text("\n".join(pages).replace("\ufeff", " "))


def of_xml(path: Path) -> dict[str, str]:
    """Return them as JATS has them; what leads to a note has its number."""
    from lxml import etree

    root = etree.parse(path).getroot()
    notes = {note.get("id"): note for note in root.iter("fn")}
    for mark in root.iter("xref"):
        if mark.get("ref-type") == "fn":
            assert notes[mark.get("rid")].findtext("label") == mark.text
    return of_text("".join(root.itertext()))


READERS = {"pdf": of_pdf, "latex": of_pdf, "html": of_page, "docx": of_word, "jats": of_xml}


@pytest.mark.parametrize("width", ["column", "wide"])
@pytest.mark.parametrize("form", FORMS)
def test_footnotes_are_numbered_alike(sample: Sample, tmp_path: Path, form: str, width: str) -> None:
    """In panels, captions, cells and text; a float over both columns keeps them too (promise 1)."""
    content = parsed(sample, tmp_path, HEAD.format("") + TEXT.replace("CLASS", width) + NOTES)
    path = paper.write(form, content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    wanted = {
        f"{word} {sign}": str(number) for word in ("Mark", "The footnote") for number, sign in enumerate(SIGNS, 1)
    }
    assert READERS[form](path) == wanted


def test_a_note_of_a_wide_float_keeps_its_paragraphs(sample: Sample, tmp_path: Path) -> None:
    """Raised letters in it are no mark, and are kept."""
    text = TEXT.replace("CLASS", "wide") + NOTES.replace("footnote b.", "footnote b.\n\n    Its {sup}`second` one.")
    import pypdfium2

    content = parsed(sample, tmp_path, HEAD.format("") + text)
    path = paper.write("pdf", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    said = pypdfium2.PdfDocument(path)[0].get_textpage().get_text_range()
    assert re.search(r"2\s*The footnote b\.\s+Its second one\.\s+3\s*The footnote c\.", said), said

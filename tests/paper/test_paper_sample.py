"""What goes into the source of a paper comes out in every format: each text, each number, each new result."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from lxml import html as lxml_html

from octavo.document import fidelity
from octavo.document.fill import fill

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

FORMS = ("pdf", "html", "docx", "jats", *(["latex"] if shutil.which("latexmk") else []))
# What is worded anew on the way: numbers of every kind, references to them, citations, the list of references.
NUMBERED = (
    "Figure 1. The caption has",
    "Figure 2. Two panels beside one another.",
    "(a) The left panel.",
    "(b) The right panel.",
    "Figure 3. A figure of the appendix.",
    "Table 1. The caption of a table with 1,794 USD.",
    "Table 2. Typed by hand.",
    "Program 1. The caption of a listing",
    "Algorithm 1. Cross-fitting",
    "Assumption 1 (Overlap).",
    "Definition 1. A fruit is round.",
    "Theorem 1 (Consistency).",
    "Lemma 1. A lemma.",
    "Proposition 1. A proposition.",
    "Corollary 1. A corollary.",
    "Remark 1. A remark.",
    "Example 1. An example.",
    "Conjecture 1. A conjecture.",
    "Proof. Trivial by Theorem 1 and Algorithm 1. □",
    "1 Introduction",
    "1.1 A subsection",
    "A Extra material",
    "A.1 Deeper",
    "3. the third",
)
REFERRED = (
    "See Figure 1, Figure 1, Section 1, Part 1, (1), (1), Table 1, Exhibit 2, Figure 2a, Figure 2b, Figure 2, "
    "Algorithm 1, Assumption 1, Theorem 1, Program 1, Appendix A, Appendix A.1, (3) and Figure 3.",
    "See Appendix A, (3), Figure 2b and Figure 3.",
    "Under Assumption 1 the",
    "As Dehejia and Wahba (1999) and Imbens and Xu (2024) say",
    "in brackets (LaLonde 1986; Smith and Todd 2005, 3)",
    "with a prefix (see Smith and Todd 2005, chap. 2)",
    "Dehejia, Rajeev H., and Sadek Wahba. 1999. “Causal Effects.” Journal of Statistics 94: 1053–62.",
    "Imbens, Guido, and Yiqing Xu. 2024. LaLonde After Forty Years.",
    "604–20. https://doi.org/10.1000/lalonde.",
    "“Does Matching Overcome.” Econometrics Today 125: 305–53.",
)
FRONT = (
    "Apples and pears: a sample",
    "With every construct",
    "Ann Author",
    "Ben Other",
    "Fruit Laboratory, Oslo",
    "School of Orchards",
    "Keywords: apples, pears.",
    "Contributions Ann Author: Conceptualization, Software.",
    "Funding The orchard paid for it.",
    "Acknowledgments",
    "References",
)
PLACES = (
    "We weigh n apples, {} in the abstract",
    "A value {}, its error",
    "and {bare}; a word",
    "The footnote has math a2, the value {} and",
    "The caption has β, the value {} and",
    "a table with {}.",
    "Effect again {bare} 633",
)


def text_of(path: Path) -> str:
    """Return all that an output says, squashed: no white space, no hyphens of line ends, plain letters in formulas."""
    if path.suffix == ".html":
        body = lxml_html.parse(str(path)).getroot().find("body")
        assert body is not None
        for number in body.xpath("//ol[@start='3']/li[1]"):
            number.text = f"3. {number.text}"  # browsers count
        text = str(body.text_content())
    elif path.suffix == ".docx":
        text = docx_text(path)
    elif path.suffix == ".xml":
        text = "".join(etree.parse(str(path)).getroot().itertext())
    else:
        import pypdfium2

        document = pypdfium2.PdfDocument(str(path))
        text = "".join(page.get_textpage().get_text_range() for page in document).replace("\ufffe", "")
        document.close()
    return squash(text)


def docx_text(path: Path) -> str:
    """Return what a Word file says, formulas and footnotes as well, and the numbers that Word counts in lists."""
    space = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    parts = []
    with zipfile.ZipFile(path) as package:
        for name in ("word/document.xml", "word/footnotes.xml"):
            for paragraph in etree.fromstring(package.read(name)).iter(f"{space}p"):
                texts = [e.text or "" for e in paragraph.iter() if etree.QName(e).localname == "t"]
                parts.append("".join(texts))
    return " ".join(parts)


def squash(text: str) -> str:
    """Return a text as both formats give it: formulas in the letters of Unicode's alphabets are read as plain ones."""
    import unicodedata

    # LaTeX's fonts have the accents in the places of the signs.
    return fidelity.squash(unicodedata.normalize("NFKC", text.replace("\u02c6", "^").replace("\u02dc", "~")))


def stands(wanted: str, text: str) -> bool:
    """Whether a text is there: whole, or broken in two by the end of a column or page."""
    piece = squash(wanted)
    return piece in text or any(piece[:n] in text and piece[n:] in text for n in range(1, len(piece)))


@pytest.fixture(scope="session")
def said(pdf: Path, html: Path, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each format says."""
    made = {"pdf": pdf, "html": html}
    for form in FORMS[2:]:
        made[form] = sample.path(form, tmp_path_factory.mktemp(form))
    return {form: text_of(path) for form, path in made.items()}


@pytest.mark.parametrize("form", FORMS)
def test_every_text_of_the_source_is_in_the_output(sample: Sample, said: dict[str, str], form: str) -> None:
    """No word of the source, of a value or of a table is lost: body, parts, captions, footnotes, cells, code."""
    leaves = [leaf.text for leaf in fidelity.leaves(fill(sample.content, sample.results)) if leaf.text.strip()]
    assert len(leaves) > 150
    assert [text for text in leaves if not stands(text, said[form])] == []
    assert "a comment that nobody reads" not in said[form]


COUNTED = tuple(
    form for form in FORMS if form != "latex"
)  # LaTeX counts itself: its numbers are compared while it is set


@pytest.mark.parametrize("form", COUNTED)
def test_every_number_reference_and_citation_is_in_the_output(said: dict[str, str], form: str) -> None:
    """Numbers are counted once and are the same in every format, in captions and references; citations have years."""
    unmarked: dict[str, tuple[str, ...]] = {
        "jats": ("3. the third", "Keywords: apples, pears.", "Proof. Trivial", "Algorithm 1. Cross")
    }
    unmarked["docx"] = unmarked["jats"][:1]  # Word counts lists; XML names keywords, proofs and algorithms by elements
    wanted = [text for text in (*NUMBERED, *REFERRED, *FRONT) if not text.startswith(unmarked.get(form, ("\0",)))]
    assert [text for text in wanted if not stands(text, said[form])] == []


@pytest.mark.parametrize("form", FORMS)
def test_the_appendix_comes_last_and_the_parts_have_their_places(said: dict[str, str], form: str) -> None:
    """Title, abstract, body, acknowledgments, references, appendix: in this order."""
    first = {"latex": "RajeevH.Dehejia"}.get(form, "Dehejia,RajeevH.")
    order = ["Applesandpears", "Weweigh", "1Introduction", "Insideit.", "Wethankthe", first, "AExtra"]
    spots = [said[form].index(text) for text in order]
    assert spots == sorted(spots)


@pytest.mark.parametrize("form", [pytest.param(f, marks=[pytest.mark.proof] if f == "latex" else []) for f in FORMS])
def test_the_same_sources_give_the_same_bytes_anywhere(sample: Sample, form: str, tmp_path: Path) -> None:
    """Written twice, and written in another folder, an output is the same byte for byte and names no folder."""
    first = sample.write(form, tmp_path / "one")
    assert sample.write(form, tmp_path / "two") == first
    moved = tmp_path / "elsewhere"
    shutil.copytree(sample.root, moved)
    result = sample.results.results["fruit"]
    results = type(sample.results)(
        {"fruit": type(result)(result.record, moved / "run", result.source)}, sample.results.sweeps
    )
    assert type(sample)(sample.content, results, moved).write(form, tmp_path / "three") == first
    assert str(sample.root).encode() not in first and b"octavo-" not in first


@pytest.mark.parametrize("form", FORMS)
def test_a_new_number_comes_everywhere_and_the_old_is_gone(sample: Sample, form: str, tmp_path: Path) -> None:
    """A recorded value that changes is new in text, abstract, caption, footnote and table; nothing keeps the old."""
    import msgspec

    result = sample.results.results["fruit"]
    record = result.record
    rows = record.tables["rows"]
    record = msgspec.structs.replace(
        record,
        values={**record.values, "effect": msgspec.structs.replace(record.values["effect"], number=-2468.2)},
        tables={"rows": msgspec.structs.replace(rows, rows=(*rows.rows[:-1], ("Effect again", -2468.2, 633)))},
    )
    results = msgspec.structs.replace(sample.results, results={"fruit": msgspec.structs.replace(result, record=record)})
    text = text_of(sample.path(form, tmp_path, results))
    wanted = [place.format("−2,468\u00a0USD", bare="−2,468") for place in PLACES]
    assert [place for place in wanted if not stands(place, text)] == []
    assert not re.search(r"1,?794", text)


SIGNS = """---
title: T
math:
  '\\v': '\\mathbf{#1}'
---

Signs $\\v{x}$.

:::{result-figure} fruit.line
:alt: R&D <b>
Caption.
:::

# One

| a | b | c |
|---|---|---|
| - 0.5 | + 5 | = 7 |

- plus +
- = equal

:::{prf:theorem} = first
Words.
:::

:::{note}
A note[^n].
:::

[^n]: / slash: there
"""


@pytest.mark.parametrize("form", FORMS)
def test_signs_that_begin_a_line_are_signs(sample: Sample, tmp_path: Path, form: str) -> None:
    """A cell with a minus is no list, and one with an equals sign no heading; an output may have both in its markup."""
    from tests.paper.test_paper_faults import parsed

    from octavo import paper

    content = parsed(sample, tmp_path, SIGNS)
    text = text_of(paper.write(form, content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None))
    for shown in ("-0.5", "+5", "=7", "plus+", "=equal", "(=first)", "/slash:there"):
        assert shown in text, (shown, text)

"""What pages looked like that were looked at: each fault that was seen on one, so that it does not come back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import reading
from tests.paper.conftest import needs_tex
from tests.paper.test_paper_faults import HEAD, parsed
from tests.paper.test_paper_sample import FORMS, text_of
from tests.paper.test_paper_scripts import needs_fonts

from octavo import paper
from octavo.document import mathml
from octavo.document.source import Content
from octavo.model import Results
from octavo.paper.venues import VENUES

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
# In the order that BibTeX gives them: none, Ana and another, Ayşe, Li, Liang, van der Berg, Liv and another, Liv P.
WORKS = """
@misc{h, author={Yilmaz, Liv P.}, title={Eighth}, year=1994}
@misc{g, author={Yilmaz, Liv and Zorn, Zoe}, title={Seventh}, year=2003}
@misc{f, author={van der Berg, Ludwig}, title={Sixth}, year=2000}
@misc{e, author={Liang, Ana}, title={Fifth}, year=1994}
@misc{d, author={Li, Zoe}, title={Fourth}, year=1994}
@misc{c, author={Haddad, Ayşe P.}, title={Third}, year=1995}
@misc{b, author={Haddad, Ana and Møller, Xin}, title={Second}, year=2002}
@inproceedings{a, title={First}, year=1994, booktitle={The Book of Old {LaTeX} Works}}
"""


def content_of(root: Path, text: str) -> Content:
    """Parse a text that cites WORKS."""
    (root / "paper").mkdir()
    (root / "work").mkdir()
    (root / "references.bib").write_text(WORKS, encoding="utf-8")
    path = root / "paper/paper.md"
    path.write_text(HEAD.format("date: 2031-05-06\n") + text, encoding="utf-8")
    return reading.parse(path, root, root / "references.bib", root / "work")


def written(content: Content, root: Path, form: str, venue: str, stage: str = "preprint") -> Path:
    """Write the paper in one form."""
    bibliography = root / "references.bib"
    return paper.write(
        form, content, Results({}), root / form, root=root, bibliography=bibliography, venue=venue, stage=stage
    )


def test_a_formula_belongs_to_the_paragraph_before_it(sample: Sample, tmp_path: Path) -> None:
    """After an empty line LaTeX sets another one above the formula, and may begin a page with it."""
    body = "# One\n\nWords, and\n\n$$\na = b\n$$ (e)\n\nmore. See [](#e).\n\n- In a list\n\n  $$\n  c = d\n  $$\n"
    content = parsed(sample, tmp_path, HEAD.format("") + body)
    made = written(content, tmp_path, "tex", "article").read_text(encoding="utf-8")
    assert "Words, and\n\\begin{equation}\\label{e}\na = b\n\\end{equation}\n\n\\noindent more." in made
    assert re.search(r"In a list\n\s*\\begin\{equation\}", made)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "jats"])
def test_numbers_of_an_ordered_list_are_those_of_bibtex(tmp_path: Path, form: str) -> None:
    """By whole names and by the first author before the second, in every output (promise 1)."""
    content = content_of(tmp_path, "# One\n\nSee [@a], [@b], [@c], [@d], [@e], [@f], [@g], [@h].\n")
    assert "See[1],[2],[3],[4],[5],[6],[7],[8]." in text_of(written(content, tmp_path, form, "acm"))


@pytest.mark.parametrize("venue", ["ieee", "acm"])
def test_the_title_of_a_collection_has_its_capitals(tmp_path: Path, venue: str) -> None:
    """Pandoc's reader takes the capitals off, as of the title of an article; BibTeX does not."""
    made = written(content_of(tmp_path, "# One\n\nSee [@a].\n"), tmp_path, "html", venue)
    assert "TheBookofOldLaTeXWorks" in text_of(made)


@needs_tex
def test_pages_behind_a_citation_are_set_as_such(tmp_path: Path) -> None:
    """A dash between the pages, as in the other outputs, and ``p. 7`` not over two lines."""
    content = content_of(tmp_path, "# One\n\nSee [@c, pp. 3-5] and [@d, p. 7].\n")
    made = written(content, tmp_path, "tex", "article").read_text(encoding="utf-8")
    assert "\\citep[pp.~3–5]{c}" in made and "\\citep[p.~7]{d}" in made
    assert "pp.3–5" in text_of(written(content, tmp_path, "latex", "article"))


@needs_tex
@pytest.mark.parametrize("stage", ["preprint", "camera-ready"])
def test_acm_prints_the_year_of_the_paper(tmp_path: Path, stage: str) -> None:
    """Not that of the computer's clock, which stands still where a paper is built."""
    text = text_of(written(content_of(tmp_path, "# One\n\nSee [@c].\n"), tmp_path, "latex", "acm", stage=stage))
    assert "1970" not in text
    assert ("2031" in text) is (stage == "camera-ready")


@needs_tex
def test_ieee_sets_references_small(tmp_path: Path) -> None:
    """As small as the class has them: with those of the text there are more pages than a venue counts."""
    import pdfplumber

    path = written(content_of(tmp_path, "# One\n\nSee [@c] for Words.\n"), tmp_path, "latex", "ieee")
    with pdfplumber.open(path) as pdf:
        words = pdf.pages[0].extract_words(extra_attrs=["size"])
    sizes = [next(word["size"] for word in words if text in word["text"]) for text in ("Words.", "Third")]
    assert sizes == pytest.approx([10, 8], abs=0.1)


def test_lines_of_a_task_stand_below_one_another(tmp_path: Path) -> None:
    """The box is left of all lines, in the PDF and on the web, where no bullet stands before it."""
    import pdfplumber

    body = f"# One\n\n- [x] alpha {'words of a task ' * 12}omega\n- [ ] beta\n"
    content = content_of(tmp_path, body)
    with pdfplumber.open(written(content, tmp_path, "pdf", "article")) as pdf:
        words = pdf.pages[0].extract_words()
    alpha = next(word for word in words if word["text"] == "alpha")
    lines = {round(word["top"]): word["x0"] for word in reversed(words) if word["top"] >= alpha["top"] - 1}
    first, second = (next(w for w in words if w["text"] == text) for text in ("\u2612", "\u2610"))
    assert first["x0"] == pytest.approx(second["x0"], abs=0.5) and first["x1"] < alpha["x0"]
    below = [x for top, x in lines.items() if alpha["top"] + 5 < top < second["top"] - 5]
    assert below and below == pytest.approx([alpha["x0"]] * len(below), abs=0.5)
    page = written(content, tmp_path, "html", "article").read_text(encoding="utf-8")
    assert '<ul class="task-list">' in page and ".task-list { list-style: none; }" in page


def test_an_appendix_is_called_one_at_ieee(tmp_path: Path) -> None:
    """As the class calls it: "A." would be a section below the one before."""
    body = '# One\n\nSee [@c] and [](#more).\n\n+++ {"part": "appendix"}\n\n(more)=\n# More\n\n## Of it\n\nWords.\n'
    text = text_of(written(content_of(tmp_path, body), tmp_path, "pdf", "ieee"))
    assert "APPENDIXAMORE" in text and "A.Ofit" in text and "I.ONE" in text


@pytest.mark.parametrize(("sign", "drawn"), [("^", "\u02c6"), ("~", "\u02dc"), ("\u02c9", "\u00af")])
def test_an_accent_over_a_letter_is_narrow(sign: str, drawn: str) -> None:
    """A browser stretches KaTeX's signs for \\hat, \\tilde and \\bar: they looked like \\widehat."""
    letter = f'<math><mover accent="true"><mi>x</mi><mo>{sign}</mo></mover></math>'
    wide = f'<math><mover accent="true"><mi>x</mi><mo stretchy="true">{sign}</mo></mover></math>'
    assert f'<mo stretchy="false">{drawn}</mo>' in mathml.web(letter)
    assert mathml.web(wide) == wide


@pytest.mark.parametrize("venue", VENUES)
def test_nothing_runs_off_a_page_below_a_wide_table(tmp_path: Path, venue: str) -> None:
    """Typst lets a float of the last column go on below the edge of the paper, its end lost (promise 1)."""
    import pdfplumber

    def table(label: str, rows: int, wide: str = "") -> str:
        cells = "\n".join(
            f"| {label}{row} | two[^{label}] |" if row == 0 else f"| {label}{row} | two |" for row in range(rows)
        )
        opened = f":::{{table}} {label}\n:label: {label}\n{wide}\n\n| A | B |\n|:--|:--|\n"
        return f"{opened}{cells}\n:::\n\n[^{label}]: Of {label}.\n\n"

    steps = "\n".join(f"{step}. step{step}" for step in range(1, 24))
    algorithm = f":::{{prf:algorithm}} Al\n:label: al\n\n{steps}\n:::\n\n"
    body = "# One\n\nSee [@c], [](#w), [](#n), [](#al), [](#m).\n\n"
    body += "Words and words.\n\n" * 8 + table("w", 40, ":class: wide") + table("n", 24) + algorithm + table("m", 24)
    with pdfplumber.open(written(content_of(tmp_path, body), tmp_path, "pdf", venue)) as pdf:
        texts = ["".join(page.crop((0, 0, page.width, page.height - 40)).extract_text().split()) for page in pdf.pages]
    lost = [f"{label}{row}" for label, rows in (("w", 40), ("n", 24), ("m", 24)) for row in range(rows)]
    assert [cell for cell in [*lost, "step23", "Ofw.", "Ofn.", "Ofm."] if not any(cell in text for text in texts)] == []


@needs_fonts
def test_cyrillic_letters_need_nothing_made_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TeX makes the measures of a font for the first time: only where it had, could such a paper be set."""
    monkeypatch.setenv("TEXMFVAR", str(tmp_path / "texmf-var"))
    content = content_of(tmp_path, "# One\n\nБорис wrote *так* and [@c].\n")
    assert "Борис" in text_of(written(content, tmp_path, "latex", "article"))


def test_word_has_room_for_what_stands_in_its_cells(sample: Sample, tmp_path: Path) -> None:
    """Panels were cut off at the edges of their cells, tables narrower than the text, notes counted by chapters."""
    import zipfile

    from lxml import etree

    space = {"w": WORD, "wp": DRAWING}
    with zipfile.ZipFile(sample.path("docx", tmp_path)) as package:
        root = etree.fromstring(package.read("word/document.xml"))
    (section,) = root.iterfind(".//w:sectPr", space)
    size, margins = section.find("w:pgSz", space), section.find("w:pgMar", space)
    text = int(size.get(f"{{{WORD}}}w")) - sum(int(margins.get(f"{{{WORD}}}{side}")) for side in ("left", "right"))
    assert section.find(".//w:numRestart", space) is None
    widths = [
        [int(c.get(f"{{{WORD}}}w")) for c in table.iterfind("w:tblGrid/w:gridCol", space)] for table in tables(root)
    ]
    assert widths and [sum(columns) for columns in widths] == pytest.approx([text] * len(widths), abs=10)
    panels = 0
    for table, columns in zip(tables(root), widths, strict=True):
        for extent in table.iterfind(".//wp:extent", space):
            panels += 1
            assert int(extent.get("cx")) / 635 <= min(columns) - 2 * 108  # as much as a cell keeps on either side
    assert panels >= 2


def tables(root: Any) -> list[Any]:
    """Return the tables of Word's document."""
    return list(root.iter(f"{{{WORD}}}tbl"))

"""Code is coloured in every output, stays as typed, and can be read in grey."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pdfplumber
import pytest
from lxml import etree, html
from tests.paper.conftest import CLASSES, PDFS, needs_tex
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper
from octavo.paper.writers import latex

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

WRITERS = Path(latex.__file__).parent
LINES = [
    "def weigh(x, y=2):",
    r'    return "a_b{}~\n$&#%^ - it" * x  # what\n it-- is `so`',
    "    # " + "a rather long line that has to be broken into two since it is wider than its column " * 2,
]
CODE = "\n".join(LINES)
LISTING = "```{code} r\n:caption: A listing\n:label: l\nlm(y ~ x)\n```\n"
TEXT = f"Words.\n\n```python\n{CODE}\n```\n\nAnd:\n\n```\n{CODE}\n```\n\n{LISTING}"
INK = {(17, 17, 17), (0, 0, 0)}


def written(sample: Sample, root: Path, form: str, venue: str = "article", stage: str = "preprint") -> Path:
    """Write the text in a format; return its file."""
    content = parsed(sample, root, HEAD.format("") + TEXT)
    return paper.write(
        form, content, sample.results, root / "out", root=root, bibliography=None, venue=venue, stage=stage
    )


def rgb(colour: object) -> tuple[int, ...]:
    """Return a colour of a PDF in 256 steps."""
    parts = tuple(colour) if isinstance(colour, (tuple, list)) else (colour,)
    return tuple(round(255 * part) for part in (parts * 3 if len(parts) == 1 else parts))


def squash(text: str) -> str:
    """Return a text without spaces."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize(("form", "venue"), PDFS)
def test_a_pdf_has_colours_and_the_code_as_typed(sample: Sample, tmp_path: Path, form: str, venue: str) -> None:
    """Keywords, strings and comments in colours of their own; who copies the code has every sign of it."""
    with pdfplumber.open(written(sample, tmp_path, form, venue)) as pdf:
        letters = [char for page in pdf.pages for char in page.chars if char["text"].strip()]
    assert squash("lm(y ~ x)") in "".join(char["text"] for char in letters)
    chars = [char for char in letters if char["x1"] < 306]
    said = "".join(char["text"] for char in chars)
    assert said.count(squash(CODE)) == 2, said
    start = said.index("defweigh")
    colours = [rgb(char["non_stroking_color"]) for char in chars[start : start + len(squash(CODE))]]
    told = dict(
        zip(("def", "string", "comment"), (colours[0], colours[said.index('"a_b') - start], colours[-1]), strict=True)
    )
    assert len(set(told.values()) - INK) == 3, told


@needs_tex
@pytest.mark.parametrize("venue", CLASSES)
def test_a_review_with_code_has_numbers_at_its_lines(sample: Sample, tmp_path: Path, venue: str) -> None:
    """Two packages ask for numbers of lines, and agree."""
    assert written(sample, tmp_path, "latex", venue, "review").exists()


def test_pages_word_and_jats_name_the_parts_of_code(sample: Sample, tmp_path: Path) -> None:
    """A page has a colour for each kind, Word a style, JATS the language."""
    for form in ("html", "docx", "jats"):
        (tmp_path / form).mkdir()
    page = html.fromstring(written(sample, tmp_path / "html", "html").read_bytes())
    (keyword,) = page.xpath("//span[@class='kw']")
    assert keyword.text == "def" and re.search(r"code span\.kw \{ color: #00407a", page.findtext(".//style"))
    with zipfile.ZipFile(io.BytesIO(written(sample, tmp_path / "docx", "docx").read_bytes())) as package:
        document, styles = (package.read(f"word/{name}.xml").decode() for name in ("document", "styles"))
    assert re.search(r'<w:rStyle w:val="KeywordTok" ?/></w:rPr><w:t[^>]*>def', re.sub(r">\s+<", "><", document))
    assert re.search(r'w:styleId="KeywordTok".*?<w:color w:val="00407a"', styles, re.DOTALL)
    root = etree.parse(str(written(sample, tmp_path / "jats", "jats"))).getroot()
    assert [(code.get("language"), code.text) for code in root.iter("code")] == [
        ("python", CODE),
        ("r script", "lm(y ~ x)"),
    ]
    assert [code.text for code in root.iter("preformat")] == [CODE]


def test_what_latex_says_of_code_is_what_was_typed(sample: Sample, tmp_path: Path) -> None:
    """The check that finds lost words reads code past the commands that colour it."""
    said = latex.texts(written(sample, tmp_path, "tex").read_text(encoding="utf-8"))
    assert squash(said).count(squash(CODE)) == 2
    source = "\\begin{Highlighting}[]\n\\KeywordTok{def}\\NormalTok{ f\\{\\}}\n\\end{Highlighting}"
    assert "def f{}" in latex.texts(source) and "Tok" not in latex.texts(source)
    assert latex.texts("\\begin{verbatim}\na\\_b ~ {}\n\\end{verbatim}").split("\n")[1] == "a\\_b ~ {}"


def contrast(colour: str, ground: str) -> float:
    """Return the contrast of two colours, as WCAG counts it."""

    def light(text: str) -> float:
        parts = [int(text[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    first, second = sorted((light(colour), light(ground)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def test_every_colour_can_be_read_and_all_outputs_have_the_same() -> None:
    """On white and on the ground of a listing, by 4.5 to 1, so in grey as well."""
    theme = json.loads((WRITERS / "code.theme").read_text(encoding="utf-8"))
    colours = {style["text-color"] for style in theme["text-styles"].values()}
    others = set(re.findall(r"#[0-9a-f]{6}", (WRITERS / "code.tmTheme").read_text(encoding="utf-8")))
    assert others - {"#111111"} == colours and len(colours) == 5
    assert min(contrast(colour, ground) for colour in colours for ground in ("#ffffff", "#f6f6f6")) > 4.5

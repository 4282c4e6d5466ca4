"""Three made-up manuscripts, as rich as conference papers, go through every output: what is in them is counted there.

What the sources have is counted by tests.manuscripts.sources from the typed text; what the outputs have, by reading
them. Neither knows Octavo's document model.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree, html
from tests.conftest import Tiny
from tests.manuscripts import sources
from tests.manuscripts.sources import Source

HERE = Path(__file__).parent
LATEX = shutil.which("latexmk") is not None
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
LEAST = {  # what a manuscript must have at the least to be worth the name
    "econometrics": {"formulas": 200, "panels": 6, "tables": 5, "pages": 8},
    "deep_learning": {"formulas": 700, "panels": 17, "tables": 12, "pages": 13},
    "user_study": {"formulas": 400, "panels": 14, "tables": 12, "pages": 12},
}


@dataclass(frozen=True)
class Made:
    """A manuscript that was built by the real command: what was typed, where it lies, how LaTeX's venue is called."""

    name: str
    source: Source
    folder: Path
    venue: str = "article"

    @property
    def built(self) -> Path:
        """The folder of the outputs."""
        return self.folder / "build/paper"


def build(name: str, folder: Path, *options: str, venue: str = "article") -> Made:
    """Build a copy of a manuscript."""
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", ".octavo"))
    project = Tiny(folder)
    if venue != "article":
        project.replace("pyproject.toml", "[tool.octavo.paper]\n", f'[tool.octavo.paper]\nvenue = "{venue}"\n')
    said = project.octavo("build", "paper", *options, timeout=300)
    assert said.code == 0, said.err
    return Made(name, sources.read(HERE / name), folder, venue)


def plain(text: str) -> str:
    """Return a text as all formats have it: without white space, hyphens of line ends, ligatures."""
    text = unicodedata.normalize("NFKC", text.replace("\ufffe", "").replace("\u02c6", "^").replace("\u02dc", "~"))
    return re.sub(r"[\s\-\u2010\u2011\u00ad]+", "", text)


def pdf_text(path: Path) -> str:
    """Return what a PDF says."""
    import pypdfium2

    document = pypdfium2.PdfDocument(str(path))
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return plain(text)


def page_count(path: Path) -> int:
    """Return how many pages a PDF has."""
    from pypdf import PdfReader

    return len(PdfReader(path).pages)


def tagged(path: Path, kind: str) -> int:
    """Return how many structure elements of a kind a tagged PDF has."""
    from pypdf import PdfReader

    def count(node: object) -> int:
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            return sum(map(count, node))
        if not isinstance(node, dict):
            return 0
        return (node.get("/S") == f"/{kind}") + count(node.get("/K", 0))

    return count(PdfReader(path).root_object["/StructTreeRoot"])


def titles() -> dict[str, tuple[str, ...]]:
    """Return the titles of all works of each manuscript."""
    return {
        name: tuple(re.findall(r"^  title = \{(.*)\}", (HERE / name / "bib/references.bib").read_text(), re.M))
        for name in LEAST
    }


def names(source: Source) -> list[str]:
    """Return what opens the captions and the statements, as every format but LaTeX prints it."""
    counted = {"Figure": source.figures, "Table": source.tables, "Program": source.listings}
    counted |= {kind.capitalize(): count for kind, count in source.statements.items() if kind != "proof"}
    return [f"{word} {number}" for word, count in counted.items() for number in range(1, count + 1)]


def check_page(made: Made) -> None:
    """HTML: every formula, number, figure, panel, table, statement, note, heading, work; links lead somewhere."""
    source, text = made.source, (made.built / "paper.html").read_text(encoding="utf-8")
    # A formula may be broken where a <wbr> stands: what follows is a part of it.
    page = html.fromstring(re.sub(r'<wbr>(<span class="kept">)?<math', r'\1<math class="part"', text))
    assert len(page.xpath("//math[not(@class)]")) == source.formulas
    assert len(page.xpath("//*[contains(@class, 'equation')]")) == source.displays
    numbers = [
        each.text_content().strip() for each in page.xpath("//*[contains(@class,'equation')]//*[@class='number']")
    ]
    # Those of footnotes stand at the end of the page.
    assert sorted(numbers, key=lambda number: int(number.strip("()"))) == [
        f"({number})" for number in range(1, source.numbered + 1)
    ]
    captions = [plain(each.text_content()) for each in page.xpath("//figcaption | //*[@class='caption']")]
    opened = [plain(name) for name in names(source) if re.match("Figure|Table|Program", name)]
    assert [name for name in opened if sum(caption.startswith(f"{name}.") for caption in captions) != 1] == []
    assert len(page.xpath("//*[starts-with(@class, 'panels')]/figure")) == source.panels
    kinds = Counter(each.get("class").split()[1] for each in page.xpath("//*[starts-with(@class, 'statement ')]"))
    assert kinds == Counter(source.statements)
    assert len(page.xpath("//section[contains(@class, 'footnotes')]//li[starts-with(@id, 'fn')]")) == source.footnotes
    assert len(page.xpath("//*[contains(@class, 'csl-entry')]")) == len(source.cited)
    sections = [
        each for each in page.xpath("//main//*[self::h1 or self::h2 or self::h3]") if each.xpath("./*[@class='number']")
    ]
    assert len(sections) == source.headings
    ids = {str(each) for each in page.xpath("//@id")}
    assert [link for link in page.xpath("//a/@href[starts-with(., '#')]") if link[1:] not in ids] == []
    linked = {link[1:] for link in page.xpath("//a/@href")}
    assert [target for target in source.targets if re.sub("[^A-Za-z0-9_-]", "-", target) not in linked] == []


def check_xml(made: Made) -> None:
    """JATS: the same, in elements of their own, and each drawing in a file that is there."""
    source, article = made.source, etree.parse(made.built / "jats/paper.xml").getroot()

    def count(*tags: str) -> int:
        return sum(1 for _ in article.iter(*tags))

    assert (count("inline-formula") + count("disp-formula"), count("disp-formula")) == (
        source.formulas,
        source.displays,
    )
    assert len(article.findall(".//disp-formula/label")) == source.numbered
    assert count("table-wrap") == source.tables
    kinds = Counter(each.get("content-type") for each in article.iter("statement"))
    assert kinds == Counter(source.statements)
    assert len(article.findall(".//ref-list//ref")) == len(source.cited)
    assert count("fn") == source.footnotes
    labelled = [each for each in article.iter("sec", "app") if each.find("label") is not None]
    assert len(labelled) == source.headings
    drawings = {each.get("{http://www.w3.org/1999/xlink}href") for each in article.iter("graphic", "inline-graphic")}
    assert len(drawings) >= source.panels
    assert [file for file in drawings if not (made.built / "jats" / file).is_file()] == []
    ids = {each.get("id") for each in article.iter()}
    assert {each.get("rid") for each in article.iter("xref")} <= ids


def check_word(made: Made) -> None:
    """Word: formulas of Word's own, pictures, tables, notes, and every number as text; every link has its bookmark."""
    source = made.source
    with zipfile.ZipFile(made.built / "paper.docx") as package:
        document = etree.fromstring(package.read("word/document.xml"))
        notes = etree.fromstring(package.read("word/footnotes.xml"))
        pictures = [name for name in package.namelist() if name.startswith("word/media/")]
    stories = (document, notes)
    assert sum(1 for story in stories for _ in story.iter(f"{MATH}oMath")) == source.formulas
    said = plain("".join(each.text or "" for story in stories for each in story.iter(f"{WORD}t")))
    assert [name for name in names(source) if plain(name) not in said] == []
    assert [number for number in range(1, source.numbered + 1) if f"({number})" not in said] == []
    assert sum(1 for each in notes.iter(f"{WORD}footnote") if int(each.get(f"{WORD}id")) > 0) == source.footnotes
    grids = source.tables + len(source.grouped) + source.numbered  # a formula stands beside its number in one
    assert sum(1 for story in stories for _ in story.iter(f"{WORD}tbl")) == grids
    assert len(pictures) >= source.panels
    assert [title for title in titles()[made.name] if plain(title).casefold() not in said.casefold()] == []
    marks = {each.get(f"{WORD}name") for each in document.iter(f"{WORD}bookmarkStart")}
    links = {each.get(f"{WORD}anchor") for each in document.iter(f"{WORD}hyperlink") if each.get(f"{WORD}anchor")}
    assert links <= marks


def check_pdf(made: Made) -> None:
    """Typst's PDF: every formula and picture tagged, every number, caption, statement and work in the text."""
    source, path = made.source, made.built / "paper.pdf"
    said = pdf_text(path)
    assert page_count(path) >= LEAST[made.name]["pages"]
    assert tagged(path, "Formula") == source.formulas
    assert [name for name in names(source) if plain(name) not in said] == []
    assert [number for number in range(1, source.numbered + 1) if f"({number})" not in said] == []
    assert [title for title in titles()[made.name] if plain(title).casefold() not in said.casefold()] == []
    assert said.count("□") >= source.statements["proof"]
    assert said.startswith(plain(re.findall(r"^title: (.*)$", source.front, re.M)[0]))


def check_latex(latex: Made) -> None:
    """LaTeX's source and its PDF: formulas, captions, statements, works, in the class of each venue."""
    source = latex.source
    tex = (latex.built / "latex/paper.tex").read_text(encoding="utf-8")
    begun = Counter(re.findall(r"\\begin\{(\w+\*?)\}", tex))
    assert begun["equation"] == source.numbered and begun["equation*"] == source.displays - source.numbered
    body = tex.partition("\\begin{document}")[2]
    body = re.sub(r"\\begin\{(verbatim|Verbatim|Highlighting)\}.*?\\end\{\1\}", "", body, flags=re.S)
    # What the columns of a table are measured by, and the boxes of tasks, are no formulas of the source.
    body = re.sub(r"^\\fitted.*$|\\item\[.*?\]", "", body, flags=re.M)
    assert len(re.findall(r"(?<!\\)\$", body)) == 2 * (source.formulas - source.displays)
    assert begun["figure"] + begun["figure*"] == source.figures
    assert begun["table"] + begun["table*"] == source.tables
    assert tex.count("\\panelcaption{") == source.panels
    for kind, count in source.statements.items():
        assert begun["proof" if kind == "proof" else f"octavo{kind}"] == count, kind
    assert tex.count("\\footnote{") + tex.count("\\footnotetext") == source.footnotes
    cited = {
        key
        for found in re.findall(r"\\cite(?!text)\w*\*?(?:\[[^\]]*\])*\{([^}]*)\}", tex)
        for key in re.split(r",\s*", found)
    }
    assert cited == source.cited
    said = pdf_text(latex.built / "latex/paper.pdf").casefold()
    worded = [name for name in names(source) if not re.match("Figure|Table", name) or latex.venue != "ieee"]
    assert [name for name in worded if plain(name).casefold() not in said] == []
    assert [title for title in titles()[latex.name] if plain(title).casefold() not in said] == []


@pytest.mark.parametrize("name", LEAST)
def test_a_manuscript_is_as_rich_as_a_conference_paper(name: str) -> None:
    """Formulas, panels, tables, an appendix with proofs, sixty works, several files; it says what it is."""
    source = sources.read(HERE / name)
    for what in ("formulas", "panels", "tables"):
        assert getattr(source, what) >= LEAST[name][what], what
    assert source.statements.get("proof", 0) >= 2 and source.statements.get("algorithm", 0) >= 1
    assert '+++ {"part": "appendix"}' in source.text and source.footnotes >= 1 and source.listings >= 1
    assert source.cited == sources.entries(HERE / name) and len(source.cited) == 60
    assert len(list((HERE / name / "paper").glob("*.md"))) >= 4
    assert "This paper is made up." in source.front and "example.org" in source.front
    assert set(re.findall(r"orcid: (\S+)", source.front)) == {"0000-0002-1825-0097"}


@pytest.mark.proof
@pytest.mark.parametrize("name", LEAST)
def test_every_output_of_a_manuscript_has_all(name: str, tmp_path: Path) -> None:
    """What goes into the source comes out in each format, by counts that do not ask Octavo's document model."""
    made = build(name, tmp_path, "--to", "pdf,html,docx,jats" + (",tex" if LATEX else ""))
    for check in (check_page, check_xml, check_word, check_pdf, *([check_latex] if LATEX else [])):
        check(made)
    said = Tiny(tmp_path).octavo("check", "paper")
    assert said.code == (0 if LATEX else 4), said.out + said.err


@pytest.mark.proof
@pytest.mark.skipif(not LATEX, reason="LaTeX is not installed (latexmk)")
@pytest.mark.parametrize("venue", ["ieee", "acm"])
@pytest.mark.parametrize("name", LEAST)
def test_every_class_has_all_of_a_manuscript(name: str, venue: str, tmp_path: Path) -> None:
    """A class that counts, cites or breaks lines in its own way still has every formula, float, statement and work."""
    made = build(name, tmp_path, "--to", "tex", venue=venue)
    check_latex(made)
    said = Tiny(tmp_path).octavo("check", "paper")
    assert said.code in (0, 4), said.out + said.err

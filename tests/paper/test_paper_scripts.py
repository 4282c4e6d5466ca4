"""Letters of other scripts arrive in every output, or the build stops with the letter and its line (promise 1)."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject
from tests import reading
from tests.paper.conftest import CLASSES

from octavo import assets
from octavo.document import typst
from octavo.document.pandoc import Cited
from octavo.document.source import Content
from octavo.errors import BuildError
from octavo.paper.venues import VENUES
from octavo.paper.writers import latex, scripts

if TYPE_CHECKING:
    from tests.conftest import Tiny

# Made up, all of them. Each has letters that another font lacks: accents, both kinds of Chinese, kana, Hangul.
NAMES = ("Борис Ґудзь", "Γιώργος Άλλος", "Ὀδυσσεὺς Ψ.", "王小明", "張偉臺", "渡辺さくら", "沢田ラー", "홍길동")
WORKS = {
    "petrov": ("Ежов, Юрий and Чайка, Анна", "Заметки об именах", ("Ежов", "Заметкиобименах")),
    "papas": ("Παπάς, Έλλη", "Περί ονομάτων", ("Παπάς", "Περίονομάτων")),
    "wang": ("{李四}", "姓名的研究", ("李四", "姓名的研究")),
    "lin": ("{林龍}", "繁體字", ("林龍", "繁體字")),
    "sato": ("{斎藤花}", "名前について", ("斎藤花", "名前について")),
    "kim": ("{김영희}", "이름에 관하여", ("김영희", "이름에관하여")),
}
PLACES = {
    "in the text": "Русский ελληνικά ὁ 中文，漢字。日本語 한국어",
    "slanted": "курсив πλάγια 强调 강조",
    "bold": "жирный έντονα 粗体 굵게",
    "code": "код κώδικας 代码 코드",
    "underlined": "черта γραμμή 下线 밑줄",
    "in a heading": "Глава Κεφάλαιο 标题 見出 제목",
    "in a caption": "Подпись λεζάντα 表格 표제",
    "in a cell": "Ячейка κελί 格子 セル 칸",
    "in a footnote": "Сноска Υποσημείωση 脚注 각주",
    "in a formula": "где其中값",
    "in the abstract": "Аннотация Περίληψη 摘要 초록",
}
TITLE = "Имена Ονόματα 姓名 名前 이름"
KEYWORDS = ("имена", "ονόματα", "姓名", "이름")
INSTITUTES = ("Институт Имён", "Ινστιτούτο Ονομάτων", "姓名研究所", "이름 연구소")
SAID = tuple(
    dict.fromkeys(
        [TITLE, *NAMES, *INSTITUTES, *KEYWORDS, *PLACES.values(), *(t for *_, said in WORKS.values() for t in said)]
    )
)
MANUSCRIPT = """---
title: {title}
authors:
{authors}
keywords: [{keywords}]
parts:
  abstract: |
    {p[in the abstract]}
---

# {p[in a heading]}

All persons are made up. {p[in the text]} *{p[slanted]}* **{p[bold]}** `{p[code]}` {{u}}`{p[underlined]}`.
A word[^one] and $x = \\text{{{p[in a formula]}}}$. See {cites}.

[^one]: {p[in a footnote]}

:::{{table}} {p[in a caption]}
:label: tab

| Column |
| --- |
| {p[in a cell]} |
:::
"""
FILES = ("t2acmr.fd", "sfrm1000.pfb", "grmn1000.pfb", "gbsnu4e.tfm", "bsmiu4e.tfm", "udmj4e.tfm", "nanummjmac.tfm")


def installed(file: str) -> bool:
    """Whether TeX has a file."""
    found = shutil.which("kpsewhich") and subprocess.run(["kpsewhich", file], capture_output=True, check=False).stdout
    return bool(found)


needs_fonts = pytest.mark.skipif(
    not (shutil.which("latexmk") and all(map(installed, FILES))),
    reason="TeX's fonts of other scripts are not installed",
)


def files(venue: str) -> dict[str, str]:
    """Return a project whose paper has names and words of all scripts."""
    authors = "\n".join(
        f"  - name: {name}\n    affiliations: [{INSTITUTES[number % len(INSTITUTES)]}]"
        for number, name in enumerate(NAMES)
    )
    entries = "\n".join(
        f"@book{{{key},\n  author = {{{author}}},\n  title = {{{title}}},\n  publisher = {{P}},\n  year = {{2020}}\n}}"
        for key, (author, title, _) in WORKS.items()
    )
    text = MANUSCRIPT.format(
        title=TITLE,
        authors=authors,
        keywords=", ".join(KEYWORDS),
        p=PLACES,
        cites=", ".join(f"@{key}" for key in WORKS),
    )
    config = (
        f"[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\nbibliography = 'refs.bib'\nvenue = '{venue}'\n"
    )
    return {"pyproject.toml": config, "paper/paper.md": text, "refs.bib": entries}


def squashed(text: str) -> str:
    """Return a text in small letters, without white space: lines are broken anywhere, and styles have capitals."""
    return re.sub(r"[\s\u200b\u00ad]+", "", unicodedata.normalize("NFC", text)).casefold()


def said_by(path: Path) -> str:
    """Return all that a PDF says, as who copies it reads it."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    return squashed("".join(page.get_textpage().get_text_bounded() for page in document))


def outline(items: Any) -> Iterator[str]:
    """Yield the titles of a PDF's bookmarks."""
    for item in items:
        if isinstance(item, list):
            yield from outline(item)
        else:
            yield str(item.title)


def fonts_of(path: Path) -> list[Any]:
    """Return the fonts of a PDF."""
    found: list[Any] = []
    for page in PdfReader(path).pages:
        resources = page["/Resources"]
        assert isinstance(resources, DictionaryObject)
        found += [font.get_object() for font in resources.get("/Font", {}).values()]
    return found


def embedded(font: Any) -> bool:
    """Whether a font is in its PDF, as outlines."""
    inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    return bool({"/FontFile", "/FontFile2", "/FontFile3"} & set(inner["/FontDescriptor"].get_object()))


@needs_fonts
@pytest.mark.parametrize("venue", CLASSES)
def test_names_of_every_script_arrive(tiny: Callable[..., Tiny], venue: str) -> None:
    """In both PDFs of every venue: as text, in what the file says of itself, in its bookmarks; no font of pixels."""
    project = tiny(files(venue))
    done = project.octavo("build", "paper")
    assert done.code == 0, done.err
    for name in ("paper.pdf", "latex/paper.pdf"):
        path = project.root / "build/paper" / name
        text = said_by(path)
        wanted = [squashed(piece) for piece in SAID]
        capitals = {squashed(PLACES["in a heading"]), squashed(PLACES["in a caption"])} if venue != "article" else set()
        assert [piece for piece in wanted if piece not in text and piece not in capitals] == [], name
        about = PdfReader(path).metadata
        assert about and about.title == TITLE
        if (venue, name) != ("acm", "latex/paper.pdf"):  # acmart keeps the authors to itself
            assert all(author in str(about.author) for author in NAMES)
        assert "".join(outline(PdfReader(path).outline)).find(PLACES["in a heading"]) >= 0
        assert all(embedded(font) for font in fonts_of(path)) and all(f["/Subtype"] != "/Type3" for f in fonts_of(path))
    checked = project.octavo("check", "paper")
    assert checked.code == 0, checked.out + checked.err


def test_other_outputs_say_them_too(tiny: Callable[..., Tiny]) -> None:
    """Word, JATS and HTML need no font."""
    project = tiny(files("article"))
    done = project.octavo("build", "paper", "--to", "html,docx,jats,tex")
    assert done.code == 0, done.err
    with ZipFile(project.root / "build/paper/paper.docx") as word:
        parts = b"".join(word.read(name) for name in word.namelist() if name.endswith(".xml")).decode()
    texts = {"docx": parts}
    texts |= {name: project.read(f"build/paper/{name}") for name in ("paper.html", "jats/paper.xml")}
    for name, markup in texts.items():
        plain = squashed(re.sub(r"<[^>]+>", "", markup))
        assert [piece for piece in SAID if squashed(piece) not in plain] == [], name


def test_a_paper_of_latin_letters_has_nothing_of_it(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """Nor has one with Greek signs, or with an entry of other letters that nobody cites; their fonts are not read."""
    for text in ("Łódź, Ñandú, ﬁ, “quoted” — β-carotene, ΔE, αβ", "plain"):
        assert scripts.metadata(text) == {}
        typst.fonts(tmp_path, text)
        assert not [file.name for file in tmp_path.rglob("*.?tf") if "Noto" in file.name]
    typst.fonts(tmp_path, "王")
    assert [file.name for file in tmp_path.rglob("*.?tf") if "Noto" in file.name]
    plain = files("article") | {"paper/paper.md": "---\ntitle: T\n---\n# One\n\nA β of one.\n"}
    project = tiny(plain)
    assert project.octavo("build", "paper", "--to", "tex").code == 0
    made = project.read("build/paper/latex/paper.tex")
    assert "\\ensuremath{\\beta}" in made and not re.search("T2A|LGR|glyphtounicode|octavohan", made)


@pytest.mark.parametrize(
    ("text", "faces"),
    [
        ("王小明", {"王": "gbsnu", "小": "gbsnu", "明": "gbsnu"}),
        ("王偉", {"王": "bsmiu", "偉": "bsmiu"}),
        ("沢田", {"沢": "udmj", "田": "udmj"}),
        ("田さ", {"田": "udmj", "さ": "udmj"}),
        ("홍王", {"홍": "nanummjm", "王": "gbsnu"}),
        ("镕𠮷", {}),
    ],
)
def test_a_name_is_of_one_typeface(text: str, faces: dict[str, str]) -> None:
    """Of the first that has all of its letters; what none has is not declared, so that LaTeX stops at it."""
    assert {letter: face.name for letter, face in scripts.faces(text).items()} == faces


@needs_fonts
@pytest.mark.proof
def test_the_typefaces_have_what_is_said_of_them() -> None:
    """Every letter that is declared is in its font: TeX would leave another one out."""
    lost = []
    for letter in map(
        chr, (*range(0x3001, 0x3100), *range(0x4E00, 0xA000), *range(0xAC00, 0xD7A4), *range(0xFF01, 0xFF61))
    ):
        for face in scripts.faces(letter).values():
            if ord(letter) % 256 not in codes(f"{face.name}{ord(letter) >> 8:02x}.tfm"):
                lost.append(letter)
    assert lost == []


@cache
def codes(metric: str) -> frozenset[int]:
    """Return the codes of the letters of a font's metric file."""
    found = subprocess.run(["kpsewhich", metric], capture_output=True, text=True, check=False).stdout.strip()
    data = Path(found).read_bytes() if found else bytes(8)
    _, header, first, last = (int.from_bytes(data[at : at + 2]) for at in range(0, 8, 2))
    return frozenset(
        code for code in range(first, last + 1) if data[24 + header * 4 + (code - first) * 4 :][:1] > b"\0"
    )


def set_without(content: Content, folder: Path, cited: Cited, *lacking: tuple[str, str]) -> BuildError:
    """Return what is told where TeX lacks files: their names in the source are changed to such as nobody has."""
    latex.write(content, folder, venue=VENUES["article"], cited=cited)
    made = folder / "paper.tex"
    text = made.read_text(encoding="utf-8")
    for there, missing in lacking:
        assert there in text
        text = text.replace(there, missing)
    made.write_text(text, encoding="utf-8")
    with pytest.raises(BuildError) as caught:
        latex.pdf(folder, content, VENUES["article"], (), cited)
    return caught.value


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, Cited]:
    """A paper with a letter of each script on a line of its own; the last is in its bibliography alone."""
    root = tmp_path_factory.mktemp("few")
    (root / "work").mkdir()
    (root / "paper").mkdir()
    (root / "paper/paper.md").write_text("---\ntitle: T\n---\nБ\n\nΆ\n\n王\n\n偉\n\nSee @one.\n", encoding="utf-8")
    uncited, cited = "@book{two,\n title = {한}\n}\n", "title = {さ},\n publisher = {P}, year = {2020}\n}\n"
    bibliography = f"{uncited}@book{{one,\n author = {{Other}},\n {cited}"
    (root / "refs.bib").write_text(bibliography, encoding="utf-8")
    content = reading.parse(root / "paper/paper.md", root, root / "refs.bib", root / "work")
    return content, Cited(root / "refs.bib", name="refs.bib")


@needs_fonts
@pytest.mark.parametrize(
    ("there", "missing", "where", "letter", "packages"),
    [
        ("[T2A,T1]", "[T2AX,T1]", "paper/paper.md:4", "Б", "texlive-lang-cyrillic cm-super"),
        ("{textalpha,", "{textalphaX,", "paper/paper.md:6", "Ά", "texlive-lang-greek"),
        ("gbsnu73", "gbsnufd", "paper/paper.md:8", "王", "latex-cjk-chinese-arphic-gbsn00lp"),
        ("bsmiu50", "bsmiufd", "paper/paper.md:10", "偉", "latex-cjk-chinese-arphic-bsmi00lp"),
        ("udmj30", "udmjfd", "refs.bib:6", "さ", "latex-cjk-japanese-wadalab"),
    ],
)
def test_a_tex_with_less_is_told_what_it_lacks(
    few: tuple[Content, Cited], tmp_path: Path, there: str, missing: str, where: str, letter: str, packages: str
) -> None:
    """With a letter, its line and the packages of Debian that have its font; the source was written before."""
    told = set_without(few[0], tmp_path, few[1], (there, missing))
    assert told.where == where
    assert f"Letters such as '{letter}' need more of TeX (Debian: {packages})" in told.hint


@pytest.mark.parametrize(
    ("fault", "letter", "packages"),
    [
        (
            "pdfTeX error: pdflatex (file sfrm1000.pfb): cannot open Type 1 font file",
            "Б",
            "texlive-lang-cyrillic cm-super",
        ),
        ("pdfTeX error: pdflatex (file grmn1000): Font grmn1000 at 600 not found", "Ά", "texlive-lang-greek"),
        ("pdfTeX error: pdflatex (file dmjkh.pfb): cannot open Type 1 font file", "渡", "latex-cjk-japanese-wadalab"),
        ("Font U/nanummjmd6/m/n/10=nanummjmd6 at 10.0pt not loadable: Metric", "홍", "texlive-lang-korean"),
    ],
)
def test_each_file_is_of_a_package(fault: str, letter: str, packages: str) -> None:
    """These were told where folders of the packages were taken away."""
    assert scripts.lacking([fault], "Б Ά 渡辺 홍") == (letter, packages)
    assert scripts.lacking(["LaTeX Error: File `nosuch.sty' not found"], "Б Ά 渡辺 홍") is None


@needs_fonts
def test_no_font_of_pixels_is_made(few: tuple[Content, Cited], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a font's measures and not its outlines, TeX would make one of Type 3, in a while."""
    maps = tmp_path / "maps"
    maps.mkdir()
    found = subprocess.run(["kpsewhich", "pdftex.map"], capture_output=True, text=True, check=True).stdout.strip()
    lines = Path(found).read_text(encoding="latin-1").splitlines()
    kept = [line for line in lines if not re.match(r"(sf|la)[a-z]{2}\d", line)]
    (maps / "pdftex.map").write_text("\n".join(kept), encoding="latin-1")
    monkeypatch.setenv("TEXFONTMAPS", str(maps))
    told = set_without(few[0], tmp_path, few[1])
    assert told.where == "paper/paper.md:4" and "(Debian: texlive-lang-cyrillic cm-super)" in told.hint


@needs_fonts
def test_a_letter_that_no_font_has_is_found_in_the_bibliography(tiny: Callable[..., Tiny]) -> None:
    """Its line is that of the user's own file, in both PDFs."""
    entry = "@book{one,\n  author = {Other},\n  title = {அகம},\n  publisher = {P},\n  year = {2020}\n}\n"
    project = tiny(files("article") | {"paper/paper.md": "---\ntitle: T\n---\nSee @one.\n", "refs.bib": entry})
    done = project.octavo("build", "paper")
    assert done.code == 3
    assert "refs.bib:3: LaTeX could not set the paper: LaTeX Error: Unicode character அ" in done.err
    assert "refs.bib:3: No font has the characters 'அ', 'க', 'ம'." in done.err


def test_letters_without_a_font_are_told_by_place(tiny: Callable[..., Tiny]) -> None:
    """Not one by one: a sentence has many."""
    project = tiny(files("article") | {"paper/paper.md": "---\ntitle: T\nauthors: [அக]\n---\nசட\n\nத\n"})
    done = project.octavo("build", "paper", "--to", "pdf")
    assert done.code == 3
    assert re.findall(r"(\S+): No font has the (.+)", done.err) == [
        ("paper/paper.md:3", "characters 'அ', 'க'."),
        ("paper/paper.md:5", "characters 'ச', 'ட'."),
        ("paper/paper.md:7", "character 'த'."),
    ]


def test_the_packages_of_a_font_that_is_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """East Asian letters need packages of fonts; without them the build stops, and says which."""
    monkeypatch.setattr(assets, "EAST_ASIAN", (("Noto Serif SC", "no_such_package", "x.otf"),))
    assert typst.families("王") == []
    (told,) = typst.unseen([], 'the text `"王"` could not be displayed', "paper.md")
    assert "pip install no-such-package" in told.hint

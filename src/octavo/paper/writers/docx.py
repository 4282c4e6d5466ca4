"""Write the paper as a Word file: formulas that Word edits, figures as pictures, every number as text."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from octavo.document import fidelity, mathml, pandoc, shape, typst
from octavo.document.bridge import Bridge, Node
from octavo.document.fidelity import Leaf
from octavo.document.pandoc import Cited, Element, attributes, element, plain, words
from octavo.document.source import Content, walk
from octavo.errors import BuildError, raise_all
from octavo.paper import matter
from octavo.paper.writers import docx_tables
from octavo.paper.writers.latex import macros, own_names

FORM = "docx"
BESIDE = 0.2  # inches that a cell keeps beside what is in it
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
CORE, CUSTOM = "docProps/core.xml", "docProps/custom.xml"  # what it says of itself
# Commands that pandoc does not know, in those that it does. What this would change of a formula is found: see _missing.
PLAINER = (
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\cfrac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(begin|end)\{dcases\}"), r"\\\1{cases}"),
    (re.compile(r"\\thinspace(?![A-Za-z])"), r"\\,"),
    (re.compile(r"\\negthinspace(?![A-Za-z])"), r"\\!"),
    (re.compile(r"\\enspace(?![A-Za-z])"), r"\\;"),
    (re.compile(r"\\[hv]phantom(?![A-Za-z])"), r"\\phantom"),
    (re.compile(r"\\(m?kern|mskip)\s*-?[\d.]+\s*(mu|em|ex|pt)"), r"\\,"),
    (re.compile(r"\\(smash|mathstrut)(?![A-Za-z])"), ""),
    (re.compile(r"\\([bB]igg?)m(?![A-Za-z])"), r"\\\1"),
)
STORIES = (docx_tables.DOCUMENT, "word/footnotes.xml")  # where the texts are


def write(content: Content, *, cited: Cited | None, lines: bool = False) -> bytes:
    """Return the paper as the bytes of a .docx; with ``lines``, these are numbered.

    Raises DocumentError (or Problems) for what cannot be carried or would be lost.
    """
    with TemporaryDirectory(prefix="octavo-") as name:
        folder = Path(name)
        bridge = DocxBridge(content, folder)
        bridge.cited = cited
        metadata = matter.metadata(content, bridge)
        blocks = [*_front(metadata, bridge), *matter.body(content, bridge, [])]
        raise_all(bridge.problems)
        options = [f"--syntax-highlighting={Path(__file__).with_name('code.theme')}"]
        data = pandoc.write_bytes(blocks, _kept(metadata), FORM, folder=folder, cited=cited, options=options)
    data = _changed(data, [author["plain"] for author in metadata["author"]], lines)
    fidelity.check(matter.leaves(content, metadata), properties(data), "the properties of paper.docx")
    front = [Leaf(text, None) for text in matter.front_texts(content)]
    shown = matter.leaves(content, metadata, ("short_title",))  # pandoc's pages have no running head
    fidelity.check([*fidelity.leaves(content), *front, *shown], texts(data), "paper.docx")
    fidelity.check(bridge.printed_numbers(), texts(data), "paper.docx")
    if (found := formulas(data)) != len(bridge.tex):
        what = f"paper.docx has {found} formulas, and the source has {len(bridge.tex)} [this is a bug]."
        raise BuildError(what, where=content.file, hint="Report it with the source.")
    if astray := leading_nowhere(data):
        what = f"In paper.docx the references {', '.join(astray)} lead nowhere [this is a bug]."
        raise BuildError(what, where=content.file, hint="Report it with the source.")
    return data


def _kept(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what pandoc prints above the paper, and what it puts into the properties of the file."""
    kept: dict[str, Any] = {
        key: metadata[key] for key in ("title", "subtitle", "lang", "short_title") if key in metadata
    }
    if metadata["keywords"]:
        kept["keywords"] = metadata["keywords"]
    if "subtitle" in metadata:
        kept["subject"] = metadata["subtitletext"]
    if "date" in metadata:
        kept["publication_date"] = metadata["date"]  # as "date" it would be printed, before the authors
    return kept


def _changed(data: bytes, authors: Sequence[str], lines: bool) -> bytes:
    """Return a Word file with what pandoc has no option for: its authors, the rules of tables, numbers of lines."""
    signed = f"<dc:creator>{escape('; '.join(authors))}</dc:creator>".encode()
    changes: dict[str, Callable[[bytes], bytes]] = {
        CORE: lambda content: content.replace(b"<dc:creator></dc:creator>", signed),
        docx_tables.STYLES: docx_tables.ruled_styles,
        docx_tables.DOCUMENT: lambda content: docx_tables.ruled(_numbered(content) if lines else content),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as changed:
        for entry in package.infolist():
            content = package.read(entry)
            changed.writestr(entry, changes[entry.filename](content) if entry.filename in changes else content)
    return made.getvalue()


def _numbered(document: bytes) -> bytes:
    """Have Word number the lines. Raises BuildError where pandoc writes no section whose lines could be."""
    line = b'<w:lnNumType w:countBy="1" w:restart="continuous"/>'
    whole = re.sub(rb"<w:sectPr ?/>", b"<w:sectPr></w:sectPr>", document)
    if b"</w:sectPr>" not in whole:
        raise BuildError("Word's document is not as expected [this is a bug].")
    return whole.replace(b"</w:sectPr>", line + b"</w:sectPr>")


def properties(data: bytes) -> str:
    """Return what a .docx says of itself."""
    from lxml import etree

    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = [etree.fromstring(package.read(name)) for name in (CORE, CUSTOM) if name in package.namelist()]
    return "\0".join(text for part in parts for text in part.itertext())


def texts(data: bytes) -> str:
    """Return what a .docx says, footnotes too; not what its formulas say."""
    return "".join(element.text or "" for story in _stories(data) for element in story.iter(f"{docx_tables.WORD}t"))


def leading_nowhere(data: bytes) -> list[str]:
    """Return the links of a .docx to places in it that it does not have."""
    stories, word = _stories(data), docx_tables.WORD
    marks = {mark.get(f"{word}name") for story in stories for mark in story.iter(f"{word}bookmarkStart")}
    links = {link.get(f"{word}anchor") for story in stories for link in story.iter(f"{word}hyperlink")}
    return sorted(link for link in links - marks if link)


def formulas(data: bytes) -> int:
    """Return how many formulas a .docx has, as Word's own."""
    return sum(1 for story in _stories(data) for _ in story.iter(f"{MATH}oMath"))


def _stories(data: bytes) -> list[Any]:
    from lxml import etree

    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return [etree.fromstring(package.read(name)) for name in STORIES if name in package.namelist()]


def _lost(formulas: Sequence[str], html: Sequence[str], folder: Path) -> list[str]:
    """Return for each formula what pandoc would lose of it in Word, in words; nothing where all its signs are there.

    The signs are those of the MathML that KaTeX made of the same formula.
    """
    from lxml import etree

    if not formulas:
        return []
    blocks = [element("Para", [element("Math", [element("DisplayMath"), formula])]) for formula in formulas]
    data = pandoc.write_bytes(blocks, {"title": "Formulas"}, FORM, folder=folder, warned=False)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        paragraphs = list(etree.fromstring(package.read(STORIES[0])).iter(f"{docx_tables.WORD}p"))[-len(formulas) :]
    unknown = _unknown(folder / pandoc.LOG)
    return [
        _missing(paragraph.find(f".//{MATH}oMath"), page, unknown.get(formula.strip(), "all of its commands"))
        for paragraph, page, formula in zip(paragraphs, html, formulas, strict=True)
    ]


def _unknown(log: Path) -> dict[str, str]:
    """Return what pandoc says that it does not know, by the formula: a command, or an environment."""
    told = json.loads(log.read_text(encoding="utf-8")) if log.exists() else []
    found = {}
    for message in told:
        name = re.search(r"unexpected control sequence (\\[A-Za-z]+)", str(message.get("message")))
        if name:
            found[str(message.get("contents")).strip()] = name[1]
    return found


def _plainer(tex: str) -> str:
    for unknown, known in PLAINER:
        tex = unknown.sub(known, tex)
    return tex


def _closed(formula: str, math: Mapping[str, Any]) -> str:
    r"""Return a formula with braces round an author's macro under an accent.

    ``\hat\Cov`` would become ``\hat\operatorname{Cov}``, and pandoc set the accent on the command's name.
    """
    names = [re.escape(name) for name, macro in math.items() if "#" not in str(macro)]
    if not names:
        return formula
    accents = r"\\(?:(?:wide)?hat|(?:wide)?tilde|bar|overline|vec|d?dot|check|breve)"
    return re.sub(rf"({accents})\s*({'|'.join(names)})(?![A-Za-z])", r"\1{\2}", formula)


def _missing(made: Any, html: str, unknown: str) -> str:
    if made is None:
        return f"pandoc does not know {unknown}"
    try:
        wanted = shape.of_mathml(mathml.read(html))
    except mathml.Unsupported as error:
        return f"it has {error}"
    return shape.difference(wanted, shape.of_word(made))


def _front(metadata: dict[str, Any], bridge: Bridge) -> list[Element]:
    """Return authors, abstract and keywords as paragraphs: Word's template has no place for all of them."""
    made: list[Element] = []
    for author in metadata["author"]:
        lines = [element("Strong", author["name"]["inlines"])]
        for institute in (*author["institutes"], *author["contacts"]):
            lines += [element("LineBreak"), *institute["inlines"]]
        made.append(_styled("Author", element("Para", lines)))
    if "date" in metadata:
        made.append(_styled("Date", element("Para", words(metadata["date"]))))
    abstract = metadata["abstract"]["blocks"]
    if abstract:
        made.append(_styled("Abstract Title", element("Para", words("Abstract"))))
        made += [_styled("Abstract", block) for block in abstract]
    keywords = [inline for word in metadata["keywords"] for inline in (*words(", "), *word["inlines"])][2:]
    if keywords:
        made.append(element("Para", [element("Strong", words("Keywords:")), element("Space"), *keywords, *words(".")]))
    return made


def _beside(formula: list[Element], number: list[Element]) -> Element:
    """Return a display formula with its number at the margin: Word sets a formula alone in its paragraph."""

    def cell(blocks: list[Element], align: str) -> Any:
        return [attributes(), element(align), 1, 1, blocks]

    cells = [cell([], "AlignLeft"), cell(formula, "AlignCenter"), cell([element("Plain", number)], "AlignRight")]
    widths = (("AlignLeft", 0.1), ("AlignCenter", 0.8), ("AlignRight", 0.1))
    columns = [[element(align), element("ColWidth", width)] for align, width in widths]
    body = [[attributes(), 0, [], [[attributes(), cells]]]]
    style = attributes("", [], custom_style=docx_tables.EQUATION)
    return element("Table", [style, [None, []], columns, [attributes(), []], body, [attributes(), []]])


def _grid(cells: Sequence[list[Element]], columns: int) -> Element:
    """Return panels side by side, as a table without rules."""
    empty = [attributes(), []]
    rows = [cells[first : first + columns] for first in range(0, len(cells), columns)]
    made = [[attributes(), [[attributes(), element("AlignCenter"), 1, 1, cell] for cell in row]] for row in rows]
    widths = [[element("AlignCenter"), element("ColWidth", 1 / columns)] for _ in range(columns)]
    return element(
        "Table",
        [
            ["", ["panels"], [["custom-style", docx_tables.EQUATION]]],
            [None, []],
            widths,
            empty,
            [[attributes(), 0, [], made]],
            empty,
        ],
    )


def _styled(style: str, block: Element) -> Element:
    return element("Div", [attributes("", [], custom_style=style), [block]])


class DocxBridge(Bridge):
    """Pandoc's own elements; formulas in TeX, which pandoc makes Word's of, with the author's macros written out."""

    form: ClassVar[str] = FORM

    def __init__(self, content: Content, folder: Path) -> None:
        super().__init__(content)
        self.folder = folder
        nodes = [node for node, _ in walk(content) if node["type"] in ("math", "inlineMath")]
        self.tex = [node["value"] for node in nodes]
        once = {node["value"]: node.get("html", "") for node in nodes}
        closed = [_closed(formula, content.frontmatter.get("math", {})) for formula in once]
        named = [own_names(tex, content) for tex in closed]
        plain = [_plainer(tex) for tex in pandoc.expanded(named, macros(content))]
        self.written: dict[str, str] = dict(zip(once, plain, strict=True))
        self.lost: dict[str, str] = dict(
            zip(once, _lost(list(self.written.values()), list(once.values()), folder), strict=True)
        )
        self.pictures = 0
        self.room = docx_tables.WIDEST

    def tex_of(self, node: Node) -> str:
        """Return a formula as pandoc is given it, or keep the problem that Word would not have all of it."""
        if lost := self.lost[node["value"]]:
            what = f"The formula ${node['value']}$ cannot be carried into Word: {lost}."
            self.problem(
                node, what, "Write it with plainer commands, or leave Word out: octavo build paper --to pdf,tex"
            )
        return self.written[node["value"]]

    def noted(self, notes: list[list[Element]]) -> list[Element]:
        return [_styled("Table Note", element("Para", note)) for note in notes]

    def inline_value(self, node: Node) -> list[Element]:
        return self.inline_text(node)

    def inline_inline_math(self, node: Node) -> list[Element]:
        return [element("Math", [element("InlineMath"), self.tex_of(node)])]

    def block_math(self, node: Node) -> list[Element]:
        number = self.numbering.of(node)
        body: list[Element] = [element("Para", [element("Math", [element("DisplayMath"), self.tex_of(node)])])]
        identifier = self.numbering.target(node) or ""
        inner = [_beside(body, words(f"({number})"))] if number else body
        return [element("Div", [attributes(identifier), inner])]

    def drawing(self, node: Node) -> list[Element]:
        self.pictures += 1
        width = min(node["width"], self.room)
        kind = next((kind for kind in ("jpg", "jpeg") if kind in node["files"]), "png")
        file = self.folder / f"figure-{self.pictures}.{kind}"
        if "svg" in node["files"]:
            file.write_bytes(typst.picture(Path(node["files"]["svg"]), "png", width, self.folder))
        elif kind in node["files"]:
            file.write_bytes(Path(node["files"][kind]).read_bytes())
        else:
            hint = f'Add "svg" to the formats of [tool.octavo.media.{node["medium"]}], or save the picture so.'
            self.problem(node, f"The figure '{node['name']}' is there neither as SVG nor as PNG.", hint)
            return []
        return [element("Image", [attributes(width=f"{width}in"), words(node["alt"]), [file.name, ""]])]

    def float(self, node: Node, body: list[Node]) -> list[Element]:
        panels = [child for child in body if child["type"] == "container"]
        under = _styled("Image Caption", element("Para", self.caption(node)))
        identifier = self.numbering.target(node) or ""
        if node["kind"] == "code":  # in a figure of Word's its lines would be centred
            return [element("Div", [attributes(identifier), [*self.blocks(body), under]])]
        if not panels:
            return super().float(node, body)
        found = re.search(r"grid-cols-(\d+)", node.get("class") or "")
        columns = int(found[1]) if found else 2
        self.room = docx_tables.WIDEST / columns - BESIDE
        cells = [self.panel(panel) for panel in panels]
        self.room = docx_tables.WIDEST
        cells += [[] for _ in range(-len(cells) % columns)]
        return [element("Div", [attributes(identifier), [_grid(cells, columns), under]])]

    def panel(self, node: Node) -> list[Element]:
        """Return a panel with its caption, as it stands in a cell."""
        inner = self.blocks(child for child in node["children"] if child["type"] not in ("caption", "comment"))
        under = _styled("Image Caption", element("Para", self.caption(node)))
        return [element("Div", [attributes(self.numbering.target(node) or ""), [*inner, under]])]

    def block_drawing(self, node: Node) -> list[Element]:
        return [plain(*self.drawing(node))]

    def block_admonition(self, node: Node) -> list[Element]:
        title, body = self.titled(node)
        box = element("BlockQuote", [*([element("Para", [element("Strong", title)])] if title else []), *body])
        target = self.numbering.target(node)
        return [element("Div", [attributes(target), [box]])] if target else [box]

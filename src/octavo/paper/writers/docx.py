"""Write the paper as a Word file: formulas that Word edits, figures as pictures, every number as text."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from octavo.document import fidelity, pandoc, typst
from octavo.document.bridge import Bridge, Node
from octavo.document.fidelity import Leaf
from octavo.document.pandoc import Element, attributes, element, plain, words
from octavo.document.source import Content, walk
from octavo.errors import BuildError, raise_all
from octavo.paper import matter
from octavo.paper.writers.latex import macros

FORM = "docx"
WIDEST = 6.5  # inches between the margins of a page of Word's
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
STORIES = ("word/document.xml", "word/footnotes.xml")  # where the texts are


def write(content: Content, *, root: Path, bibliography: Path | None, lines: bool = False) -> bytes:
    """Return the paper as the bytes of a .docx; with ``lines``, these are numbered.

    Raises DocumentError (or Problems) for what cannot be carried or would be lost.
    """
    with TemporaryDirectory(prefix="octavo-") as name:
        folder = Path(name)
        bridge = DocxBridge(content, folder)
        metadata = matter.metadata(content, bridge)
        blocks = [*_front(metadata, bridge), *matter.body(content, bridge, [])]
        raise_all(bridge.problems)
        kept: dict[str, Any] = {key: metadata[key] for key in ("title", "subtitle", "lang", "date") if key in metadata}
        data = pandoc.write_bytes(blocks, kept, FORM, folder=folder, bibliography=bibliography)
    wanted = [*fidelity.leaves(content), *(Leaf(text, None) for text in matter.front_texts(content))]
    fidelity.check(wanted, texts(data), "paper.docx")
    if (found := formulas(data)) != len(bridge.tex):
        what = f"paper.docx has {found} formulas, and the source has {len(bridge.tex)} [this is a bug]."
        raise BuildError(what, where=content.file, hint="Report it with the source.")
    return _numbered(data) if lines else data


def _numbered(data: bytes) -> bytes:
    """Have Word number the lines; pandoc has no option for it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as numbered:
        for entry in package.infolist():
            content = package.read(entry)
            if entry.filename == STORIES[0]:
                line = b'<w:lnNumType w:countBy="1" w:restart="continuous"/>'
                whole = content.replace(b"<w:sectPr />", b"<w:sectPr></w:sectPr>").replace(
                    b"<w:sectPr/>", b"<w:sectPr></w:sectPr>"
                )
                content = whole.replace(b"</w:sectPr>", line + b"</w:sectPr>")
                if line not in content:
                    raise BuildError("Word's file has no section to number the lines of [this is a bug].")
            numbered.writestr(entry, content)
    return made.getvalue()


def texts(data: bytes) -> str:
    """Return what a .docx says, footnotes too; not what its formulas say."""
    return "".join(element.text or "" for story in _stories(data) for element in story.iter(f"{WORD}t"))


def formulas(data: bytes) -> int:
    """Return how many formulas a .docx has, as Word's own."""
    return sum(1 for story in _stories(data) for _ in story.iter(f"{MATH}oMath"))


def _stories(data: bytes) -> list[Any]:
    from lxml import etree

    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return [etree.fromstring(package.read(name)) for name in STORIES if name in package.namelist()]


def _front(metadata: dict[str, Any], bridge: Bridge) -> list[Element]:
    """Return authors, abstract and keywords as paragraphs: Word's template has no place for all of them."""
    made: list[Element] = []
    for author in metadata["author"]:
        lines = [element("Strong", author["name"]["inlines"])]
        for institute in (*author["institutes"], *author["contacts"]):
            lines += [element("LineBreak"), *institute["inlines"]]
        made.append(_styled("Author", element("Para", lines)))
    abstract = metadata["abstract"]["blocks"]
    if abstract:
        made.append(_styled("Abstract Title", element("Para", words("Abstract"))))
        made += [_styled("Abstract", block) for block in abstract]
    keywords = [inline for word in metadata["keywords"] for inline in (*words(", "), *word["inlines"])][2:]
    if keywords:
        made.append(element("Para", [element("Strong", words("Keywords:")), element("Space"), *keywords, *words(".")]))
    return made


def _styled(style: str, block: Element) -> Element:
    return element("Div", [attributes("", [], custom_style=style), [block]])


class DocxBridge(Bridge):
    """Pandoc's own elements; formulas in TeX, which pandoc makes Word's of, with the author's macros written out."""

    form: ClassVar[str] = FORM

    def __init__(self, content: Content, folder: Path) -> None:
        super().__init__(content)
        self.folder = folder
        nodes = [node["value"] for node, _ in walk(content) if node["type"] in ("math", "inlineMath")]
        self.tex = nodes
        once = list(dict.fromkeys(nodes))
        self.written = dict(zip(once, pandoc.expanded(once, macros(content)), strict=True))
        self.pictures = 0

    def inline_value(self, node: Node) -> list[Element]:
        return self.inline_text(node)

    def inline_inline_math(self, node: Node) -> list[Element]:
        return [element("Math", [element("InlineMath"), self.written[node["value"]]])]

    def block_math(self, node: Node) -> list[Element]:
        number = self.numbering.of(node)
        body = [element("Math", [element("DisplayMath"), self.written[node["value"]]])]
        body += [element("Space"), *words(f"({number})")] if number else []
        identifier = self.numbering.target(node) or ""
        return [element("Div", [attributes(identifier), [element("Para", body)]])]

    def drawing(self, node: Node) -> list[Element]:
        self.pictures += 1
        width = min(node["width"], WIDEST)
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

    def block_drawing(self, node: Node) -> list[Element]:
        return [plain(*self.drawing(node))]

    def block_admonition(self, node: Node) -> list[Element]:
        title, body = self.titled(node)
        return [element("BlockQuote", [*([element("Para", [element("Strong", title)])] if title else []), *body])]

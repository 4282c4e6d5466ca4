"""Write the paper as JATS, the XML of journals and archives, with its figures; formulas as MathML."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from xml.sax.saxutils import escape, quoteattr

from octavo.document import fidelity, mathml, pandoc
from octavo.document.bridge import Bridge, Node
from octavo.document.fidelity import Leaf
from octavo.document.pandoc import Cited, Element, attributes, element, raw, raw_block, words
from octavo.document.source import Content
from octavo.errors import BuildError, raise_all
from octavo.paper import matter

FORM = "jats"
TO = "jats_archiving"
SOURCE = "paper.xml"
DOCTYPE = (
    '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving and Interchange DTD v1.2 20190208//EN" '
    '"JATS-archivearticle1.dtd">'
)


def write(content: Content, out: Path, *, cited: Cited | None) -> None:
    """Write ``paper.xml``, JATS for archiving and interchange, and ``figures/`` into the folder ``out``.

    Raises DocumentError (or Problems) for what cannot be carried or would be lost.
    """
    bridge = JatsBridge(content)
    bridge.cited = cited
    metadata = matter.metadata(content, bridge)
    blocks = matter.body(content, bridge, [])
    raise_all(bridge.problems)
    template = Path(__file__).with_name("paper.template.jats.xml")
    with TemporaryDirectory(prefix="octavo-") as name:
        made = pandoc.write(blocks, metadata, TO, template=template, folder=Path(name), cited=cited)
    made = _labelled(made, bridge.tables, [bridge.numbering.targets[name] for name in bridge.numbering.appendix])
    front = [Leaf(text, None) for text in matter.front_texts(content)]
    wanted = [*fidelity.leaves(content), *front, *matter.leaves(content, metadata)]
    fidelity.check(wanted, texts(made), SOURCE)
    fidelity.check(bridge.printed_numbers(), texts(made), SOURCE)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for file, path in bridge.files.items():
        shutil.copyfile(path, out / "figures" / file)
    (out / SOURCE).write_text(made, encoding="utf-8")


def texts(made: str) -> str:
    """Return what the XML says; a date, which stands there in its parts, as a whole."""
    from lxml import etree

    root = etree.fromstring(made.encode())
    dates = [str(date.get("iso-8601-date")) for date in root.iter("pub-date")]
    return "\0".join(["".join(root.itertext()), *dates])


def _tidied(root: Any) -> None:
    """Put what pandoc cannot place where the schema has it: titles, and what stands in a statement, in paragraphs."""
    from lxml import etree

    for title in list(root.iter("title")):
        around = title.getparent()
        if around.tag == "p":
            around.addprevious(title)
            around.getparent().remove(around)
    for statement in root.iter("statement"):
        for child in [child for child in statement if child.tag not in ("label", "title", "p", "statement")]:
            paragraph = etree.Element("p")
            child.addprevious(paragraph)
            paragraph.append(child)
    for table in root.iter("table"):
        if table.getparent().tag == "table-wrap":
            table.attrib.pop("id", None)  # its wrap's


def _renumbered(root: Any) -> None:
    """Number the footnotes in the order of reading: pandoc has captions before figures, and cells before captions."""
    texts = {note.get("id"): note for note in root.iter("fn")}
    marks = [mark for mark in _read(root) if mark.tag == "xref" and mark.get("rid") in texts]
    for number, mark in enumerate(marks, 1):
        note = texts[mark.get("rid")]
        mark.text = note.find("label").text = str(number)
        mark.set("rid", f"fn{number}")
        note.set("id", f"fn{number}")
        note.getparent().append(note)


def _read(node: Any) -> Iterator[Any]:
    """Yield what stands in a node as it is read: a caption below its figure, and above its table."""
    yield node
    below = [child for child in node if child.tag == "caption" and node.tag in ("fig", "fig-group")]
    for child in [*(child for child in node if child not in below), *below]:
        yield from _read(child)


def _labelled(made: str, tables: Sequence[str], appendix: Sequence[str]) -> str:
    """Put the numbers that open captions and headings into ``<label>``, and the sections ``appendix`` behind the body.

    ``tables`` have the ids that pandoc drops.
    Raises BuildError where a reference leads nowhere.
    """
    from lxml import etree

    root = etree.fromstring(made.encode())
    _label(root)
    _tidied(root)
    _renumbered(root)
    _mend_tables(root, tables)
    apart = [section for section in root.find("body").findall("sec") if section.get("id") in appendix]
    if apart:
        group = etree.SubElement(root.find("back"), "app-group")
        for section in apart:
            section.tag = "app"
            group.append(section)
    known = {element.get("id") for element in root.iter()}
    lost = sorted({element.get("rid") for element in root.iter("xref")} - known)
    if lost:
        what = f"In {SOURCE} the references {', '.join(lost)} lead nowhere [this is a bug]."
        raise BuildError(what, hint="Report it with the source.")
    body = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{DOCTYPE}\n{body}\n'


def _label(root: Any) -> None:
    """Put the number that opens a caption or a heading into ``<label>``."""
    from lxml import etree

    for holder in [
        *root.iter("caption"),
        *(section for section in root.iter("sec") if section.find("title") is not None),
    ]:
        text = holder.find("p") if holder.tag == "caption" else holder.find("title")
        number = text[0] if text is not None and len(text) and not (text.text or "").strip() else None
        if number is None or not (number.tag == "bold" or number.get("content-type") == "number"):
            continue
        label = etree.Element("label")
        label.text = "".join(number.itertext())
        text.text = (number.tail or "").lstrip()
        text.remove(number)
        (holder if holder.tag == "caption" else text).addprevious(label)


def _mend_tables(root: Any, identifiers: Sequence[str]) -> None:
    """Give tables the ids that pandoc drops, each once, and their notes, which it leaves behind them."""
    for table, identifier in zip(root.iter("table-wrap"), identifiers, strict=True):
        if identifier:
            table.set("id", identifier)
        for inner in table.iter("table"):
            inner.attrib.pop("id", None)  # pandoc gives both the same, and an id stands once
        if table.getnext() is not None and table.getnext().tag == "table-wrap-foot":
            table.append(table.getnext())  # its notes, which pandoc has no place for


class JatsBridge(Bridge):
    """Pandoc's own elements; formulas as MathML with its prefix."""

    form: ClassVar[str] = FORM

    def __init__(self, content: Content) -> None:
        super().__init__(content)
        self.files: dict[str, str] = {}
        self.tables: list[str] = []

    def table(self, node: Node, identifier: str, caption: list[Element]) -> Element:
        self.tables.append(identifier)
        return super().table(node, identifier, caption)

    def noted(self, notes: list[list[Element]]) -> list[Element]:
        paragraphs = [element("Para", note) for note in notes]
        return [raw_block(FORM, "<table-wrap-foot>"), *paragraphs, raw_block(FORM, "</table-wrap-foot>")]

    def inline_value(self, node: Node) -> list[Element]:
        return self.inline_text(node)

    def formula(self, node: Node) -> str:
        return re.sub(r"<(/?)(?=[a-z])", r"<\1mml:", self.carried(node, mathml.web)).replace(
            ' xmlns="http://www.w3.org/1998/Math/MathML"', ""
        )

    def inline_inline_math(self, node: Node) -> list[Element]:
        return [raw(FORM, f"<inline-formula>{self.formula(node)}</inline-formula>")]

    def block_math(self, node: Node) -> list[Element]:
        number, target = self.numbering.of(node), self.numbering.target(node)
        identifier = f" id={quoteattr(target)}" if target else ""
        label = f"<label>({escape(number)})</label>" if number else ""
        return [raw_block(FORM, f"<disp-formula{identifier}>{label}{self.formula(node)}</disp-formula>")]

    def drawing(self, node: Node) -> list[Element]:
        kind = next((kind for kind in ("svg", "png", "jpg", "jpeg", "pdf") if kind in node["files"]), None)
        file = f"{node['name']}.{node['medium']}.{kind}"
        if kind:
            self.files[file] = node["files"][kind]
        # pandoc writes it as it is, where XML has & and < for signs of its own.
        return [element("Image", [attributes(), words(escape(node["alt"])), [f"figures/{file}", ""]])]

    def statement(self, node: Node, name: str) -> list[Element]:
        title, body = self.titled(node)
        target = self.numbering.target(node)
        identifier = f" id={quoteattr(target)}" if target else ""
        mark = "" if title else "."
        opener = f"<statement content-type={quoteattr(node['kind'])}{identifier}><label>{escape(name)}{mark}</label>"
        head: list[Element] = [raw_block(FORM, opener)]
        if title:
            head.append(element("Plain", [raw(FORM, "<title>("), *title, raw(FORM, ").</title>")]))
        return [*head, *body, raw_block(FORM, "</statement>")]

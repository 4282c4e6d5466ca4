"""Write the paper as one HTML file: formulas as MathML, drawings and fonts inside, readable on a phone."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from octavo import assets, svg
from octavo.document import fidelity, mathml, pandoc
from octavo.document.bridge import Bridge, Node
from octavo.document.fidelity import Leaf
from octavo.document.pandoc import Cited, Element, attributes, element, raw
from octavo.document.source import Content
from octavo.errors import BuildError, raise_all
from octavo.paper import matter

FORM = "html"
LONGEST = 24  # letters that are kept in one piece with a formula
ENLARGED = 1.35  # type of 8 points, for paper, beside the page's own of 17 pixels


def write(content: Content, *, cited: Cited | None) -> bytes:
    """Return the paper as a page that needs no network.

    Raises DocumentError (or Problems) for what cannot be carried.
    """
    bridge = HtmlBridge(content)
    bridge.cited = cited
    metadata = matter.metadata(content, bridge)
    metadata["css"] = {"blocks": [pandoc.raw_block(FORM, styles())]}
    blocks = matter.body(content, bridge, [])
    raise_all(bridge.problems)
    theme = Path(__file__).with_name("code.theme")
    options = ["--section-divs", "--email-obfuscation=none", f"--syntax-highlighting={theme}"]
    template = Path(__file__).with_name("paper.template.html")
    with TemporaryDirectory(prefix="octavo-") as name:
        folder = Path(name)
        page = pandoc.write(blocks, metadata, "html5", template=template, folder=folder, cited=cited, options=options)
    front = [Leaf(text, None) for text in matter.front_texts(content)]
    named = matter.leaves(content, metadata)
    fidelity.check(named, head(page), "the head of paper.html")
    shown = matter.leaves(content, metadata, ("short_title",))  # a page has no running head
    fidelity.check([*fidelity.leaves(content), *front, *shown], texts(page), "paper.html")
    fidelity.check(bridge.printed_numbers(), texts(page), "paper.html")
    if astray := leading_nowhere(page):
        what = f"In paper.html the references {', '.join(astray)} lead nowhere [this is a bug]."
        raise BuildError(what, where=content.file, hint="Report it with the source.")
    return page.encode()


def texts(page: str) -> str:
    """Return what a page says."""
    from lxml import html

    return "".join(html.fromstring(page).xpath("//body//text()"))


def leading_nowhere(page: str) -> list[str]:
    """Return the links of a page to places in it that it does not have."""
    from lxml import html

    tree = html.fromstring(page)
    ids = {f"#{each}" for each in tree.xpath("//@id")}
    return sorted({str(link) for link in tree.xpath("//a/@href[starts-with(., '#')]")} - ids)


def head(page: str) -> str:
    """Return what a page says of itself, for tabs, catalogues and searches."""
    from lxml import html

    return "\0".join(html.fromstring(page).xpath("//head/title/text() | //head/meta/@content"))


def styles() -> str:
    """Return the style sheet, with the typeface inside."""
    sheet = Path(__file__).with_name("paper.css").read_text(encoding="utf-8").strip()
    return f"{assets.font_faces()}\n{sheet}"


def _kept(inlines: Sequence[Element]) -> list[Element]:
    """Return inlines with each formula in one piece with what is written against it, as ``($x$)`` or ``$p$-values``.

    Browsers break a line between the two, and leave a full stop alone on the next one.
    """
    made: list[Element] = []
    for apart, group in groupby(inlines, lambda inline: inline["t"] != "Str" and not _is_formula(inline)):
        run = list(group)
        glued = not apart and any(map(_is_formula, run)) and any(each["t"] == "Str" for each in run)
        if not glued or any(each["t"] == "Str" and len(each["c"]) > LONGEST for each in run):
            made += run
            continue
        opener, closer = raw(FORM, '<span class="kept">'), raw(FORM, "</span>")
        whole = [
            raw(FORM, each["c"][1].replace("<wbr>", f"{closer['c'][1]}<wbr>{opener['c'][1]}"))
            if _is_formula(each)
            else each
            for each in run
        ]
        made += [opener, *whole, closer]
    return made


def _is_formula(inline: Element) -> bool:
    return inline["t"] == "RawInline" and str(inline["c"][1]).startswith("<math")


class HtmlBridge(Bridge):
    """Pandoc's own elements, but for drawings and abbreviations."""

    form: ClassVar[str] = FORM

    def __init__(self, content: Content) -> None:
        super().__init__(content)
        self.drawings = 0
        self.in_panels = False
        self.tables = 0

    def inlines(self, nodes: Iterable[Node]) -> list[Element]:
        return _kept(super().inlines(nodes))

    def inline_keyboard(self, node: Node) -> list[Element]:
        return [raw(FORM, "<kbd>"), *self.children(node), raw(FORM, "</kbd>")]

    def inline_abbreviation(self, node: Node) -> list[Element]:
        title = node.get("title", "").replace("&", "&amp;").replace('"', "&quot;")
        return [raw(FORM, f'<abbr title="{title}">'), *self.children(node), raw(FORM, "</abbr>")]

    def drawing(self, node: Node) -> list[Element]:
        if "svg" not in node["files"]:
            return self.pixels(node)
        # A drawing for the page stands there as it is. In panels, and where there is none, that for paper, enlarged.
        web = None if self.in_panels else node.get("web")
        shown, enlarged = (web, 1.0) if web and "svg" in web["files"] else (node, ENLARGED)
        narrow = node.get("narrow")
        if not narrow or "svg" not in narrow["files"] or narrow["width"] >= shown["width"]:
            return [self.picture(shown, "drawing", enlarged)]
        # Shrunk to a phone, a wide drawing's words cannot be read: there the drawing of one column is shown.
        return [
            self.picture(shown, "drawing on-wide", enlarged),
            self.picture(narrow, "drawing on-narrow", ENLARGED),
        ]

    def pixels(self, node: Node) -> list[Element]:
        """Return a picture that is not made of lines, inside the page."""
        kind = next((kind for kind in ("png", "jpg", "jpeg") if kind in node["files"]), None)
        if kind is None or node["medium"] != "image":
            what = f"The figure '{node['name']}' is not there as SVG."
            hint = f'Add "svg" to the formats of [tool.octavo.media.{node["medium"]}], or save the picture so.'
            self.problem(node, what, hint)
            return []
        data = base64.b64encode(Path(node["files"][kind]).read_bytes()).decode()
        source = f"data:image/{'png' if kind == 'png' else 'jpeg'};base64,{data}"
        style = f"max-width:{node['width'] * ENLARGED:.2f}in;width:100%"
        return [raw(FORM, f'<img class="drawing" src="{source}" alt="{escape(node["alt"])}" style="{style}">')]

    def picture(self, node: Node, classes: str, enlarged: float) -> Element:
        """Return a drawing as it stands in the page."""
        self.drawings += 1
        text = Path(node["files"]["svg"]).read_text(encoding="utf-8")
        made = svg.inline(text, f"d{self.drawings}", node["alt"])
        width = node["width"] * enlarged
        return raw(FORM, f'<span class="{classes}" style="max-width:{width:.2f}in">{made}</span>')

    def inline_inline_math(self, node: Node) -> list[Element]:
        formula = self.formula(node)
        return [raw(FORM, mathml.breakable(formula) if formula else "")]

    def statement(self, node: Node, name: str) -> list[Element]:
        if node["kind"] != "algorithm":
            return super().statement(node, name)
        title, body = self.titled(node)
        head = [element("Strong", pandoc.words(f"{name}.")), element("Space"), *title]
        identifier = self.numbering.target(node) or ""
        return [element("Div", [attributes(identifier, ["statement", "algorithm"]), [element("Para", head), *body]])]

    def float(self, node: Node, body: list[Node]) -> list[Element]:
        panels = [child for child in body if child["type"] == "container"]
        if not panels:
            return super().float(node, body)
        identifier = self.numbering.target(node) or ""
        found = re.search(r"grid-cols-(\d+)", node.get("class") or "")
        count = int(found[1]) if found else 2
        many = ["crowd"] if count > 3 else ["many"] if count == 3 else []
        self.in_panels = True
        inner = [element("Div", [attributes("", ["panels", *many]), self.blocks(panels)])]
        self.in_panels = False
        under = [None, [element("Plain", self.caption(node))]]
        return [element("Figure", [attributes(identifier), under, inner])]

    def table(self, node: Node, identifier: str, caption: list[Element]) -> Element:
        # A wide table scrolls by itself on a phone, not the whole page with it, and not its caption.
        inner = super().table(node, "", [])
        if not caption:
            return element("Div", [attributes(identifier, ["scrolled"]), [inner]])
        self.tables += 1
        named = f"caption-{self.tables}"
        inner["c"][0] = ["", [], [["aria-labelledby", named]]]
        scrolled = ["", ["scrolled"], [["role", "region"], ["aria-labelledby", named], ["tabindex", "0"]]]
        parts = [element("Div", [attributes(named, ["caption"]), [element("Plain", caption)]])]
        parts.append(element("Div", [scrolled, [inner]]))
        return element("Div", [attributes(identifier, ["tabled"]), parts])

"""Write the paper as a PDF by Typst, whose compiler and fonts come with its wheel: two columns, as its venue has."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from octavo.document import fidelity, mathml, pandoc, speech, tables, typst
from octavo.document.bridge import BOXES, KINDS, Bridge, Node
from octavo.document.fidelity import Leaf
from octavo.document.pandoc import Cited, Element, closed, element, plain, raw, raw_block
from octavo.document.source import Content
from octavo.document.tables import Cell, Table, read_grid
from octavo.errors import DocumentError, raise_all
from octavo.model import LatexLog, Place
from octavo.paper import matter
from octavo.paper.venues import SPARE, Venue

FORM = "typst"
END = "#end-of-text;"
BULLET = "\u2022"
NUMBER = re.compile(r"[A-Z\d][A-Z\d.]*[a-z]?(?=\)?$)")  # at the end of a reference
FORMATS = ("svg", "png", "jpg", "jpeg")  # PDF/UA forbids a PDF inside; the first that a figure has is shown
# Where a sign of Typst's markup begins: an escape, raw text, a string, a space that does not break.
MARKUP = re.compile(
    r'\\(?P<escaped>.)|(?P<fence>`{3,}|`)(?P<raw>.*?)(?P=fence)|"(?P<string>(?:\\.|[^"\\])*)"|~', re.DOTALL
)
UPRIGHT = ("definition", "remark", "example", "proof")


def write(
    content: Content, *, venue: Venue, cited: Cited | None, lines: bool = False, notice: str = ""
) -> tuple[bytes, LatexLog]:
    """Return the paper as the bytes of a PDF, and what is known of it: the page on which the text ends.

    With ``lines``, these are numbered. The first page has the ``notice``.

    Raises DocumentError (or Problems) for what cannot be carried, set or shown.
    """
    moved: list[str] = []
    while True:
        data, end, cut = _set(content, venue, cited, lines, notice, moved)
        if not cut:
            return data, LatexLog(end)
        # Below a float over both columns Typst lets one of a column run off the page. As wide it has a place elsewhere.
        if cut[0] in moved:
            what = "This figure, table or listing runs off its page: its end would be lost."
            raise DocumentError(what, where=cut[0], hint="Make it smaller, split it, or write it elsewhere.")
        moved.append(cut[0])


def _set(
    content: Content, venue: Venue, cited: Cited | None, lines: bool, notice: str, moved: Sequence[str]
) -> tuple[bytes, int, list[str]]:
    """Return a PDF, the page on which its text ends, and where what is cut off was written."""
    with TemporaryDirectory(prefix="octavo-") as name:
        folder = Path(name)
        main = folder / "main.typ"
        made, front, numbers = source(content, folder, venue, cited, lines=lines, notice=notice, moved=moved)
        main.write_text(made, encoding="utf-8")
        front += [Leaf(text, None) for text in matter.front_texts(content)]
        wanted = [*fidelity.leaves(content), *front]
        fidelity.check(wanted, texts(made), "paper.pdf")
        fidelity.check(numbers, texts(made), "paper.pdf")
        places: dict[str, Place | None] = {}
        for leaf in fidelity.formulas(content, "math", "inlineMath"):
            places.setdefault(typst.composed(leaf.text), leaf.place)
        shown = [*wanted, *fidelity.formulas(content, "math", "inlineMath")]
        entries = [*matter.fields(content), *matter.entries(content, cited)]
        data, asked = typst.pdf(main, shown, content.file, places, ("end-of-text", "cut-off"), entries)
        return data, max(asked["end-of-text"], default=0), asked["cut-off"]


def source(
    content: Content,
    folder: Path,
    venue: Venue,
    cited: Cited | None,
    *,
    lines: bool = False,
    notice: str = "",
    moved: Sequence[str] = (),
) -> tuple[str, list[Leaf], list[Leaf]]:
    """Return the Typst source of the paper, and what it must say of the front matter, and of numbers.

    Its template and figures are put into ``folder``. The floats that were written at ``moved`` stand over both columns.
    """
    templates = Path(__file__).parent
    for file in ("paper.typ", "code.tmTheme"):
        shutil.copyfile(templates / file, folder / file)
    bridge = TypstBridge(content, venue, moved)
    bridge.cited = cited
    metadata = matter.metadata(content, bridge)
    metadata["names"] = _strings([str(author["name"]) for author in content.frontmatter.get("authors", [])])
    metadata["terms"] = _strings([pandoc.plain_text(keyword["inlines"]) for keyword in metadata["keywords"]])
    metadata |= {"lines": lines, "notice": {"inlines": pandoc.words(notice)}}
    blocks = matter.body(content, bridge, [raw_block(FORM, "#show: appendix")], raw(FORM, END))
    raise_all(bridge.problems)
    (folder / "figures").mkdir()
    for file, path in bridge.files.items():
        shutil.copyfile(path, folder / "figures" / file)
    # Without smart quotes: the source has the typographic ones, and Typst would turn some of them around.
    template = templates / "main.template.typ"
    made = pandoc.write(blocks, metadata, "typst-smart", template=template, folder=folder, cited=cited)
    (folder / "look.typ").write_text(_look(venue, typst.families(made)), encoding="utf-8")
    numbers = [Leaf(texts(leaf.text), leaf.place) for leaf in bridge.printed_numbers()]
    return made, matter.leaves(content, metadata), numbers


def texts(markup: str) -> str:
    """Return what a Typst source says: its markup without escapes. Raw text has none, and strings have their own."""
    return MARKUP.sub(_said, markup)


def _said(found: re.Match[str]) -> str:
    if found["raw"] is not None:
        return found["raw"]
    if found["string"] is not None:
        return re.sub(r"\\(.)", r"\1", found["string"])
    return found["escaped"] or " "


# What begins a list, a heading or a term at the beginning of a line, as of a cell.
MARKER = re.compile(r"(?:[-+/=]|\d+\.)(?=\s|=|$)")


class TypstBridge(Bridge):
    """Floats, tables, equations and statements as calls of the template's functions."""

    form: ClassVar[str] = FORM

    def __init__(self, content: Content, venue: Venue, moved: Sequence[str] = ()) -> None:
        super().__init__(content)
        self.venue = venue
        self.moved = moved
        self.files: dict[str, str] = {}
        self.in_table = False
        self.held: list[tuple[str, list[Element]]] | None = None  # the notes of a wide float, each with its label
        self.apart = 0  # how many there were

    def inline_text(self, node: Node) -> list[Element]:
        """A text; a sign that would begin a list or a heading is escaped: pandoc does not know where lines begin."""
        text = node["value"]
        if found := MARKER.match(text):
            sign = found[0]
            return [raw(FORM, f"{sign[:-1]}\\{sign[-1]}"), *pandoc.words(text[found.end() :])]
        return super().inline_text(node)

    def inline_value(self, node: Node) -> list[Element]:
        return self.inline_text(node)

    def formula(self, node: Node) -> str:
        made = self.carried(node, mathml.typst)
        # The template measures a formula of a table with its column.
        tex = typst.string(node["value"])
        call = "math.equation(alt: " if self.in_table else f"formula({tex}, "
        return f"#{call}{typst.string(self.words(node, made))}, ${made}$.body);"

    def words(self, node: Node, made: str) -> str:
        """Return a formula as it is spoken; nothing for one that could not be ``made``, which was told."""
        return self.carried(node, speech.spoken) if made else ""

    def block_math(self, node: Node) -> list[Element]:
        made = self.carried(node, mathml.typst)
        number = self.numbering.of(node)
        printed = typst.string(f"({number})") if number else "none"
        spoken = typst.string(self.words(node, made))
        call = f"#equation({printed}, {typst.string(node['value'])}, {spoken}, $ {made} $.body)"
        return [raw_block(FORM, call + self.anchor(node))]

    def block_heading(self, node: Node) -> list[Element]:
        identifier = self.numbering.target(node) or ""
        level = node["depth"] - self.top + 1
        text = [raw(FORM, self.opening(node))] if self.numbering.of(node) else []
        return [element("Header", [level, pandoc.attributes(identifier), [*text, *self.children(node)]])]

    def opening(self, node: Node) -> str:
        if node["type"] != "heading":
            return super().opening(node)
        printed = self.venue.printed("heading", self.numbering.of(node))
        if self.venue.romans and printed.isalpha() and self.numbering.of(node) == printed:
            return f"#{typst.string(f'Appendix {printed}')};#linebreak();"
        if self.venue.romans:  # I., A., 1), a)
            printed = re.split(r"-|(?<=[A-Z])(?=\d)|(?<=\d)(?=[a-z])", printed)[-1]
            printed += "." if printed.isupper() else ")"
        return f"#numbered({typst.string(printed)});"

    @property
    def column(self) -> float:
        """How wide a drawing may be that stands in one column."""
        return self.venue.layout.column + SPARE

    def label(self, node: Node) -> str:
        number, layout = self.numbering.of(node), self.venue.layout
        if node.get("subcontainer") or not number:
            return super().label(node)
        name = layout.labels.get(node["kind"], KINDS[node["kind"]])
        return f"{name}\u00a0{self.venue.printed(node['kind'], number)}{layout.stop}"

    def reference(self, node: Node) -> str:
        text = super().reference(node)
        whole = self.numbering.nodes.get(node.get("identifier", ""))
        found = NUMBER.search(text)
        if not whole or not found or found[0] != self.numbering.of(whole):
            return text
        kind = str(whole.get("kind") if whole["type"] == "container" else whole["type"])
        return text[: found.start()] + self.venue.printed(kind, found[0]) + text[found.end() :]

    def block_list(self, node: Node) -> list[Element]:
        """A list; the boxes of tasks stand where bullets do, before all lines of an item."""
        if node.get("ordered") or not any("checked" in item for item in node["children"]):
            return super().block_list(node)
        marks = [BOXES[bool(item["checked"])] if "checked" in item else BULLET for item in node["children"]]
        parts: list[Element] = [raw_block(FORM, f"#enum(numbering: n => {_array(marks)}.at(n - 1),")]
        for item in node["children"]:
            blocks = self.item(item)
            opener = [raw(FORM, "enum.item[")]
            if blocks and blocks[0]["t"] in ("Para", "Plain"):
                opener += blocks.pop(0)["c"]
            first = element("Para" if blocks else "Plain", opener)  # after plain text a paragraph would go on
            parts += closed([first, *blocks], raw(FORM, "],"))
        return [*parts, raw_block(FORM, ")")]

    def block_definition_list(self, node: Node) -> list[Element]:
        """A definition list; a term stands in the line of what it means, and is not left at the end of a column."""
        [made] = super().block_definition_list(node)
        parts: list[Element] = [raw_block(FORM, "#terms(")]
        for term, meanings in made["c"]:
            blocks = [block for meaning in meanings for block in meaning]
            opener = [raw(FORM, "terms.item(["), *term, raw(FORM, "], [")]
            if blocks and blocks[0]["t"] in ("Para", "Plain"):
                opener += blocks.pop(0)["c"]
            first = element("Para" if blocks else "Plain", opener)  # after plain text a paragraph would go on
            parts += closed([first, *blocks], raw(FORM, "]),"))
        return [*parts, raw_block(FORM, ")")]

    def block_admonition(self, node: Node) -> list[Element]:
        title, body = self.titled(node)
        closer = raw_block(FORM, f"]{self.anchor(node)}")
        return [plain(raw(FORM, "#admonition["), *title, raw(FORM, "][")), *body, closer]

    def term(self, node: Node) -> list[Element]:
        return [raw(FORM, f"#marked({self.goal(node)});"), *self.children(node)]

    def statement(self, node: Node, name: str) -> list[Element]:
        kind = node["kind"]
        if kind == "algorithm":
            wide = str(self.place(node)) in self.moved
            return self.over_both(self.algorithm, node, name) if wide else self.algorithm(node, name)
        title, body = self.titled(node)
        look = "upright" if kind in UPRIGHT else "italic"
        opener = f"#statement({typst.string(name)}, {typst.string(look)}, ["
        end = "#qed]" if kind == "proof" else "]"
        return [plain(raw(FORM, opener), *title, raw(FORM, "])[")), *closed(body, raw(FORM, end + self.anchor(node)))]

    def algorithm(self, node: Node, name: str, *, wide: bool = False) -> list[Element]:
        title, body = self.titled(node)
        call = f"#algorithm({typst.string(str(self.place(node)))}, {self.goal(node)}, {_bool(wide)})["
        caption = [element("Strong", pandoc.words(f"{name}."))]
        caption += [element("Space"), *title] if title else []
        return [plain(raw(FORM, call), *caption, raw(FORM, "][")), *closed(body, raw(FORM, "]"))]

    def float(self, node: Node, body: list[Node]) -> list[Element]:
        panels = [child for child in body if child["type"] == "container"]
        columns = self.columns(node) if panels else 1
        widest = max((drawing["width"] for drawing in _drawings(body)), default=self.column if panels else 0)
        wide = "wide" in self.classes(node) or widest * columns > self.column or str(self.place(node)) in self.moved
        made = (self.panels, node, panels, columns) if panels else (self.single, node, body)
        return self.over_both(*made) if wide else made[0](*made[1:])

    def over_both(self, make: Callable[..., list[Element]], *what: Any) -> list[Element]:
        """Return what ``make`` makes of a float over both columns, and behind it its notes, which Typst would lose."""
        self.held = []
        made = make(*what, wide=True)
        notes, self.held = self.held, None
        return [*made, *(block for goal, note in notes for block in _apart(goal, note))]

    def inline_footnote_reference(self, node: Node) -> list[Element]:
        made = super().inline_footnote_reference(node)
        if not made or self.held is None:
            return made
        self.apart += 1
        self.held.append((f"<octavo-note-{self.apart}>", made[0]["c"]))
        return [raw(FORM, f"#footnote({self.held[-1][0]});")]

    def single(self, node: Node, body: list[Node], *, wide: bool = False) -> list[Element]:
        """Return a figure, table or listing that is one."""
        at = typst.string(str(self.place(node)))
        opener = f"#floating({typst.string(node['kind'])}, at: {at}, goal: {self.goal(node)}, wide: {_bool(wide)}, ["
        # In the order of reading, for notes that are held: the caption of a figure stands below it.
        above = [] if node["kind"] == "figure" else self.caption(node)
        inner = [inline for child in body for inline in self.floated(child)]
        for note in self.notes(node):
            inner += [raw(FORM, "#table-note["), *note, raw(FORM, "];")]
        caption = above or self.caption(node)
        return [plain(raw(FORM, opener), *inner, raw(FORM, "], ["), *caption, raw(FORM, "])"))]

    def floated(self, node: Node) -> list[Element]:
        """Return what stands in a float, without the space of a paragraph around it."""
        if node["type"] == "drawing":
            return self.drawing(node)
        if node["type"] == "table":
            return self.rows(node)
        if node["type"] == "code":
            self.check_code(node)
            lang = typst.string(node["lang"]) if node.get("lang") else "none"
            # The string of a raw block keeps its lines.
            lines = node["value"].replace("\\", "\\\\").replace('"', '\\"')
            return [raw(FORM, f'#raw(block: true, lang: {lang}, "{lines}");')]
        self.unknown(node, f"'{node['type']}' in a figure or table")
        return []

    def columns(self, node: Node) -> int:
        """Return how many panels stand side by side."""
        found = re.search(r"grid-cols-(\d+)", " ".join(self.classes(node)))
        return int(found[1]) if found else 2

    def panels(self, node: Node, panels: list[Node], columns: int, *, wide: bool = False) -> list[Element]:
        """Return a figure of panels, side by side or below one another."""
        at = typst.string(str(self.place(node)))
        opener = f"#panels({columns}, at: {at}, goal: {self.goal(node)}, wide: {_bool(wide)}, ("
        parts = [raw(FORM, opener)]
        for panel in panels:
            body = [c for c in panel["children"] if c["type"] not in ("caption", "comment")]
            inner = [inline for child in body for inline in self.floated(child)]
            closing = f"]){self.anchor(panel)}],"
            parts += [raw(FORM, "[#panel(["), *inner, raw(FORM, "], ["), *self.caption(panel), raw(FORM, closing)]
        return [plain(*parts, raw(FORM, "), ["), *self.caption(node), raw(FORM, "])"))]

    def drawing(self, node: Node) -> list[Element]:
        kind = next((kind for kind in FORMATS if kind in node["files"]), None)
        if kind is None:
            self.problem(
                node,
                f"The figure '{node['name']}' is there neither as SVG nor as PNG.",
                f'Add "svg" to the formats of [tool.octavo.media.{node["medium"]}], or save the picture so.',
            )
            return []
        file = f"{node['name']}.{node['medium']}.{kind}"
        self.files[file] = node["files"][kind]
        if not node["alt"]:
            self.problem(
                node,
                f"The figure '{node['name']}' has no text for readers who cannot see it.",
                'Say what it shows: octavo.figure("…", draw, alt="…"), or `:alt:` in the paper for all others.',
            )
        call = f"#drawing({typst.string(f'figures/{file}')}, {node['width']}in, {typst.string(node['alt'])});"
        return [raw(FORM, call)]

    def block_drawing(self, node: Node) -> list[Element]:
        opener = "#block(width: 100%, above: 0.9em, below: 0.9em, align(center)["
        return [plain(raw(FORM, opener), *self.drawing(node), raw(FORM, "])"))]

    def table(self, node: Node, identifier: str, caption: list[Element]) -> Element:
        return plain(*self.rows(node))

    def rows(self, node: Node) -> list[Element]:
        """Return a table with the rules of a printed one: above, below, and under the headers."""
        grid = read_grid(node)
        aligned = ", ".join(grid.alignments)
        longest = "".join(f"{self.longest(grid, column)}, " for column in range(len(grid.alignments)))
        opener = f"#tabular({typst.string(str(self.place(node)))}, ({longest}), align: ({aligned},),"
        parts = [raw(FORM, f"{opener} table.hline(stroke: .7pt),")]
        if grid.headers:
            parts.append(raw(FORM, "table.header("))
        for number, row in enumerate(grid.rows):
            parts += [inline for cell in row for inline in self.cell_call(cell)]
            if number < grid.headers - 1:
                spans = (cell for cell in row if cell.colspan > 1 and cell.node["children"])
                parts += [raw(FORM, _rule(number + 1, cell)) for cell in spans]
            if number == grid.headers - 1:
                parts.append(raw(FORM, "), table.hline(stroke: .4pt),"))
        return [*parts, raw(FORM, "table.hline(stroke: .7pt));")]

    def longest(self, grid: Table, column: int) -> str:
        """Return the longest words and lines of a column, and its formulas with each, as arrays of Typst."""
        formulas = "".join(f"${self.carried(node, mathml.typst)}$, " for node in tables.formulas(grid, column))
        words, lines = ("".join(f"{typst.string(text)}, " for text in texts) for texts in tables.longest(grid, column))
        return f"(({formulas}{words}), ({formulas}{lines}))"

    def cell_call(self, cell: Cell) -> list[Element]:
        options = [f"align: {cell.align}"]
        options += [f"colspan: {cell.colspan}"] if cell.colspan > 1 else []
        options += [f"rowspan: {cell.rowspan}"] if cell.rowspan > 1 else []
        self.in_table = True
        blocks = self.cell(cell.node)
        self.in_table = False
        if any(block["t"] != "Plain" for block in blocks):
            self.too_much(cell.node)
        inlines: list[Element] = [inline for block in blocks for inline in block["c"]]
        return [raw(FORM, f"table.cell({', '.join(options)})["), *inlines, raw(FORM, "],")]

    def references(self, division: Element) -> list[Element]:
        """Set the references small and hanging."""
        return [raw_block(FORM, "#references["), division, raw_block(FORM, "]")]

    def classes(self, node: Node) -> list[str]:
        """Return the classes that the author gave."""
        return (node.get("class") or "").split()

    def goal(self, node: Node) -> str:
        """Return the label of a float as an argument: on the float itself it would stand where that was left out."""
        target = self.numbering.target(node)
        return f"<{target}>" if target else "none"

    def anchor(self, node: Node) -> str:
        """Return the label that references lead to."""
        target = self.numbering.target(node)
        return f" <{target}>" if target else ""


def _look(venue: Venue, families: list[str]) -> str:
    """Return the venue's measures for the template, and the typefaces of what its own and that of code lack."""
    layout = venue.layout
    lengths = {name: f"{getattr(layout, name)}in" for name in ("column", "gap", "left", "top", "height", "width")}
    types = {name: f"{getattr(layout, name)}pt" for name in ("size", "leading", "small", "title")}
    words = {"name": typst.string(venue.name), "font": typst.string(layout.font)}
    words["more"] = _array(families)
    return f"#let look = ({', '.join(f'{name}: {value}' for name, value in (lengths | types | words).items())})\n"


def _drawings(body: list[Node]) -> list[Node]:
    """Return the drawings of a float and of its panels."""
    parts = [part for child in body for part in (child["children"] if child["type"] == "container" else [child])]
    return [part for part in parts if part["type"] == "drawing"]


def _apart(goal: str, note: list[Element]) -> list[Element]:
    """Return a note without its mark, which stands in a float."""
    opener, blocks = [raw(FORM, f"#noted({goal})[")], list(note)
    if blocks and blocks[0]["t"] in ("Para", "Plain"):
        opener += blocks.pop(0)["c"]
    first = element("Para" if blocks else "Plain", opener)  # after plain text a paragraph would go on
    return closed([first, *blocks], raw(FORM, "]"))


def _rule(row: int, cell: Cell) -> str:
    return f"table.hline(y: {row}, start: {cell.column}, end: {cell.column + cell.colspan}, stroke: .4pt),"


def _strings(texts: list[str]) -> dict[str, list[Element]]:
    """Return metadata that prints as an array of Typst's strings: what a PDF says of itself has no markup."""
    return {"inlines": [raw(FORM, _array(texts))]}


def _array(texts: Sequence[str]) -> str:
    return f"({''.join(f'{typst.string(text)}, ' for text in texts)})"


def _bool(truth: bool) -> str:
    return "true" if truth else "false"

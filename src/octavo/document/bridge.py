"""From the parsed document, with the results put in, to Pandoc's syntax tree.

``Bridge`` gives Pandoc's own elements, for the formats whose writers print them well (HTML; docx and JATS when they
come). A format with floats of its own overrides the methods for those. A node that no method carries is a problem
with its name, file and line: nothing is left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from octavo.document import mathml
from octavo.document.fidelity import Leaf
from octavo.document.numbering import Numbering
from octavo.document.pandoc import (
    ALIGNMENTS,
    Cited,
    Element,
    attributes,
    citation,
    element,
    in_sentences,
    raw,
    words,
)
from octavo.document.source import Content, included
from octavo.document.tables import Grid, read_grid
from octavo.errors import DocumentError, OctavoError
from octavo.model import Place

Node = dict[str, Any]
WAYS_OUT: Mapping[str, str] = {
    "iframe": "Show a figure of the results with `{result-figure}`.",
    "image": "Save it beside the source as SVG, PNG or JPEG; or draw it in a notebook.",
    "drawing": "Give the picture a paragraph of its own, or show it in a `{figure}`.",
    "html": "Write it in MyST: raw HTML exists in one format alone.",
    "div": "`{notes}` belongs to the slides; anything else, write as paragraphs.",
    "_lift": "Outputs of notebooks are shown by name: `{result-figure}`, `{result-table}`.",
    "outputs": "Move the code into notebooks/ and show what it records: `{result-figure}`, `{result-table}`, `{val}`.",
    "embed": "Show a result by name (`{result-figure}`), or put the text into a file and `{include}` it.",
    "raw": "LaTeX or Typst for one format alone is in no other: write it in MyST.",
    "mermaid": "Draw it in a notebook and show it with `{result-figure}`.",
}
STATEMENTS = (
    "theorem",
    "lemma",
    "corollary",
    "proposition",
    "definition",
    "assumption",
    "remark",
    "example",
    "conjecture",
    "axiom",
    "criterion",
    "observation",
    "property",
    "proof",
    "algorithm",
)
BOXES = {False: "\u2610", True: "\u2612"}  # of task lists
KINDS = {"figure": "Figure", "table": "Table", "code": "Program"}  # mystmd's words for them in references


class Bridge:
    """The carrying of one document into one format. ``form`` is Pandoc's name of the format."""

    form: ClassVar[str] = ""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.numbering = Numbering(content.nodes)
        self.problems: list[OctavoError] = []
        self.cited: Cited | None = None
        self.file = content.file
        self.line: int | None = None
        self.everything = [node for nodes in (*content.parts.values(), content.nodes) for node in _all(nodes)]
        self.footnotes = {n["identifier"]: n for n in self.everything if n["type"] == "footnoteDefinition"}
        depths = [n["depth"] for n in _all(content.nodes) if n["type"] == "heading"]
        self.top = min(depths, default=1)

    # What goes wrong

    def place(self, node: Node) -> Place:
        """Return where a node stands: its own line, or that of what it stands in."""
        self.line = node.get("position", {}).get("start", {}).get("line") or self.line
        return Place(self.file, self.line)

    def problem(self, node: Node, what: str, hint: str = "") -> None:
        """Keep a problem for the report at the end."""
        self.problems.append(DocumentError(what, where=str(self.place(node)), hint=hint))

    def unknown(self, node: Node, what: str = "") -> None:
        """Keep the problem of a construct that this format cannot carry."""
        named = what or f"'{node['type']}'"
        hint = WAYS_OUT.get(node["type"], "Write it in another way; docs/reference.md lists what can be carried.")
        self.problem(node, f"The paper cannot carry {named}.", hint)

    # Inlines

    def inlines(self, nodes: Iterable[Node]) -> list[Element]:
        """Return nodes as what stands inside a paragraph."""
        made: list[Element] = []
        for node in nodes:
            self.place(node)
            method = getattr(self, f"inline_{_method(node)}", None)
            if method:
                made += method(node)
            else:
                self.unknown(node)
        return made

    def children(self, node: Node) -> list[Element]:
        """Return what is inside a node, as inlines."""
        return self.inlines(node.get("children", []))

    def inline_text(self, node: Node) -> list[Element]:
        return words(node["value"])

    def inline_value(self, node: Node) -> list[Element]:
        return [element("Span", [attributes("", ["value"], data_name=node["name"]), words(node["value"])])]

    def inline_emphasis(self, node: Node) -> list[Element]:
        return [element("Emph", self.children(node))]

    def inline_strong(self, node: Node) -> list[Element]:
        return [element("Strong", self.children(node))]

    def inline_subscript(self, node: Node) -> list[Element]:
        return [element("Subscript", self.children(node))]

    def inline_superscript(self, node: Node) -> list[Element]:
        return [element("Superscript", self.children(node))]

    def inline_smallcaps(self, node: Node) -> list[Element]:
        return [element("SmallCaps", self.children(node))]

    def inline_underline(self, node: Node) -> list[Element]:
        return [element("Underline", self.children(node))]

    def inline_delete(self, node: Node) -> list[Element]:
        return [element("Strikeout", self.children(node))]

    def inline_inline_code(self, node: Node) -> list[Element]:
        return [element("Code", [attributes(), node["value"]])]

    def inline_keyboard(self, node: Node) -> list[Element]:
        """A key that is to be pressed; the base sets it as code."""
        return [element("Code", [attributes(), "".join(_texts(node))])]

    def inline_break(self, node: Node) -> list[Element]:
        return [element("LineBreak")]

    def inline_comment(self, node: Node) -> list[Element]:
        return []

    def inline_abbreviation(self, node: Node) -> list[Element]:
        return self.children(node)

    def inline_link(self, node: Node) -> list[Element]:
        return [element("Link", [attributes(), self.children(node), [node["url"], ""]])]

    def inline_footnote_reference(self, node: Node) -> list[Element]:
        definition = self.footnotes.get(node["identifier"])
        if definition is None:
            self.problem(node, f"The footnote '{node['label']}' has no text.", f"Write `[^{node['label']}]: …` below.")
            return []
        if inner := next((n for n in _all(definition["children"]) if n["type"] == "footnoteReference"), None):
            what = f"The footnote '{node['label']}' has the footnote '{inner['label']}' in it."
            self.problem(node, what, "Say both in one, or refer to the second from the text.")
            return []
        return [element("Note", self.blocks(definition["children"]))]

    def inline_cross_reference(self, node: Node) -> list[Element]:
        """A link with the text that mystmd resolved: numbers are counted once, for every format."""
        target = self.numbering.target(node)
        if node.get("suffix") or node.get("prefix"):
            self.unknown(
                node, f"the words '{node.get('suffix') or node['prefix']}' with the reference '{node['label']}'"
            )
            return []
        if not node.get("resolved") or target is None:
            self.problem(
                node, f"The reference '{node.get('label')}' leads nowhere.", "Give its target that label, or mend it."
            )
            return []
        shown = self.children(node) if with_formula(node) else words(self.reference(node))
        return [element("Link", [attributes(), shown, [f"#{target}", ""]])]

    def reference(self, node: Node) -> str:
        """Return the words of a reference, as this format prints them."""
        return self.numbering.reference(node)

    def printed_numbers(self) -> list[Leaf]:
        """Return what the format must print of every number of the document, and of every reference to one."""
        made = [Leaf(self.opening(node), None) for node in self.numbering.nodes.values() if self.numbering.of(node)]
        for node in _all(self.content.nodes):
            if node["type"] == "crossReference" and self.numbering.target(node) and not with_formula(node):
                made.append(Leaf(self.reference(node), None))
        return made

    def opening(self, node: Node) -> str:
        """Return the number of a heading, figure, formula, statement … with what stands beside it."""
        number = self.numbering.of(node)
        if node["type"] == "container":
            return self.label(node)
        if node["type"] == "proof":
            return f"{node['kind'].capitalize()} {number}" if node["kind"] != "proof" else ""
        first = node["children"][0] if node.get("children") else {}
        return f"({number})" if node["type"] == "math" else number + (first.get("value") or "")

    @property
    def numeric(self) -> bool:
        """Whether works are cited by number."""
        return bool(self.cited and self.cited.style)

    @cached_property
    def names(self) -> dict[str, str]:
        """The authors of each cited work, as a sentence names them."""
        keys = sorted({node["label"] for node in self.everything if node["type"] == "cite"})
        found = in_sentences(self.cited, keys) if self.cited else {}
        return {key: re.sub(r"\s*\([^()]*\)$", "", text) for key, text in found.items()}

    def inline_cite(self, node: Node) -> list[Element]:
        return [self.citation([node], narrative=node["kind"] == "narrative")]

    def inline_cite_group(self, node: Node) -> list[Element]:
        cites = node["children"]
        if node["kind"] != "narrative":
            return [self.citation(cites, narrative=False)]
        made: list[Element] = []
        for position, cite in enumerate(cites):
            if position:
                last = position == len(cites) - 1
                made += words(" and " if last else ", ")
            made.append(self.citation([cite], narrative=True))
        return made

    def citation(self, cites: Sequence[Node], *, narrative: bool) -> Element:
        """Return citations; by number, citeproc prints no names where the sentence needs them, so they stand before."""
        if not (narrative and self.numeric):
            return self.cite(cites, narrative=narrative)
        names = [name for cite in cites for name in words(self.names[cite["label"]])]
        return element("Span", [attributes(), [*names, element("Space"), self.cite(cites, narrative=False)]])

    def cite(self, cites: Sequence[Node], *, narrative: bool) -> Element:
        """Return citations for pandoc's citeproc, which words them and makes the list of references.

        A reference among them stands in the bracket before the citation that follows it.
        """
        made = []
        before: list[Element] = []
        for cite in cites:
            if cite["type"] != "cite":
                prefix = [*words(cite["prefix"]), element("Space")] if cite.get("prefix") else []
                before += [*prefix, *self.inlines([{**cite, "prefix": ""}]), element("Str", ";"), element("Space")]
                continue
            mode = "AuthorInText" if narrative else "NormalCitation"
            if cite.get("partial") == "year":
                mode = "SuppressAuthor"
            elif cite.get("partial"):
                self.unknown(cite, f"a citation of the {cite['partial']} alone")
            suffix = words(cite["suffix"]) if cite.get("suffix") else []
            prefix = [*before, *words(cite.get("prefix") or "")]
            after = [element("Str", ","), element("Space"), *suffix] if suffix else []
            made.append(citation(cite["label"], mode, before=prefix, after=after))
            before = []
        text = [inline for cite in cites if cite["type"] == "cite" for inline in self.children(cite)]
        return element("Cite", [made, text])

    def inline_inline_math(self, node: Node) -> list[Element]:
        return [raw(self.form, self.formula(node))]

    def formula(self, node: Node) -> str:
        """Return a formula in this format; the base gives MathML."""
        return self.carried(node, mathml.web)

    def carried(self, node: Node, write: Any) -> str:
        """Return what ``write`` makes of the formula's HTML, or keep the problem that it cannot."""
        try:
            return str(write(node["html"]))
        except (mathml.Unsupported, KeyError) as error:
            self.problem(node, f"The formula ${node['value']}$ cannot be carried: {error}.", "Write it simpler.")
            return ""

    # Blocks

    def blocks(self, nodes: Iterable[Node]) -> list[Element]:
        """Return nodes as blocks; loose inlines between them become one plain line."""
        made: list[Element] = []
        loose: list[Node] = []
        for node in nodes:
            self.place(node)
            name = _method(node)
            if hasattr(self, f"block_{name}"):
                if loose:
                    made.append(element("Plain", self.inlines(loose)))
                    loose = []
                made += getattr(self, f"block_{name}")(node)
            else:
                loose.append(node)
        if loose:
            made.append(element("Plain", self.inlines(loose)))
        return made

    def block_block(self, node: Node) -> list[Element]:
        return self.blocks(node["children"])

    def block_include(self, node: Node) -> list[Element]:
        """What another file holds; its lines are that file's."""
        outer, self.file = self.file, included(self.file, node)
        made = self.blocks(node["children"])
        self.file = outer
        return made

    def block_paragraph(self, node: Node) -> list[Element]:
        """A paragraph; a display formula inside splits it."""
        made: list[Element] = []
        line: list[Node] = []
        for child in [*node["children"], None]:
            if child is None or child["type"] == "math":
                if line:
                    made.append(element("Para", self.inlines(line)))
                    line = []
                made += self.block_math(child) if child else []
            else:
                line.append(child)
        return made

    def block_heading(self, node: Node) -> list[Element]:
        number = self.numbering.of(node)
        text = self.children(node)
        if number:
            text = [element("Span", [attributes("", ["number"]), words(number)]), element("Space"), *text]
        identifier = self.numbering.target(node) or ""
        return [element("Header", [node["depth"] - self.top + 1, attributes(identifier), text])]

    def block_bibliography(self, node: Node) -> list[Element]:
        """Where Sphinx prints the list of references; a paper has it behind the text."""
        if node.get("filter"):
            self.unknown(node, "a list of some of the references")
        return []

    def block_comment(self, node: Node) -> list[Element]:
        return []

    def block_footnote_definition(self, node: Node) -> list[Element]:
        return []  # stands where it is referred to

    def block_thematic_break(self, node: Node) -> list[Element]:
        return [element("HorizontalRule")]

    def block_blockquote(self, node: Node) -> list[Element]:
        return [element("BlockQuote", self.blocks(node["children"]))]

    def block_code(self, node: Node) -> list[Element]:
        self.check_code(node)
        return [element("CodeBlock", [attributes("", [node["lang"]] if node.get("lang") else []), node["value"]])]

    def check_code(self, node: Node) -> None:
        """Keep the problem of what is asked of a listing that no format here shows."""
        if node.get("showLineNumbers") or node.get("emphasizeLines"):
            self.unknown(node, "the line numbers or emphasised lines of a listing")

    def block_list(self, node: Node) -> list[Element]:
        items = []
        for item in node["children"]:
            blocks = self.item(item)
            items.append(_with_box(blocks, BOXES[bool(item["checked"])]) if "checked" in item else blocks)
        if node.get("ordered"):
            return [element("OrderedList", [[node.get("start", 1), element("Decimal"), element("Period")], items])]
        return [element("BulletList", items)]

    def item(self, node: Node) -> list[Element]:
        """Return an item of a list, without the box of a task."""
        blocks = self.blocks(node["children"])
        return blocks if _is_loose(node) else tight(blocks)

    def block_definition_list(self, node: Node) -> list[Element]:
        entries: list[list[Any]] = []
        for child in node["children"]:
            if child["type"] == "definitionTerm":
                entries.append([self.term(child), []])
            elif child["type"] == "definitionDescription":
                blocks = self.blocks(child["children"])
                entries[-1][1].append(tight(blocks) if len(blocks) == 1 else blocks)
            else:
                self.unknown(child)
        return [element("DefinitionList", entries)]

    def term(self, node: Node) -> list[Element]:
        """Return the term of a definition; that of a glossary is what ``{term}`` leads to."""
        target = self.numbering.target(node)
        return [element("Span", [attributes(target), self.children(node)])] if target else self.children(node)

    def block_math(self, node: Node) -> list[Element]:
        number = self.numbering.of(node)
        body = [raw(self.form, self.formula(node))]
        if number:
            body.append(element("Span", [attributes("", ["number"]), words(f"({number})")]))
        identifier = self.numbering.target(node) or ""
        return [element("Div", [attributes(identifier, ["equation"]), [element("Plain", body)]])]

    def block_admonition(self, node: Node) -> list[Element]:
        title, body = self.titled(node)
        head = [element("Para", [element("Strong", title)])] if title else []
        identifier = self.numbering.target(node) or ""
        return [element("Div", [attributes(identifier, ["admonition", node.get("kind") or "note"]), [*head, *body]])]

    def titled(self, node: Node) -> tuple[list[Element], list[Element]]:
        """Return the title of an admonition or a statement, and its body."""
        children = node["children"]
        title = [inline for c in children if c["type"] == "admonitionTitle" for inline in self.children(c)]
        return title, self.blocks(c for c in children if c["type"] != "admonitionTitle")

    def block_proof(self, node: Node) -> list[Element]:
        """A theorem, a definition, a proof, an algorithm: what MyST calls ``prf:``."""
        if node["kind"] not in STATEMENTS:
            self.unknown(node, f"'prf:{node['kind']}'")
            return []
        name = node["kind"].capitalize()
        number = self.numbering.of(node) if node["kind"] != "proof" else ""
        return self.statement(node, f"{name}\u00a0{number}" if number else name)

    def statement(self, node: Node, name: str) -> list[Element]:
        """Return a theorem or its kin under its name; the base gives a division with a bold opening."""
        title, body = self.titled(node)
        head = [element("Strong", words(name))]
        head += [element("Space"), element("Str", "("), *title, element("Str", ")")] if title else []
        head += [element("Str", "."), element("Space")]
        if body and body[0]["t"] == "Para":
            body[0]["c"][:0] = head
        else:
            body.insert(0, element("Para", head))
        if node["kind"] == "proof" and body[-1]["t"] == "Para":
            body[-1]["c"] += [element("Str", "\u00a0□")]
        identifier = self.numbering.target(node) or ""
        return [element("Div", [attributes(identifier, ["statement", node["kind"]]), body])]

    # Figures and tables

    def block_container(self, node: Node) -> list[Element]:
        """A figure, table or listing with its caption."""
        kind = node.get("kind", "figure of HTML")
        body = [child for child in node["children"] if child["type"] not in ("caption", "comment")]
        if kind not in KINDS or any(child["type"] == "legend" for child in body):
            self.unknown(node, f"a '{kind}' container" if kind not in KINDS else "a legend")
            return []
        if any(child["type"] in ("iframe", "image") for child in body):
            self.blocks(child for child in body if child["type"] in ("iframe", "image"))
            return []
        panels = [child for child in body if child["type"] == "container"]
        if panels and len(panels) != len(body):
            self.unknown(node, "panels together with other things in one figure")
            return []
        for panel in panels:
            if (kind, panel.get("kind")) != ("figure", "figure"):
                what = f"The paper cannot carry a '{panel.get('kind')}' inside a '{kind}': its number would be wrong."
                self.problem(panel, what, "Panels are figures inside a figure. Give it a place and number of its own.")
        return self.float(node, body)

    def caption(self, node: Node) -> list[Element]:
        """Return a caption after its bold number; paragraphs are run together, but for the notes of a table."""
        paragraphs = _paragraphs(node)[: 1 if node["kind"] == "table" else None]
        made = [element("Strong", words(f"{self.label(node)}"))] if self.label(node) else []
        for paragraph in paragraphs:
            made += [element("Space")] if made else []
            made += self.inlines(child for child in paragraph["children"] if child["type"] != "captionNumber")
        return made

    def notes(self, node: Node) -> list[list[Element]]:
        """Return the notes of a table, which stand below it: what its caption has after the first paragraph."""
        return [self.children(paragraph) for paragraph in _paragraphs(node)[1:] if node["kind"] == "table"]

    def noted(self, notes: list[list[Element]]) -> list[Element]:
        """Return the notes of a table as what follows it; the base gives a division."""
        return [element("Div", [attributes("", ["table-notes"]), [element("Para", note) for note in notes]])]

    def label(self, node: Node) -> str:
        """Return what opens a caption: ``Figure 3.``, or ``(a)`` for a panel."""
        number = self.numbering.of(node)
        if node.get("subcontainer"):
            return f"({node['enumerator']})" if number else ""
        return f"{KINDS[node['kind']]}\u00a0{number}." if number else ""

    def float(self, node: Node, body: list[Node]) -> list[Element]:
        """Return a figure, table or listing; the base gives Pandoc's own elements."""
        caption = self.caption(node)
        identifier, classes = self.numbering.target(node) or "", (node.get("class") or "").split()
        if len(body) == 1 and body[0]["type"] == "table":
            notes = self.notes(node)
            return [self.table(body[0], identifier, caption), *(self.noted(notes) if notes else [])]
        inner = self.blocks(body)
        return [element("Figure", [attributes(identifier, classes), [None, [element("Plain", caption)]], inner])]

    def block_drawing(self, node: Node) -> list[Element]:
        return [element("Plain", self.drawing(node))]

    def drawing(self, node: Node) -> list[Element]:
        """Return the picture of a figure; every format has its own way."""
        self.unknown(node, f"the figure '{node['name']}'")
        return []

    def block_table(self, node: Node) -> list[Element]:
        return [self.table(node, "", [])]

    def table(self, node: Node, identifier: str, caption: list[Element]) -> Element:
        """Return a table as Pandoc's own element."""
        grid = read_grid(node)

        def row(cells: Grid) -> Element:
            made = [
                [attributes(), element(ALIGNMENTS[cell.align]), cell.rowspan, cell.colspan, self.cell(cell.node)]
                for cell in cells
            ]
            return [attributes(), made]  # type: ignore[return-value]

        columns = [[element(ALIGNMENTS[align]), element("ColWidthDefault")] for align in grid.alignments]
        head = [attributes(), [row(cells) for cells in grid.rows[: grid.headers]]]
        body = [[attributes(), 0, [], [row(cells) for cells in grid.rows[grid.headers :]]]]
        foot = [attributes(), []]
        under = [None, [element("Plain", caption)] if caption else []]
        return element("Table", [attributes(identifier), under, columns, head, body, foot])

    def too_much(self, node: Node) -> None:
        """Keep the problem of a cell that holds more than a line, with the line of that."""
        inner = [child for child in node.get("children", []) if child.get("position")]
        other = [child for child in inner if child["type"] not in ("paragraph", "text")]
        self.unknown([*other, *inner, node][0], "a list, formula or table of its own in a cell")

    def cell(self, node: Node) -> list[Element]:
        """Return what is in a cell of a table."""
        return tight(self.blocks(node["children"]))


def with_formula(node: Node) -> bool:
    """Whether the words of a reference have a formula: they are the title of what it leads to."""
    return any(inner["type"] == "inlineMath" for inner in _all(node.get("children", [])))


def _with_box(blocks: list[Element], box: str) -> list[Element]:
    """Return an item of a task list with its box, as pandoc knows one."""
    first = blocks[0] if blocks and blocks[0]["t"] in ("Para", "Plain") else element("Plain", [])
    opened = {"t": first["t"], "c": [element("Str", box), element("Space"), *first["c"]]}
    return [opened, *blocks[first is blocks[0] if blocks else 0 :]]


def _paragraphs(node: Node) -> list[Node]:
    """Return the paragraphs of a caption."""
    found = [child for caption in node["children"] if caption["type"] == "caption" for child in caption["children"]]
    return [child if child["type"] == "paragraph" else {"type": "paragraph", "children": [child]} for child in found]


def tight(blocks: list[Element]) -> list[Element]:
    """Return paragraphs as plain lines, without the space around them."""
    return [element("Plain", block["c"]) if block["t"] == "Para" else block for block in blocks]


def _is_loose(item: Node) -> bool:
    return len([child for child in item["children"] if child["type"] == "paragraph"]) > 1


def _texts(node: Node) -> Iterable[str]:
    return (str(inner.get("value", "")) for inner in _all([node]))


def _method(node: Node) -> str:
    """Return a node's type as Python names methods: ``inlineMath`` gives ``inline_math``."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in node["type"])


def _all(nodes: Iterable[Node]) -> Iterable[Node]:
    for node in nodes:
        yield node
        yield from _all(node.get("children", []))

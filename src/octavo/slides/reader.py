"""Read the parsed deck into slides. What a slide cannot carry is an error with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Literal

from octavo.document import fidelity
from octavo.document import front as front_matter
from octavo.document.source import Content
from octavo.errors import DocumentError, OctavoError, raise_all
from octavo.model import Place
from octavo.slides.deck import (
    Big,
    Block,
    Deck,
    Flow,
    Formula,
    Inline,
    Inlines,
    Item,
    Listing,
    Paragraph,
    Run,
    Shown,
    Slide,
)
from octavo.slides.leaves import leaves

Node = dict[str, Any]
MOST_COLUMNS = 3
# What of the front matter reaches an output, or changes one.
ALLOWED = ("title", "subtitle", "short_title", "authors", "author", "authors.name", "authors.id", "date", "math")
# Not strftime, which follows the machine's language.
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
SHOWN: dict[str, Literal["figure", "table"]] = {"iframe": "figure", "table": "table"}
COLUMNS_HINT = "Begin each column with `+++` on a line of its own, or make two slides."
# What an author would look for, by the node that a slide cannot carry.
WAYS_OUT = {
    "footnoteReference": "Say it on the slide or in the notes: a footnote is too small to read from the room.",
    "crossReference": "Name the figure or table in words: a slide has no numbers to refer to.",
    "image": "Record the figure in a notebook and show it with `{result-figure}`.",
    "container": "Show one figure or table of the results a slide, with `{result-figure}` or `{result-table}`.",
    "table": "Show a table of the results with `{result-table}`.",
    "code": "Use a `result-figure` or a sentence; code is for the paper.",
    "heading": "Start another slide with `# `, or open the paragraph with bold words.",
}


class Reader:
    """The reading of one deck: its file, and the problems found so far."""

    def __init__(self, file: str, depth: int) -> None:
        self.file = file
        self.depth = depth  # of the headings that start a slide
        self.problems: list[OctavoError] = []
        self.line = 1  # of the last node that had one; nodes made while parsing have none

    def place(self, node: Node) -> Place:
        """Return where a node stands in the deck's file."""
        line = node.get("position", {}).get("start", {}).get("line")
        self.line = line or self.line
        return Place(file=self.file, line=self.line)

    def problem(self, node: Node, what: str, hint: str = "") -> None:
        """Keep a problem for the report at the end."""
        self.problems.append(DocumentError(what, where=str(self.place(node)), hint=hint))

    def unknown(self, node: Node, where: str) -> None:
        """Keep the problem of a construct that has no place where it stands."""
        kind = node.get("type", "?")
        self.problem(node, f"A slide cannot carry '{kind}' in {where}.", WAYS_OUT.get(kind, "Write it as plain text."))

    # Inlines

    def inlines(self, nodes: Iterable[Node], look: Run | None = None) -> Inlines:
        """Return nodes as runs and formulas with the look of what they stand in."""
        found: list[Inline] = []
        for node in nodes:
            found += self._inline(node, look or Run(""))
        return tuple(found)

    def _inline(self, node: Node, look: Run) -> Inlines:
        import msgspec

        change = msgspec.structs.replace
        kind, children = node["type"], node.get("children", [])
        match kind:
            case "text":
                return (change(look, text=node["value"].replace("\n", " "), place=self.place(node)),)
            case "inlineCode":
                return (change(look, text=node["value"], code=True, place=self.place(node)),)
            case "strong":
                return self.inlines(children, change(look, bold=True))
            case "emphasis":
                return self.inlines(children, change(look, italic=True))
            case "subscript" | "superscript":
                return self.inlines(children, change(look, script="sub" if kind == "subscript" else "super"))
            case "link":
                return self.inlines(children, change(look, link=node["url"]))
            case "break":
                return (change(look, text=" "),)
            case "inlineMath":
                return (self._formula(node, display=False),)
            case "cite" | "citeGroup":
                return self._cite(node, look)
            case "captionNumber":
                return ()  # figures on slides have no numbers
            case "octavoValue":
                return (change(look, value=node["name"], place=self.place(node)),)
        self.unknown(node, "a line of text")
        return ()

    def _formula(self, node: Node, *, display: bool) -> Formula:
        return Formula(self.mathml(node), node["value"], display, self.place(node))

    def mathml(self, node: Node) -> str:
        """Return the MathML that the parser put into its HTML of a formula."""
        html = node.get("html", "")
        start, end = html.find("<math"), html.find("</math>")
        if start < 0 or end < 0:
            self.problem(node, f"The formula ${node['value']}$ is not valid TeX.", str(node.get("message", "")))
            return "<math></math>"
        return str(html[start : end + len("</math>")])

    def _cite(self, node: Node, look: Run) -> Inlines:
        """Return a citation in its short form, as the parser worded it."""
        cites = node["children"] if node["type"] == "citeGroup" else [node]
        parts: list[Inline] = []
        for cite in cites:
            parts += [Run("; ")] * bool(parts)
            parts += self.inlines(cite.get("children", []), look)
        if node.get("kind") == "narrative":
            return tuple(parts)
        return (Run("("), *parts, Run(")"))

    # Blocks

    def flow(self, nodes: Iterable[Node], where: str) -> tuple[Flow, ...]:
        """Return text blocks; a figure or table is a problem here."""
        found = []
        for node in nodes:
            block = self.block(node)
            if isinstance(block, Shown):
                self.unknown(node, where)
            elif block:
                found.append(block)
        return tuple(found)

    def block(self, node: Node) -> Block | None:
        """Return the block that a node is, or keep a problem and return none."""
        match node["type"]:
            case "paragraph":
                return Paragraph(self.inlines(node["children"]), self.place(node))
            case "math":
                return Paragraph((self._formula(node, display=True),), self.place(node))
            case "list":
                return Listing(tuple(self._items(node, 1)), self.place(node))
            case "blockquote":
                return self._big(node)
            case "container" | "iframe" | "table":
                return self._shown(node)
            case "comment":
                return None
        self.unknown(node, "a slide")
        return None

    def _items(self, node: Node, level: int) -> Iterable[Item]:
        if level > 2:
            self.problem(node, "A list on a slide has two levels.", "Lift the third level, or split the slide.")
            return
        start = node.get("start", 1) if node.get("ordered") else 0
        for i, item in enumerate(node["children"]):
            place = self.place(item)
            if "checked" in item:
                self.problem(item, "A slide cannot carry a task list.", "Say in words what is done and what is not.")
            inner = [child for child in item["children"] if child["type"] == "list"]
            text = [child for child in item["children"] if child["type"] != "list"]
            if len(text) == 1 and text[0]["type"] == "paragraph":
                text = text[0]["children"]
            yield Item(self.inlines(text), level, place, start + i if start else 0)
            for child in inner:
                yield from self._items(child, level + 1)

    def _big(self, node: Node) -> Big | None:
        place, children = self.place(node), node["children"]
        first = children[0].get("children", []) if children else []
        if len(first) != 1 or first[0]["type"] != "strong":
            self.problem(
                node,
                "A quotation on a slide is a key number with its meaning beneath.",
                "Begin with the number alone in bold, `> **{val}`name`**`, then `>`, then what it means.",
            )
            return None
        label = [block for block in self.flow(children[1:], "a key number") if isinstance(block, Paragraph)]
        if len(label) != len(children) - 1:
            self.problem(node, "What stands beneath a key number is paragraphs.")
        return Big(self.inlines(first[0]["children"]), tuple(label), place)

    def _shown(self, node: Node) -> Shown | None:
        """Return a figure or table of the results, alone or in the container that holds its caption."""
        place, alone = self.place(node), [node]
        caption: Inlines = ()
        if node["type"] == "container":
            alone = [child for child in node["children"] if child["type"] not in ("caption", "comment")]
            for child in node["children"]:
                if child["type"] == "caption":
                    caption += self._caption(child)
        named = [child for child in alone if _result(child)]
        if len(alone) != 1 or not named:
            self.unknown(node, "a slide")
            return None
        shown = named[0]
        return Shown(SHOWN[shown["type"]], _result(shown), caption, place, str(shown.get("alt", "")))

    def _caption(self, node: Node) -> Inlines:
        found: list[Inline] = []
        for child in node["children"]:
            found += [Run(" ")] * bool(found)
            found += self.inlines(child["children"] if child["type"] == "paragraph" else [child])
        return tuple(found)

    # Slides

    def slides(self, blocks: Iterable[Node]) -> tuple[tuple[Flow, ...], tuple[Slide, ...]]:
        """Return the notes before the first heading, which are the title slide's, and the slides."""
        opening = _Open(None)
        groups = [opening]
        for block in blocks:
            groups[-1].columns.append([])
            for node in block["children"]:
                if node["type"] == "heading" and node["depth"] == self.depth:
                    groups.append(_Open(node))
                elif is_notes(node):
                    groups[-1].notes += node["children"]
                else:
                    groups[-1].columns[-1].append(node)
        for node in (node for column in opening.columns for node in column if node["type"] != "comment"):
            self.problem(node, "Text stands before the first slide.", "Begin the slide with a `# heading`.")
        return self._notes(opening, None), tuple(self._slide(group) for group in groups[1:])

    def _notes(self, group: _Open, heading: Node | None) -> tuple[Flow, ...]:
        notes = self.flow(group.notes, "the notes")
        if not notes:
            node = heading or {}
            self.line = self.line if heading else 1
            name = f"The slide '{_words(heading)}'" if heading else "The title slide"
            where = "under its heading" if heading else "before the first heading"
            self.problem(node, f"{name} has no speaker notes.", f"Write them {where}: `:::{{notes}}` ... `:::`.")
        return notes

    def _slide(self, group: _Open) -> Slide:
        heading = group.heading
        assert heading is not None
        place = self.place(heading)
        columns = [tuple(b for b in map(self.block, column) if b) for column in group.columns]
        columns = [column for column in columns if column]
        if not columns:
            self.problem(heading, f"The slide '{_words(heading)}' has nothing on it.", "Write a line, or a figure.")
        bigs = [block for column in columns for block in column if isinstance(block, Big)]
        if len(columns) == 1 and len(bigs) > 1:
            if len(bigs) < len(columns[0]):
                self.problem(heading, "Several key numbers and other text stand in one column.", COLUMNS_HINT)
            columns = [(big,) for big in bigs]
        if len(columns) > MOST_COLUMNS:
            self.problem(heading, f"A slide has at most {MOST_COLUMNS} columns; here are {len(columns)}.", COLUMNS_HINT)
            columns = columns[:MOST_COLUMNS]
        self._check_shown(heading, columns)
        return Slide(self.inlines(heading["children"]), tuple(columns) or ((),), self._notes(group, heading), place)

    def _check_shown(self, heading: Node, columns: list[tuple[Block, ...]]) -> None:
        """A figure or table needs the slide's width; text is above it or below, where its placeholder is."""
        blocks = [block for column in columns for block in column]
        shown = [i for i, block in enumerate(blocks) if isinstance(block, Shown)]
        if not shown:
            return
        name = _words(heading)
        if len(shown) > 1:
            self.problem(heading, f"The slide '{name}' shows {len(shown)} figures or tables.", "Show one a slide.")
        elif len(columns) > 1:
            self.problem(heading, f"The slide '{name}' shows a figure or table in a column.", "Take the `+++` out.")
        elif shown[0] not in (0, len(blocks) - 1):
            hint = "Put the text on one side of it."
            self.problem(heading, f"The slide '{name}' has text above and below its figure or table.", hint)


class _Open:
    """A slide while it is read: its heading (none for the title slide), its columns and its notes."""

    def __init__(self, heading: Node | None) -> None:
        self.heading = heading
        self.columns: list[list[Node]] = [[]]
        self.notes: list[Node] = []


def _words(node: Node) -> str:
    if "value" in node:
        return str(node["value"])
    return "".join(_words(child) for child in node.get("children", []))


def _date(text: str) -> str:
    """Return an ISO date in words, any other text as it is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _result(node: Node) -> str:
    """Return the name of the result that a node stands for, or nothing."""
    return str(node.get("data", {}).get("name", "")) if node.get("type") in SHOWN else ""


def is_notes(node: Node) -> bool:
    """Say whether a node is what `:::{notes}` holds."""
    return node["type"] == "div" and node.get("class") == "notes"


def read(content: Content) -> Deck:
    """Return the slides of a parsed deck.

    Raises DocumentError (or Problems) for slides without notes, and all that a slide cannot carry.
    """
    blocks = content.nodes
    headings = [node["depth"] for block in blocks for node in block["children"] if node["type"] == "heading"]
    reader = Reader(content.file, min(headings, default=1))
    front = content.frontmatter
    reader.problems += front_matter.refused(content.written, ALLOWED, content.file, "deck")
    start = Place(file=content.file, line=1)
    if not front.get("title"):
        reader.problem({}, "The deck has no title.", "Begin the file with `---`, `title: ...`, `---`.")
    notes, slides = reader.slides(blocks)
    raise_all(reader.problems)
    deck = Deck(
        title=(Run(str(front.get("title", "")), place=start),),
        subtitle=(Run(str(front["subtitle"]), place=start),) if front.get("subtitle") else (),
        authors=tuple(str(author["name"]) for author in front.get("authors", [])),
        date=_date(str(front.get("date", ""))),
        footer=str(front.get("short_title", "")),
        notes=notes,
        slides=slides,
        place=start,
    )
    said = "".join(leaf.text for leaf in leaves(deck))
    fidelity.check((leaf for block in blocks for leaf in _leaves(reader, block)), said, "the deck")
    return deck


def _leaves(reader: Reader, node: Node) -> Iterator[fidelity.Leaf]:
    if node["type"] == "captionNumber":
        return
    if node["type"] in ("text", "inlineCode"):
        yield fidelity.Leaf(node["value"], reader.place(node))
    for child in node.get("children", []):
        yield from _leaves(reader, child)

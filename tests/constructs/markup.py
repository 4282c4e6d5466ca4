"""A page in a browser, a Word file and JATS, read back by what their elements say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lxml import etree
from tests.constructs.reading import Fact, Letter, Missing, Reading, squash

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
XLINK = "{http://www.w3.org/1999/xlink}"


class Marked(Reading):
    """What is told by elements: ``within`` names them from outside to inside, as ``name=detail``."""

    opening: dict[str, str]
    formulas: list[tuple[str, set[Fact], str]]  # the letters of each, what is true of it, its number
    tables: list[list[list[dict[str, Any]]]]

    def _detail(self, piece: str, name: str) -> str | None:
        found = [mark for mark in self.within(piece) if mark == name or mark.startswith(f"{name}=")]
        return found[-1].partition("=")[2] if found else None

    def heading(self, piece: str) -> int:
        return int(self._detail(piece, "heading") or 0)

    def leads(self, piece: str, openers: Sequence[str]) -> str:
        text = self.opening.get(self.find(piece)[-1].goal, "")
        spots = {opener: found.start() for opener in openers if (found := re.search(opener, text))}
        return min(spots, key=lambda opener: spots[opener], default="")

    def marker(self, piece: str) -> str:
        before = self.text[: self.text.rfind(squash(piece))][-1:]
        if before and before in "\u2610\u2612":
            return before
        return self._detail(piece, "item") or ""

    def deeper(self, inner: str, outer: str) -> bool:
        def depth(piece: str) -> int:
            return sum(mark.startswith("item=") for mark in self.within(piece))

        return depth(inner) > depth(outer)

    def quoted(self, piece: str) -> bool:
        return self._detail(piece, "quote") is not None

    def boxed(self, piece: str) -> bool:
        return self._detail(piece, "box") is not None

    def ruled(self, above: str, below: str) -> bool:
        at = [self.find(above)[-1].line, self.find(below)[0].line]
        return any(at[0] <= line < at[1] for line in self.bars)

    bars: list[int]

    def note(self, piece: str) -> str:
        plain = squash(piece)
        at = self.text.rfind(plain) + len(plain)
        goal = self.letters[at].goal
        return self.opening.get(goal, "")

    def _cells(self, pieces: Sequence[str]) -> list[dict[str, Any]]:
        wanted = [squash(piece) for piece in pieces]
        for table in self.tables:
            cells = {cell["text"]: cell for row in table for cell in row}
            if all(piece in cells for piece in wanted):
                return [cells[piece] for piece in wanted]
        raise Missing(", ".join(pieces))

    def aligned(self, cells: Sequence[str]) -> str:
        found = {(cell["align"], cell["column"]) for cell in self._cells(cells)}
        return found.pop()[0] if len(found) == 1 else ""

    def spans(self, header: str, cells: Sequence[str]) -> bool:
        head, *below = self._cells([header, *cells])
        return [cell["column"] for cell in below] == list(range(head["column"], head["column"] + head["span"]))

    def pictures(self, caption: str) -> str:
        return self._picture(caption)[0]

    def alternative(self, caption: str) -> str:
        return self._picture(caption)[1]

    figures: list[tuple[str, str, str]]  # the letters of each caption, what it shows, its alternative text

    def _picture(self, caption: str) -> tuple[str, str]:
        for text, shows, alt in self.figures:
            if squash(caption) in text:
                return shows, alt
        raise Missing(caption)

    def facts(self, formula: str, facts: Sequence[Fact]) -> list[Fact]:
        for text, true, _ in self.formulas:
            if re.search(formula, text):
                return [fact for fact in facts if fact in true]
        raise Missing(formula)

    def number(self, formula: str) -> str:
        for text, _, number in self.formulas:
            if re.search(formula, text):
                return number
        raise Missing(formula)

    def wide(self, piece: str) -> bool:
        return False  # of one column

    def beside(self, left: str, right: str) -> bool:
        return False


# A page in a browser


class HtmlReading(Marked):
    """A page as Chromium lays it out."""

    def __init__(self, path: Path) -> None:
        said = _browsed(path)
        self.root = etree.HTML(path.read_bytes())
        self.edges = said["bars"]
        super().__init__(list(_shown(said["letters"])))
        self.opening = {e.get("id"): squash("".join(e.itertext())) for e in self.root.iter() if e.get("id")}
        self.bars = []
        self.formulas = [_formula(e, _html_number(e)) for e in self.root.iter("math")]
        self.tables = [_html_table(e) for e in self.root.iter("table")]
        self.figures = []
        for figure in self.root.iter("figure"):
            captions = ["".join(c.itertext()) for c in figure.findall("figcaption")]
            drawn = [e for e in figure.iter() if e.get("role") == "img" or e.tag == "img"]
            inside = "".join(figure.itertext())
            shows = "drawn" if "Weight (g)" in inside else "square" if drawn else ""
            alt = next((e.get("aria-label") or e.get("alt") or "" for e in drawn), "")
            self.figures += [(squash(caption), shows, alt) for caption in captions]

    def ruled(self, above: str, below: str) -> bool:
        first, last = self.find(above)[0].box, self.find(below)[0].box
        return any(first[3] <= top <= last[1] for _, top, _ in self.edges)

    def apart(self, before: str, after: str) -> bool:
        return self.find(after)[0].box[1] > self.find(before)[-1].box[1] + 5

    def rules(self, first: str, last: str) -> int:
        top, bottom = self.find(first)[0].box[1] - 40, self.find(last)[0].box[3] + 20
        return len({round(y) for left, y, right in self.edges if top < y < bottom and right - left > 150})

    def aligned(self, cells: Sequence[str]) -> str:
        boxes = [[letter.box for letter in self.find(cell)] for cell in cells]
        spans = [(min(b[0] for b in group), max(b[2] for b in group)) for group in boxes]
        edges = {
            "left": [a for a, _ in spans],
            "right": [b for _, b in spans],
            "center": [(a + b) / 2 for a, b in spans],
        }
        spread = {name: max(values) - min(values) for name, values in edges.items()}
        return min(spread, key=lambda name: spread[name]) if min(spread.values()) < 2.5 else ""

    def beside(self, left: str, right: str) -> bool:
        one, other = self.find(left)[0].box, self.find(right)[0].box
        return abs(one[3] - other[3]) < 5 and other[0] > one[0] + 20

    def counts(self) -> dict[str, int]:
        inner = [a for a in self.root.iter("a") if (a.get("href") or "").startswith("#")]
        notes = [a for a in inner if a.get("role") == "doc-noteref"]
        works = [e for e in self.root.iter("div") if "csl-entry" in (e.get("class") or "")]
        figures = [
            e for e in self.root.iter("figure") if any(x.get("role") == "img" or x.tag == "img" for x in e.iter())
        ]
        return {
            "formulas": len(list(self.root.iter("math"))),
            "figures": len([f for f in figures if not f.findall(".//figure")]),
            "tables": len(list(self.root.iter("table"))),
            "footnotes": len(notes),
            "works": len(works),
        }

    def told(self, name: str) -> str:
        if name == "language":
            return str(self.root.get("lang"))
        key = {"title": "citation_title", "author": "citation_author"}.get(name, name)
        found = [text.partition(":")[0] for text in self.root.xpath(f"head/meta[@name='{key}']/@content")]
        return ", ".join(map(str, found))


def _browsed(path: Path) -> dict[str, Any]:
    """Return what Chromium shows of a page: the looks and boxes of its letters."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        raise Missing("a browser")
    script = Path(__file__).with_name("html.js").read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        head, _, tail = path.read_text(encoding="utf-8").rpartition("</body>")
        page.write_text(f"{head}<script>{script}</script></body>{tail}", encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", f"--user-data-dir={folder}"]
        done = subprocess.run(
            [program, *options, "--dump-dom", page.as_uri()], check=True, capture_output=True, text=True, timeout=120
        )
    found = re.search(r'id="read-back">(.*?)</script>', done.stdout, re.DOTALL)
    if not found:
        raise Missing("what the browser read")
    read: dict[str, Any] = json.loads(found[1])
    return read


def _shown(nodes: Sequence[dict[str, Any]]) -> Iterator[Letter]:
    for node in nodes:
        if "in=svg" in node["within"]:
            continue
        href = node["href"]
        first = Letter(
            "",
            frozenset(node["looks"]),
            tuple(node["within"]),
            link="" if href.startswith("#") else href,
            goal=href[1:] if href.startswith("#") else "",
            colour=node["colour"],
        )
        for sign, box in zip(node["text"], node["boxes"], strict=False):
            yield replace(first, text=sign, box=tuple(box), line=int(box[1]))


def _html_number(formula: Any) -> str:
    holder = formula.getparent()
    while holder is not None and "equation" not in (holder.get("class") or ""):
        holder = holder.getparent()
    return "".join(holder.xpath(".//span[contains(@class, 'number')]//text()")) if holder is not None else ""


def _html_table(table: Any) -> list[list[dict[str, Any]]]:
    return _grid([[(c, int(c.get("colspan") or 1), "") for c in row.iter("td", "th")] for row in table.iter("tr")])


def _grid(rows: Sequence[Sequence[tuple[Any, int, str]]]) -> list[list[dict[str, Any]]]:
    """Return the cells of a table with the columns in which they begin."""
    made = []
    for row in rows:
        column, cells = 0, []
        for cell, span, align in row:
            text = squash("".join(_texts(cell)))
            cells.append({"text": text, "column": column, "span": span, "align": align})
            column += span
        made.append(cells)
    return made


def _texts(node: Any) -> Iterator[str]:
    """Yield the texts of an element; of a Word file those that are shown."""
    word = str(node.tag).startswith(WORD)
    for e in node.iter():
        if word:
            if e.tag in (f"{WORD}t", f"{OFFICE}t"):
                yield e.text or ""
        elif isinstance(e.tag, str):
            yield e.text or ""
        if not word and e is not node:
            yield e.tail or ""


# Formulas


def _formula(root: Any, number: str) -> tuple[str, set[Fact], str]:
    """Return the letters of MathML, what is true of it, and its number."""
    facts: set[Fact] = set()
    names = {"msup": ("sup",), "msub": ("sub",), "msubsup": ("sub", "sup"), "munder": ("under",), "mfrac": ("frac",)}
    names["munderover"] = ("under", "over")
    for e in root.iter():
        tag = etree.QName(e).localname if isinstance(e.tag, str) else ""
        parts = [_plain(child) for child in e if isinstance(child.tag, str)]
        if tag == "mfrac":
            facts.add(("frac", *parts[:2]))
        elif tag in names:
            facts |= {(kind, parts[0], part) for kind, part in zip(names[tag], parts[1:], strict=True)}
            facts |= {("limits", *parts[1:])} if tag == "munderover" else set()
        elif tag == "mtable":
            facts.add(("rows", *("|".join(_bare(_plain(cell)) for cell in row) for row in e)))
        elif tag == "mi" and (e.text or "").strip() == "\U0001d53c":
            facts.add(("font", "E", "board"))
    text = _plain(root).replace("\u2223", "|")
    facts |= {("fence", found) for found in re.findall(r"\((.*?)\)", text)}
    return text, facts, squash(number)


def _bare(text: str) -> str:
    """Return a text without the accents over its letters."""
    return re.sub("[\u0302^]", "", text)


def _plain(node: Any) -> str:
    texts = [
        (e.text or "")
        for e in node.iter()
        if isinstance(e.tag, str) and etree.QName(e).localname in ("mi", "mn", "mo", "mtext")
    ]
    return squash("".join(texts).translate({0x2061: None, 0x2062: None}))


def _office_formula(root: Any, number: str) -> tuple[str, set[Fact], str]:
    """Return the letters of a formula of Word's, what is true of it, and its number."""
    facts: set[Fact] = set()

    def part(e: Any, *names: str) -> list[str]:
        return ["".join(squash("".join(_texts(child))) for child in e.findall(f"{OFFICE}{name}")) for name in names]

    for e in root.iter():
        tag = etree.QName(e).localname
        if tag in ("sSup", "sSub", "sSubSup"):
            base, sub, sup = part(e, "e", "sub", "sup")
            facts |= {("sub", base, sub)} if sub else set()
            facts |= {("sup", base, sup)} if sup else set()
        elif tag == "limLow":
            facts.add(("under", *part(e, "e", "lim")))
        elif tag == "nary":
            sign = e.find(f"{OFFICE}naryPr/{OFFICE}chr").get(f"{OFFICE}val")
            facts.add(("limits", *part(e, "sub", "sup")) if sign == "\u2211" else ("nary", str(sign)))
        elif tag == "d":
            facts.add(("fence", part(e, "e")[0].replace("\u2223", "|")))
        elif tag == "f":
            facts.add(("frac", *part(e, "num", "den")))
        elif tag == "m":
            rows = [
                [squash("".join(_texts(cell))) for cell in row.findall(f"{OFFICE}e")]
                for row in e.findall(f"{OFFICE}mr")
            ]
            facts.add(("rows", *("|".join(row) for row in rows)))
        elif tag == "eqArr":
            facts.add(("rows", *(squash("".join(_texts(row))).replace("&", "|") for row in e.findall(f"{OFFICE}e"))))
        elif (tag == "scr" and e.get(f"{OFFICE}val") == "double-struck") or (
            tag == "t" and "\U0001d53c" in (e.text or "")
        ):
            facts.add(("font", "E", "board"))
    return squash("".join(_texts(root))).replace("\u2223", "|"), facts, squash(number)


# JATS

JATS_LOOKS = {
    "bold": "bold",
    "italic": "italic",
    "monospace": "mono",
    "sc": "capitals",
    "sub": "sub",
    "sup": "sup",
    "underline": "underlined",
    "strike": "struck",
    "code": "mono",
    "preformat": "mono",
}


class JatsReading(Marked):
    """JATS, by its elements."""

    def __init__(self, path: Path) -> None:
        self.root = etree.parse(str(path)).getroot()
        self.line = 0
        self.bars = []
        super().__init__(list(self._walk(self.root, frozenset(), (), "", "")))
        self.opening = {e.get("id"): squash("".join(e.itertext())) for e in self.root.iter() if e.get("id")}
        self.formulas = []
        for e in self.root.iter(f"{MATHML}math"):
            self.formulas.append(_formula(e, e.getparent().findtext("label") or ""))
        self.tables = [self._table(e) for e in self.root.iter("table")]
        self.figures = []
        for figure in self.root.iter("fig"):
            graphic = figure.find(".//graphic")
            caption = squash((figure.findtext("label") or "") + "".join(figure.find("caption").itertext()))
            href = graphic.get(f"{XLINK}href") if graphic is not None else ""
            there = bool(href) and (path.parent / href).exists()
            shows = ("square" if "square" in href else "drawn") if there else ""
            alt = (graphic.findtext("alt-text") or "") if graphic is not None else ""
            self.figures.append((caption, shows, alt))

    def _walk(self, e: Any, looks: frozenset[str], within: tuple[str, ...], link: str, goal: str) -> Iterator[Letter]:
        if not isinstance(e.tag, str):
            return
        tag = etree.QName(e).localname
        block = tag in (
            "p",
            "title",
            "label",
            "list-item",
            "td",
            "th",
            "disp-formula",
            "def-item",
            "term",
            "article-title",
        )
        self.line += block or tag == "break"
        if tag == "hr":
            self.bars.append(self.line)
            self.line += 1
        looks |= {JATS_LOOKS[tag]} if tag in JATS_LOOKS else frozenset()
        within = (*within, *self._marks(e, tag))
        link = e.get(f"{XLINK}href") or link if tag == "ext-link" else link
        goal = e.get("rid") if tag == "xref" else goal
        for sign in e.text or "":
            self.line += sign == "\n" and "mono" in looks
            yield Letter(sign, looks, within, link, goal, self.line, colour="")
        for child in e:
            yield from self._walk(child, looks, within, link, goal)
            for sign in child.tail or "":
                self.line += sign == "\n" and "mono" in looks
                yield Letter(sign, looks, within, link, goal, self.line)
        self.line += block

    def _marks(self, e: Any, tag: str) -> list[str]:
        if tag in ("title", "label") and e.getparent().tag in ("sec", "app"):
            return [f"heading={sum(a.tag in ('sec', 'app') for a in e.iterancestors())}"]
        if tag == "list-item":
            listed = e.getparent()
            items = listed.findall("list-item")
            label = e.findtext("label")
            start = 1
            mark = f"{start + items.index(e)}." if listed.get("list-type") == "order" else "\u2022"
            return [f"item={label or mark}"]
        if tag in ("code", "preformat"):
            return [f"code={e.get('language') or ''}"]
        return {"disp-quote": ["quote"], "boxed-text": ["box"], "fn": ["in=fn"]}.get(tag, [f"in={tag}"])

    def _table(self, table: Any) -> list[list[dict[str, Any]]]:
        def cell(e: Any) -> tuple[Any, int, str]:
            return e, int(e.get("colspan") or 1), e.get("align") or "left"

        return _grid([[cell(e) for e in row.iter("td", "th")] for row in table.iter("tr")])

    def rules(self, first: str, last: str) -> int:
        return 0

    def counts(self) -> dict[str, int]:
        return {
            "formulas": len(list(self.root.iter(f"{MATHML}math"))),
            "figures": len(list(self.root.iter("graphic"))),
            "tables": len(list(self.root.iter("table"))),
            "footnotes": len(list(self.root.iter("fn"))),
            "works": len(list(self.root.iter("ref"))),
        }

    def told(self, name: str) -> str:
        if name == "language":
            return str(self.root.get("{http://www.w3.org/XML/1998/namespace}lang") or "")
        if name == "title":
            return "".join(self.root.find(".//article-title").itertext())
        if name == "author":
            names = list(self.root.iter("contrib"))
            return ", ".join(
                " ".join("".join(n.itertext()).split()) for e in names for n in e.iter("name", "string-name")
            )
        return ", ".join("".join(e.itertext()) for e in self.root.iter("kwd"))


# Word


class DocxReading(Marked):
    """A Word file, by its paragraphs and runs."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as package:
            parts = {n: etree.fromstring(package.read(n)) for n in package.namelist() if n.endswith((".xml", ".rels"))}
            self.media = {n for n in package.namelist() if n.startswith("word/media/")}
        self.parts = parts
        self.body = parts["word/document.xml"]
        self.styles = {s.get(f"{WORD}styleId"): s for s in parts["word/styles.xml"].iter(f"{WORD}style")}
        self.related = {r.get("Id"): r.get("Target") for r in parts["word/_rels/document.xml.rels"]}
        self.line, self.bars, self.opening = 0, [], {}
        self.counted: dict[tuple[str, int], int] = {}
        self.open: list[str] = []
        stories = [self.body, parts["word/footnotes.xml"]]
        super().__init__([letter for s in stories for p in s.iter(f"{WORD}p") for letter in self._paragraph(p)])
        for note in parts["word/footnotes.xml"].iter(f"{WORD}footnote"):
            self.opening["note-" + str(note.get(f"{WORD}id"))] = squash("".join(_texts(note)))
        self._openings()
        self.formulas = [_office_formula(e, _after(e)) for e in self.body.iter(f"{OFFICE}oMath")]
        self.tables = [self._table(e) for e in self.body.iter(f"{WORD}tbl")]
        self.figures = self._figures()

    def _openings(self) -> None:
        """Keep what stands behind each bookmark: 60 paragraphs' worth is more than any float."""
        everything = list(self.body.iter())
        for at, e in enumerate(everything):
            if e.tag == f"{WORD}bookmarkStart":
                texts = [x.text or "" for x in everything[at : at + 2500] if x.tag in (f"{WORD}t", f"{OFFICE}t")]
                self.opening[str(e.get(f"{WORD}name"))] = squash("".join(texts))[:600]

    def _paragraph(self, p: Any) -> Iterator[Letter]:
        self.line += 1
        style = p.find(f"{WORD}pPr/{WORD}pStyle")
        named = style.get(f"{WORD}val") if style is not None else ""
        marks = self._marks(p, named)
        if any(e.get("style") == "width:0;height:1.5pt" or etree.QName(e).localname == "rect" for e in p.iter()):
            self.bars.append(self.line)
        for run in p.iter(f"{WORD}r", f"{OFFICE}r"):
            looks = self._looks(run, named)
            kept = next((a for a in run.iterancestors() if a.tag == f"{WORD}hyperlink"), None)
            link = self.related.get(kept.get(f"{RELATED}id"), "") if kept is not None else ""
            goal = kept.get(f"{WORD}anchor") or "" if kept is not None else ""
            colour = run.find(f"{WORD}rPr/{WORD}rStyle")
            shade = colour.get(f"{WORD}val") if colour is not None else ""
            for e in run:
                if e.tag == f"{WORD}br":
                    self.line += 1
                elif e.tag == f"{WORD}footnoteReference":
                    yield Letter("\u00b9", looks, marks, goal="note-" + str(e.get(f"{WORD}id")), line=self.line)
                elif e.tag in (f"{WORD}t", f"{OFFICE}t"):
                    for sign in e.text or "":
                        yield Letter(sign, looks, marks, link, goal, self.line, shade)

    def _looks(self, run: Any, named: str) -> frozenset[str]:
        properties = run.find(f"{WORD}rPr")
        found = set()
        if properties is not None:
            names = {etree.QName(e).localname: e.get(f"{WORD}val") or "" for e in properties}
            found |= {look for tag, look in (("b", "bold"), ("i", "italic"), ("smallCaps", "capitals")) if tag in names}
            found |= {"underlined"} if "u" in names else set()
            found |= {"struck"} if "strike" in names else set()
            found |= {"subscript": {"sub"}, "superscript": {"sup"}}.get(names.get("vertAlign", ""), set())
            found |= {"mono"} if self._monospaced(names.get("rStyle", "")) else set()
        return frozenset(found | ({"mono"} if self._monospaced(named) else set()))

    def _monospaced(self, style: str) -> bool:
        """Whether a style, or one that it is based on, has a monospaced font."""
        while style in self.styles:
            found = self.styles[style]
            fonts = found.find(f"{WORD}rPr/{WORD}rFonts")
            if fonts is not None and re.search("Consolas|Mono|Courier", fonts.get(f"{WORD}ascii") or ""):
                return True
            link, based = found.find(f"{WORD}link"), found.find(f"{WORD}basedOn")
            if link is not None and link.get(f"{WORD}val") == "VerbatimChar" and style != "VerbatimChar":
                style = "VerbatimChar"
            else:
                style = based.get(f"{WORD}val") if based is not None else ""
        return False

    def _marks(self, p: Any, style: str) -> tuple[str, ...]:
        made = []
        found = re.fullmatch(r"Heading(\d)", style)
        made += [f"heading={found[1]}"] if found else []
        made += ["in=term"] if style == "DefinitionTerm" else []
        rows = [a for a in p.iterancestors() if a.tag == f"{WORD}tr"]
        made += [f"row={self.body.getroottree().getpath(rows[-1])}"] if rows else []
        made += ["quote", "box"] if style == "BlockText" else []
        numbered = p.find(f"{WORD}pPr/{WORD}numPr")
        if numbered is not None:
            level = int(numbered.find(f"{WORD}ilvl").get(f"{WORD}val"))
            made += ["item="] * level + [f"item={self._item(numbered.find(f'{WORD}numId').get(f'{WORD}val'), level)}"]
        return tuple(made)

    def _item(self, number: str, level: int) -> str:
        numbering = self.parts["word/numbering.xml"]
        (given,) = (n for n in numbering.iter(f"{WORD}num") if n.get(f"{WORD}numId") == number)
        abstract = given.find(f"{WORD}abstractNumId").get(f"{WORD}val")
        (listed,) = (a for a in numbering.iter(f"{WORD}abstractNum") if a.get(f"{WORD}abstractNumId") == abstract)
        (at,) = (one for one in listed.findall(f"{WORD}lvl") if one.get(f"{WORD}ilvl") == str(level))
        kind = at.find(f"{WORD}numFmt").get(f"{WORD}val")
        text = at.find(f"{WORD}lvlText").get(f"{WORD}val")
        if kind == "bullet":
            return text if text in "\u2610\u2612" and text.strip() else "\u2022"
        override = [o for o in given.findall(f"{WORD}lvlOverride") if o.get(f"{WORD}ilvl") == str(level)]
        start = at.find(f"{WORD}start")
        for one in override:
            start = one.find(f"{WORD}startOverride") if one.find(f"{WORD}startOverride") is not None else start
        first = int(start.get(f"{WORD}val")) if start is not None else 1
        self.counted[number, level] = self.counted.get((number, level), first - 1) + 1
        return f"{self.counted[number, level]}."

    def _table(self, table: Any) -> list[list[dict[str, Any]]]:
        def cell(e: Any) -> tuple[Any, int, str]:
            span = e.find(f"{WORD}tcPr/{WORD}gridSpan")
            align = e.find(f"{WORD}p/{WORD}pPr/{WORD}jc")
            named = align.get(f"{WORD}val") if align is not None else "left"
            return e, int(span.get(f"{WORD}val")) if span is not None else 1, {"start": "left"}.get(named, named)

        return _grid([[cell(e) for e in row.findall(f"{WORD}tc")] for row in table.findall(f"{WORD}tr")])

    def _figures(self) -> list[tuple[str, str, str]]:
        """Return captions with the picture before them: Word has no element for both."""
        made, last = [], ("", "")
        for p in self.body.iter(f"{WORD}p"):
            for e in p.iter():
                if etree.QName(e).localname == "docPr":
                    (blip,) = (b for b in p.iter() if etree.QName(b).localname == "blip")
                    file = f"word/{self.related[blip.get(f'{RELATED}embed')]}"
                    size = next(x for x in p.iter() if etree.QName(x).localname == "extent")
                    square = size.get("cx") == size.get("cy")
                    last = (("square" if square else "drawn") if file in self.media else "", e.get("descr") or "")
            text = squash("".join(_texts(p)))
            if text:
                made.append((text, *last))
                last = ("", "") if re.match(r"Figure|\(", text) else last
        return made

    def rules(self, first: str, last: str) -> int:
        """Return how many edges of a table are drawn: above, below, and under its headers."""
        for table in self.body.iter(f"{WORD}tbl"):
            if squash(first) in squash("".join(_texts(table))):
                style = self.styles[table.find(f"{WORD}tblPr/{WORD}tblStyle").get(f"{WORD}val")]
                drawn = len(list(style.iter(f"{WORD}tblBorders"))) and 2
                return drawn + any(row.find(f".//{WORD}tcBorders") is not None for row in table.iter(f"{WORD}tr"))
        return 0

    def beside(self, left: str, right: str) -> bool:
        rows = [self._detail(piece, "row") for piece in (left, right)]
        return rows[0] is not None and rows[0] == rows[1]

    def counts(self) -> dict[str, int]:
        names = [etree.QName(e).localname for e in self.body.iter()]
        return {
            "formulas": len(list(self.body.iter(f"{OFFICE}oMath"))),
            "figures": names.count("blip"),
            "tables": sum(t.get(f"{WORD}val") == "Table" for t in self.body.iter(f"{WORD}tblStyle")),
            "footnotes": names.count("footnoteReference"),
            "works": sum(str(b.get(f"{WORD}name")).startswith("ref-") for b in self.body.iter(f"{WORD}bookmarkStart")),
        }

    def told(self, name: str) -> str:
        core = self.parts["docProps/core.xml"]
        key = {"author": "creator"}.get(name, name)
        return next((e.text or "" for e in core.iter() if etree.QName(e).localname == key), "")


def _after(formula: Any) -> str:
    """Return what follows a formula in its paragraph: its number."""
    row = next((a for a in formula.iterancestors() if a.tag == f"{WORD}tr"), None)
    return "".join("".join(_texts(cell)) for cell in row.findall(f"{WORD}tc")[2:]) if row is not None else ""

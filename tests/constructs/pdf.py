"""A PDF, read back by where its letters and lines stand; what it is tagged with is asked where there are tags."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.constructs.reading import Fact, Letter, Missing, Reading, squash

LINE = 1.6  # points: what is flatter is a rule
Box = tuple[float, float, float, float]


class PdfReading(Reading):
    """The letters of a PDF in the order in which they were set."""

    def __init__(self, path: Path) -> None:
        import pypdfium2
        from pypdf import PdfReader

        document = pypdfium2.PdfDocument(path)
        self.shapes = [list(_shapes(page)) for page in document]
        self.height, self.width = document[0].get_height(), document[0].get_width()
        letters = [
            letter for number, page in enumerate(document) for letter in _letters(page, number, self.shapes[number])
        ]
        self.reader = PdfReader(path)
        super().__init__(list(_linked(letters, self.reader)))

    def looks(self, piece: str) -> frozenset[str]:
        """Small capitals may be in the same font: there the letters with ascenders are no higher than the others."""
        found = super().looks(piece)
        letters = self.find(piece)
        tall = [o.box[3] - o.box[1] for o in letters if o.text in "bdfhklt"]
        low = [o.box[3] - o.box[1] for o in letters if o.text in "aceimnorsuvwxz"]
        return found | ({"capitals"} if tall and low and max(tall) < min(low) + 0.5 else set())

    def heading(self, piece: str) -> int:
        """Return the level that the outline gives a heading whose letters are bold."""
        levels = [level for title, level in _outline(self.reader.outline) if squash(piece) in squash(title)]
        return levels[0] if levels and "bold" in self.looks(piece) else 0

    def leads(self, piece: str, openers: Sequence[str]) -> str:
        goal = self.find(piece)[-1].goal
        if not goal:
            return ""
        page, x, top = (float(part) for part in goal.split())
        second = x > self.width / 2 - 12
        best = ("", (9e9, 9e9))
        for opener in openers:
            for found in re.finditer(opener, self.text):
                letter = self.letters[found.start()]
                begins = found.start() == 0 or self.letters[found.start() - 1].line != letter.line
                wide = self._spread(letter)
                column = wide or (letter.box[0] > self.width / 2 - 12) == second
                spot = (round(letter.box[1] / 4), abs(letter.box[0] - x))
                if begins and column and letter.page == page and top - 3 < letter.box[3] and spot < best[1]:
                    best = (opener, spot)
        return best[0]

    def marker(self, piece: str) -> str:
        first = self.find(piece)[0]
        before = [
            letter
            for letter in self.letters
            if letter.page == first.page
            and abs(letter.box[3] - first.box[3]) < 4
            and 0 < first.box[0] - letter.box[0] < 26
        ]
        text = "".join(letter.text for letter in sorted(before, key=lambda letter: letter.box[0]))
        boxes = [box for box in self.shapes[first.page] if _is_square(box) and 0 < first.box[0] - box[0] < 26]
        ticked = any(abs(box[3] - first.box[3]) < 6 for box in boxes)
        return text or ("\u2610" if ticked else "")

    def deeper(self, inner: str, outer: str) -> bool:
        return self.find(inner)[0].box[0] > self.find(outer)[0].box[0] + 3

    def quoted(self, piece: str) -> bool:
        return self._left(self.find(piece)[0]) > 5

    def _left(self, letter: Letter) -> float:
        """Return how far a letter stands from the edge of its column."""
        column = [other.box[0] for other in self.letters if other.page == letter.page]
        edge = min(x for x in column if (x > self.width / 2) == (letter.box[0] > self.width / 2))
        return letter.box[0] - edge

    def boxed(self, piece: str) -> bool:
        box = self.find(piece)[0].box
        page = self.find(piece)[0].page
        around = [s for s in self.shapes[page] if s[3] - s[1] > 8 and s[2] - s[0] < 260 and _holds(s, box)]
        beside = [s for s in self.shapes[page] if s[2] - s[0] < 4 and s[1] - 2 <= box[1] <= box[3] <= s[3] + 2]
        return bool(around) or any(0 < box[0] - s[2] < 14 for s in beside)

    def ruled(self, above: str, below: str) -> bool:
        first, last = self.find(above)[0], self.find(below)[0]
        return any(first.box[3] < top < last.box[1] for top, _, _ in self._rules(first.page))

    def _rules(self, page: int) -> list[tuple[float, float, float]]:
        """Return the rules of a page from above: top, left, right; pieces of one rule are joined."""
        flat = sorted((round(s[1]), s[0], s[2]) for s in self.shapes[page] if s[3] - s[1] < LINE and s[2] - s[0] > 5)
        made: list[tuple[float, float, float]] = []
        for top, left, right in flat:
            if made and abs(made[-1][0] - top) <= 1 and left <= made[-1][2] + 2 and left >= made[-1][1] - 2:
                made[-1] = (made[-1][0], made[-1][1], max(right, made[-1][2]))
            else:
                made.append((top, left, right))
        return made

    def note(self, piece: str) -> str:
        last = self.find(piece)[-1]
        at = max(i for i, letter in enumerate(self.letters) if letter is last) + 1
        mark = self.letters[at]
        if "sup" not in mark.looks:
            return ""
        for position, letter in enumerate(self.letters):
            lower = letter.box[1] > mark.box[1] + 60 or letter.page > mark.page
            begins = letter.line != self.letters[position - 1].line
            small = letter.box[3] - letter.box[1] < 4.8
            if letter.text == mark.text and begins and small and position > at and lower:
                return self.text[position + 1 :]
        return ""

    def aligned(self, cells: Sequence[str]) -> str:
        boxes = [_around(self.find(cell)) for cell in cells]
        edges = {
            "left": [box[0] for box in boxes],
            "right": [box[2] for box in boxes],
            "center": [(box[0] + box[2]) / 2 for box in boxes],
        }
        spread = {name: max(values) - min(values) for name, values in edges.items()}
        return min(spread, key=lambda name: spread[name]) if min(spread.values()) < 2 else ""

    def spans(self, header: str, cells: Sequence[str]) -> bool:
        own, below = _around(self.find(header)), [_around(self.find(cell)) for cell in cells]
        left, right = min(box[0] for box in below), max(box[2] for box in below)
        page = self.find(header)[0].page
        lines = [r for r in self._rules(page) if own[3] - 1 < r[0] < below[0][3] and r[1] < own[0] and r[2] > own[2]]
        over = left - 14 < own[0] and own[2] < right + 14 and own[3] < below[0][1] + 1
        return over and any(abs(r[1] - left) < 16 and abs(r[2] - right) < 16 for r in lines)

    def rules(self, first: str, last: str) -> int:
        begin, end = self.find(first)[0], self.find(last)[0]
        found = [
            r
            for r in self._rules(begin.page)
            if begin.box[1] - 26 < r[0] < end.box[3] + 12 and r[1] <= begin.box[0] + 2 and r[2] - r[1] > 90
        ]
        return len(found)

    def beside(self, left: str, right: str) -> bool:
        one, other = self.find(left)[0], self.find(right)[0]
        return one.page == other.page and abs(one.box[3] - other.box[3]) < 3 and other.box[0] > one.box[0] + 20

    def wide(self, piece: str) -> bool:
        letter = self.find(piece)[0]
        tops = [s for s in self.shapes[letter.page] if s[2] - s[0] > 300 and abs(s[1] - letter.box[1]) < 400]
        return any(s[1] > 60 for s in tops) or self._spread(letter)

    def _spread(self, letter: Letter) -> bool:
        """Whether the lines around a letter leave no gutter."""
        row = [o for o in self.letters if o.page == letter.page and abs(o.box[3] - letter.box[3]) < 14]
        middle = self.width / 2
        return any(o.box[0] < middle < o.box[2] for o in row)

    def pictures(self, caption: str) -> str:
        words = self.find(caption)
        letter = words[0]
        left, right = _around([o for o in words if o.line == letter.line])[0] - 130, letter.box[0] + 300
        above = [
            o for o in self.letters if o.page == letter.page and 0 < letter.box[1] - o.box[1] < 330 and left < o.box[0]
        ]
        # What stands next above the caption: of several drawings, the nearest.
        near = min((letter.box[1] - o.box[1] for o in above if o.text == "W" and o.box[0] < right), default=999.0)
        square = min(
            (
                letter.box[1] - s[3]
                for s in self.shapes[letter.page]
                if _is_square(s) and s[2] - s[0] > 90 and s[3] < letter.box[1]
            ),
            default=999.0,
        )
        return "square" if square < min(near, 60) else "drawn" if near < 60 else ""

    def alternative(self, caption: str) -> str:
        """Return the alternative text of the figure of this number, by the tags of the PDF."""
        root: Any = self.reader.trailer["/Root"]
        if "/StructTreeRoot" not in root:
            return ""
        tags = list(_tags(root["/StructTreeRoot"]["/K"]))
        alts = [str(tag["/Alt"]) for tag in tags if tag.get("/S") == "/Figure" and "/Alt" in tag]
        order = sorted(self.captions, key=lambda c: self.text.rfind(squash(c)))
        return alts[order.index(caption)] if len(alts) == len(order) else ""

    captions: tuple[str, ...] = ()

    def facts(self, formula: str, facts: Sequence[Fact]) -> list[Fact]:
        found = re.search(formula, self.text)
        if not found:
            raise Missing(formula)
        letters = self.letters[found.start() : found.end()]
        text = self.text[found.start() : found.end()]

        def box(piece: str) -> Box:
            at = text.find(piece)
            return _around(letters[at : at + len(piece)]) if at >= 0 else (0, 0, 0, 0)

        page = letters[0].page
        rules = [s for s in self.shapes[page] if s[3] - s[1] < LINE]
        return [fact for fact in facts if _holds_fact(fact, box, rules, text, letters)]

    def number(self, formula: str) -> str:
        found = re.search(formula, self.text)
        if not found:
            raise Missing(formula)
        box = _around(self.letters[found.start() : found.end()])
        page = self.letters[found.start()].page
        beside = [
            letter
            for letter in self.letters
            if letter.page == page
            and box[2] + 5 < letter.box[0] < box[2] + 160
            and box[1] - 4 < (letter.box[1] + letter.box[3]) / 2 < box[3] + 4
            and (letter.box[0] > self.width / 2) == (box[0] > self.width / 2)
        ]
        return "".join(letter.text for letter in beside)

    def references(self) -> int:
        """Return how many links lead to places inside; the marks of footnotes, small digits, are no references."""
        marks = [o for o in self.letters if o.goal and o.text.isdigit() and o.box[3] - o.box[1] < 4.8]
        return super().references() - len({id(mark) for mark in marks})

    def counts(self) -> dict[str, int]:
        root: Any = self.reader.trailer["/Root"]
        kinds = (
            [str(tag.get("/S")) for tag in _tags(root["/StructTreeRoot"]["/K"])] if "/StructTreeRoot" in root else []
        )
        years = (self.letters[found.start()].goal for found in re.finditer(r"(?<!\d)(19|20)\d\d(?!\d)", self.text))
        made = {"works": len({goal for goal in years if goal})}
        names = {"formulas": "/Formula", "figures": "/Figure", "tables": "/Table", "footnotes": "/Note"}
        return made | ({name: kinds.count(tag) for name, tag in names.items()} if kinds else {})

    def told(self, name: str) -> str:
        root: Any = self.reader.trailer["/Root"]
        if name == "language":
            return str(root.get("/Lang", ""))
        metadata: Any = self.reader.metadata
        return str(metadata.get(f"/{name.capitalize()}", ""))

    def _near(self, letters: Sequence[Letter], points: float) -> list[Letter]:
        first = letters[0]
        return [o for o in self.letters if o.page == first.page and abs(o.box[1] - first.box[1]) < points]


def _holds_fact(
    fact: Fact, box: Callable[[str], Box], rules: Sequence[Box], text: str, letters: Sequence[Letter]
) -> bool:
    kind, *pieces = fact
    if kind in ("sup", "sub"):
        base, script = (box(piece) for piece in pieces)
        small = script[3] - script[1] < 6.2
        middle = (base[1] + base[3]) / 2
        raised = script[3] <= middle + 1.5 if kind == "sup" else script[3] > base[3] + 0.6
        return small and raised
    if kind == "frac":
        above, below = (box(piece) for piece in pieces)
        between = [r for r in rules if above[3] < r[1] < below[1] and r[0] < above[2] and r[2] > above[0]]
        return bool(between)
    if kind == "under":
        base, limit = (box(piece) for piece in pieces)
        return (limit[1] + limit[3]) / 2 > base[3] and limit[0] < base[2] and limit[2] > base[0]
    if kind == "limits":
        both = next((each for each in ("".join(pieces), "".join(reversed(pieces))) if each in text), "")
        at = text.find(both)
        below, above = (_around(letters[at + both.find(p) : at + both.find(p) + len(p)]) for p in pieces)
        return below[1] > above[3] + 6 and below[0] < above[2] + 3 and below[2] > above[0] - 3
    if kind == "fence":
        return "(" + pieces[0] + ")" in text.replace("\u2223", "|")
    if kind == "rows":
        return _stand_in_rows([row.split("|") for row in pieces], text, letters)
    if kind == "font":
        return any(letter.text == "\U0001d53c" or pieces[1] in letter.looks for letter in letters)
    raise ValueError(kind)


def _stand_in_rows(rows: Sequence[Sequence[str]], text: str, letters: Sequence[Letter]) -> bool:
    """Whether cells stand in rows and columns; they may have been set by row or by column."""
    by_column = [list(column) for column in zip(*rows, strict=True)]
    for order, turned in ((rows, False), (by_column, True)):
        at = re.search("".join(re.escape(cell) + "[\u0302^]?" for line in order for cell in line), text)
        if not at:
            continue
        boxes, spot = [], at.start()
        for line in order:
            for cell in line:
                spot = text.index(cell, spot)
                boxes.append(_around(letters[spot : spot + len(cell)]))
                spot += len(cell)
        grid = [boxes[i : i + len(order[0])] for i in range(0, len(boxes), len(order[0]))]
        grid = [list(row) for row in zip(*grid, strict=True)] if turned else grid
        down = all(low[0][1] > row[0][1] + 5 for row, low in pairwise(grid))
        level = all(
            cell[1] < row[0][3] and cell[3] > row[0][1] and cell[0] > row[0][2] - 1 for row in grid for cell in row[1:]
        )
        columns = all(a[0] < b[2] and b[0] < a[2] for row, low in pairwise(grid) for a, b in zip(row, low, strict=True))
        return down and level and columns
    return False


def _letters(page: Any, number: int, shapes: Sequence[Box]) -> Iterator[Letter]:
    import pypdfium2.raw as raw

    text = page.get_textpage()
    height = page.get_height()
    line, bottom, right, base = number * 10000, -1.0, -1.0, (0.0, 0.0)
    name = ctypes.create_string_buffer(128)
    for index in range(text.count_chars()):
        sign = _sign(raw, text, index)
        left, low, end, high = text.get_charbox(index)
        if not sign.strip() or raw.FPDFText_IsGenerated(text, index) == 1 or sign in "\ufffe\u0002":
            continue
        raw.FPDFText_GetFontInfo(text, index, name, 128, ctypes.byref(ctypes.c_int()))
        font = name.value.decode()
        box = (left, height - high, end, height - low)
        centre = (box[1] + box[3]) / 2
        if abs(centre - bottom) > 7 or left < right - 12 or left > right + 60:
            line += 1
        bottom, right = centre, end
        looks = _font_looks(font) | _script(box, base, font)
        if not looks & {"sub", "sup"}:
            base = (box[3], box[3] - box[1])
        red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
        raw.FPDFText_GetFillColor(text, index, *(ctypes.byref(c) for c in (red, green, blue, alpha)))
        for shape in shapes:
            if shape[3] - shape[1] < LINE and shape[0] - 1 <= left and end <= shape[2] + 1:
                under = shape[1] - box[3]
                looks |= {"underlined"} if -1 < under < 3 else set()
                looks |= {"struck"} if box[1] + 0.8 < shape[1] < box[3] - 0.8 else set()
        colour = f"{red.value},{green.value},{blue.value}"
        yield Letter(sign, frozenset(looks), (font,), line=line, colour=colour, page=number, box=box)


def _sign(raw: Any, text: Any, index: int) -> str:
    """Return a sign; of one beyond the first plane, which PDFium gives in two halves, the first half stands for all."""
    code = raw.FPDFText_GetUnicode(text, index)
    if 0xD800 <= code < 0xDC00:
        low = raw.FPDFText_GetUnicode(text, index + 1)
        return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
    return "" if 0xDC00 <= code < 0xE000 else chr(code)


def _font_looks(font: str) -> set[str]:
    found = set()
    found |= {"bold"} if re.search(r"Bold|CMBX|SFBX|\bgrx", font) else set()
    found |= {"italic"} if re.search(r"Ital|Obli|CMTI|CMMI|SFTI|\bgr[mx]i", font) else set()
    found |= {"mono"} if re.search(r"Mono|CMTT", font) else set()
    found |= {"capitals"} if re.search(r"Caps", font) else set()
    return found | ({"board"} if re.search(r"MSBM", font) else set())


def _script(box: Box, base: tuple[float, float], font: str) -> set[str]:
    """Whether a letter is small, and stands below or above the line of the one before it."""
    if not base[1] or box[3] - box[1] > 5.6:
        return set()
    if box[3] > base[0] + 0.6 and box[1] > base[0] - base[1] + 1.5 and box[1] < base[0]:
        return {"sub"}
    return {"sup"} if box[3] < base[0] - 2.2 and box[3] > base[0] - 9 and box[3] - box[1] > 1.8 else set()


def _shapes(page: Any) -> Iterator[Box]:
    """Yield the boxes of the drawn shapes of a page, those of placed pictures where they stand."""
    height = page.get_height()

    def of(objects: Any, dx: float, dy: float) -> Iterator[Box]:
        for drawn in objects:
            left, low, right, high = drawn.get_bounds()
            if drawn.type == 2:
                yield (left + dx, height - high - dy, right + dx, height - low - dy)

    pictures = [drawn for drawn in page.get_objects(max_depth=1) if drawn.type == 5]
    yield from of(page.get_objects(max_depth=1), 0, 0)
    for picture in pictures:
        left, low, right, high = picture.get_bounds()
        yield (left, height - high, right, height - low)


def _linked(letters: Sequence[Letter], reader: Any) -> Iterator[Letter]:
    """Yield the letters with where they lead to, by the links that lie over them."""
    from dataclasses import replace

    links: dict[int, list[tuple[Box, str, str]]] = {}
    named = reader.named_destinations
    for number, page in enumerate(reader.pages):
        height = float(page.mediabox.height)
        for annotation in page.annotations or []:
            given: Any = annotation.get_object()
            if given.get("/Subtype") != "/Link":
                continue
            corners = [float(v) for v in given.get("/QuadPoints", [])]  # a link over two lines has two boxes
            boxes = [corners[i : i + 8] for i in range(0, len(corners), 8)]
            edges = [(min(b[::2]), min(b[1::2]), max(b[::2]), max(b[1::2])) for b in boxes]
            if not edges:
                left, low, right, high = (float(v) for v in given["/Rect"])
                edges = [(left, low, right, high)]
            action = given.get("/A", {})
            address = str(action.get("/URI", ""))
            goal = "" if address else _goal(given.get("/Dest", action.get("/D")), named, reader)
            for left, low, right, high in edges:
                links.setdefault(number, []).append(((left, height - high, right, height - low), address, goal))
    for letter in letters:
        x, y = (letter.box[0] + letter.box[2]) / 2, (letter.box[1] + letter.box[3]) / 2
        over = [
            link
            for link in links.get(letter.page, [])
            if link[0][0] <= x <= link[0][2] and link[0][1] <= y <= link[0][3]
        ]
        yield replace(letter, link=over[0][1], goal=over[0][2]) if over else letter


def _goal(given: Any, named: Any, reader: Any) -> str:
    """Return where a link leads to: the page from 0, the points from the left and from above."""
    given = given.get_object() if hasattr(given, "get_object") else given
    if isinstance(given, str | bytes):
        found = named[given if isinstance(given, str) else given.decode()]
        page, left, top = found.page, found.left, found.top
    else:
        page, left, top = given[0], given[2], given[3]
    number = next(
        i for i, p in enumerate(reader.pages) if p.indirect_reference == getattr(page, "indirect_reference", page)
    )
    height = float(reader.pages[number].mediabox.height)
    return f"{number} {float(left or 0)} {height - float(top or height)}"


def _outline(entries: Any, level: int = 1) -> Iterator[tuple[str, int]]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _outline(entry, level + 1)
        else:
            yield str(entry.title), level


def _tags(node: Any) -> Iterator[Any]:
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        for child in node:
            yield from _tags(child)
    elif isinstance(node, dict):
        yield node
        if "/K" in node:
            yield from _tags(node["/K"])


def _around(letters: Sequence[Letter]) -> Box:
    boxes = [letter.box for letter in letters]
    return (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))


def _holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] - 1 <= inner[1] and inner[2] <= outer[2] + 1 and inner[3] <= outer[3] + 1


def _is_square(box: Box) -> bool:
    wide, high = box[2] - box[0], box[3] - box[1]
    return wide > 4 and abs(wide - high) < 1

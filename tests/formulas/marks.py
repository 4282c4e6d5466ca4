"""What a page of a PDF shows of a formula, sign by sign, so that two settings of it can be compared.

A picture alone misleads: two fonts never have the same pixels, and a lost prime is fewer of them than a wider space. So
the signs are read out of the PDF, with letter, size and place, and what one system puts together of pieces (a tall
bracket, three dots, a stroke through a sign) is put together here.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

EM = 10.0  # points: both systems set the formulas in type of this size


@dataclass(frozen=True)
class Mark:
    """A sign: what it is, in which letters, how large (em), the edges of its ink and its
    baseline and origin (em)."""

    sign: str
    style: str
    size: float
    left: float
    right: float
    bottom: float
    top: float
    base: float
    origin: float
    part: bool = False  # of a sign that the other system may set as one: it is there, its place is not its own

    @property
    def kind(self) -> tuple[str, str]:
        """What two marks must share to be the same sign."""
        return self.sign, self.style

    @property
    def center(self) -> float:
        """Where it stands in its line."""
        return (self.left + self.right) / 2


# The font of large signs in LaTeX has no Unicode for most of them: by their codes.
LARGE = {
    **dict(enumerate("()[]⌊⌋⌈⌉{}⟨⟩|∥/\\()()[]⌊⌋⌈⌉{}⟨⟩/\\()[]⌊⌋⌈⌉{}⟨⟩/\\/\\()[][][]{}{}{}{|()()⟨⟩⊔⊔∮∮⊙⊙⊕⊕⊗⊗")),
    **dict(zip(range(80, 98), "∑∏∫⋃⋂⨄⋀⋁∑∏∫⋃⋂⨄⋀⋁∐∐", strict=True)),
    **dict.fromkeys((98, 99, 100), "ˆ"),
    **dict.fromkeys((101, 102, 103), "˜"),
    **dict(zip(range(104, 112), "[]⌊⌋⌈⌉{}", strict=True)),
    **dict.fromkeys(range(112, 119), "√"),
    **dict(zip(range(119, 122), "|↑↓", strict=True)),
    **dict.fromkeys(range(122, 126), "⏟"),
}
PIECES = {
    c: sign for start, sign in zip(range(0xF8EB, 0xF8FF, 3), "([{)]}", strict=False) for c in range(start, start + 3)
}
PIECES |= {0xF8F4: "{", **dict.fromkeys((0xF8F6, 0xF8F7, 0xF8F8), ")"), **dict.fromkeys((0xF8F9, 0xF8FA, 0xF8FB), "]")}
PIECES |= dict.fromkeys((0xF8FC, 0xF8FD, 0xF8FE), "}")
# What fonts call by two names.
SAME = {
    **dict.fromkeys("\u0302^", "ˆ"), **dict.fromkeys("\u0303~", "˜"), **dict.fromkeys("\u0304\u0305¯‾", "ˉ"),
    "\u0307": "˙", "\u0308": "¨", "\u030c": "ˇ", "\u0306": "˘", "\u0301": "´", "ˊ": "´", "\u0300": "`", "ˋ": "`",
    "\u030a": "˚", "\u030b": "˝", "ı": "i", "ȷ": "j", "\u20d7": "⃗", "∣": "|", "‖": "∥",
    "∗": "*", "⋅": "·", "∖": "\\", "-": "−", "⋆": "★", "⏞": "⏟",
    "∙": "•", "∆": "Δ", "\u2126": "Ω", "\u2061": "", "µ": "μ", "∶": ":", "〈": "⟨", "〉": "⟩", "◦": "∘", "⨿": "⊔",
    "ג": "ℷ", "ב": "ℶ", "ℎ": "h", "\uf8e6": "|", "\uf8e7": "−", "▵": "△", "◁": "⊲", "▷": "⊳", "♢": "⋄",
    "\u0338": "/",  "⟂": "⊥", "\U0001d6a4": "ı", "\U0001d6a5": "ȷ", "∐": "⊔", "⨄": "⊎",
}  # fmt: skip
# What one system sets of several signs.
PARTS = {
    "≠": "=/", "∉": "∈/", "⊄": "⊂/", "≁": "∼/", "∌": "∋/", "…": "...", "⋯": "···", "⋮": "...", "⋱": "...",
    "∬": "∫∫", "∭": "∫∫∫",
    "⟶": "→", "⟵": "←", "⟹": "⇒", "⟸": "⇐", "⟺": "⇐⇒", "⟷": "←→", "⟼": "→", "↦": "→", "↪": "→", "≔": ":=", "≕": "=:",
    "≐": "=.", "⊨": "|=", "⋈": "⊳⊲", "≅": "∼=", "⨁": "⊕", "⨂": "⊗", "⨆": "⊔", "⨀": "⊙",
    "\u20d6": "←", "\u20e1": "←→", "∯": "∮∮",
}  # fmt: skip
ARROWS = set("→←⇒⇐↔⇔↠")
# Of two fonts of the AMS, signs under the names of others.
AMS = {("≪", "MSAM"): "⋘", ("≫", "MSAM"): "⋙", ("⇒", "MSAM"): "⇉"}
BARS = {"−", "=", "piece", "rule"}
TALL = set("()[]{}⌊⌋⌈⌉⟨⟩|∥↑↓↕⇑⇓/\\√⏟")
LETTERS = {
    "BOLD ITALIC": "bold italic", "BOLD SCRIPT": "bold script", "BOLD FRAKTUR": "bold fraktur", "BOLD": "bold",
    "ITALIC": "italic", "SCRIPT": "script", "FRAKTUR": "fraktur", "BLACK-LETTER": "fraktur", "DOUBLE-STRUCK": "double",
    "SANS-SERIF BOLD": "bold sans", "SANS-SERIF ITALIC": "sans italic", "SANS-SERIF": "sans", "MONOSPACE": "mono",
}  # fmt: skip
FONTS = (
    ("CMBX|SFBX|CMB10", "bold"), ("CMMIB", "bold italic"), ("CMBSY", "bold"), ("CMMI|CMTI|CMSL|SFTI", "italic"),
    ("CMSSBX", "bold sans"), ("CMSS", "sans"), ("CMTT", "mono"), ("MSBM", "double"), ("EUFM", "fraktur"),
    ("rsfs", "round"),
    ("CMSY", "script"),
)  # fmt: skip


def read(pdf: Path) -> list[list[Mark]]:
    """Return the marks of each page."""
    from pdfminer.high_level import extract_pages
    from pdfminer.layout import LTChar, LTCurve, LTPage

    def signs(box: Any) -> Iterator[Any]:
        if isinstance(box, (LTChar, LTCurve)):
            yield box
        elif hasattr(box, "__iter__"):
            for inner in box:
                yield from signs(inner)

    pages: list[list[Mark]] = []
    inks = _inks(pdf)
    for page, ink in zip(extract_pages(pdf, laparams=None), inks, strict=True):
        assert isinstance(page, LTPage)
        found: list[Mark] = []
        for box in signs(page):
            found += _glyph(box, ink) if isinstance(box, LTChar) else _drawn(box)
        pages.append(_joined(found))
    return pages


def _inks(pdf: Path) -> list[dict[tuple[int, int], tuple[float, float, float, float]]]:
    """Return, for each page, the edges of the ink of its glyphs, by their origins in tenths of a point."""
    import pypdfium2
    from pypdfium2 import raw

    made = []
    document = pypdfium2.PdfDocument(pdf)
    for page in document:
        text = page.get_textpage()
        inks = {}
        x, y = ctypes.c_double(), ctypes.c_double()
        for i in range(text.count_chars()):
            if not raw.FPDFText_IsGenerated(text, i) and raw.FPDFText_GetCharOrigin(text, i, x, y):
                inks[round(x.value * 10), round(y.value * 10)] = text.get_charbox(i)
        made.append(inks)
    document.close()
    return made


def _glyph(box: Any, inks: dict[tuple[int, int], tuple[float, float, float, float]]) -> list[Mark]:
    x, y = box.matrix[4:]
    near = ((round(x * 10) + i, round(y * 10) + j) for i in (0, -1, 1) for j in (0, -1, 1))
    found = next((inks[key] for key in near if key in inks), None)
    # A piece of a tall bracket or a long arrow has no ink of its own: that of the whole is told with its first piece.
    left, bottom, right, top = found or (box.x0, y, box.x1, y)
    signs = _named(box.get_text(), box.fontname.rpartition("+")[2])
    if not found:
        signs = [("piece", signs[0][0])]
    step = (right - left) / max(len(signs), 1)
    made = []
    for place, (sign, style) in enumerate(signs):
        edges = (left + step * place) / EM, (left + step * (place + 1)) / EM
        size, part = round(box.size / EM, 2), len(signs) > 1
        if sign == "⃗" and right - left > 0.8 * EM:
            sign, part = "→", True  # over several letters
        made.append(Mark(sign, style, size, *edges, bottom / EM, top / EM, y / EM, x / EM, part))
    return made


def _named(text: str, font: str) -> list[tuple[str, str]]:
    """Return the signs of a glyph, each with the style of its letter."""
    code = re.fullmatch(r"\(cid:(\d+)\)", text)
    if code:
        large = LARGE if font.startswith("CMEX") else {91: "ˆ", 93: "˜"} if font.startswith("MSBM") else {}
        text = large.get(int(code[1]), "")
    if not text or ord(text[0]) in PIECES:
        return [(PIECES[ord(text[0])] if text else "piece", "")]
    if (text, font[:4]) in AMS:
        return [(AMS[text, font[:4]], "")]
    made = []
    for character in text:
        if character in "\ufe00\ufe01 ":
            continue
        if character == "_":
            made.append(("rule", ""))  # as LaTeX sets it
            continue
        found = unicodedata.decomposition(character)
        styled = found.startswith("<font>")
        plain = chr(int(found.split()[1], 16)) if styled else character
        if character in "ﬀﬁﬂﬃﬄ":
            plain = unicodedata.normalize("NFKD", plain)
        for one in unicodedata.normalize("NFD", plain) if plain not in PARTS else plain:
            for sign in PARTS.get(SAME.get(one, one), SAME.get(one, one)):
                letter = unicodedata.category(sign) in ("Lu", "Ll", "Nd", "Lo")
                style = _style(character, font, styled) if letter else ""
                made.append((sign, "round" if style == "script" and "\ufe01" in text else style))
    return made


def _style(character: str, font: str, styled: bool) -> str:
    """Return the kind of letters that a letter is of: by Unicode's name of it, or by LaTeX's font."""
    if styled or character in "ℎ\U0001d6a4\U0001d6a5":
        name = f" {unicodedata.name(character)} "
        found = next((style for word, style in LETTERS.items() if f" {word} " in name), "upright")
        return "italic" if character == "ℎ" else found
    if character in "ℓℏℵℶℷגב℘ℜℑ":
        return ""  # of one kind in both
    return next((style for fonts, style in FONTS if re.match(fonts, font)), "upright")


def _drawn(box: Any) -> list[Mark]:
    """Return a line as a mark; a frame as its four."""
    left, bottom, right, top = (edge / EM for edge in (box.x0, box.y0, box.x1, box.y1))
    if min(right - left, top - bottom) < 0.15:
        return [Mark("rule", "", 1, left, right, bottom, top, bottom, left)]
    if len(getattr(box, "pts", [])) <= 3:
        return [Mark("stroke", "", 1, left, right, bottom, top, bottom, left)]
    sides = (
        (left, left, bottom, top),
        (right, right, bottom, top),
        (left, right, bottom, bottom),
        (left, right, top, top),
    )
    return [Mark("rule", "", 1, *side, side[2], side[0]) for side in sides]


def _joined(marks: list[Mark]) -> list[Mark]:
    """Return the marks with what was set of pieces as one sign."""
    made = sorted(marks, key=lambda mark: (mark.left, mark.top))
    while True:
        pair = next(
            ((i, j) for i, one in enumerate(made) for j, two in enumerate(made) if i != j and _holds(one, two)), None
        )
        if pair is None:
            # What is a piece of nothing lies under a sign of its own kind, or is a stroke without a name.
            return [
                replace(mark, sign=mark.style or "unnamed", style="") if mark.sign == "piece" else mark for mark in made
            ]
        whole, piece = made[pair[0]], made[pair[1]]
        edges = {"left": min, "right": max, "bottom": min, "top": max}
        grown = {name: pick(getattr(whole, name), getattr(piece, name)) for name, pick in edges.items()}
        if piece.sign in ("piece", "rule"):  # of these the ink is not known, or reaches no higher
            grown |= {"bottom": whole.bottom, "top": whole.top}
        made[pair[0]] = replace(whole, **grown)
        del made[pair[1]]


def _holds(whole: Mark, piece: Mark) -> bool:
    """Whether a mark is a piece of another: of an arrow, of a tall bracket, of a brace over or under something."""
    beside = piece.left <= whole.right + 0.1 and piece.right >= whole.left - 0.1
    level = abs(piece.base - whole.base) < 0.1
    if whole.sign in ARROWS and piece.sign in BARS:
        return beside and level and piece.size == whole.size
    if whole.part and piece.sign == "piece":
        return level and whole.left - 0.1 <= piece.left <= whole.right + 0.5
    if whole.sign == "⏟":
        near = min(abs(piece.bottom - whole.bottom), abs(piece.top - whole.top), abs(piece.base - whole.base)) < 0.3
        return beside and near and piece.sign in ("⏟", "rule", "piece")
    if whole.sign in TALL and piece.sign in (whole.sign, "piece", *("|" if whole.sign in "↑↓" else "")) and not level:
        touching = piece.bottom < whole.top + 0.12 and piece.top > whole.bottom - 0.12
        return abs(piece.origin - whole.origin) < 0.05 and (touching or piece.sign == "piece")
    return False

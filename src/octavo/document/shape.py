"""What a formula says, sign by sign, read out of MathML and of Word's formulas alike, so that the two can be compared.

A sign has a place: the exponent of another, a numerator, a cell of a matrix. Two formulas with the same signs in the
same places, in the same letters, say the same.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

Element = Any  # lxml's, which has no types


class Sign(NamedTuple):
    """A sign: the character, the kind of its letters, the way to it from the line: ``^`` up, ``_`` down, and so on."""

    character: str
    style: str
    path: str


MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
# Signs for which pandoc and KaTeX have another character each.
ALIKE = {
    **dict(zip("\u2212\u2223\u22c5\u2016\u27c2\u2217\u2216", "-|\u00b7\u2225\u22a5*\\", strict=True)),
    **dict(zip("\u27fa\u27f9\u27f8\u27f6\u27f5\u22c6", "⇔⇒⇐→←☆", strict=True)),
    **dict.fromkeys("^ˆ\u0302\u0303˜~", "^"),
    **dict.fromkeys("¯ˉ‾\u0304\u0305\u203e_\u0332\u0331―", "¯"),
    **dict.fromkeys("\u20d7\u2192", "→"),
    "\u0307": "˙", "\u0308": "¨", "\u030c": "ˇ", "\u0306": "˘", "\u0301": "ˊ", "´": "ˊ", "\u0300": "ˋ", "`": "ˋ",
    "\u030a": "˚", "\u030b": "˝", "∆": "Δ", "\u2032": "'", "∙": "•", "⟼": "↦", "\u20d6": "←", "\u20e1": "↔",
    "◻": "□", "⋄": "◇", "⧵": "\\", "⟷": "↔", "’": "'", "∶": ":", "⨯": "×",
    # Of one meaning, and Word's fonts have but one of them.
    "⨿": "∐", "⪰": "≽", "⪯": "≼", "⋯": "…", "⩽": "≤", "⩾": "≥", "⌀": "∅", "▫": "□", "◼": "■",
}  # fmt: skip
TILDE = set("\u0303˜~")
NAMED = {
    "DOUBLE-STRUCK": "double-struck", "SCRIPT": "script", "FRAKTUR": "fraktur", "BLACK-LETTER": "fraktur",
    "SANS-SERIF": "sans-serif", "MONOSPACE": "monospace", "BOLD": "bold",
}  # fmt: skip


def signs(text: str, style: str, path: str) -> Iterator[Sign]:
    """Yield the signs of a text, without spaces and what nobody sees."""
    for character in text:
        own = style
        plain = unicodedata.decomposition(character)
        if plain.startswith("<font>"):
            words = set(unicodedata.name(character).replace("-", " ").split()) | set(
                unicodedata.name(character).split()
            )
            own = " ".join(sorted({NAMED[word] for word in words if word in NAMED})) or style
            character = chr(int(plain.split()[1], 16))
        for one in unicodedata.normalize("NFD", character):
            if one.isspace() or unicodedata.category(one) in ("Cf", "Zs") or one in "\ufe00\ufe01":
                continue
            shown = "~" if one in TILDE else ALIKE.get(one, one)
            for sign in "'''"[: {"″": 2, "‴": 3}.get(one, 0)] or shown:
                yield Sign(sign, own if sign.isalnum() else "", path)


def of_mathml(root: Element) -> list[Sign]:
    """Return the signs of a <math>."""
    return list(_mathml(root, ""))


def difference(wanted: Sequence[Sign], found: Sequence[Sign]) -> str:
    """Return in words what of ``wanted`` is not in ``found``, or stands elsewhere there; nothing where they agree."""
    lost, new = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    signs, others = (Counter(sign.character for sign in each.elements()) for each in (lost, new))
    if gone := signs - others:
        return f"it would lose {' '.join(sorted(gone.elements()))}"
    if added := others - signs:
        return f"it would show {' '.join(sorted(added.elements()))} besides"
    if lost:
        first = next(iter(lost))
        return f"it would show {first.character} in another place or letter"
    if list(wanted) != list(found):
        first = next(a for a, b in zip(wanted, found, strict=True) if a != b)
        return f"it would show {first.character} in another order"
    return ""


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _mathml(element: Element, path: str) -> Iterator[Sign]:
    tag, parts = _tag(element), list(element)
    yield from (Sign(name, "", path) for name in _looks(element))
    if tag in ("mi", "mn", "mo", "mtext", "ms") and not parts:
        yield from signs(element.text or "", _variant(element), path)
    elif tag in SCRIPTS:
        yield from _mathml(parts[0], path)
        for part, way in zip(parts[1:], SCRIPTS[tag], strict=True):
            yield from _mathml(part, path + way)
    elif tag == "mfrac":
        bar = element.get("linethickness", "") not in ("0px", "0", "0em")
        yield from [Sign("/", "", path)] if bar else []
        yield from _mathml(parts[0], path + "n")
        yield from _mathml(parts[1], path + "d")
    elif tag in ("msqrt", "mroot"):
        yield Sign("√", "", path)
        if tag == "mroot":
            yield from _mathml(parts[1], path + "i")
        for part in parts[:1] if tag == "mroot" else parts:
            yield from _mathml(part, path + "r")
    elif tag == "mtable":
        glue = ("mtr-glue", "mml-eqn-num")
        yield from _cells([[cell for cell in row if cell.get("class") not in glue] for row in parts], path, _mathml)
    elif tag != "mphantom":
        for part in parts:
            yield from _mathml(part, path)


def _looks(element: Element) -> Iterator[str]:
    """Yield in words what an element shows beside its signs."""
    if _tag(element) != "mspace":  # KaTeX's struts have a colour, and no width
        yield from (word for attribute, word in LOOKS.items() if element.get(attribute, "0px") not in ("0px", "0em"))
    if {*element.get("columnlines", "").split(), *element.get("rowlines", "").split()} - {"none"}:
        yield "lines"
    if _tag(element) == "menclose":
        sides = {"top", "bottom", "left", "right"}  # of an array
        words = element.get("notation", "").split()
        yield from (["lines"] if sides & set(words) else words)
    elif "border" in element.get("style", ""):  # what a page has for it
        yield "box"


LOOKS = {"mathcolor": "colour", "mathbackground": "colour", "mathsize": "size", "voffset": "raised"}
SCRIPTS = {"msub": "_", "msup": "^", "msubsup": "_^", "munder": "_", "mover": "^", "munderover": "_^"}


def _cells(
    rows: Sequence[Sequence[Element]], path: str, read: Callable[[Element, str], Iterator[Sign]]
) -> Iterator[Sign]:
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            yield from read(cell, f"{path}[{number},{column}]")


def _variant(element: Element) -> str:
    variant = element.get("mathvariant") or ""
    words = variant.replace("bold-", "bold ").replace("-italic", " italic").replace("round-script", "script").split()
    return " ".join(sorted(word for word in words if word not in ("normal", "italic")))


def of_word(root: Element) -> list[Sign]:
    """Return the signs of an <m:oMath>."""
    return list(_word(root, ""))


def _word(element: Element, path: str) -> Iterator[Sign]:
    tag = _tag(element)
    reader = WORD.get(tag)
    if reader:
        yield from reader(element, path)
    elif tag == "r":
        yield from signs("".join(t.text or "" for t in element.iter(f"{MATH}t")), _run_style(element), path)
    elif not tag.endswith("Pr"):
        for part in element:
            yield from _word(part, path)


def _run_style(run: Element) -> str:
    found = {"bold"} if _value(run, "sty", "") in ("b", "bi") else set()
    if (script := _value(run, "scr", "roman")) != "roman":
        found.add(script)
    if run.find(".//{http://schemas.openxmlformats.org/wordprocessingml/2006/main}b") is not None:
        found.add("bold")
    return " ".join(sorted(found))


def _value(element: Element, name: str, default: str) -> str:
    """Return a property of an element; one without a value has none of the sign that it is for."""
    properties = next((part for part in element if _tag(part).endswith("Pr")), None)
    found = properties.find(f"{MATH}{name}") if properties is not None else None
    return default if found is None else str(found.get(f"{MATH}val", ""))


def _part(element: Element, name: str, path: str) -> Iterator[Sign]:
    for part in element.findall(f"{MATH}{name}"):
        for inner in part:
            yield from _word(inner, path)


def _attached(*ways: tuple[str, str]) -> Callable[[Element, str], Iterator[Sign]]:
    def read(element: Element, path: str) -> Iterator[Sign]:
        for name, way in ways:
            yield from _part(element, name, path + way)

    return read


def _large(element: Element, path: str) -> Iterator[Sign]:
    yield from signs(_value(element, "chr", "∫"), "", path)
    yield from _attached(("sub", "_"), ("sup", "^"), ("e", ""))(element, path)


def _fraction(element: Element, path: str) -> Iterator[Sign]:
    yield from [] if _value(element, "type", "bar") == "noBar" else [Sign("/", "", path)]
    yield from _attached(("num", "n"), ("den", "d"))(element, path)


def _root(element: Element, path: str) -> Iterator[Sign]:
    yield Sign("√", "", path)
    yield from _attached(("deg", "i"), ("e", "r"))(element, path)


def _brackets(element: Element, path: str) -> Iterator[Sign]:
    yield from signs(_value(element, "begChr", "("), "", path)
    for number, part in enumerate(element.findall(f"{MATH}e")):
        yield from signs(_value(element, "sepChr", "|") if number else "", "", path)
        for inner in part:
            yield from _word(inner, path)
    yield from signs(_value(element, "endChr", ")"), "", path)


def _accent(default: str) -> Callable[[Element, str], Iterator[Sign]]:
    def read(element: Element, path: str) -> Iterator[Sign]:
        below = (
            _value(element, "pos", "top" if _tag(element) != "groupChr" else "bot") == "bot" and _tag(element) != "acc"
        )
        yield from _part(element, "e", path)
        yield from signs(_value(element, "chr", default), "", path + ("_" if below else "^"))

    return read


def _matrix(element: Element, path: str) -> Iterator[Sign]:
    yield from _cells([row.findall(f"{MATH}e") for row in element.findall(f"{MATH}mr")], path, _word)


def _lines(element: Element, path: str) -> Iterator[Sign]:
    """Yield the signs of aligned lines; a ``&`` in them begins a new column."""
    for number, row in enumerate(element.findall(f"{MATH}e")):
        column, own = 0, f"{path}[{number},0]"
        for sign in _word(row, own):
            if sign == Sign("&", "", own):
                column += 1
            else:
                yield sign._replace(path=f"{path}[{number},{column}]{sign.path[len(own) :]}")


def _limit_below(element: Element, path: str) -> Iterator[Sign]:
    """Yield what has a limit below; one above, which is inside, comes after it."""
    inner = element.find(f"{MATH}e")
    both = inner is not None and [_tag(part) for part in inner] == ["limUpp"]
    base = inner[0] if both else element
    yield from _part(base, "e", path)
    yield from _part(element, "lim", path + "_")
    if both:
        yield from _part(base, "lim", path + "^")


def _framed(element: Element, path: str) -> Iterator[Sign]:
    strikes = {"strikeBLTR": "updiagonalstrike", "strikeTLBR": "downdiagonalstrike", "strikeH": "horizontalstrike"}
    shown = [word for name, word in strikes.items() if _value(element, name, "0") == "1"]
    if _value(element, "hideTop", "0") != "1":
        shown.append("box")
    yield from (Sign(word, "", path) for word in shown)
    yield from _part(element, "e", path)


WORD: dict[str, Callable[[Element, str], Iterator[Sign]]] = {
    "nary": _large,
    "f": _fraction,
    "rad": _root,
    "d": _brackets,
    "acc": _accent("\u0302"),
    "bar": _accent("¯"),
    "groupChr": _accent("⏟"),
    "m": _matrix,
    "eqArr": _lines,
    "sSub": _attached(("e", ""), ("sub", "_")),
    "sSup": _attached(("e", ""), ("sup", "^")),
    "sSubSup": _attached(("e", ""), ("sub", "_"), ("sup", "^")),
    "sPre": _attached(("sub", "_"), ("sup", "^"), ("e", "")),
    "limLow": _limit_below,
    "limUpp": _attached(("e", ""), ("lim", "^")),
    "borderBox": _framed,
    "phant": lambda element, path: iter(()),
}

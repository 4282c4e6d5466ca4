"""Formulas from the MathML that mystmd (KaTeX) left in the parsed document: to Typst, and to MathML that browsers show.

Not from the TeX: every converter of TeX to Typst that was tried changes meanings without a word. KaTeX has expanded
macros and found errors before. What is not known here raises Unsupported; a child that nobody reads must not be lost.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

Element = Any  # lxml's, which has no types


class Unsupported(Exception):
    """A construct of a formula that cannot be carried over; the text names it."""


GROUPS = ("math", "semantics", "mrow", "mstyle", "mpadded")
INVISIBLE = {"\u2061", "\u2062", "\u2063", "\u2064", "\u200b"}
APPLY = "\u2061"
# Where a long formula in the line may be broken, outside brackets; shorter ones are not.
RELATIONS = set("=<>≤≥≠≈∼≡∝→⇒⇔")
OPENING, CLOSING = set("([{⟨⌊⌈"), set(")]}⟩⌋⌉")
LONG = 24
# KaTeX writes its spaces as text; the sign after a space makes it negative. Widths in em.
SPACES = {
    "\u2009\u2063": -1 / 6,
    "\u2005\u2063": -2 / 9,
    "\u2004\u2063": -5 / 18,
    "\u200a\u2063": -1 / 6,
    "\u200a": 0.1,
    "\u2009": 1 / 6,
    "\u2005": 2 / 9,
    "\u205f": 2 / 9,
    "\u205f\u200a": 2 / 9,
    "\u2004": 5 / 18,
    "\u2005\u200a": 5 / 18,
    "\u00a0": 0.25,
    "\u2002": 0.5,
    "\u2003": 1.0,
    "\u2003\u2003": 2.0,
}
VARIANTS = {
    "normal": "upright({})",
    "bold": "upright(bold({}))",
    "italic": "italic({})",
    "bold-italic": "bold(italic({}))",
    "double-struck": "bb({})",
    "script": "cal({})",
    "fraktur": "frak({})",
    "sans-serif": "upright(sans({}))",
    "bold-sans-serif": "upright(bold(sans({})))",
    "sans-serif-italic": "italic(sans({}))",
    "monospace": "mono({})",
}
OVER = {
    **dict.fromkeys("^ˆ\u0302", "hat"),
    **dict.fromkeys("~˜\u0303", "tilde"),
    **dict.fromkeys("ˉ¯", "macron"),
    **dict.fromkeys("‾―", "overline"),
    **dict.fromkeys("⃗→", "arrow"),
    **dict.fromkeys("´ˊ", "acute"),
    **dict.fromkeys("`ˋ", "grave"),
    "˙": "dot",
    "¨": "dot.double",
    "ˇ": "caron",
    "˘": "breve",
    "˚": "circle",
    "⏞": "overbrace",
}
UNDER = {**dict.fromkeys("‾_―", "underline"), "⏟": "underbrace"}
ARROWS = set("→←⟶⟵⇒⇐↔⇔")
BARS = {"|": "|", "∣": "|", "∥": "∥", "‖": "∥"}
# KaTeX tells the kinds apart by their space; relations and operators like \mathop have none of their own.
AROUND = {("0.22em", "0.22em"): "binary", ("0em", "0em"): "normal", ("0em", "0.17em"): "punctuation"}
POINTS = {"left": "& {}", "right": "{} &", "center": "{}"}  # a cell on its side of the column's alignment point
EMPTY = '""'  # a cell or a base without content
SPECIAL = set("_^/&#$\"\\()[]{},;|'~*:`.!<>=-@")


def read(html: str) -> Element:
    """Return the <math> element in the HTML of a formula.

    Raises Unsupported when there is none.
    """
    from lxml import etree

    found = re.search(r"<math.*?</math>", html, re.DOTALL)
    if not found:
        raise Unsupported("a formula without MathML")
    root = etree.fromstring(found[0].replace("&nbsp;", "\u00a0"))
    for annotation in root.xpath("//*[local-name() = 'annotation']"):
        annotation.getparent().remove(annotation)
    return root


def typst(html: str) -> str:
    """Return a formula as Typst's math, without the dollar signs.

    Raises Unsupported for what Typst cannot be told.
    """
    return _node(read(html))


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Element) -> str:
    return unicodedata.normalize("NFC", element.text or "")  # KaTeX's ≠ is = and a stroke


def _escape(text: str) -> str:
    return "".join("\\" + c if c in SPECIAL else c for c in text)


def quoted(text: str) -> str:
    """Return a text as a string of Typst."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _row(elements: Sequence[Element]) -> str:
    return " ".join(part for part in map(_node, elements) if part)


def _children(element: Element) -> str:
    return _row(list(element))


def _node(element: Element) -> str:
    tag = _tag(element)
    if tag in GROUPS:
        return _group(element, tag)
    if tag in ("mi", "mo", "mn", "mtext") and len(element):
        # KaTeX puts whole elements into <mo> and <mi> to give them its spacing (\overset, \mathop, \bmod).
        return _classed(element) if tag == "mo" else _children(element)
    writer = WRITERS.get(tag)
    if writer is None:
        raise Unsupported(f"<{tag}>")
    return writer(element)


def _classed(element: Element) -> str:
    """Return what stands in an operator, with the space around it that TeX gives to its kind."""
    made = _children(element)
    parent = element.getparent()
    if _tag(parent) in ("mover", "munder", "munderover") and parent[0] is element:
        return made  # the whole has the space
    around = (element.get("lspace"), element.get("rspace"))
    letters = all(_tag(child) in ("mi", "mtext", "mrow") for child in element.iterdescendants())
    kind = AROUND.get(around) or ("large" if letters else "relation")
    return f'class("{kind}", {made})'


def _group(element: Element, tag: str) -> str:
    children = list(element)
    if element.get("width") == "0px":
        if all(_tag(child) == "mphantom" for child in children):
            return ""  # mhchem's strut: no width and nothing to see
        raise Unsupported(r"\rlap or \llap")
    if element.get("mathcolor"):
        raise Unsupported(r"\color")
    if tag == "mrow" and (fenced := _fenced(children)):
        return fenced
    made = _children(element)
    if tag == "mstyle" and made and element.get("scriptlevel") == "0":
        # A table's cells are set as Typst sets them; only a fraction's size is the author's own.
        fraction = len(children) == 1 and _tag(children[0]) == "mfrac"
        if fraction:
            return f"{'display' if element.get('displaystyle') == 'true' else 'inline'}({made})"
    return made


def _is_fence(element: Element) -> bool:
    return _tag(element) == "mo" and element.get("fence") == "true" and not element.get("minsize")


def _fenced(children: list[Element]) -> str:
    """Return a group with growing brackets, or nothing: \\left and \\right, either of which may be blank."""
    if not children or not (_is_fence(children[0]) or _is_fence(children[-1])):
        return ""
    if len(children) == 2 and _text(children[0]) == "{" and _tag(children[1]) == "mtable":
        rows = (" & quad ".join(map(_children, row)) for row in children[1])
        return f"cases({', '.join(rows)})"
    parts = []
    for position, child in enumerate(children):
        if not _is_fence(child):
            parts.append(_node(child))
            continue
        sign = _escape(BARS.get(_text(child), _text(child)))
        inner = 0 < position < len(children) - 1
        parts.append(f"mid({sign})" if inner else sign)
    return f"lr({' '.join(part for part in parts if part)})"


def _identifier(element: Element) -> str:
    text = _text(element).replace("\u2009", " ").replace("\u00a0", " ")
    variant = element.get("mathvariant")
    if not text or text in INVISIBLE:
        return ""
    if len(text) > 1:
        following = element.getnext()
        if following is not None and _text(following) == APPLY:
            return f"op({quoted(text)})"
        return _varied(quoted(text), variant)
    if not text.isalpha():
        bar = BARS.get(text)
        return f'class("normal", {_escape(bar or text)})'
    return _varied(_escape(text), variant)


def _varied(made: str, variant: str | None) -> str:
    if variant is None:
        return made
    if variant not in VARIANTS:
        raise Unsupported(f"mathvariant={variant}")
    return VARIANTS[variant].format(made)


def _number(element: Element) -> str:
    text = _text(element)
    return _varied(text if re.fullmatch(r"\d+(\.\d+)?", text) else quoted(text), element.get("mathvariant"))


def _operator(element: Element) -> str:
    text = _text(element)
    if not text or text in INVISIBLE:
        return ""
    if element.get("minsize"):
        return f"lr({_escape(BARS.get(text, text))}, size: #{element.get('minsize')})"
    if len(text) > 1 and text.isalpha():
        return f"op({quoted(text)})"
    if set(text) == {"′"}:
        return text
    if text in BARS:
        # With TeX's spaces of a relation (\mid, \parallel), or none: as a bracket (\lvert) it is told not to stretch.
        relation = text in "∣∥" and element.get("stretchy") != "false"
        return f'class("{"relation" if relation else "normal"}", {_escape(BARS[text])})'
    kind = AROUND.get((element.get("lspace"), element.get("rspace"))) or ("relation" if text.isalpha() else "")
    return f'class("{kind}", {_escape(text)})' if kind else _escape(text)  # braces make it normal, as in 1{,}000


def _words(element: Element) -> str:
    text = _text(element)
    if text in SPACES:
        return f"#h({SPACES[text]:.4f}em)"
    if not text:
        return ""
    variant = element.get("mathvariant")
    made = quoted(text.replace("\u00a0", " "))
    return _varied(made, variant) if variant and variant != "normal" else made


def _space(element: Element) -> str:
    if element.get("linebreak"):
        return "\\ "
    width = element.get("width")
    return f"#h({width})" if width else ""


def _fraction(element: Element) -> str:
    above, below = (_node(child) or EMPTY for child in element)
    if element.get("linethickness") in ("0px", "0", "0em"):
        return f"mat(delim: #none, {above}; {below})"
    return f"frac({above}, {below})"


def _root(element: Element) -> str:
    base, index = element
    return f"root({_node(index)}, {_node(base)})"


def _scripted(element: Element) -> str:
    tag, (base, *scripts) = _tag(element), list(element)
    made = f"scripts({_node(base) or EMPTY})"
    below = scripts[0] if tag in ("msub", "msubsup") else None
    above = scripts[-1] if tag in ("msup", "msubsup") else None
    return made + _attached(below, above)


def _attached(below: Element | None, above: Element | None) -> str:
    made = ""
    for sign, script in (("_", below), ("^", above)):
        text = _node(script) if script is not None else ""
        made += f"{sign}({text})" if text else ""
    return made


def _stacked(element: Element) -> str:
    tag, (base, *scripts) = _tag(element), list(element)
    mark = _text(scripts[0]) if len(scripts) == 1 and _tag(scripts[0]) == "mo" else ""
    marks = OVER if tag == "mover" else UNDER
    if mark in marks and (element.get("accent") == "true" or scripts[0].get("stretchy") == "true"):
        return f"{marks[mark]}({_node(base)})"
    made = _node(base) or EMPTY
    if _tag(base) == "mo" and base.get("stretchy") == "true" and _text(base) in ARROWS:
        # TeX lets the arrow grow with what stands on it.
        made = f"stretch({_escape(_text(base))}, size: #160%)"
    below = scripts[0] if tag in ("munder", "munderover") else None
    above = scripts[-1] if tag in ("mover", "munderover") else None
    return f"limits({made}){_attached(below, above)}"


def _check_table(element: Element) -> None:
    if element.get("width"):
        raise Unsupported(r"\tag (give the formula a label: Octavo numbers it)")
    if {*element.get("columnlines", "").split(), *element.get("rowlines", "").split()} - {"none"}:
        raise Unsupported("lines in an array")


def _table(element: Element) -> str:
    _check_table(element)
    rows = [[_children(cell) for cell in row if not _is_glue(cell)] for row in element]
    sides = (element.get("columnalign") or "center").split()
    if _is_outermost(element) and (len(sides) == 1 or (set(sides) <= {"right", "left"} and sides[0] == "right")):
        return " \\ ".join(" & ".join(row) for row in rows)
    sides += [sides[-1]] * max(len(row) for row in rows)
    cells = ([POINTS[side].format(cell or EMPTY) for cell, side in zip(row, sides, strict=False)] for row in rows)
    return f"mat(delim: #none, {'; '.join(map(', '.join, cells))})"


def _is_glue(cell: Element) -> bool:
    return cell.get("class", "") in ("mtr-glue", "mml-eqn-num")


def _is_outermost(element: Element) -> bool:
    """Whether a table is the whole formula: only then are its rows the lines of the equation."""
    parent = element.getparent()
    while parent is not None and len(parent) == 1:
        element, parent = parent, parent.getparent()
    return parent is None


def _phantom(element: Element) -> str:
    return f"#hide[${_children(element)}$]"


def _square_root(element: Element) -> str:
    return f"sqrt({_children(element)})"


def _enclosed(element: Element) -> str:
    if element.get("notation") == "box":
        return f"#box(stroke: .5pt, inset: 3pt, baseline: 3pt)[${_children(element)}$]"
    if element.get("notation") == "updiagonalstrike":
        return f"cancel({_children(element)})"
    raise Unsupported(f"menclose {element.get('notation', '')}")


WRITERS: dict[str, Callable[[Element], str]] = {
    "mi": _identifier,
    "mn": _number,
    "mo": _operator,
    "mtext": _words,
    "mspace": _space,
    "mfrac": _fraction,
    "msqrt": _square_root,
    "mroot": _root,
    **dict.fromkeys(("msub", "msup", "msubsup"), _scripted),
    **dict.fromkeys(("mover", "munder", "munderover"), _stacked),
    "mtable": _table,
    "mphantom": _phantom,
    "menclose": _enclosed,
}

# The mathematical alphabets of Unicode: where A and a stand, and letters that were there before the alphabets.
ALPHABETS = {
    "bold": (0x1D400, 0x1D41A, {}),
    "italic": (0x1D434, 0x1D44E, {"h": "ℎ"}),
    "bold-italic": (0x1D468, 0x1D482, {}),
    "script": (0x1D49C, 0x1D4B6, dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))),
    "fraktur": (0x1D504, 0x1D51E, dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True))),
    "double-struck": (0x1D538, 0x1D552, dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))),
    "sans-serif": (0x1D5A0, 0x1D5BA, {}),
    "bold-sans-serif": (0x1D5D4, 0x1D5EE, {}),
    "sans-serif-italic": (0x1D608, 0x1D622, {}),
    "monospace": (0x1D670, 0x1D68A, {}),
}
DIGITS = {"bold": 0x1D7CE, "double-struck": 0x1D7D8, "sans-serif": 0x1D7E2, "monospace": 0x1D7F6}
GREEK = {"bold": (0x1D6A8, 0x1D6C2), "bold-italic": (0x1D71C, 0x1D736)}


def tokens(html: str) -> list[str]:
    """Return the texts of a formula's own signs: numbers, letters, operators, words. Raises Unsupported."""
    named = ("mi", "mn", "mo", "mtext", "ms")
    return [e.text or "" for e in read(html).iter() if len(e) == 0 and _tag(e) in named]


def web(html: str) -> str:
    """Return a formula as MathML that browsers show: its letters in Unicode's alphabets, which MathML Core needs.

    Raises Unsupported when there is no MathML, or what MathML Core has no word for.
    """
    from lxml import etree

    root = read(html)
    for element in root.iter():
        variant = element.get("mathvariant")
        if variant and variant != "normal":
            element.text = "".join(letter(c, variant) for c in _text(element))
            del element.attrib["mathvariant"]
    for table in root.xpath("//*[local-name() = 'mtable']"):
        _check_table(table)
        _align(table)
    for element in root.xpath("//*[local-name() = 'mtext']"):
        _widen(element)
    for element in root.xpath("//*[local-name() = 'menclose']"):
        if element.get("notation") != "box":
            raise Unsupported(f"menclose {element.get('notation', '')}")
        element.tag = str(element.tag).replace("menclose", "mrow")  # MathML Core has no menclose
        element.set("style", "border:1px solid;padding:0.2em")
    return str(etree.tostring(root, encoding="unicode"))


def breakable(math: str) -> str:
    """Return a formula of ``web`` in parts between which a line may break: before the relations outside all brackets.

    A browser does not break a formula. One too short to need it stays whole.
    """
    from lxml import etree

    root = etree.fromstring(math)
    row = root
    while len(row) == 1 and _tag(row[0]) in ("semantics", "mrow"):
        row = row[0]
    if len("".join(root.itertext())) < LONG:
        return math
    parts: list[list[Element]] = [[]]
    depth = 0
    for element in row:
        sign = _text(element) if _tag(element) == "mo" else ""
        depth += (sign in OPENING) - (sign in CLOSING)
        if sign in RELATIONS and not depth and parts[-1]:
            element.set("form", "infix")  # at the start of a part it would have no space before it
            parts.append([])
        parts[-1].append(element)
    made = []
    for part in parts:
        whole = etree.Element(root.tag, dict(root.attrib), root.nsmap)
        etree.SubElement(whole, f"{{{root.nsmap[None]}}}mrow" if root.nsmap else "mrow").extend(part)
        made.append(str(etree.tostring(whole, encoding="unicode")))
    return "<wbr>".join(made)


def _widen(words: Element) -> None:
    """Make a space of KaTeX's, which is text, an <mspace>: as text, one that pulls together would push apart."""
    width = SPACES.get(_text(words))
    if width is None:
        return
    words.tag, words.text = str(words.tag).replace("mtext", "mspace"), None
    words.attrib.clear()
    words.set("width", f"{max(width, 0):.4g}em")
    if width < 0:  # MathML Core has no negative width
        words.set("style", f"margin-right:{width:.4g}em")
        _close(words)


def _close(space: Element) -> None:
    """Take away the space of two signs that a negative one draws together: TeX has none between relations."""
    before, after = space.getprevious(), space.getnext()
    while after is not None and _tag(after) in ("mspace", "mtext") and _text(after) in ("", *SPACES):
        after = after.getnext()
    if before is not None and after is not None and _tag(before) == _tag(after) == "mo":
        before.set("rspace", "0em")
        after.set("lspace", "0em")


def _align(table: Element) -> None:
    """Give cells their alignment as a style, and drop the empty ones: MathML Core has no columnalign and no glue."""
    sides = (table.get("columnalign") or "center").split()
    for row in table:
        for cell in [cell for cell in row if _is_glue(cell)]:
            row.remove(cell)
        for position, cell in enumerate(row):
            side = sides[min(position, len(sides) - 1)]
            padding = "padding-left:0;padding-right:0;" if table.get("columnspacing") == "0em" else ""
            cell.set("style", f"{padding}text-align:{side}")


def letter(character: str, variant: str) -> str:
    """Return a letter or digit of one of Unicode's mathematical alphabets; any other character as it is."""
    if variant in ALPHABETS and character.isascii() and character.isalpha():
        upper, lower, earlier = ALPHABETS[variant]
        base = upper + ord(character) - ord("A") if character.isupper() else lower + ord(character) - ord("a")
        return earlier.get(character, chr(base))
    if variant in DIGITS and character.isascii() and character.isdigit():
        return chr(DIGITS[variant] + int(character))
    if variant in GREEK and "Α" <= character <= "ω":
        upper, lower = GREEK[variant]
        return chr(upper + ord(character) - ord("Α") if character <= "Ω" else lower + ord(character) - ord("α"))
    return character

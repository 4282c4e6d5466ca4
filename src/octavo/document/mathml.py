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
    "round-script": "scr({})",  # ours: see _told_apart
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
    "←": "accent({}, arrow.l)",
    "↔": "accent({}, arrow.l.r)",
    "˝": "accent({}, acute.double)",
}
UNDER = {**dict.fromkeys("‾_―", "underline"), "⏟": "underbrace"}
ARROWS = set("→←⟶⟵⇒⇐↔⇔")
BARS = {"|": "|", "∣": "|", "∥": "∥", "‖": "∥"}
DOUBLE = "‖"  # as a bracket: Typst takes ∥ for a relation, which neither grows nor stands close
# What one KaTeX writes as letters in a class of its page; its MathML must have as many in these variants.
CLASSES = {
    "mathbf": ("bold",),
    "boldsymbol": ("bold-italic", "bold"),
    "mathbb": ("double-struck",),
    "mathfrak": ("fraktur",),
    "mathsf": ("sans-serif",),
    "mathtt": ("monospace",),
}
# Accents of words, which are letters of their own in Unicode.
RELATED = set("⊥⟂⋈≜")  # which are none to Typst
BINARY = set("+−±∓×⋅·∗∘∙⊗⊕⊙⊖∩∪∧∨∖⊓⊔⊎⋆÷⨿†‡")
NO_RELATIONS = set("∫∬∭∮¬∂∇") | set("∑∏∐⋃⋂⨄⨁⨂⨀⋁⋀⨆")
LARGE_SIGNS = set("∑∏∐⋃⋂⨄⨁⨂⨀⋁⋀⨆")
UPRIGHTS = set("↑↓↕⇑⇓⇕")  # as brackets, of \\left and \\right
MARKS = dict(
    zip(
        "¨˝´ˊ`ˋ^ˆ~˜¯ˉ˘˙˚ˇ",
        "\u0308\u030b\u0301\u0301\u0300\u0300\u0302\u0302\u0303\u0303\u0304\u0304\u0306\u0307\u030a\u030c",
        strict=True,
    )
)
DOTLESS = {"ı": "i", "ȷ": "j"}
# KaTeX tells the kinds apart by their space; relations and operators like \mathop have none of their own.
AROUND = {("0.22em", "0.22em"): "binary", ("0em", "0em"): "normal", ("0em", "0.17em"): "punctuation"}
SIZES = {("0", "true"): "display", ("0", "false"): "inline"}
LEVELS = {"1": "script", "2": "sscript"}
SCRIPTED = ("msub", "msup", "msubsup", "mover", "munder", "munderover")
# What a group can have beside its content, and Typst's formulas cannot.
LOST = {
    "mathcolor": r"\color",
    "mathbackground": r"\colorbox",
    "mathsize": r"a size (\large)",
    "voffset": r"\raisebox",
}
# What MathML calls what TeX has commands for, as the author typed them.
ENCLOSED = {
    "updiagonalstrike": r"\cancel",
    "downdiagonalstrike": r"\bcancel",
    "updiagonalstrike downdiagonalstrike": r"\xcancel",
    "horizontalstrike": r"\sout",
    "phasorangle": r"\phase",
    "actuarial": r"\angl",
}
STRETCHED = {
    ("munder", "←"): r"\underleftarrow",
    ("munder", "→"): r"\underrightarrow, \varinjlim or the like",
    ("munder", "↔"): r"\underleftrightarrow",
    ("munder", "~"): r"\utilde",
    ("munder", "⏡"): r"\undergroup",
    ("munder", "undefined"): r"\underlinesegment",
    ("mover", "⏠"): r"\overgroup",
    ("mover", "⇒"): r"\Overrightarrow",
    ("mover", "↼"): r"\overleftharpoon",
    ("mover", "⇀"): r"\overrightharpoon",
    ("mover", "◯"): r"\textcircled",
    ("mover", "undefined"): r"\overlinesegment",
}
POINTS = {"left": "& {}", "right": "{} &", "center": "{}"}  # a cell on its side of the column's alignment point
GLUE = "\u2060"  # beside words, until all is put together
EMPTY = '""'  # a cell or a base without content
# Typst takes brackets for a pair that grows with what is between; one alone, for an error.
SPECIAL = set("_^/&#$\"\\()[]{},;|'~*:`.!<>=-@⟨⟩⌊⌋⌈⌉⌜⌝⌞⌟⟦⟧⦃⦄⟮⟯⎰⎱⟅⟆")


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
    _told_apart(root, html[found.end() :])
    for mark in root.xpath("//*[local-name() = 'mo'][. = '\u2061']"):
        if _tag(mark.getparent()) in SCRIPTED:  # \hat{\operatorname{Cov}}: three where two are known
            mark.getparent().remove(mark)
    for accent in root.xpath("//*[local-name() = 'mover']"):
        _spell(accent)
    for words in root.xpath("//*[local-name() = 'mtext']"):
        _join(words)
    return root


def _told_apart(root: Element, page: str) -> None:
    """Look at what KaTeX made of the formula for its own page: its MathML has one script, and loses letters' fonts.

    Raises Unsupported where that would change what a reader sees.
    """
    shown = {name: "".join(re.findall(rf'class="[^"]*\b{name}\b[^"]*"[^>]*>([^<]*)', page)) for name in CLASSES}
    for name, text in shown.items():
        variants = CLASSES[name] if name != "mathbf" or not shown["boldsymbol"] else ("bold", "bold-italic")
        found = "".join(e.text or "" for e in root.iter() if e.get("mathvariant") in variants)
        lost = [c for c in text if c.isalnum() and c not in found]
        if lost:
            raise Unsupported(f"\\{name}{{{lost[0]}}} inside of what has another font (\\operatorname)")
    scripts = {
        name: set("".join(re.findall(rf'class="[^"]*\b{name}\b[^"]*"[^>]*>([^<]*)', page)))
        for name in ("mathscr", "mathcal")
    }
    if both := scripts["mathscr"] & scripts["mathcal"]:
        raise Unsupported(f"both \\mathcal and \\mathscr of {min(both)}")
    for element in root.iter():
        if element.get("mathvariant") == "script" and element.text in scripts["mathscr"]:
            element.set("mathvariant", "round-script")


def _spell(accent: Element) -> None:
    """Make a letter of a word and the accent that KaTeX took off it one letter again."""
    if len(accent) != 2 or _tag(accent[0]) != "mtext" or _text(accent[1]) not in MARKS:
        return
    letter = _text(accent[0])
    whole = unicodedata.normalize("NFC", DOTLESS.get(letter, letter) + MARKS[_text(accent[1])])
    if len(whole) == 1:
        accent.tag, accent.text = accent[0].tag, whole
        variant = accent[0].get("mathvariant")
        accent.attrib.clear()
        if variant:
            accent.set("mathvariant", variant)
        del accent[:]


def _join(words: Element) -> None:
    """Put words that follow one another in the same font into one element: apart, they would stand apart."""
    before = words.getprevious()
    if before is None or _tag(before) != "mtext" or before.get("mathvariant") != words.get("mathvariant"):
        return
    if _text(before) not in SPACES and _text(words) not in SPACES:
        words.text = (before.text or "") + (words.text or "")
        before.getparent().remove(before)


def typst(html: str) -> str:
    """Return a formula as Typst's math, without the dollar signs.

    Raises Unsupported for what Typst cannot be told.
    """
    return _node(read(html)).replace(GLUE, "")


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
    made = ""
    for part in filter(None, map(_node, elements)):
        # A space beside words would be printed.
        close = not made or made.endswith(GLUE) or part.startswith(GLUE)
        made += part if close else f" {part}"
    return made


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
    kind = AROUND.get(around) or ("large" if _is_letters(element) else "relation")
    if kind == "binary" and len(element[0]) > 1 and _is_letters(element):
        return f"#h(0.18em) {made} #h(0.18em)"  # \\bmod: Typst gives a word no such space
    return f'class("{kind}", {made})'


def _group(element: Element, tag: str) -> str:
    children = list(element)
    if element.get("width") == "0px":
        if all(_tag(child) == "mphantom" for child in children):
            return ""  # mhchem's strut: no width and nothing to see
        raise Unsupported(r"\rlap, \llap or \clap")
    for attribute, command in LOST.items():
        if element.get(attribute, "0px") not in ("0px", "0em", "0pt"):
            raise Unsupported(command)
    if tag == "mrow" and (fenced := _fenced(children)):
        return fenced
    made = _children(element)
    return _sized(element, made) if tag == "mstyle" and made else made


def _sized(element: Element, made: str) -> str:
    """Return what stands in one of TeX's four sizes, told so where Typst would take another."""
    size = SIZES.get((element.get("scriptlevel"), element.get("displaystyle"))) or LEVELS.get(
        element.get("scriptlevel"), ""
    )
    parent = element.getparent()
    lines = _tag(parent) == "mtd" and _is_outermost(parent.getparent().getparent())
    if not size or size == _usual(element) or lines or _has_lines(element):
        return made
    return f"{size}({made})"


def _usual(element: Element) -> str:
    """Return the size that Typst takes by itself for what stands here."""
    while (parent := element.getparent()) is not None:
        tag = _tag(parent)
        if tag == "mstyle" and parent.get("scriptlevel"):
            key = (parent.get("scriptlevel"), parent.get("displaystyle"))
            return SIZES.get(key) or LEVELS.get(parent.get("scriptlevel"), "")
        if tag == "mtd":
            return "display" if _is_outermost(parent.getparent().getparent()) else "inline"
        if tag == "mfrac":
            return "inline"
        if tag in SCRIPTED and element is not parent[0]:
            return "script"
        if tag == "math":
            return "display" if parent.get("display") == "block" else "inline"
        element = parent
    return ""


def _has_lines(element: Element) -> bool:
    """Whether a group is the lines of an equation, which no function of Typst's may hold."""
    while len(element) == 1:
        element = element[0]
        if _tag(element) == "mtable":
            return _is_outermost(element)
    return False


def _is_fence(element: Element) -> bool:
    return _tag(element) == "mo" and element.get("fence") == "true" and not element.get("minsize")


def _fenced(children: list[Element]) -> str:
    """Return a group with growing brackets, or nothing: \\left and \\right, either of which may be blank."""
    if not children or not (_is_fence(children[0]) or _is_fence(children[-1])):
        return ""
    if len(children) == 2 and _text(children[0]) == "{" and set(children[1].get("columnalign", "").split()) == {"left"}:
        rows = (" & quad ".join(map(_children, row)) for row in children[1])
        return f"cases({' , '.join(rows)})"
    parts = []
    for position, child in enumerate(children):
        if not _is_fence(child):
            parts.append(_node(child))
            continue
        sign = _bracket(_text(child))
        if 0 < position < len(children) - 1:
            parts.append(f'class("normal", mid({sign}))')
        elif _text(child) in UPRIGHTS:
            parts.append(f'class("{"closing" if position else "opening"}", {sign})')
        else:
            parts.append(sign)
    return f"lr({' '.join(part for part in parts if part)})"


def _bracket(sign: str) -> str:
    """Return a bracket as Typst lets it grow."""
    return DOUBLE if BARS.get(sign) == "∥" else _escape(BARS.get(sign, sign))


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
        bold = variant in ("bold", "bold-italic")
        made = _escape(bar or text)
        return f'class("normal", {f"upright(bold({made}))" if bold else made})'
    if text in DOTLESS:
        variant = "italic"  # as KaTeX does not say and TeX has it
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
        made = f"lr({_bracket(text)}, size: #{element.get('minsize')})"
        return f'class("normal", {made})' if text in BARS else made
    if len(text) > 1 and text.isalpha():
        return f"op({quoted(text)})"
    if set(text) == {"′"}:
        return text
    if text in BARS:
        # With TeX's spaces of a relation (\mid, \parallel), or none: as a bracket (\lvert) it is told not to stretch.
        relation = text in "∣∥" and element.get("stretchy") != "false"
        return f'class("{"relation" if relation else "normal"}", {_escape(BARS[text])})'
    kind = AROUND.get((element.get("lspace"), element.get("rspace"))) or (
        "relation" if text.isalpha() or text[0] in RELATED else ""
    )
    return f'class("{kind}", {_escape(text)})' if kind else _escape(text)  # braces make it normal, as in 1{,}000


def _words(element: Element) -> str:
    text = _text(element)
    if text in SPACES:
        return _apart(element, f"#h({SPACES[text]:.4f}em)")
    if not text:
        return ""
    variant = element.get("mathvariant")
    made = quoted(text.replace("\u00a0", " "))
    return f"{GLUE}{_varied(made, variant) if variant and variant != 'normal' else made}{GLUE}"


def _space(element: Element) -> str:
    if element.get("linebreak"):
        return "\\ "
    width = element.get("width")
    return _apart(element, f"#h({width})") if width else ""


def _apart(element: Element, space: str) -> str:
    """Return an explicit space; TeX puts it beside that of a sign's kind, and Typst in its place."""
    before, after = _kind(element.getprevious()), _kind(element.getnext())
    if before == after == "relation":
        return f'class("relation", {space})'
    if before in ("relation", "binary", "punctuation", "opening"):
        return f'class("opening", {space})'
    return f'class("normal", {space})' if after in ("relation", "binary") else space


def _kind(element: Element | None) -> str:
    """Return which kind of sign an operator is to TeX; nothing for what has no space of its own."""
    if element is None:
        return ""
    if _tag(element) != "mo" or element.get("minsize"):
        return ""
    around = AROUND.get((element.get("lspace"), element.get("rspace")))
    text = _text(element)
    if around or len(element):
        return around or ""
    if element.get("separator") == "true":
        return "punctuation"
    if text in OPENING or text in CLOSING or element.get("stretchy") == "false":
        return "opening" if text in OPENING else ""
    if text in BINARY:
        return "binary"
    return "relation" if len(text) == 1 and unicodedata.category(text) == "Sm" and text not in NO_RELATIONS else ""


def _fraction(element: Element) -> str:
    above, below = (_node(child) or EMPTY for child in element)
    if element.get("linethickness") in ("0px", "0", "0em"):
        return f"mat(delim: #none, {above} ; {below})"
    return f"frac({above}, {below})"


def _root(element: Element) -> str:
    base, index = element
    return f"root({_node(index)}, {_node(base)})"


def _scripted(element: Element) -> str:
    tag, (base, *scripts) = _tag(element), list(element)
    # \\mathop of letters: KaTeX's MathML has its limits always beside it.
    over = _is_mathop(base) and _usual(element) == "display"
    made = f"{'limits' if over else 'scripts'}({_node(base) or EMPTY})"
    below = scripts[0] if tag in ("msub", "msubsup") else None
    above = scripts[-1] if tag in ("msup", "msubsup") else None
    return made + _attached(below, above)


def _is_mathop(base: Element) -> bool:
    return bool(_tag(base) == "mo" and len(base) and not base.get("lspace") and _is_letters(base))


def _is_letters(element: Element) -> bool:
    return all(_tag(child) in ("mi", "mtext", "mrow") for child in element.iterdescendants())


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
    if mark and (element.get("accent") == "true" or scripts[0].get("stretchy") == "true"):
        if mark not in marks:
            said = f"{mark} stretched {'over' if tag == 'mover' else 'under'} letters"
            raise Unsupported(STRETCHED.get((tag, mark), said))
        call = marks[mark]
        return (call if "{}" in call else f"{call}({{}})").format(_node(base))
    made = _node(base) or EMPTY
    if _tag(base) == "mo" and base.get("stretchy") == "true" and _text(base) in ARROWS:
        # TeX lets the arrow grow with what stands on it.
        made = f"stretch({_escape(_text(base))}, size: #(100% + 0.7em))"
    below = scripts[0] if tag in ("munder", "munderover") else None
    above = scripts[-1] if tag in ("mover", "munderover") else None
    # KaTeX's MathML has limits below also where TeX, in its smaller sizes, puts them beside.
    beside = _moves(base) and _usual(element) != "display" and _is_display(element)
    return f"{'scripts' if beside else 'limits'}({made}){_attached(below, above)}"


def _moves(base: Element) -> bool:
    """Whether what has limits is an operator whose limits move beside it in a line: a sum, lim, \\operatorname*."""
    while len(base) == 1 and _tag(base) in ("mrow", "mo"):
        base = base[0]
    last = base[-1] if len(base) else None
    return _text(base) in LARGE_SIGNS if last is None else _tag(last) == "mo" and _text(last) == APPLY


def _is_display(element: Element) -> bool:
    root = element.getroottree().getroot()
    return bool(root.get("display") == "block")


def _check_table(element: Element) -> None:
    if element.get("width"):
        raise Unsupported(r"\tag (give the formula a label: Octavo numbers it)")
    if {*element.get("columnlines", "").split(), *element.get("rowlines", "").split()} - {"none"}:
        raise Unsupported("lines in an array")


def _table(element: Element) -> str:
    _check_table(element)
    rows = [[_children(cell) for cell in row if not _is_glue(cell)] for row in element]
    sides = (element.get("columnalign") or "center").split()
    gaps = (element.get("columnspacing") or "1em").split()
    pairs = set(sides) <= {"right", "left"} and sides[0] == "right"
    if _is_outermost(element) and (len(sides) == 1 or pairs):
        apart = [" &#h(1em) " if gaps[min(i, len(gaps) - 1)] != "0em" and i % 2 else " & " for i in range(len(sides))]
        return " \\ ".join("".join((apart[i - 1] if i else "") + cell for i, cell in enumerate(row)) for row in rows)
    widest = max(len(row) for row in rows)
    sides += [sides[-1]] * widest
    gaps += [gaps[-1]] * widest
    if pairs and "0em" in gaps[:widest]:
        # Typst has one width between all columns: what stands apart brings its own.
        rows = [
            [f"#h(1em) {cell}" if i and gaps[i - 1] != "0em" else cell for i, cell in enumerate(row)] for row in rows
        ]
        gap = "0em"
    else:
        gap = gaps[0] if element.get("columnspacing") else "1em"
    cells = ([POINTS[side].format(cell or EMPTY) for cell, side in zip(row, sides, strict=False)] for row in rows)
    return f"mat(delim: #none, column-gap: #{gap}, {' ; '.join(map(' , '.join, cells))})"


def _is_glue(cell: Element) -> bool:
    return cell.get("class", "") in ("mtr-glue", "mml-eqn-num")


def _is_outermost(element: Element) -> bool:
    """Whether a table is the whole formula: only then are its rows the lines of the equation."""
    parent = element.getparent()
    while parent is not None and len(parent) == 1:
        element, parent = parent, parent.getparent()
    return parent is None


def _phantom(element: Element) -> str:
    return f"#hide[${_children(element)}$];"


def _square_root(element: Element) -> str:
    return f"sqrt({_children(element)})"


def _enclosed(element: Element) -> str:
    if element.get("notation") == "box":
        return f"#box(stroke: .5pt, inset: 3pt, baseline: 3pt)[${_children(element)}$];"
    if element.get("notation") == "updiagonalstrike":
        return f"cancel({_children(element)})"
    raise _unknown_enclosure(element)


def _unknown_enclosure(element: Element) -> Unsupported:
    notation = element.get("notation", "")
    return Unsupported(ENCLOSED.get(notation, "lines around an array"))


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

# Signs of a term or between two; behind an end (or what may be one) they stand between.
SIGNS = ("+", "\u2212", "\u00b1", "\u2213")
ENDS = (*")]}|!%", *"\u2016\u2225\u2032\u2033\u2034\u2026\u22ef\u27e9\u230b\u2309")
TOKENS = ("mi", "mn", "mo", "mtext", "ms")
# What \hat, \tilde and \bar put over a letter. A browser draws the signs that KaTeX has for them as wide as \widehat.
NARROW = {"^": "\u02c6", "~": "\u02dc", "\u02c9": "\u00af"}


def tokens(html: str) -> list[str]:
    """Return the texts of a formula's own signs: numbers, letters, operators, words. Raises Unsupported."""
    return [e.text or "" for e in read(html).iter() if len(e) == 0 and _tag(e) in TOKENS]


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
    for element in root.xpath("//*[local-name() = 'mover'][@accent = 'true']/*[2][local-name() = 'mo']"):
        if _text(element) in NARROW and not element.get("stretchy"):
            element.text = NARROW[_text(element)]
            element.set("stretchy", "false")
    for element in root.xpath("//*[local-name() = 'mo']"):
        if element.text == "\u2225" and element.get("fence") == "true":
            element.text = "\u2016"  # as a bracket: the other one is a relation to a browser, with its spaces
        elif element.text == "\u2061":
            _set_off(element)
        elif element.text in SIGNS and _begins(element):
            element.set("form", "prefix")  # else a browser sets it off on both sides, as between two terms
    for element in root.xpath("//*[local-name() = 'menclose']"):
        if element.get("notation") != "box":
            raise _unknown_enclosure(element)
        element.tag = str(element.tag).replace("menclose", "mrow")  # MathML Core has no menclose
        element.set("style", "border:1px solid;padding:0.2em")
    for element in reversed([e for e in root.iter() if len(e) and _tag(e) in TOKENS]):
        _unwrap(element)
    return str(etree.tostring(root, encoding="unicode"))


def _unwrap(token: Element) -> None:
    """Make a token with elements in it, as KaTeX has them, a group: a browser sets all in it in one line, as a text.

    A sign alone stays the operator that KaTeX makes of it; as the base of another it is no wider than it is.
    """
    first = token[0]
    if len(token) > 1 or len(first) or _tag(token) != "mo" or _tag(first) not in TOKENS:
        token.tag = str(token.tag).rpartition("}")[0] + "}mrow"
        token.attrib.clear()
        return
    slanted = _tag(first) == "mi" and len(_text(first)) == 1 and first.get("mathvariant") != "normal"
    token.text = letter(_text(first), "italic") if slanted else first.text
    for name, value in {"stretchy": "false", **first.attrib}.items():
        if name != "mathvariant" and name not in token.attrib:
            token.set(name, value)
    token.remove(first)


def _begins(sign: Element) -> bool:
    """Whether a sign belongs to what follows it, by TeX's rule: it stands behind another operator that is no end."""
    before = sign.getprevious()
    return before is not None and _tag(before) == "mo" and _text(before) not in ENDS


def _set_off(application: Element) -> None:
    """Put TeX's thin spaces around a function's name, which stands before ``application``: browsers have none."""
    first, last = application.getprevious(), application
    group = application.getparent()
    scripted = group.getparent()
    around = ("msub", "msup", "mund", "move")
    if application.getnext() is None and scripted is not None and _tag(scripted)[:4] in around:
        first = last = scripted  # \max with what stands below it
    if first is None:
        return
    before, behind = first.getprevious(), last.getnext()
    if behind is not None and _tag(behind) != "mo":
        last.addnext(_thin(application))
    if before is not None and (_tag(before) not in ("mo", "mspace", "mtext") or _text(before) in CLOSING):
        first.addprevious(_thin(application))


def _thin(beside: Element) -> Element:
    space: Element = beside.makeelement(str(beside.tag).replace("}mo", "}mspace"), {"width": "0.1667em"})
    return space


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
    if variant == "round-script":
        return letter(character, "script") + "\ufe01"  # the standard's own mark for the round form
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

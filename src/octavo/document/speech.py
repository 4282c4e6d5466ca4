"""A formula in words, read out of its MathML: what a screen reader says of it in the PDF.

English, plain, and nothing left out: what has no words here is an error, or is named by Unicode. Where a fraction, a
root or a script of more than one sign ends is said, so that two formulas never sound alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from octavo.document.mathml import INVISIBLE, SPACES, Unsupported, read

Element = Any  # lxml's, which has no types

SIGNS = {
    "+": "plus", "−": "minus", "-": "minus", "±": "plus or minus", "∓": "minus or plus", "×": "times", "⋅": "dot",
    "·": "dot",
    "∗": "star", "*": "star", "⋆": "star", "/": "divided by", "÷": "divided by", "∘": "composed with", "=": "equals",
    "≠": "is not equal to", "<": "is less than", ">": "is greater than", "≤": "is at most", "≥": "is at least",
    "⩽": "is at most", "⩾": "is at least", "≪": "is much less than", "≫": "is much greater than",
    "⋘": "is very much less than",
    "⋙": "is very much greater than", "≈": "is approximately", "∼": "is similar to", "≁": "is not similar to",
    "≃": "is asymptotically equal to", "≅": "is congruent to", "≡": "is identical to", "≐": "approaches",
    "≜": "is defined as",
    "≔": "is defined as", "∝": "is proportional to", "≍": "is of the order of", "≲": "is at most of the order of",
    "≳": "is at least of the order of", "≺": "precedes", "≻": "succeeds", "⪯": "precedes or equals",
    "⪰": "succeeds or equals", "∈": "in", "∉": "not in", "∋": "contains", "⊂": "is a subset of",
    "⊄": "is not a subset of", "⊆": "is a subset of or equal to", "⊊": "is a proper subset of", "⊃": "is a superset of",
    "⊇": "is a superset of or equal to", "∪": "union", "∩": "intersection", "∖": "without", "\\": "backslash",
    "∀": "for all", "∃": "there exists", "∄": "there does not exist", "¬": "not", "∧": "and", "∨": "or",
    "⊕": "circled plus", "⊖": "circled minus", "⊗": "circled times", "⊙": "circled dot", "→": "to", "⟶": "to",
    "←": "from", "⟵": "from",
    "↔": "double arrow", "⟷": "double arrow", "⇒": "implies", "⟹": "implies", "⇐": "is implied by",
    "⟸": "is implied by",
    "⇔": "if and only if", "⟺": "if and only if", "↦": "maps to", "⟼": "maps to", "↑": "up arrow", "↓": "down arrow",
    "⇝": "squiggly arrow to", "∞": "infinity", "∂": "partial", "∇": "nabla", "∅": "empty set", "ℓ": "l", "ℏ": "h bar",
    "⊤": "top", "⊥": "perpendicular to", "⟂": "perpendicular to", "∣": "given", "|": "vertical bar",
    "∤": "does not divide",
    "∥": "double bar", "‖": "double bar", "∦": "is not parallel to", "∑": "sum", "∏": "product", "∐": "coproduct",
    "∫": "integral", "∬": "double integral", "∭": "triple integral", "∮": "contour integral", "⋃": "union",
    "⋂": "intersection",
    "⨁": "direct sum", "⨂": "tensor product", "⋁": "disjunction", "⋀": "conjunction", "…": "and so on",
    "⋯": "and so on",
    "⋮": "and so on downwards", "⋱": "and so on diagonally", "′": "prime", "'": "prime", "″": "double prime",
    "!": "factorial",
    "%": "percent", "$": "dollar", "#": "number sign", "&": "ampersand", "_": "underscore", ",": "comma",
    ";": "semicolon",
    ":": "colon", ".": "point", "(": "open paren", ")": "close paren", "[": "open bracket", "]": "close bracket",
    "{": "open brace", "}": "close brace", "⟨": "open angle", "⟩": "close angle", "⌊": "floor of", "⌋": "end floor",
    "⌈": "ceiling of", "⌉": "end ceiling", "†": "dagger", "‡": "double dagger", "∵": "because", "∴": "therefore",
    "?": "question mark",
    "⨿": "coproduct", "⊢": "proves", "⊨": "models", "⌜": "open corner", "⌝": "close corner", "ı": "dotless i",
    "ȷ": "dotless j",
    "ϵ": "epsilon", "ε": "variant epsilon", "ϕ": "phi", "φ": "variant phi", "ϑ": "variant theta", "ϖ": "variant pi",
    "ϱ": "variant rho", "ς": "final sigma", "λ": "lambda", "Λ": "capital lambda", "★": "star",

    "∙": "bullet", "△": "triangle", "▵": "triangle", "□": "square", "■": "black square", "⊎": "multiset union",
    "⊓": "square intersection",
    "⊔": "square union", "⋄": "diamond", "♣": "club", "♡": "heart", "✓": "check mark", "∁": "complement of",
    "ℶ": "beth", "ℷ": "gimel",
    "≶": "is less than or greater than", "≷": "is greater than or less than", "⋈": "bowtie", "⊲": "left triangle",
    "⊴": "left triangle or equal to", "≊": "is approximately or equal to", "↪": "hooked arrow to",
    "↠": "two-headed arrow to",
    "@": "at", "~": "tilde", "ℜ": "real part", "ℑ": "imaginary part", "℘": "Weierstrass p", "ℵ": "aleph",
}  # fmt: skip
ACCENTS = {
    **dict.fromkeys("^ˆ\u0302", "hat"), **dict.fromkeys("~˜\u0303", "tilde"), **dict.fromkeys("¯ˉ‾―\u0304", "bar"),
    **dict.fromkeys("˙\u0307", "dot"), **dict.fromkeys("¨\u0308", "double dot"), **dict.fromkeys("⃗→", "vector"),
    **dict.fromkeys("ˇ", "check"), **dict.fromkeys("˘", "breve"), **dict.fromkeys("´ˊ", "acute"),
    **dict.fromkeys("`ˋ", "grave"), **dict.fromkeys("˚", "ring"), "˝": "double acute", "_": "underlined",
    "←": "left arrow above", "↔": "double arrow above",
}  # fmt: skip
LARGE = {
    "∑": "sum", "∏": "product", "∐": "coproduct", "∫": "integral", "∬": "double integral", "∭": "triple integral",
    "∮": "contour integral", "⋃": "union", "⋂": "intersection", "⨁": "direct sum", "⨂": "tensor product",
    "⋁": "disjunction", "⋀": "conjunction", "⨆": "square union", "⨄": "multiset union", "⨀": "circled dot product",
    "∯": "surface integral",
}  # fmt: skip
POWERS = {
    "2": "squared",
    "3": "cubed",
    "∗": "star",
    "*": "star",
    "⋆": "star",
    "⊤": "transpose",
    "†": "dagger",
    "∘": "degrees",
}
FUNCTIONS = {
    "lim": "limit", "inf": "infimum", "sup": "supremum", "max": "maximum", "min": "minimum", "log": "log",
    "ln": "natural log",
    "exp": "exponential", "det": "determinant", "Pr": "probability", "sin": "sine", "cos": "cosine", "tan": "tangent",
    "tanh": "hyperbolic tangent", "arctan": "arc tangent", "arg": "arg", "lim sup": "limit superior",
    "lim inf": "limit inferior", "gcd": "greatest common divisor", "dim": "dimension", "ker": "kernel", "deg": "degree",
    "hom": "hom", "Var": "variance", "Cov": "covariance", "tr": "trace",
}  # fmt: skip
VARIANTS = {
    "bold": "bold", "bold-italic": "bold", "double-struck": "double-struck", "script": "script",
    "round-script": "round script",
    "fraktur": "fraktur", "sans-serif": "sans-serif", "bold-sans-serif": "bold sans-serif",
    "sans-serif-italic": "sans-serif italic", "monospace": "monospace",
}  # fmt: skip


def spoken(html: str) -> str:
    """Return a formula in words.

    Raises Unsupported for what there are no words for.
    """
    return " ".join(_say(read(html)).split())


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Element) -> str:
    return unicodedata.normalize("NFC", element.text or "")


def _say(element: Element) -> str:
    tag = _tag(element)
    if tag in LEAVES and not len(element):
        return _leaf(element)
    sayer = SAYERS.get(tag, _row if tag in (*LEAVES, *GROUPS) else None)
    if sayer is None:
        raise Unsupported(f"<{tag}>, which cannot be said")
    return sayer(element)


def _leaf(element: Element) -> str:
    text, tag = _text(element), _tag(element)
    if not text.strip() or text in INVISIBLE or text in SPACES:
        return ""
    variant = VARIANTS.get(element.get("mathvariant", ""), "")
    if tag == "mtext" or (tag == "mn" and text.isascii()):
        return f"{variant} {text}".strip()
    if tag == "mo" and text in BARS and _is_bracket(element):
        return _sign("‖" if text in "∥‖" else "|")  # as a bracket, not for "given"
    word = " ".join(text.split())
    whole = len(word) > 1 and word.replace(" ", "").isalnum() and tag != "mo"
    said = FUNCTIONS.get(word) or (word if whole else " ".join(_signs(text, tag)))
    return f"{variant} {said}".strip()


def _is_bracket(element: Element) -> bool:
    return bool(element.get("stretchy") == "false" or element.get("fence") == "true" or element.get("minsize"))


def _signs(text: str, tag: str) -> list[str]:
    made: list[str] = []
    for character in text:
        if character == STROKE and made:
            made[-1] = f"not {made[-1]}"
        elif character not in INVISIBLE and not character.isspace():
            made.append(ALONE.get(character) or _sign(character) if tag == "mi" else _sign(character))
    return made


def _sign(character: str) -> str:
    if character in SIGNS:
        return SIGNS[character]
    if character.isascii() and character.isalnum():
        return f"capital {character}" if character.isupper() else character
    found = unicodedata.decomposition(character)
    if found.startswith("<font>") or character in SCRIPTED:
        plain = SCRIPTED.get(character) or chr(int(found.split()[1], 16))
        kinds = [word for word in unicodedata.name(character).lower().split() if word in ALPHABETS]
        return " ".join([*kinds, _sign(plain)])
    try:
        name = unicodedata.name(character).lower()
    except ValueError:
        raise Unsupported(f"the sign {character!r}, which has no name") from None
    return GREEK.sub(lambda found: "capital " * (found[1] == "capital") + found[2], name)


def _row(element: Element) -> str:
    colour = element.get("mathcolor")
    said = _beside(list(element))
    return f"in {colour}, {said}, end of {colour}" if colour and said else said


def _beside(elements: Sequence[Element]) -> str:
    """Return what stands beside one another. Upright letters that follow one another are a word."""
    if len(elements) == 3 and _tag(elements[1]) == "mfrac" and _is_stack(elements[1]):
        return _choice(elements)
    if len(elements) == 2 and _text(elements[0]) == "{" and _tag(elements[1]) == "mtable" and _all_left(elements[1]):
        return _table(elements[1], "cases", "case")
    made: list[str] = []
    word = False
    for element in elements:
        said = _say(element)
        letter = _is_upright(element)
        if made and said and _is_number(element) and _is_number(element.getprevious()):
            made[-1] += said  # KaTeX takes the last digit off what has an exponent
        elif letter and word:
            made[-1] = made[-1].removeprefix("capital ") + _text(element)
        elif said == SIGNS["⊥"] and made and made[-1] in (said, f"not {said}"):
            made[-1] = "is independent of" if made[-1] == said else "is not independent of"
        elif said == SIGNS["∣"] and made.count("open brace") > made.count("close brace"):
            made.append("such that")
        elif said:
            made.append(said)
        word = letter or (word and not said)
    return " ".join(made)


def _all_left(table: Element) -> bool:
    return set((table.get("columnalign") or "").split()) == {"left"}


def _is_number(element: Element | None) -> bool:
    while element is not None and _tag(element) in ("msub", "msup", "msubsup"):
        element = element[0]
    return element is not None and _tag(element) == "mn"


def _is_upright(element: Element) -> bool:
    text = _text(element)
    return _tag(element) == "mi" and element.get("mathvariant") == "normal" and text.isascii() and text.isalpha()


def _is_stack(element: Element) -> bool:
    return element.get("linethickness") in ("0px", "0", "0em")


def _choice(elements: Sequence[Element]) -> str:
    above, below = (_say(part) for part in elements[1])
    if _text(elements[0]) == "(" and _text(elements[2]) == ")":
        return f"binomial {above} choose {below} end binomial"
    return f"{_say(elements[0])} {_say(elements[1])} {_say(elements[2])}"


def _fraction(element: Element) -> str:
    above, below = (_say(part) for part in element)
    if _is_stack(element):
        return f"stack {above} above {below} end stack"
    return f"fraction {above} over {below} end fraction"


def _root(element: Element) -> str:
    if _tag(element) == "msqrt":
        return f"square root of {_row(element)} end root"
    return f"root with index {_say(element[1])} of {_say(element[0])} end root"


def _scripted(element: Element) -> str:
    tag, base, scripts = _tag(element), element[0], [_say(part) for part in list(element)[1:]]
    below = scripts[0] if tag in ("msub", "msubsup") else ""
    above = scripts[-1] if tag in ("msup", "msubsup") else ""
    if _text(base) in LARGE and _tag(base) == "mo":
        return _limited(LARGE[_text(base)], below, above)
    made = _say(base)
    if below:
        made += f" sub {below}" if _is_short(below) else f" sub {below} end sub"
    return made + _raised(above) if above else made


def _raised(above: str) -> str:
    if above == SIGNS["⊤"]:
        return " transpose"
    if above in POWERS.values() or set(above.split()) == {"prime"}:
        return f" {above}"
    if above in POWERS:
        return f" {POWERS[above]}"
    return f" super {above}" if _is_short(above) else f" super {above} end super"


def _is_short(said: str) -> bool:
    return len(said.removeprefix("capital ").split()) == 1


def _limited(name: str, below: str, above: str) -> str:
    if below and above:
        return f"{name} from {below} to {above} of"
    return f"{name} over {below} of" if below else f"{name} up to {above} of" if above else name


def _stacked(element: Element) -> str:
    tag, base, scripts = _tag(element), element[0], list(element)[1:]
    mark = _text(scripts[0]) if len(scripts) == 1 and _tag(scripts[0]) == "mo" and not len(scripts[0]) else ""
    marked = element.get("accent") == "true" or element.get("accentunder") == "true"
    if mark in ("⏞", "⏟"):
        name = "overbrace" if mark == "⏞" else "underbrace"
        return f"{name} {_say(base)} end {name}"
    if (mark in ACCENTS if tag == "mover" else mark in UNDERLINES) and (marked or scripts[0].get("stretchy") == "true"):
        said, name = _say(base), ACCENTS[mark]
        name = "underline" if tag == "munder" else name
        short = _is_short(said.removeprefix("bold ").removeprefix("script ").removeprefix("double-struck "))
        return (
            f"{said} {name}"
            if short
            else f"{name} over {said} end {name}"
            if tag == "mover"
            else f"underlined {said} end underline"
        )
    below = _say(scripts[0]) if tag in ("munder", "munderover") else ""
    above = _say(scripts[-1]) if tag in ("mover", "munderover") else ""
    if _text(base) in LARGE:
        return _limited(LARGE[_text(base)], below, above)
    if below and not above and _is_named(base):
        name = _say(base)
        return f"{name} {'as' if name.startswith('limit') else 'over'} {below} of"
    parts = [f"{above} above"] if above else []
    parts += [f"{below} below"] if below else []
    said = "arrow" if _text(base) in ("→", "⟶") else _say(base)
    if not parts:
        return said
    return f"{said} with {' and '.join(parts)} end with"


def _is_named(base: Element) -> bool:
    """Whether something is an operator with a name: lim, \\operatorname*."""
    while len(base) and _tag(base) in ("mrow", "mo"):
        base = base[0]
    return _tag(base) == "mi" and len(_text(base)) > 1


def _matrix(element: Element) -> str:
    sides = (element.get("columnalign") or "").split()
    if sides and set(sides) <= {"right", "left"} and sides[0] == "right":
        return _table(element, "lines", "line")
    if {len(row) for row in element} == {1}:
        return _table(element, "lines", "line")
    return _table(element, "matrix", "row")


def _table(element: Element, name: str, part: str) -> str:
    if {*element.get("columnlines", "").split(), *element.get("rowlines", "").split()} - {"none"}:
        raise Unsupported("lines in an array, which cannot be said")
    separator = " " if part == "line" else ", "
    rows = []
    for number, row in enumerate(element, 1):
        cells = [_say(cell) or ("" if part == "line" else "blank") for cell in row]
        rows.append(f"{part} {number}: {separator.join(cell for cell in cells if cell)}")
    return f"{name}, {'; '.join(rows)}; end {name}"


def _enclosed(element: Element) -> str:
    name = "box" if element.get("notation") == "box" else "strike"
    return f"{name} {_row(element)} end {name}"


# Unicode's alphabets of letters, which pages and slides have in place of variants.
ALPHABETS = ("bold", "double-struck", "script", "fraktur", "black-letter", "sans-serif", "monospace")
SCRIPTED = {"ℎ": "h"}
# Letters to TeX, signs of other kinds as operators.
ALONE = {"∣": "vertical bar", "⊥": "bottom"}
LEAVES = ("mi", "mn", "mo", "mtext", "ms")
GROUPS = ("math", "semantics", "mrow", "mstyle", "mpadded", "mtd")
STROKE = "\u0338"
UNDERLINES = set("_‾―")
BARS = set("|∣∥‖")
GREEK = re.compile(r"greek (?:(capital|small) )?letter (.*)")
SAYERS: dict[str, Callable[[Element], str]] = {
    "mfrac": _fraction,
    **dict.fromkeys(("msqrt", "mroot"), _root),
    **dict.fromkeys(("msub", "msup", "msubsup"), _scripted),
    **dict.fromkeys(("munder", "mover", "munderover"), _stacked),
    "mtable": _matrix,
    "menclose": _enclosed,
    **dict.fromkeys(("mphantom", "mspace"), lambda element: ""),  # nothing to see, nothing to say
}

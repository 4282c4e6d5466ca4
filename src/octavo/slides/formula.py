"""A simple formula as runs of text, for a format whose formulas not every program can show.

PowerPoint's own formulas stay blank in LibreOffice and Keynote; letters with sub- and superscripts do not.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from octavo.document import speech
from octavo.errors import DocumentError
from octavo.slides.deck import Formula, Run, Script

ACCENTS = {
    "^": "\u0302",
    "ˆ": "\u0302",
    "~": "\u0303",
    "˜": "\u0303",
    "¯": "\u0304",
    "ˉ": "\u0304",
    "‾": "\u0304",
    "˙": "\u0307",
}
SPACED = set("=≠<>≤≥≈∼≡+−±×⋅·∈∉⊂∪∩→←↦∣⊥≪≫∝")
# Letters of the double-struck alphabet that Unicode had before it had the alphabet.
DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))
UPRIGHT = {"normal", "double-struck", "bold"}
GROUPS = {"math", "semantics", "mrow", "mstyle", "mpadded"}
INVISIBLE = {"\u2061", "\u2062", "\u2063", "\u2064", "\u200b"}
NO_BREAK_SPACE = "\u00a0"


def runs(formula: Formula) -> tuple[Run, ...]:
    """Return a formula as italic letters, digits, signs, and sub- and superscripts.

    Raises DocumentError when the formula needs more than one line of text (a fraction, a root, a matrix).
    """
    from lxml import etree

    try:
        return tuple(_runs(etree.fromstring(formula.mathml), formula))
    except _NotSimple as error:
        raise DocumentError(
            f"The formula ${formula.tex}$ cannot be written as a line of text in PowerPoint: {error} is in it.",
            where=str(formula.place or ""),
            hint="Use letters, signs, accents, sub- and superscripts only (a/b for a fraction), or say it in words.",
        ) from None


class _NotSimple(Exception):
    pass


def _runs(element: Any, formula: Formula, script: Script = "") -> list[Run]:
    name = element.tag.rpartition("}")[2]
    if name == "annotation":
        return []
    if name in GROUPS:
        return [run for child in element for run in _runs(child, formula, script)]
    if name in ("msub", "msup", "msubsup"):
        return _scripts(element, name, formula, script)
    if name == "mover":
        return _accent(element, formula, script)
    if len(element):
        raise _NotSimple(f"<{name}>")
    return _leaf(element, name, formula, script)


def _leaf(element: Any, name: str, formula: Formula, script: Script) -> list[Run]:
    text = (element.text or "").strip()
    variant = element.get("mathvariant", "")
    if name == "mspace":
        text = NO_BREAK_SPACE if not element.get("width", "").startswith("-") else ""
    elif name == "mo":
        text = _operator(element, text, script)
    elif name not in ("mi", "mn", "mtext") or (variant and variant not in UPRIGHT | {"italic"}):
        raise _NotSimple(variant or f"<{name}>")
    if variant == "double-struck":
        text = "".join(DOUBLE_STRUCK.get(c) or _struck(c) for c in text)
    italic = name == "mi" and len(text) == 1 and variant not in UPRIGHT
    bold = variant == "bold"
    if not text:
        return []
    return [Run(text, bold=bold, italic=italic, script=script, place=formula.place)]


def _struck(character: str) -> str:
    if character.isascii() and character.isupper():
        return chr(0x1D538 + ord(character) - ord("A"))
    return {"1": "𝟙"}.get(character, character)


def _operator(element: Any, text: str, script: Script) -> str:
    if text in INVISIBLE:
        return ""
    text = {"-": "−", "*": "∗"}.get(text, text)
    previous = element.getprevious()
    prefix = previous is None or previous.tag.rpartition("}")[2] == "mo"
    if text in SPACED and not script and not (prefix and text in "+−±"):
        return f"{NO_BREAK_SPACE}{text}{NO_BREAK_SPACE}"
    return text + NO_BREAK_SPACE if text in ",;" and not script else text


def _scripts(element: Any, name: str, formula: Formula, script: Script) -> list[Run]:
    if script:
        raise _NotSimple("a script of a script")
    result = _runs(element[0], formula)
    kinds: tuple[Script, ...] = ("sub",) if name == "msub" else ("super",) if name == "msup" else ("sub", "super")
    for kind, child in zip(kinds, element[1:], strict=True):
        result += _runs(child, formula, kind)
    return result


def _accent(element: Any, formula: Formula, script: Script) -> list[Run]:
    base, mark = _runs(element[0], formula, script), (element[1].text or "").strip()
    if len(base) != 1 or len(base[0].text) != 1 or mark not in ACCENTS:
        raise _NotSimple("<mover>")
    run = base[0]
    return [Run(run.text + ACCENTS[mark], bold=run.bold, italic=run.italic, script=run.script, place=run.place)]


TYPST_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "macron", "\u0307": "dot"}
TYPST_SPECIAL = set("_^/&#$\"\\()[]{},;|'~*:`.!<>=-@")


def typst(formula: Formula) -> str:
    """Return a simple formula as Typst's markup. Raises DocumentError as ``runs`` does."""
    parts: list[str] = []
    for script, group in groupby(runs(formula), key=lambda run: run.script):
        terms = [_term(run) for run in group]
        if script:
            parts.append(f"{parts.pop() if parts else ''}{'_' if script == 'sub' else '^'}({' '.join(terms)})")
        else:
            parts += [term for term in terms if term]
    alt = speech.spoken(formula.mathml).replace("\\", "\\\\").replace('"', '\\"')
    return f'#math.equation(alt: "{alt}", ${" ".join(parts)}$.body);'


def _term(run: Run) -> str:
    text = run.text.replace(NO_BREAK_SPACE, " ").strip()
    if text[1:] in TYPST_ACCENTS:
        return f"{TYPST_ACCENTS[text[1:]]}({text[0]})"
    if len(text) > 1:
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"bold({quoted})" if run.bold else quoted
    text = f"\\{text}" if text in TYPST_SPECIAL else text
    if not run.text.isalpha() or run.italic:
        return text
    return f"upright({text})"

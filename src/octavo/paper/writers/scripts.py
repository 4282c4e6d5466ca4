"""Letters of other scripts for pdfLaTeX: encodings and fonts for those that a paper has, and nothing for Latin ones.

Every letter is declared by itself, so that it stands anywhere: in headings, notes, bookmarks, BibTeX's references. The
fonts are of Type 1, and their glyphs have names from which readers of the PDF know the letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from octavo.model import Frozen

CYRILLIC = re.compile(r"[\u0400-\u052f]")
GREEK = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]+")
# Of these a class has the signs of formulas; three of them and more are a word.
SIGNS = re.compile(r"[ΓΔΘΛΞΠΣΦΨΩα-ω]{1,2}")
HAN = re.compile(r"[\u3001-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff]+")
KANA = re.compile(r"[\u3041-\u30ff]")
HANGUL = re.compile(r"[\uac00-\ud7a3]")
# Of East Asian letters, where no line may be broken: before these, and after those.
CLOSING = frozenset(
    "、。，．・：；？！」』）］｝〉》】〕〗〙〛’”ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶゝゞヽヾ々"
)
OPENING = frozenset("「『（［｛〈《【〔〖")
MARKS = "\u0301\u0308\u0313\u0314\u0342"


class Face(Frozen, frozen=True):
    """A typeface of East Asian letters: its files have a name for each row of Unicode; ``codec`` is what it covers."""

    name: str
    codec: str
    package: str


GB = Face("gbsnu", "gb2312", "latex-cjk-chinese-arphic-gbsn00lp")
BIG5 = Face("bsmiu", "big5", "latex-cjk-chinese-arphic-bsmi00lp")
JIS = Face("udmj", "euc_jp", "latex-cjk-japanese-wadalab")
KS = Face("nanummjm", "cp949", "texlive-lang-korean")
FACES = (GB, BIG5, JIS, KS)
# Where LaTeX does not find a file: a pattern of its name, and the packages of Debian that have it.
PACKAGES = (
    (CYRILLIC, r"t2a|\b(sf|la)[a-z]{2}\d{4}", "texlive-lang-cyrillic cm-super"),
    (GREEK, r"lgr|alpha|\bg[a-z]{3}\d{4}", "texlive-lang-greek"),
)
BOTH = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθικλμνξπρςστυφχψω"  # signs of formulas, which a text may have as well


def metadata(text: str) -> dict[str, Any]:
    """Return what the template must know of the letters of a text; nothing where all are Latin."""
    made: dict[str, Any] = {}
    if CYRILLIC.search(text):
        made["cyrillic"] = True
    if is_greek(text):
        made |= {"greek": True, "signs": [{"code": _code(sign), "name": _name(sign)} for sign in BOTH]}
        made["composed"] = [{"code": _code(letter), "letter": letter} for letter in _composed(text)]
        made["marks"] = [_code(mark) for mark in MARKS if mark not in text]
    if letters := faces(text):
        made["rows"] = sorted({_row(letter, face) for letter, face in letters.items()})
        made["han"] = [_declared(letter, face) for letter, face in letters.items()]
    return made | {"letters": True} if made else {}


def is_greek(text: str) -> bool:
    """Whether a text has Greek words, and not only the signs of formulas."""
    return any(not SIGNS.fullmatch(run[0]) for run in GREEK.finditer(text))


def faces(text: str) -> dict[str, Face]:
    """Return the typeface of each East Asian letter that one has: the same for all letters of a name, if possible."""
    chosen: dict[str, Face] = {}
    for run in sorted(set(HAN.findall(text))):
        order = sorted(FACES, key=lambda face: (not all(_has(face, letter) for letter in run), FACES.index(face)))
        if KANA.search(run):
            order.sort(key=lambda face: face is not JIS)
        for letter in run:
            face = next((face for face in order if _has(face, letter)), None)
            if face:
                chosen.setdefault(letter, face)
    return dict(sorted(chosen.items()))


def _has(face: Face, letter: str) -> bool:
    """Whether a typeface has a letter; the Korean one has no Chinese letters, the Taiwanese one no kana."""
    if (face is KS) != bool(HANGUL.match(letter)) or (face is BIG5 and KANA.match(letter)):
        return False
    try:
        return len(letter.encode(face.codec)) > 1
    except UnicodeEncodeError:
        return False


def _code(letter: str) -> str:
    return f"{ord(letter):04X}"


def _row(letter: str, face: Face) -> str:
    return f"{face.name}{ord(letter) >> 8:02x}"


def _declared(letter: str, face: Face) -> dict[str, str]:
    kind = "1" if letter in CLOSING else "2" if letter in OPENING else "0"
    return {"code": _code(letter), "row": _row(letter, face), "place": f"{ord(letter) & 255:02X}", "kind": kind}


def _name(sign: str) -> str:
    """Return the name of a Greek letter in TeX: \\alpha, \\Lambda, \\varsigma."""
    *_, case, _, name = unicodedata.name(sign).replace("FINAL SIGMA", "VARSIGMA").replace("LAMDA", "LAMBDA").split()
    return name.lower() if case == "SMALL" else name.capitalize()


def _composed(text: str) -> Iterator[str]:
    """Yield the capitals with accents, which the font makes of two signs; small letters may be set as capitals."""
    found = {letter for run in GREEK.findall(text) for letter in run}
    for letter in sorted(found | {letter.upper() for letter in found if len(letter.upper()) == 1}):
        parts = unicodedata.normalize("NFD", letter)
        if len(parts) > 1 and parts[0].isupper():
            yield letter


def lacking(told: Sequence[str], text: str) -> tuple[str, str] | None:
    """Return the first letter of a text that a file which LaTeX did not find is for, and the packages that have it."""
    missing = " ".join(fault for fault in told if re.search("not found|not loadable|cannot open", fault))
    for letters, file, packages in PACKAGES:
        if re.search(file, missing, re.IGNORECASE) and (found := letters.search(text)):
            return found[0][0], packages
    for letter, face in sorted(faces(text).items(), key=lambda item: text.index(item[0])):
        if face.name.removeprefix("u") in missing:  # udmj is made of the files of dmj
            return letter, face.package
    return None

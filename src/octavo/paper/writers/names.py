"""Names for BibTeX, which counts in bytes: of ``Émile`` it would make half a letter as the initial."""

from __future__ import annotations

import re
import unicodedata

from octavo.paper.writers.scripts import HAN

ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u ",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r ",
    "\u030b": "H ",
    "\u030c": "v ",
    "\u0323": "d ",
    "\u0327": "c ",
    "\u0328": "k ",
}
LETTERS = {
    "Æ": "AE",
    "æ": "ae",
    "Ð": "DH",
    "ð": "dh",
    "Đ": "DJ",
    "đ": "dj",
    "ı": "i",
    "Ł": "L",
    "ł": "l",
    "Ø": "O",
    "ø": "o",
    "Œ": "OE",
    "œ": "oe",
    "ß": "ss",
    "Þ": "TH",
    "þ": "th",
}
# An East Asian name, which has no initials, and the first letter of any other that is not Latin.
PIECE = re.compile(rf"(?P<han>{HAN.pattern})|(?<![^\W\d_])(?P<first>[\u0370-\u1dff\u1f00-\u1fff])|.", re.DOTALL)
FIELD = re.compile(r"\b(?:author|editor)\s*=\s*(?=[{\"])", re.IGNORECASE)


def spelled(bibliography: str) -> str:
    """Return a .bib file with the letters of its authors and editors as TeX's commands; all else is as it was."""
    made, end = [], 0
    for field in FIELD.finditer(bibliography):
        if field.start() < end:
            continue
        made.append(bibliography[end : field.end()])
        end = _end(bibliography, field.end())
        made.append(PIECE.sub(_piece, unicodedata.normalize("NFC", bibliography[field.end() : end])))
    return "".join([*made, bibliography[end:]])


def _end(text: str, start: int) -> int:
    """Return where the value of a field ends that begins with a brace or a quotation mark."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        closed = text[position] == "}" if text[start] == "{" else text[position] == '"' and position > start
        if closed and not depth:
            return position + 1
    return len(text)


def _piece(found: re.Match[str]) -> str:
    """Return what BibTeX takes for one letter, where it may cut: an East Asian name, or what begins another one."""
    if found["han"] or found["first"]:
        return f"{{\\relax {found[0]}}}"
    return _letter(found[0])


def _letter(character: str) -> str:
    if character in LETTERS:
        return f"{{\\{LETTERS[character]}}}"
    base, *marks = list(unicodedata.normalize("NFD", character))
    if len(marks) != 1 or marks[0] not in ACCENTS or not base.isascii():
        return character
    return f"{{\\{ACCENTS[marks[0]]}{base}}}"

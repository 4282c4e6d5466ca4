"""A bibliography as BibTeX wants it, which pandoc and the parser read as it is.

BibTeX counts in bytes: of ``Émile`` it would make half a letter as the initial. It hands on what LaTeX reads as
commands (``&``, ``%``), names a work without authors by its key, and does not know the fields of biblatex.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

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
ENTRY = re.compile(r"(?<!\w)@(?P<kind>\w+)\s*(?P<key>\{\s*[^,\s{}]+\s*,)")
FIELD = re.compile(r"(?<![\w-])(?P<name>[A-Za-z][\w-]*)\s*=\s*(?=[{\"])")
NAMES = ("author", "editor")
VERBATIM = ("url", "doi", "eprint", "file", "urldate", "crossref", "pdf")  # read as typed, or not at all
# What LaTeX takes for a command where it stands by itself; not in an address, in a formula, or behind a backslash.
COMMAND = re.compile(r"\\(?:url|path)\s*\{[^}]*\}|\\href\s*\{[^}]*\}|\$[^$]*\$|\\.|(?P<sign>[&%#_])", re.DOTALL)
BIBLATEX = {"journaltitle": "journal", "location": "address", "date": "year"}
LABELS = ("author", "editor", "key", "crossref")


def spelled(bibliography: str, *, labelled: bool = False) -> str:
    """Return a .bib file for BibTeX: its names and signs spelled for TeX, all else as it was.

    Works without authors are cited by their titles. ``labelled``: these stand in the list where authors would, and
    works without a year are cited as such.
    """
    made, end = [], 0
    for entry in ENTRY.finditer(bibliography):
        if entry.start() < end or entry["kind"].lower() in ("comment", "string", "preamble"):
            continue
        made += [bibliography[end : entry.end()]]
        end = _end(bibliography, entry.start("key"))
        body = bibliography[entry.end() : end]
        fields = _fields(body)
        made += [*_missing(entry["kind"].lower(), fields, labelled=labelled)]
        named = "title" not in fields or any(name in fields for name in LABELS)
        made += [f" key = {{{_value('title', fields['title'])}}},"] if not (named or labelled) else []
        made.append(_body(body, titled=labelled and not named))
    return "".join([*made, bibliography[end:]])


def _body(text: str, *, titled: bool) -> str:
    """Return the fields of an entry; the title of a ``titled`` one stands where its authors would, as elsewhere."""
    made, end = [], 0
    for field in FIELD.finditer(text):
        if field.start() < end:
            continue
        name = field["name"].lower()
        closes = _end(text, field.end())
        value = _value(name, text[field.end() : closes])
        if titled and name == "title":
            made += [text[end : field.start("name")], f"author = {{{{{value[1:-1]}}}}}"]
        else:
            made += [text[end : field.end()], value]
        end = closes
    return "".join([*made, text[end:]])


def _value(name: str, text: str) -> str:
    if name in VERBATIM:
        return text
    text = COMMAND.sub(lambda found: f"\\{found['sign']}" if found["sign"] else found[0], text)
    return PIECE.sub(_piece, unicodedata.normalize("NFC", text)) if name in NAMES else text


def _fields(text: str) -> dict[str, str]:
    """Return the fields of an entry; a value that is a number or a name of its own, with nothing of it."""
    found, end = {name.lower(): "" for name in re.findall(r"(?:^|,)\s*([A-Za-z][\w-]*)\s*=", text)}, 0
    for field in FIELD.finditer(text):
        if field.start() >= end:
            end = _end(text, field.end())
            found[field["name"].lower()] = text[field.end() + 1 : end - 1]
    return found


def _missing(kind: str, fields: Mapping[str, str], *, labelled: bool) -> Iterator[str]:
    """Yield the fields that BibTeX needs, made of those that pandoc reads."""
    for other, name in BIBLATEX.items():
        if fields.get(other) and name not in fields:
            yield f" {name} = {{{fields[other][:4] if name == 'year' else _value(name, fields[other])}}},"
    if kind in ("proceedings", "book", "collection") and fields.get("title") and "booktitle" not in fields:
        yield f" booktitle = {{{_value('title', fields['title'])}}},"  # what stands in it has it from here
    if labelled and not any(name in fields for name in ("year", "date", "crossref")):
        yield " year = {n.d.},"


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

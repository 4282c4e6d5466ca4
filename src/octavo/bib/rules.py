"""What should hold of a bibliography: each rule a small question, all of them in one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from octavo.bib import tex
from octavo.bib.load import Bibliography, Entry
from octavo.errors import nearest
from octavo.model import Finding, Place

# The fields that an entry needs, by its type; "a|b" means either.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "article": ("author", "title", "journal", "year"),
    "book": ("author|editor", "title", "publisher", "year"),
    "inproceedings": ("author", "title", "booktitle", "year"),
    "incollection": ("author", "title", "booktitle", "publisher", "year"),
    "phdthesis": ("author", "title", "school", "year"),
    "mastersthesis": ("author", "title", "school", "year"),
    "techreport": ("author", "title", "institution", "year"),
    "misc": ("author|title", "year"),
    "online": ("author|title", "url", "year|date"),
    "unpublished": ("author", "title", "note"),
}

Cited = Mapping[str, Place]
Rule = Callable[[Bibliography, Cited], Iterable[Finding]]


def check(bibliography: Bibliography, cited: Cited) -> tuple[Finding, ...]:
    """Return what does not hold, in the order of the file. ``cited`` has every key that a document cites, and where."""
    found = [*bibliography.faults, *(finding for rule in RULES for finding in rule(bibliography, cited))]
    return tuple(sorted(found, key=lambda f: (f.place.file if f.place else "", (f.place and f.place.line) or 0)))


def _keys_differ(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    """BibTeX reads keys without regard to case; the parser does not."""
    seen: dict[str, Entry] = {}
    for entry in bibliography.entries:
        first = seen.setdefault(entry.key.lower(), entry)
        if first is not entry:
            text = f"The keys '{first.key}' (line {first.line}) and '{entry.key}' differ only in their case."
            yield _finding(bibliography, entry, "bib-key-unique", text, "Rename one of them.")


def _keys_are_words(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    for entry in bibliography.entries:
        if not re.fullmatch(r"[^\s,{}()'\"#%~\\]+", entry.key):
            text = f"The key '{entry.key}' has a space or a mark that citations cannot hold."
            yield _finding(bibliography, entry, "bib-key-citable", text, "Use letters, digits, - : . and _ .")


def _fields_are_there(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    for entry in bibliography.entries:
        if entry.kind not in REQUIRED:
            text = f"'{entry.key}' has the type @{entry.kind}, which is not known."
            hint = nearest(entry.kind, REQUIRED) or f"Known types: {', '.join(REQUIRED)}."
            yield _finding(bibliography, entry, "bib-type-known", text, hint)
            continue
        for wanted in REQUIRED[entry.kind]:
            if not any(entry.fields.get(name, "").strip() for name in wanted.split("|")):
                text = f"'{entry.key}' (@{entry.kind}) has no {wanted.replace('|', ' or ')}."
                yield _finding(bibliography, entry, "bib-field-present", text, "Add the field.")


def _citations_are_defined(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    known = bibliography.keys()
    for key, place in cited.items():
        if key not in known:
            hint = nearest(key, known) or f"Add it to {bibliography.file}."
            yield Finding("bib-citation-defined", "error", f"'{key}' is cited, but not defined.", place, hint)


def _entries_are_used(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    for entry in bibliography.entries:
        if entry.key not in cited:
            text = f"'{entry.key}' is never cited."
            yield _finding(bibliography, entry, "bib-entry-used", text, "Cite it or take it out.", severity="warning")


def _works_are_once(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    seen: dict[str, Entry] = {}
    for entry in bibliography.entries:
        title = re.sub(r"[^a-z0-9]", "", entry.fields.get("title", "").lower())
        doi = entry.fields.get("doi", "").lower()
        marks = [mark for mark in (f"doi:{doi}" if doi else "", f"{title}:{_year(entry)}" if title else "") if mark]
        first = next((seen[mark] for mark in marks if mark in seen), None)
        if first:
            text = f"'{entry.key}' and '{first.key}' (line {first.line}) are the same work."
            yield _finding(bibliography, entry, "bib-work-once", text, "Keep one of them.")
        seen.update({mark: entry for mark in marks if mark not in seen})


def _fields_are_shaped(bibliography: Bibliography, cited: Cited) -> Iterator[Finding]:
    for entry in bibliography.entries:
        for name, wrong, text, hint in SHAPES:
            value = entry.fields.get(name, "")
            if value and re.search(wrong, value):
                line = entry.lines.get(name, entry.line)
                place = Place(bibliography.file, line)
                shown = value if len(value) <= 60 else value[:57] + "…"
                yield Finding("bib-field-shaped", "warning", f"'{entry.key}': {text} ({name} = {shown}).", place, hint)


SHAPES = (
    ("doi", r"^(https?:|doi:)", "the DOI holds an address", "Write the bare DOI: 10.1000/182."),
    ("doi", r"^(?!10\.\d{4,9}/)(?!https?:|doi:)", "this is no DOI", "A DOI begins with 10. and a number."),
    ("pages", r"^\w*\d-\d", "the page range has a single hyphen", "Write 12--34."),
    ("year", r"^(?!\d{4}$)", "the year is not four digits", "Write 2024."),
    ("author", r"\bet al\b", "the authors hold 'et al.'", "Write them all, or end with: and others."),
    ("title", r"&(amp|lt|gt|quot|#\d+);", "the title holds HTML", r"Write \& for an ampersand."),
    ("journal", r"&(amp|lt|gt|quot|#\d+);", "the journal holds HTML", r"Write \& for an ampersand."),
)

RULES: tuple[Rule, ...] = (
    _keys_differ,
    _keys_are_words,
    _fields_are_there,
    _citations_are_defined,
    _entries_are_used,
    _works_are_once,
    _fields_are_shaped,
    tex.unprintable,
)


def _year(entry: Entry) -> str:
    return entry.fields.get("year", "")


def _finding(
    bibliography: Bibliography,
    entry: Entry,
    rule: str,
    text: str,
    hint: str,
    *,
    severity: Literal["error", "warning"] = "error",
) -> Finding:
    return Finding(rule, severity, text, Place(bibliography.file, entry.line), hint)

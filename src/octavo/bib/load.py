"""Read a .bib file: its entries with their lines, and what does not parse, in words.

bibtexparser reads; this module adds what it keeps to itself: duplicates leave its list of entries, a lost brace
swallows the next block, and the reasons go to a log. The file is only read, never written back.
"""

from __future__ import annotations

import logging
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from octavo.model import Finding, Frozen, Place


class Entry(Frozen, frozen=True):
    """An entry of a bibliography. ``line`` counts from 1; ``lines`` has the line of each field."""

    key: str
    kind: str
    line: int
    fields: dict[str, str]
    lines: dict[str, int]


class Bibliography(Frozen, frozen=True):
    """A .bib file: its entries, and the faults that kept parts of it from being entries."""

    file: str
    entries: tuple[Entry, ...]
    faults: tuple[Finding, ...]

    def keys(self) -> tuple[str, ...]:
        """Return the keys of the entries, in the order of the file."""
        return tuple(entry.key for entry in self.entries)


MOST = 20_000_000  # bytes: to read one takes some thirty times as much memory


def load(path: Path, name: str) -> Bibliography:
    """Read the .bib file at ``path``; ``name`` is what messages call it. Faults are collected, nothing is raised."""
    try:
        size = path.stat().st_size
        if size > MOST:
            what = f"This bibliography has {size / 1e6:.0f} MB; Octavo reads {MOST / 1e6:.0f} MB."
            return _broken(name, what, None, "Keep what the paper cites in a file of its own.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _broken(name, "This bibliography does not exist.", None, "Write it, or mend its path in pyproject.toml.")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return _broken(name, "This line is not UTF-8 text.", line, "Save the file as UTF-8.")
    library = _parse(text)
    entries = tuple(_entry(entry) for entry in library.entries)
    faults = [_fault(block, name) for block in library.failed_blocks]
    swallowed = [_swallowed(entry, name) for entry in library.entries]
    broken = {id(after) for block, after in pairwise(library.blocks) if _lacks_comma(block)}
    loose = [comment for comment in library.comments if _looks_like_fields(comment)]
    stray = [_stray(comment, name) for comment in loose if id(comment) not in broken]
    found = [fault for fault in (*faults, *swallowed, *stray) if fault]
    return Bibliography(name, entries, tuple(sorted(found, key=lambda f: (f.place and f.place.line) or 0)))


def _parse(text: str) -> Any:  # bibtexparser has no types
    from bibtexparser.entrypoint import parse_string

    log = logging.getLogger("bibtexparser")
    before = log.disabled
    # Its reasons are taken from the blocks below; its log would print them once more on standard error.
    logging.disable(logging.ERROR)
    try:
        return parse_string(text)
    finally:
        logging.disable(logging.NOTSET)
        log.disabled = before


def _entry(entry: Any) -> Entry:
    return Entry(
        key=entry.key,
        kind=entry.entry_type.lower(),
        line=entry.start_line + 1,  # bibtexparser counts from 0
        fields={field.key.lower(): str(field.value) for field in entry.fields},
        lines={field.key.lower(): field.start_line + 1 for field in entry.fields},
    )


def _fault(block: Any, name: str) -> Finding:
    """Word a block that bibtexparser gave up; a repeated key is one of them."""
    from bibtexparser.model import DuplicateBlockKeyBlock, DuplicateFieldKeyBlock

    place = Place(name, block.start_line + 1)
    if isinstance(block, DuplicateBlockKeyBlock):
        first = (block.previous_block.start_line or 0) + 1
        return Finding(
            "bib-key-unique",
            "error",
            f"The key '{block.key}' is used twice; line {first} has it first.",
            place,
            "Give one of the two another key, or take one out.",
        )
    if isinstance(block, DuplicateFieldKeyBlock):
        twice = ", ".join(f"'{field}'" for field in sorted(block.duplicate_keys))
        key = getattr(block.ignore_error_block, "key", "")
        return Finding(
            "bib-field-unique", "error", f"The entry '{key}' has the field {twice} twice.", place, "Take one out."
        )
    reason = getattr(block.error, "abort_reason", "") or str(block.error) or "it is not well formed"
    if _lacks_comma(block):
        return _without_comma(block, place)
    head = (block.raw or "").strip().splitlines()
    shown = f" ('{head[0][:60]}')" if head else ""
    return Finding(
        "bib-parses",
        "error",
        f"This entry{shown} cannot be read: {reason.rstrip('.')}.",
        place,
        "Look for a missing brace, quote or comma, here or at the end of the entry before.",
    )


def _lacks_comma(block: Any) -> bool:
    """Tell whether a block was given up for the comma after its key; what follows it is then no fault of its own."""
    return "comma after entry key" in str(getattr(getattr(block, "error", None), "abort_reason", ""))


def _without_comma(block: Any, place: Place) -> Finding:
    opening, *words = (block.raw or "").replace("=", " ").replace("{", "{ ", 1).split()
    # The last word is the name of the first field, on which bibtexparser stopped.
    if len(words) < 2:
        hint = f"Write a key and a comma after {opening}"
        return Finding("bib-parses", "error", "This entry has no key.", place, f"{hint}, such as {opening}smith1986,")
    hint = f"Write: {opening}{words[0]},"
    return Finding("bib-parses", "error", f"The entry '{words[0]}' has no comma after its key.", place, hint)


def _swallowed(entry: Any, name: str) -> Finding | None:
    """A field that holds ``@type{key,`` or ``name = {`` on a line of its own has lost its brace or its comma."""
    for field in entry.fields:
        found = re.search(r"^\s*@\w+\s*\{", str(field.value), re.MULTILINE)
        if found:
            return Finding(
                "bib-parses",
                "error",
                f"The field '{field.key}' of '{entry.key}' runs on into the next entry.",
                Place(name, field.start_line + 1),
                "Close its brace.",
            )
        if re.search(r"^\s*\w+\s*=\s*[{\"]", str(field.value), re.MULTILINE):
            return Finding(
                "bib-parses",
                "error",
                f"The field '{field.key}' of '{entry.key}' runs on into the next field.",
                Place(name, field.start_line + 1),
                "End it with a comma.",
            )
    return None


def _looks_like_fields(comment: Any) -> bool:
    return bool(re.search(r"^\s*\w+\s*=\s*[{\"\d]", comment.comment or "", re.MULTILINE))


def _stray(comment: Any, name: str) -> Finding:
    return Finding(
        "bib-parses",
        "error",
        "These lines look like fields, but belong to no entry.",
        Place(name, comment.start_line + 1),
        "A comma is missing at the end of the field before them.",
    )


def _broken(name: str, message: str, line: int | None, hint: str) -> Bibliography:
    return Bibliography(name, (), (Finding("bib-parses", "error", message, Place(name, line), hint),))

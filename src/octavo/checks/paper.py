"""What a venue asks of a paper, asked of the PDFs that were made, of LaTeX's log, and of the words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from octavo.model import Finding, Frozen, LatexLog, Place

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|TBD|TK)\b|\?\?\?")
SPARE = 1.0  # points beyond the margin that nobody sees
SHOWN = 3

Severity = Literal["error", "warning"]


class Printed(Frozen, frozen=True):
    """A PDF of the paper: what it is called, where it lies, and what was said of it when it was set."""

    name: str
    file: Path
    log: LatexLog


class Asked(Frozen, frozen=True):
    """What a paper is held to: its stage, the pages that its text may have, the names that a review must not have.

    ``smallest`` is the height of type in points that is still read.
    """

    stage: str
    limit: int | None
    authors: tuple[str, ...]
    smallest: float = 6.0


def check(printed: Sequence[Printed], texts: Sequence[tuple[str, Place | None]], asked: Asked) -> tuple[Finding, ...]:
    """Return what does not hold of a paper; ``texts`` are its words, each with its place."""
    found = [*_unfinished(texts), *(_names(texts, asked.authors) if asked.stage == "review" else ())]
    for one in printed:
        found += _fonts(one)
        found += _of_log(one.log, asked)
    found += _too_long(printed, asked.limit)
    return tuple(found)


def _finding(rule: str, severity: Severity, text: str, hint: str, place: Place | None = None) -> Finding:
    return Finding(f"paper-{rule}", severity, text, place, hint)


def _unfinished(texts: Sequence[tuple[str, Place | None]]) -> Iterator[Finding]:
    for text, place in texts:
        if found := UNFINISHED.search(text):
            yield _finding("finished", "error", f"'{found[0]}' stands in the text.", "Write it, or take it out.", place)


def _names(texts: Sequence[tuple[str, Place | None]], authors: Sequence[str]) -> Iterator[Finding]:
    for text, place in texts:
        for name in authors:
            if name.casefold() in text.casefold():
                what = f"The text names the author '{name}', and a review must not."
                yield _finding("anonymous", "error", what, "Speak of yourselves in the third person.", place)


def _fonts(printed: Printed) -> Iterator[Finding]:
    import pypdf

    fonts: dict[str, str] = {}
    for page in pypdf.PdfReader(printed.file).pages:
        _collect(page.get("/Resources"), fonts, set())
    bare = sorted(name for name, kind in fonts.items() if kind == "not embedded")
    drawn = sorted(name for name, kind in fonts.items() if kind == "Type 3")
    if bare:
        text = f"{printed.name}: the fonts {', '.join(bare[:SHOWN])} are not embedded."
        yield _finding("fonts-embedded", "error", text, "Embed them: a reader's machine may not have them.")
    if drawn:
        text = f"{printed.name}: the fonts {', '.join(drawn[:SHOWN])} are Type 3, which venues refuse."
        yield _finding("fonts-embedded", "error", text, "Install the outline fonts (Debian: lmodern, cm-super).")


def _collect(resources: Any, fonts: dict[str, str], seen: set[int]) -> None:
    """Note the fonts of a page and of the drawings on it: by name, whether they are embedded, or of Type 3."""
    if resources is None:
        return
    resources = resources.get_object()
    for reference in (resources.get("/Font") or {}).values():
        font = reference.get_object()
        name = str(font.get("/BaseFont", "without a name")).lstrip("/")
        inner = font.get("/DescendantFonts")
        described = (inner.get_object()[0].get_object() if inner else font).get("/FontDescriptor")
        embedded = described and any(key in described.get_object() for key in ("/FontFile", "/FontFile2", "/FontFile3"))
        fonts[name] = "Type 3" if font.get("/Subtype") == "/Type3" else "embedded" if embedded else "not embedded"
    for reference in (resources.get("/XObject") or {}).values():
        drawing = reference.get_object()
        if id(drawing) not in seen and drawing.get("/Subtype") == "/Form":
            seen.add(id(drawing))
            _collect(drawing.get("/Resources"), fonts, seen)


def _of_log(log: LatexLog, asked: Asked) -> Iterator[Finding]:
    for line, points, words in [found for found in log.overfull if found[1] > SPARE][:SHOWN]:
        text = f"LaTeX: a line is {points:.0f} pt too wide (line {line} of paper.tex): {words}"
        yield _finding(
            "lines-fit", "error", text, "Break the formula, shorten the word, or make the table `:class: wide`."
        )
    for table in log.shrunk:
        if table.points < asked.smallest:
            text = (
                f"LaTeX: this table is too wide; shrunk to {table.share:.0%}, its type is {table.points:.1f} pt high, "
                f"and may not be below {asked.smallest:g} pt."
            )
            way_out = "Give its `{table}` the option `:class: wide`, take columns out, or shorten its words."
            yield _finding("type-readable", "error", text, way_out, table.place)
    for line, points in log.tall[:SHOWN]:
        text = f"LaTeX: a float is {points:.0f} pt taller than its page (line {line} of paper.tex): its end is cut off."
        yield _finding("floats-fit", "error", text, "Split it, or take lines out.")
    if log.lacking:
        severity: Severity = "error" if asked.stage == "camera-ready" else "warning"
        lacking = ", ".join(log.lacking)
        text = f"LaTeX: the class is not set in its own typeface; these are not installed: {lacking}."
        yield _finding("venue-font", severity, text, "Install them (Debian: texlive-fonts-extra).")


def _too_long(printed: Sequence[Printed], limit: int | None) -> Iterator[Finding]:
    if limit is None:
        return
    for one in printed:
        pages = one.log.text_pages
        if pages > limit:
            text = f"{one.name}: the text ends on page {pages}, and may have {limit} (without references and appendix)."
            yield _finding("within-limit", "error", text, "Shorten it, or move a part to the appendix.")


def pages(printed: Printed) -> int:
    """Return how many pages a PDF has."""
    import pypdf

    return len(pypdf.PdfReader(printed.file).pages)


def summary(printed: Sequence[Printed], findings: Mapping[str, int]) -> str:
    """Return what was found in one sentence."""
    told = " and ".join(_pages(one) for one in printed)
    errors, warnings = (findings.get(kind, 0) for kind in ("error", "warning"))
    aside = f" ({_number(warnings, 'warning')})" if warnings else ""
    if errors:
        return f"The paper has {_number(errors, 'error')}{aside}; {told}."
    return f"The paper holds{aside}: {told}."


def _pages(printed: Printed) -> str:
    number = pages(printed)
    aside = f", text on {printed.log.text_pages} of them" if number > 1 else ""
    return f"{printed.name} has {_number(number, 'page')}{aside}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"

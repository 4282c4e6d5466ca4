"""The page that shows what each output has of each construct."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.constructs.manuscript import Manuscript
from tests.constructs.reading import Missing, Reading
from tests.constructs.rows import GROUPS, OUTPUTS, Row

from octavo.document.fill import fill
from octavo.document.source import walk

PAGE = Path(__file__).parents[2] / "docs/constructs.md"
NAMES = {"pdf": "PDF", "latex": "LaTeX", "docx": "Word", "jats": "JATS", "html": "HTML"}
HEAD = """# What each output shows of each construct

A paper with one of each construct is written to every output, and each output is read back: the PDFs by where their
letters and lines stand, the page by what Chromium shows, Word and JATS by their elements. `LaTeX` is the PDF that LaTeX
makes with the class `article`.

`make constructs` makes this page anew. A test holds it, and a slow test breaks each construct in each writer to see
that the question finds it.
"""


def shown(row: Row, reading: Reading) -> bool:
    """Whether an output shows a construct as it should."""
    try:
        return bool(row.ask(reading) == row.wanted)
    except Missing:
        return False


def page(manuscript: Manuscript, readings: Mapping[str, Reading]) -> str:
    """Return the page as Markdown; what is not shown is "no", a hole that is known has the number of its reason."""
    reasons = list(dict.fromkeys(reason for group in GROUPS for row in group.rows for reason in row.holes.values()))
    lines = [HEAD]
    for group in GROUPS:
        lines += [f"## {group.name}\n", f"| Construct | Written | {' | '.join(NAMES.values())} |", "| --- " * 7 + "|"]
        for row in group.rows:
            cells = [_cell(row, output, readings, reasons) for output in OUTPUTS]
            lines.append(f"| {row.name} | {row.written.replace('|', '&#124;')} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["## Why some are missing\n", *(f"{n}. {reason}." for n, reason in enumerate(reasons, 1)), ""]
    return "\n".join([*lines, *_counted(manuscript, readings)])


def _cell(row: Row, output: str, readings: Mapping[str, Reading], reasons: list[str]) -> str:
    if output in row.holes:
        return f"({reasons.index(row.holes[output]) + 1})"
    return "not looked" if output not in readings else "yes" if shown(row, readings[output]) else "**no**"


def _counted(manuscript: Manuscript, readings: Mapping[str, Reading]) -> list[str]:
    wanted = counts(manuscript)
    lines = ["## How many went in and came out\n", f"| | In | {' | '.join(NAMES.values())} |", "| --- " * 7 + "|"]
    for name, number in wanted.items():
        found = [str(came_out(readings[o]).get(name, "-")) if o in readings else "not looked" for o in OUTPUTS]
        lines.append(f"| {name} | {number} | {' | '.join(found)} |")
    return [*lines, "\n`-`: a PDF of LaTeX's has no tags that could be counted.", ""]


def came_out(reading: Reading) -> dict[str, int]:
    """Return what an output has of each kind."""
    return {**reading.counts(), "references and citations": reading.references()}


def counts(manuscript: Manuscript) -> dict[str, int]:
    """Return what the source has of each kind."""
    content = fill(manuscript.content, manuscript.results, manuscript.root / "images")
    kinds = [node["type"] for node, _ in walk(content)]
    return {
        "formulas": kinds.count("math") + kinds.count("inlineMath"),
        "figures": kinds.count("drawing"),
        "tables": kinds.count("table"),
        "footnotes": kinds.count("footnoteReference"),
        "works": len(content.references),
        "references and citations": kinds.count("crossReference") + kinds.count("cite"),
    }

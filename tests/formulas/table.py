"""What is found when the formulas are compared in every output, and the page that says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from tests.formulas import corpus, settings
from tests.formulas.compare import compare
from tests.formulas.corpus import Formula
from tests.formulas.marks import Mark

from octavo.document import shape
from octavo.document.source import Content, Node
from octavo.errors import OctavoError, Problems

OUTPUTS = {
    "typst": "PDF (Typst)",
    "latex": "LaTeX",
    "html": "HTML",
    "docx": "Word",
    "jats": "JATS",
}
BEYOND, UNKNOWN = "Beyond the AMS", "Unknown to the parser"
SAME, REFUSED, DIFFERS, APART = "same", "refused", "differs", "not compared"
LOOKED = Path(__file__).with_name("looked.txt")


@dataclass(frozen=True)
class Found:
    """What became of a formula in an output: the verdict, and what there is to say."""

    formula: Formula
    output: str
    verdict: str
    told: str = ""


def reasons() -> dict[tuple[str, str], str]:
    """Return what was seen when a differing formula was looked at, by output and formula."""
    known = {}
    for line in LOOKED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("%"):
            output, _, rest = line.partition(": ")
            tex, _, reason = rest.rpartition(" => ")
            known[output, tex] = reason
    return known


def without(content: Content, dropped: Callable[[Node], bool]) -> Content:
    """Return a paper without some of its formulas."""

    def kept(nodes: Sequence[Node]) -> list[Node]:
        return [
            {**node, "children": kept(node["children"])} if "children" in node else node
            for node in nodes
            if node["type"] != "math" or not dropped(node)
        ]

    return msgspec.structs.replace(content, nodes=kept(content.nodes))


def unknown(formulas: Sequence[Formula], macros: dict[str, str], folder: Path) -> list[Found]:
    """Return what the parser says of the formulas that it does not know: nothing of them reaches an output."""
    found = []
    for number, formula in enumerate(formulas):
        try:
            corpus.parse([formula], macros, folder / str(number))
        except OctavoError as error:
            first = error.problems[0] if isinstance(error, Problems) else error
            told = first.what.partition(": ")[2] or first.what
            found += [Found(formula, output, REFUSED, told.split(" at position")[0] + ".") for output in OUTPUTS]
    return found


def mathml(formulas: Sequence[Formula], content: Content, folder: Path) -> list[Found]:
    """Compare what arrives in HTML, Word and JATS with KaTeX's MathML: all signs, in the same places and letters."""
    readers = {"html": settings.web_signs, "docx": settings.word_signs, "jats": settings.jats_signs}
    found: list[Found] = []
    for output, read in readers.items():
        refused = settings.refused(content, output, folder)
        left = without(content, lambda node, refused=refused: node["value"] in refused)  # type: ignore[misc]
        made = dict(zip([node["value"] for node in corpus.displays(left)], read(left, folder / output), strict=True))
        wanted = dict(zip([node["value"] for node in corpus.displays(left)], settings.wanted(left), strict=True))
        for formula in formulas:
            if formula.tex in refused:
                found.append(Found(formula, output, REFUSED, refused[formula.tex]))
            else:
                told = shape.difference(wanted[formula.tex], made[formula.tex])
                found.append(Found(formula, output, DIFFERS if told else SAME, told))
    return found


def pictures(formulas: Sequence[Formula], content: Content, folder: Path) -> list[Found]:
    """Compare what Typst and the paper's LaTeX show with what LaTeX shows of the formula alone, sign by sign."""
    apart = {formula.tex for formula in formulas if formula.topic == BEYOND}
    alone = without(content, lambda node: node["value"] in apart)
    wanted = _by_tex(alone, settings.raw_marks(alone, folder / "alone"))
    found: list[Found] = []
    for output, read in {"typst": settings.typst_marks, "latex": settings.written_marks}.items():
        refused = settings.refused(content, output, folder)
        left = without(content, lambda node, refused=refused: node["value"] in refused or node["value"] in apart)  # type: ignore[misc]
        made = _by_tex(left, read(left, folder / output))
        for formula in formulas:
            if formula.tex in refused:
                found.append(Found(formula, output, REFUSED, refused[formula.tex]))
            elif formula.tex in apart:
                found.append(Found(formula, output, APART, "LaTeX knows it by other packages alone"))
            else:
                told = compare(wanted[formula.tex], made[formula.tex]).told()
                found.append(Found(formula, output, DIFFERS if told else SAME, told))
    return found


def _by_tex(content: Content, made: Sequence[list[Mark]]) -> dict[str, list[Mark]]:
    return dict(zip([node["value"] for node in corpus.displays(content)], made, strict=True))


def every() -> list[Found]:
    """Return what is found of every formula in every output. Needs pdflatex."""
    formulas, macros = corpus.read()
    known = [formula for formula in formulas if formula.topic != UNKNOWN]
    with TemporaryDirectory(prefix="octavo-") as name:
        folder = Path(name)
        content = corpus.parse(known, macros, folder / "parsed")
        return [
            *pictures(known, content, folder),
            *mathml(known, content, folder),
            *unknown([formula for formula in formulas if formula.topic == UNKNOWN], macros, folder / "unknown"),
        ]

"""The page of the documentation that tells how formulas fare in every output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tests.formulas import corpus
from tests.formulas.compare import ACROSS, SIZE, UPWARD
from tests.formulas.table import APART, DIFFERS, OUTPUTS, REFUSED, SAME, Found

from octavo.document import mathml, speech
from octavo.document.source import Content

HEAD = """# Formulas

Made by `python -m tests.formulas`; do not edit it.

{count} formulas of the kinds that papers of machine learning and statistics use (`tests/formulas/formulas.txt`) go
through every output by the real writers, and come back:

- **PDF (Typst)**: each is set on a page of its own, and beside it what LaTeX sets of the TeX as it was typed. Both PDFs
  are read sign by sign: they must have the same signs, in the same letters and sizes (within {size} em), each at the
  same place as seen from its nearest neighbours: within {across} em in the line and {upward} em in height. Fonts and
  systems differ by less. An exponent that became an index, a lost sign, a limit that moved aside differ by more:
  that is tested by breaking formulas (`tests/formulas/test_formulas_compared.py`).
- **LaTeX**: the same with what the paper's own LaTeX source shows.
- **HTML, JATS**: the MathML that arrives is compared with KaTeX's: the same signs in the same places (exponent,
  numerator, cell …) and letters. Typst's formulas are made of the same MathML; that it says what LaTeX says is seen
  there. How a browser draws it is not looked at.
- **Word**: its formulas are read back and compared with KaTeX's MathML in the same way; in every build, not only here.

Each that differs was looked at, and is listed with what there was to see. What cannot be carried stops the build, with
file and line.

"""


def written(found: Sequence[Found], reasons: Mapping[tuple[str, str], str]) -> str:
    """Return the page."""
    count = len({each.formula.tex for each in found})
    parts = [HEAD.format(count=count, size=SIZE, across=ACROSS, upward=UPWARD), *_counts(found)]
    parts += ["\n## What differs\n\n", _row("Output", "Formula", "Found", "To be seen"), _rule(4)]
    for each in (each for each in found if each.verdict == DIFFERS):
        seen = reasons.get((each.output, each.formula.tex), "**nobody has looked**")
        parts.append(_row(OUTPUTS[each.output], _code(each.formula.tex), each.told.replace("|", "\\|"), seen))
    parts += ["\n## What is refused\n\n", _row("Formula", "By", "What the build says of it"), _rule(3)]
    for tex, told in _grouped(each for each in found if each.verdict == REFUSED):
        parts.append(_row(_code(tex), told[0], told[1]))
    parts += ["\n## What no picture was compared of\n\n", "LaTeX knows these by packages beside the AMS's alone.\n\n"]
    parts += [f"- {_code(tex)}\n" for tex in dict.fromkeys(each.formula.tex for each in found if each.verdict == APART)]
    return "".join(parts)


def spoken(content: Content) -> str:
    """Return every formula with what is said of it, as it is kept to be read by a person."""
    parts = ["% What is said of each formula in the PDF; python -m tests.formulas writes it, and a person reads it.\n"]
    for node in corpus.displays(content):
        try:
            said = speech.spoken(node["html"])
        except mathml.Unsupported as error:
            said = f"(refused: {error})"
        parts.append(f"\n{node['value']}\n    {said}\n")
    return "".join(parts)


def _counts(found: Sequence[Found]) -> list[str]:
    """Return the table of topics and outputs."""
    counted = Counter((each.formula.topic, each.output, each.verdict) for each in found)
    topics = list(dict.fromkeys(each.formula.topic for each in sorted(found, key=lambda each: each.formula.line)))
    parts = [_row("Topic", "Formulas", *OUTPUTS.values()), _rule(2 + len(OUTPUTS))]
    for topic in topics:
        total = len({each.formula.tex for each in found if each.formula.topic == topic})
        cells = []
        for output in OUTPUTS:
            numbers = [(counted[topic, output, verdict], verdict) for verdict in (SAME, DIFFERS, REFUSED, APART)]
            cells.append(", ".join(f"{number} {verdict}" for number, verdict in numbers if number))
        parts.append(_row(topic, str(total), *cells))
    totals = Counter((each.output, each.verdict) for each in found)
    cells = [", ".join(f"{totals[o, v]} {v}" for v in (SAME, DIFFERS, REFUSED, APART) if totals[o, v]) for o in OUTPUTS]
    parts.append(_row("**all**", str(len({each.formula.tex for each in found})), *cells))
    return parts


def _grouped(found: Iterable[Found]) -> list[tuple[str, tuple[str, str]]]:
    """Return each refused formula with the outputs that say the same of it."""
    groups: dict[tuple[str, str], list[str]] = {}
    order: dict[str, int] = {}
    for each in found:
        order[each.formula.tex] = each.formula.line
        groups.setdefault((each.formula.tex, each.told), []).append(OUTPUTS[each.output])
    ordered = sorted(groups.items(), key=lambda item: order[item[0][0]])
    return [(tex, (", ".join(outputs), told)) for (tex, told), outputs in ordered]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _rule(count: int) -> str:
    return f"| {' | '.join(['---'] * count)} |\n"


def _code(tex: str) -> str:
    return "`" + tex.replace("|", "\\|") + "`"

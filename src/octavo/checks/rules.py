"""Every rule that `octavo check` holds a project to, in one table. A rule's id says what should hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from octavo.model import Finding, Frozen, Verdict


class Rule(Frozen, frozen=True):
    """A rule: what it asks, and the way out where it does not hold. Errors fail the check, warnings do not."""

    id: str
    severity: Literal["error", "warning"]
    asks: str
    way_out: str


_ACCEPT = 'Mend what moved it, or take it over: octavo accept NAME --because "…".'

RULES: tuple[Rule, ...] = (
    Rule("value-as-accepted", "error", "Every value prints as it was accepted, to the last digit.", _ACCEPT),
    Rule("table-as-accepted", "error", "Every cell and header of a table prints as it was accepted.", _ACCEPT),
    Rule("figure-as-accepted", "error", "Every figure shows what was accepted.", _ACCEPT),
    Rule(
        "figure-text-readable",
        "error",
        "Text is as high, as placed, as its medium asks for: 6 pt on paper, 9 pt on a web page, 18 pt on a slide.",
        "Raise font.size in the style sheet.",
    ),
    Rule("figure-line-printable", "warning", "Lines are at least 0.5 pt thick, as placed.", "Make them thicker."),
    Rule(
        "figure-text-contrast",
        "warning",
        "Text stands out from what is behind it (4.5 to 1).",
        "Choose another colour.",
    ),
    Rule("figure-text-apart", "warning", "No text is cut off or lies on another.", "Move or shorten it."),
    Rule(
        "figure-redrawn",
        "warning",
        "What documents show is drawn for where it stands, not scaled.",
        "Declare it: octavo.figure(NAME, draw).",
    ),
    Rule("figure-raster-sharp", "error", "A picture has 300 dots an inch, as placed.", "Save it finer, or as SVG."),
    Rule(
        "figure-colours-apart",
        "error",
        "Hues of a panel are told apart by people who lack a kind of cone (distance 5; from 10 on without a warning).",
        "Take other colours, or markers and dashes as well, and waive it.",
    ),
    Rule(
        "figure-greys-apart", "warning", "Hues of a panel are told apart in grey.", "Take markers, dashes or lightness."
    ),
    Rule("figure-bars-from-zero", "error", "The axis of bars begins at zero.", "Let it begin there, or show points."),
    Rule(
        "figure-seeded",
        "warning",
        "With other random numbers a figure shows the same.",
        "Give what is bootstrapped a seed of its own (seaborn: seed=1).",
    ),
    Rule("figure-axis-labelled", "warning", "Every axis says what it shows.", "Label it."),
    Rule(
        "figure-axis-unit", "warning", "The label of an axis names its unit, where it has one.", "Put it in brackets."
    ),
    Rule("figure-alt-text", "warning", "A figure has an alternative text.", "Give octavo.figure an alt= text."),
    Rule(
        "figure-interval-named", "warning", "The caption says what error bars and bands are.", "Say it, with the level."
    ),
    Rule("paper-finished", "error", "No TODO, FIXME, XXX, TBD, TK or ??? stands in the text.", "Write it."),
    Rule("paper-anonymous", "error", "A paper for review does not name its authors.", "Speak in the third person."),
    Rule("paper-fonts-embedded", "error", "Every font is embedded, and none is Type 3.", "Install outline fonts."),
    Rule(
        "paper-lines-fit", "error", "No line of LaTeX's runs over the margin.", "Break it, or make it `:class: wide`."
    ),
    Rule(
        "paper-type-readable",
        "error",
        "No table is shrunk until its type is below 6 pt.",
        "Give it `:class: wide`, or take columns out.",
    ),
    Rule("paper-floats-fit", "error", "No figure or table of LaTeX's is taller than its page.", "Split it."),
    Rule("paper-within-limit", "error", "The text has no more pages than `limit`.", "Shorten it."),
    Rule("paper-venue-font", "warning", "LaTeX has the typeface of the class.", "Debian: texlive-fonts-extra."),
    Rule("bib-parses", "error", "Every line of the bibliography can be read.", "Mend the brace, quote or comma."),
    Rule("bib-key-unique", "error", "A key stands for one entry, whatever its case.", "Rename one of the two."),
    Rule(
        "bib-key-citable", "error", "A key has no mark that a citation cannot hold.", "Use letters, digits, - : . _ ."
    ),
    Rule("bib-type-known", "error", "Every entry has a type that BibTeX knows.", "Mend the type."),
    Rule("bib-field-present", "error", "Every entry has the fields that its type needs.", "Add the field."),
    Rule("bib-field-printable", "error", "What a printed field has can be shown.", "Write it in letters, without TeX."),
    Rule("bib-field-unique", "error", "An entry has each field once.", "Take one of the two out."),
    Rule(
        "bib-field-shaped", "warning", "DOIs, pages, years and names are written as such.", "Write it as the hint says."
    ),
    Rule(
        "bib-citation-defined", "error", "Everything cited is in the bibliography.", "Add the entry, or mend the key."
    ),
    Rule("bib-work-once", "error", "A work stands in the bibliography once.", "Keep one of the two."),
    Rule("bib-entry-used", "warning", "Everything in the bibliography is cited.", "Cite it or take it out."),
)


def findings(verdicts: Iterable[Verdict]) -> tuple[Finding, ...]:
    """Return a finding for every result that is not as accepted, or could not be compared."""
    return tuple(
        Finding(f"{v.kind}-as-accepted", "error", f"{v.name}: {' '.join(v.differences)}", hint=_hint(v))
        for v in verdicts
        if v.state not in ("same", "drift") and not v.waived
    )


def _hint(verdict: Verdict) -> str:
    if verdict.state == "not compared":
        return "What was not compared is not known to be as accepted."
    return _ACCEPT.replace("NAME", verdict.name)

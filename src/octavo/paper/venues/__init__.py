"""Where a paper goes: what its class asks for, as data. The templates lie beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from octavo.model import Frozen


class Layout(Frozen, frozen=True):
    """The measures of a page of two columns, as the class in LaTeX has them, in inches; of type in points.

    ``top`` is that of the capitals in the first line, ``leading`` is from line to line; ``small`` is the type of
    captions, notes and references. ``font`` is the typeface of Typst's that is nearest to the class's. Captions begin
    with a name of ``labels`` and end the number with ``stop``.
    """

    column: float = 3.35
    gap: float = 0.3
    left: float = 0.75
    top: float = 0.9
    height: float = 9.15
    size: float = 10
    leading: float = 11.85
    small: float = 8.5
    title: float = 18
    font: str = "Libertinus Serif"
    labels: Mapping[str, str] = {}
    stop: str = "."

    @property
    def width(self) -> float:
        """How wide the text is, over both columns."""
        return 2 * self.column + self.gap


SPARE = 0.02  # inches by which a drawing may be wider than its column, and is drawn that much smaller


class Venue(Frozen, frozen=True):
    """What a class asks for, beside its template ``NAME.template.tex``.

    ``bibliography`` is its BibTeX style, ``numbered`` that of citations by number, which are ``numeric`` where the
    paper says nothing else, and in the order of their authors where it is ``sorted``; for ``ties`` see
    octavo.document.pandoc.Cited. ``appendix`` is what begins its appendix, ``thanks`` what stands around the
    acknowledgments. ``romans``: it numbers sections in Roman numerals. ``levels`` of headings
    are all that it has. ``smallest`` is the height of type, in points,
    below which nobody reads it; as for the text of figures. ``silent``: the fields of the front matter that the class
    does not print, each with the reason.
    """

    name: str
    bibliography: str
    numbered: str
    numeric: bool = True
    sorted: bool = False
    ties: str = "annote"
    appendix: str = "\\appendix"
    thanks: tuple[str, str] = ("\\section*{Acknowledgments}", "")
    romans: bool = False
    levels: int = 4
    smallest: float = 6.0
    silent: Mapping[str, str] = {}
    layout: Layout = Layout()

    def printed(self, kind: str, number: str) -> str:
        """Return the number of a ``heading``, ``table`` or anything else as it is referred to: IEEE's are Roman."""
        if not self.romans or kind not in ("heading", "table"):
            return number
        first, *rest = number.split(".")
        top = _roman(int(first)) if first.isdigit() else first
        letters = [chr(ord("A") + int(part) - 1) for part in rest[:1]]
        small = [chr(ord("a") + int(part) - 1) for part in rest[2:3]]
        return "-".join([top, *letters]) + "".join([*rest[1:2], *small])


def _roman(number: int) -> str:
    made = ""
    for value, sign in ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        made += sign * (number // value)
        number %= value
    return made


VENUES = {
    "article": Venue("article", "plainnat", "unsrtnat", numeric=False, levels=5),
    "ieee": Venue(
        "ieee",
        "IEEEtranN",
        "IEEEtranN",
        appendix="\\appendices",
        romans=True,
        silent={
            "date": "IEEEtran prints none in a conference paper: the proceedings have one",
            "short_title": "IEEEtran prints no running heads in a conference paper",
        },
        layout=Layout(
            column=3.487,
            gap=0.166,
            left=0.68,
            top=0.727,
            height=9.223,
            leading=12,
            small=8,
            title=24,
            labels={"figure": "Fig.", "table": "TABLE"},
        ),
    ),
    "acm": Venue(
        "acm",
        "ACM-Reference-Format",
        "ACM-Reference-Format",
        sorted=True,
        ties="title",
        thanks=("\\begin{acks}", "\\end{acks}"),
        silent={"date": "acmart prints the dates that the publisher gives: of receipt, and of the conference"},
        layout=Layout(
            column=3.337,
            gap=0.332,
            left=0.747,
            top=1.217,
            height=8.607,
            size=9,
            leading=11,
            small=8,
            title=17,
            stop=":",
        ),
    ),
}

AUTHOR_YEAR, NUMERIC = "author-year", "numeric"
# As BibTeX sorts: by the whole name of the first author, not by initials; numbers are the same in LaTeX.
BY_AUTHOR = (
    '<sort><key macro="label" names-min="1" names-use-first="1"/><key variable="author"/>'
    '<key variable="issued"/><key variable="title"/></sort>'
)


def citation_style(venue: Venue, citations: str) -> str:
    """Return the CSL in which all outputs but LaTeX word their citations; nothing, for author and year.

    ``citations`` is what the paper asks for, or nothing: then the venue decides.
    """
    if citations == AUTHOR_YEAR or not (citations or venue.numeric):
        return ""
    style = Path(__file__).with_name("numeric.csl").read_text(encoding="utf-8")
    opener = '<bibliography second-field-align="flush" entry-spacing="0">'
    return style.replace(opener, opener + BY_AUTHOR) if venue.sorted else style

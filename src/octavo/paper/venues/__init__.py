"""Where a paper goes: what its class asks for, as data. The templates lie beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from octavo.model import Frozen


class Venue(Frozen, frozen=True):
    """What a class asks for, beside its template ``NAME.template.tex``.

    ``bibliography`` is its BibTeX style, ``numbered`` that of citations by number, which are ``numeric`` where the
    paper says nothing else, and in the order of their authors where it is ``sorted``; ``appendix`` what begins its
    appendix, ``thanks`` what stands around the acknowledgments. ``romans``: it numbers sections in Roman numerals.
    ``smallest`` is the height of type, in points, below which nobody reads it; as for the text of figures. ``silent``:
    the fields of the front matter that the class does not print, each with the reason.
    """

    name: str
    bibliography: str
    numbered: str
    numeric: bool = True
    sorted: bool = False
    appendix: str = "\\appendix"
    thanks: tuple[str, str] = ("\\section*{Acknowledgments}", "")
    romans: bool = False
    smallest: float = 6.0
    silent: Mapping[str, str] = {}


VENUES = {
    "article": Venue("article", "plainnat", "unsrtnat", numeric=False),
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
    ),
    "acm": Venue(
        "acm",
        "ACM-Reference-Format",
        "ACM-Reference-Format",
        sorted=True,
        thanks=("\\begin{acks}", "\\end{acks}"),
        silent={"date": "acmart prints the dates that the publisher gives: of receipt, and of the conference"},
    ),
}

AUTHOR_YEAR, NUMERIC = "author-year", "numeric"
BY_AUTHOR = '<sort><key macro="author"/><key variable="issued"/><key variable="title"/></sort>'


def citation_style(venue: Venue, citations: str) -> str:
    """Return the CSL in which all outputs but LaTeX word their citations; nothing, for author and year.

    ``citations`` is what the paper asks for, or nothing: then the venue decides.
    """
    if citations == AUTHOR_YEAR or not (citations or venue.numeric):
        return ""
    style = Path(__file__).with_name("numeric.csl").read_text(encoding="utf-8")
    opener = '<bibliography second-field-align="flush" entry-spacing="0">'
    return style.replace(opener, opener + BY_AUTHOR) if venue.sorted else style

"""Where a paper goes: what its class asks for, as data. The templates lie beside this file."""

from __future__ import annotations

from collections.abc import Mapping

from octavo.model import Frozen


class Venue(Frozen, frozen=True):
    """What a class asks for, beside its template ``NAME.template.tex``.

    ``bibliography`` is its BibTeX style, ``appendix`` what begins its appendix, ``thanks`` what stands around the
    acknowledgments. ``romans``: it numbers sections in Roman numerals. ``smallest`` is the height of type, in points,
    below which nobody reads it; as for the text of figures. ``silent``: the fields of the front matter that the class
    does not print, each with the reason.
    """

    name: str
    bibliography: str
    appendix: str = "\\appendix"
    thanks: tuple[str, str] = ("\\section*{Acknowledgments}", "")
    romans: bool = False
    smallest: float = 6.0
    silent: Mapping[str, str] = {}


VENUES = {
    "article": Venue("article", "plainnat"),
    "ieee": Venue(
        "ieee",
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
        thanks=("\\begin{acks}", "\\end{acks}"),
        silent={"date": "acmart prints the dates that the publisher gives: of receipt, and of the conference"},
    ),
}

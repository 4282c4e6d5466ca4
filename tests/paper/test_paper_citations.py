"""Citations by number: the same in every output, in the order that the venue asks for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import reading
from tests.constructs.manuscript import Manuscript, read
from tests.paper.test_paper_sample import FORMS, text_of

from octavo import paper
from octavo.document.pandoc import Cited
from octavo.document.source import Content
from octavo.errors import BuildError
from octavo.model import Results
from octavo.paper.venues import VENUES
from octavo.paper.writers import latex

if TYPE_CHECKING:
    from tests.conftest import Tiny

CITED = "As{names}[{d}]say;inbrackets[{l}];grouped[1,2];withmore[see3,p.3];theyearalone,ofSmith[3]."
AUTHORS = {"lalonde": "LaLonde", "dehejia": "Wahba", "smith": "Todd"}
# In the order of the paper, which cites LaLonde first; in the order of the authors.
ORDERS = {"appearance": ("lalonde", "dehejia", "smith"), "author": ("dehejia", "lalonde", "smith")}
PROJECT = "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\nvenue = '{}'\ncitations = '{}'\n"


@pytest.fixture(scope="module")
def manuscript(tmp_path_factory: pytest.TempPathFactory) -> Manuscript:
    """A paper that cites in every way."""
    return read(tmp_path_factory.mktemp("cited"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("venue", "citations", "order"),
    [
        ("article", "numeric", "appearance"),
        pytest.param("ieee", "", "appearance", marks=pytest.mark.proof),
        ("acm", "", "author"),
    ],
)
def test_numbers_are_the_same_in_every_output(
    manuscript: Manuscript, venue: str, citations: str, order: str, form: str, tmp_path: Path
) -> None:
    """Citations in the sentence keep their names; what is cited twice has one number, and the list begins with it."""
    text = text_of(manuscript.write(form, tmp_path, venue, citations))
    number = {name: position for position, name in enumerate(ORDERS[order], 1)}
    wanted = CITED.format(names="DehejiaandWahba", d=number["dehejia"], l=number["lalonde"])
    assert wanted in text
    spots = [text.upper().rindex(AUTHORS[name].upper()) for name in ("dehejia", "smith")]
    assert spots == sorted(spots)
    listed = text[text.upper().rindex("REFERENCES[1]") :]
    first = [listed.index(f"[{n}]") for n in (1, 2, 3)]
    assert [AUTHORS[name] in listed[at : at + 60] for at, name in zip(first, ORDERS[order], strict=True)] == [True] * 3


@pytest.mark.parametrize("form", FORMS)
def test_author_and_year_where_the_paper_asks_for_them(manuscript: Manuscript, form: str, tmp_path: Path) -> None:
    """A venue that cites by number may be told otherwise."""
    text = text_of(manuscript.write(form, tmp_path, "acm", "author-year"))
    assert ("DehejiaandWahba[1999]say" if form == "latex" else "DehejiaandWahba(1999)say") in text


def test_ieee_cites_by_number_alone(tiny: Callable[..., Tiny]) -> None:
    """What the class cannot do is refused before anything runs."""
    project = tiny({"pyproject.toml": PROJECT.format("ieee", "author-year"), "paper/paper.md": "# One\n"})
    done = project.octavo("build")
    assert done.code == 2
    assert "The venue 'ieee' cites by number." in done.err and "pyproject.toml:5" in done.err


@pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
def test_another_way_to_cite_writes_the_paper_anew(tiny: Callable[..., Tiny]) -> None:
    """It is in the key of each output (promise 2)."""
    files = {
        "pyproject.toml": PROJECT.format("article", "numeric"),
        "paper/paper.md": "---\ntitle: T\nauthors: [Ann Other]\n---\n# One\n\nWords.\n",
    }
    project = tiny(files)
    assert project.octavo("build").code == 0
    (project.root / "pyproject.toml").write_text(PROJECT.format("article", "author-year"), encoding="utf-8")
    assert "paper.latex: parameter changed" in project.octavo("status").out


def parsed(root: Path, bibliography: str, text: str) -> Content:
    """Parse a text that cites from a bibliography."""
    (root / "paper").mkdir()
    (root / "work").mkdir()
    (root / "references.bib").write_text(bibliography)
    path = root / "paper/paper.md"
    path.write_text(f"---\ntitle: T\n---\n\n# One\n\n{text}\n")
    return reading.parse(path, root, root / "references.bib", root / "work")


PARTICLES = """@misc{v, author={van der Berg, Ludwig}, title={X}, year=2000}
@misc{m, author={Miller, Ann}, title={Y}, year=2001}
@misc{d, title={Data & co}, year=2011}
"""


@pytest.mark.parametrize(
    ("venue", "shown"), [("acm", "See[3],[2]and[1]."), ("article", "See(vanderBerg2000),(Miller2001)and(Data&co2011).")]
)
def test_particles_and_titles_stand_for_authors_alike(tmp_path: Path, venue: str, shown: str) -> None:
    """Van der Berg is cited and sorted so, as BibTeX does; a work without authors by its title, not by its key."""
    content = parsed(tmp_path, PARTICLES, "See [@v], [@m] and [@d].")
    for form in ("html", *(["latex"] if shutil.which("latexmk") else [])):
        made = paper.write(
            form,
            content,
            Results({}),
            tmp_path / form,
            root=tmp_path,
            bibliography=tmp_path / "references.bib",
            venue=venue,
        )
        assert shown.casefold() in re.sub(r",(?=2)", "", text_of(made)).casefold(), form


ALIKE = """@misc{berg, author={van der Berg, Ludwig}, title={A first}, year=2000}
@misc{bloch, author={de la Fontaine, Marie and von Bloch, Hans}, title={A second}, year=2001}
@misc{three, author={Alpha, Ann and Beta, Bob and Gamma, Cid}, title={A third}, year=2002}
@misc{who, author={{World Health Organization}}, title={A fourth}, year=2004}
@misc{none, title={Data}, year=2006}
@misc{smithb, author={Smith, Bob}, title={A fifth}, year=2010}
@misc{smitha, author={Smith, Ann}, title={A sixth}, year=2010}
@misc{sameb, author={Same, Ann}, title={Seventh}, year=2011}
@misc{samea, author={Same, Ann}, title={Twelfth}, year=2011}
@misc{abelz, author={Abel, Ann and Zeta, Zoe and Gamma, Cid}, title={A ninth}, year=2013}
@misc{abelb, author={Abel, Ann and Beta, Bob and Gamma, Cid}, title={A tenth}, year=2013}
"""
NAMES = {
    "berg": "van der Berg",
    "bloch": "de la Fontaine and von Bloch",
    "three": "Alpha et al.",
    "who": "World Health Organization",
    "none": "Data",
    **dict.fromkeys(("smithb", "smitha"), "Smith"),
    **dict.fromkeys(("sameb", "samea"), "Same"),
    **dict.fromkeys(("abelz", "abelb"), "Abel et al."),
}
# Smith and Abel by their names; Same by the key, as plainnat has it, and in acmart by the title.
YEARS = {
    "article": "2000 2001 2002 2004 2006 2010b 2010a 2011b 2011a 2013b 2013a",
    "acm": "2000 2001 2002 2004 2006 2010b 2010a 2011a 2011b 2013b 2013a",
}
NUMBERS = {"article": "1 2 3 4 5 6 7 8 9 10 11", "acm": "10 5 3 11 4 9 8 6 7 2 1"}


@pytest.mark.parametrize("venue", ["article", pytest.param("acm", marks=pytest.mark.proof)])
@pytest.mark.parametrize("citations", ["author-year", "numeric"])
def test_works_are_named_alike_in_a_sentence(tmp_path: Path, venue: str, citations: str) -> None:
    """With their particles, in every output; works that look alike are told apart by the same letters or numbers."""
    content = parsed(tmp_path, ALIKE, "\n\n".join(f"As @{key} say." for key in NAMES))
    marks = (YEARS if citations == "author-year" else NUMBERS)[venue].split()
    wanted = [f"As{name}({mark})say.".replace(" ", "") for name, mark in zip(NAMES.values(), marks, strict=True)]
    for form in ("pdf", "html", "docx", "jats", *(["latex"] if shutil.which("latexmk") else [])):
        path = paper.write(
            form,
            content,
            Results({}),
            tmp_path / form,
            root=tmp_path,
            bibliography=tmp_path / "references.bib",
            venue=venue,
            citations=citations,
        )
        said = text_of(path).translate(str.maketrans("[]", "()"))
        assert [text for text in wanted if text not in said] == [], form


@pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
def test_another_letter_in_latex_stops_the_paper(tmp_path: Path) -> None:
    """The same work must not be 2011a here and 2011b there."""
    content = parsed(tmp_path, ALIKE, "See @sameb.\n\nAnd @samea.")
    cited = Cited(tmp_path / "references.bib", ties="title")  # plainnat takes the key
    latex.write(content, tmp_path / "latex", venue=VENUES["article"], cited=cited)
    with pytest.raises(BuildError) as caught:
        latex.pdf(tmp_path / "latex", content, VENUES["article"], cited=cited)
    told = "'samea' has the letter 'a' at its year in LaTeX, 'b' elsewhere."
    assert str(caught.value).startswith(f"paper/paper.md:9: {told}\n  Cite by number")

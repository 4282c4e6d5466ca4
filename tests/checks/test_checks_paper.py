"""What a venue asks of a paper: each rule finds what breaks it, and says where and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from octavo.checks.paper import Asked, Printed, check, summary
from octavo.checks.rules import RULES
from octavo.model import LatexLog, Place, Shrunk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Content, Tiny

ASKED = Asked("preprint", None, ("Ann Other",))
ENDS = LatexLog(1)  # the page on which the text ends
TEXTS = [("All is written.", Place("paper/paper.md", 3))]


def pdf(folder: Path, font: str = "DejaVu Sans", fonttype: int = 42, pages: int = 1) -> Path:
    """Return a PDF by matplotlib; ``fonttype`` 3 draws its letters."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    file = folder / "made.pdf"
    with mpl.rc_context({"pdf.fonttype": fonttype, "font.family": font}), PdfPages(file) as book:
        for _ in range(pages):
            figure = Figure(figsize=(2, 2))
            figure.text(0.5, 0.5, "words")
            book.savefig(figure)
    return file


def found(folder: Path, asked: Asked = ASKED, log: LatexLog = ENDS, **options: int) -> dict[str, str]:
    """Return what is found of a PDF, by rule."""
    printed = [Printed("paper.pdf", pdf(folder, **options), log)]  # type: ignore[arg-type]
    return {finding.rule: finding.message for finding in check(printed, TEXTS, asked)}


def test_a_good_paper_has_no_findings(tmp_path: Path) -> None:
    """Nothing is said of what holds."""
    assert found(tmp_path, Asked("review", 3, ("Ann Other",)), LatexLog(3), pages=3) == {}


def test_letters_that_are_drawn_are_found(tmp_path: Path) -> None:
    """Type 3 fonts, which venues refuse."""
    assert "are Type 3" in found(tmp_path, fonttype=3)["paper-fonts-embedded"]


def test_what_latex_says_is_told(tmp_path: Path) -> None:
    """Lines that run over the margin, with their words; a typeface that is not there; pages beyond the limit."""
    log = LatexLog(9, ((12, 0.4, "unseen"), (40, 17.3, "a long word")), ("libertine",))
    told = found(tmp_path, Asked("preprint", 8, ()), log)
    assert told["paper-lines-fit"] == "LaTeX: a line is 17 pt too wide (line 40 of paper.tex): a long word"
    assert "libertine" in told["paper-venue-font"]
    assert told["paper-within-limit"].startswith("paper.pdf: the text ends on page 9, and may have 8")


def test_tables_are_not_shrunk_until_nobody_can_read_them(tmp_path: Path) -> None:
    """One that was, is told with its place and the way out; one that can still be read is not; nor a float too tall."""
    shrunk = (Shrunk(Place("paper/paper.md", 12), 5.9, 0.74), Shrunk(Place("paper/paper.md", 30), 6.1, 0.76))
    printed = [Printed("latex/paper.pdf", pdf(tmp_path), LatexLog(1, shrunk=shrunk, tall=((80, 31.2),)))]
    found = check(printed, TEXTS, ASKED)
    assert [(f.rule, str(f.place or "")) for f in found] == [
        ("paper-type-readable", "paper/paper.md:12"),
        ("paper-floats-fit", ""),
    ]
    assert "shrunk to 74%, its type is 5.9 pt high" in found[0].message and ":class: wide" in found[0].hint
    assert "31 pt taller than its page (line 80 of paper.tex)" in found[1].message


def test_words_are_read(tmp_path: Path) -> None:
    """What is not finished, and in a review the name of an author, each with its place."""
    texts = [("Still TODO here.", Place("paper/paper.md", 7)), ("As ann other says.", Place("paper/paper.md", 9))]
    told = {f.rule: str(f.place) for f in check([], texts, Asked("review", None, ("Ann Other",)))}
    assert told == {"paper-finished": "paper/paper.md:7", "paper-anonymous": "paper/paper.md:9"}
    assert check([], texts[1:], ASKED) == ()


def test_every_rule_is_in_the_table() -> None:
    """`octavo check --rules` has them all."""
    known = {rule.id for rule in RULES if rule.id.startswith("paper-")}
    assert known == {
        "paper-finished",
        "paper-anonymous",
        "paper-fonts-embedded",
        "paper-lines-fit",
        "paper-type-readable",
        "paper-floats-fit",
        "paper-within-limit",
        "paper-venue-font",
    }


PAPER: dict[str, Content] = {
    "pyproject.toml": "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\nvenue = 'ieee'\nlimit = 1\n",
    "paper/paper.md": "---\ntitle: T\nauthors: [Ann Other]\n---\n# One\n\nSome words.\n",
}


@pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
def test_check_paper_through_the_command(tiny: Callable[..., Tiny]) -> None:
    """Exit 0 where all holds, 1 with the place where not."""
    project = tiny(PAPER)
    said = project.octavo("check", "paper")
    assert said.code == 0 and "The paper holds: paper.pdf has 1 page" in said.out, said
    project.replace("paper/paper.md", "Some words.", "TBD.")
    said = project.octavo("check", "paper")
    assert said.code == 1 and "error: paper/paper.md:7: 'TBD' stands in the text. [paper-finished]" in said.out
    assert "The paper has 1 error; paper.pdf has 1 page" in said.out


def test_a_rule_of_the_paper_is_waived_under_its_name(tiny: Callable[..., Tiny]) -> None:
    """With the reason, which is told each time; a rule that there is not is told, not passed over."""
    project = tiny(PAPER).replace("paper/paper.md", "Some words.", "TBD.")
    config = (project.root / "pyproject.toml").read_text()
    waiver = "[tool.octavo.waivers.paper]\n{} = 'It is the name of a company.'\n"
    (project.root / "pyproject.toml").write_text(config + waiver.format("paper-finished"))
    said = project.octavo("check", "paper", under=["env", "PATH=/nowhere"])
    told = "waived: 'TBD' stands in the text. [paper-finished] Waived: It is the name of a company."
    assert said.code == 4 and told in said.out and "The paper holds: paper.pdf has 1 page" in said.out, said
    for wrong, near in (("paper-finnished", "paper-finished"), ("value-as-accepted", "")):
        (project.root / "pyproject.toml").write_text(config + waiver.format(wrong))
        said = project.octavo("check", "paper", under=["env", "PATH=/nowhere"])
        assert said.code == 4 and f"There is no rule '{wrong}'" in said.out and near in said.out, said


def test_the_last_sentence_counts_warnings(tmp_path: Path) -> None:
    """A paper that holds with a warning says so; so does one with an error."""
    printed = [Printed("latex/paper.pdf", pdf(tmp_path), LatexLog(1, lacking=("libertine",)))]
    counts = {"warning": 1, "error": 0}
    assert summary(printed, counts) == "The paper holds (1 warning): latex/paper.pdf has 1 page."
    assert summary(printed, {"warning": 2, "error": 2}).startswith("The paper has 2 errors (2 warnings); latex/")


def test_what_was_not_looked_at_is_said(tiny: Callable[..., Tiny]) -> None:
    """Without TeX, a paper for a venue that wants LaTeX was not checked: exit 4."""
    said = tiny(PAPER).octavo("check", "paper", under=["env", "PATH=/nowhere"])
    assert said.code == 4 and "TeX is not installed" in said.out, said

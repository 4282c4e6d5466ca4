"""The paper as LaTeX: what is written can be compiled in every venue's class, and counts as the other formats do."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.paper.conftest import CLASSES, needs_tex
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper
from octavo.document.fill import fill
from octavo.document.pandoc import Cited
from octavo.errors import BuildError, OctavoError
from octavo.model import LatexLog
from octavo.paper.lines import locate
from octavo.paper.venues import VENUES
from octavo.paper.writers import latex

if TYPE_CHECKING:
    from tests.conftest import Tiny
    from tests.paper.conftest import Sample


@pytest.mark.parametrize("venue", VENUES)
def test_the_source_says_everything_and_needs_nothing_beside_it(sample: Sample, venue: str, tmp_path: Path) -> None:
    """Figures and bibliography lie beside it, under relative names; labels lead to what is referred to."""
    source = sample.path("tex", tmp_path, venue=venue).read_text(encoding="utf-8")
    shown = set(re.findall(r"\]\{(figures/[^}]+)\}", source))
    folder = tmp_path / "latex"
    assert shown == {p.relative_to(folder).as_posix() for p in (folder / "figures").iterdir()}
    assert (folder / "references.bib").exists()
    assert set(re.findall(r"\\ref\{([^}]+)\}", source)) <= set(re.findall(r"\\label\{([^}]+)\}", source))
    assert str(tmp_path) not in source and "\\documentclass" in source


@pytest.mark.parametrize("venue", CLASSES)
def test_keywords_need_no_abstract(tiny: Callable[..., Tiny], venue: str) -> None:
    """What the front matter says is in every output (promise 1)."""
    files = {
        "pyproject.toml": f"[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\nvenue = '{venue}'\n",
        "paper/paper.md": "---\ntitle: T\nauthors: [Ann Other]\nkeywords: [ferns, moss]\n---\n# One\n\nWords.\n",
    }
    project = tiny(files)
    assert project.octavo("build", "paper", "--to", "tex").code == 0
    (source,) = (project.root / "build").rglob("*.tex")
    assert "ferns, moss" in source.read_text(encoding="utf-8")


@needs_tex
@pytest.mark.parametrize("venue", VENUES)
def test_every_class_sets_it(sample: Sample, venue: str, tmp_path: Path) -> None:
    """No error, nothing that leads nowhere, every number as the document has it; twice the same bytes."""
    first = sample.path("latex", tmp_path / "one", venue=venue).read_bytes()
    assert first.startswith(b"%PDF-") and b"/Type3" not in first
    assert sample.path("latex", tmp_path / "two", venue=venue).read_bytes() == first


@needs_tex
def test_another_tex_sets_it_again(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """What is installed of TeX is in the key of what it sets (promise 2)."""
    files = {
        "pyproject.toml": "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\n",
        "paper/paper.md": "---\ntitle: T\nauthors: [Ann Other]\n---\n# One\n\nWords.\n",
    }
    project = tiny(files)
    assert project.octavo("build").code == 0
    other = tmp_path / "bin" / "latexmk"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\nexec {shutil.which("latexmk")} "$@"\n')
    other.chmod(0o755)
    path = ["env", f"PATH={other.parent}:{os.environ['PATH']}"]
    assert project.octavo("status", under=path).out.startswith("paper.latex: environment changed\n1 would run")
    assert project.octavo("build", under=path).code == 0
    assert project.octavo("build").out.startswith("Nothing to do"), "the first one's is in the store"


@needs_tex
def test_a_class_that_counts_otherwise_is_found(sample: Sample, tmp_path: Path) -> None:
    """A number that LaTeX prints and the other formats do not is an error with both."""
    content = fill(locate(sample.content, sample.root), sample.results)
    latex.write(content, tmp_path, venue=VENUES["article"], cited=Cited(sample.bibliography))
    wrong = msgspec.structs.replace(VENUES["article"], romans=True)
    with pytest.raises(BuildError, match=r"LaTeX counts otherwise: '[\w-]+' is I and was printed as 1"):
        latex.pdf(tmp_path, content, wrong)


@needs_tex
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (("\\begin{document}", "\\begin{document}\\nosuchthing"), "Undefined control sequence"),
        (("\\label{fig-line}", ""), "the reference 'fig-line' leads nowhere"),
        (("\\citet{dehejia1999}", "\\citet{nobody}"), "the citation 'nobody' leads nowhere"),
        (("\\usepackage{amsmath}", "\\usepackage{nosuchpackage}"), "Install what is missing (Debian:"),
        (("\\maketitle", "\\maketitle\\input{/etc/hostname}"), "LaTeX could not set the paper"),
        (("\\maketitle", "\\maketitle\\immediate\\write18{touch ran}"), ""),
    ],
)
def test_what_latex_stops_at_is_told(sample: Sample, broken: tuple[str, str], told: str, tmp_path: Path) -> None:
    """With its words and the line of the source; a source runs no program and reads nothing outside its folder."""
    content = fill(locate(sample.content, sample.root), sample.results)
    latex.write(content, tmp_path, venue=VENUES["article"], cited=Cited(sample.bibliography))
    source = tmp_path / "paper.tex"
    text = source.read_text(encoding="utf-8")
    assert broken[0] in text
    source.write_text(text.replace(*broken, 1), encoding="utf-8")
    if told:
        with pytest.raises(BuildError, match=re.escape(told)):
            latex.pdf(tmp_path, content, VENUES["article"])
    else:
        latex.pdf(tmp_path, content, VENUES["article"])
    assert not (tmp_path / "ran").exists()


FILLER = "Some words that fill the page. " * 90


@pytest.mark.parametrize(
    ("text", "bibliography", "ends"),
    [
        ('# One\n\n{0}\n\n+++ {{"part": "appendix"}}\n\n# More\n\n{0}\n\n{0}\n\n{0}\n', False, 1),  # no references
        ("# References\n\n{0}\n\n{0}\n\n{0}\n\nSee @smith2005.\n", True, 2),  # a section of that name
        ("# One\n\n{0}\n\n{0}\n\n{0}\n\n# Two\n\n- A list @smith2005.\n", True, 2),
    ],
)
def test_the_text_ends_where_the_text_ends(
    sample: Sample, tmp_path: Path, text: str, bibliography: bool, ends: int
) -> None:
    """Neither references nor appendix count, whatever the words on the pages are."""
    content = parsed(sample, tmp_path, HEAD.format("") + text.format(FILLER))
    log = tmp_path / "log/set.json"
    file = sample.bibliography if bibliography else None
    for form in ("pdf", *(["latex"] if shutil.which("latexmk") else [])):
        paper.write(form, content, sample.results, tmp_path / form, root=tmp_path, bibliography=file, log=log)
        assert msgspec.json.decode(log.read_bytes(), type=LatexLog).text_pages == ends, form


@needs_tex
@pytest.mark.parametrize(("name", "word", "line"), [("Ann Other", "नाम", 7), ("नाम Other", "Word", 3)])
def test_a_letter_that_its_fonts_lack_is_told_with_its_line(
    tiny: Callable[..., Tiny], name: str, word: str, line: int
) -> None:
    """LaTeX names a line of its own file; the user is told that of the paper, and the way out."""
    files = {
        "pyproject.toml": "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\n",
        "paper/paper.md": f"---\ntitle: T\nauthors: [{name}]\n---\n# One\n\n{word}s.\n",
    }
    done = tiny(files).octavo("build", "paper")
    assert done.code == 3
    assert f"paper/paper.md:{line}: LaTeX could not set the paper: LaTeX Error: Unicode character न" in done.err
    assert "Write it in Latin letters, or leave LaTeX out" in done.err


SIGNS = (
    r"""---
title: T
authors: [Łucja Erdős]
math:
  '\H': '\mathcal{H}'
  '\c': '\mathsf{c}'
  '\L': '\mathcal{L}'
  '\span': '\operatorname{span}'
  '\norm': '\left\lVert #1 \right\rVert'
---

# One

Erdős, Łucja and Ça: $\H, \c, \L, \span A, \norm{x}$; $a × b ± c ÷ d · e, ¬f, 5°$ and 5 × 3 ± 1.

| a | b |
|---|---|
| $\span x$ | y |

See [@dehejia1999, §4.2], so\u00adft, ze\u200bro, na\u202frrow.

:::::{note}
Words[^n].

:::{result-figure} fruit.line
:label: fig-in
:width: wide
In a note.
:::
:::::

See [](#fig-in).

[^n]: Below it.
""".replace("\\u00ad", "\u00ad")
    .replace("\\u200b", "\u200b")
    .replace("\\u202f", "\u202f")
)


@needs_tex
@pytest.mark.parametrize("venue", CLASSES)
def test_signs_and_names_are_on_the_page_as_they_were_typed(sample: Sample, tmp_path: Path, venue: str) -> None:
    """Signs of a formula that are letters in LaTeX's fonts, macros that are accents elsewhere, a float in a box."""
    import pdfplumber

    content = parsed(sample, tmp_path, SIGNS)
    made = paper.write(
        "latex", content, sample.results, tmp_path, root=tmp_path, bibliography=sample.bibliography, venue=venue
    )
    with pdfplumber.open(made) as pdf:
        text = unicodedata.normalize("NFKC", "".join("".join(page.extract_text().split()) for page in pdf.pages))
    for shown in (
        "ŁucjaandÇa:",
        "a×b±c÷d·e,¬f,5",
        "5×3±1",
        "§4.2",
        "soft,zero,narrow",
        "spanx",
        "Inanote.",
        "Belowit.",
    ):
        assert shown in text, (shown, text)


DEEP = """---
title: Deep
authors:
  - name: Ann Other
    affiliations: [FRONT]
---

# One

## Two, 10⁻⁶ mol m⁻² of CO₂

### Three

(sec-four)=
#### Four

See [](#sec-four).
""".replace("FRONT", "Department of " + "many words " * 14 + "Switzerland")


@needs_tex
@pytest.mark.parametrize("venue", CLASSES)
def test_four_levels_units_and_long_places_are_set(sample: Sample, tmp_path: Path, venue: str) -> None:
    """A class left out the numbers of the fourth level; its fonts have no ⁻; a long place ran off the paper."""
    import pdfplumber

    content = parsed(sample, tmp_path, DEEP)
    made = paper.write("latex", content, sample.results, tmp_path, root=tmp_path, bibliography=None, venue=venue)
    with pdfplumber.open(made) as pdf:
        page = pdf.pages[0]
        text = "".join(page.crop(page.bbox).extract_text().split())
    assert f"SeeSection{'I-A1a' if venue == 'ieee' else '1.1.1.1'}." in text
    assert venue == "ieee" or "Switzerland" in text  # IEEE has no room for such a name at all, and the check says so


@pytest.mark.parametrize("venue", ["ieee", "acm"])
def test_a_heading_that_is_too_deep_for_a_class_is_told_with_its_line(
    sample: Sample, tmp_path: Path, venue: str
) -> None:
    """LaTeX would stop without a line of the source."""
    content = parsed(sample, tmp_path, DEEP + "\n##### Five\n\nWords.\n")
    with pytest.raises(OctavoError) as caught:
        paper.write("tex", content, sample.results, tmp_path, root=tmp_path, bibliography=None, venue=venue)
    assert str(caught.value).startswith(f"paper/paper.md:19: In LaTeX the class of '{venue}' has 4 levels of headings")


@needs_tex
def test_a_command_of_text_in_a_formula_is_told(sample: Sample, tmp_path: Path) -> None:
    """LaTeX warns of it alone, and prints another sign."""
    content = fill(locate(sample.content, sample.root), sample.results)
    latex.write(content, tmp_path, venue=VENUES["article"], cited=Cited(sample.bibliography))
    source = tmp_path / "paper.tex"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("\\maketitle", "\\maketitle $\\texttimes$", 1), encoding="utf-8")
    with pytest.raises(BuildError, match=r"\\texttimes is no sign of formulas \(line \d+ of paper.tex\)"):
        latex.pdf(tmp_path, content, VENUES["article"])

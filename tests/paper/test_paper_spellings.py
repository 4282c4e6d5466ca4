"""Public MyST papers spell the same things in many ways: each arrives in every format, or is refused with its line."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from lxml import etree, html
from tests import reading
from tests.paper.conftest import BIB
from tests.paper.test_paper_sample import stands, text_of

from octavo import paper
from octavo.document.source import Content
from octavo.errors import OctavoError, Problems
from octavo.model import Results

FORMS = ("pdf", "html", "docx", "jats", *(["latex"] if shutil.which("latexmk") else []))
PAPER = r"""---
title: Spellings
authors:
  - name: Ann Author
    email: ann@example.org
    corresponding: true
    affiliations: [lab]
  - name: Ben Other
    email: ben@example.org
    equal_contributor: true
    affiliations: [lab]
affiliations:
  - {id: lab, name: Fruit Laboratory, city: Albany, state: New York, country: USA}
license: CC-BY-4.0
exports:
  - {format: pdf, template: arxiv_two_column}
thumbnail: own.png
data_availability: |
  The apples lie in the cellar [@smith2005].
---

# Introduction

See [@fig-two a], @fig-two [b], [see @fig-two; @tab-one], [](#a-section) and [](#eq-lines).

```{figure} own.png
---
name: fig-one
width: 50%
align: center
alt: One line
---
The first paragraph of a caption.

The second paragraph of it.
```

:::{figure}
:label: fig-two
![The left words](own.png)
![The right words](own.png)

Two pictures.
:::

![A picture between paragraphs](own.png)

```{image} own.png
:alt: Another picture
:height: 1in
```

$$
\label{eq-lines}
a_1 &= b_1 \\
c_1 &= d_1
$$

$$
e_1 = f_1 \\
g_1 = h_1
$$

\begin{align*}
k_1 &= l_1 \\
m_1 &= n_1
\end{align*}

$$
\begin{align}
p_1 &= q_1 \nonumber \\
r_1 &= s_1
\end{align}
$$ (eq-last)

Then {numref}`fig-one`, {numref}`Picture %s <fig-one>`, {ref}`fig-one` and {eq}`eq-last`.

# A section

> Muddy water clears.
>
> -- Lao Tse

:::{epigraph}
Nothing in silence.

-- @lalonde1986
:::

:::{dropdown} Folded up
What was folded.
:::

<details><summary>Also folded</summary>

In a page.

</details>

Press {kbd}`Enter` for {index}`convergence`.

Also [see @fig-one; @smith2005] and [@smith2005; see @tab-one].

:::{tip} A tip on $z$
:label: ad-own
Be brief.
:::

Look at [](#ad-own) and {term}`the pears <Pear>`.

:::{glossary}
Pear
: A fruit.

Apple
: Another.
:::

:::{prf:axiom} Choice
:label: ax
Choose.
:::

:::{prf:property}
It holds.
:::

:::{proof}
Seen $\square$
:::

```{list-table} A list
:name: tab-one
:header-rows: 1
* - Left
  - Right
* - {math}`\alpha`
  - cell
```

```{bibliography}
```
"""
SAID = (
    "See (Figure 2a), Figure 2b, (see Figure 2; Table 1), Section 2 and (1).",
    "Then Figure 1, Picture 1, Figure 1 and (3).",
    "The first paragraph of a caption. The second paragraph of it.",
    "(a) The left words",
    "(b) The right words",
    "Muddy water clears. — Lao Tse",
    "Nothing in silence. — LaLonde (1986)",
    "Folded up What was folded.",
    "Also folded In a page.",
    "Press Enter for convergence.",
    "Also (see Figure 1; Smith and Todd 2005) and (Smith and Todd 2005) (see Table 1).",
    "and the pears.",
    "A fruit.",
    "Axiom 1 (Choice). Choose.",
    "Property 1. It holds.",
    "Proof. Seen",
    "Corresponding author",
    "Equal contribution",
    "Data availability The apples lie in the cellar (Smith and Todd 2005).",
    "License Creative Commons Attribution 4.0",
    "tional (CC",
)
FORMULAS = ("a1=b1", "c1=d1", "e1=f1", "g1=h1", "k1=l1", "m1=n1", "p1=q1", "r1=s1")


def read(root: Path, text: str) -> Content:
    """Parse a text with a picture beside it."""
    from PIL import Image

    (root / "paper").mkdir(parents=True)
    (root / "work").mkdir()
    Image.new("RGB", (600, 300), "grey").save(root / "paper/own.png", dpi=(200, 200))
    (root / "paper/paper.md").write_text(text, encoding="utf-8")
    (root / "references.bib").write_text(BIB, encoding="utf-8")
    return reading.parse(root / "paper/paper.md", root, root / "references.bib", root / "work")


def write(form: str, content: Content, root: Path) -> Path:
    """Write a paper in a format; return its file."""
    images = root / "work/_build/site/public"
    bibliography = root / "references.bib"
    return paper.write(form, content, Results({}), root / "out", root=root, bibliography=bibliography, images=images)


def refused(root: Path, text: str, form: str = "pdf") -> list[str]:
    """Return what a text is refused for, as the user reads it."""
    with pytest.raises(OctavoError) as caught:
        write(form, read(root, f"---\ntitle: A paper\n---\n\n{text}"), root)
    problems = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    assert all(problem.hint for problem in problems)
    return [str(problem).partition("\n")[0] for problem in problems]


@pytest.fixture(scope="module")
def spelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, Path]:
    """The paper, parsed once."""
    root = tmp_path_factory.mktemp("spelled")
    return read(root, PAPER), root


@pytest.mark.parametrize("form", FORMS)
def test_every_spelling_arrives_in_every_format(spelled: tuple[Content, Path], form: str) -> None:
    """Panels by letter, brackets round references, quotations with authors, folded boxes, lines without environment."""
    content, root = spelled
    text = text_of(write(form, content, root))
    said = SAID if form != "latex" else [piece for piece in SAID if "(1986)" not in piece and "2005" not in piece]
    assert [piece for piece in said if not stands(piece, text)] == []
    assert [formula for formula in FORMULAS if not stands(formula, text)] == []
    assert "nonumber" not in text and "(4)" not in text, "three numbers: what is starred has none"


def test_pictures_without_a_caption_are_pictures_everywhere(spelled: tuple[Content, Path]) -> None:
    """A picture between paragraphs is there, with the words for who cannot see it, and without a number."""
    content, root = spelled
    page = write("html", content, root).read_text(encoding="utf-8")
    assert page.count("<img ") == 5
    assert 'alt="A picture between paragraphs"' in page and 'alt="The left words"' in page
    tex = write("tex", content, root).read_text(encoding="utf-8")
    assert tex.count("\\includegraphics") == 5 and tex.count("\\begin{figure") == 2
    assert tex.count("\\nonumber") == 0 and "\\begin{gathered}" in tex


def test_boxes_and_terms_are_led_to(spelled: tuple[Content, Path]) -> None:
    """A reference to an admonition says its title, with the formula in it; `{term}` leads to the glossary."""
    content, root = spelled
    page = html.fromstring(write("html", content, root).read_text(encoding="utf-8"))
    for target in ("ad-own", "term-pear"):
        assert len(page.xpath(f"//*[@id='{target}']")) == 1 and len(page.xpath(f"//a[@href='#{target}']")) == 1
    assert len(page.xpath("//a[@href='#ad-own']//math")) == 1
    tex = write("tex", content, root).read_text(encoding="utf-8")
    assert "\\hyperref[ad-own]{A tip on $z$}" in tex and "\\hyperref[term-pear]{the pears}" in tex
    assert "see Figure~\\ref{fig-one};" in tex
    with zipfile.ZipFile(write("docx", content, root)) as package:
        word = package.read("word/document.xml").decode()
    assert [word.count(f'w:name="{target}"') for target in ("ad-own", "term-pear")] == [1, 1]
    jats = etree.parse(write("jats", content, root)).getroot()
    assert {"ad-own", "term-pear"} <= {each.get("id") for each in jats.iter()}


def test_attributes_of_pandoc_are_told_with_their_line(tmp_path: Path) -> None:
    """`{#label}` behind a heading would print as typed; as an example of code it is none."""
    told = refused(tmp_path, "# One {#sec-one}\n\nSo `# Two {#sec}` is written.\n\n![A](own.png){#fig width=50%}\n")
    assert told == [
        "paper/paper.md:5: '{#sec-one}' would print as typed.",
        "paper/paper.md:9: '{#fig width=50%}' would print as typed.",
    ]


def test_a_directive_with_a_backtick_in_its_first_line_is_told(tmp_path: Path) -> None:
    """CommonMark takes such a fence for words, and all of the directive would print as typed."""
    text = "Words.\n\n```{csv-table} Of {math}`x`\n:header: A, B\n\n1, 2\n```\n"
    (told,) = refused(tmp_path, text)
    assert told.startswith("paper/paper.md:7: '{csv-table}' is no directive here: its first line has another backtick")


def test_a_panel_that_the_figure_does_not_have_is_told(tmp_path: Path) -> None:
    """`@fig-p [c]` of two panels is no reference to the figure."""
    text = ":::{figure}\n:label: fig-p\n![One](own.png)\n![Two](own.png)\n\nBoth.\n:::\n\nSee @fig-p [c].\n"
    (told,) = refused(tmp_path, text)
    assert told == "paper/paper.md:13: The paper cannot carry the words 'c' with the reference 'fig-p'."


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("height: 20%", "The picture 'own.png' cannot be shown: its height is '20%'."),
        ("align: left", "The picture 'own.png' is aligned to the left."),
    ],
)
def test_an_option_of_a_picture_that_nothing_shows_is_told(tmp_path: Path, option: str, told: str) -> None:
    """An option that would change nothing is no option."""
    text = f":::{{figure}} own.png\n:{option}\n:alt: One\nOne.\n:::\n"
    assert refused(tmp_path, text) == [f"paper/paper.md:5: {told}"]


def test_what_a_grant_says_beside_its_statement_is_told(tmp_path: Path) -> None:
    """The numbers of awards print nowhere, so they are refused."""
    front = "---\ntitle: A paper\nfunding:\n  - statement: Paid.\n    awards:\n      - id: 'x1'\n---\n\nWords.\n"
    with pytest.raises(OctavoError, match=r"paper.md:5: The paper has no place for 'funding.awards'"):
        write("pdf", read(tmp_path, front), tmp_path)

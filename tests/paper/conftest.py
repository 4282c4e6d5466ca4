"""A sample paper with every construct that the bridge carries, and results that no notebook had to make."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import reading
from tests.drawn import drawn

from octavo import paper
from octavo.document.source import Content
from octavo.model import Column, Medium, Record, Result, Results, Source, Table, Value
from octavo.paper.venues import VENUES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

needs_tex = pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
# Papers in LaTeX are set in one class by `make test`; those of venues, which take as long again, by `make proofs`.
CLASSES = [pytest.param(venue, marks=[] if venue == "article" else [pytest.mark.proof]) for venue in VENUES]
PDFS = [("pdf", "article"), *[pytest.param("latex", *one.values, marks=[needs_tex, *one.marks]) for one in CLASSES]]
REPOSITORY = Path(__file__).parents[2]
STYLE = "figures/paper.mplstyle"
SAMPLE = r"""---
title: "Apples and *pears*: a sample"
subtitle: With every construct
short_title: Apples
authors:
  - name: Ann Author
    email: ann@example.org
    orcid: 0000-0002-1825-0097
    roles: [Conceptualization, Software]
    affiliations: [lab]
  - name: Ben Other
    affiliations: [lab, school]
affiliations:
  - id: lab
    name: Fruit Laboratory
    city: Oslo
  - id: school
    institution: School of Orchards
keywords: [apples, pears]
funding:
  - statement: The orchard paid for it.
math:
  '\E': '\mathbb{E}'
abbreviations:
  DIM: difference in means
parts:
  abstract: |
    We weigh $n$ apples, {val}`fruit.effect` in the abstract [@lalonde1986].
  acknowledgments: |
    We thank the gardeners.
---

(sec-start)=
# Introduction

As @dehejia1999 and {cite:t}`imbens2024` say; in brackets [@lalonde1986; @smith2005, p. 3], and with a prefix
[see @smith2005, chap. 2]. See [](#fig-line), @fig-line, [](#sec-start), [Part %s](#sec-start), {eq}`eq-late`,
[](#eq-late), [](#tab-made), [Exhibit %s](#tab-typed), [](#fig-left), [](#fig-right), [](#fig-both), [](#alg-fit),
[](#as-overlap), [](#th-main), [](#code-f), [](#sec-extra), [](#sec-deeper), [](#eq-extra) and [](#fig-extra).

A footnote[^one] here --- and pages 3--5. The DIM is an abbreviation. A value {val}`fruit.effect`, its error
{val}`fruit.effect.se`, its interval {val}`fruit.effect.ci`, its {val}`fruit.effect.low`, {val}`fruit.effect.high` and
{val}`fruit.effect.number`; a word {val}`fruit.kind`.

[^one]: The footnote has math $a^2$, the value {val}`fruit.effect` and a work [@lalonde1986].

:::{result-figure} fruit.line
:label: fig-line
:width: wide
The caption has $\beta$, the value {val}`fruit.effect` and a work [@lalonde1986].
:::

::::{figure}
:label: fig-both
:class: grid-cols-2

:::{result-figure} fruit.line
:label: fig-left
:alt: The left panel in words
The left panel.
:::

:::{result-figure} fruit.line
:label: fig-right
The right panel.
:::

Two panels beside one another.
::::

$$
\begin{align}
y_{it} &= \alpha_i + \lambda_t, \\
\hat\beta &= \arg\min_{\beta} \sum_{i=1}^{N} \left( \tilde y_{it} \right)^2
\end{align}
$$ (eq-late)

Without a number

```{math}
:enumerated: false
\E[a] = b
```

and *emphasis*, **bold words**, {sub}`low`, {sup}`high`, {sc}`small capitals`, {u}`underlined`, {del}`struck`,
`code * here`, a [link](https://example.org/page?a=1&b=2), “quoted” and don’t.
Odd characters: # $ % & _ ^ ~ \ < > @ and \* too.

:::{table} The caption of a table with {val}`fruit.effect`.
:label: tab-made
```{result-table} fruit.rows
```
:::

:::{table} Typed **by hand**.
:label: tab-typed
:class: wide

| Left | Right | Middle |
|:-----|------:|:------:|
| x $a$ | {val}`fruit.effect` | `m` |
| *y* | 2 | |
:::

:::{prf:algorithm} Cross-fitting
:label: alg-fit
**Input** the data $y$

1. the first step
2. the second step
   1. a nested step
:::

:::{prf:assumption} Overlap
:label: as-overlap
$e(x) < 1$ for all $x$.
:::

:::{prf:definition}
:label: de-fruit
A fruit is *round*.
:::

:::{prf:theorem} Consistency
:label: th-main
Under [](#as-overlap) the

$$ \hat\tau \to \tau $$ (eq-in)

holds.
:::

:::{prf:lemma}
:label: le-one
A lemma.
:::

:::{prf:proposition}
:label: pr-one
A proposition.
:::

:::{prf:corollary}
:label: co-one
A corollary.
:::

:::{prf:remark}
:label: re-one
A remark.
:::

:::{prf:example}
:label: ex-one
An example.
:::

:::{prf:conjecture}
:label: cj-one
A conjecture.
:::

:::{prf:proof}
Trivial by [](#th-main) and [](#alg-fit).
:::

:::{note}
A noted sentence with `code`.
:::

:::{admonition} A title of its own
An admonished sentence.
:::

```{code} python
:label: code-f
:caption: The caption of a listing
def f(x):
    return x**2  # a comment with "quotes" and \n
```

```python
plain = {"code": [1, 2]}
```

- a bullet
- another

  spread over two paragraphs

3. the third
4. the fourth

> A quotation of words.

Term
: Its definition

---

## A subsection

Inside it.\
A new line.

% a comment that nobody reads

+++ {"part": "appendix"}
(sec-extra)=
# Extra material

See [](#sec-extra), [](#eq-extra), [](#fig-right) and @fig-extra.

$$ z = 1 $$ (eq-extra)

:::{result-figure} fruit.line
:label: fig-extra
A figure of the appendix.
:::

(sec-deeper)=
## Deeper

The last sentence.
"""
BIB = """@article{lalonde1986,
  author = {LaLonde, Robert J.}, title = {Evaluating the Evaluations}, journal = {American Review}, year = {1986},
  volume = {76}, pages = {604--620}, doi = {10.1000/lalonde}
}
@article{dehejia1999,
  author = {Dehejia, Rajeev H. and Wahba, Sadek}, title = {Causal Effects}, journal = {Journal of Statistics},
  year = {1999}, volume = {94}, pages = {1053--1062}
}
@article{smith2005,
  author = {Smith, Jeffrey A. and Todd, Petra E.}, title = {Does Matching Overcome}, journal = {Econometrics Today},
  year = {2005}, volume = {125}, pages = {305--353}
}
@misc{imbens2024, author = {Imbens, Guido and Xu, Yiqing}, title = {LaLonde after Forty Years}, year = {2024}}
"""
ROWS = Table(
    (
        Column("name", "Estimator", "left"),
        Column("estimate", "Estimate", "right", 0, "Survey"),
        Column("se", "Error", "right", 0, "Survey"),
    ),
    (("Regression", 1620.2, 700.1), ("Matching", -8497.5, None), ("Effect again", 1794.34, 633)),
)


@dataclass(frozen=True)
class Sample:
    """A parsed paper, the results that it quotes, and where its files lie."""

    content: Content
    results: Results
    root: Path

    @property
    def bibliography(self) -> Path:
        """Its references."""
        return self.root / "references.bib"

    def path(self, form: str, out: Path, results: Results | None = None, venue: str = "article") -> Path:
        """Write the paper in a format; return its file."""
        results = results or self.results
        return paper.write(
            form, self.content, results, out, root=self.root, bibliography=self.bibliography, venue=venue
        )

    def write(self, form: str, out: Path, results: Results | None = None) -> bytes:
        """Return the paper in a format."""
        return self.path(form, out, results).read_bytes()


def read(root: Path, text: str) -> Content:
    """Parse a text as ``paper/paper.md`` of a project in ``root``."""
    (root / "paper").mkdir(parents=True)
    (root / "work").mkdir()
    (root / "paper/paper.md").write_text(text, encoding="utf-8")
    (root / "references.bib").write_text(BIB, encoding="utf-8")
    return reading.parse(root / "paper/paper.md", root, root / "references.bib", root / "work")


def made(folder: Path, effect: float = 1794.34, alt: str = "A line that goes up and down") -> Results:
    """Return results: a figure for two media in ``folder``, a table, two values, and a sweep."""
    media = tuple(
        Medium(name, width, STYLE, ("svg", "pdf", "png")) for name, width in (("column", 3.35), ("wide", 7.0))
    )
    figures = folder / "figures"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([1, 3, 2], label="a curve")
        axes.set_xlabel("Weight (g)")
        axes.legend()

    line = drawn("line", draw, alt=alt, aspect=0.6, media=media, folder=figures, root=REPOSITORY)
    values = {
        "effect": Value(effect, se=632.85, low=551, high=3038, unit="USD", digits=0),
        "kind": Value("pomaceous"),
        "bare": Value(7, digits=0),
    }
    rows = (*ROWS.rows[:-1], ("Effect again", effect, 633))
    record = Record(values=values, tables={"rows": Table(ROWS.columns, rows)}, figures={"line": line})
    found = Result(record, folder, Source("notebooks/fruit.ipynb", {}, "ab"))
    return Results({"fruit": found}, sweeps=("many",))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The sample, parsed once."""
    root = tmp_path_factory.mktemp("sample")
    return Sample(read(root, SAMPLE), made(root / "run"), root)


@pytest.fixture(scope="session")
def pdf(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as a PDF."""
    folder = tmp_path_factory.mktemp("pdf")
    sample.write("pdf", folder)
    return folder / "paper.pdf"


@pytest.fixture(scope="session")
def html(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as a page."""
    folder = tmp_path_factory.mktemp("html")
    sample.write("html", folder)
    return folder / "paper.html"

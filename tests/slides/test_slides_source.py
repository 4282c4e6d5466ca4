"""The author's syntax, read by the real parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.document import source
from octavo.errors import OctavoError
from octavo.model import Column, Drawing, Figure, Format, Record, Result, Results, Source, Table, Value
from octavo.slides import build
from octavo.slides.deck import Big, Deck, Formula, Listing, Paragraph, Picture, Shown, plain
from octavo.slides.reader import read

BIB = "@article{lalonde1986,\n author={LaLonde, Robert J.}, title={Evaluating}, journal={AER}, year={1986}\n}\n"
DECK = """---
title: A test of decks
subtitle: Of all that a deck can hold
short_title: Decks
authors:
  - The Octavo contributors
date: 2026-11-23
---

:::{notes}
Welcome, *all*.
:::

# Text, a list and a formula $x_1$

In [@lalonde1986], **bold** and *italic* and `code`: $\\hat{\\tau}_i^2 \\ge 3$.

- one, see [the page](https://example.org)
  - two
- three

:::{notes}
As @lalonde1986 said.

- a point
:::

# Numbers

> **{val}`compare.att`**
>
> the first

> **{val}`compare.att.low`**
>
> the second

:::{notes}
Both come from {val}`compare.att.ci`.
:::

# Two columns

1. first
2. second

+++

$$
a = b + c
$$

:::{notes}
Left and right.
:::

+++

# A figure

:::{result-figure} compare.overlap
:label: fig-overlap
What it shows, in {val}`compare.att.number`.
:::

:::{notes}
Look here.
:::

# A table

:::{table} Its caption
:label: tab-estimates
```{result-table} compare.estimates
```
:::

:::{notes}
And here.
:::
"""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> source.Content:
    """The deck, parsed."""
    root = tmp_path_factory.mktemp("project")
    (root / "slides").mkdir()
    (root / "slides" / "deck.md").write_text(DECK, encoding="utf-8")
    (root / "references.bib").write_text(BIB, encoding="utf-8")
    return source.parse(root / "slides" / "deck.md", root, root / "references.bib", tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def made(content: source.Content) -> Deck:
    """Its slides."""
    return read(content)


@pytest.fixture(scope="module")
def results(picture: Picture) -> Results:
    """Results that no notebook had to make."""
    table = Table((Column("e", "Estimator", align="left"), Column("a", "Estimate", digits=0)), (("AIPW", -1620.4),))
    kinds: tuple[Format, ...] = ("svg", "pdf", "png")
    drawings = tuple(Drawing("slide", kind, picture.files[kind].name, 11.5, 5.2, "0") for kind in kinds)
    value = Value(1794.34, low=551.4, high=3037.6, unit="USD", digits=0)
    record = Record({"att": value}, {"estimates": table}, {"overlap": Figure("Two lines", drawings)})
    folder = picture.files["svg"].parent
    return Results({"compare": Result(record, folder, Source("notebooks/compare.ipynb", {}, "0"))})


def test_headings_and_places(made: Deck) -> None:
    """Each slide knows its line in the source."""
    assert [(plain(s.title), s.place.line) for s in made.slides] == [
        ("Text, a list and a formula x_1", 14),
        ("Numbers", 28),
        ("Two columns", 42),
        ("A figure", 59),
        ("A table", 70),
    ]


def test_blocks(made: Deck) -> None:
    """Each construct becomes its block."""
    kinds = [[[type(block) for block in column] for column in slide.columns] for slide in made.slides]
    assert kinds == [
        [[Paragraph, Listing]],
        [[Big], [Big]],
        [[Listing], [Paragraph]],
        [[Shown]],
        [[Shown]],
    ]


def test_front_matter(made: Deck) -> None:
    """The front matter makes the title slide."""
    assert (plain(made.title), plain(made.subtitle)) == ("A test of decks", "Of all that a deck can hold")
    assert (made.authors, made.date, made.footer) == (("The Octavo contributors",), "23 November 2026", "Decks")


def test_citations_and_formulas(made: Deck) -> None:
    """A citation is its short form; a formula has its MathML."""
    paragraph = made.slides[0].columns[0][0]
    assert isinstance(paragraph, Paragraph)
    assert "In (LaLonde, 1986), bold" in plain(paragraph.inlines)
    formulas = [inline for inline in paragraph.inlines if isinstance(inline, Formula)]
    assert formulas[0].mathml.startswith("<math")


def test_captions(made: Deck) -> None:
    """Figures and tables keep their names and captions; a slide has no figure numbers."""
    shown = [slide.shown for slide in made.slides if slide.shown]
    assert [(s.kind, s.name) for s in shown] == [("figure", "compare.overlap"), ("table", "compare.estimates")]
    assert [plain(s.caption) for s in shown] == ["What it shows, in .", "Its caption"]


def test_all_three_outputs(content: source.Content, results: Results, tmp_path: Path, template_file: Path) -> None:
    """All that the author wrote reaches the three outputs, and the same bytes come twice."""
    for folder in (tmp_path / "a", tmp_path / "b"):
        build.html(content, results, folder)
        build.pptx(content, results, folder, template_file)
        build.pdf(content, results, folder)
    for name in ("deck.html", "deck.pptx", "deck.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    page = (tmp_path / "a" / "deck.html").read_text(encoding="utf-8")
    assert 'data-name="compare.att.ci"' in page


def test_an_unknown_name_has_its_line(content: source.Content, tmp_path: Path) -> None:
    """A name without a result is an error with the line that prints it."""
    with pytest.raises(OctavoError, match=r"slides/deck.md:30: No notebook 'compare' has results"):
        build.html(content, Results(), tmp_path)


def refused(root: Path, front: str, text: str) -> str:
    """Return what a deck of one slide is refused for."""
    (root / "slides").mkdir()
    (root / "work").mkdir()
    path = root / "slides/deck.md"
    spoken = ":::{notes}\nSpoken.\n:::\n\n"
    path.write_text(f"---\ntitle: T\n{front}---\n\n{spoken}# One\n\n{text}\n\n{spoken}", encoding="utf-8")
    with pytest.raises(OctavoError) as caught:
        read(source.parse(path, root, None, root / "work"))
    return str(caught.value)


def test_front_matter_that_no_slide_shows_is_told(tmp_path: Path) -> None:
    """The deck shows less of the front matter than the paper does; the rest is refused with its line."""
    front = "abstract: We say.\nkeywords: [a]\nauthors:\n  - name: Ann Other\n    affiliations: [Lab]\nsubtitel: x\n"
    told = "The deck has no place for '{}' of the front matter."
    shown = "It shows: title, subtitle, short_title, authors, author, date, math. Take it out, or write it in the text."
    assert refused(tmp_path, front, "Words.").splitlines() == [
        f"slides/deck.md:3: {told.format('abstract')}",
        f"  {shown}",
        f"slides/deck.md:4: {told.format('keywords')}",
        f"  {shown}",
        f"slides/deck.md:7: {told.format('authors.affiliations')}",
        "  It shows: name, id. Take it out, or write it in the text.",
        f"slides/deck.md:8: {told.format('subtitel')}",
        "  did you mean 'subtitle'? Take it out, or write it in the text.",
    ]


def test_a_box_to_tick_is_told(tmp_path: Path) -> None:
    """The box of a task list would vanish from a slide."""
    hint = "Say in words what is done and what is not."
    assert refused(tmp_path, "", "- [x] done\n- [ ] not\n- plain") == (
        f"slides/deck.md:11: A slide cannot carry a task list.\n  {hint}\n"
        f"slides/deck.md:12: A slide cannot carry a task list.\n  {hint}"
    )


def test_a_footnote_and_a_role_that_would_vanish_are_told(tmp_path: Path) -> None:
    """The deck's text is searched as the paper's is."""
    assert refused(tmp_path, "subtitle: On {val}`a.b`\n", "Words $x = {val}`a.b`$.\n\n[^a]: Lost.").splitlines()[
        ::2
    ] == [
        "slides/deck.md:3: '{val}`a.b`' in 'subtitle' would print as typed.",
        "slides/deck.md:12: '{val}`a.b`' stands inside a formula, where it would print as letters.",
        "slides/deck.md:14: Nothing refers to the footnote 'a', so it would be left out.",
    ]

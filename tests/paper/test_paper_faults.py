"""What cannot be carried or found stops the paper: named, with its file and line and the way out, all at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests import reading
from tests.constructs.breaks import writer

from octavo import paper
from octavo.document.bridge import Bridge, Node
from octavo.document.pandoc import Element, attributes, element, words
from octavo.document.source import Content
from octavo.errors import OctavoError, Problems
from octavo.model import Figure, Results

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

HEAD = "---\ntitle: A paper\n{}---\n\n"
Refused = Callable[..., list[str]]

# One document; each construct, and what is told of it after "paper/paper.md:LINE: The paper cannot carry ".
CONSTRUCTS = {
    ":::{iframe} https://example.org\n:::": "'iframe'.",
    "<div>raw</div>": "'div'.",
    'A <span style="color:red">raw</span> word.': "'span'.",
    ":::{div}\nIn a division.\n:::": "'div'.",
    ":::{notes}\nSpoken.\n:::": "'div'.",
    "```{mermaid}\ngraph LR\nA-->B\n```": "'mermaid'.",
    "::::{tab-set}\n:::{tab-item} One\nIn a tab.\n:::\n::::": "'tabSet'.",
    ":::{aside}\nBeside.\n:::": "'aside'.",
    ":::{margin}\nIn the margin.\n:::": "'aside'.",
    ":::{card} A card\nOn a card.\n:::": "'card'.",
    "::::{grid} 2\n:::{card} One\nIn a grid.\n:::\n::::": "'grid'.",
    "A unit {si}`5 <\\meter>`.": "'si'.",
    "A formula {chem}`H2O`.": "'chemicalFormula'.",
    "A computed {eval}`x`.": "'inlineExpression'.",
    "```{code-cell} python\nprint(1)\n```": "'outputs'.",
    ":::{figure} own.png\nA caption.\n\n- A legend.\n:::": "a legend.",
    '<figure><img src="own.png" alt="Shown"><figcaption>Said.</figcaption></figure>': "a 'figure of HTML' container.",
    "```{raw} latex\n\\vspace{1em}\n```": "'raw'.",
    "![An image](own.png)": "'image'.",
    "Within a line ![an image](own.png) too.": "'image'.",
    ":::{figure} own.png\n:alt: An image\nA caption.\n:::": "'image'.",
    "An author {cite:author}`smith2005` alone.": "a citation of the author alone.",
    "```{code} python\n:linenos:\nx = 1\n```": "the line numbers or emphasised lines of a listing.",
}


@pytest.fixture
def refused(sample: Sample, tmp_path: Path) -> Refused:
    """Parse a text, write it with the sample's results, and return what it is refused for, as the user reads it."""

    def act(text: str, form: str = "pdf", results: Results | None = None, front: str = "") -> list[str]:
        content = parsed(sample, tmp_path, HEAD.format(front) + text)
        with pytest.raises(OctavoError) as caught:
            paper.write(
                form,
                content,
                results or sample.results,
                tmp_path / "out",
                root=tmp_path,
                bibliography=sample.bibliography,
            )
        problems = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
        assert all(problem.hint for problem in problems), [str(problem) for problem in problems]
        assert not (tmp_path / "out").exists(), "nothing is written where something is wrong"
        return [str(problem).partition("\n")[0] for problem in problems]

    return act


def parsed(sample: Sample, root: Path, text: str) -> Content:
    """Parse a text as paper/paper.md with an image of the author's own beside it."""
    (root / "paper").mkdir()
    (root / "work").mkdir()
    (root / "paper/own.png").write_bytes(b"\x89PNG\r\n")
    (root / "paper/paper.md").write_text(text, encoding="utf-8")
    (root / "references.bib").write_bytes(sample.bibliography.read_bytes())
    return reading.parse(root / "paper/paper.md", root, root / "references.bib", root / "work")


def lines_of(text: str, pieces: list[str]) -> list[int]:
    """Return the line on which each piece begins; the same piece twice is found twice."""
    spots = []
    start = 0
    for piece in pieces:
        start = text.index(f"\n{piece}\n", start) + 1
        spots.append(text.count("\n", 0, start) + 1)
    return spots


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_every_construct_that_cannot_be_carried_is_named_with_its_line(refused: Refused, form: str) -> None:
    """Nothing is left out in silence: each is told once, with its own line, all of them together."""
    text = "A first paragraph.\n\n" + "\n\nWords between.\n\n".join(CONSTRUCTS) + "\n\nA last one.\n"
    lines = lines_of(HEAD.format("") + text, list(CONSTRUCTS))
    expected = [
        f"paper/paper.md:{line}: The paper cannot carry {named}"
        for line, named in zip(lines, CONSTRUCTS.values(), strict=True)
    ]
    assert refused(text, form) == expected


def test_admonitions_of_every_kind_keep_their_words(sample: Sample, tmp_path: Path) -> None:
    """Kinds of admonitions that look alike on paper are carried with their titles."""
    kinds = ["note", "tip", "warning", "important", "hint", "caution", "danger", "error", "attention", "seealso"]
    text = "\n\n".join(f":::{{{kind}}}\nThe {kind} says so.\n:::" for kind in kinds)
    content = parsed(sample, tmp_path, HEAD.format("") + text)
    for form in ("pdf", "html"):
        path = paper.write(form, content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
        assert path.stat().st_size
    page = (tmp_path / "out/paper.html").read_text(encoding="utf-8")
    assert [kind for kind in kinds if f"The {kind} says so." not in page] == []
    assert "<strong>See Also</strong>" in page and "<strong>Warning</strong>" in page


def test_formulas_that_cannot_be_carried_are_told(refused: Refused) -> None:
    r"""A colour and a tag of the author's own are refused with the formula, not printed without."""
    told = refused("One.\n\nA $\\color{red}{x}$.\n\n$$\nx \\tag{7}\n$$\n")
    assert told[0] == r"paper/paper.md:7: The formula $\color{red}{x}$ cannot be carried: \color."
    assert told[1].startswith(r"paper/paper.md:9: The formula $x \tag{7}$ cannot be carried: \tag")


def test_a_tag_would_be_a_second_number_on_the_page(refused: Refused) -> None:
    r"""The page refuses a \tag too."""
    (told,) = refused("$$\nx \\tag{7}\n$$\n", "html")
    assert r"\tag" in told


WIDE = "\\frac{" + " + ".join("abcdefghijklmnopqrstuvwxyz" * 2) + "}{2}"


def test_a_formula_in_a_line_that_runs_over_the_edge_is_told(refused: Refused) -> None:
    """One that cannot be broken is; in a table, the table is; what can be broken behind a sign is no fault."""
    long = "a_{12} = " + " + ".join(f"b_{{{n}}} c" for n in range(30))
    table = f":::{{table}} A caption.\n| A | B |\n|:--|:--|\n| ${WIDE}$ | b |\n:::\n"
    wide, tabled = refused(f"One ${long}$ two.\n\nA formula ${WIDE}$ here.\n\n{table}")
    assert wide.startswith("paper/paper.md:7: The formula is wider than its column: \\frac{a + b + c")
    assert tabled == (
        "paper/paper.md:10: The table is wider than its column: its cells would be printed over one another."
    )


def test_an_address_is_broken_and_not_cut_off(sample: Sample, tmp_path: Path) -> None:
    """A long one, with no sign in it, stays on the page in both PDFs (promise 1)."""
    import pdfplumber

    address = f"https://example.org/{'without-any-end' * 4}{'x' * 60}"
    content = parsed(sample, tmp_path, HEAD.format("") + f"Look at <{address}>, please.\n")
    for form in ("pdf", *(["latex"] if shutil.which("latexmk") else [])):
        path = paper.write(form, content, sample.results, tmp_path / form, root=tmp_path, bibliography=None)
        with pdfplumber.open(path) as pdf:
            letters = [char for page in pdf.pages for char in page.chars if char["top"] < 700 and char["size"] < 12]
        assert max(char["x1"] for char in letters if not char["text"].isspace()) < 306, "in the left column"
        assert address in "".join(char["text"] for char in letters)


def test_a_character_that_no_font_has_is_told_with_its_line(refused: Refused) -> None:
    """No box is printed for a character that no font can show; the last resort of a font is no font."""
    told = refused("One.\n\nTwo.\n\nThe word க here.\n\nA formula $\\text{ம}$.\n")
    assert told == [
        "paper/paper.md:9: No font has the character 'க'.",
        "paper/paper.md:11: No font has the character 'ம'.",
    ]


def test_a_loose_accent_is_told_with_its_line(refused: Refused) -> None:
    """An accent that Unicode cannot join to its letter is refused; one that it can is no fault."""
    told = refused("Fine: e\u0301.\n\nNot fine: q\u0302 here.\n")
    assert told == ["paper/paper.md:7: 'Not fine: q\u0302 here.' has an accent that is a character of its own."]


def test_a_footnote_in_a_footnote_is_told(refused: Refused) -> None:
    """No two formats would show it alike."""
    assert refused("Words[^a].\n\n[^a]: One[^b].\n\n[^b]: Two.\n", "html") == [
        "paper/paper.md:5: The footnote 'a' has the footnote 'b' in it."
    ]


def test_a_list_in_a_cell_is_told(refused: Refused) -> None:
    """A cell holds words; a list in it is refused with the line."""
    table = ":::{list-table} Caption\n:header-rows: 1\n* - a\n  - b\n* - - first\n    - second\n  - d\n:::\n"
    (told,) = refused(f"One.\n\n{table}")
    assert told.startswith("paper/paper.md:1")
    assert told.endswith("The paper cannot carry a list, formula or table of its own in a cell.")


def test_a_figure_without_words_is_told(refused: Refused, sample: Sample) -> None:
    """A figure needs words for those who cannot see it, from the notebook or in the paper."""
    fruit = sample.results.results["fruit"]
    silent = msgspec.structs.replace(
        fruit,
        record=msgspec.structs.replace(
            fruit.record, figures={"line": Figure("", fruit.record.figures["line"].drawings)}
        ),
    )
    results = msgspec.structs.replace(sample.results, results={"fruit": silent})
    (told,) = refused("One.\n\n:::{result-figure} fruit.line\nA caption.\n:::\n", "pdf", results)
    assert told == "paper/paper.md:7: The figure 'fruit.line' has no text for readers who cannot see it."


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_names_that_the_results_do_not_have_are_told_with_the_nearest(refused: Refused, form: str) -> None:
    """Unknown values, fields, tables, figures, notebooks and media, a quoted sweep: all at once, in order."""
    told = refused(
        """A {val}`fruit.efect` and {val}`fruit.effect.sd`.

A {val}`fruits.effect` and {val}`fruit.bare.ci`.

A sweep {val}`many.effect`.

:::{table} A caption.
```{result-table} fruit.row
```
:::

:::{result-figure} fruit.lime
:label: fig-a
A caption.
:::

:::{result-figure} fruit.line
:width: slidee
A caption with {val}`fruit.efect`.
:::
""",
        form,
        front="parts:\n  abstract: |\n    Short {val}`fruit.non`.\n",
    )
    assert told == [
        "paper/paper.md:5: The notebook 'fruit' recorded no value 'fruit.non'.",
        "paper/paper.md:8: The notebook 'fruit' recorded no value 'fruit.efect'.",
        "paper/paper.md:8: 'fruit.effect.sd' cannot be printed: there is no field 'sd'; known: "
        "se, low, high, ci, number.",
        "paper/paper.md:10: No notebook 'fruits' has results for 'fruits.effect'.",
        "paper/paper.md:10: 'fruit.bare.ci' cannot be printed: no interval was recorded.",
        "paper/paper.md:12: 'many.effect' names a sweep, which has many results.",
        "paper/paper.md:15: The notebook 'fruit' recorded no table 'fruit.row'.",
        "paper/paper.md:19: The notebook 'fruit' recorded no figure 'fruit.lime'.",
        "paper/paper.md:24: The figure 'fruit.line' was not drawn for the width 'slidee'.",
        "paper/paper.md:26: The notebook 'fruit' recorded no value 'fruit.efect'.",
    ]


def test_front_matter_that_has_no_place_is_told(refused: Refused) -> None:
    """A part that no template names, and a formula in a title, would vanish: both are refused."""
    told = refused(
        "One.\n",
        front="subtitle: With $x^2$\nparts:\n  dedication: |\n    To all.\n",
    )
    assert told == [
        "paper/paper.md:5: The paper has no place for 'parts.dedication' of the front matter.",
        "paper/paper.md:3: The subtitle has a formula, which not every format can show.",
    ]


FRONT = """doi: 10.1000/xyz
keyword: apples
authors:
  - name: Ann Other
    email: ann@example.org
    affiliations:
      - name: A place
        url: https://example.org
  - {name: Ben Other, note: Both, deceased: false, orcid: 0000-0002-1825-0097}
affiliations:
  - {id: lab, name: Laboratory}
"""


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_a_key_of_the_front_matter_that_no_output_shows_is_told(refused: Refused, form: str) -> None:
    """What nobody prints is refused with its line, whether the parser knows it or not."""
    place = "The paper has no place for '{}' of the front matter."
    assert refused("One.\n", form, front=FRONT) == [
        f"paper/paper.md:3: {place.format('doi')}",
        f"paper/paper.md:4: {place.format('keyword')}",
        f"paper/paper.md:10: {place.format('affiliations.url')}",
        f"paper/paper.md:11: {place.format('authors.note')}",
        f"paper/paper.md:11: {place.format('authors.deceased')}",
        "paper/paper.md:12: No author has the affiliation 'Laboratory'.",
    ]


def test_the_whole_of_the_allowed_front_matter_reaches_the_page(sample: Sample, tmp_path: Path) -> None:
    """Every key that is allowed shows, an author of one word too."""
    front = (
        "subtitle: The subtitle\ndate: 2026-01-31\nkeywords: [apples]\nabstract: We weigh.\nnumbering:\n"
        "  headings: false\nacknowledgments: We thank.\nauthors:\n  - name: Cher\n    affiliations: [lab]\n"
        "affiliations:\n  - {id: lab, name: Lab, department: Of fruit, city: Oslo, country: Norway}\n"
    )
    content = parsed(sample, tmp_path, HEAD.format(front) + "# One\n\nWords.\n")
    path = paper.write("html", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    page = path.read_text(encoding="utf-8")
    shown = ("The subtitle", "apples", "We weigh.", "We thank.", "Cher", "Lab, Of fruit, Oslo, Norway")
    assert [text for text in shown if text not in page] == []
    assert ">One</h" in page, "no number, as asked"


def test_the_appendix_lasts_to_the_end(sample: Sample, tmp_path: Path) -> None:
    """A bare +++ in the appendix begins a block of it, not of the body."""
    text = '# One\n\nBody.\n\n+++ {"part": "appendix"}\n\n# Two\n\nFirst.\n\n+++\n\n# Three\n\nSecond.\n'
    content = parsed(sample, tmp_path, HEAD.format("") + text)
    path = paper.write("html", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    page = path.read_text(encoding="utf-8")
    spots = [page.index(piece) for piece in ("Body.", "First.", "Second.")]
    assert spots == sorted(spots)
    assert [name for name in ("A</span> Two", "B</span> Three") if name not in page] == []


@pytest.mark.parametrize("form", ["pdf", "html"])
def test_the_abstract_may_have_a_footnote(sample: Sample, tmp_path: Path, form: str) -> None:
    """It shows as those of the body do; the writer looks for its words."""
    front = "abstract: |\n  Short[^q].\n\n  [^q]: A note on it.\n"
    content = parsed(sample, tmp_path, HEAD.format(front) + "Long.\n")
    path = paper.write(form, content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    assert form == "pdf" or "A note on it." in path.read_text(encoding="utf-8")


def test_a_link_that_holds_a_value_alone_is_carried(sample: Sample, tmp_path: Path) -> None:
    """The parser takes such a link for an empty one; it is none."""
    text = "See [{val}`fruit.effect`](https://example.org).\n"
    content = parsed(sample, tmp_path, HEAD.format("") + text)
    path = paper.write("html", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    assert '<a href="https://example.org"><span class="value"' in path.read_text(encoding="utf-8")


def test_labels_that_differ_in_signs_alone_stay_two(sample: Sample, tmp_path: Path) -> None:
    """``fig:one`` and ``fig-one`` are two targets in every format; so is a section that is called references."""
    text = (
        "(a:b)=\n# One\n\nSee [](#a-b), [](#a:b) and [](#references).\n\n(a-b)=\n# Two\n\n(references)=\n# Three\n\n"
        "As @smith2005 says.\n"
    )
    content = parsed(sample, tmp_path, HEAD.format("") + text)
    bibliography = tmp_path / "references.bib"
    for form in ("pdf", "html"):
        paper.write(form, content, sample.results, tmp_path / "out", root=tmp_path, bibliography=bibliography)
    page = (tmp_path / "out/paper.html").read_text(encoding="utf-8")
    assert '<a href="#a-b-">Section\u00a02</a>' in page and '<a href="#a-b">Section\u00a01</a>' in page
    assert page.count('id="references"') == 1 and '<a href="#references-">Section\u00a03</a>' in page


def test_a_per_cent_sign_in_the_path_is_no_escape(sample: Sample, tmp_path: Path) -> None:
    """pandoc would look for the bibliography under another name."""
    root = tmp_path / "my%20study"
    root.mkdir()
    content = parsed(sample, root, HEAD.format("") + "As @smith2005 says.\n")
    path = paper.write("html", content, sample.results, root / "out", root=root, bibliography=root / "references.bib")
    assert "Does Matching Overcome" in path.read_text(encoding="utf-8")


TAGS = ("dialog", "noembed", "noframes", "option", "script", "select", "style", "svg", "template", "title")


def test_html_whose_text_the_parser_drops_is_told(sample: Sample, tmp_path: Path) -> None:
    """Each tag with its line, in a paragraph or of its own; what is shown as code is no tag."""
    lines = [f"A <{tag}>lost</{tag}> word." if n % 2 else f"<{tag}>lost</{tag}>" for n, tag in enumerate(TAGS)]
    text = "\n\n".join([*lines, "`<script>` is code.", "```html\n<script>alert(1)</script>\n```"])
    with pytest.raises(Problems) as caught:
        parsed(sample, tmp_path, HEAD.format("") + text + "\n")
    found = [problem.what for problem in caught.value.problems]
    assert found == [f"'<{tag}>' is HTML, and what stands in it would be left out." for tag in TAGS]
    first = HEAD.format("").count("\n") + 1
    assert caught.value.problems[0].where == f"paper/paper.md:{first}"


@pytest.mark.parametrize("form", ["pdf", "html", "docx", "jats"])
@pytest.mark.parametrize(
    ("method", "broken", "lost"),
    [
        ("caption", lambda kept: lambda self, node: kept(self, node)[1:], "'Figure.1.' was lost"),
        ("inline_cross_reference", lambda kept: lambda self, node: words("there"), "'Algorithm.1' was lost"),
        ("block_heading", lambda kept: _unnumbered, "'(#numbered.1.;|1Introduction)' was lost"),
    ],
)
def test_a_number_that_is_not_printed_stops_the_build(
    sample: Sample,
    form: str,
    method: str,
    broken: Callable[..., object],
    lost: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every number of the document, and every reference to one, is looked for in what was written (promise 1)."""
    monkeypatch.setattr(writer(form), method, broken(getattr(writer(form), method)))
    with pytest.raises(OctavoError, match=lost):
        sample.path(form, tmp_path)


def _unnumbered(self: Bridge, node: Node) -> list[Element]:
    target = self.numbering.target(node) or ""
    return [element("Header", [node["depth"] - self.top + 1, attributes(target), self.children(node)])]


@pytest.mark.parametrize("form", ["pdf", "html", "docx", "jats"])
def test_panels_are_figures(refused: Refused, form: str) -> None:
    """A table as a panel would be 'Figure 0a', and LaTeX count otherwise."""
    panel = ":::{table} A panel.\n:label: tab-a\n\n| a | b |\n|:--|:--|\n| 1 | 2 |\n:::\n"
    (told,) = refused(f"# One\n\n::::{{figure}}\n:label: fig-x\n\n{panel}\nBoth.\n::::\n", form)
    assert told == "paper/paper.md:10: The paper cannot carry a 'table' inside a 'figure': its number would be wrong."


def test_a_list_in_a_cell_is_told_with_its_own_line(refused: Refused) -> None:
    """Not with the line of its last item."""
    (told,) = refused(":::{list-table} A table\n* - a\n  - b\n* - - x\n    - y\n  - c\n:::\n")
    assert told.startswith("paper/paper.md:8: The paper cannot carry a list")


def test_a_list_that_is_too_deep_for_latex_is_told_with_its_line(sample: Sample, tmp_path: Path) -> None:
    """LaTeX would stop without a line of the source; four levels of one kind are set, and one of another inside."""
    levels = ["- a", "  - b", "    - c", "      - d", "        1. e", "        - f"]
    content = parsed(sample, tmp_path, HEAD.format("") + "\n".join(levels) + "\n")
    with pytest.raises(OctavoError) as caught:
        paper.write("tex", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    assert str(caught.value).startswith("paper/paper.md:10: LaTeX sets 4 lists of a kind inside one another")


@pytest.mark.parametrize(
    "code", ["1234567890" * 15 + "1", "octavo.document.source.parse_something_long.and_more_of_it"]
)
def test_long_code_in_a_line_stays_in_its_column(sample: Sample, tmp_path: Path, code: str) -> None:
    """It is broken, and nothing of it or in it is new, in both PDFs."""
    import pdfplumber

    content = parsed(sample, tmp_path, HEAD.format("") + f"Some code `{code}` in a line.\n")
    for form in ("pdf", *(["latex"] if shutil.which("latexmk") else [])):
        path = paper.write(form, content, sample.results, tmp_path / form, root=tmp_path, bibliography=None)
        with pdfplumber.open(path) as pdf:
            letters = [char for page in pdf.pages for char in page.chars if char["top"] < 700 and char["size"] < 12]
        assert max(char["x1"] for char in letters if not char["text"].isspace()) < 306, "in the left column"
        assert code in "".join(char["text"] for char in letters)

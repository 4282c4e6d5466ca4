"""What is wrong in a source, told once, with the user's own file and line; read by the real parser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests import reading

from octavo.document import source
from octavo.document.source import Content
from octavo.errors import OctavoError, Problems

HEAD = "---\ntitle: A text\n---\n\n"
BIB = "@article{smith1986,\n author={Smith, Ann}, title={On it}, journal={A Journal}, year={1986}\n}\n"


def parse(root: Path, text: str | bytes, bib: str = BIB, **files: str) -> Content:
    (root / "paper").mkdir()
    (root / "work").mkdir()
    for name, content in {"refs.bib": bib, **{k.replace("__", "."): v for k, v in files.items()}}.items():
        (root / ("paper" if name != "refs.bib" else ".") / name).write_text(content)
    path = root / "paper/text.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return reading.parse(path, root, root / "refs.bib", root / "work")


def told(root: Path, text: str | bytes, bib: str = BIB, **files: str) -> list[str]:
    """Return the faults as the user reads them, one string each."""
    with pytest.raises(OctavoError) as caught:
        parse(root, text, bib, **files)
    problems = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    assert all(problem.hint for problem in problems)
    return [str(problem) for problem in problems]


WRONG = f"""{HEAD}Cites [@smith1987], see [](#nowhere) and {{valu}}`x`.

(twice)=
## One

(twice)=
## Two

:::{{note-s}}
Text.
:::

![alt](mising.png)

```{{include}} gone.md
```

$$
\\frac{{1
$$

Inline $\\nosuch{{x}}$ here.

:::{{figure}} missing.png
:label: fig-a
A caption.
:::

```{{math}}
:label: fig-a
\\bar
```

See {{ref}}`sec-x` and {{cite:t}}`zzz`.

:::{{figure}} missing.png
:nooption: 3
:::
"""
FAULTS = [
    "paper/text.md:5: There is no role 'valu'.\n  did you mean 'val'?",
    "paper/text.md:5: The reference 'nowhere' leads nowhere.\n  Give its target that label, or mend it.",
    "paper/text.md:5: The citation 'smith1987' is not in the bibliography.\n  did you mean 'smith1986'?",
    "paper/text.md:10: The label 'twice' is given twice; paper/text.md:7 has it first.\n  Rename one of the two.",
    "paper/text.md:13: There is no directive 'note-s'.\n  did you mean 'notes'?",
    "paper/text.md:17: The image 'mising.png' does not exist.\n  did you mean 'missing2.png'?",
    "paper/text.md:19: The included file 'gone.md' does not exist.\n"
    "  Its path starts from paper/; mend it or add the file.",
    "paper/text.md:22: The formula $\\frac{1$ is not valid TeX: Unexpected end of input in a macro argument, "
    "expected '}' at end of input: \\frac{1.\n  Compare its braces and names.",
    "paper/text.md:26: The formula $\\nosuch{x}$ is not valid TeX: Undefined control sequence: \\nosuch at position 1: "
    "\\nosuch{x}.\n  Mend the name, or say under 'math' in the front matter what \\nosuch means.",
    "paper/text.md:28: The image 'missing.png' does not exist.\n  did you mean 'missing2.png'?",
    "paper/text.md:34: The label 'fig-a' is given twice; paper/text.md:29 has it first.\n  Rename one of the two.",
    "paper/text.md:35: The formula $\\bar$ is not valid TeX: Unexpected end of input in a macro argument, expected '}' "
    "at end of input: \\bar.\n  Compare its braces and names.",
    "paper/text.md:38: The citation 'zzz' is not in the bibliography.\n  Add it to the bibliography.",
    "paper/text.md:38: The reference 'sec-x' leads nowhere.\n  Give its target that label, or mend it.",
    "paper/text.md:41: The directive 'figure' has no option 'nooption'.\n  Mend the name, or take the line out.",
]


def test_every_fault_is_told_once_with_file_and_line(tmp_path: Path) -> None:
    """All faults of a text come at once, in the order of its lines, each once, none with a name of our staging."""
    found = told(tmp_path, WRONG, missing2__png="")
    assert found == FAULTS
    assert not [text for text in found if "document/" in text or "jupyter-book" in text]


def test_a_fault_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    """What is wrong in an included file is told with its own name and line."""
    found = told(tmp_path, f"{HEAD}```{{include}} part.md\n```\n", part__md="Good.\n\nA {nonsense}`x`.\n")
    assert found == [
        "paper/part.md:3: There is no role 'nonsense'.\n  See docs/reference.md for what Octavo adds to MyST."
    ]


def test_a_broken_bibliography_is_told_and_not_its_consequences(tmp_path: Path) -> None:
    """A .bib file that cannot be read is one message with its line; the citations that follow from it are not told."""
    found = told(tmp_path, f"{HEAD}See [@smith1986].\n", BIB.replace("{On it}", "{On it") + "@misc{x,\n title={A}}\n")
    assert found == [
        "refs.bib:4: The bibliography cannot be read from here on.\n"
        "  Look at the entry before that line: a brace or a comma may be missing."
    ]


def test_a_citation_that_leads_nowhere_tells_what_it_may_have_meant(tmp_path: Path) -> None:
    """`@` before a misspelt label names the label, also where there is no bibliography to look in."""
    figure = ":::{figure} a.png\n:label: fig:scatter\nWords.\n:::\n"
    label = "'fig:scater' is neither a label of the document nor in its bibliography.\n  did you mean 'fig:scatter'?"
    assert told(tmp_path, f"{HEAD}See @fig:scater.\n\n{figure}", a__png="") == [f"paper/text.md:5: {label}"]
    shutil.rmtree(tmp_path / "work")
    (tmp_path / "work").mkdir()
    (tmp_path / "paper/text.md").write_text(f"{HEAD}See @fig:scater, [@smith1986].\n\n{figure}")
    with pytest.raises(Problems) as caught:
        reading.parse(tmp_path / "paper/text.md", tmp_path, None, tmp_path / "work")
    assert [str(problem) for problem in caught.value.problems] == [
        f"paper/text.md:5: {label}",
        "paper/text.md:5: 'smith1986' is cited, but this document has no bibliography.\n"
        '  Name one in pyproject.toml, beside source = "paper/text.md": bibliography = "references.bib"',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# No front matter\n", "paper/text.md:1: The front matter is missing."),
        ("---\nauthor: A\n---\n", "paper/text.md:1: The front matter has no title."),
        ("---\ntitle: On: it\n---\n", "paper/text.md:2: The front matter is not valid YAML: mapping values are not"),
        (
            '---\ntitle: A\nabstract: "b\nkeywords: c\n---\n',
            "paper/text.md:3: The front matter is not valid YAML: a quote",
        ),
        ("---\ntitle: [a\n---\n", "paper/text.md:2: The front matter is not valid YAML: expected ',' or ']'"),
        ("---\n- a\n---\n", "paper/text.md:1: The front matter has no title."),
        (b"---\ntitle: \xe9\n---\n", "paper/text.md: This file is not UTF-8 text."),
    ],
)
def test_the_front_matter_is_read_before_anything_runs(tmp_path: Path, text: str | bytes, expected: str) -> None:
    """Invalid front matter is told with its line, in YAML's words, without starting jupyter-book."""
    (found,) = told(tmp_path, text)
    assert found.startswith(expected)
    assert not (tmp_path / "work/myst.yml").exists()


def test_a_good_text_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    """The parsed content holds no path and no random key: two parses in two places are the same bytes."""
    saved = []
    for place in ("one", "two"):
        root = tmp_path / place
        root.mkdir()
        content = parse(root, f"{HEAD}(sec-a)=\n# One\n\nSee @smith1986, [](#sec-a), $x^2$ and {{val}}`a.b`.\n")
        assert list(source.cited(content)) == ["smith1986"]
        source.save(content, root / "content.json")
        assert source.load(root / "content.json") == content
        saved.append((root / "content.json").read_bytes())
    assert saved[0] == saved[1]
    assert str(tmp_path).encode() not in saved[0]


SILENT = """---
title: On {val}`a.b`
short_title: As @smith1986 says
keywords: [one, "two [@smith1986]", ann@example.org]
---

A $n = {val}`a.b`$ and

$$
m = {sub}`c`
$$

```{math}
k
= {val}`a.b`
```

:::{result-figure} a.f
:alt: Of {val}`a.b`
A caption.
:::

:::{result-figure} a.f
:alt: After @smith1986
A caption.
:::
"""


def test_what_would_print_as_typed_is_told(tmp_path: Path) -> None:
    """Roles and citations are read neither in a formula, nor in the front matter, nor in an alternative text."""
    front = "Say it in words: only abstract, data_availability and acknowledgments are MyST."
    formula = (
        "stands inside a formula, where it would print as letters.\n"
        "  End the formula, put the value and go on; or record a text that says it all."
    )
    alt = "in an alternative text would be read out as typed.\n  Say it in words there, and put it into the caption."
    assert told(tmp_path, SILENT) == [
        f"paper/text.md:2: '{{val}}`a.b`' in 'title' would print as typed.\n  {front}",
        f"paper/text.md:3: '@smith1986' in 'short_title' would print as typed.\n  {front}",
        f"paper/text.md:4: '[@smith1986]' in 'keywords' would print as typed.\n  {front}",
        f"paper/text.md:7: '{{val}}`a.b`' {formula}",
        f"paper/text.md:10: '{{sub}}`c`' {formula}",
        f"paper/text.md:15: '{{val}}`a.b`' {formula}",
        f"paper/text.md:19: '{{val}}`a.b`' {alt}",
        f"paper/text.md:24: '@smith1986' {alt}",
    ]


TYPED = f"""{HEAD}See \\cite{{a}} and ``words'', but \\\\cite{{b}}, `\\cite{{c}}` and \\$\\$.

\\[ y = x \\]

and \\( z^2 \\), but \\[1\\] and \\(c\\), and $\\left[ a \\right]$.

$$
a = b

c = d
$$

:::{{table}} Of {{math}}`x`
| a |
|---|
| \\newpage |
:::
"""


def test_latex_that_is_no_myst_is_told(tmp_path: Path) -> None:
    """Commands, brackets of formulas and dollars without an end would print as typed, in every format."""
    assert [problem.partition("\n")[0] for problem in told(tmp_path, TYPED)] == [
        f"paper/text.md:{line}: '{typed}' would print as typed."
        for line, typed in (
            (5, "\\cite{"),
            (5, "``"),
            (7, "\\["),
            (9, "\\("),
            (11, "$$"),
            (15, "$$"),
            (20, "\\newpage"),
        )
    ]


def test_a_reference_with_the_beginning_of_a_label_is_no_work(tmp_path: Path) -> None:
    """`@fig:nope` asks for no bibliography."""
    (problem,) = told(tmp_path, f"{HEAD}See @fig:nope.\n")
    assert problem.startswith("paper/text.md:5: 'fig:nope' is neither a label of the document nor in its bibliography.")
    assert "give that the label 'fig:nope'" in problem


def test_a_fence_without_an_end_is_told(tmp_path: Path) -> None:
    """The parser closes it at the end of the file, and the rest of the paper would stand in a note."""
    closed = "- ```\n  a\n  ```\n\n````\n```\n:::\n````\n\n"
    text = f"{HEAD}{closed}::::{{note}}\n:::{{tip}}\nInner.\n:::\n\n# More\n\nWords.\n"
    assert [problem.partition("\n")[0] for problem in told(tmp_path, text)] == [
        "paper/text.md:14: '::::{note}' opens here and nothing closes it, so all that follows would stand in it."
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (":::{table} One.\n:::{result-table} a.b\n:::\n:::\n", 6, "':::{table} One.' of line 5"),
        ("::: {figure}\n\nWords.\n\n:::{note}\nNote.\n:::\n:::\n", 9, "':::{figure}' of line 5"),
        (":::{note}\n- a\n  ::::{tip}\n  b\n  ::::\n:::\n", 7, "':::{note}' of line 5"),
        ("```{note}\n```{tip}\nTip.\n```\n```\n", 6, "'```{note}' of line 5"),
        (":::{note}\n```md\n:::\n```\n:::\n", 7, "':::{note}' of line 5"),
    ],
)
def test_a_fence_that_another_one_would_end_is_told(tmp_path: Path, text: str, line: int, words: str) -> None:
    """The parser ends the outer one where the inner one ends, and shows all that follows as code, values and all."""
    found = told(tmp_path, f"{HEAD}{text}\n# Two\n\nThe number is {{val}}`a.nonsense`; see [](#nowhere).\n")
    assert [f for f in found if f.startswith(f"paper/text.md:{line}: {words} would end with this one")], found


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("{val} `one.x`", "{val}"),
        ("{val}one.x", "{val}one.x"),
        ("{val}`one.x", "{val}`one.x"),
        ("{val}'one.x'", "{val}"),
        (":val:`one.x`", ":val:"),
        ("{cite:p} `smith1986`", "{cite:p}"),
        ("**so {eq} `eq-one`**", "{eq}"),
    ],
)
def test_a_role_that_is_not_written_as_one_is_told(tmp_path: Path, written: str, typed: str) -> None:
    """A number that is quoted with a space too many would stand in the paper as its name."""
    found = told(tmp_path, f"{HEAD}The number is {written} per cent.\n")
    assert [line.partition("\n")[0] for line in found] == [f"paper/text.md:5: '{typed}' would print as typed."]


def test_a_role_as_an_example_of_code_is_no_role(tmp_path: Path) -> None:
    """Papers about papers may show how values are quoted."""
    parse(tmp_path, f"{HEAD}Write `` {{val}} `one.x` `` so; a set {{1, 2}} is none.\n")


@pytest.mark.parametrize("sign", ["\ufeff", "\u2028", "\x0c", "\x1b", "\u200e"])
def test_a_sign_that_is_not_to_be_seen_is_told(tmp_path: Path, sign: str) -> None:
    """Some formats drop it, others stop at it; the lines are counted as the parser and editors do."""
    found = told(tmp_path, f"{HEAD}One.\n\nLeft{sign}right.\n\nBad {{valu}}`x`.\n")
    assert found[0].startswith(f"paper/text.md:7: An invisible sign stands after 'Left': U+{ord(sign):04X}")
    assert found[1].startswith("paper/text.md:9: There is no role 'valu'.")


def test_what_a_citation_would_print_as_typed_is_told(tmp_path: Path) -> None:
    """Its brackets are words: no emphasis, formula or value is read in them; a footnote behind it neither."""
    text = (
        f"{HEAD}A [@smith1986, *so*], [see $x$ @smith1986], @smith1986[^f] and [@smith1986, pp. 3--5].\n\n[^f]: Note.\n"
    )
    found = [problem.partition(" in the brackets")[0] for problem in told(tmp_path, text)]
    assert found[:3] == [f"paper/text.md:5: '{typed}'" for typed in ("*so*", "$x$", "^f")]


def test_files_included_by_included_files_are_looked_at(tmp_path: Path) -> None:
    """With their own names and lines; front matter of theirs would be dropped."""
    second = "---\ntitle: Second\n---\n\n$\\nosuch$ here.\n\n| a |\n|---|\n| 1 | 2 |\n"
    first = "One.\n\n```{include} second.md\n```\n"
    found = told(tmp_path, f"{HEAD}```{{include}} first.md\n```\n", first__md=first, second__md=second)
    assert [problem.partition("\n")[0][:60] for problem in found] == [
        "paper/second.md:1: The front matter of an included file is not read."[:60],
        "paper/second.md:5: The formula $\\nosuch$ is not valid TeX: Undefined"[:60],
        "paper/second.md:9: This row has 2 cells, but the header of its table has 1."[:60],
    ]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("title: 2024", ["2: 'title' in the front matter must be a text."]),
        ("title: T\nkeywords: [one, 12]", ["3: Entry 2 of 'keywords' in the front matter must be a text."]),
        ("title: T\ndate: May 2024", ["3: 'May 2024' is a date that not every format can read."]),
        ("title: T\nauthors:\n  - name: A B\n    orcid: 1234", ["5: 'orcid' is a number here, and must be a text."]),
        (
            "title: T\nauthors:\n  - name: A B\n    orcid: 0000-0002-1825-009X",
            ["5: '0000-0002-1825-009X' is no ORCID iD."],
        ),
        ("title: T\nauthors:\n  - name: A B\n    email: nobody", ["5: 'email' in the front matter: must be valid"]),
        ("title: T\nauthors:\n  - email: a@example.org", ["3: 'authors' in the front matter: contributor should"]),
        ("title: T\nauthor: A\nauthors: [B]", ["3: The front matter has both 'authors' and 'author'"]),
        (
            "title: T # mine\nsubtitle: Part #2",
            ["3: What begins with '#' is a comment to YAML, and would be lost: #2."],
        ),
        ("title: T\nmath:\n  '\\n': \\lVert #1 \\rVert", ["4: What begins with '#' is a comment"]),
        ("title: T\nsubtitle: S\ntitle: U", ["4: The key 'title' is given twice."]),
        ("title: T\nmath:\n  R: '\\mathbb{R}'", ["4: The macro 'R' has no backslash."]),
    ],
)
def test_what_the_front_matter_may_not_hold_is_told_with_its_line(
    tmp_path: Path, front: str, expected: list[str]
) -> None:
    """The parser names a key at best; numbers and dates are what people write."""
    found = told(tmp_path, f"---\n{front}\n---\n\nWords.\n")
    assert len(found) == len(expected), found
    assert all(a.startswith(f"paper/text.md:{b}") for a, b in zip(found, expected, strict=True)), found


def test_faults_of_formulas_and_headings_are_told_in_words(tmp_path: Path) -> None:
    """With the way out that fits; what the parser only warns of too."""
    text = (
        f"{HEAD}# One\n\n$a – b$ and $é$\n\n$a_{{\\text{{of $b$}}}}$\n\n"
        "Words.\n\n$$\nx \\label{eq-b}\n$$ (eq-a)\n\n### Two\n"
    )
    found = told(tmp_path, text)
    assert [problem.partition("\n")[0][:60] for problem in found] == [
        text[:60]
        for text in (
            "paper/text.md:7: A formula has the sign '–' (en dash), which TeX does not know there.",
            "paper/text.md:7: A formula has the sign 'é' (latin small letter e with acute), which",
            "paper/text.md:9: The formula $a_{\\text{of$ is not valid TeX: Unexpected end of input",
            "paper/text.md:9: The formula $}}$ is not valid TeX: Expected 'EOF', got '}' at position",
            "paper/text.md:14: 'eq-b' is not the first label of its formula, which",
            "paper/text.md:17: A heading skips a level: no heading has ## before it.",
        )
    ]
    assert "A $ ends the formula, also in words" in found[2]


def test_a_label_that_the_parser_does_not_find_is_told_as_it_was_typed(tmp_path: Path) -> None:
    """It compares the letters of an address with those of a label."""
    assert told(tmp_path, f"{HEAD}(größe)=\n# One\n\nSee [](#größe).\n") == [
        "paper/text.md:8: The reference 'größe' leads nowhere.\n"
        "  Give both a label without accents: the parser does not find this one."
    ]


def test_words_between_less_and_greater_are_no_html(tmp_path: Path) -> None:
    """The parser takes them for tags and leaves them out; HTML, addresses, code and formulas are no such words."""
    text = (
        f"{HEAD}A vector<int> and\na<b and c>d and\n`list<T>`, $a<b>c$, <a@example.org>, <https://example.org>,\n"
        "x \\<y>.\n\n"
        "x <b> y, H<sub>2</sub>O<sub>3</sub>, <i>words\nof two lines</i>, <u>not\n\nclosed</u>.\n\n"
        ":::{figure} own.svg\n:alt: a <b> and vector<int>\n\nOne.\n:::\n\n"
        "A <b>word</b><br> and ~~gone~~.\n\n$$\n0 <x> 1\n$$\n"
    )
    assert [problem.partition("\n")[0] for problem in told(tmp_path, text, own__svg="<svg/>")] == [
        "paper/text.md:5: '<int>' would be taken for HTML and left out.",
        "paper/text.md:6: '<b and c>' would be taken for HTML and left out.",
        "paper/text.md:10: '<b>' would be taken for HTML and left out.",
        "paper/text.md:11: '<u>' would be taken for HTML and left out.",
        "paper/text.md:21: '~~gone~~' would print as typed.",
    ]


FOOTNOTES = f"""{HEAD}A[^a] word[^none], escaped \\[^no], code `[^cc]`.

[^a]: Once.
[^b]: Never.
[^A]: Twice.

```
[^c]: In code.
```
"""


def test_footnotes_and_references_that_do_not_meet_are_told(tmp_path: Path) -> None:
    """A footnote that nobody refers to, one that is given twice, and a reference that has none."""
    assert told(tmp_path, FOOTNOTES) == [
        "paper/text.md:5: The footnote 'none' has no text.\n  Write `[^none]: …` below.",
        "paper/text.md:8: Nothing refers to the footnote 'b', so it would be left out.\n"
        "  Write [^b] where it belongs, or take it out.",
        "paper/text.md:9: The footnote 'A' is given twice; paper/text.md:7 has it first.\n  Rename one of the two.",
    ]


def test_a_footnote_of_the_abstract_stands_in_the_abstract(tmp_path: Path) -> None:
    """The parser looks for it there alone; what the body has under its name is the body's."""
    text = "---\ntitle: A text\nabstract: |\n  Short[^q].\n---\n\nLong[^q].\n\n[^q]: The note.\n"
    assert told(tmp_path, text) == ["paper/text.md:4: The footnote 'q' has no text.\n  Write `[^q]: …` below."]


TABLES = f"""{HEAD}| a | `b` |
|---|:-:|
| 1 | `x|y` |
| 2 |
| 3 | \\| | `\\|` |
| 4 | \\| |

:::{{table}} Caption
| a | b |
|--|--|
| 1 | 2 | 3 |
:::

```{{table}} Caption
| a | b |
|--|--|
| 1 | 2 | 3 |
```

> a | b
> --|--
> 1 | 2 | 3

- | a | b |
  |--|--|
  | 1 | 2 | 3

```
| a |
|---|
| 1 | 2 |
```
"""


def test_cells_beyond_the_header_are_told(tmp_path: Path) -> None:
    """The parser drops them: in a caption's directive, a quotation and a list too; code is no table."""
    hint = "Give the header as many cells, or join some; a | inside a cell, even in code, is written \\|."
    found = "This row has 3 cells, but the header of its table has 2."
    assert told(tmp_path, TABLES) == [f"paper/text.md:{line}: {found}\n  {hint}" for line in (7, 9, 15, 21, 26, 30)]


def test_a_mark_at_the_beginning_of_a_file_is_no_text(tmp_path: Path) -> None:
    """Some editors write a byte order mark; the front matter behind it is read, and an included file's first word."""
    text = f"{HEAD}```{{include}} part.md\n```\n".encode("utf-8-sig")
    content = parse(tmp_path, text, part__md="\ufeffGood.\n")
    assert content.frontmatter["title"] == "A text"
    assert [node["value"] for node, _ in source.walk(content) if node["type"] == "text"] == ["Good."]


def test_a_name_of_one_word_and_a_link_without_words(tmp_path: Path) -> None:
    """A name of one word is no fault; a link without words prints its address."""
    text = "---\ntitle: A text\nauthors:\n  - Cher\n---\n\n[](https://example.org/here)\n"
    content = parse(tmp_path, text)
    assert content.frontmatter["authors"][0]["name"] == "Cher"
    (link,) = content.nodes[0]["children"][0]["children"]
    assert (link["type"], link["children"][0]["value"]) == ("link", "https://example.org/here")


def test_addresses_come_out_as_links_and_nothing_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mystmd would fetch what a DOI and a ROR name: they stay plain links, in the abstract too, without a network."""
    cut = ["unshare", "--user", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*cut, "true"], capture_output=True).returncode:
        pytest.skip("the kernel lets nobody make a network of their own (unshare --user --net)")
    doi = "https://doi.org/10.1257/aer.76.4.604"
    text = f"""---
title: A text
parts:
  abstract: |
    See [abstract]({doi}).
---

See [one]({doi}), <{doi}>, []({doi}), [](doi:10.1257/b), [two](https://ror.org/03yrm5c26), [](ror:03yrm5c26).
"""
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: popen([*cut, *command], **options))
    content = parse(tmp_path, text)
    links = [(n["children"][0]["value"], n["url"]) for n, _ in source.walk(content) if n["type"] == "link"]
    ror = "https://ror.org/03yrm5c26"
    other = "https://doi.org/10.1257/b"
    assert links == [("abstract", doi), ("one", doi), (doi, doi), (doi, doi), (other, other), ("two", ror), (ror, ror)]


def test_what_only_the_network_has_is_told(tmp_path: Path) -> None:
    """A work that is cited by its DOI and an image of the network are refused, with a network and without."""
    text = "Cites @doi:10.1257/aer.76 and {cite:p}`10.1257/aer.77`.\n\n![a](https://example.org/x.png)\n"
    assert [problem.partition("\n")[0] for problem in told(tmp_path, HEAD + text)] == [
        "paper/text.md:5: The citation 'doi:10.1257/aer.76' is not in the bibliography.",
        "paper/text.md:5: The citation '10.1257/aer.77' is not in the bibliography.",
        "paper/text.md:7: The image 'https://example.org/x.png' lies on the network, which is not used while building.",
    ]


def test_two_sections_may_have_the_same_words(tmp_path: Path) -> None:
    """Headings that nobody gave a label stand as often as one likes; a reference that could mean each is an error."""
    text = "---\ntitle: T\n---\n# Study 1\n\n## Results\n\nWords.\n\n# Study 2\n\n## Results\n\nMore.\n"
    content = parse(_new(tmp_path / "one"), text)
    names = [node["identifier"] for node, _ in source.walk(content) if node["type"] == "heading"]
    assert names == ["study-1", "results", "study-2", "results-1"]
    (fault,) = told(_new(tmp_path / "two"), f"{text}\nSee [](#results).\n")
    assert fault.startswith("paper/text.md:16: The reference 'results' may mean each of 2 sections")
    labelled = text.replace("## Results\n\nW", "(results)=\n## Results\n\nSee [](#results). W")
    assert parse(_new(tmp_path / "three"), labelled)


def test_a_picture_is_named_by_what_it_is(tmp_path: Path) -> None:
    """The same sources give the same content wherever they are parsed (promise 3)."""
    text = "---\ntitle: T\n---\n# One\n\n:::{figure} square.svg\n:alt: A square\nA square.\n:::\n"
    found = []
    for name in ("here", "elsewhere"):
        content = parse(_new(tmp_path / name), text, square__svg='<svg xmlns="http://www.w3.org/2000/svg" width="9"/>')
        found.append([node["url"] for node, _ in source.walk(content) if node["type"] == "image"])
    assert found[0] == found[1] and found[0]


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_what_is_wrong_in_an_included_file_is_named_with_it(tmp_path: Path) -> None:
    """Also in a file that an included file includes; an environment that MyST lacks is told with those that it has."""
    inner = "One.\n\n\\begin{multline}\na \\\\ b\n\\end{multline}\n\nA `code` {#one} and [^lost].\n"
    text = f"{HEAD}```{{include}} outer.md\n```\n"
    outer = "Words.\n\nMore.\n\n```{include} inner.md\n```\n"
    assert [problem.partition("\n")[0] for problem in told(tmp_path, text, outer__md=outer, inner__md=inner)] == [
        "paper/inner.md:3: The formula $\\begin{multline} a \\\\ b \\end{multline}$ cannot be read: "
        "MyST has no environment 'multline'.",
        "paper/inner.md:7: The footnote 'lost' has no text.",
    ]


def test_files_that_include_one_another_come_to_an_end(tmp_path: Path) -> None:
    """They are told, and not read for ever."""
    text = f"{HEAD}```{{include}} outer.md\n```\n"
    (only,) = told(tmp_path, text, outer__md="Words.\n\n```{include} text.md\n```\n")
    assert only.startswith("paper/outer.md:3: 'paper/text.md' includes itself, or what it includes does.")


def test_a_citation_of_an_included_file_has_its_place(tmp_path: Path) -> None:
    """Checks name the file that the author has to open."""
    content = parse(tmp_path, f"{HEAD}```{{include}} outer.md\n```\n", outer__md="Words.\n\nBy @smith1986.\n")
    assert str(source.cited(content)["smith1986"]) == "paper/outer.md:3"


def test_a_link_with_a_space_is_told(tmp_path: Path) -> None:
    """It would print as typed. A reference inside a formula is told with the way out."""
    text = f"{HEAD}In [](#eq-a [b]), not `[](#x y)`.\n\n$$\na\n$$ (eq-a)\n\n$x = \\eqref{{eq-a}}$\n"
    assert told(tmp_path, text) == [
        "paper/text.md:5: '[](#eq-a [b])' would print as typed: the address of a link has no spaces.\n"
        "  Write [](#label); a panel is @fig-label [a].",
        "paper/text.md:11: The formula $x = \\eqref{eq-a}$ is not valid TeX: Undefined control sequence: \\eqref at "
        "position 5: x = \\eqref{eq-a}.\n"
        "  End the formula there, and refer in the text: {eq}`label`, [](#label), @key.",
    ]


LABELLED = r"""$$
\begin{align}
a &= b \label{eq-a} \\
c &= d \label{eq-b} \\ e &= f \label{eq-c}
\end{align}
$$

```{math}
:label: eq-d
x % \label{eq-no}
\label{eq-e} y
```

In $y \label{eq-f}$, not `\label{eq-no}`.

```latex
\label{eq-no}
```

    \label{eq-no}

% \label{eq-no}

$$ z \label{eq-g} $$

\begin{gather}
p \\
q \label{eq-h}
\end{gather}
"""


def test_every_label_of_a_formula_but_the_first_is_told(tmp_path: Path) -> None:
    """The parser takes them out without a word, referred to or not (promise 1); what only shows one is left alone."""
    text = f"{HEAD}{LABELLED}"
    second = "is not the first label of its formula, which has one number."
    assert [problem.partition("\n")[0] for problem in told(tmp_path, text)] == [
        f"paper/text.md:8: 'eq-b' {second}",
        f"paper/text.md:8: 'eq-c' {second}",
        f"paper/text.md:15: 'eq-e' {second}",
        "paper/text.md:18: The label 'eq-f' stands in a formula within a line, which has no number.",
    ]


def test_a_label_that_is_not_read_is_told_where_it_stands(tmp_path: Path) -> None:
    """The second of one formula; that of a directive with a fault of its own."""
    text = f"{HEAD}\\begin{{align}}\n\\label{{eq-a}} a &= b \\\\\n\\label{{eq-b}} c &= d\n\\end{{align}}\n\n"
    text += "See {eq}`eq-b`, [](#tab-own).\n\n:::{csv-table} Rows\n:label: tab-own\n:file: own.csv\n:::\n"
    assert [problem.partition("\n")[0] for problem in told(tmp_path, text)] == [
        "paper/text.md:7: 'eq-b' is not the first label of its formula, which has one number.",
        "paper/text.md:10: The reference 'tab-own' leads nowhere.",
        "paper/text.md:12: The directive 'csv-table' has nothing in it.",
        "paper/text.md:14: The directive 'csv-table' has no option 'file'.",
    ]


AFFILIATED = """---
title: T
authors:
  - name: Ann Other
    affiliations: [unii, University of Unicorns]
  - name: Ben Other
    affiliation: uni
  - name: Cid Other
    affiliations:
      - name: unit
affiliations:
  - id: uni
    name: University
---

Words.
"""


def test_a_misspelt_id_of_an_affiliation_is_told(tmp_path: Path) -> None:
    """It would print as a name; a name of several words, or one that is written as a name, may be anything."""
    assert told(tmp_path, AFFILIATED) == [
        "paper/text.md:5: No affiliation has the id 'unii'.\n"
        "  did you mean 'uni'? An affiliation of that name is written as `- name: unii`."
    ]


@pytest.mark.parametrize("name", ["'\\\\'", "'\\,'", "'\\a1'"])
def test_a_macro_has_a_name_of_letters(tmp_path: Path, name: str) -> None:
    """Another one would be LaTeX's end of a line, its space, or never be read."""
    (problem,) = told(tmp_path, f"---\ntitle: T\nmath:\n  {name}: x\n---\n\nWords.\n")
    assert problem.startswith("paper/text.md:4: The macro '\\") and "a backslash and letters" in problem


def test_an_address_is_shown_without_spaces(tmp_path: Path) -> None:
    """The parser decodes what it shows; other letters may be read as such."""
    content = parse(tmp_path, f"{HEAD}See <https://example.org/a%20b> and <https://example.org/%C3%A9>.\n")
    shown = [node["children"][0]["value"] for node, _ in source.walk(content) if node["type"] == "link"]
    assert shown == ["https://example.org/a%20b", "https://example.org/\u00e9"]


def test_an_option_that_there_is_not_has_a_nearest_one(tmp_path: Path) -> None:
    """Of the options of its directive."""
    assert told(tmp_path, f"{HEAD}:::{{result-figure}} one.f\n:widht: wide\nWords.\n:::\n") == [
        "paper/text.md:6: The directive 'result-figure' has no option 'widht'.\n  did you mean 'width'?"
    ]


def test_figures_are_known_as_they_are_placed(tmp_path: Path) -> None:
    """Where the document shows a recorded figure it may give it an alternative text of its own, which is seen."""
    shown = ":::{result-figure} one.f\n:alt: Lines.\nFirst.\n:::\n\n:::{result-figure} one.f\nSecond.\n:::\n"
    found = source.figures(parse(tmp_path, HEAD + shown))
    assert [(figure.name, figure.caption, figure.alt) for figure in found] == [
        ("one.f", "First.", "Lines."),
        ("one.f", "Second.", ""),
    ]

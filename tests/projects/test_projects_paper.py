"""A paper of a tiny project by the real command: its first mistakes, its build, its edits, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Said, Tiny

CONFIG = """[tool.octavo]
title = "A study"
[tool.octavo.media.column]
width = 3.35
formats = ["svg"]
[tool.octavo.paper]
source = "paper/paper.md"
bibliography = "bib/refs.bib"
"""
PAPER = """---
title: A paper
authors:
  - name: Ann Author
parts:
  abstract: |
    In short, {val}`count.n`.
---

# One

We count {val}`count.n`, as @smith1986 did; see [](#fig-line) and [](#tab-rows).

:::{result-figure} count.line
:label: fig-line
A line.
:::

:::{table} Rows.
:label: tab-rows
```{result-table} count.rows
```
:::
"""
BIB = "@article{smith1986,\n author={Smith, Ann}, title={On it}, journal={A Journal}, year={1986}\n}\n"
COUNT = (
    "import octavo\nimport pandas as pd\nn = 4321\noctavo.value('n', n)\n"
    "octavo.table('rows', pd.DataFrame({'n': [n]}))\n"
    "octavo.figure('line', lambda fig: fig.subplots().plot([1, 2]), alt='A line that rises')"
)
FORMS = ("paper.pdf", "paper.html")


@pytest.fixture
def project(tiny: Callable[..., Tiny]) -> Tiny:
    """A notebook, a paper that quotes it, a bibliography."""
    return tiny(
        {
            "pyproject.toml": CONFIG,
            "paper/paper.md": PAPER,
            "bib/refs.bib": BIB,
            "notebooks/count.ipynb": [COUNT],
        }
    )


def built(project: Tiny) -> dict[str, bytes]:
    """Return the paper in every format, as it lies in build/."""
    return {name: (project.root / "build/paper" / name).read_bytes() for name in FORMS}


def ran(said: Said) -> set[str]:
    """Return the names of what ran."""
    return {line.split()[2] for line in said.err.splitlines() if "] ran " in line}


def says(path: Path) -> str:
    """Return the text of a PDF."""
    import pypdfium2

    document = pypdfium2.PdfDocument(str(path))
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return text


def test_a_paper_from_its_build_through_edits_and_faults(project: Tiny) -> None:
    """A sentence runs no notebook, a number comes into every format, a fault leaves the last good paper alone."""
    said = project.octavo("build")
    assert said.code == 0, said
    first = built(project)
    assert first["paper.pdf"].startswith(b"%PDF-") and b"4,321" in first["paper.html"]
    assert says(project.root / "build/paper/paper.pdf").count("4,321") == 3
    assert not [name for name, data in first.items() if str(project.root).encode() in data]
    files = project.files()
    assert project.octavo("build").out.startswith("Nothing to do")
    assert project.files() == files

    # A sentence.
    project.replace("paper/paper.md", "We count", "They count")
    said = project.octavo("build")
    assert said.code == 0 and "count" not in ran(said)
    second = built(project)
    assert b"They count" in second["paper.html"] and b"We count" not in second["paper.html"]
    assert "They count" in says(project.root / "build/paper/paper.pdf")

    # Unknown names: told with their lines, the nearest name, and nothing touched.
    project.replace("paper/paper.md", "They count {val}`count.n`", "They count {val}`count.m`")
    project.replace("paper/paper.md", "count.line", "count.lime")
    said = project.octavo("build")
    assert said.code == 3
    told = said.err[said.err.index("error: ") :]
    assert "paper/paper.md:12: The notebook 'count' recorded no value 'count.m'.\n  did you mean 'count.n'?" in told
    assert "paper/paper.md:14: The notebook 'count' recorded no figure 'count.lime'." in told
    assert told.count("count.m'.") == 1, "two formats, one message"
    assert built(project) == second, "the last good paper stays byte for byte"
    project.write({"paper/paper.md": PAPER.replace("We count", "They count")})
    assert project.octavo("build").code == 0
    assert built(project) == second

    # A number.
    project.replace("notebooks/count.ipynb", "4321", "8765")
    said = project.octavo("build")
    assert said.code == 0 and {"count", *FORMS} <= ran(said) and "paper.content" not in ran(said)
    third = built(project)
    assert third["paper.html"].count(b"8,765") == 3 and b"4,321" not in third["paper.html"]
    text = says(project.root / "build/paper/paper.pdf")
    assert text.count("8,765") == 3 and "4,321" not in text


def test_what_one_format_cannot_carry_is_told_with_its_line(project: Tiny) -> None:
    """A character that no font has stops the PDF with its line; the page, which the browser's fonts show, is built."""
    project.replace("paper/paper.md", "as @smith1986 did", "as க and @smith1986 did")
    said = project.octavo("build")
    assert said.code == 3
    assert "error: paper/paper.md:12: No font has the character 'க'." in said.err
    assert not (project.root / "build/paper/paper.pdf").exists()

"""Code comes out as it was typed: its signs are never those of the format that it is set in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pdfplumber
import pytest
from tests.paper.test_paper_faults import HEAD, parsed

from octavo import paper
from octavo.paper.writers import typst

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

CODE = r"""
Inline `y ~ x`, `a\b`, `\~`, ``a ` b ~``, "quoted ~ words" and the end.

```r
lm(y ~ x)
print('a\n')
```

```{code} python
:caption: A listing
print("b\n", ~mask)
```
"""
TYPED = ("y ~ x", r"a\b", r"\~", "a ` b ~", "lm(y ~ x)", r"print('a\n')", r'print("b\n", ~mask)')


def test_tildes_and_backslashes_of_code_are_carried(sample: Sample, tmp_path: Path) -> None:
    """They are signs of Typst's markup, but not in code."""
    content = parsed(sample, tmp_path, HEAD.format("") + CODE)
    path = paper.write("pdf", content, sample.results, tmp_path / "out", root=tmp_path, bibliography=None)
    with pdfplumber.open(path) as pdf:
        said = "".join((page.extract_text() or "") for page in pdf.pages).replace(" ", "").replace("\n", "")
    assert [code for code in TYPED if code.replace(" ", "") not in said] == []


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        (r"a~b \~ \* \\", "a b ~ * \\"),
        (r"`a\~b` c~d", r"a\~b c d"),
        ("```r\ny ~ x\\n\n```", "r\ny ~ x\\n\n"),
        (r'#raw("a`\"~\\n");~b', r'#raw(a`"~\n); b'),
    ],
)
def test_markup_is_read_as_typst_reads_it(markup: str, said: str) -> None:
    """Escapes and hard spaces count outside raw text alone."""
    assert typst.texts(markup) == said

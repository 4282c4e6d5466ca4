"""A bibliography that would be printed with something missing stops the build: told with its line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.bib import tex
from octavo.bib.load import load
from octavo.errors import OctavoError, Problems
from octavo.model import Place
from octavo.outputs import WriteDocument
from octavo.project import Document

GOOD = "@article{a1,\n  author = {A, B},\n  title = {One},\n  journal = {J},\n  year = {2001},\n}\n"
HEAD = "---\ntitle: A text\n---\n\n"


def refused(root: Path, bib: str | bytes, text: str = "As @a1 says.\n") -> list[str]:
    """Parse a paper with a bibliography, as a build does, and return what it is refused for."""
    for folder in ("paper", "work/out", "work/parse"):
        (root / folder).mkdir(parents=True)
    (root / "paper/paper.md").write_text(HEAD + text, encoding="utf-8")
    (root / "refs.bib").write_bytes(bib if isinstance(bib, bytes) else bib.encode())
    document = Document(root / "paper/paper.md", root / "refs.bib", None)
    with pytest.raises(OctavoError) as caught:
        WriteDocument(root=root, kind="paper", format="content", document=document)(root / "work", {})
    problems = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("bib", "told"),
    [
        (GOOD.replace("One", "Été").encode("latin-1"), "3: This line is not UTF-8 text.\n  Save the file as UTF-8."),
        (
            GOOD.replace("a1,", "a1"),
            "1: The entry 'a1' has no comma after its key.\n  Write: @article{a1,",
        ),
        (
            GOOD.replace("a1,", ""),
            "1: This entry has no key.\n  Write a key and a comma after @article{, such as @article{smith1986,",
        ),
        (
            GOOD + GOOD.replace("One", "Two"),
            "7: The key 'a1' is used twice; line 1 has it first.\n  Give one of the two another key, or take one out.",
        ),
        (
            GOOD.replace("One", "On\n the $\\sqrt{n}$ rates"),
            "4: The title of 'a1' has a formula, which not every format can show.\n"
            "  Write it in letters, such as β, √n or x²; a dollar sign is \\$.",
        ),
        (
            GOOD.replace("A, B", "A, \\unknowncmd{Z}"),
            "2: The author of 'a1' has '\\unknowncmd', which is not known: text would be lost.\n"
            "  Write the letters themselves: the file is UTF-8.",
        ),
    ],
)
def test_a_build_stops_at_what_would_be_lost(tmp_path: Path, bib: str | bytes, told: str) -> None:
    """One fault, one message; nothing follows from it that is told too."""
    assert refused(tmp_path, bib) == [f"refs.bib:{told}"]


def test_the_tex_that_is_carried_is_no_fault(tmp_path: Path) -> None:
    """Accents, letters and looks pass; so does what is not printed, and what is not cited."""
    good = r"{\'E}t{\'e}, \v{C}, {\o}, \emph{a} \& b, \$5, 50\%, x\textsuperscript{2}"
    text = GOOD.replace("One", good).replace("},\n}", "},\n  abstract = {$x$ \\lost{y}},\n}")
    (tmp_path / "r.bib").write_text(text + GOOD.replace("a1", "a2").replace("One", r"\lost{Z}"), encoding="utf-8")
    assert list(tex.unprintable(load(tmp_path / "r.bib", "r.bib"), {"a1": Place("paper.md", 1)})) == []

"""The paper in Word: formulas that Word edits, with all their signs, or an error that names the formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import reading
from tests.document import test_document_mathml as formulas

from octavo import paper
from octavo.document import pandoc, source
from octavo.errors import DocumentError
from octavo.model import Results
from octavo.paper.writers import docx
from octavo.paper.writers.latex import macros

if TYPE_CHECKING:
    from pathlib import Path

    from octavo.document.source import Content

HEAD = "---\ntitle: T\nauthors: [Ann Other]\nmath:\n  '\\EE': '\\mathbb{E}\\left[#1\\right]'\n---\n# One\n\n"
# What pandoc does not write for Word; each is an error, with its line.
UNKNOWN = {r"\ce{H2O}", r"\text{a, \textbf{b} and }c", r"\phantom{xx} y + \smash{x} \mathstrut"}


def parsed(folder: Path, text: str) -> Content:
    (folder / "paper").mkdir()
    (folder / "work").mkdir()
    (folder / "paper/paper.md").write_text(HEAD + text, encoding="utf-8")
    return reading.parse(folder / "paper/paper.md", folder, None, folder / "work")


def test_no_formula_loses_a_sign(tmp_path: Path) -> None:
    """All the formulas that the other formats are tested with: Word has each sign of KaTeX's, or an error says so."""
    every = list(dict.fromkeys([*formulas.GOLDEN, *formulas.SET, r"\EE{Y \mid X}"]))
    content = parsed(tmp_path, "\n\n".join(f"$$\n{formula}\n$$" for formula in every))
    nodes = [node for node, _ in source.walk(content) if node["type"] == "math"]
    assert len(nodes) == len(every) > 90
    written = pandoc.expanded([node["value"] for node in nodes], macros(content))
    lost = docx._lost(written, [node["html"] for node in nodes], tmp_path)
    assert {node["value"] for node, words in zip(nodes, lost, strict=True) if words} == UNKNOWN


def test_a_lost_sign_is_found(tmp_path: Path) -> None:
    """The check is of the signs: of another formula in its place it names what is not there."""
    content = parsed(tmp_path, "$$\n\\alpha + \\beta^2\n$$\n")
    (node,) = (node for node, _ in source.walk(content) if node["type"] == "math")
    (words,) = docx._lost([r"\alpha - \beta"], [node["html"]], tmp_path)
    assert words == "it would lose + 2"


def test_what_word_would_not_have_is_an_error_with_its_line(tmp_path: Path) -> None:
    """The formula, why, and the way out; the other formats take it."""
    content = parsed(tmp_path, "Words.\n\nHere $x + \\fbox{y}$ stands.\n")
    with pytest.raises(DocumentError) as caught:
        paper.write("docx", content, Results(), tmp_path / "out", root=tmp_path, bibliography=None)
    assert str(caught.value).startswith(
        "paper/paper.md:11: The formula $x + \\fbox{y}$ cannot be carried into Word: pandoc does not know \\fbox."
    )
    assert paper.write("pdf", content, Results(), tmp_path / "out", root=tmp_path, bibliography=None).exists()

"""The three outputs of one deck, from the parsed source to the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from octavo.document.source import Content
from octavo.errors import OctavoError
from octavo.model import Results
from octavo.slides import build


def content(*paragraphs: str, notes: bool = True) -> Content:
    """A parsed deck of one slide."""

    def para(words: str) -> dict[str, Any]:
        text = {"type": "text", "value": words, "position": {"start": {"line": 12}}}
        return {"type": "paragraph", "children": [text], "position": {"start": {"line": 12}}}

    said = {"type": "div", "class": "notes", "children": [para("Spoken.")]}
    title = [{"type": "text", "value": "Heading"}]
    heading = {"type": "heading", "depth": 2, "children": title, "position": {"start": {"line": 10}}}
    nodes = [said, heading, *map(para, paragraphs), *([said] if notes else [])]
    front = {"title": "A deck"}
    return Content(
        file="slides/deck.md", nodes=[{"type": "block", "children": nodes}], frontmatter=front, parts={}, references={}
    )


def test_same_bytes_in_two_folders(tmp_path: Path, template_file: Path) -> None:
    """Same sources, same bytes: the three files are alike wherever they are written, and nothing else is."""
    made = content("Words.")
    for folder in (tmp_path / "one", tmp_path / "two" / "deeper"):
        build.html(made, Results(), folder)
        build.pdf(made, Results(), folder)
        build.pptx(made, Results(), folder, template_file)
        assert {path.name for path in folder.iterdir()} == {"deck.html", "deck.pdf", "deck.pptx"}
    for name in ("deck.html", "deck.pdf", "deck.pptx"):
        data = (tmp_path / "one" / name).read_bytes()
        assert data == (tmp_path / "two" / "deeper" / name).read_bytes()
        assert str(tmp_path).encode() not in data


@pytest.mark.parametrize("output", ["html", "pdf", "pptx"])
def test_an_overflow_leaves_no_file(output: str, tmp_path: Path, template_file: Path) -> None:
    """An overflow stops each build, HTML too, and the file of before stays as it was."""
    arguments = (template_file,) if output == "pptx" else ()
    getattr(build, output)(content("Words."), Results(), tmp_path, *arguments)
    before = (tmp_path / f"deck.{output}").read_bytes()
    with pytest.raises(OctavoError, match=r"slides/deck.md:10: Slide 2, 'Heading', does not fit"):
        getattr(build, output)(content(*["word " * 90] * 5), Results(), tmp_path, *arguments)
    assert (tmp_path / f"deck.{output}").read_bytes() == before


def test_a_slide_without_notes(tmp_path: Path) -> None:
    """A slide without speaker notes stops the build."""
    with pytest.raises(OctavoError, match=r"slides/deck.md:10: The slide 'Heading' has no speaker notes"):
        build.html(content("Words.", notes=False), Results(), tmp_path)

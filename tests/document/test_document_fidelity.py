"""A word that is lost on the way is noticed, with the word and its place."""

from __future__ import annotations

from typing import Any

import pytest

from octavo.document import fidelity
from octavo.document.fidelity import Leaf
from octavo.document.source import Content
from octavo.errors import DocumentError, Problems
from octavo.model import Place


def text(value: str, kind: str = "text") -> dict[str, Any]:
    return {"type": kind, "value": value}


def paragraph(line: int, *children: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "position": {"start": {"line": line}}, "children": list(children)}


def content(*nodes: dict[str, Any], **parts: list[dict[str, Any]]) -> Content:
    return Content("paper/paper.md", {"title": "A"}, parts, list(nodes), {})


def test_every_text_has_its_place() -> None:
    """Texts, values and code are told with their lines; what is worded anew on the way is left out."""
    cite = {"type": "cite", "children": [text("Smith 1986")]}
    made = content(
        paragraph(3, text("Two -- three"), text("f--x", "inlineCode"), cite),
        paragraph(7, text("1,794 USD", "value")),
        abstract=[{"type": "paragraph", "children": [text("Short")]}],
    )
    assert list(fidelity.leaves(made)) == [
        Leaf("Short", Place("paper/paper.md")),
        Leaf("Two – three", Place("paper/paper.md", 3)),
        Leaf("f--x", Place("paper/paper.md", 3)),
        Leaf("1,794 USD", Place("paper/paper.md", 7)),
    ]


def test_a_lost_word_is_told_with_its_line() -> None:
    """An output without a word of the source stops the build with the word, its line and the way out."""
    wanted = list(fidelity.leaves(content(paragraph(3, text("There it is.")), paragraph(9, text("Gone word")))))
    with pytest.raises(DocumentError) as caught:
        fidelity.check(wanted, "Before. There it\n is. After.", "paper.pdf")
    assert caught.value.where == "paper/paper.md:9"
    assert str(caught.value).startswith("paper/paper.md:9: 'Gone word' was lost on the way into paper.pdf")
    assert caught.value.hint


def test_a_word_that_comes_too_seldom_is_lost_too() -> None:
    """Said twice and shown once is not enough; all that is lost is told together."""
    places = [Place("paper/paper.md", line) for line in (1, 2, 3)]
    wanted = [Leaf("twice", places[0]), Leaf("twice", places[1]), Leaf("never", places[2])]
    with pytest.raises(Problems) as caught:
        fidelity.check(wanted, "twice", "paper.html")
    assert [problem.where for problem in caught.value.problems] == ["paper/paper.md:1", "paper/paper.md:3"]
    fidelity.check(wanted[:2], "twice and twice", "paper.html")


def test_white_space_and_composition_do_not_matter() -> None:
    """Two formats may break lines and compose letters differently; that is no loss."""
    fidelity.check([Leaf("caf\u00e9 au\u00a0lait", None), Leaf("  ", None)], "cafe\u0301\nau lait", "paper.pdf")

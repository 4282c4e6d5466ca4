"""Numbers and link targets of a document."""

from __future__ import annotations

from typing import Any

from octavo.document.numbering import Numbering

Node = dict[str, Any]


def heading(identifier: str, number: str) -> Node:
    return {"type": "heading", "identifier": identifier, "enumerator": number, "children": []}


def reference(identifier: str, text: str, number: str) -> Node:
    return {
        "type": "crossReference",
        "identifier": identifier,
        "enumerator": number,
        "children": [{"type": "text", "value": text}],
    }


BODY: Node = {"type": "block", "children": [heading("one", "1"), heading("two", "2"), heading("in-two", "2.1")]}
APPENDIX: Node = {
    "type": "block",
    "data": {"part": "appendix"},
    "children": [heading("extra", "3"), heading("deeper", "3.1"), heading("more", "4")],
}


def test_the_appendix_is_lettered() -> None:
    """Sections of the appendix are A, A.1, B, whatever number mystmd had gone on to; the body keeps its numbers."""
    numbering = Numbering([BODY, APPENDIX])
    printed = [numbering.of(node) for block in (BODY, APPENDIX) for node in block["children"]]
    assert printed == ["1", "2", "2.1", "A", "A.1", "B"]


def test_references_follow_the_letters() -> None:
    """A reference to the appendix says so; a number is not parted from its word."""
    numbering = Numbering([BODY, APPENDIX])
    assert numbering.reference(reference("two", "Section 2", "2")) == "Section\u00a02"
    assert numbering.reference(reference("deeper", "Section 3.1", "3.1")) == "Appendix\u00a0A.1"
    assert numbering.reference(reference("more", "the part 4", "4")) == "the part\u00a0B"
    assert numbering.reference(reference("two", "these words", "2")) == "these words"


def test_what_has_no_number_prints_none() -> None:
    """A formula told to be without a number has none; a panel has its figure's before its letter."""
    numbering = Numbering([])
    assert numbering.of({"type": "math", "enumerator": "3", "enumerated": False}) == ""
    assert numbering.of({"type": "container", "enumerator": "a", "parentEnumerator": "2"}) == "2a"


def test_anchors_are_safe_and_stay_apart() -> None:
    """Every format can spell an anchor, two labels never share one, and the ends of the paper keep theirs."""
    numbering = Numbering([heading("fig:a", "1"), heading("fig-a", "2"), heading("references", "3")])
    anchors = [numbering.target({"identifier": name}) for name in ("fig:a", "fig-a", "references", "nowhere")]
    assert anchors == ["fig-a", "fig-a-", "references-", None]

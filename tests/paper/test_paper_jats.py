"""JATS is JATS: each element stands where the schema has it, so that journals and archives can read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from tests.paper.jats_schema import faults
from tests.paper.test_paper_faults import HEAD, parsed
from tests.paper.test_paper_front import FRONT, crowd
from tests.paper.test_paper_spellings import PAPER, read, write
from tests.paper.test_paper_tables import NOTES, table

from octavo import paper

if TYPE_CHECKING:
    from tests.paper.conftest import Sample

LISTS = """> A quotation
>
> - with a list

Term
: Its definition, with

  - a list

1. A formula

   $$ a = b $$ (eq-a)

2. A listing

   ```python
   code = 1
   ```

:::{note}
A note with a [link](#eq-a).

| A | B |
|:--|--:|
| a | b |
:::
"""
TEXTS = {
    "front matter": FRONT,
    "authors": str(crowd(9, places=True)),
    "lists": HEAD.format("") + LISTS,
    "notes": HEAD.format("") + f"{table(NOTES, ':label: tab-a')}\n[^a]: One.\n\n[^b]: Two.\n",
}


def written(sample: Sample, root: Path, text: str) -> etree._Element:
    """Return a text as JATS."""
    content = parsed(sample, root, text)
    path = paper.write("jats", content, sample.results, root / "out", root=root, bibliography=sample.bibliography)
    return etree.parse(str(path)).getroot()


@pytest.mark.parametrize("text", TEXTS)
def test_every_element_stands_where_jats_has_it(sample: Sample, tmp_path: Path, text: str) -> None:
    """The order of elements, what each may hold, ids and what leads to them."""
    assert list(faults(written(sample, tmp_path, TEXTS[text]))) == []


def test_what_public_papers_write_is_jats(tmp_path: Path) -> None:
    """Pictures, quotations with authors, folded boxes, licenses."""
    root = etree.parse(str(write("jats", read(tmp_path, PAPER), tmp_path))).getroot()
    assert list(faults(root)) == []


def test_the_sample_is_jats(sample: Sample, tmp_path: Path) -> None:
    """Every construct of the bridge; an element moved is found."""
    root = etree.parse(str(sample.path("jats", tmp_path))).getroot()
    assert list(faults(root)) == []
    meta = root.find("front/article-meta")
    meta.insert(0, meta.find("abstract"))
    root.find(".//table").set("id", root.find(".//table-wrap").get("id"))
    root.find(".//statement").append(etree.Element("list"))
    root.find(".//xref").set("rid", "nowhere")
    told = list(faults(root))
    assert [
        piece
        for piece in ("article-meta", "stands 2 times", "<statement>", "<list>", "id nowhere")
        if piece not in str(told)
    ] == []


def test_names_are_in_their_parts(sample: Sample, tmp_path: Path) -> None:
    """Given and family names, where they are all of a name."""
    root = etree.parse(str(sample.path("jats", tmp_path))).getroot()
    names = [
        (n.findtext("given-names"), n.findtext("surname"), "".join(n.itertext())) for n in root.iter("string-name")
    ]
    assert names == [("Ann", "Author", "Ann Author"), ("Ben", "Other", "Ben Other")]

"""The benchmark of the preview works on a small paper. What it measures is never tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import live as bench


def test_a_paper_of_many_sections_cites_and_shows_what_there_is(tmp_path: Path) -> None:
    """Every label is given once, every key is in the bibliography, and a save changes one line."""
    root = bench.make(tmp_path / "paper", 12)
    text = (root / "paper/paper.md").read_text(encoding="utf-8")
    labels = re.findall(r"^(?::label: |\((?=sec))([\w-]+)", text, re.MULTILINE)
    assert len(labels) == len(set(labels)) == 3 * 12
    assert set(re.findall(r"@(\w+)", text)) <= set(re.findall(r"@\w+\{(\w+),", bench.BIBLIOGRAPHY.read_text()))
    assert not re.search("@[A-Z]", text)
    bench.save(root, "twice")
    changed = (root / "paper/paper.md").read_text(encoding="utf-8").splitlines()
    assert [new for old, new in zip(text.splitlines(), changed, strict=True) if old != new] == [
        "This sentence changes twice."
    ]


def test_the_table_has_medians_and_spreads() -> None:
    """Each paper has a column, with its pages."""
    measured = [bench.Measured("one page", 1, (0.5, 0.7, 0.6), (2.0,), 3.0)]
    assert bench.rows(measured)[:2] == [
        ["from the save to the PDF (s)", "one page (1)"],
        ["`octavo serve`", "0.60 (0.50 to 0.70)"],
    ]


@pytest.mark.proof
def test_a_small_paper_is_measured(tmp_path: Path) -> None:
    """The paper is built, saved and seen, cold and live; nothing of it is an error."""
    found = bench.measure("one", bench.make(tmp_path / "paper", 1), saves=2, builds=1)
    assert (found.pages, len(found.live), len(found.cold)) == (1, 2, 1)
    assert all(0 < seconds < 60 for seconds in (*found.live, *found.cold, found.first))

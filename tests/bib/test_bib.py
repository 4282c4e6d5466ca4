"""The bibliography: what does not parse is named, and nothing is 'all clear' that was not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.bib.load import Bibliography, load
from octavo.bib.rules import check
from octavo.model import Place

ROOT = Path(__file__).parents[2]
GOOD = "@article{a1,\n  author = {A, B},\n  title = {One},\n  journal = {J},\n  year = {2001},\n}\n"


def read(tmp_path: Path, text: str | bytes) -> Bibliography:
    path = tmp_path / "r.bib"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, "bib/r.bib")


def found(tmp_path: Path, text: str | bytes, cited: tuple[str, ...] = ()) -> list[tuple[str, int | None]]:
    bibliography = read(tmp_path, text)
    places = {key: Place("paper/paper.md", 7) for key in cited}
    findings = check(bibliography, places)
    return [(f.rule, f.place.line if f.place else None) for f in findings if f.rule != "bib-entry-used"]


def test_the_bibliography_of_this_project_is_clean() -> None:
    """Every reference of the paper parses, is complete, and stands once."""
    bibliography = load(ROOT / "bib/references.bib", "bib/references.bib")
    assert check(bibliography, {key: Place("paper/paper.md", 1) for key in set(bibliography.keys())}) == ()
    assert len(bibliography.entries) >= 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + GOOD.replace("One", "Two"), [("bib-key-unique", 7)]),
        (GOOD + GOOD.replace("a1", "A1").replace("One", "Two"), [("bib-key-unique", 7)]),
        (GOOD.replace("a1", "a 1"), [("bib-key-citable", 1)]),
        (GOOD.replace("  year = {2001},\n", "  year = {2001},\n  year = {2002},\n"), [("bib-field-unique", 1)]),
        (GOOD.replace("  journal = {J},\n", ""), [("bib-field-present", 1)]),
        (GOOD.replace("article", "artikel"), [("bib-type-known", 1)]),
        (GOOD + GOOD.replace("a1", "a2"), [("bib-work-once", 7)]),
        (GOOD.replace("2001", "2001a"), [("bib-field-shaped", 5)]),
        (GOOD.replace("},\n}", "},\n  pages = {12-34},\n}"), [("bib-field-shaped", 6)]),
        (GOOD.replace("},\n}", "},\n  doi = {https://doi.org/10.1/2},\n}"), [("bib-field-shaped", 6)]),
        (GOOD.replace("A, B", "A, B et al."), [("bib-field-shaped", 2)]),
    ],
)
def test_each_rule_names_the_line(tmp_path: Path, text: str, expected: list[tuple[str, int]]) -> None:
    """What does not hold is named with its line, counted from 1."""
    assert found(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("title = {One},", "title = {One,") + GOOD.replace("a1", "a2").replace("One", "Two"),
        GOOD.replace("title = {One},", "title = {One}"),
        "@article{broken\n",
        b"@article{a1, title = {\xe9}}\n",
    ],
)
def test_what_does_not_parse_is_an_error(tmp_path: Path, text: str | bytes) -> None:
    """A lost brace, a lost comma, a cut entry and another encoding are errors, never an empty all-clear."""
    assert "bib-parses" in {rule for rule, _ in found(tmp_path, text)}


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A bibliography that is not there does not pass."""
    findings = check(load(tmp_path / "none.bib", "bib/none.bib"), {})
    assert [f.rule for f in findings] == ["bib-parses"]


def test_an_undefined_citation_is_named_where_it_is_cited(tmp_path: Path) -> None:
    """The message leads to the line of the document, with the nearest key."""
    (finding,) = [f for f in check(read(tmp_path, GOOD), {"a11": Place("paper/paper.md", 7)}) if f.severity == "error"]
    assert str(finding.place) == "paper/paper.md:7"
    assert "did you mean 'a1'?" in finding.hint


def test_an_unused_entry_is_a_warning(tmp_path: Path) -> None:
    """An entry that nothing cites is named, and does not fail the check."""
    (finding,) = check(read(tmp_path, GOOD), {})
    assert (finding.rule, finding.severity) == ("bib-entry-used", "warning")


def test_reading_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The parser's own log does not reach the user's terminal."""
    read(tmp_path, "@article{broken\n" + GOOD + GOOD)
    assert capfd.readouterr() == ("", "")

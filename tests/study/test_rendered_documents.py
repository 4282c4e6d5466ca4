"""The study's paper and deck as they were built: length, fonts, figures, numbers, and nothing typed by hand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from octavo import paper, printing
from octavo.checks.paper import Asked, Printed, check
from octavo.document import source
from octavo.document.source import Content
from octavo.model import BuildResults, LatexLog, Result, Results, Source
from octavo.slides import build as slides

pytestmark = pytest.mark.study
ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
BIBLIOGRAPHY = ROOT / "bib" / "references.bib"
QUOTED = re.compile(r"\{val\}`([a-z]+)\.(\w+?)(?:\.(\w+))?`")


def text_of(pdf: Path) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def squashed(text: str) -> str:
    return re.sub(r"[\s\u00ad\u0002-]|\ufffe", "", text)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What the notebooks of one run recorded in the last build, with their drawings."""
    built = msgspec.json.decode((BUILD / "results.json").read_bytes(), type=BuildResults)
    found = {}
    for name in ("benchmark", "compare"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "figures").mkdir()
        for file in (BUILD / "figures").glob(f"{name}.*"):
            shutil.copyfile(file, folder / "figures" / file.name.removeprefix(f"{name}."))
        (point,) = built.notebooks[name]
        found[name] = Result(point.record, folder, Source(f"notebooks/{name}.ipynb", {}, ""))
    return Results(found, ("estimate", "placebo"))


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Content]:
    """The parsed sources."""
    files = {"paper": ROOT / "paper" / "paper.md", "deck": ROOT / "slides" / "deck.md"}
    return {n: source.parse(f, ROOT, BIBLIOGRAPHY, tmp_path_factory.mktemp(n)) for n, f in files.items()}


def test_the_paper_has_the_length_of_a_conference_paper() -> None:
    """Six to nine pages, all fonts embedded, tagged for readers who listen."""
    from pypdf import PdfReader
    from pypdf.generic import DictionaryObject

    reader = PdfReader(BUILD / "paper" / "paper.pdf")
    assert 6 <= len(reader.pages) <= 9
    marks = reader.root_object["/MarkInfo"]
    assert isinstance(marks, DictionaryObject) and marks["/Marked"]
    for page in reader.pages:
        resources = page["/Resources"]
        assert isinstance(resources, DictionaryObject)
        for font in resources.get("/Font", {}).values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            assert {"/FontFile2", "/FontFile3"} & set(descendant["/FontDescriptor"].get_object())


def test_every_figure_table_and_reference_is_in_the_paper() -> None:
    """Six figures, one with panels; three tables; an algorithm; statements; at least twenty references."""
    text = text_of(BUILD / "paper" / "paper.pdf")
    for label in [f"Figure\u00a0{n}." for n in range(1, 7)] + [f"Table\u00a0{n}." for n in range(1, 4)]:
        assert squashed(label) in squashed(text)
    for word in ("(a)", "(b)", "Algorithm 1", "Assumption 1", "Proposition 1", "Reproducibility", "Limitations"):
        assert squashed(word) in squashed(text)
    from lxml import html

    page = html.fromstring((BUILD / "paper" / "paper.html").read_bytes())
    assert len(page.xpath("//*[contains(@class, 'csl-entry')]")) >= 20
    assert len(page.xpath("//figure[not(ancestor::figure)]")) == 6
    assert len(page.xpath("//table")) == 3


def test_every_quoted_value_is_printed(results: Results) -> None:
    """The text of each value that the source names stands in the PDF and the HTML."""
    said = squashed(text_of(BUILD / "paper" / "paper.pdf"))
    page = (BUILD / "paper" / "paper.html").read_text(encoding="utf-8")
    quoted = set(QUOTED.findall((ROOT / "paper" / "paper.md").read_text(encoding="utf-8")))
    assert len(quoted) > 80
    for notebook, name, field in quoted:
        printed = printing.value(results.results[notebook].record.values[name], field)
        assert squashed(printed) in said, (name, printed)
        assert printed.replace("\u00a0", " ") in page.replace("\u00a0", " "), (name, printed)


@pytest.mark.parametrize("file", ["paper/paper.md", "slides/deck.md"])
def test_no_result_is_typed_by_hand(file: str) -> None:
    """Without values, citations and formulas, no number of the text has a decimal, a thousand's comma or a unit."""
    text = (ROOT / file).read_text(encoding="utf-8")
    bare = re.sub(r"\{val\}`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|```\{math\}.*?```|\[?@\w+\]?", "", text, flags=re.DOTALL)
    assert re.findall(r"\d+[.,]\d|\d+ USD|\$\d", bare) == []


def test_a_changed_value_is_found_in_every_place_and_the_old_one_nowhere(
    results: Results, contents: dict[str, Content], tmp_path: Path
) -> None:
    """One fact, one place: text, deck and every format follow the recorded value."""
    old = results.results["compare"].record.values["augmented_deep_boosting"]
    assert isinstance(old.number, float)
    new = msgspec.structs.replace(old, number=old.number + 1_111_111)
    before, after = printing.value(old), printing.value(new)
    changed = with_value(results, "augmented_deep_boosting", new)
    quotes = (ROOT / "paper" / "paper.md").read_text(encoding="utf-8").count("{val}`compare.augmented_deep_boosting`")
    for form in ("html", "pdf"):
        path = paper.write(form, contents["paper"], changed, tmp_path, root=ROOT, bibliography=BIBLIOGRAPHY)
        said = squashed(text_of(path) if form == "pdf" else path.read_text(encoding="utf-8"))
        assert said.count(squashed(after)) == quotes
        assert squashed(before) not in said
    quotes = (ROOT / "slides" / "deck.md").read_text(encoding="utf-8").count("{val}`compare.augmented_deep_boosting`")
    said = slides.html(contents["deck"], changed, tmp_path).read_text(encoding="utf-8")
    assert len(re.findall(rf">{after}<", said)) == quotes
    assert f">{before}<" not in said


def with_value(results: Results, name: str, new: Any) -> Results:
    """Return the results with another value in the notebook ``compare``."""
    replace = msgspec.structs.replace
    result = results.results["compare"]
    record = replace(result.record, values={**result.record.values, name: new})
    return replace(results, results={**results.results, "compare": replace(result, record=record)})


def test_the_deck_has_ten_to_twelve_slides_with_notes_in_every_format() -> None:
    """The three formats show the same slides; every slide has notes."""
    import pypdf
    from lxml import html
    from pptx import Presentation

    show = Presentation(str(BUILD / "slides" / "deck.pptx"))
    count = len(show.slides)
    assert 10 <= count <= 12
    assert all(slide.has_notes_slide and slide.notes_slide.notes_text_frame.text.strip() for slide in show.slides)
    assert len(pypdf.PdfReader(BUILD / "slides" / "deck.pdf").pages) == count
    page = html.fromstring((BUILD / "slides" / "deck.html").read_bytes())
    assert len(page.xpath("//aside[contains(@class, 'notes')]")) == count


@pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
@pytest.mark.parametrize("stage", ["review", "camera-ready"])
@pytest.mark.proof
@pytest.mark.parametrize("venue", ["ieee", "acm"])
def test_the_paper_is_ready_for_a_venue(
    results: Results, contents: dict[str, Content], venue: str, stage: str, tmp_path: Path
) -> None:
    """In both classes, at both stages: no line over the margin, every font embedded, eight pages of text at most."""
    log = tmp_path / "log" / "latex.json"
    path = paper.write(
        "latex",
        contents["paper"],
        results,
        tmp_path,
        root=ROOT,
        bibliography=BIBLIOGRAPHY,
        venue=venue,
        stage=stage,
        log=log,
    )
    said = msgspec.json.decode(log.read_bytes(), type=LatexLog)
    found = check([Printed("latex/paper.pdf", path, said)], [], Asked(stage, 8, ()))
    assert {finding.rule for finding in found} <= {"paper-venue-font"}, found
    authors = ("The Octavo contributors", "Anonymous authors")
    text = squashed(text_of(path))
    assert [squashed(name) in text for name in authors] == [stage == "camera-ready", stage == "review"]

"""Slow proofs: the deck in the programs that people show it with."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pypdf import PdfReader

from octavo.slides import layout
from octavo.slides.deck import Deck
from octavo.slides.writers import pdf, pptx, reveal

pytestmark = pytest.mark.proof

# Every slide is shown at once, each zone measured, and the measures left where --dump-dom prints them.
MEASURE = """
<script>
Reveal.on("ready", () => {
  document.fonts.ready.then(() => {
    document.querySelectorAll(".slides section").forEach((s) => { s.hidden = false; s.style.display = "block"; });
    const zones = [...document.querySelectorAll(".slides section section")].map((section, slide) =>
      [...section.querySelectorAll(".zone")].map((zone) => ({
        slide: slide + 1, zone: zone.className, high: zone.clientHeight,
        down: zone.scrollHeight - zone.clientHeight, across: zone.scrollWidth - zone.clientWidth,
      })));
    const sizes = [...document.querySelectorAll(".slides .page *")]
      .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && !e.closest("math, sub, sup"))
      .map((e) => parseFloat(getComputedStyle(e).fontSize));
    const fonts = [...document.fonts].filter((f) => f.status === "loaded").map((f) => f.family);
    const out = document.createElement("script");
    out.type = "application/json"; out.id = "measures";
    out.textContent = JSON.stringify({ zones: zones.flat(), least: Math.min(...sizes), fonts });
    document.body.append(out);
  });
});
</script>
</body>
"""


def program(*names: str, package: str) -> str:
    """Return the path of an installed program, or skip with the package to install."""
    found = next((path for path in map(shutil.which, names) if path), None)
    if not found:
        pytest.skip(f"{names[0]} is not installed: install the package {package} to run this proof")
    return found


def run(*command: str) -> str:
    """Run a program to its end and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def measures(deck: Deck, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Chromium measured in the HTML deck."""
    chromium = program("chromium", "google-chrome", package="chromium")
    folder = tmp_path_factory.mktemp("chromium")
    page = folder / "deck.html"
    head, _, tail = reveal.write(deck).rpartition("</body>")  # an earlier one is in the page of the notes view
    page.write_text(head + MEASURE + tail, encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,720", "--virtual-time-budget=8000")
    dom = run(chromium, *options, f"--user-data-dir={folder}/profile", "--dump-dom", page.as_uri())
    found = re.search(r'id="measures">(.*?)</script>', dom)
    assert found, "Chromium did not measure the page"
    made: dict[str, Any] = json.loads(found[1])
    return made


def test_no_slide_overflows_in_chromium(measures: dict[str, Any], deck: Deck) -> None:
    """No slide overflows in HTML: what Typst measured holds in the browser."""
    zones = measures["zones"]
    assert {zone["slide"] for zone in zones} == set(range(1, len(deck.slides) + 2))
    assert all(zone["high"] > 0 for zone in zones)
    # The ascent of a large letter reaches some pixels out of its line.
    assert [zone for zone in zones if zone["down"] > 6 or zone["across"] > 1] == []


def test_no_type_under_18_points_in_chromium(measures: dict[str, Any]) -> None:
    """No type on a slide is under 18 points, which are 24 pixels here."""
    assert measures["least"] >= layout.SMALLEST * 4 / 3 - 0.01


def test_the_typeface_is_in_the_file(measures: dict[str, Any]) -> None:
    """The page brings its own typeface."""
    assert {name.strip('"') for name in measures["fonts"]} == {"Source Sans Pro"}


def test_the_print_view_has_a_page_a_slide(deck: Deck, tmp_path: Path) -> None:
    """Printed from the browser, the deck has a page for each slide."""
    chromium = program("chromium", "google-chrome", package="chromium")
    page = tmp_path / "deck.html"
    # Headless Chromium under virtual time draws no frames, for which reveal.js waits before it lays out the pages.
    frames = "<head><script>window.requestAnimationFrame = (f) => setTimeout(f, 0);</script>"
    page.write_text(reveal.write(deck).replace("<head>", frames, 1), encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--no-pdf-header-footer")
    printed = (f"--user-data-dir={tmp_path}/profile", f"--print-to-pdf={tmp_path}/deck.pdf")
    run(chromium, *options, *printed, f"{page.as_uri()}?view=print")
    assert len(PdfReader(tmp_path / "deck.pdf").pages) == len(deck.slides) + 1


def test_libreoffice_opens_the_slides(deck: Deck, template_file: Path, tmp_path: Path) -> None:
    """The PowerPoint deck opens in LibreOffice, a page a slide, and no letter stands outside a slide."""
    office = program("soffice", "libreoffice", package="libreoffice-impress")
    import pdfplumber

    (tmp_path / "deck.pptx").write_bytes(pptx.write(deck, template_file))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    run(office, "--headless", profile, "--convert-to", "pdf", "--outdir", str(tmp_path), str(tmp_path / "deck.pptx"))
    with pdfplumber.open(tmp_path / "deck.pdf") as pages:
        assert len(pages.pages) == len(deck.slides) + 1
        slides = Presentation(str(tmp_path / "deck.pptx")).slides
        for number, (page, slide) in enumerate(zip(pages.pages, slides, strict=True), start=1):
            assert page.chars, f"slide {number} is empty"
            assert all(c["x0"] >= 0 and c["x1"] <= page.width for c in page.chars)
            lowest = max(c["bottom"] for c in page.chars if c["size"] > 20)
            feet = [s.top / 12700 for s in slide.placeholders if s.placeholder_format.type.name == "FOOTER"]
            assert lowest <= min(feet, default=layout.HEIGHT) + 4, f"slide {number} runs into its footer"


def test_the_pdf_has_no_small_type(deck: Deck, tmp_path: Path) -> None:
    """No type in the PDF is under 18 points, but for scripts in formulas and what a figure was drawn with."""
    import pdfplumber

    (tmp_path / "deck.pdf").write_bytes(pdf.write(deck))
    with pdfplumber.open(tmp_path / "deck.pdf") as pages:
        small = {c["size"] for page in pages.pages for c in page.chars if "SourceSans" in c["fontname"]}
    assert min(small) >= layout.SMALLEST - 0.01

"""One switch from review to camera-ready: a review hides who wrote it, in each text and each field of each output."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from tests.paper.conftest import PDFS

from octavo import paper

if TYPE_CHECKING:
    from pathlib import Path

    from tests.paper.conftest import Sample

NAMES = (
    "Conceptualization",
    "orchard paid",
    "ann@example.org",
    "0000-0002-1825-0097",
    "Ann Author",
    "Ben Other",
    "Fruit Laboratory",
    "School of Orchards",
    "gardeners",
    "Acknowledg",
    "example.org/page",
)
OWN = ("https://example.org/page",)
FORMS = ("pdf", "html", "docx", "jats", "tex", *(["latex"] if shutil.which("latexmk") else []))


def everything(path: Path) -> str:
    """Return all that an output holds: texts, addresses, metadata."""
    data = path.read_bytes()
    if path.suffix == ".docx":
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return "".join(package.read(name).decode("utf-8", "replace") for name in package.namelist())
    if path.suffix == ".xml":  # names stand there in their parts
        return data.decode("utf-8") + "".join(etree.fromstring(data).itertext())
    if path.suffix != ".pdf":
        return data.decode("utf-8")
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    links = [str(a.get_object().get("/A", "")) for page in reader.pages for a in page.get("/Annots", ())]
    xmp = reader.root_object.get("/Metadata")
    fields = [str(reader.metadata), xmp.get_object().get_data().decode("utf-8", "replace") if xmp else ""]
    return "".join([*(page.extract_text() for page in reader.pages), *links, *fields])


def written(sample: Sample, form: str, folder: Path, stage: str, venue: str = "article") -> str:
    """Return all that the paper holds at a stage."""
    path = paper.write(
        form,
        sample.content,
        sample.results,
        folder,
        root=sample.root,
        bibliography=sample.bibliography,
        venue=venue,
        stage=stage,
        own=OWN,
    )
    return everything(path)


VENUES = ("article", "ieee", "acm")
CASES = [*((form, "article") for form in FORMS if form != "latex"), ("tex", "ieee"), ("tex", "acm"), *PDFS[1:]]


@pytest.mark.parametrize(("form", "venue"), CASES)
def test_a_review_tells_nobody(sample: Sample, form: str, venue: str, tmp_path: Path) -> None:
    """No name, no place, no thanks, no address of theirs; what is hidden says so."""
    said = " ".join(written(sample, form, tmp_path, "review", venue).split())
    assert [name for name in NAMES if name in said] == []
    assert "Anonymous authors" in said
    assert re.search(r"hid(-[\s\d]*)?den[\s\d]*for[\s\d]*(re-?[\s\d]*)view", said), "numbers of lines stand between"


@pytest.mark.parametrize("form", FORMS)
def test_camera_ready_tells_everybody(sample: Sample, form: str, tmp_path: Path) -> None:
    """The same sources, with everything that the review hid."""
    said = written(sample, form, tmp_path, "camera-ready").replace("\n", " ")
    assert [name for name in NAMES if name not in said and name != "example.org/page"] == []
    assert "Anonymous" not in said and "hidden for review" not in said


def test_a_pdf_by_typst_says_that_it_is_not_the_submission(sample: Sample, tmp_path: Path) -> None:
    """Where the venue wants LaTeX; nowhere else."""
    for venue, said in (("article", False), ("ieee", True), ("acm", True)):
        text = " ".join(written(sample, "pdf", tmp_path / venue, "camera-ready", venue).split())
        assert ("Not the submission: this venue is sent LaTeX" in text) is said


def test_lines_of_a_review_are_numbered(sample: Sample, tmp_path: Path) -> None:
    """By Typst, by Word and by each class of LaTeX; at no other stage."""

    def numbers(form: str, stage: str, venue: str = "article") -> int:
        said = written(sample, form, tmp_path / form / stage / venue, stage, venue)
        marks = {"docx": r"w:lnNumType", "tex": r"\\linenumbers|sigconf,review"}
        return len(re.findall(marks.get(form, r"(?m)^\s*\d{1,3}\s*$"), said))

    assert numbers("pdf", "review") > 60 > numbers("pdf", "preprint")
    assert (numbers("docx", "review"), numbers("docx", "preprint")) == (1, 0)
    for venue in VENUES:
        assert (numbers("tex", "review", venue), numbers("tex", "camera-ready", venue)) == (1, 0)

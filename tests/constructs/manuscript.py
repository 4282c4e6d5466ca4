"""The paper of every construct: its sources lie in ``paper/``, and its results are made here."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests import reading
from tests.drawn import drawn

from octavo import paper
from octavo.document import source
from octavo.document.source import Content
from octavo.model import Column, Medium, Record, Result, Results, Source, Table, Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@dataclass(frozen=True)
class Manuscript:
    """The parsed paper, its results, and the folder of its files."""

    content: Content
    results: Results
    root: Path

    def write(self, form: str, out: Path, venue: str = "article", citations: str = "") -> Path:
        """Write the paper in a format to ``out``; return its file."""
        return paper.write(
            form,
            self.content,
            self.results,
            out,
            root=self.root,
            bibliography=self.root / "paper/references.bib",
            images=self.root / "images",
            venue=venue,
            citations=citations,
        )


def read(root: Path) -> Manuscript:
    """Parse the paper in a project of its own, in the folder ``root``."""
    shutil.copytree(HERE / "paper", root / "paper")
    (root / "work").mkdir()
    content = reading.parse(root / "paper/paper.md", root, root / "paper/references.bib", root / "work")
    (root / "images").mkdir()
    for image in source.images(content, root / "work"):
        shutil.copyfile(image, root / "images" / image.name)
    return Manuscript(content, _results(root / "run"), root)


def _results(folder: Path) -> Results:
    """Return what a notebook would have left: a figure for two media, a table, two values."""
    media = tuple(
        Medium(name, width, "figures/paper.mplstyle", ("svg", "pdf", "png"))
        for name, width in (("column", 3.35), ("wide", 7.0))
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([1, 3, 2])
        axes.set_xlabel("Weight (g)")

    folder.mkdir()
    alt = "A drawn line"
    line = drawn("line", draw, alt=alt, aspect=0.6, media=media, folder=folder / "figures", root=REPOSITORY)
    columns = (
        Column("name", "Estimator", "left"),
        Column("estimate", "Estimate", "right", 0, "Survey"),
        Column("se", "Error", "right", 0, "Survey"),
    )
    rows = (("Regression", 1620.2, 700.1), ("Matching", -8497.5, 12.0), ("Weighting", 2417.3, 633.0))
    record = Record(
        values={
            "effect": Value(1794.34, se=632.85, low=551, high=3038, unit="USD", digits=0),
            "kind": Value("pomaceous"),
        },
        tables={"rows": Table(columns, rows)},
        figures={"line": line},
    )
    return Results({"fruit": Result(record, folder, Source("notebooks/fruit.ipynb", {}, "ab"))}, sweeps=())

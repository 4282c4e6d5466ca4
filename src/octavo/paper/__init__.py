"""The paper: one parsed source and the results, written to each format by a module of ``writers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from octavo.document.fill import fill
from octavo.document.pandoc import Cited
from octavo.document.source import Content
from octavo.model import LatexLog, Results
from octavo.paper.lines import locate
from octavo.paper.stages import REVIEW, staged
from octavo.paper.venues import VENUES, Venue, citation_style

WRITERS = {"pdf": "typst", "html": "html", "docx": "docx"}
NOTICE = "Not the submission: this venue is sent LaTeX, which is in latex/."
LATEX = "latex"  # the folder of the source and of the PDF that LaTeX makes of it


def write(
    form: str,
    content: Content,
    results: Results,
    out: Path,
    *,
    root: Path,
    bibliography: Path | None,
    venue: str = "article",
    stage: str = "preprint",
    citations: str = "",
    own: Sequence[str] = (),
    log: Path | None = None,
    images: Path | None = None,
) -> Path:
    """Write the paper as ``paper.FORM`` to ``out`` and return its path.

    ``form`` is one of WRITERS, ``tex`` (a folder ``latex`` with source, figures and bibliography), ``latex`` (the PDF
    that LaTeX makes of that) or ``jats`` (a folder with XML and figures). See octavo.paper.stages for ``stage`` and
    ``own``, octavo.paper.venues for ``citations``. What LaTeX or Typst said goes to the file ``log``; ``images``: see
    octavo.document.fill.
    Raises DocumentError (or Problems) for names that the results do not have, and all that the format cannot carry or
    would lose.
    """
    cited = _cited(bibliography, root, VENUES[venue], citations) if bibliography else None
    shown = staged(fill(locate(content, root), results, images), stage, own)
    if form == "jats":
        from octavo.paper.writers import jats

        jats.write(shown, out / form, cited=cited)
        return out / form / jats.SOURCE
    if form in ("tex", LATEX):
        return _latex(form, shown, out / LATEX, cited, venue, stage, log)
    options: dict[str, object] = {"lines": stage == REVIEW} if form in ("pdf", "docx") else {}
    if form == "pdf":
        options |= {"venue": VENUES[venue], "notice": NOTICE if venue != "article" else ""}
    return _single(form, shown, out, cited, log, options)


def _single(
    form: str, shown: Content, out: Path, cited: Cited | None, log: Path | None, options: Mapping[str, object]
) -> Path:
    """Write a paper that is one file, whole or not at all."""
    data = import_module(f"octavo.paper.writers.{WRITERS[form]}").write(shown, cited=cited, **options)
    if form == "pdf":
        data, said = data
        _keep(said, log)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"paper.{form}"
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    return part.replace(path)


def _cited(bibliography: Path, root: Path, venue: Venue, citations: str) -> Cited:
    inside = bibliography.is_relative_to(root)
    name = bibliography.relative_to(root).as_posix() if inside else bibliography.name
    return Cited(bibliography, citation_style(venue, citations), name, venue.ties)


def _keep(said: LatexLog, log: Path | None) -> None:
    if log:
        log.parent.mkdir(exist_ok=True)
        log.write_bytes(msgspec.json.encode(said))


def _latex(
    form: str, content: Content, out: Path, cited: Cited | None, venue: str, stage: str, log: Path | None
) -> Path:
    from octavo.paper.writers import latex

    if form == "tex":
        out.mkdir(parents=True, exist_ok=True)
        latex.write(content, out, venue=VENUES[venue], cited=cited, stage=stage)
        return out / latex.SOURCE
    with TemporaryDirectory(prefix="octavo-") as name:
        tables = latex.write(content, Path(name), venue=VENUES[venue], cited=cited, stage=stage)
        data, said = latex.pdf(Path(name), content, VENUES[venue], tables, cited)
    _keep(said, log)
    out.mkdir(parents=True, exist_ok=True)
    (out / "paper.pdf").write_bytes(data)
    return out / "paper.pdf"

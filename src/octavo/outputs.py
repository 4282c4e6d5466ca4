"""The actions that write the outputs of the paper and the deck, for the engine to run in a worker.

They read the parsed content and the notebooks' records from the results that they depend on, hand them to the room of
the document, and leave one file in ``out``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from octavo.engine import key as keys
from octavo.engine.store import DOUBTS, OUT
from octavo.engine.task import Doubts
from octavo.errors import DocumentError, RuleError, raise_all
from octavo.model import Finding, Medium, Results, Source
from octavo.notebooks.drawing import gathered
from octavo.notebooks.execute import read_record
from octavo.project import Document

if TYPE_CHECKING:
    from octavo.bib.load import Bibliography
    from octavo.document.source import ShownFigure

CONTENT = "content.json"
IMAGES = "images"  # beside it: the pictures that the document shows
SET_LOG = "log/set.json"  # in the folder of a result: what LaTeX, or Typst, said of the paper


@dataclass(frozen=True)
class WriteDocument:
    """Write one output of one document; see octavo.engine.task.Action.

    ``kind`` is ``paper`` or ``slides``; ``format`` is ``content`` (parse the source) or an output's. ``quoted`` maps
    each notebook that the document may quote to its task, ``drawn`` to those that drew its figures, ``notebooks`` to
    its file. ``expected`` is the digest of the ``sources`` that the key holds: they may be edited while the build is at
    work. ``warm`` is the socket of a parser that is warm, if there is one (see octavo.document.parser).
    """

    root: Path
    kind: str
    format: str
    document: Document
    quoted: Mapping[str, str] = field(default_factory=dict)
    drawn: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sweeps: tuple[str, ...] = ()
    media: tuple[Medium, ...] = ()
    notebooks: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[Path, ...] = ()
    expected: str = ""
    warm: Path | None = None

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        """Write the output to ``folder/out``; a document reads nothing that its key does not hold."""
        if self.format == "content":
            self._parse(folder)
        else:
            self._write(folder, upstream)
        if keys.of_files(self.sources, self.root) != self.expected:
            raise DocumentError(
                "It, or a file beside it, was changed while the build was at work.",
                where=self.document.source.relative_to(self.root).as_posix(),
                hint="Run the same command again.",
            )
        return ()

    def moved(self, root: Path) -> WriteDocument:
        """Return the action as it is done with the project at ``root``; see octavo.engine.cluster_worker.Movable."""

        def there(path: Path) -> Path:
            return root / path.relative_to(self.root)

        given = msgspec.structs.asdict(self.document)
        paths = {name: there(path) for name, path in given.items() if isinstance(path, Path)}
        document = msgspec.structs.replace(self.document, **paths)
        return replace(self, root=root, document=document, sources=tuple(map(there, self.sources)))

    @property
    def stays(self) -> bool:
        """Whether it is done where the build is: its key holds the TeX of this machine, for LaTeX's PDF."""
        return self.format == "latex"

    def leaves(self) -> tuple[Path, ...]:
        """Return what it leaves beside its result: nothing."""
        return ()

    def _parse(self, folder: Path) -> None:
        from octavo.bib import tex
        from octavo.document import source

        document = self.document
        bibliography = self._bibliography()
        content = source.parse(document.source, self.root, document.bibliography, folder / "parse", warm=self.warm)
        if bibliography:
            _refuse(tex.unprintable(bibliography, source.cited(content)))
        source.save(content, folder / "out" / CONTENT)
        for image in source.images(content, folder / "parse"):
            (folder / "out" / IMAGES).mkdir(exist_ok=True)
            shutil.copyfile(image, folder / "out" / IMAGES / image.name)
        shutil.rmtree(folder / "parse")  # its logs have times and this machine's paths

    def _bibliography(self) -> Bibliography | None:
        """Return the bibliography. What cannot be read of it is told here, with its line: pandoc has none to tell."""
        from octavo.bib import load

        path = self.document.bibliography
        if path is None:
            return None
        bibliography = load.load(path, path.relative_to(self.root).as_posix())
        _refuse(bibliography.faults)
        return bibliography

    def _write(self, folder: Path, upstream: Mapping[str, Path]) -> None:
        from octavo.document import source

        out = folder / OUT
        stem = {"paper": "paper", "slides": "deck"}[self.kind]
        content = source.load(upstream[f"{stem}.content"] / CONTENT)
        results = self._results(upstream)
        notes = tuple(_scaled(source.figures(content), results))
        if notes:
            (folder / DOUBTS).write_bytes(msgspec.json.encode(Doubts(notes=notes)))
        if self.kind == "paper":
            from octavo import paper

            paper.write(
                self.format,
                content,
                results,
                out,
                root=self.root,
                bibliography=self.document.bibliography,
                venue=self.document.venue,
                stage=self.document.stage,
                citations=self.document.citations,
                own=self.document.own,
                log=folder / SET_LOG,
                images=upstream[f"{stem}.content"] / IMAGES,
            )
            return
        from octavo.slides import build as slides

        theme = self.document.theme
        if self.format == "html":
            slides.html(content, results, out, theme)
        elif self.format == "pdf":
            slides.pdf(content, results, out, theme)
        else:
            template_file = self.document.template or _plain_template(folder, theme)
            slides.pptx(content, results, out, template_file, theme)

    def _results(self, upstream: Mapping[str, Path]) -> Results:
        found = {
            name: gathered(
                read_record(upstream[task]),
                upstream[task],
                Source(self.notebooks[name], {}, ""),
                {upstream[drawing]: read_record(upstream[drawing]) for drawing in self.drawn.get(name, ())},
            )
            for name, task in self.quoted.items()
        }
        return Results(found, self.sweeps, self.media)


def _scaled(shown: Iterable[ShownFigure], results: Results) -> Iterable[str]:
    """Yield a note for each figure that its notebook saved: it cannot be drawn for where it stands."""
    for name in dict.fromkeys(figure.name for figure in shown):
        notebook, _, own = name.partition(".")
        result = results.results.get(notebook)
        figure = result.record.figures.get(own) if result else None
        if figure and not figure.declared:
            yield f"'{name}' is shown as its notebook saved it, scaled and not drawn anew; octavo.figure declares one"


def _plain_template(folder: Path, theme: str) -> Path:
    """Return the template of a deck that names none."""
    from octavo.slides import layout, template

    (folder / "log").mkdir(exist_ok=True)
    file = folder / "log" / "template.pptx"
    file.write_bytes(template.make(layout.PALETTES[theme]))
    return file


def _refuse(findings: Iterable[Finding]) -> None:
    raise_all(
        [
            RuleError(finding.message, rule=finding.rule, where=str(finding.place or ""), hint=finding.hint)
            for finding in findings
            if finding.severity == "error"
        ]
    )

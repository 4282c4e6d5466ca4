"""``build/index.html``: what differs from the accepted results, then everything that was built and where it came from.

One page that needs no other file but those beside it in ``build/``, and no network. The same results give the same
bytes: it knows no clock and no machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from octavo import assets, printing, svg
from octavo.model import Drawing, Figure, Frozen, Result, Results, Table, Value, Verdict

if TYPE_CHECKING:
    from jinja2 import Template

DIGEST = 12  # characters of a digest that are shown
DOCUMENTS = {"paper": "Paper", "slides": "Deck"}
FORMATS = {
    ".pdf": "PDF",
    ".html": "web page",
    ".pptx": "PowerPoint",
    ".docx": "Word",
    ".tex": "LaTeX",
    ".xml": "JATS",
    ".zip": "archive",
}
FOLDERS = ("latex", "jats")  # of outputs that are more than a file
FIRST = ("column", "wide", "slide")  # the medium that is shown, where there are several
STATES = ("changed", "new", "missing", "not compared", "drift")

States = dict[tuple[str, str], str]  # of a kind and a full name


class Swept(Frozen, frozen=True):
    """A notebook of several points."""

    name: str
    notebook: str
    points: int


class Accepted(Frozen, frozen=True):
    """What the page tells of the accepted results: their drawings by name (as SVG), and the reason given for each."""

    drawings: dict[str, str] = {}
    reasons: dict[str, str] = {}


class Origin(Frozen, frozen=True):
    """Where a result came from, as it is shown."""

    notebook: str
    file: str
    executed: str
    parameters: str
    digest: str


class Link(Frozen, frozen=True):
    """An address inside ``build/`` and its text."""

    text: str
    address: str


class Difference(Frozen, frozen=True):
    """A result that is not as accepted. ``then`` and ``now`` are a changed figure's drawings.

    ``pairs`` has both once more for each way to lay one over the other: what the way shows, a class for it, the two.
    """

    name: str
    kind: str
    state: str
    sentences: tuple[str, ...]
    here: bool
    then: str = ""
    now: str = ""
    pairs: tuple[tuple[str, str, str, str], ...] = ()


class ValueRow(Frozen, frozen=True):
    """A value as it is shown."""

    name: str
    text: str
    se: str
    interval: str
    state: str


class ValueGroup(Frozen, frozen=True):
    """The values of one notebook."""

    origin: Origin
    rows: tuple[ValueRow, ...]


class Cell(Frozen, frozen=True):
    """A cell of a table; ``span`` is the number of columns that it covers."""

    text: str
    align: str
    span: int = 1


class TableView(Frozen, frozen=True):
    """A table as it is shown; ``groups`` is empty where no column has a spanning header."""

    name: str
    origin: Origin
    state: str
    groups: tuple[Cell, ...]
    labels: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


class FigureView(Frozen, frozen=True):
    """A figure as it is shown: its picture, if there is one, and links to its files.

    ``drawing`` is the text of its SVG, and ``inline`` the same as an element of the page.
    """

    name: str
    origin: Origin
    state: str
    alt: str
    picture: str
    drawing: str
    inline: str
    links: tuple[tuple[str, tuple[Link, ...]], ...]


@cache
def template() -> Template:
    """Return what the page is made of, compiled."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("landing.html.j2")


def page(
    title: str,
    results: Results,
    verdicts: Sequence[Verdict] | None,
    outputs: Sequence[str],
    sweeps: Sequence[Swept],
    *,
    accepted: Accepted | None = None,
    unfinished: Sequence[str] = (),
    problem: str = "",
) -> str:
    """Return the page as HTML.

    ``verdicts`` is None when nothing has been accepted yet, or ``problem`` says why nothing was compared. ``outputs``
    are files below ``build/``; ``unfinished`` are the tasks of this build that failed or waited for one that did.
    """
    states: States = {(v.kind, v.name): v.state for v in verdicts or ()}
    figures = tuple(_figures(results, states))
    rendered = template().render(
        title=title,
        faces=assets.font_faces(("regular", "semibold")),
        verdict=_verdict(verdicts, problem),
        compared=verdicts is not None,
        differences=tuple(_differences(verdicts or (), figures, accepted or Accepted())),
        documents=_documents(outputs),
        unfinished=tuple(unfinished),
        figures=figures,
        tables=tuple(_tables(results, states)),
        values=tuple(_values(results, states)),
        sweeps=tuple(sweeps),
        reasons=_reasons(accepted or Accepted()),
    )
    return rendered.lstrip()


def first(drawings: Mapping[str, str]) -> str:
    """Return the drawing of the medium that the page shows, or nothing where there is none."""
    return drawings[min(drawings, key=_rank)] if drawings else ""


def _rank(medium: str) -> tuple[int, str]:
    return FIRST.index(medium) if medium in FIRST else len(FIRST), medium


def _verdict(verdicts: Sequence[Verdict] | None, problem: str) -> str:
    if verdicts is None:
        return problem or "Nothing has been accepted yet."
    counts = {state: sum(v.state == state for v in verdicts) for state in STATES}
    drifted = counts.pop("drift")
    if not any(counts.values()):
        aside = f" {drifted} differ by less than can be seen in print." if drifted else ""
        return f"Nothing differs from the accepted results.{aside}"
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"Not as accepted: {', '.join(parts)}; {len(verdicts) - sum(counts.values())} as accepted."


def _differences(
    verdicts: Sequence[Verdict], figures: Sequence[FigureView], accepted: Accepted
) -> Iterator[Difference]:
    drawings = {figure.name: figure.drawing for figure in figures}
    for verdict in sorted(
        verdicts, key=lambda v: (STATES.index(v.state) if v.state in STATES else len(STATES), v.name)
    ):
        if verdict.state == "same" and not verdict.differences:
            continue
        here = verdict.state in ("changed", "new", "drift", "same")
        then = now = ""
        pairs: tuple[tuple[str, str, str, str], ...] = ()
        if verdict.kind == "figure" and verdict.state in ("changed", "missing", "drift", "same"):
            drawn, drawing = accepted.drawings.get(verdict.name, ""), drawings.get(verdict.name, "")
            then = _inlined(drawn, f"then-{verdict.name}", f"{verdict.name} as accepted")
            now = _inlined(drawing, f"now-{verdict.name}", f"{verdict.name} now")
            pairs = tuple(_laid(verdict.name, drawn, drawing)) if then and now else ()
        waived = (f"Waived: {verdict.waived}",) if verdict.waived else ()
        told = (*verdict.differences, *waived)
        yield Difference(verdict.name, verdict.kind, verdict.state, told, here, then, now, pairs)


def _laid(name: str, then: str, now: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the ways in which two drawings are laid one over the other; a browser mixes them."""
    for caption, how in (("One over the other", "over"), ("What differs, in light", "minus")):
        below = _inlined(then, f"{how}-then-{name}", f"{name} as accepted")
        yield caption, how, below, _inlined(now, f"{how}-now-{name}", f"{name} now")


def _inlined(drawing: str, name: str, alt: str) -> str:
    """Return a drawing for the page itself: an image of it could not use the page's typeface."""
    return svg.inline(drawing, name.replace(".", "-"), alt) if "<svg" in drawing else ""


def _documents(outputs: Sequence[str]) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    """Return the files of the paper and the deck that a reader opens."""
    found = []
    for folder, name in DOCUMENTS.items():
        shown = [folder, *(f"{folder}/{inner}" for inner in FOLDERS)]
        paths = [PurePosixPath(o) for o in sorted(outputs) if PurePosixPath(o).parent.as_posix() in shown]
        order = sorted((p for p in paths if p.suffix in FORMATS), key=lambda p: list(FORMATS).index(p.suffix))
        if order:
            found.append((name, tuple(Link(_format(p), p.as_posix()) for p in order)))
    return tuple(found)


def _format(path: PurePosixPath) -> str:
    by_latex = path.parent.name == "latex" and path.suffix == ".pdf"
    return "PDF by LaTeX" if by_latex else FORMATS[path.suffix]


def _origin(notebook: str, result: Result) -> Origin:
    source = result.source
    parameters = ", ".join(f"{name} = {value}" for name, value in source.parameters.items())
    return Origin(notebook, source.notebook, f"notebooks/{notebook}.ipynb", parameters, source.digest[:DIGEST])


def _figures(results: Results, states: States) -> Iterator[FigureView]:
    for notebook, result in sorted(results.results.items()):
        for name, figure in sorted(result.record.figures.items()):
            full = f"{notebook}.{name}"
            picture, drawing = _picture(full, result, figure)
            inline = _inlined(drawing, full, figure.alt or full)
            links = _drawing_links(notebook, figure)
            state = states.get(("figure", full), "")
            yield FigureView(full, _origin(notebook, result), state, figure.alt, picture, drawing, inline, links)


def _drawing_links(notebook: str, figure: Figure) -> tuple[tuple[str, tuple[Link, ...]], ...]:
    """Return the files of a figure by medium, each medium with its size."""
    by_medium = groupby(figure.drawings, lambda d: (d.medium, d.width, d.height))
    return tuple(
        (f"{medium}, {width:.2f} × {height:.2f} in", tuple(Link(d.format.upper(), _address(notebook, d)) for d in same))
        for (medium, width, height), same in by_medium
    )


def _address(notebook: str, drawing: Drawing) -> str:
    return f"figures/{notebook}.{PurePosixPath(drawing.file).name}"


def _picture(full: str, result: Result, figure: Figure) -> tuple[str, str]:
    """Return the address of the drawing that a browser shows best, and its text if it is an SVG that can be read."""
    shown = [d for d in figure.drawings if d.format != "pdf"]
    shown.sort(key=lambda d: (d.format != "svg", _rank(d.medium)))
    if not shown:
        return "", ""
    file = result.path(shown[0].file)
    drawing = file.read_text(encoding="utf-8") if shown[0].format == "svg" and file.is_file() else ""
    return _address(full.partition(".")[0], shown[0]), drawing


def _tables(results: Results, states: States) -> Iterator[TableView]:
    for notebook, result in sorted(results.results.items()):
        for name, table in sorted(result.record.tables.items()):
            full = f"{notebook}.{name}"
            yield TableView(
                full,
                _origin(notebook, result),
                states.get(("table", full), ""),
                _groups(table),
                tuple(Cell(column.label, column.align) for column in table.columns),
                tuple(
                    tuple(
                        Cell(printing.cell(c, column), column.align)
                        for c, column in zip(row, table.columns, strict=True)
                    )
                    for row in table.rows
                ),
            )


def _groups(table: Table) -> tuple[Cell, ...]:
    """Return the spanning headers, or nothing where there are none."""
    if not any(column.group for column in table.columns):
        return ()
    spans = [(name, len(list(columns))) for name, columns in groupby(column.group for column in table.columns)]
    return tuple(Cell(name, "center", span) for name, span in spans)


def _values(results: Results, states: States) -> Iterator[ValueGroup]:
    for notebook, result in sorted(results.results.items()):
        rows = tuple(
            _value(f"{notebook}.{name}", value, states.get(("value", f"{notebook}.{name}"), ""))
            for name, value in sorted(result.record.values.items())
        )
        if rows:
            yield ValueGroup(_origin(notebook, result), rows)


def _value(name: str, value: Value, state: str) -> ValueRow:
    se = "" if value.se is None else printing.value(value, "se")
    interval = "" if value.low is None or value.high is None else printing.value(value, "ci")
    return ValueRow(name, printing.value(value), se, interval, state)


def _reasons(accepted: Accepted) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return every reason given, with what was accepted for it."""
    names: dict[str, list[str]] = {}
    for name, reason in sorted(accepted.reasons.items()):
        names.setdefault(reason, []).append(name)
    return tuple((reason, tuple(found)) for reason, found in sorted(names.items()))

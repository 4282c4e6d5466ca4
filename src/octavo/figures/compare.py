"""Compare results with the accepted ones: values and tables to the printed digit, figures by what they show.

What is recorded may differ more than is tolerated and yet be printed, or drawn, the same for any reader: that is drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import partial
from itertools import zip_longest
from typing import TypeVar

from octavo.errors import CheckError, nearest
from octavo.figures.accepted import LEDGER, Accepted, Drawn, Header, Kind, PrintedTable, PrintedValue, Snapshot
from octavo.figures.difference import differences, not_compared
from octavo.figures.svg import UnreadableDrawing
from octavo.figures.svg import differences as svg_differences
from octavo.model import State, Value, Verdict

FIELDS = {
    "value": "It",
    "se": "Its standard error",
    "low": "The lower end of its interval",
    "high": "The upper end of its interval",
}
SHOWN = 12  # differences of one table that are told one by one
DEFAULT = "default"
ITERATIVE = 1e-6  # what is tolerated where nothing is said: optimisers on another processor differ so much
TOLERANCES = "pyproject.toml, [tool.octavo.tolerances]"
NO_RECORD = "There is no record of what it shows: accept it again, or get the file back from version control."

Shown = TypeVar("Shown")
Judged = tuple[State, tuple[str, ...]]


class NotCompared(Exception):
    """Two results could not be compared; the text says why."""


def compare(now: Snapshot, accepted: Accepted, tolerances: Mapping[str, float] | None = None) -> tuple[Verdict, ...]:
    """Return what became of every result that is made or was accepted, in the order of their names.

    ``tolerances`` are relative: that of ``default``, of a result (``compare.att``), of one of its series
    (``compare.overlap:AIPW``). Raises CheckError for one that belongs to no result.
    """
    then, relative = accepted.snapshot, tolerances or {}
    _are_known(relative, then, now)

    def tolerated(name: str, series: str = "") -> float:
        return relative.get(f"{name}:{series}", relative.get(name, relative.get(DEFAULT, ITERATIVE)))

    found = {
        **_verdicts("value", then.values, now.values, lambda name, a, b: _value(a, b, tolerated(name))),
        **_verdicts("table", then.tables, now.tables, lambda name, a, b: _table_judged(a, b, tolerated(name))),
        **_verdicts("figure", then.figures, now.figures, lambda name, a, b: _figure(a, b, partial(tolerated, name))),
    }
    found.update({mark: _distrusted(mark, file) for mark, file in _edited(accepted)})
    return tuple(found[mark] for mark in sorted(found))


def _are_known(tolerances: Mapping[str, float], then: Snapshot, now: Snapshot) -> None:
    """Raise CheckError for a tolerance that belongs to no result, and to no series of a figure."""
    known = {*then.values, *now.values, *then.tables, *now.tables, *then.figures, *now.figures}
    for text in tolerances:
        name, of_series, series = text.partition(":")
        if name != DEFAULT and name not in known:
            hint = nearest(name, sorted(known)) or "build/index.html has the names of all results."
            raise CheckError(f"There is no result '{text}'.", where=TOLERANCES, hint=hint)
        drawn = [snapshot.figures[name].record for snapshot in (then, now) if name in snapshot.figures]
        there = {one.name for record in drawn if record for panel in record.panels for one in panel.series if one.name}
        if of_series and series not in there:
            hint = nearest(series, sorted(there)) or f"It has: {', '.join(sorted(there)) or 'none with a name'}."
            raise CheckError(f"'{name}' has no series '{series}'.", where=TOLERANCES, hint=hint)


def without(
    verdicts: Iterable[Verdict], notebooks: Mapping[str, str], undrawn: Mapping[str, str]
) -> tuple[Verdict, ...]:
    """Return the verdicts with those of results that there are none of as not compared, and why.

    ``notebooks`` have no result at all; of the ``undrawn`` the figures are lacking.
    """

    def why(verdict: Verdict) -> str:
        notebook = verdict.name.partition(".")[0]
        return notebooks.get(notebook) or (undrawn.get(notebook, "") if verdict.kind == "figure" else "")

    return tuple(Verdict(v.name, v.kind, "not compared", (why(v),)) if why(v) else v for v in verdicts)


def _edited(accepted: Accepted) -> Iterator[tuple[tuple[str, Kind], str]]:
    for name, file in accepted.edited.items():
        acceptance = accepted.acceptances.get(name)
        yield (name, acceptance.kind if acceptance else "value"), file


def _distrusted(mark: tuple[str, Kind], file: str) -> Verdict:
    text = f"figures/{file} and figures/{LEDGER} do not agree on it: one was changed or lost without `octavo accept`."
    return Verdict(*mark, "not compared", (text,))


def _verdicts(
    kind: Kind,
    then: Mapping[str, Shown],
    now: Mapping[str, Shown],
    differ: Callable[[str, Shown, Shown], Judged],
) -> dict[tuple[str, Kind], Verdict]:
    found: dict[tuple[str, Kind], Verdict] = {}
    for name in {**then, **now}:
        if name not in then:
            verdict = Verdict(name, kind, "new", (f"This {kind} was never accepted{_is(now[name])}.",))
        elif name not in now:
            verdict = Verdict(name, kind, "missing", (f"This {kind} is not made any more{_was(then[name])}.",))
        else:
            verdict = _met(name, kind, then[name], now[name], differ)
        found[name, kind] = verdict
    return found


def _is(shown: object) -> str:
    return f"; it is {shown.printed['value']}" if isinstance(shown, PrintedValue) else ""


def _was(shown: object) -> str:
    return f"; it was {shown.printed['value']}" if isinstance(shown, PrintedValue) else ""


def _met(name: str, kind: Kind, then: Shown, now: Shown, differ: Callable[[str, Shown, Shown], Judged]) -> Verdict:
    try:
        state, differences = differ(name, then, now)
    except NotCompared as reason:
        return Verdict(name, kind, "not compared", (str(reason),))
    return Verdict(name, kind, state, differences)


def _judged(differences: Iterable[str]) -> Judged:
    told = tuple(differences)
    return "changed" if told else "same", told


def _value(then: PrintedValue, now: PrintedValue, relative: float) -> Judged:
    if told := tuple(_printed(then, now)):
        return "changed", told
    drifted = tuple(_drifted(then.recorded, now.recorded, relative))
    return "drift" if drifted else "same", drifted


def _drifted(then: Value, now: Value, relative: float) -> Iterator[str]:
    """Tell what differs beyond the tolerance in numbers that are printed the same."""
    fields = {"value": "number", "se": "se", "low": "low", "high": "high"}
    for field, subject in FIELDS.items():
        was, becomes = getattr(then, fields[field]), getattr(now, fields[field])
        if isinstance(was, int | float) and isinstance(becomes, int | float):
            a, b = float(was), float(becomes)
            if abs(b - a) > relative * max(abs(a), abs(b)):
                yield f"{subject} was {a:.9g} and is now {b:.9g}; in print it is the same."


def _printed(then: PrintedValue, now: PrintedValue) -> Iterator[str]:
    for field, subject in FIELDS.items():
        was, becomes = then.printed.get(field), now.printed.get(field)
        if was == becomes:
            continue
        if was is None:
            yield f"{subject} is {becomes} and was not recorded before."
        elif becomes is None:
            yield f"{subject} was {was} and is not recorded any more."
        else:
            yield f"{subject} was {was} and is now {becomes}."


def _table_judged(then: PrintedTable, now: PrintedTable, relative: float) -> Judged:
    if told := tuple(_table(then, now)):
        return "changed", told
    if now.recorded and not then.recorded:
        return "drift", ("The numbers behind what it prints were not kept when it was accepted.",)
    drifted = list(_cells_drifted(then, now, relative))
    more = [f"{_counted(len(drifted) - SHOWN, 'further cell differs', 'further cells differ')}."]
    return "drift" if drifted else "same", (*drifted[:SHOWN], *(more if len(drifted) > SHOWN else ()))


def _cells_drifted(then: PrintedTable, now: PrintedTable, relative: float) -> Iterator[str]:
    """Tell of numbers that differ beyond the tolerance and are printed the same, where both have been recorded."""
    for number, (before, after) in enumerate(zip(then.recorded, now.recorded, strict=False)):
        for header, was, becomes in zip(now.columns, before, after, strict=True):
            if was is not None and becomes is not None and abs(becomes - was) > relative * max(abs(was), abs(becomes)):
                place = f"Row {number + 1}{_named(now, number)}, column '{header.label}'"
                yield f"{place}: {was:.9g} became {becomes:.9g}; in print it is the same."


def _table(then: PrintedTable, now: PrintedTable) -> list[str]:
    told = [*_columns(then.columns, now.columns), *_rows(then, now)]
    more = len(told) - SHOWN
    return told[:SHOWN] + (
        [f"{_counted(more, 'further cell or row differs', 'further cells or rows differ')}."] * (more > 0)
    )


def _columns(then: Sequence[Header], now: Sequence[Header]) -> Iterator[str]:
    before, after = {h.name: h for h in then}, {h.name: h for h in now}
    yield from (f"The column '{before[name].label}' is gone." for name in before if name not in after)
    yield from (f"The column '{after[name].label}' is new." for name in after if name not in before)
    shared = [name for name in before if name in after]
    if shared != [name for name in after if name in before]:
        yield "The columns stand in another order."
    for name in shared:
        was, becomes = before[name], after[name]
        for what, a, b in (
            ("header", was.label, becomes.label),
            ("spanning header", was.group, becomes.group),
            ("alignment", was.align, becomes.align),
        ):
            if a != b:
                yield f"Column '{was.label}': its {what} was '{a}' and is now '{b}'."


def _rows(then: PrintedTable, now: PrintedTable) -> Iterator[str]:
    """Tell of rows and cells. Rows are matched by the text that names them, or else by where they stand."""
    matcher = SequenceMatcher(None, _names(then), _names(now), autojunk=False)
    for _, a, b, c, d in matcher.get_opcodes():
        for i, j in zip_longest(range(a, b), range(c, d)):
            if j is None:
                yield f"Row {i + 1}{_named(then, i)} is gone."
            elif i is None:
                yield f"Row {j + 1}{_named(now, j)} is new."
            else:
                yield from _cells(then, now, i, j)


def _names(table: PrintedTable) -> list[str]:
    """Return what each row is known by: its cells in the columns of words; its place, where that is not its own."""
    words = [i for i, header in enumerate(table.columns) if header.align == "left"]
    names = ["\0".join(row[i] for i in words) for row in table.rows]
    return names if len(set(names)) == len(names) else [str(i) for i in range(len(names))]


def _named(table: PrintedTable, row: int) -> str:
    words = [cell for header, cell in zip(table.columns, table.rows[row], strict=True) if header.align == "left"]
    return f" ({words[0]})" if words and words[0] else ""


def _cells(then: PrintedTable, now: PrintedTable, i: int, j: int) -> Iterator[str]:
    before = dict(zip((h.name for h in then.columns), then.rows[i], strict=True))
    for header, becomes in zip(now.columns, now.rows[j], strict=True):
        was = before.get(header.name, becomes)
        if was != becomes:
            place = f"Row {j + 1}{_named(now, j)}, column '{header.label}'"
            yield f"{place}: {was or 'nothing'} became {becomes or 'nothing'}."


def _figure(then: Drawn, now: Drawn, tolerated: Callable[[str], float]) -> Judged:
    """Judge by what is shown; how it is drawn is told, and decides only where something of it is not known as data."""
    if then.record is None or now.record is None:
        raise NotCompared(NO_RECORD)
    media, found = _media(then, now), differences(then.record, now.record, tolerated)
    told = (*media, *(difference.text for difference in found))
    if any(difference.degree == "changed" for difference in found):
        return "changed", told
    drawn = _drawings(then, now)
    aside = (f"Drawn otherwise: {drawn[0][0].lower()}{drawn[0][1:]}", *drawn[1:]) if drawn else ()
    if media:
        return "changed", (*told, *aside)
    if (unknown := not_compared(now.record)) and (drawn or not now.drawings):
        raise NotCompared(" ".join((*unknown, *aside)))
    return "drift" if found else "same", (*told, *aside)


def _media(then: Drawn, now: Drawn) -> list[str]:
    """Tell what differs in its alternative text and the media that it is drawn for."""
    alt = [f"Its alternative text was '{then.alt}' and is now '{now.alt}'."] if then.alt != now.alt else []
    gone, new = (sorted(a.drawings.keys() - b.drawings.keys()) for a, b in ((then, now), (now, then)))
    return [
        *alt,
        *(f"It is not drawn for the medium '{medium}' any more." for medium in gone),
        *(f"It is drawn for the medium '{medium}' as well now." for medium in new),
    ]


def _drawings(then: Drawn, now: Drawn) -> tuple[str, ...]:
    """Tell how its drawings differ, of those media that both have."""
    shared = sorted(then.drawings.keys() & now.drawings.keys())
    found = {medium: _drawing(then.drawings[medium], now.drawings[medium]) for medium in shared}
    differing = [medium for medium in shared if found[medium]]
    if not differing:
        return ()
    *sentences, last = found[differing[0]]
    # The sizes of the shifts are those of the first drawing; the others are of another size.
    also = f", {', '.join(differing[1:])} as well" if differing[1:] else ""
    where = f" (In the drawing for {differing[0]}{also}.)" if len(shared) > 1 else ""
    return (*sentences, f"{last}{where}")


def _drawing(then: str, now: str) -> tuple[str, ...]:
    try:
        return svg_differences(then, now)
    except UnreadableDrawing as error:
        raise NotCompared(f"One of its drawings is not readable SVG: {error}.") from error


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
